# SPDX-License-Identifier: Apache-2.0
"""Changing the agreement that is in force: what must hold before anybody signs, and how a version comes into force.

    1. it is a version of the same agreement, higher than any that was ever in force
    2. lint finds no error in it
    3. it is no weaker than the baseline, in what and in who, and its standing theorems hold: proved here, and by two
       solvers independently; doubt of any kind refuses
    4. the proofs are kept, and their digests are part of what is signed
    5. the signers that the baseline names sign
    6. the files are put in place, then the RELEASE record is logged: every node that reads the record finds the files,
       proves (3) by itself, and goes over between two exchanges

Nothing of what runs is touched before 6, and what fails there leaves the version that was in force.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.lint import Remark, errors_of, lint
from brightline.core.agreement.ratchet import Comparison, check
from brightline.core.agreement.theorems import Theorem, check_theorems
from brightline.core.agreement.update import FORMAT, AgreementUpdate, check_later, fits, open_update
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.shell import shipped
from brightline.shell.config import Settings
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.releases import AGREEMENT, check_candidate
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import PROOF, AgreementStore, agreement_files

UPDATE_FILE: Final = "update.json"


class Examined(msgspec.Struct, frozen=True):
    """A new version and everything that this process found about it, without a solver."""

    candidate: Agreement
    baseline: Agreement
    remarks: tuple[Remark, ...]
    theorems: tuple[Theorem, ...]
    comparison: Comparison

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why it may not come into force, as sentences; empty if nothing stands against it."""
        return (
            *(f"{remark.place}: {remark.message}" for remark in errors_of(self.remarks)),
            *(f"not so that {theorem.says}: {theorem.against}" for theorem in self.theorems if not theorem.holds),
            *self.comparison.words(),
        )


def examine(folder: Path, baseline: Agreement, version_in_force: int) -> Examined:
    """Read a new version and look at it (steps 1 to 3, but for the solvers).

    Raises ``AgreementError`` if it does not load, ``TrustError`` if it is no later version of the baseline.
    """
    candidate = shipped.read_agreement(folder)
    check_candidate(candidate, baseline, version_in_force)  # 1
    prose = shipped.folder_reader(folder)(candidate.prose).decode()
    remarks = lint(candidate, prose)  # 2
    return Examined(candidate, baseline, remarks, check_theorems(candidate), check(candidate, baseline))  # 3


def statement_of(
    candidate: Agreement, baseline: Agreement, proofs: Mapping[str, bytes], clock: Clock
) -> AgreementUpdate:
    """What the signers sign (step 4). ``proofs`` are the kept proofs by file name."""
    return AgreementUpdate(
        format=FORMAT,
        id=candidate.id,
        version=candidate.version,
        agreement=candidate.digest,
        baseline=baseline.digest,
        proof={name: hashlib.sha256(data).hexdigest() for name, data in sorted(proofs.items())},
        issued=clock.unix(),
    )


def bring_into_force(
    root: Path,
    settings: Settings,
    registry: Registry,
    folder: Path,
    candidate: Agreement,
    proofs: Mapping[str, bytes],
    envelope: bytes,
    clock: Clock,
) -> DurableRecord:
    """Check the signatures, put the files in place and log the version (steps 5 and 6).

    Raises ``TrustError`` for signatures or a version that every node would refuse, ``OperatorError`` if the registry
    has another writer, ``EvidenceUnavailable`` if the record cannot be made durable.
    """
    releases = registry.releases
    update = lasting(lambda at: open_update(envelope, registry.roots, releases.baseline, at=at), clock)
    check_later(update.version, releases.version)
    fits(update, candidate)
    for name, data in proofs.items():
        if update.proof.get(name) != hashlib.sha256(data).hexdigest():
            raise TrustError(f"the proof {name} is not the one that was signed for")
    files = {
        **agreement_files(folder, candidate),
        UPDATE_FILE: envelope,
        **{f"{PROOF}/{name}": data for name, data in proofs.items()},
    }
    AgreementStore(StateFolder(root).agreements).put(candidate, files)
    public: dict[str, JsonValue] = {
        "what": AGREEMENT,
        "id": update.id,
        "version": update.version,
        "agreement": update.agreement,
        "baseline": update.baseline,
        "proof": dict(update.proof),
    }
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    draft = Draft(RecordKind.RELEASE, "", public, committed)
    record = append_to_registry(root, settings, registry.roots.profile, clock, draft)
    registry.refresh()
    if registry.releases.current.digest != candidate.digest:
        raise TrustError("another version came into force at the same moment; look, and try again")
    return record
