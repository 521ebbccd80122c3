# SPDX-License-Identifier: Apache-2.0
"""What is signed of a hunt, and the records of the registry that say it: new records, beside which nothing is changed.

Public is what was covered: of each log the range, its root there, how it was cut, and what became of the records, by
number. So everybody sees that no record was left out and none was looked at twice, and a log that was read is held to
the root that is named. What was found stands in the committed fields, with the statement that the provider's safety
people signed: the digests of plan and report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.hunt.found import Found, Left, Report, ShardResult
from brightline.core.hunt.plan import Plan
from brightline.core.statement import Needed, Opened, SigningRole, TrustRoots, open_signed

FORMAT: Final = "brightline-hunt-statement/1"
HUNT_TYPE: Final = "application/vnd.brightline.hunt+json"
SIGNERS: Final = (Needed(SigningRole.PROVIDER_SAFETY),)
REASON_CHARS_MAX: Final = 2_000
RANGES_MAX: Final = 1_000  # of one record
ROWS_MAX: Final = 400  # findings of one record, unless a single shard has more


class Hunted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. ``hunt`` and ``report`` are digests; ``issued`` in Unix seconds."""

    format: str
    hunt: str
    report: str
    agreement: str
    release: str
    records: int
    examined: int
    found: int
    reason: str
    issued: int


def open_hunted(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Hunted]:
    """Verify who signed, and read what. Raises ``TrustError``."""
    opened = open_signed(envelope, HUNT_TYPE, Hunted, roots, at=at, needed=SIGNERS)
    said = opened.value
    if said.format != FORMAT:
        raise TrustError(f"the format of a hunt's statement is {said.format[:40]!r}; expected {FORMAT!r}")
    if not said.reason.strip() or len(said.reason) > REASON_CHARS_MAX:
        raise TrustError(f"a hunt's statement gives its reason, in up to {REASON_CHARS_MAX} characters")
    return opened


class Stretch(msgspec.Struct, frozen=True):
    """Shards of one log that follow each other, and what came of them, as one record has it."""

    log: int  # its place in the plan
    start: int
    end: int
    ranges: tuple[tuple[int, int], ...]
    counts: dict[str, int]
    found: tuple[Found, ...]
    left: tuple[Left, ...]


def stretches(plan: Plan, results: Sequence[ShardResult]) -> tuple[Stretch, ...]:
    """The hunt in stretches that each fit into a record, in the order of the plan."""
    place = {log.log: number for number, log in enumerate(plan.logs)}
    made: list[Stretch] = []
    for shard, result in zip(plan.shards, results, strict=True):
        log = place[shard.log]
        row = (shard.start, shard.end - 1)
        last = made[-1] if made else None
        fits = last is not None and last.log == log and len(last.ranges) < RANGES_MAX
        if last is None or not fits or (last.found and len(last.found) + len(result.found) > ROWS_MAX):
            made.append(Stretch(log, shard.start, shard.end, (row,), dict(result.counts), result.found, result.left))
            continue
        counts = {
            name: last.counts.get(name, 0) + result.counts.get(name, 0)
            for name in sorted(last.counts.keys() | result.counts.keys())
        }
        made[-1] = Stretch(
            log,
            last.start,
            shard.end,
            (*last.ranges, row),
            counts,
            (*last.found, *result.found),
            (*last.left, *result.left),
        )
    return tuple(made)


def hunt_drafts(plan: Plan, report: Report, made: Sequence[Stretch], envelope: bytes) -> Iterator[Draft]:
    """The records that say what a hunt covered and found, in order."""
    for number, stretch in enumerate(made):
        log = plan.logs[stretch.log]
        public: dict[str, JsonValue] = {
            "agreement": plan.agreement,
            "release": plan.release,
            "hunt": report.hunt,
            "log": log.origin,
            "size": log.end,
            "root": log.root,
            "start": stretch.start,
            "end": stretch.end,
            "ranges": [[first, last] for first, last in stretch.ranges],
            "counted": {name: count for name, count in stretch.counts.items() if count},
            "part": number,
            "parts": len(made),
        }
        committed: dict[str, JsonValue] = {
            "found": [msgspec.to_builtins(each) for each in stretch.found],
            "left": [msgspec.to_builtins(each) for each in stretch.left],
        }
        if number == 0:
            committed["statement"] = envelope.decode()
        yield Draft(RecordKind.HUNT, "", public, committed)
