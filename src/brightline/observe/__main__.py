# SPDX-License-Identifier: Apache-2.0
"""``brightline observe``, and ``python -m brightline.observe``: a program of its own, which can serve nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.files import write_text
from brightline.observe.page import IN_WORDS, NOT_LOOKED_AT, share, to_html
from brightline.observe.report import VERDICTS, Report, read_report
from brightline.observe.service import (
    ObserveSettings,
    listening,
    make_observer,
    opened,
    read_settings,
    signer_of,
)
from brightline.shell.clock import SystemClock
from brightline.shell.serve import Door, bind, serving, until_signalled
from brightline.terminal import as_json as to_json
from brightline.terminal import plain, progress, run, table

ROWS_MAX = 30
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def observe() -> None:
    """Look at traffic that another gateway serves: what would the agreement have said? Nothing is stopped."""


@observe.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--agreement", type=_FOLDER, help="The agreement to look with; without it, the one that is shipped.")
@click.option("--release", type=_FOLDER, help="The release to look with; without it, the one that is shipped.")
@click.option("--weights", type=_FOLDER, help="Folder with the weights of a release's encoder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--name", default="observe", show_default=True, help="The name of its log.")
def init(
    folder: Path, agreement: Path | None, release: Path | None, weights: Path | None, host: str, port: int, name: str
) -> None:
    """Make an observer's folder: its settings, and keys of its own for a log of its own."""
    at, of, by = (str(place.resolve()) if place else "" for place in (agreement, release, weights))
    make_observer(folder, ObserveSettings(at, of, by, host, port, name))
    click.echo(f"made {folder}; next: brightline observe serve {folder}, or brightline observe read {folder} FILE")
    click.echo(f"its log: {signer_of(folder, read_settings(folder)).verifier.vkey()}")


@observe.command()
@click.argument("folder", type=_FOLDER)
def serve(folder: Path) -> None:
    """Listen for mirrored requests and for LiteLLM's callback, until interrupted."""
    asyncio.run(_serve(folder))


async def _serve(folder: Path) -> None:
    settings = read_settings(folder)
    listener = bind(settings.host, settings.port)
    async with listening(folder, SystemClock()) as app, serving(app, listener, Door(refused=app.refused)) as url:
        click.echo(f"Observing at {url}: mirror requests here, or let LiteLLM call {url}/litellm; nothing is stopped")
        await until_signalled()
        click.echo("looking at what still waits", err=True)


@observe.command()
@click.argument("folder", type=_FOLDER)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def read(folder: Path, files: tuple[Path, ...]) -> None:
    """Look at exchanges in FILES of JSON lines: requests, with or without answers, or payloads of LiteLLM."""
    total = sum(file.stat().st_size for file in files)
    with opened(folder, SystemClock()) as observing, progress("looking", total) as tell:
        done = exchanges = 0
        for file in files:
            for size, seen in observing.read_file(file):
                done += size
                exchanges += seen
                tell(done)
    if not exchanges:
        raise ConfigError(f"no line of {', '.join(map(str, files))} is an exchange, or a payload that is known here")
    click.echo(f"looked at {exchanges:,} {'exchange' if exchanges == 1 else 'exchanges'} in {len(files)} ", nl=False)
    click.echo(f"{'file' if len(files) == 1 else 'files'}; next: brightline observe report {folder}")


@observe.command()
@click.argument("folder", type=_FOLDER)
@click.option(
    "--days", default=7.0, show_default=True, type=click.FloatRange(0.01, 3_660), help="How many days back from now."
)
@click.option(
    "--reviewer-hours",
    default=40.0,
    show_default=True,
    type=click.FloatRange(0, 100_000),
    help="Hours in a week that cleared reviewers are on duty, all together.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page for people into this file."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(folder: Path, days: float, reviewer_hours: float, html: Path | None, as_json: bool) -> None:
    """Show what was seen: verdicts by clause, holds for each reviewer-hour, fields that would be refused.

    It may run while the observer does. What was not looked at is stated in its log once a minute.
    """
    found = read_report(folder, days, reviewer_hours, SystemClock().unix())
    if html is not None:
        write_text(html, to_html(found))
    if as_json:
        click.echo(to_json(msgspec.to_builtins(found)))
    else:
        _show(found)


def _show(found: Report) -> None:
    total = found.total
    title = f"{total:,} exchanges under {found.agreement}; nothing was stopped"
    rows = [
        [verdict, f"{count:,}", share(count, total), IN_WORDS[verdict]]
        for verdict in VERDICTS
        if (count := found.verdicts.get(verdict, 0))
    ]
    table(title, ["verdict", "exchanges", "in 1,000", "what would have become of it"], rows)
    judged = [verdict for verdict in VERDICTS[:-1] if verdict in found.verdicts]
    if found.clauses:
        by_clause = [
            [row.clause, *(f"{row.verdicts.get(verdict, 0):,}" for verdict in judged)]
            for row in found.clauses[:ROWS_MAX]
        ]
        table("The clauses that decided", ["clause", *judged], by_clause)
    holds = found.holds
    click.echo(
        f"holds: {holds.all:,}, of which {holds.different:,} different, which need {holds.answers:,} answers of "
        f"persons; {holds.per_reviewer_hour} for each of {holds.reviewer_hours:g} reviewer-hours"
    )
    if found.candidates:
        stops = [
            [row.rule, f"{row.denies:,}", f"{row.holds:,}", f"{row.matched:,}", ", ".join(row.examples)]
            for row in found.candidates[:ROWS_MAX]
        ]
        table("Stops that rest on one rule alone", ["rule", "denies", "holds", "matched", "look at"], stops)
    if found.fields or found.unread:
        fields = [[row.field, row.api, f"{row.count:,}", row.why or "not carried"] for row in found.fields[:ROWS_MAX]]
        fields += [[error, "", f"{count:,}", "cannot be read"] for error, count in [*found.unread.items()][:ROWS_MAX]]
        name = f"{found.refused:,} of {total:,} requests would be refused as they are"
        table(name, ["field or error", "API", "requests", "why"], fields)
    for reason, count in found.not_looked_at.items():
        click.echo(f"not looked at: {count:,} {plain(NOT_LOOKED_AT.get(reason, reason))}")
    if found.others:
        click.echo(f"left out: {found.others:,} that were looked at under another agreement")


def main() -> None:
    """Run a command, and end with its exit code."""
    run(observe)


if __name__ == "__main__":
    main()
