# SPDX-License-Identifier: Apache-2.0
"""One examination: every log that was named, read after the same rules, and what they say of each other.

With a memory the logs are read from where the earlier visit ended, all of them or none: only if every log that was
seen then extends what was seen, under the same terms (version, keys, agreements, what was in hand). Otherwise all are
read anew, and a log that does not extend what was seen is contradicted for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline import __version__
from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import digest
from brightline.core.errors import ConfigError
from brightline.core.evidence.audit import Guarded, ShardReport, audit_shard
from brightline.core.evidence.audit_combined import CombinedBook
from brightline.core.evidence.audit_heads import SeenHead
from brightline.core.evidence.audit_memory import LogMemory, Memory
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.audit_visit import Visit, extends, head_of
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.misbehaviour import Misbehaviour
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.receipt import Receipt
from brightline.core.review.auditing import RosterAudit
from brightline.terminal import progress
from brightline.verify.arguments import (
    DisclosureFile,
    digest_of_file,
    read_agreements,
    read_key,
    read_people,
    read_policy,
)
from brightline.verify.convict import FILES_MAX, ReadLog, uses_in
from brightline.verify.memory import read_memory
from brightline.verify.sources import Log, claimed, logs_at, shard_of

_KEY_BYTES_MAX: Final = 1_024


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What an auditor asks, as given: places of logs (folders or addresses), and what belongs to them.

    ``seen`` are files with checkpoints that were seen elsewhere; ``memory`` is what an earlier visit left;
    ``installation`` and ``parties`` (their keys) say who is on the roster.
    """

    evidence: tuple[str, ...]
    keys: tuple[str, ...] = ()
    disclosures: Path | None = None
    agreements: tuple[Path, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    guards: tuple[str, ...] = ()
    policy: Path | None = None
    seen: tuple[Path, ...] = ()
    memory: Path | None = None
    installation: Path | None = None
    parties: Path | None = None


class Examined(msgspec.Struct, frozen=True):
    """The reports, what convicts a log by its own signatures, and what to keep if everything was believed.

    ``anew`` says why nothing was gone on from although there was a memory; empty if there was none, or it was used.
    """

    reports: tuple[ShardReport, ...]
    misbehaviour: tuple[Misbehaviour, ...]
    kept: Memory | None
    anew: str


def verify_evidence(
    *evidence: Path | str,
    vkeys: Sequence[str] = (),
    disclosures: Path | None = None,
    agreement_folders: Sequence[Path] = (),
    receipts: Sequence[Receipt] = (),
    guards: Sequence[Path | str] = (),
    policy: Path | None = None,
) -> list[ShardReport]:
    """Audit every shard at these places; see :func:`examine`."""
    question = Question(
        evidence=tuple(map(str, evidence)),
        keys=tuple(vkeys),
        disclosures=disclosures,
        agreements=tuple(agreement_folders),
        receipts=tuple(receipts),
        guards=tuple(map(str, guards)),
        policy=policy,
    )
    return list(examine(question).reports)


def examine(question: Question) -> Examined:
    """Audit every log that was named; the gateways' first, then the guards'. Writes nothing.

    Raises ``OperatorError`` for what the auditor gave and cannot be read, and ``Unreachable`` for a server that does
    not answer.
    """
    keys = [read_key(vkey) for vkey in question.keys]
    agreements = read_agreements(question.agreements) if question.disclosures or question.agreements else []
    policies = [] if question.policy is None else [read_policy(question.policy)]
    people = read_people(question.installation, question.parties, agreements)
    remembered = None if question.memory is None else read_memory(question.memory)
    terms = terms_of(question, keys, agreements)
    with contextlib.ExitStack() as stack:
        logs = _open(question.evidence, stack)
        guards = _open(question.guards, stack)
        opened = stack.enter_context(DisclosureFile(question.disclosures)) if question.disclosures else None
        heads = _seen(question.seen, [*logs, *guards], keys)
        visits, anew = _visits([*logs, *guards], keys, remembered, terms, heads)
        going_on = remembered is not None and not anew
        books = TokenBooks(remembered.tokens if remembered is not None and going_on and guards else None)
        one_sided, other_side = Guarded(books, guards=bool(guards)), Guarded(books, guards=True, is_guard=True)
        auditing = _Auditing(keys, policies, visits, people)
        combined = CombinedBook([claimed(log.published)[0] for log in logs])
        by_place = {
            log.place: auditing.audit(log, one_sided, opened, agreements, question.receipts, combined)
            for log in sorted(logs, key=_told_of_by_others)
        }
        reports = [by_place[log.place] for log in logs]
        for place, log in enumerate(guards, 1):
            told = other_side if place == len(guards) else one_sided
            reports.append(auditing.audit(log, told, combined=combined.beside()))
        misbehaviour = [said for visit in visits.values() for said in visit.misbehaviour]
        if guards and any(report.contradicted for report in reports):
            read = _read_logs(logs, guards, visits, reports)
            misbehaviour += [said for _, said in zip(range(FILES_MAX), uses_in(books, read), strict=False)]
    _refuse_doubtful_use(keys, question.receipts, reports)
    kept = [visit.keep() for visit in visits.values() if visit.keep and question.memory is not None]
    whole = len(kept) == len(reports) and not any(report.contradicted for report in reports)
    memory = Memory(terms, tuple(kept), books.memory()) if whole else None
    return Examined(tuple(reports), tuple(misbehaviour), memory, anew)


class _Auditing(msgspec.Struct, frozen=True):
    keys: Sequence[VerifierKey]
    policies: Sequence[Policy]
    visits: dict[str, Visit]  # by place
    people: RosterAudit | None

    def audit(
        self,
        log: Log,
        tokens: Guarded,
        opened: DisclosureFile | None = None,
        agreements: Sequence[Agreement] = (),
        receipts: Sequence[Receipt] = (),
        combined: CombinedBook | None = None,
    ) -> ShardReport:
        origin, size = claimed(log.published)
        shard = shard_of(origin, log.name)
        with progress(f"verifying {log.name}", size) as tell:
            return audit_shard(
                log.name,
                log.published,
                self.keys,
                disclosures=opened.of(shard) if opened else None,
                agreements=agreements,
                receipts=[receipt for receipt in receipts if receipt.shard == shard],
                progress=tell,
                tokens=tokens,
                policies=self.policies,
                visit=self.visits[log.place],
                combined=combined,
                people=self.people,
            )


def _told_of_by_others(log: Log) -> bool:
    """Logs that say what others hold are read first: false sorts before true."""
    return shard_of(claimed(log.published)[0], log.name) not in {HEADS_SHARD, REGISTRY_SHARD}


def _open(places: Sequence[str], stack: contextlib.ExitStack) -> list[Log]:
    found = [log for place in places for log in logs_at(place)]
    for log in found:
        stack.callback(log.published.close)
    return found


# ---- before and elsewhere -----------------------------------------------------------------------------------------


def terms_of(question: Question, keys: Sequence[VerifierKey], agreements: Sequence[Agreement]) -> str:
    """Under which rules and with what in hand this examination is made: another one cannot go on from it."""
    return digest(
        {
            "version": __version__,
            "keys": [*sorted(key.vkey() for key in keys)],
            "agreements": [*sorted(agreement.digest for agreement in agreements)],
            "disclosures": question.disclosures is not None,
            "guards": bool(question.guards),
            "people": [digest_of_file(path) for path in (question.installation, question.parties) if path is not None],
        }
    )


def _visits(
    logs: Sequence[Log],
    keys: Sequence[VerifierKey],
    remembered: Memory | None,
    terms: str,
    heads: dict[str, list[SeenHead]],
) -> tuple[dict[str, Visit], str]:
    """For each log what it is compared with and gone on from; and why nothing is, if there was a memory."""
    earlier: dict[str, LogMemory] = {} if remembered is None else {log.origin: log for log in remembered.logs}
    origins = {log.place: claimed(log.published)[0] for log in logs}
    gone = sorted(earlier.keys() - set(origins.values()))
    if gone and all(origins.values()):
        raise ConfigError(
            f"--memory: the log {gone[0]!r} that was seen earlier is not here. Ask for it; or keep another memory "
            "for other logs"
        )
    anew = ""
    if remembered is not None and remembered.terms != terms:
        anew = "the earlier visit was made with another version, or with other keys, agreements or logs in hand"
    for log in logs:
        kept = earlier.get(origins[log.place])
        if kept is not None and not anew and not _extends(log, keys, kept):
            anew = f"{log.name} does not extend what was seen on the earlier visit"
    visits = {}
    for log in logs:
        kept = earlier.get(origins[log.place])
        seen = heads.get(origins[log.place], [])
        visits[log.place] = Visit([*seen, *([head_of(kept)] if kept else [])], None if anew else kept)
    return visits, anew


def _extends(log: Log, keys: Sequence[VerifierKey], kept: LogMemory) -> bool:
    try:
        note = log.published.read("checkpoint", NOTE_BYTES_MAX)
    except UnreadableError:
        return False
    return extends(log.published, note, keys or _keys_beside(log), kept)


def _keys_beside(log: Log) -> list[VerifierKey]:
    try:
        return [VerifierKey.parse(log.published.read("log.vkey", _KEY_BYTES_MAX).decode())]
    except (UnreadableError, ValueError):
        return []


def _seen(paths: Sequence[Path], logs: Sequence[Log], keys: Sequence[VerifierKey]) -> dict[str, list[SeenHead]]:
    """Checkpoints from elsewhere by origin. Raises ``ConfigError`` for one that no log here has signed."""
    heads: dict[str, list[SeenHead]] = {}
    if not paths:
        return heads
    known = [*keys] or [key for log in logs for key in _keys_beside(log)]
    origins = {claimed(log.published)[0] for log in logs}
    for path in paths:
        try:
            with path.open("rb") as file:
                note = file.read(NOTE_BYTES_MAX + 1)
            checkpoint = open_checkpoint(note, known)
        except (OSError, NoteError) as error:
            raise ConfigError(f"--seen: {path} is no checkpoint of a log here: {error}") from error
        if checkpoint.origin not in origins:
            raise ConfigError(f"--seen: {path} is of the log {checkpoint.origin!r}, which is not here")
        heads.setdefault(checkpoint.origin, []).append(SeenHead(note, checkpoint, f"whoever gave {path.name}"))
    return heads


def _read_logs(
    logs: Sequence[Log], guards: Sequence[Log], visits: dict[str, Visit], reports: Sequence[ShardReport]
) -> dict[str, ReadLog]:
    read: dict[str, ReadLog] = {}
    for log, report in zip([*logs, *guards], reports, strict=True):
        if report.origin and visits[log.place].note:
            head = Checkpoint(report.origin, report.size, bytes.fromhex(report.root))
            read[report.origin] = ReadLog(log.published, visits[log.place].note, head, log in guards)
    return read


# ---- what would be misunderstood ----------------------------------------------------------------------------------


def _refuse_doubtful_use(
    keys: Sequence[VerifierKey], receipts: Sequence[Receipt], reports: Sequence[ShardReport]
) -> None:
    """What belongs to no log here would seem to have been verified; a log given twice would be counted twice."""
    origins = [report.origin for report in reports if report.origin]
    if len(set(origins)) != len(origins):
        raise ConfigError("two places hold the same log, which would be counted twice")
    if any(report.contradicted for report in reports):
        return  # that is the answer; the rest may follow from it
    for key in keys:
        if key.name not in origins:
            raise ConfigError(f"--key {key.name}: there is no such log here")
    shards = {shard_of(report.origin, report.shard) for report in reports}
    for receipt in receipts:
        if receipt.shard not in shards:
            raise ConfigError(f"--receipt: there is no log of shard {receipt.shard[:64]!r} here")
