# SPDX-License-Identifier: Apache-2.0
"""``brightline patterns``: how many people, and whatever else is counted, there are now against the agreement's
numbers; never who.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from brightline.core.agreement.pattern import Pattern
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.spread import counts_of
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.counts import kept_counts
from brightline.shell.opening import in_force
from brightline.shell.state import StateFolder


class _Row(msgspec.Struct, frozen=True):
    pattern: str
    over: str
    name: str
    people: int
    counts: str
    hold: int
    notice: int
    us_persons: int
    matters: tuple[int, ...]


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def patterns(state: Path, as_json: bool) -> None:
    """Show what is counted of each key, unit, purpose and the agreement, against the agreement's numbers.

    Counts are those that the gateway kept last, a second ago at most. Whose they are is named; who the people are,
    nothing here knows. Beside them stand how many of these people a text marked as persons of the United States, and
    of how many people of the whole count, in the window, no matter came up, one, two, and so on to all seven.

    Exit codes: 0 no number is reached; 1 one is; 2 the installation cannot be read.
    """
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        agreement = registry.releases.current
    rows = list(_rows(kept_counts(StateFolder(state), settings), agreement.patterns, clock.unix()))
    rows.sort(key=lambda row: (row.pattern, -row.people / row.hold))
    if as_json:
        told: list[dict[str, Any]] = [msgspec.to_builtins(row) for row in rows]
        click.echo(
            render.as_json({"agreement": agreement.digest, "patterns": len(agreement.patterns), "counts": told})
        )
    elif not agreement.patterns:
        click.echo(f"{agreement.id} version {agreement.version} has no [pattern] table: nobody is counted")
    else:
        head = (
            "pattern",
            "over",
            "name",
            "how many",
            "of what",
            "hold from",
            "notice from",
            "U.S. persons",
            "by matters",
        )
        cells = [
            (
                *msgspec.structs.astuple(row)[:6],
                row.notice or "never",
                row.us_persons,
                " ".join(map(str, row.matters)),
            )
            for row in rows
        ]
        render.table(f"what is counted, under {agreement.id} version {agreement.version}", head, cells)
    raise SystemExit(1 if any(row.people >= row.hold for row in rows) else 0)


def _rows(book: PatternBook, counted: tuple[Pattern, ...], unix: int) -> Iterator[_Row]:
    for pattern in counted:
        for each in counts_of(book, pattern, unix):
            limits = pattern.counts.noun, pattern.subjects, pattern.notice
            yield _Row(
                pattern.id, each.over.value, each.name or "(all)", each.people, *limits, each.us_persons, each.matters
            )
