# SPDX-License-Identifier: Apache-2.0
"""What a hunt found: of each shard a result that anybody who runs it again makes to the byte, and the report of all.

Every position of what is covered has one *disposition* and is counted once, also what could not be looked at, by
reason. A finding is a case of which the release now says worse than what stands on record: it names where, which
facts, by which rules, and never a word of anybody's.

A result holds no time, no name of a machine and no score, so that one process, several and a cluster come to the same
bytes. The report is made of the results in the order of the plan, and its digest is what is signed.
"""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.errors import ConfigError, HuntBroken
from brightline.core.facts import UNKNOWN, Facts, FactSpec, Source, Vocabulary
from brightline.core.hunt.plan import Plan, Shard

FORMAT: Final = "brightline-hunt/1"
NOT_KNOWN: Final = ""  # what stood on record cannot be opened, or is not covered
LEFT_NAMED_MAX: Final = 1_000  # of one shard; a shard has fewer cases than that


class Disposition(enum.StrEnum):
    """What became of a record that is covered."""

    EXAMINED = "examined"  # the first record of a case: its content was opened and screened
    CONTINUED = "continued"  # a later part of a case, or one whose case begins before
    NO_CONTENT = "no_content"  # a kind of record that holds no content: nothing was ever kept
    SEEDED = "seeded"  # an item whose answers were known, made for reviewers: nobody's exchange
    EXPIRED = "expired"  # what opens it was destroyed because its time ran out
    ORDERED = "ordered"  # what opens it was destroyed because both parties signed for it
    AGED = "aged"  # its content was destroyed because it is kept no longer for its purpose
    SINCE = "since"  # what opens it was destroyed after the plan was made
    UNFINISHED = "unfinished"  # its content does not end within what is covered
    UNREADABLE = "unreadable"  # its content does not read as an exchange in this version
    UNJUDGED = "unjudged"  # a detector did not judge it


NOT_EXAMINED: Final = (
    Disposition.EXPIRED,
    Disposition.ORDERED,
    Disposition.AGED,
    Disposition.SINCE,
    Disposition.UNFINISHED,
    Disposition.UNREADABLE,
    Disposition.UNJUDGED,
)
"""Cases that were there and could not be looked at."""
NAMED: Final = frozenset({Disposition.SINCE, Disposition.UNREADABLE, Disposition.UNJUDGED})
"""What nothing on record explains is named by its position."""


class Changed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A fact of which the release says worse now; ``was`` is ``NOT_KNOWN`` where that cannot be told."""

    fact: str
    was: str
    now: str


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding: the record of the case, the verdicts then and now, the facts, and the rules that set them."""

    log: str
    seq: int
    case: str
    verdict_was: str
    verdict_now: str
    facts: tuple[Changed, ...]
    rules: tuple[str, ...]


class Left(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A case that was not looked at although nothing on record says why."""

    log: str
    seq: int
    why: Disposition


class ShardResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of one shard. ``hunt`` is the digest of the plan; ``leaves`` was made again from what was read.

    ``milder`` counts the cases of which the release says better now, and nothing worse.
    """

    hunt: str
    number: int
    leaves: str
    counts: dict[str, int]
    kinds: dict[str, int]
    milder: int
    found: tuple[Found, ...]
    left: tuple[Left, ...]


class CoveredLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log as the report names it."""

    log: str
    origin: str
    start: int
    end: int
    root: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a hunt. ``shards`` are the digests of the results, in the order of the plan."""

    format: str
    hunt: str
    agreement: str
    release: str
    release_id: str
    judge: str
    logs: tuple[CoveredLog, ...]
    shards: tuple[str, ...]
    records: int
    counts: dict[str, int]
    kinds: dict[str, int]
    milder: int
    found: tuple[Found, ...]
    left: tuple[Left, ...]

    @property
    def cases(self) -> int:
        """How many cases begin within what is covered and were somebody's."""
        return sum(self.counts.get(each, 0) for each in (Disposition.EXAMINED, *NOT_EXAMINED))


def result_bytes(result: ShardResult) -> bytes:
    """A result as it is kept and compared."""
    return msgspec.json.encode(result, order="sorted")


def report_bytes(report: Report) -> bytes:
    """The file of a report."""
    return msgspec.json.encode(report, order="sorted")


def digest_of(data: bytes) -> str:
    """``sha256:<hex>`` of a result or a report."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def assemble(plan: Plan, hunt: str, results: Sequence[bytes]) -> Report:
    """Put the results together, in the order of the plan.

    Raises ``ConfigError`` while results are missing, ``HuntBroken`` unless every record is counted once.
    """
    if len(results) != len(plan.shards):
        raise ConfigError(f"{len(plan.shards) - len(results)} of {len(plan.shards)} shards have no result yet")
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    found: list[Found] = []
    left: list[Left] = []
    milder = 0
    for shard, data in zip(plan.shards, results, strict=True):
        result = _read_result(data)
        for objection in _objections(shard, hunt, result):
            raise HuntBroken(f"shard {shard.number}: {objection}")
        counts.update(result.counts)
        kinds.update(result.kinds)
        found += result.found
        left += result.left
        milder += result.milder
    return Report(
        format=FORMAT,
        hunt=hunt,
        agreement=plan.agreement,
        release=plan.release,
        release_id=plan.release_id,
        judge=plan.judge,
        logs=tuple(CoveredLog(log.log, log.origin, log.start, log.end, log.root) for log in plan.logs),
        shards=tuple(map(digest_of, results)),
        records=plan.records,
        counts=dict(sorted(counts.items())),
        kinds=dict(sorted(kinds.items())),
        milder=milder,
        found=tuple(found),
        left=tuple(left),
    )


def _read_result(data: bytes) -> ShardResult:
    try:
        return msgspec.json.decode(data, type=ShardResult, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HuntBroken(f"a result does not read: {error}") from error


def _objections(shard: Shard, hunt: str, result: ShardResult) -> Iterator[str]:
    size = shard.end - shard.start
    if (result.hunt, result.number) != (hunt, shard.number):
        yield "the result is of another hunt, or of another shard"
    if result.leaves != shard.leaves:
        yield "other records were read than those that were planned"
    if sum(result.counts.values()) != size or sum(result.kinds.values()) != size:
        yield f"its {size} records were not counted once each"
    if any(count < 0 for count in (*result.counts.values(), *result.kinds.values())):
        yield "it counts less than nothing"
    if result.counts.keys() - set(Disposition):
        yield "it has a disposition that this version does not know"
    cases = {case.parts[0] for case in shard.cases if case.parts}
    named = [(each.log, each.seq) for each in result.found] + [(each.log, each.seq) for each in result.left]
    if any(log != shard.log or seq not in cases for log, seq in named):
        yield "it names what is no case of it"


# ---- what a release says now, beside what stands on record -------------------------------------------------------


def of_detectors(vocabulary: Vocabulary) -> tuple[FactSpec, ...]:
    """The facts that are compared: those that detectors set."""
    return tuple(spec for spec in vocabulary.specs if Source.DETECTOR in spec.set_by)


def compare(
    vocabulary: Vocabulary, was: Mapping[str, str] | None, settled: Mapping[str, str], now: Facts
) -> tuple[tuple[Changed, ...], bool]:
    """The facts that are worse now than on record, and whether any is better.

    ``was`` is ``None`` where the record cannot be opened: then what is not good now is told. In what people settled
    their answer stands: that nobody knows it without them is nothing new.
    """
    worse, better = [], False
    before = None if was is None else _in_words_of_now(vocabulary, was)
    for spec in of_detectors(vocabulary):
        value = now[spec.name]
        if before is None:
            if value != spec.good:
                worse.append(Changed(spec.name, NOT_KNOWN, value))
            continue
        recorded = before.get(spec.name, UNKNOWN)
        if value == UNKNOWN and spec.name in settled:
            continue
        if spec.rank(value) > spec.rank(recorded):
            worse.append(Changed(spec.name, recorded, value))
        better = better or spec.rank(value) < spec.rank(recorded)
    return tuple(worse), better


def _in_words_of_now(vocabulary: Vocabulary, facts: Mapping[str, str]) -> dict[str, str]:
    """Of two words for one fact the worse."""
    told: dict[str, str] = {}
    for said, value in facts.items():
        name, now = vocabulary.in_words_of_now(said, value)
        if name in vocabulary:
            spec = vocabulary.spec(name)
            told[name] = spec.worst(told.get(name, now), now)
    return told
