# SPDX-License-Identifier: Apache-2.0
"""``brightline review rows``: what people decided, as rows of a corpus to train on, with where each comes from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import Author, Row, read_corpus
from brightline.classifier.reviewed import Reviewed, row_of
from brightline.console.identifiers import Labels, identifiers_in
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError, EvidenceDamaged
from brightline.core.review.case import CaseState
from brightline.core.review.life import CaseKind, CaseLife
from brightline.files import write_private
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.review.desk import Desk
from brightline.shell.review.history import Found, History

TAKEN: Final = frozenset({CaseKind.HELD, CaseKind.SAMPLED})  # what was seeded came from rows
PROVENANCE: Final = ".provenance.json"
FORMAT: Final = "brightline-reviewed-rows/1"


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--hold", "holds", multiple=True, metavar="HOLD", help="Only these; without it all that were decided.")
@click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
@click.option("--unmasked", is_flag=True, help="Leave what identifies persons in the words.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rows(state: Path, out: Path, holds: tuple[str, ...], reason: str, unmasked: bool, as_json: bool) -> None:
    """Write what people decided about holds and samples to OUT (*.jsonl) as rows of a corpus, with its provenance.

    Their answers are the labels. Identifiers of persons are masked by their shape unless you ask otherwise. What can
    no longer be opened is left out, and refused where you name it. The export is on record before the file is written.
    """
    if out.suffix != ".jsonl" or out.exists() or out.with_suffix(PROVENANCE).exists():
        raise ConfigError(f"{out}: rows go to a new file that ends in .jsonl")
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        history = History(state, lambda: registry.decisions.docket)
        history.follow()
        desk = Desk(state, registry.decisions.docket)
        written = _Written([], [], Counter(), set())
        for life in _wanted(history, holds, clock.unix()):
            found = history.found[life.case]
            try:
                content = desk.content(desk.at(found.shard, found.seq))
            except (EvidenceDamaged, ConfigError):
                if holds:
                    raise
                written.left_out["cannot be opened"] += 1
                continue
            reviewed = Reviewed(life.hold.removeprefix("hold_"), content, life.answers, _setting(life), _reason(life))
            written.add(row_of(reviewed, _unmasked if unmasked else _masking()), life, found)
        if not written.rows:
            raise ConfigError(f"nothing was decided that makes a row ({dict(written.left_out) or 'no case'})")
        data = _data(written.rows, clock.unix())
        committed: dict[str, JsonValue] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "reason": reason,
            "cases": [*sorted({each["case"] for each in written.provenance})],
        }
        public = {"rows": len(written.rows), "masked": not unmasked}
        profile = registry.roots.profile
        record = log_review(state, settings, profile, What.EXPORTED, public, committed, clock)
    write_private(out, data)
    provenance = {"format": FORMAT, "export": record.place.seq, **committed, "rows": written.provenance}
    write_private(out.with_suffix(PROVENANCE), msgspec.json.format(msgspec.json.encode(provenance)))
    read_corpus(out)  # what was written is a corpus
    told = {"out": str(out), "rows": len(written.rows), "left_out": dict(written.left_out), "record": record.place.seq}
    if as_json:
        click.echo(render.as_json(told))
        return
    click.echo(f"{len(written.rows)} rows in {out} (record {record.place.seq} of the registry)")
    for why, count in written.left_out.items():
        click.echo(f"left out: {count} ({why})")


class _Written(msgspec.Struct):
    rows: list[Row]
    provenance: list[dict[str, str]]
    left_out: Counter[str]
    words: set[str]

    def add(self, row: Row | None, life: CaseLife, found: Found) -> None:
        """Take in a row, and where it is from. A corpus says a thing once."""
        if row is None:
            self.left_out["decides about no red line, or has no words"] += 1
            return
        if row.words in self.words:
            self.left_out["says the same as another"] += 1
            return
        self.words.add(row.words)
        self.rows.append(row)
        self.provenance.append(
            {
                "row": row.id,
                "kind": life.kind.value,
                "hold": life.hold,
                "case": life.case,
                "record": f"{found.shard}/{found.seq}",
                "agreement": found.case.agreement,
                "release": found.case.release,
                "decided": _time(life.resolved),
                "answers": ", ".join(f"{name}={value}" for name, value in sorted(life.answers.items())),
            }
        )


def _wanted(history: History, holds: tuple[str, ...], now: int) -> list[CaseLife]:
    decided = {CaseState.RELEASED, CaseState.DENIED}
    lives = [each for each in history.lives() if each.kind in TAKEN and each.state(now) in decided]
    if unknown := set(holds) - {each.hold for each in lives}:
        raise ConfigError(f"{min(unknown)[:80]!r}: nobody decided it, or what opens it was destroyed")
    return [each for each in lives if not holds or each.hold in holds]


def _setting(life: CaseLife) -> str:
    return "held in service" if life.kind is CaseKind.HELD else "drawn from what was permitted"


def _reason(life: CaseLife) -> str:
    agreed = {(said.office, said.person) for said in life.said if life.answers.get(said.name) == said.value}
    offices = Counter(office for office, _ in agreed)
    people = ", ".join(f"{count} of {office}" for office, count in sorted(offices.items()))
    return f"decided by {people} on {_time(life.resolved)}"


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")


def _unmasked(text: str) -> str:
    return text


def _masking() -> Callable[[str], str]:
    """Masks within one case: the same identifier has the same label."""
    labels = Labels()

    def mask(text: str) -> str:
        out, at = [], 0
        for each in identifiers_in(text):
            out += [text[at : each.start], f"[{labels.of(text[each.start : each.end], each.kind)}]"]
            at = each.end
        return "".join([*out, text[at:]])

    return mask


def _data(rows: list[Row], now: int) -> bytes:
    author = Author(f"reviewers-{_time(now)}", "person", "cleared reviewers, deciding what was held or drawn", "train")
    return b"".join(msgspec.json.encode(each) + b"\n" for each in (author, *rows))
