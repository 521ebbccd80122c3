# SPDX-License-Identifier: Apache-2.0
"""What the logs show, as the verifier told it: one status for each of its claims, over all logs.

PROVEN everywhere is shown; NOT SHOWN anywhere is open; CONTRADICTED anywhere is contradicted. What is about exchanges
is asked of the logs that hold some: a log of heads decides nothing, and so nothing of it replays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from brightline.core.answer.bounds import at_most_of, bound, in_words
from brightline.core.answer.evidence import TOPICS
from brightline.core.answer.model import Found, Pin, Status
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Claim, Topic
from brightline.core.evidence.audit_findings import Status as Verified
from brightline.core.evidence.canary import Odds
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import RecordKind

_OF_ALL: Final = frozenset({Topic.LOG, Topic.RECORDS, Topic.GUARDED, Topic.ADMITTED})  # also of the guards' own logs
_OF_EXCHANGES: Final = frozenset(
    {Topic.BOOKS, Topic.PASSED, Topic.REPLAYS, Topic.PERIODS, Topic.LOST, Topic.UPSTREAMS}
)
_STATUSES: Final = {
    Verified.PROVEN: Status.SHOWN,
    Verified.NOT_SHOWN: Status.OPEN,
    Verified.CONTRADICTED: Status.CONTRADICTED,
}
_CHANGES: Final = (RecordKind.RELEASE, RecordKind.STANDING, RecordKind.DEMAND, RecordKind.HALT, RecordKind.DECISION)


class ExaminedLog(msgspec.Struct, frozen=True):
    """The report on one log, where it lies, and whether it is a guard's."""

    report: ShardReport
    where: str
    guard: bool = False


def of_logs(logs: Sequence[ExaminedLog], *, pinned: bool) -> dict[str, Found]:
    """What is found of each kind. ``pinned`` says that the keys were given by whoever asks."""
    found = {kind: one for kind, topic in TOPICS.items() if (one := _topic(topic, logs)) is not None}
    pins = _pins(logs)
    if pinned:
        found["keys"] = Found(Status.SHOWN, "given by whoever asks", pins)
    else:
        found["keys"] = Found(
            Status.OPEN, "they came with the logs: this shows that they are whole, not whose they are"
        )
    registry = [log for log in logs if _shard(log.report) == REGISTRY_SHARD and not log.guard]
    if registry:
        counted = Counter[str]()
        for log in registry:
            counted.update(log.report.recount.by_kind)
        said = ", ".join(f"{counted[kind.value]:,} {kind.value}" for kind in _CHANGES)
        found["registry"] = Found(Status.SHOWN, f"on record: {said}", _pins(registry))
    return found


def of_canaries(odds: Odds, status: Verified, commitment: str, where: str, traffic: int) -> Found:
    """What the asker's own requests show of all ``traffic`` on record: those that were decided are found, or not."""
    left_out = bound("requests that are left out of the log", odds.missing, odds.counted)
    said = f"{odds.counted - odds.missing:,} of {odds.counted:,} were found"
    if odds.missing:
        return Found(Status.CONTRADICTED, f"{said}; {odds.missing:,} were decided, and the log does not say so")
    pin = Pin("the canaries", commitment, where)
    of_all = f"at most {at_most_of(left_out, traffic):,} of {traffic:,} like those on record"
    return Found(_STATUSES[status], f"{said}; {in_words(left_out)}, {of_all}", (pin,), (left_out,))


def ruled(logs: Iterable[ExaminedLog]) -> Counter[str]:
    """How many attempts name which version of the agreement, by digest."""
    return sum((Counter(log.report.recount.by_agreement) for log in logs if not log.guard), Counter[str]())


def judged(logs: Iterable[ExaminedLog]) -> Counter[str]:
    """How many attempts name which classifier release, by digest."""
    return sum((Counter(log.report.recount.by_release) for log in logs if not log.guard), Counter[str]())


def attempts(logs: Iterable[ExaminedLog]) -> int:
    """How many requests are on record."""
    return sum(log.report.recount.attempts for log in logs if not log.guard)


def _topic(topic: Topic, logs: Sequence[ExaminedLog]) -> Found | None:
    told = [(log, claim) for log in logs for claim in log.report.claims if claim.name == topic.value]
    asked = [(log, claim) for log, claim in told if _is_asked(topic, log) or claim.status is Verified.CONTRADICTED]
    if not asked:
        return None
    order = (Verified.CONTRADICTED, Verified.NOT_SHOWN, Verified.PROVEN)
    log, claim = min(asked, key=lambda pair: order.index(pair[1].status))
    return Found(_STATUSES[claim.status], _detail(log, claim, len(asked)), _pins(log for log, _ in asked))


def _is_asked(topic: Topic, log: ExaminedLog) -> bool:
    if topic in _OF_ALL:
        return True
    return not log.guard and (topic not in _OF_EXCHANGES or log.report.recount.attempts > 0)


def _detail(log: ExaminedLog, claim: Claim, of: int) -> str:
    return f"{_shard(log.report)}: {claim.detail}" if of > 1 else claim.detail


def _pins(logs: Iterable[ExaminedLog]) -> tuple[Pin, ...]:
    return tuple(
        Pin(f"{log.report.origin}, {log.report.size:,} records", f"sha256:{log.report.root}", log.where)
        for log in logs
        if log.report.root
    )


def _shard(report: ShardReport) -> str:
    return report.origin.rpartition("/")[2] or report.shard
