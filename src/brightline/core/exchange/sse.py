# SPDX-License-Identifier: Apache-2.0
"""TEMPORARY stand-in."""

from __future__ import annotations

import msgspec

DONE = b"data: [DONE]\n\n"


class SseEvent(msgspec.Struct, frozen=True):
    data: str
    event: str = "message"
    id: str = ""


class SseParser:
    def __init__(self) -> None:
        self._b = b""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        self._b += chunk
        out = []
        while b"\n\n" in self._b:
            block, self._b = self._b.split(b"\n\n", 1)
            lines = [l[6:].decode() for l in block.split(b"\n") if l.startswith(b"data: ")]
            if lines:
                out.append(SseEvent("\n".join(lines)))
        return out


def encode_event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
