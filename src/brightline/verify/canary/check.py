# SPDX-License-Identifier: Apache-2.0
"""Looks for canaries in published logs: every entry is hashed up to the signed root before it is believed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brightline.core.errors import TrustError
from brightline.core.evidence.audit_findings import Findings, Severity, Status
from brightline.core.evidence.audit_tree import Bundle, TreeAudit, UnreadableError
from brightline.core.evidence.canary import CanarySet, Fate, LogLook, Looked, Odds, Sent, look, odds_of
from brightline.core.evidence.checkpoint import open_checkpoint
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.terminal import progress
from brightline.verify.sources import Log, shard_of


class Checked(msgspec.Struct, frozen=True):
    """What was found. ``doubts`` are why a log that was read could not be believed.

    ``status`` is of the claim that every request that was decided is in the log.
    """

    status: Status
    commitment: str
    odds: Odds
    looked: tuple[Looked, ...]
    doubts: tuple[str, ...]


def check(canaries: CanarySet, sent: Sequence[Sent], logs: Sequence[Log], keys: Sequence[VerifierKey]) -> Checked:
    """Look for every canary in the logs, each under its own one of the keys.

    Raises ``TrustError`` for a log that none of the keys signed.
    """
    by_id = {one.id: one for one in sent}
    wanted = frozenset(one.receipt.exchange for one in sent if one.receipt is not None)
    shards = {one.receipt.shard for one in sent if one.receipt is not None}
    looks: dict[str, LogLook] = {}
    doubts: list[str] = []
    for log in logs:
        shard, found, why = _read(log, keys, wanted, shards)
        if found is not None:
            looks[shard] = found
        doubts += why
    looked = tuple(look(canary, by_id.get(canary.id), looks) for canary in canaries.canaries)
    return Checked(_status(looked, doubts), canaries.commitment, odds_of(looked), looked, tuple(doubts))


def _status(looked: Sequence[Looked], doubts: Sequence[str]) -> Status:
    fates = {one.fate for one in looked}
    if Fate.MISSING in fates or doubts:
        return Status.CONTRADICTED
    return Status.PROVEN if Fate.FOUND in fates and Fate.PENDING not in fates else Status.NOT_SHOWN


def _read(
    log: Log, keys: Sequence[VerifierKey], wanted: frozenset[str], shards: set[str]
) -> tuple[str, LogLook | None, list[str]]:
    try:
        checkpoint = open_checkpoint(log.published.read("checkpoint", NOTE_BYTES_MAX), keys)
    except (UnreadableError, NoteError) as error:
        if log.name not in shards:
            return log.name, None, []  # nothing is looked for there
        raise TrustError(f"{log.name}: none of the keys that were given signed this log: {error}") from error
    shard = shard_of(checkpoint.origin, log.name)
    if shard not in shards:
        return shard, None, []
    key = next(key for key in keys if key.name == checkpoint.origin)
    found = LogLook(key, checkpoint.size, wanted)
    findings = Findings()
    findings.cover(checkpoint.size)
    tree = TreeAudit(log.published, checkpoint, findings)
    with progress(f"looking in {log.name}", checkpoint.size) as tell:
        for bundle in tree.bundles():
            found.enter(bundle.first, _leaves(bundle), bundle.hashes)
            tell(bundle.first + len(bundle.leaves))
    if tree.entries_signed:
        return shard, found, []
    told = [f"{shard}, {finding.place}: {finding.message}" for finding in findings.kept(Severity.CONTRADICTED)[:3]]
    return shard, found, told or [f"{shard}: not all records that were read are the ones that were signed"]


def _leaves(bundle: Bundle) -> list[Leaf | None]:
    return [None if i in bundle.doubtful else _leaf(data) for i, data in enumerate(bundle.leaves)]


def _leaf(data: bytes) -> Leaf | None:
    try:
        return read_leaf(data)
    except ValueError:  # `verify` says so; here it is simply not what was looked for
        return None
