# SPDX-License-Identifier: Apache-2.0
"""``brightline review sampled`` and ``estimate``: was drawn what had to be, and what do samples say of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.record import Outcome, RecordKind, unix_of
from brightline.core.review.draw import Drawable, commitment, draw_again, month_key, month_of
from brightline.core.review.learning import Bound, estimate
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.reviewing import Reviewing
from brightline.shell.review.history import History
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk, shards_in
from brightline.shell.trust.keys import load_secret

DAY_SECONDS: Final = 86_400
MISSING_SHOWN_MAX: Final = 20

_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_STATE
@_JSON
def sampled(state: Path, as_json: bool) -> None:
    """Draw every month's sample again from the log, and compare: was a case opened of each that was due?

    Of a month that is over the key is on record, so anybody who holds the log can do the same.

    Exit codes: 0 everything that was due was drawn; 1 something is missing; 2 bad installation.
    """
    folder = StateFolder(state)
    with in_force(state, SystemClock()) as (_, registry):
        reviewing = registry.reviewing
        keys = _keys(folder, reviewing)
        drawables = list(_drawables(folder, reviewing))
        cases = frozenset(
            frame.exchange
            for shard in shards_in(folder.wal)
            for frame in frames_on_disk(folder.wal, shard)
            if frame.kind is RecordKind.CASE
        )
        found = draw_again(keys, drawables, cases)
    revealed = set(reviewing.keys)
    if as_json:
        months = [{**msgspec.to_builtins(each), "revealed": each.month in revealed} for each in found]
        click.echo(render.as_json({"months": months}))
    else:
        rows: list[list[object]] = [
            [
                each.month,
                f"{each.permitted:,}",
                f"{each.due:,}",
                f"{len(each.missing):,}",
                "on record" if each.month in revealed else "ours: the month is not over",
            ]
            for each in found
        ]
        render.table("Samples", ["month", "permitted", "due", "missing", "key"], rows)
        for each in found:
            for exchange in each.missing[:MISSING_SHOWN_MAX]:
                click.echo(f"missing: {exchange}", err=True)
    raise SystemExit(1 if any(each.missing for each in found) else 0)


@click.command("estimate")
@_STATE
@click.option("--days", type=click.IntRange(1, 36_600), default=90, show_default=True, help="Drawn in so many days.")
@_JSON
def estimate_command(state: Path, days: int, as_json: bool) -> None:
    """Estimate from the samples how often what was permitted crosses a red line, at most (95 %, exact).

    With nothing found among n the share is below about 3/n. Samples that nobody answered in time are told beside it.
    """
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        history = History(state, lambda: registry.decisions.docket)
        history.follow()
        lives = [each for each in history.lives() if each.opened > now - days * DAY_SECONDS]
        found = estimate(lives, registry.releases.current, now)
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(found)))
        return
    rows = [_row("", found.whole)]
    rows += [_row("red line", each) for each in found.by_clause]
    rows += [_row("unit", each) for each in found.by_unit]
    render.table(f"What random review found in {days} days", ["", "of", "found", "looked at", "at most"], rows)
    click.echo(f"waiting: {found.waiting:,}; not answered in time: {found.unanswered:,}")


def _row(kind: str, bound: Bound) -> list[object]:
    return [kind, bound.what, f"{bound.found:,}", f"{bound.of:,}", f"{bound.at_most:.2%}"]


def _keys(folder: StateFolder, reviewing: Reviewing) -> dict[str, bytes]:
    """The keys on record, and those of months that are not over, which this installation can derive."""
    hold_key = load_secret(folder.key("hold"))
    ours = {month: month_key(hold_key, month) for month in reviewing.unrevealed}
    return dict(reviewing.keys) | {
        month: key for month, key in ours.items() if commitment(key) == reviewing.commitments[month]
    }


def _drawables(folder: StateFolder, reviewing: Reviewing) -> Iterator[Drawable]:
    for shard in shards_in(folder.wal):
        for frame in frames_on_disk(folder.wal, shard):
            if frame.kind is not RecordKind.OUTCOME:
                continue
            leaf = _LEAF.decode(frame.leaf)
            month = month_of(leaf.time)
            if leaf.outcome != Outcome.COMPLETED or month not in reviewing.commitments:
                continue
            least = reviewing.least_at(month, unix_of(leaf.time))
            yield Drawable(frame.exchange, month, leaf_hash(frame.leaf), least)


class _Leaf(msgspec.Struct, frozen=True):
    time: str
    outcome: str


_LEAF: Final = msgspec.json.Decoder(_Leaf)
