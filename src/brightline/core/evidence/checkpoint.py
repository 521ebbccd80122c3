# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-checkpoint v1.0.0: origin, size and root of a log, as a signed note.

Extension lines are refused: not every kind of cosignature covers them, so nothing of ours may depend on them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import msgspec

from brightline.core.evidence.merkle import HASH_BYTES
from brightline.core.evidence.note import NoteError, Signer, VerifierKey, open_note, sign_note


class Checkpoint(msgspec.Struct, frozen=True):
    """The head of a log: ``size`` counts entries (0 to 2^63 - 1), ``root`` is the RFC 6962 hash, 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint. Raises ``NoteError``."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise NoteError("a checkpoint has three lines: origin, size, root")
        origin, size, encoded = lines[:3]
        if not origin:
            raise NoteError("a checkpoint has an origin")
        if not size.isascii() or not size.isdigit() or len(size) > 19 or (len(size) > 1 and size[0] == "0"):
            raise NoteError("the size of a checkpoint is a decimal without leading zeros")
        if int(size) >= 1 << 63:
            raise NoteError("the size of a checkpoint is below 2^63")
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteError("the root of a checkpoint is base64") from error
        if len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
            raise NoteError("the root of a checkpoint is 32 bytes in canonical base64")
        return cls(origin, int(size), root)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Write a checkpoint as a note with one signature.

    Raises ``NoteError`` for values whose text would be read back as something else: a line end in the origin would
    otherwise let whoever names a log choose the size and root that get signed.
    """
    text = checkpoint.text()
    if Checkpoint.parse(text) != checkpoint:
        raise NoteError("this checkpoint is not what its text says")
    return sign_note(text, [signer])


def open_checkpoint(note: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """Verify a checkpoint under the log's keys: one of them must have signed, under the origin as its name.

    Raises ``NoteError``.
    """
    opened = open_note(note, keys)
    checkpoint = Checkpoint.parse(opened.text)
    if not any(key.name == checkpoint.origin for key in opened.signed_by):
        raise NoteError("the log's own key, named by the origin, did not sign this checkpoint")
    return checkpoint
