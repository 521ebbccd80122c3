# SPDX-License-Identifier: Apache-2.0
"""The classifier release: which detectors must answer, how a stream is held back, and what silence may mean.

Findings become facts here and nowhere else. A finding states the value that its rule or threshold sets. Silence is
*unknown*, unless the release entitles the detector to say the good value for that fact; each entitlement names the
miss rate that was measured, on which corpus, and every record names the release. A required detector that did not
answer for every segment leaves the batch *unjudged*: no fact, no verdict, ``ScreeningUnavailable``.

A *cascade* lets a cheap detector stand before a dear one: the second is asked only about the readings that the first
raised. It is part of what both parties sign, with what the first lets slip of what the second finds.

A *judge* comes after all of them and need not answer: it may settle what they left unknown (``settle.py``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.facts import UNKNOWN, Source, Statement, Vocabulary
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment
from brightline.core.screening.segment import Windows
from brightline.core.screening.settle import Settlement, check_settlements, settled, settled_rule
from brightline.core.toml import TomlError, read_toml

FORMAT: Final = "brightline-release/1"
PEOPLE: Final = "people"
NOBODY_SAID: Final[Mapping[Finding, str]] = MappingProxyType({})
RELEASE_BYTES_MAX: Final = 262_144
RAISES: Final = frozenset({"ngrams"})
"""The kinds of detector that set no fact and raise readings for others."""
JUDGES: Final = frozenset({"judge", "remote-judge"})
"""The kinds of judge: asked last, and only what others left open."""


class RequiredDetector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detector that must answer; ``sha256`` pins the file that defines it."""

    id: str
    kind: str
    path: str
    sha256: str


class Entitlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``detector`` may say ``value`` for ``fact`` when it found nothing; it missed ``misses`` of ``positives``."""

    detector: str
    fact: str
    value: str
    misses: int
    positives: int
    corpus: str


class Cascade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``then`` is asked what ``first`` raised. Of ``positives`` that ``then`` finds, ``misses`` were not raised."""

    first: str
    then: str
    misses: int
    positives: int
    corpus: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    id: str
    note: str
    deadline_ms: int
    windows: Windows
    detector: tuple[RequiredDetector, ...]
    silence: tuple[Entitlement, ...]
    version: Annotated[int, Meta(ge=1)] = 1
    cascade: tuple[Cascade, ...] = ()
    judge: RequiredDetector | None = None
    settle: tuple[Settlement, ...] = ()
    authors: tuple[Annotated[str, Meta(min_length=1, max_length=128)], ...] = ()


class Release(msgspec.Struct, frozen=True):
    """A release whose files are what it pins. ``digest`` is ``sha256:<hex>`` over its own bytes.

    ``version`` is the payload's own: what comes into force later has a higher one, or is signed as a rollback.
    ``authors`` are the ids of those who wrote its rules or trained its models: they decide nothing that it holds.
    ``wrote`` says of single rules, by their ids, who wrote them, once its files are read.
    """

    id: str
    digest: str
    note: str
    deadline_seconds: float
    windows: Windows
    detectors: tuple[RequiredDetector, ...]
    entitlements: tuple[Entitlement, ...]
    version: int = 1
    cascades: tuple[Cascade, ...] = ()
    judge: RequiredDetector | None = None  # it need not answer
    settlements: tuple[Settlement, ...] = ()
    authors: tuple[str, ...] = ()
    wrote: Mapping[str, str] = {}

    @property
    def makers(self) -> tuple[str, ...]:
        """Everybody who trained a model of it or wrote a rule."""
        return tuple(dict.fromkeys((*self.authors, *self.wrote.values())))

    def before(self, detector: str) -> str:
        """The first stage that stands before this detector, or nothing."""
        return next((cascade.first for cascade in self.cascades if cascade.then == detector), "")

    def settled(self, judgements: Sequence[Judgement]) -> Mapping[Finding, str]:
        """The findings that the judge settled, each with the value in its place."""
        if self.judge is None:
            return {}
        return settled(self.settlements, self.judge.id, f"sha256:{self.judge.sha256}", judgements)


def load_release(toml_bytes: bytes, read_file: Callable[[str], bytes], vocabulary: Vocabulary) -> Release:
    """Read a release and check every pinned file. Raises ``ReleaseError``."""
    try:
        file = read_toml(toml_bytes, _File, RELEASE_BYTES_MAX)
    except TomlError as error:
        raise ReleaseError(f"the release does not read: {error}") from error
    if file.format != FORMAT:
        raise ReleaseError(f"release format {file.format[:40]!r}; expected {FORMAT!r}")
    if not file.detector or not 0 < file.deadline_ms <= 60_000:
        raise ReleaseError("a release requires at least one detector and a deadline of 1 to 60,000 ms")
    for detector in (*file.detector, *([file.judge] if file.judge else [])):
        found = hashlib.sha256(read_file(detector.path)).hexdigest()
        if found != detector.sha256:
            raise ReleaseError(f"{detector.path} has digest {found}; the release pins {detector.sha256}")
    required = {detector.id for detector in file.detector}
    for entitlement in file.silence:
        spec = vocabulary.spec(entitlement.fact)
        if entitlement.detector not in required or Source.DETECTOR not in spec.set_by:
            raise ReleaseError(f"{entitlement.detector} cannot be entitled to {entitlement.fact}")
        if entitlement.value != spec.good or not 0 <= entitlement.misses <= entitlement.positives:
            raise ReleaseError(
                f"the entitlement for {entitlement.fact} is not {spec.good!r} with a measured miss rate"
            )
        if not entitlement.positives or not entitlement.corpus:
            raise ReleaseError(f"the entitlement for {entitlement.fact} names no measurement")
    _check_cascades(file)
    _check_judge(file, vocabulary)
    return Release(
        id=file.id,
        digest="sha256:" + hashlib.sha256(toml_bytes).hexdigest(),
        note=file.note,
        deadline_seconds=file.deadline_ms / 1000,
        windows=file.windows,
        detectors=file.detector,
        entitlements=file.silence,
        version=file.version,
        cascades=file.cascade,
        judge=file.judge,
        settlements=file.settle,
        authors=file.authors,
    )


def _check_judge(file: _File, vocabulary: Vocabulary) -> None:
    names = {detector.id for detector in file.detector}
    if any(detector.kind in JUDGES for detector in file.detector):
        raise ReleaseError("a judge is asked about what detectors leave open, and is no detector that must answer")
    if file.judge is None:
        if file.settle:
            raise ReleaseError("what no judge is there for cannot be settled")
        return
    if file.judge.kind not in JUDGES or file.judge.id in names:
        raise ReleaseError(f"{file.judge.id} is no judge, or has the id of a detector")
    check_settlements(file.settle, frozenset(names), vocabulary)


def _check_cascades(file: _File) -> None:
    kinds = {detector.id: detector.kind for detector in file.detector}
    if len(kinds) != len(file.detector):
        raise ReleaseError("two detectors have one id")
    for cascade in file.cascade:
        if kinds.get(cascade.first) not in RAISES or kinds.get(cascade.then, "") in {"", *RAISES}:
            raise ReleaseError(f"{cascade.first} cannot stand before {cascade.then}")
        if not 0 <= cascade.misses <= cascade.positives or not cascade.positives or not cascade.corpus:
            raise ReleaseError(f"the cascade from {cascade.first} to {cascade.then} names no measurement")
    after = [cascade.then for cascade in file.cascade]
    if len(set(after)) != len(after):
        raise ReleaseError("one first stage stands before a detector, not several")
    idle = {id_ for id_, kind in kinds.items() if kind in RAISES} - {cascade.first for cascade in file.cascade}
    if idle:
        raise ReleaseError(f"{min(idle)} stands before no detector, and can say nothing by itself")
    if any(kinds.get(entitlement.detector) in RAISES for entitlement in file.silence):
        raise ReleaseError("a first stage sets no fact, and its silence means none")


def raised_segments(asked: Sequence[Segment], raised: Sequence[Raised]) -> tuple[Segment, ...]:
    """What a later stage is asked: each raised reading as a segment of its own."""
    return tuple(msgspec.structs.replace(asked[one.segment], text=one.text, view=one.view) for one in raised)


def of_the_batch(judgement: Judgement, raised: Sequence[Raised]) -> Judgement:
    """A later stage's answer, what it says named by the segments of the whole batch. Raises ``IndexError``."""
    findings = tuple(
        msgspec.structs.replace(finding, segment=raised[finding.segment].segment, view=raised[finding.segment].view)
        for finding in judgement.findings
    )
    near = tuple(raised[one.segment] for one in judgement.raised)
    return msgspec.structs.replace(judgement, findings=findings, raised=near)


def part_of(whole: Judgement, start: int, end: int) -> Judgement:
    """What was said of the segments from ``start`` to ``end``, as an answer to them alone."""
    replace = msgspec.structs.replace
    findings = tuple(replace(f, segment=f.segment - start) for f in whole.findings if start <= f.segment < end)
    raised = tuple(replace(r, segment=r.segment - start) for r in whole.raised if start <= r.segment < end)
    return Judgement(whole.detector, whole.digest, end - start, findings, raised)


def near_paths(release: Release, asked: Sequence[Segment], judgements: Sequence[Judgement]) -> frozenset[str]:
    """The places in which a detector that stands before no other raised something: it came near a threshold there."""
    first = {cascade.first for cascade in release.cascades}
    return frozenset(
        asked[one.segment].path for each in judgements if each.detector not in first for one in each.raised
    )


def statements_from(
    release: Release,
    asked: Sequence[Segment],
    judgements: Sequence[Judgement],
    people: Mapping[Finding, str] = NOBODY_SAID,
) -> tuple[Statement, ...]:
    """Turn the detectors' answers for one batch into statements.

    Raises ``ScreeningUnavailable`` unless every required detector judged every segment that was asked, or every
    reading that its first stage raised, under the digest that the release pins, with finite scores. What a judge or
    ``people`` settled stands in the place of the unknown that it was.
    """
    answers = {judgement.detector: judgement for judgement in judgements}
    statements: list[Statement] = []
    instead = release.settled(judgements)
    for detector in release.detectors:
        answer = answers.get(detector.id)
        if answer is None:
            raise ScreeningUnavailable(f"detector {detector.id} did not answer")
        if answer.digest != f"sha256:{detector.sha256}":
            raise ScreeningUnavailable(f"detector {detector.id} is not the one that the release pins")
        first = release.before(detector.id)
        raised = {(one.segment, one.view) for one in answers[first].raised} if first in answers else None
        wanted = len(asked) if raised is None else len(answers[first].raised)
        if answer.segments_judged != wanted:
            raise ScreeningUnavailable(f"detector {detector.id} judged {answer.segments_judged} of {wanted}")
        if not all(0 <= one.segment < len(asked) for one in answer.raised):
            raise ScreeningUnavailable(f"detector {detector.id} raised something else")
        for finding in answer.findings:
            if not math.isfinite(finding.score) or not 0 <= finding.score <= 1:
                raise ScreeningUnavailable(f"detector {detector.id} gave a score that is no score")
            whole = 0 <= finding.segment < len(asked) and finding.detector == detector.id
            if not whole or (raised is not None and (finding.segment, finding.view) not in raised):
                raise ScreeningUnavailable(f"detector {detector.id} answered for something else")
            value, by = finding.value, finding.rule
            if release.judge is not None and finding in instead:
                value, by = instead[finding], settled_rule(by, release.judge.id)
            if value == UNKNOWN and finding in people:
                value, by = people[finding], settled_rule(by, PEOPLE)
            statements.append(Statement(finding.fact, value, Source.DETECTOR, by))
    found = {statement.fact for statement in statements}
    statements += [
        Statement(entitlement.fact, entitlement.value, Source.DETECTOR, entitlement.detector)
        for entitlement in release.entitlements
        if entitlement.fact not in found
    ]
    return tuple(statements)
