# SPDX-License-Identifier: Apache-2.0
"""Gathers what the evidence shows, by one examination, and answers from it.

1. the logs are verified, as ``brightline verify`` does            (verify/examine.py)
2. the agreements and releases that they name are taken by digest  (core/answer/from_agreement.py, from_release.py)
3. the records that were signed are counted by clause              (core/answer/cases.py)
4. each question is answered from what was found                   (core/answer/weigh.py)
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from brightline.answer.asked import NO_WORDS, AskedWords, read_asked
from brightline.answer.release import read_releases
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.review import Reviews, reviews_of
from brightline.core.answer.cases import CaseBook
from brightline.core.answer.from_agreement import of_agreements
from brightline.core.answer.from_logs import ExaminedLog, attempts, judged, of_canaries, of_logs, ruled
from brightline.core.answer.from_release import of_releases
from brightline.core.answer.model import Asked, Dossier, Found, Pin, Status
from brightline.core.answer.questions import LIMITS, QUESTIONS
from brightline.core.answer.sample import SampleBook
from brightline.core.answer.subjects import SubjectBook
from brightline.core.answer.weigh import answer
from brightline.core.canonical import JsonValue, digest
from brightline.core.errors import AgreementError, ConfigError, TrustError
from brightline.core.evidence.audit_findings import Findings
from brightline.core.evidence.audit_tree import TreeAudit, UnreadableError
from brightline.core.evidence.canary import CanarySet
from brightline.core.evidence.checkpoint import open_checkpoint
from brightline.core.evidence.disclosure import DisclosureError, match
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.core.evidence.record import RecordKind
from brightline.core.statement import TrustRoots
from brightline.folders import folder_reader, read_agreement, shipped_agreements
from brightline.terminal import progress
from brightline.verify import examine as verifying
from brightline.verify.arguments import DisclosureFile, read_key
from brightline.verify.canary.check import check
from brightline.verify.canary.send import read_sent
from brightline.verify.sources import Log, claimed, logs_at, shard_of

ROOTS_BYTES_MAX: Final = 1_048_576
_KEY_BYTES_MAX: Final = 1_024
_NOBODY: Final = ("the provider", "the customer")


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked (ids of questions), of what an auditor has in hand, and what belongs to it."""

    questions: tuple[str, ...]
    evidence: verifying.Question
    releases: tuple[Path, ...] = ()
    roots: Path | None = None
    canaries: Path | None = None


def gather(asking: Asking, now: datetime) -> Dossier:
    """Examine, and answer every question that is asked. Writes nothing.

    Raises ``OperatorError`` for what was given and cannot be read, and ``Unreachable`` for a server that does not
    answer.
    """
    given = {str(folder): read_agreement(folder) for folder in _folders(asking.evidence.agreements)}
    releases = read_releases(asking.releases)
    roots = None if asking.roots is None else _read_roots(asking.roots)
    logs = _examine(asking.evidence)
    named = ruled(logs)
    found = of_logs(logs, pinned=bool(asking.evidence.keys))
    found |= of_agreements(given, named, _reviews(given, roots, int(now.timestamp())), _rfc3339(now))
    found |= of_releases(releases, judged(logs))
    if asking.canaries is not None:
        found["canaries"] = _look_for_canaries(asking.canaries, asking.evidence, attempts(logs))
    stated = Pin("what no answer here can see", digest([*LIMITS]), "in this answer")
    found["limits"] = Found(Status.SHOWN, f"{len(LIMITS)} limits are stated below", (stated,))
    book, sample, subjects = _read_records(asking.evidence, logs)
    found["sampled"] = sample.found({one.digest: one for one in given.values()})
    ruling = [(where, one) for where, one in given.items() if one.digest in named]
    found["subjects"] = subjects.found([one for _, one in ruling])
    ruling.sort(key=lambda pair: -named[pair[1].digest])
    return _dossier(asking, found, book, ruling, attempts(logs))


def _dossier(
    asking: Asking,
    found: Mapping[str, Found],
    book: CaseBook,
    ruling: Sequence[tuple[str, Agreement]],
    exchanges: int,
) -> Dossier:
    """``ruling`` are the agreements that decided, the one that decided most first, each with its folder."""
    words: AskedWords = NO_WORDS
    parties, name, by = _NOBODY, "unknown", "unknown"
    if ruling:
        where, first = ruling[0]
        words = read_asked(Path(where), first)
        parties = (first.parties.provider, first.parties.customer)
        name, by = f"{first.id} version {first.version}", first.digest
    agreements = [agreement for _, agreement in ruling]
    answers = tuple(
        answer(
            QUESTIONS[asked],
            found,
            parties,
            book.cases(QUESTIONS[asked], agreements),
            words.asked.get(asked, Asked()),
        )
        for asked in asking.questions
    )
    beyond = words.beyond if len(asking.questions) == len(QUESTIONS) else ()
    return Dossier(name, by, parties, book.period, exchanges, answers, beyond)


# ---- 1: the logs -------------------------------------------------------------------------------------------------


def _examine(question: verifying.Question) -> list[ExaminedLog]:
    reports = verifying.examine(question).reports
    places = [(log.place, guard) for guard in (False, True) for log in _logs(question, guards=guard)]
    return [ExaminedLog(report, place, guard) for report, (place, guard) in zip(reports, places, strict=True)]


def _logs(question: verifying.Question, *, guards: bool) -> list[Log]:
    found = [log for place in (question.guards if guards else question.evidence) for log in logs_at(place)]
    for log in found:
        log.published.close()
    return found


def _look_for_canaries(path: Path, question: verifying.Question, traffic: int) -> Found:
    keys = [read_key(key) for key in question.keys]
    if not keys:
        raise ConfigError("--canaries: canaries are looked for in logs whose keys are given; give --key")
    try:
        canaries = msgspec.json.decode(path.read_bytes(), type=CanarySet)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} holds no canaries: {error}") from error
    logs = [log for place in question.evidence for log in logs_at(place)]
    try:
        checked = check(canaries, read_sent(path.with_name(f"{path.name}.sent")), logs, keys)
    except TrustError as error:  # a log under another key: the examination contradicts it, and nothing is looked up
        return Found(Status.OPEN, str(error))
    finally:
        for log in logs:
            log.published.close()
    return of_canaries(checked.odds, checked.status, checked.commitment, str(path), traffic)


# ---- 2: the agreements ------------------------------------------------------------------------------------------


def _folders(folders: Sequence[Path]) -> Sequence[Path]:
    return folders or tuple(shipped_agreements().values())


def _reviews(given: Mapping[str, Agreement], roots: TrustRoots | None, at: int) -> dict[str, Reviews]:
    """The reviews beside each agreement that count under the roots; none without roots."""
    if roots is None:
        return {}
    found = {}
    for where, agreement in given.items():
        read = folder_reader(Path(where))
        try:
            envelopes = {name: read(name) for name in agreement.reviews}
        except OSError as error:
            raise AgreementError(f"a review cannot be read: {error}", where, "put the file there") from error
        found[agreement.digest] = reviews_of(agreement, envelopes, roots, at)
    return found


def _read_roots(path: Path) -> TrustRoots:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(ROOTS_BYTES_MAX), type=TrustRoots)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"{path} holds no pinned keys: {error}") from error


# ---- 3: the records -------------------------------------------------------------------------------------------------


def _read_records(
    question: verifying.Question, logs: Sequence[ExaminedLog]
) -> tuple[CaseBook, SampleBook, SubjectBook]:
    """Count the records that are the ones that were signed, the registry's first; of others nothing is counted."""
    books = CaseBook(), SampleBook(), SubjectBook()
    wanted = {log.where for log in logs if not log.guard}
    keys = [read_key(key) for key in question.keys]
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(DisclosureFile(question.disclosures)) if question.disclosures else None
        found = [log for place in question.evidence for log in logs_at(place)]
        for log in found:
            stack.callback(log.published.close)
        for log in sorted(found, key=lambda log: shard_of(claimed(log.published)[0], log.name) != REGISTRY_SHARD):
            if log.place in wanted:
                _count(log, keys, opened, *books)
    return books


def _count(
    log: Log,
    keys: Sequence[VerifierKey],
    opened: DisclosureFile | None,
    book: CaseBook,
    sample: SampleBook,
    subjects: SubjectBook,
) -> None:
    try:
        beside = [] if keys else [VerifierKey.parse(log.published.read("log.vkey", _KEY_BYTES_MAX).decode())]
        checkpoint = open_checkpoint(log.published.read("checkpoint", NOTE_BYTES_MAX), keys or beside)
    except (UnreadableError, NoteError, ValueError):
        return  # the examination says so
    findings = Findings()
    findings.cover(checkpoint.size)
    shard = shard_of(checkpoint.origin, log.name)
    disclosed = opened.of(shard) if opened else {}
    with progress(f"counting in {log.name}", checkpoint.size) as tell:
        for bundle in TreeAudit(log.published, checkpoint, findings).bundles():
            for offset, (data, leaf_hash) in enumerate(zip(bundle.leaves, bundle.hashes, strict=False)):
                if offset in bundle.doubtful:
                    continue
                at = bundle.first + offset
                try:
                    leaf = read_leaf(data)
                except ValueError:  # no record: the examination says so
                    continue
                if shard not in {REGISTRY_SHARD, HEADS_SHARD}:
                    book.enter(f"{shard}, record {at}", leaf)
                fields = _opened(leaf, disclosed.get(at))
                sample.enter(leaf, data, leaf_hash, fields)
                subjects.enter(leaf, fields)
            tell(bundle.first + len(bundle.leaves))


def _opened(leaf: Leaf, given: Sequence[str] | None) -> Mapping[str, JsonValue]:
    """What a disclosure opens of a decision of people's, or of an attempt; nothing of what opens another record."""
    if given is None or leaf.kind not in {RecordKind.DECISION, RecordKind.ATTEMPT}:
        return {}
    try:
        return match(leaf.commitments, given)
    except DisclosureError:  # the examination says so
        return {}


def _rfc3339(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
