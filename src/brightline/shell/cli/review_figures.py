# SPDX-License-Identifier: Apache-2.0
"""``brightline review figures``: how much there is, how long it waits, what it costs, and how sure people are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import OperatorError
from brightline.core.ports import Clock
from brightline.core.review.figures import Alarms, Figures, Spread, figures
from brightline.core.review.life import Worked
from brightline.core.screening.figures import Rate
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.opening import in_force, opened_queue
from brightline.shell.registry.following import Registry
from brightline.shell.review.history import History

DAY_SECONDS: Final = 86_400
NONE: Final = "–"


@click.command("figures")
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--days", type=click.IntRange(1, 36_600), default=30, show_default=True, help="Of the last so many days."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def figures_command(state: Path, days: int, as_json: bool) -> None:
    """Show the figures of people's part, read from the logs: no words, nobody's name.

    Volume by verdict and clause, age of the queue, time to decision, minutes of reviewers per 1,000 requests,
    agreement between reviewers, overturned answers, and seeded items that were missed.

    Exit codes: 0 fine; 1 an alarm: something waits too long, or people's part costs too much; 2 bad installation.
    """
    clock = SystemClock()
    now = clock.unix()
    since = now - days * DAY_SECONDS
    with in_force(state, clock) as (settings, registry):
        history = History(state, lambda: registry.decisions.docket)
        history.follow()
        ended = [each for each in history.ended() if each.unix + DAY_SECONDS > since]
        lives = [each for each in history.lives() if each.expires > since]
        alarms = Alarms(settings.review.queue_age_alarm_seconds, settings.review.minutes_per_thousand_alarm)
        worked = _worked(state, settings, registry, clock, since)
        found = figures(now, ended, lives, alarms, worked)
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(found)))
    else:
        _print(found, days)
    raise SystemExit(1 if found.queue.alarm or found.effort.alarm else 0)


def _worked(state: Path, settings: Settings, registry: Registry, clock: Clock, since: int) -> list[Worked] | None:
    """What the claims say; ``None`` where there is no queue that can be asked, which is said."""
    if not settings.review.queue_url:
        return None

    async def ask() -> list[Worked]:
        async with opened_queue(state, settings, registry, clock) as queue:
            return await queue.worked(since)

    try:
        return asyncio.run(ask())
    except OperatorError as error:
        click.echo(f"minutes are estimated from decisions, because the queue cannot be asked: {error}", err=True)
        return None


def _print(found: Figures, days: int) -> None:
    volume = found.volume
    verdicts = list(volume.by_verdict)
    rows: list[list[object]] = [
        ["all", *(f"{volume.by_verdict[verdict]:,}" for verdict in verdicts)],
    ]
    for clause, by in volume.by_clause.items():
        rows.append([clause, *(f"{by.get(verdict, 0):,}" for verdict in verdicts)])
    render.table(f"Exchanges of {days} days", ["clause", *verdicts], rows)
    queue, decisions, effort = found.queue, found.decisions, found.effort
    per_thousand = NONE if effort.per_thousand is None else f"{effort.per_thousand:.1f}"
    rows = [
        ["waiting", f"{queue.age.of:,}", _spread(queue.age), "ALARM" if queue.alarm else ""],
        ["the first expires in", "", _span(queue.next_expiry), ""],
        ["released", f"{decisions.released:,}", "", ""],
        ["denied", f"{decisions.denied:,}", "", ""],
        ["expired undecided", f"{decisions.expired:,}", "", ""],
        ["time to decision", f"{decisions.seconds.of:,}", _spread(decisions.seconds), ""],
        ["decided in time", *_rate(decisions.in_time), ""],
        [
            "minutes per 1,000 requests",
            per_thousand,
            "estimated from decisions" if effort.estimated else "by claims",
            "ALARM" if effort.alarm else "",
        ],
    ]
    render.table("People's part", ["what", "how much", "how", ""], rows)
    if found.overturned:
        misses = {each.reviewer: each for each in found.missed}
        rows = []
        for each in found.overturned:
            seen = misses.get(each.reviewer)
            known = NONE if seen is None else f"{seen.items.hits} of {seen.items.of} (at most {seen.miss_max:.0%})"
            minutes = effort.minutes.get(each.reviewer, 0.0)
            rows.append([each.reviewer, f"{each.answers.of:,}", f"{minutes:.0f}", _rate(each.answers)[1], known])
        columns = ["reviewer", "answers", "minutes", "overturned", "seeded items missed"]
        render.table("Reviewers", columns, rows)
    agreed = found.agreed
    if agreed.pairs:
        rows = [
            [each.one, each.other, each.questions, f"{each.alike / each.questions:.0%}", _figure(each.kappa)]
            for each in agreed.pairs
        ]
        render.table(
            f"Agreement (Krippendorff's alpha {_figure(agreed.alpha)} over {agreed.questions:,} questions)",
            ["reviewer", "and", "questions", "alike", "Cohen's kappa"],
            rows,
        )


def _figure(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def _rate(found: Rate) -> tuple[str, str]:
    share = NONE if found.share is None else f"{found.share:.0%} ({found.low:.0%} to {found.high:.0%})"
    return f"{found.hits:,} of {found.of:,}", share


def _spread(found: Spread) -> str:
    if found.median is None:
        return NONE
    return f"median {_span(found.median)}, 90 % {_span(found.p90)}, longest {_span(found.longest)}"


def _span(seconds: int | None) -> str:
    """Seconds as people say it."""
    if seconds is None:
        return NONE
    for size, name in ((DAY_SECONDS, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
