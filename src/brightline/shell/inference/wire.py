# SPDX-License-Identifier: Apache-2.0
"""What gateway and detector workers say to each other: MessagePack in frames with a length, over a socket pair.

No pickle: a worker that was taken over can answer wrongly, which is looked for, and nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.screening.finding import Finding, Raised, Segment

FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
LENGTH_BYTES: Final = 4


class Load(msgspec.Struct, frozen=True):
    """The first frame: what to be. ``folder`` is the release's, ``weights`` where parts are looked for
    first, ``threads`` and ``key_file`` for a judge."""

    kind: str
    id: str
    path: str
    sha256: str
    folder: str
    weights: str
    memory_bytes: int
    threads: int = 1
    key_file: str = ""


class Loaded(msgspec.Struct, frozen=True):
    """The answer to it: the digest of the file that was loaded, or why it failed."""

    digest: str
    failure: str = ""


class Ask(msgspec.Struct, frozen=True):
    """A batch."""

    number: int
    segments: tuple[Segment, ...]


class Told(msgspec.Struct, frozen=True):
    """The answer to a batch; ``failure`` names the type of what was raised, and then nothing was judged."""

    number: int
    digest: str
    judged: int
    findings: tuple[Finding, ...]
    failure: str = ""
    raised: tuple[Raised, ...] = ()


def pack(value: msgspec.Struct) -> bytes:
    """One frame."""
    data = msgspec.msgpack.encode(value)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data
