# SPDX-License-Identifier: Apache-2.0
"""The books of an audit: each exchange's records in order, and everything counted again.

Every ATTEMPT has exactly one OUTCOME or is open; a PASS comes between; nothing was released without one. What a
crash left open must be booked as ``lost`` by the next boot, and for each of those it is said what was allowed and at
most how much left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass

MARK_BYTES: Final = 65_536  # at most this much leaves after a MARK (or a PASS) before the next
OPEN_SHOWN_MAX: Final = 20

Complain = Callable[[str, str], None]
"""Called with a place and a message for each contradiction."""

NEEDS_PASS: Final = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.UPSTREAM_FAILED})


class AuditedLeaf(msgspec.Struct, frozen=True):
    """The public fields of any record. Fields that a kind does not have keep their empty value."""

    kind: RecordKind
    shard: str
    epoch: int
    seq: int
    time: str
    profile: str
    commitments: tuple[str, ...]
    exchange: str = ""
    agreement: str = ""
    release: str = ""
    outcome: Outcome | None = None
    class_: RefusalClass = msgspec.field(default=RefusalClass.NONE, name="class")
    verdict: str = ""
    clauses: tuple[str, ...] = ()
    token: str = ""
    released_bytes: int = 0


class Unpassed(msgspec.Struct, frozen=True):
    """Something that was sent or released without a PASS."""

    place: str
    message: str


class Recount(msgspec.Struct, frozen=True):
    """Counts, recomputed from the leaves alone. The counters map a word to a number."""

    attempts: int
    outcomes: int
    open: int
    passes: int
    marks: int
    released_bytes: int
    by_outcome: dict[str, int]
    by_class: dict[str, int]
    by_verdict: dict[str, int]
    by_clause: dict[str, int]
    by_agreement: dict[str, int]
    by_release: dict[str, int]
    by_epoch: dict[str, int]
    by_kind: dict[str, int]
    lost: tuple[str, ...]
    unpassed: tuple[Unpassed, ...]


class _Exchange:
    __slots__ = ("attempt", "closed", "marked", "marks", "passed")

    def __init__(self, attempt: AuditedLeaf) -> None:
        self.attempt = attempt
        self.passed: AuditedLeaf | None = None
        self.marked = 0
        self.marks = 0
        self.closed = False


def count_books(records: Sequence[AuditedLeaf], complain: Complain) -> Recount:
    """Walk the records in order; complain of everything that does not fit; count."""
    exchanges: dict[str, _Exchange] = {}
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("outcome", "class", "verdict", "clause", "agreement", "release", "epoch", "kind")
    }
    unpassed: list[Unpassed] = []
    lost: list[str] = []
    released = 0
    for record in records:
        counts["kind"][record.kind.value] += 1
        counts["epoch"][str(record.epoch)] += 1
        match record.kind:
            case RecordKind.ATTEMPT:
                _attempt(record, exchanges, complain)
            case RecordKind.PASS | RecordKind.MARK | RecordKind.OUTCOME:
                exchange = exchanges.get(record.exchange)
                if exchange is None or exchange.closed:
                    why = "no ATTEMPT" if exchange is None else "its OUTCOME already"
                    complain(f"record {record.seq}", f"{record.kind} of {record.exchange[:40]}, which has {why}")
                    continue
                _same_terms(record, exchange, complain)
                if record.kind is RecordKind.PASS:
                    _pass(record, exchange, complain)
                elif record.kind is RecordKind.MARK:
                    _mark(record, exchange, complain, unpassed)
                else:
                    released += record.released_bytes
                    _outcome(record, exchange, complain, unpassed, lost)
                    _count(record, counts)
            case RecordKind.WORKLOAD | RecordKind.PERIOD:
                pass
    still_open = [exchange for exchange in exchanges.values() if not exchange.closed]
    last_epoch = max((record.epoch for record in records), default=0)
    for exchange in still_open[:OPEN_SHOWN_MAX]:
        if exchange.attempt.epoch < last_epoch:
            place = f"record {exchange.attempt.seq}"
            complain(
                place, f"open since epoch {exchange.attempt.epoch}: the boot of {last_epoch} did not book it as lost"
            )
    return Recount(
        attempts=len(exchanges),
        outcomes=len(exchanges) - len(still_open),
        open=len(still_open),
        passes=sum(exchange.passed is not None for exchange in exchanges.values()),
        marks=sum(exchange.marks for exchange in exchanges.values()),
        released_bytes=released,
        by_outcome=dict(counts["outcome"]),
        by_class=dict(counts["class"]),
        by_verdict=dict(counts["verdict"]),
        by_clause=dict(counts["clause"]),
        by_agreement=dict(counts["agreement"]),
        by_release=dict(counts["release"]),
        by_epoch=dict(counts["epoch"]),
        by_kind=dict(counts["kind"]),
        lost=tuple(lost),
        unpassed=tuple(unpassed),
    )


def _attempt(record: AuditedLeaf, exchanges: dict[str, _Exchange], complain: Complain) -> None:
    if not record.exchange or record.exchange in exchanges:
        complain(
            f"record {record.seq}", f"a second ATTEMPT of exchange {record.exchange[:40]!r}, or one without an id"
        )
        return
    exchanges[record.exchange] = _Exchange(record)


def _same_terms(record: AuditedLeaf, exchange: _Exchange, complain: Complain) -> None:
    """An exchange ends under the agreement and release that it began with; ``lost`` names none."""
    if record.outcome is Outcome.LOST:
        return
    attempt = exchange.attempt
    if (record.agreement, record.release) != (attempt.agreement, attempt.release):
        complain(f"record {record.seq}", "another agreement or release than its ATTEMPT names")
    if record.profile != attempt.profile:
        complain(f"record {record.seq}", "another profile than its ATTEMPT names")


def _pass(record: AuditedLeaf, exchange: _Exchange, complain: Complain) -> None:
    place = f"record {record.seq}"
    if exchange.passed is not None:
        complain(place, "a second PASS of one exchange")
    if record.verdict != "permit":
        complain(place, f"a PASS whose verdict is {record.verdict[:20]!r}")
    if not record.token:
        complain(place, "a PASS without a token id")
    exchange.passed = record


def _mark(record: AuditedLeaf, exchange: _Exchange, complain: Complain, unpassed: list[Unpassed]) -> None:
    if exchange.passed is None:
        unpassed.append(Unpassed(f"record {record.seq}", f"{record.released_bytes} bytes marked without a PASS"))
    if record.released_bytes < exchange.marked:
        complain(f"record {record.seq}", f"{record.released_bytes} bytes marked after {exchange.marked}")
    exchange.marked = max(exchange.marked, record.released_bytes)
    exchange.marks += 1


def _outcome(
    record: AuditedLeaf, exchange: _Exchange, complain: Complain, unpassed: list[Unpassed], lost: list[str]
) -> None:
    place = f"record {record.seq}"
    exchange.closed = True
    if record.outcome is None:
        complain(place, "an OUTCOME that says none")
        return
    if record.outcome is Outcome.LOST:
        lost.append(_lost(record, exchange, complain))
        return
    if exchange.passed is None and (record.outcome in NEEDS_PASS or record.released_bytes):
        unpassed.append(Unpassed(place, f"{record.outcome} with {record.released_bytes} bytes, without a PASS"))
    if record.released_bytes < exchange.marked:
        complain(place, f"{record.released_bytes} bytes in the OUTCOME, {exchange.marked} in its last MARK")
    if record.outcome is Outcome.COMPLETED and record.verdict != "permit":
        complain(place, f"completed with verdict {record.verdict[:20]!r}")
    if record.outcome is Outcome.REFUSED and record.released_bytes:
        complain(place, f"refused, with {record.released_bytes} bytes released")


def _lost(record: AuditedLeaf, exchange: _Exchange, complain: Complain) -> str:
    attempt = exchange.attempt
    if record.epoch <= attempt.epoch:
        complain(f"record {record.seq}", "booked as lost in the boot epoch in which it began")
    if exchange.passed is None:
        allowed = "nothing was allowed to be sent, and nothing left"
    else:
        allowed = (
            f"allowed by record {exchange.passed.seq}; at least {exchange.marked} and at most "
            f"{exchange.marked + MARK_BYTES} bytes left"
        )
    return f"{attempt.exchange} was lost in epoch {attempt.epoch}: {allowed}"


def _count(record: AuditedLeaf, counts: dict[str, Counter[str]]) -> None:
    counts["outcome"][record.outcome.value if record.outcome else "none"] += 1
    counts["class"][record.class_.value] += 1
    counts["verdict"][record.verdict or "none"] += 1
    counts["agreement"][record.agreement or "none"] += 1
    counts["release"][record.release or "none"] += 1
    for clause in record.clauses:
        counts["clause"][clause] += 1
