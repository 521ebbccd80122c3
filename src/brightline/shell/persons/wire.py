# SPDX-License-Identifier: Apache-2.0
"""What gateway and reader say to each other: MessagePack in frames with a length, over a socket pair, in memory alone.

Texts go one way and places of words the other. A reader that was taken over by a text can name wrong places, and
nothing else.
"""

from __future__ import annotations

import msgspec


class Begin(msgspec.Struct, frozen=True):
    """The first frame. ``weights`` is a folder in which files are looked for first; empty: beside their package."""

    weights: str
    memory_bytes: int


class Begun(msgspec.Struct, frozen=True):
    """The answer to it: the digest of what was loaded, or why it failed."""

    digest: str
    failure: str = ""


class Read(msgspec.Struct, frozen=True):
    """The texts of one exchange."""

    number: int
    texts: tuple[str, ...]


class Found(msgspec.Struct, frozen=True):
    """The answer: for each text the words that belong to names, from where to where, in characters.

    ``failure`` names the type of what was raised, and then nothing was read.
    """

    number: int
    places: tuple[tuple[tuple[int, int], ...], ...] = ()
    failure: str = ""
