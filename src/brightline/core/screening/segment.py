# SPDX-License-Identifier: Apache-2.0
"""Leaves and streams cut into overlapping segments, and how far a stream may be let out.

A segment is at most ``window_chars`` long; neighbours overlap by ``overlap_chars``, so that nothing shorter than the
overlap is ever cut in two. What is encoded in a longer stretch is decoded whole, and cut in turn (``across.py``). A
stream is let out ``holdback_chars`` behind what is judged, so that a match which completes in the next segment has not
left with the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from brightline.core.screening.across import read_across
from brightline.core.screening.finding import Segment

# The sign, quotes that close after it, and a blank; a full stop of Chinese or Hindi; or the end of a line.
SENTENCE_END: Final = re.compile(r"[.!?…؟][\"'”’»)\]]*\s|[。！？।\n]")


class Windows(msgspec.Struct, frozen=True):
    """Sizes in characters, from the classifier release: they can change a verdict, so no deployment sets them.

    A stream is asked about once ``stride_chars`` are new; and, unless ``sentence_chars`` is 0, once a sentence has
    ended in what is new and that is so long. While something in it comes near a threshold, it is read together with
    the last ``reach_chars`` before what is new, unless that is 0: what is spread over much text adds up.
    """

    window_chars: int
    overlap_chars: int
    holdback_chars: int
    stride_chars: int
    sentence_chars: int = 0
    reach_chars: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.overlap_chars < self.window_chars:
            raise ValueError("the overlap must be positive and smaller than the window")
        if not 0 < self.holdback_chars <= self.overlap_chars or self.stride_chars < 1:
            raise ValueError("the hold-back must be positive and within the overlap; the stride at least 1")
        if self.sentence_chars < 0:
            raise ValueError("what is new where a sentence ends must be 0 characters or more")
        if self.reach_chars and not self.overlap_chars < self.reach_chars <= self.window_chars - self.stride_chars:
            raise ValueError("a stream reaches back 0 characters, or more than the overlap, within a window")

    def back(self, near: bool) -> int:
        """How many characters before what is new a stream is read from."""
        return max(self.overlap_chars, self.reach_chars) if near else self.overlap_chars


def cut(leaves: Iterable[Segment], windows: Windows) -> tuple[Segment, ...]:
    """Cut leaves into segments that cover every character, and what long encoded stretches in them say.

    Raises ``ScreeningUnavailable`` where they say more than is ever judged.
    """
    segments: list[Segment] = []
    for leaf in leaves:
        if len(leaf.text) <= windows.window_chars:
            segments.append(leaf)
            continue
        segments += _windows(leaf, windows)
        if said := read_across(leaf.text, windows.overlap_chars):
            decoded = msgspec.structs.replace(leaf, path=f"{leaf.path}#decoded", text=said, start=0)
            segments += _windows(decoded, windows)
    return tuple(segments)


def _windows(leaf: Segment, windows: Windows) -> Iterator[Segment]:
    step = windows.window_chars - windows.overlap_chars
    for start in range(0, max(1, len(leaf.text) - windows.overlap_chars), step):
        text = leaf.text[start : start + windows.window_chars]
        yield msgspec.structs.replace(leaf, text=text, start=leaf.start + start)


def sentence_due(new: int, windows: Windows) -> bool:
    """Whether so many new characters are worth looking for the end of a sentence, before a stride is full."""
    return 0 < windows.sentence_chars <= new < windows.stride_chars


def releasable(judged: int, released: int, windows: Windows) -> int:
    """How many characters may have left once ``judged`` are judged and the text may still grow."""
    return max(released, judged - windows.holdback_chars)
