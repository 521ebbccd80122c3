# SPDX-License-Identifier: Apache-2.0
"""What witnesses say of a log: that they have seen this very tree, and so nobody was shown another one.

The policy is the auditor's own, never one that came with the log. A quorum's cosigned checkpoint lies beside the log's
own; it may be a little older, and then the records up to it are those that were witnessed. Its root must be the root
of the records that were read: a quorum that cosigned another tree of that size is the proof of a fork. Every log
begins as the same tree of no records, so who cosigned that has seen nothing of this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from brightline.core.evidence.audit_findings import Findings, Topic
from brightline.core.evidence.audit_heads import SeenHead, fork_of, root_at
from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.misbehaviour import Misbehaviour, Rollback
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.tile import COSIGNED

NOTE_BYTES_MAX: Final = 262_144
_CALENDAR_END: Final = 253_402_300_799  # the last second that a date can be written for
_NO_WITNESS: Final = "no witness has cosigned this log: its operator could show others another one"
_NO_POLICY: Final = "witnesses have cosigned this log; give the policy that you trust (--policy) to hear what they say"


class WitnessAudit:
    """Reads the cosigned checkpoint and compares it with the records as they come."""

    def __init__(self, published: Published, policies: Sequence[Policy], findings: Findings) -> None:
        self.proof = ""
        self.misbehaviour: list[Misbehaviour] = []
        self._published = published
        self._policies = policies
        self._findings = findings
        self._cosigned: tuple[SeenHead, ...] = ()
        self._times: dict[str, int] = {}

    @property
    def sizes(self) -> list[int]:
        """The sizes at which the log's root must be known."""
        return [head.checkpoint.size for head in self._cosigned]

    def open(self, note: bytes, signed: Checkpoint, keys: Sequence[VerifierKey]) -> None:
        """Verify the cosigned checkpoint under the auditor's policy."""
        try:
            cosigned = self._published.read(COSIGNED, NOTE_BYTES_MAX)
        except UnreadableError:
            self._findings.not_shown(Topic.WITNESSED, "", _NO_WITNESS)
            return
        if not self._policies:
            self._findings.not_shown(Topic.WITNESSED, "", _NO_POLICY)
            return
        try:
            witnessed = self._policies[0].open_from(cosigned, keys)
        except NoteError as error:
            self._findings.not_shown(Topic.WITNESSED, COSIGNED, f"no quorum of the policy has cosigned it: {error}")
            return
        if witnessed.checkpoint.size > signed.size:
            seen, shown = witnessed.checkpoint.size, signed.size
            message = f"witnesses saw {seen} records, the log shows {shown}: it was rolled back"
            self._findings.contradict(Topic.WITNESSED, COSIGNED, message)
            self.misbehaviour.append(Rollback(larger=cosigned.decode(), smaller=note.decode()))
            return
        if not witnessed.checkpoint.size or not witnessed.times:
            what = "has cosigned" if witnessed.checkpoint.size else "cosigned a record of"
            self._findings.not_shown(Topic.WITNESSED, COSIGNED, f"no witness of the policy {what} this log")
            return
        self._cosigned = (SeenHead(cosigned, witnessed.checkpoint, "witnesses"),)
        self._times = witnessed.times

    def close(self, note: bytes, signed: Checkpoint, roots: Mapping[int, bytes]) -> None:
        """Compare the roots. ``note`` is the checkpoint as it was read; ``roots`` are those that the pass came to."""
        for head in self._cosigned:
            size = head.checkpoint.size
            root = root_at(self._published, signed, size, roots)
            if root is None:
                self._findings.not_shown(Topic.WITNESSED, COSIGNED, "not all records that were witnessed were read")
            elif root != head.checkpoint.root:
                message = f"the witnesses cosigned another tree of {size} records: a fork"
                self._findings.contradict(Topic.WITNESSED, COSIGNED, message)
                if (fork := fork_of(head, note, signed, self._published)) is not None:
                    self.misbehaviour.append(fork)
            else:
                newest = datetime.fromtimestamp(min(max(self._times.values(), default=0), _CALENDAR_END), UTC)
                who = ", ".join(sorted(self._times))
                self.proof = f"{who} cosigned the first {size:,} records, the last at {newest:%F %T} UTC"
