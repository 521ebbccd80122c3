# SPDX-License-Identifier: Apache-2.0
"""The tour's last act: the evidence verified, then one bit of a copy flipped, and the verifier naming the place."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.record import RecordKind
from brightline.shell.storage.sequencer import Sequencer
from brightline.verify.examine import verify_evidence


class _Leaf(msgspec.Struct, frozen=True):
    kind: RecordKind
    exchange: str = ""
    clauses: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True):
    """``rows`` are lines for the screen."""

    good: bool
    rows: tuple[str, ...]


def recorded_clauses(log: Sequencer, exchange: str) -> tuple[str, ...]:
    """The clauses that decided an exchange, as its OUTCOME in the log names them."""
    for record in log.frames():
        leaf = msgspec.json.decode(record.leaf, type=_Leaf)
        if leaf.exchange == exchange and leaf.kind is RecordKind.OUTCOME:
            return leaf.clauses
    return ()


def verify_folder(evidence: Path, disclosures: Path | None = None, guards: Sequence[Path] = ()) -> Verified:
    """Verify a folder as ``brightline verify`` does."""
    rows: list[str] = []
    good = True
    for report in verify_evidence(evidence, disclosures=disclosures, guards=guards):
        good = good and not report.contradicted
        for claim in report.claims:
            told_by_guards = claim.name == Topic.GUARDED and claim.status is Status.PROVEN
            if report.recount.attempts or claim.status is Status.CONTRADICTED or told_by_guards:
                rows.append(f"{claim.status.value:<13}{claim.name}: {claim.detail}")
        rows += [f"  ! {report.shard}/{row.place}: {row.message}" for row in report.contradictions[:3]]
        if report.recount.attempts:
            counts = ", ".join(f"{number} {word}" for word, number in sorted(report.recount.by_outcome.items()))
            clauses = ", ".join(f"{word} {number}" for word, number in sorted(report.recount.by_clause.items()))
            rows.append(f"{'recount':<13}{counts}; by clause: {clauses}")
    return Verified(good, tuple(rows))


def flip_and_verify(evidence: Path, copy: Path) -> tuple[str, Verified]:
    """Copy the evidence, flip one bit in the middle of the newest entries, and verify the copy."""
    shutil.copytree(evidence, copy)
    bundles = sorted(
        (path for path in (copy / "gateway-0" / "tile" / "entries").rglob("*") if path.is_file()),
        key=lambda path: path.stat().st_size,
    )
    target = bundles[-1]
    data = bytearray(target.read_bytes())
    at = len(data) // 2
    data[at] ^= 0x01
    target.write_bytes(data)
    found = verify_folder(copy)
    only = tuple(row for row in found.rows if "CONTRADICTED" in row or row.startswith("  !"))
    return f"byte {at} of {target.relative_to(copy)}", Verified(found.good, only)
