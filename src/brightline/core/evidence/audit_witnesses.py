# SPDX-License-Identifier: Apache-2.0
"""What witnesses say of a log: that they have seen this very tree, and so nobody was shown another one.

The policy is the auditor's own, never one that came with the log. A quorum's cosigned checkpoint lies beside the log's
own; it may be a little older, and then the records up to it are those that were witnessed. Its root must be the root
of the records that were read: a quorum that cosigned another tree of that size is the proof of a fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from brightline.core.evidence.audit_findings import Findings, Topic
from brightline.core.evidence.audit_tree import Bundle, Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.merkle import Tree
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.core.evidence.policy import Policy

COSIGNED: Final = "cosigned"
NOTE_BYTES_MAX: Final = 262_144
_NO_WITNESS: Final = "no witness has cosigned this log: its operator could show others another one"
_NO_POLICY: Final = "witnesses have cosigned this log; give the policy that you trust (--policy) to hear what they say"


class WitnessAudit:
    """Reads the cosigned checkpoint and compares it with the records as they come."""

    def __init__(self, published: Published, policies: Sequence[Policy], findings: Findings) -> None:
        self.proof = ""
        self._published = published
        self._policies = policies
        self._findings = findings
        self._cosigned: tuple[Checkpoint, ...] = ()
        self._tree = Tree()
        self._times: dict[str, int] = {}

    def open(self, signed: Checkpoint, keys: Sequence[VerifierKey]) -> None:
        """Verify the cosigned checkpoint under the auditor's policy."""
        try:
            note = self._published.read(COSIGNED, NOTE_BYTES_MAX)
        except UnreadableError:
            self._findings.not_shown(Topic.WITNESSED, "", _NO_WITNESS)
            return
        if not self._policies:
            self._findings.not_shown(Topic.WITNESSED, "", _NO_POLICY)
            return
        try:
            witnessed = self._policies[0].open_from(note, keys)
        except NoteError as error:
            self._findings.not_shown(Topic.WITNESSED, COSIGNED, f"no quorum of the policy has cosigned it: {error}")
            return
        if witnessed.checkpoint.size > signed.size:
            seen, shown = witnessed.checkpoint.size, signed.size
            message = f"witnesses saw {seen} records, the log shows {shown}: it was rolled back"
            self._findings.contradict(Topic.WITNESSED, COSIGNED, message)
            return
        self._cosigned = (witnessed.checkpoint,)
        self._times = witnessed.times

    def enter(self, bundle: Bundle) -> None:
        """Take in the records up to the cosigned size."""
        for cosigned in self._cosigned:
            for hash_ in bundle.hashes[: max(cosigned.size - self._tree.size, 0)]:
                self._tree.append(hash_)

    def close(self) -> None:
        """Compare the roots."""
        for cosigned in self._cosigned:
            if self._tree.size != cosigned.size:
                self._findings.not_shown(Topic.WITNESSED, COSIGNED, "not all records that were witnessed were read")
            elif self._tree.root() != cosigned.root:
                message = f"the witnesses cosigned another tree of {cosigned.size} records: a fork"
                self._findings.contradict(Topic.WITNESSED, COSIGNED, message)
            else:
                newest = datetime.fromtimestamp(max(self._times.values(), default=0), UTC)
                who = ", ".join(sorted(self._times))
                self.proof = f"{who} cosigned the first {cosigned.size:,} records, the last at {newest:%F %T} UTC"
