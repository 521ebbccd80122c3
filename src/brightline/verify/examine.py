# SPDX-License-Identifier: Apache-2.0
"""One examination: every log that was named, read after the same rules, and what they say of each other."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError
from brightline.core.evidence.audit import Guarded, ShardReport, audit_shard
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.receipt import Receipt
from brightline.terminal import progress
from brightline.verify.arguments import DisclosureFile, read_agreements, read_key, read_policy
from brightline.verify.sources import Log, claimed, logs_at, shard_of


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What an auditor asks, as given: places of logs (folders or addresses), and what belongs to them."""

    evidence: tuple[str, ...]
    keys: tuple[str, ...] = ()
    disclosures: Path | None = None
    agreements: tuple[Path, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    guards: tuple[str, ...] = ()
    policy: Path | None = None


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
    return examine(question)


def examine(question: Question) -> list[ShardReport]:
    """Audit every log that was named; the gateways' first, then the guards'.

    Raises ``OperatorError`` for what the auditor gave and cannot be read, and ``Unreachable`` for a server that does
    not answer.
    """
    keys = [read_key(vkey) for vkey in question.keys]
    agreements = read_agreements(question.agreements) if question.disclosures is not None else []
    policies = [] if question.policy is None else [read_policy(question.policy)]
    with contextlib.ExitStack() as stack:
        logs = _open(question.evidence, stack)
        guards = _open(question.guards, stack)
        opened = stack.enter_context(DisclosureFile(question.disclosures)) if question.disclosures else None
        books = TokenBooks()
        one_sided, other_side = Guarded(books, guards=bool(guards)), Guarded(books, guards=True, is_guard=True)
        auditing = _Auditing(keys, policies)
        reports = [auditing.audit(log, one_sided, opened, agreements, question.receipts) for log in logs]
        for place, log in enumerate(guards, 1):
            reports.append(auditing.audit(log, other_side if place == len(guards) else one_sided))
    _refuse_doubtful_use(keys, question.receipts, reports)
    return reports


class _Auditing(msgspec.Struct, frozen=True):
    keys: Sequence[VerifierKey]
    policies: Sequence[Policy]

    def audit(
        self,
        log: Log,
        tokens: Guarded,
        opened: DisclosureFile | None = None,
        agreements: Sequence[Agreement] = (),
        receipts: Sequence[Receipt] = (),
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
            )


def _open(places: Sequence[str], stack: contextlib.ExitStack) -> list[Log]:
    found = [log for place in places for log in logs_at(place)]
    for log in found:
        stack.callback(log.published.close)
    return found


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
