# SPDX-License-Identifier: Apache-2.0
"""``brightline review queue | claim | skip | migrate``: the queue of reviewers in the terminal, and claims."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import ClaimRefused, LeaseLost
from brightline.core.ports import Clock
from brightline.core.review.claims import Claim
from brightline.core.review.urgency import Severity
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings, load_settings, queue_password
from brightline.shell.opening import in_force, opened_queue, require_queue
from brightline.shell.registry.following import Registry
from brightline.terminal import span

if TYPE_CHECKING:
    from rich.text import Text

    from brightline.shell.review.queue.queue import Queue
    from brightline.shell.review.queue.reading import Figures, QueueItem

T = TypeVar("T")
SHOWN_MAX: Final = 50
_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_AS = click.option("--as", "person", required=True, metavar="PERSON", help="Your id on the roster.")
_SEVERITY = click.option(
    "--severity", type=click.Choice([each.value for each in Severity]), help="Only cases of this severity."
)
_UNIT = click.option("--unit", default="", help="Only cases of this unit.")


@click.command()
@_STATE
@click.option("--all", "everything", is_flag=True, help="Also those that were decided or have expired.")
@_SEVERITY
@_UNIT
@click.option("--office", default="", help="Only cases that ask this office.")
@click.option("--after", default="", metavar="HOLD", help="Those that come after this one.")
@click.option("--limit", type=click.IntRange(1, 500), default=SHOWN_MAX, show_default=True, help="How many.")
@_JSON
def queue(
    state: Path,
    everything: bool,
    severity: str | None,
    unit: str,
    office: str,
    after: str,
    limit: int,
    as_json: bool,
) -> None:
    """List the cases in the order in which they are given out, with their ages, who has them, and alarms.

    Exit code 1 while cases wait longer than they should.
    """
    from brightline.core.review.case import CaseState

    async def look(queue: Queue) -> tuple[list[QueueItem], Figures]:
        from brightline.shell.review.queue.reading import Shown

        which = Shown(None if everything else CaseState.OPEN, Severity(severity) if severity else None, unit, office)
        return await queue.page(which, after, limit), await queue.figures()

    items, figures = _with_queue(state, look)
    now = SystemClock().unix()
    if as_json:
        cases: list[JsonValue] = [msgspec.to_builtins(each) for each in items]
        click.echo(render.as_json({"cases": cases, "figures": msgspec.to_builtins(figures)}))
    else:
        _show(items, figures, now)
    if figures.alarms:
        raise SystemExit(1)


@click.command()
@_STATE
@_AS
@_SEVERITY
@_UNIT
@_JSON
def claim(state: Path, person: str, severity: str | None, unit: str, as_json: bool) -> None:
    """Claim the case that is next for you: the queue picks, by severity and by when it is due.

    A filter narrows that as long as several cases are left. Who holds a claim gets it again. Exit code 1: none waits.
    """

    async def take(queue: Queue) -> Claim | None:
        from brightline.shell.review.queue.claiming import Narrow

        return await queue.claim(person, Narrow(Severity(severity) if severity else None, unit))

    given = _with_queue(state, take)
    if as_json:
        click.echo(render.as_json(None if given is None else msgspec.to_builtins(given)))
    elif given is None:
        click.echo("nothing waits for you")
    else:
        until = datetime.fromtimestamp(given.until, UTC).strftime("%H:%M:%S UTC")
        click.echo(f"{given.hold}: yours until {until}, token {given.token}")
    if given is None:
        raise SystemExit(1)


@click.command()
@_STATE
@_AS
@click.option("--reason", required=True, help="Why: a conflict of interest, another language, beyond you.")
@click.option("--to-seniors", is_flag=True, help="Leave it to the senior reviewers of your office, if it has any.")
@_JSON
def skip(state: Path, person: str, reason: str, to_seniors: bool, as_json: bool) -> None:
    """Leave the case that you claimed to others, for good, and say why. Many skips are seen by others."""

    async def leave(queue: Queue) -> Claim:
        held = await queue.held(person)
        if held is None:
            raise LeaseLost(f"{person[:80]} holds no claim now")
        await (queue.escalate if to_seniors else queue.skip)(held, reason)
        return held

    left = _with_queue(state, leave)
    click.echo(render.as_json(msgspec.to_builtins(left)) if as_json else f"{left.hold}: skipped")


@click.command()
@_STATE
@_JSON
def migrate(state: Path, as_json: bool) -> None:
    """Make the tables of the queue's database, or bring them up to date. Nothing else does."""
    settings = load_settings(state).review
    require_queue(settings)
    from brightline.shell.review.queue.database import database_at
    from brightline.shell.review.queue.migrate import migrate as run

    async def bring_up() -> str:
        database = database_at(settings.queue_url, state, queue_password(settings))
        try:
            return await run(database)
        finally:
            await database.close()

    revision = asyncio.run(bring_up())
    click.echo(render.as_json({"revision": revision}) if as_json else f"the queue's tables are at {revision}")


# ---- the claim that a decision rests on -------------------------------------------------------------------------


@contextlib.contextmanager
def working_at(
    state: Path, settings: Settings, registry: Registry, clock: Clock, hold: str, person: str, token: int | None
) -> Iterator[Callable[[], object]]:
    """Decide on a claim: yields what must be asked right before a decision is logged, and ends the claim after it.

    Without a queue there are no claims. Raises ``ClaimRefused`` for somebody who claimed something else or nothing.
    """
    if not settings.review.queue_url:
        yield lambda: None
        return

    def with_queue(work: Callable[[Queue], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(_opened(state, settings, registry, clock, work))

    held = with_queue(lambda queue: queue.held(person))
    if token is not None:
        until = held.until if held is not None and held.hold == hold else 0
        held = Claim(hold, person, token, until)
    if held is None or held.hold != hold:
        raise ClaimRefused(f"{person[:80]} has not claimed {hold}")
    claimed = held
    yield lambda: with_queue(lambda queue: queue.renew(claimed))  # renewed: nobody can take it while it is logged
    with_queue(lambda queue: queue.follow())


def _with_queue(state: Path, work: Callable[[Queue], Coroutine[Any, Any, T]]) -> T:
    """Do something with the queue, once it has taken in what the logs have."""
    clock = SystemClock()

    async def followed(queue: Queue) -> T:
        await queue.follow()
        return await work(queue)

    require_queue(load_settings(state).review)
    with in_force(state, clock) as (settings, registry):
        return asyncio.run(_opened(state, settings, registry, clock, followed))


async def _opened(
    state: Path,
    settings: Settings,
    registry: Registry,
    clock: Clock,
    work: Callable[[Queue], Coroutine[Any, Any, T]],
) -> T:
    async with opened_queue(state, settings, registry, clock) as queue:
        return await work(queue)


# ---- how it is shown --------------------------------------------------------------------------------------------


def _show(items: list[QueueItem], figures: Figures, now: int) -> None:
    rows: list[list[object]] = [
        [
            each.hold,
            _severity_text(each.severity),
            each.state.value + (" ↑" if each.escalated else ""),
            span(now - each.opened),
            span(each.due - now) if each.due > now else f"late by {span(now - each.due)}",
            span(each.expires - now),
            each.unit,
            ", ".join(each.offices) or "–",
            str(each.answered),
            f"{each.claimed_by}, {span(each.claimed_until - now)}" if each.claimed_by else "–",
        ]
        for each in items
    ]
    columns = ["hold", "severity", "state", "age", "due in", "expires in", "unit", "of whom", "answered", "claimed by"]
    render.table("Queue", columns, rows)
    for waiting in figures.waiting:
        click.echo(f"{waiting.severity.value}: {waiting.open} open, {waiting.claimed} claimed, {waiting.late} late")
    click.echo(f"in a day: {figures.answered_in_day} answered, {figures.minutes_in_day} minutes of claims")
    for alarm in figures.alarms:
        click.echo(f"alarm: {alarm}")
    for each in figures.skippers:
        click.echo(f"skips: {each.person} has skipped {each.in_row} in a row, {each.in_day} in a day")


def _severity_text(severity: Severity) -> Text:
    from rich.text import Text

    return Text(severity.value, style=("red", "yellow", "")[severity.rank])
