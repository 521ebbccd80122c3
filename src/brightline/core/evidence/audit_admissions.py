# SPDX-License-Identifier: Apache-2.0
"""A guard's log under what it says of its model: no token used but for a model that was admitted then.

A guard writes an ADMISSION before a model answers, one when it takes the model out, and one at its start if it admits
nothing at all; each use names the model that was admitted. So order comes from the index, and an admission counts in
its boot epoch, until the time that it names. A use that was booked while the model was taken out stands right behind
that record; the guard looked once more and sent nothing, which is why ``LAG_SECONDS`` are no fault.

That a model was admitted is the guard's word; its papers, whoever has them verifies again (`brightline model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brightline.core.attestation.lease import DEVELOPMENT
from brightline.core.attestation.revocation import LAG_SECONDS
from brightline.core.evidence.audit_findings import Claim, Findings, Topic, several, shown
from brightline.core.evidence.audit_memory import AdmissionMemory, StatedAdmission
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import MODEL_ADMITTED, NOTHING_ADMITTED, RecordKind, unix_of


class AdmissionAudit:
    """One log; of a gateway's it says nothing, since none of these records stands there."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._said: StatedAdmission | None = None
        self._uses = self._without = self._unsaid = 0
        self._models = 0

    def memory(self) -> AdmissionMemory:
        """What the next visit goes on from."""
        return AdmissionMemory(self._said, (self._uses, self._without, self._unsaid, self._models))

    def resume(self, earlier: AdmissionMemory) -> None:
        """Go on from where an earlier visit ended."""
        self._said = earlier.said
        self._uses, self._without, self._unsaid, self._models = earlier.counted

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            if leaf.kind is RecordKind.CONSUMED:
                self._used(index, leaf)
            elif leaf.kind is RecordKind.ADMISSION:
                self._admission(leaf)

    def _admission(self, leaf: Leaf) -> None:
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return  # what is no time is contradicted where records are looked at one by one
        if leaf.what == MODEL_ADMITTED:
            self._models += 1
            self._said = StatedAdmission(leaf.epoch, leaf.model or "", leaf.until or 0)
        elif self._said is not None and self._said.epoch == leaf.epoch:
            self._said = StatedAdmission(leaf.epoch, self._said.model, min(self._said.until, unix))
        else:
            self._said = StatedAdmission(leaf.epoch, "", unix)

    def _used(self, index: int, leaf: Leaf) -> None:
        self._uses += 1
        if not leaf.admitted:
            self._unsaid += 1
            return
        if leaf.admitted == NOTHING_ADMITTED:
            self._without += 1
            if leaf.profile != DEVELOPMENT:
                self._contradict(index, "a token was used for a model that nobody admitted, in a log for production")
            return
        said = self._said
        if said is None or said.epoch != leaf.epoch or said.model != leaf.admitted:
            self._contradict(index, f"a token was used for {shown(leaf.admitted)}, which the guard had not admitted")
            return
        try:
            late = unix_of(leaf.time) - said.until
        except ValueError:
            return
        if late > LAG_SECONDS:
            self._contradict(index, f"a token was used {late} s after the model's admission had ended")

    def _contradict(self, index: int, message: str) -> None:
        self._findings.contradict(Topic.ADMITTED, self._findings.record(index), message)

    def close(self) -> None:
        """Say which uses name no admitted model."""
        if self._without:
            said = f"{self._without:,} of {self._uses:,} used tokens are of a guard that admits nothing"
            self._findings.not_shown(Topic.ADMITTED, "", f"{said}: whichever model answered, nobody compared it")
        if self._unsaid:
            said = f"{self._unsaid:,} of {self._uses:,} used tokens do not say which model was admitted"
            self._findings.not_shown(Topic.ADMITTED, "", said)

    def claims(self) -> Iterator[Claim]:
        """The claim, for a guard's log that has let anything through."""
        if self._uses:
            under = "the one admission" if self._models == 1 else f"one of {self._models:,} admissions"
            detail = f"{several(self._uses, 'used token')}, each under {under} of a model"
            yield self._findings.claim(Topic.ADMITTED, detail)
