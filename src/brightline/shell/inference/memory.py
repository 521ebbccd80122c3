# SPDX-License-Identifier: Apache-2.0
"""What a detector found in segments that the same unit sent before: system prompts, tools, the turns so far.

A client sends a conversation whole with each turn, so most of what is asked was judged a moment ago, by this very
detector under this very release. What it found then is what it would find now, because it looks at nothing but a
segment's surface and text. Only input is remembered, and never an exchange read as a whole. No text is kept, but a
digest under a key of this process's own; and a unit finds only what it sent itself, so that nobody learns by the clock
what another unit asks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from brightline.core.screening.finding import Finding, Judgement, Segment, Surface

SEGMENTS_MAX: Final = 16_384
"""So many are remembered, the latest: a few megabytes."""


class Memory:
    """Findings by segment, the oldest first. For one detector, which no other has an answer in."""

    def __init__(self, segments_max: int = SEGMENTS_MAX) -> None:
        self._key = secrets.token_bytes(32)
        self._max = segments_max
        self._found: dict[bytes, tuple[Finding, ...]] = {}

    def of(self, segments: Sequence[Segment], unit: str) -> Batch:
        """What is remembered of a batch, and what is left to judge."""
        return Batch(self, segments, unit)

    def forget(self) -> None:
        """Everything: whoever judged it has missed what it must find."""
        self._found = {}

    def digest(self, segment: Segment, unit: str) -> bytes:
        """Of all that a detector looks at; empty for what is not remembered."""
        if segment.surface is not Surface.INPUT or segment.view or segment.path.startswith("exchange["):
            return b""
        whole = b"%d:%b%b" % (len(unit), unit.encode(), segment.text.encode("utf-8", "surrogatepass"))
        return hashlib.blake2b(whole, digest_size=24, key=self._key).digest()

    def recall(self, digest: bytes) -> tuple[Finding, ...] | None:
        """What was found; None where that is not remembered."""
        of_now = self._found
        found = of_now.pop(digest, None)
        if found is not None:
            of_now[digest] = found  # it is the latest now
        return found

    def learner(self) -> Callable[[bytes, tuple[Finding, ...]], None]:
        """Remembers, and forgets the oldest in its place. What is forgotten meanwhile is not learned any more."""
        into = self._found

        def learn(digest: bytes, found: tuple[Finding, ...]) -> None:
            while len(into) >= self._max:
                del into[next(iter(into))]
            into[digest] = found

        return learn


class Batch:
    """A batch, in part remembered. ``new`` are the segments to be judged."""

    def __init__(self, memory: Memory, segments: Sequence[Segment], unit: str) -> None:
        self._learned = memory.learner()
        self._digests = [memory.digest(segment, unit) for segment in segments]
        self._known = [memory.recall(digest) if digest else None for digest in self._digests]
        self._places = [place for place, known in enumerate(self._known) if known is None]
        self.new = [segments[place] for place in self._places]

    def whole(self, judged: Judgement) -> Judgement:
        """The answer to the whole batch, from that to what was new: as if all of it had been judged now."""
        if len(self.new) == len(self._known) and not any(self._digests):
            return judged
        found: list[list[Finding]] = [[] for _ in self.new]
        for finding in judged.findings:
            found[finding.segment].append(msgspec.structs.replace(finding, segment=0))
        for place, of_new in zip(self._places, found, strict=True):
            self._known[place] = tuple(of_new)
            if self._digests[place]:
                self._learned(self._digests[place], tuple(of_new))
        findings = tuple(
            msgspec.structs.replace(finding, segment=place)
            for place, known in enumerate(self._known)
            for finding in known or ()
        )
        return msgspec.structs.replace(judged, segments_judged=len(self._known), findings=findings)
