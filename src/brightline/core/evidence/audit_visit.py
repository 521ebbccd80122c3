# SPDX-License-Identifier: Apache-2.0
"""What one audit gets from before and from elsewhere, and what it leaves beside its report.

An earlier visit can be gone on from only if the log extends what was seen then. :func:`extends` tells that from hash
tiles before anything is read, so that a log which does not is read anew, whole, and contradicted for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brightline.core.evidence.audit_heads import SeenHead, root_below
from brightline.core.evidence.audit_memory import BEGIN, Edge, LogMemory
from brightline.core.evidence.audit_tree import Published
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.misbehaviour import Misbehaviour
from brightline.core.evidence.note import NoteError, VerifierKey


class Visit:
    """Goes in: heads that were seen, and what to go on from. Comes out: what to keep, and what convicts the log.

    ``keep`` makes what the next visit goes on from; there is none unless everything was believed.
    """

    def __init__(self, heads: Sequence[SeenHead] = (), earlier: LogMemory | None = None) -> None:
        self.heads = heads
        self.earlier = earlier
        self.keep: Callable[[], LogMemory] | None = None
        self.note = b""
        self.misbehaviour: list[Misbehaviour] = []

    @property
    def begin(self) -> Edge:
        """Where to go on."""
        return BEGIN if self.earlier is None else self.earlier.edge


def head_of(earlier: LogMemory) -> SeenHead:
    """The head that an earlier visit saw, as it was believed then."""
    checkpoint = Checkpoint(earlier.origin, earlier.edge.size, earlier.root)
    return SeenHead(earlier.note, checkpoint, "your earlier visit", visited=True)


def extends(published: Published, note: bytes, keys: Sequence[VerifierKey], earlier: LogMemory) -> bool:
    """Whether the log behind a signed checkpoint begins with what an earlier visit has read, under the same key."""
    known = [key for key in keys if key.vkey() == earlier.vkey]
    try:
        signed = open_checkpoint(note, known)
    except NoteError:
        return False
    if signed.origin != earlier.origin:
        return False
    if earlier.edge.size == 0:
        return True
    below = root_below(published, signed, earlier.edge.size)
    return below is not None and below.root == earlier.root
