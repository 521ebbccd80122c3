# SPDX-License-Identifier: Apache-2.0
"""Putting what a hunt found on record: signed, as new records of the registry; whatever was there stays as it is.

A hunt of many records is many HUNT records. If something stops in between, the same call goes on: the records follow
from plan and report alone, and those that are there already are compared with them. The statement stands in the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.errors import ConfigError, HuntBroken, TrustError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.hunt.found import Disposition, Report, ShardResult, digest_of, report_bytes
from brightline.core.hunt.plan import Plan
from brightline.core.hunt.statement import FORMAT, HUNT_TYPE, Hunted, hunt_drafts, open_hunted, stretches
from brightline.core.ports import Clock
from brightline.core.statement import Opened, TrustRoots, sign_statement
from brightline.shell.config import Settings
from brightline.shell.keyring import open_vault
from brightline.shell.registry.log import patiently_writing
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk

_ROWS: Final = ("found", "left")
AT_ONCE: Final = 32  # records, before others may write to the registry in between
_LEAF_MEMBERS: Final = ("hunt", "log", "size", "root", "start", "end", "ranges", "counted", "part", "parts")


class OnRecord(msgspec.Struct, frozen=True):
    """A HUNT record as it lies in the registry."""

    seq: int
    unix: int
    public: dict[str, JsonValue]
    committed: dict[str, JsonValue]


def on_record(root: Path, hunt: str) -> list[OnRecord]:
    """The records of a hunt, in their order. Raises ``OperatorError`` if the registry does not read."""
    folder = StateFolder(root)
    keys = open_vault(folder).reader(REGISTRY_SHARD)
    found = []
    for frame in frames_on_disk(folder.wal, REGISTRY_SHARD):
        if frame.kind is not RecordKind.HUNT:
            continue
        public: dict[str, JsonValue] = msgspec.json.decode(frame.leaf)
        if public.get("hunt") == hunt:
            found.append(OnRecord(frame.seq, unix_of(str(public["time"])), public, dict(keys.open(frame).fields)))
    return found


def sign_hunt(plan: Plan, report: Report, reason: str, keys: Sequence[Ed25519PrivateKey], clock: Clock) -> bytes:
    """The statement about a hunt, signed with these keys."""
    said = Hunted(
        format=FORMAT,
        hunt=report.hunt,
        report=digest_of(report_bytes(report)),
        agreement=plan.agreement,
        release=plan.release,
        records=report.records,
        examined=report.counts.get(Disposition.EXAMINED, 0),
        found=len(report.found),
        reason=reason,
        issued=clock.unix(),
    )
    return sign_statement(said, HUNT_TYPE, keys)


def record_hunt(
    root: Path,
    settings: Settings,
    roots: TrustRoots,
    plan: Plan,
    report: Report,
    results: Sequence[ShardResult],
    envelope: bytes,
    clock: Clock,
    tell: Callable[[int], None] = lambda _done: None,
) -> tuple[int, ...]:
    """Put a hunt on record, or what of it is not there yet; returns the numbers of its records.

    ``envelope`` counts for nothing where an earlier call began, which must have signed the same report. Raises
    ``TrustError`` if it is not signed by those who must, ``HuntBroken`` if other records of this hunt are there,
    ``WriterPresent`` while others write for long.
    """
    _fits(open_hunted(envelope, roots, at=clock.unix()).value, report)
    drafts = list(hunt_drafts(plan, report, stretches(plan, results), envelope))
    while True:
        with patiently_writing(root, settings, roots.profile, clock) as log:
            there = on_record(root, report.hunt)
            if there:
                _fits(_statement(there, roots).value, report)
            if why := next(_differences(there, [each.public for each in drafts]), ""):
                raise HuntBroken(why)
            seqs = [each.seq for each in there]
            for draft in drafts[len(there) :][:AT_ONCE]:
                seqs.append(log.append_sync(draft).place.seq)
        tell(len(seqs))
        if len(seqs) == len(drafts):
            return tuple(seqs)


def check_record(
    there: Sequence[OnRecord], plan: Plan, report: Report, results: Sequence[ShardResult], roots: TrustRoots
) -> tuple[str, ...]:
    """Check that what is on record says this report; returns who signed. Raises ``ConfigError`` while it is not
    all there, ``HuntBroken``, ``TrustError``."""
    if not there:
        raise ConfigError("no record of the registry says this hunt; `brightline hunt record` puts it there")
    opened = _statement(there, roots)
    _fits(opened.value, report)
    drafts = list(hunt_drafts(plan, report, stretches(plan, results), b""))
    if why := next(_differences(there, [each.public for each in drafts]), ""):
        raise HuntBroken(why)
    if len(there) < len(drafts):
        raise ConfigError(f"{len(there)} of its {len(drafts)} records are there; `brightline hunt record` goes on")
    for each, draft in zip(there, drafts, strict=True):
        if any(canonical_bytes(each.committed.get(name)) != canonical_bytes(draft.committed[name]) for name in _ROWS):
            raise HuntBroken(f"record {each.seq} of the registry names other findings")
    return tuple(holder for _, holder in opened.signers)


def _statement(there: Sequence[OnRecord], roots: TrustRoots) -> Opened[Hunted]:
    return open_hunted(str(there[0].committed.get("statement", "")).encode(), roots, at=there[0].unix)


def _fits(said: Hunted, report: Report) -> None:
    if said.hunt != report.hunt or said.report != digest_of(report_bytes(report)):
        raise TrustError("what was signed is another hunt, or another report of it")


def _differences(there: Sequence[OnRecord], wanted: Sequence[dict[str, JsonValue]]) -> Iterator[str]:
    if len(there) > len(wanted):
        yield f"{len(there)} records of this hunt are there; it has {len(wanted)}"
    for each, public in zip(there, wanted, strict=False):
        if any(each.public.get(name) != public[name] for name in _LEAF_MEMBERS):
            yield f"record {each.seq} of the registry says something else of this hunt"
