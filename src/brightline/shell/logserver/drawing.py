# SPDX-License-Identifier: Apache-2.0
"""The way from a leaf to the root as a picture: places and texts, which the template writes as SVG.

The root is at the top. On each level the path goes straight down, and the subtree beside it, of which only the hash
is needed, stands on the side where it is in the tree. A triangle is as large as its subtree is deep; one at the right
edge that is not whole has a broken outline. The picture has as many levels as the proof has hashes: up to 4
for ten records, up to 24 for ten million.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.evidence.proving import ProofPath

WIDTH: Final = 480
STEP: Final = 58
TOP: Final = 46
BOTTOM: Final = 44
MIDDLE: Final = WIDTH // 2
ASIDE: Final = 62
HASH_CHARS: Final = 12


class Beside(msgspec.Struct, frozen=True):
    """A subtree beside the path: ``x`` and ``y`` are its top, ``points`` its outline; texts stand at ``text_x``."""

    x: int
    y: int
    points: str
    whole: bool
    one: bool
    text_x: int
    anchor: str
    hash: str
    short: str
    records: str


class Node(msgspec.Struct, frozen=True):
    """A node of the path at ``y``, with its hash."""

    y: int
    hash: str


class Drawing(msgspec.Struct, frozen=True):
    """All that is drawn, in user units; ``siblings`` and ``nodes`` from the top down, the leaf the last node."""

    width: int
    height: int
    middle: int
    nodes: tuple[Node, ...]
    siblings: tuple[Beside, ...]


def draw(path: ProofPath) -> Drawing:
    """Draw a path."""
    levels = len(path.siblings)
    nodes = tuple(Node(TOP + STEP * depth, hash_.hex()) for depth, hash_ in enumerate(reversed(path.nodes)))
    siblings: list[Beside] = []
    for depth, sibling in enumerate(reversed(path.siblings), start=1):
        left = sibling.stands_left_of(path.index)
        x, y = MIDDLE + (-ASIDE if left else ASIDE), TOP + STEP * depth
        count = sibling.end - sibling.start
        depth_below = (count - 1).bit_length()
        half, tall = 7 + min(depth_below, 30) * 0.6, 10 + min(depth_below, 30) * 0.7
        siblings.append(
            Beside(
                x=x,
                y=y,
                points=f"{x},{y} {x - half:g},{y + tall:g} {x + half:g},{y + tall:g}",
                whole=sibling.whole,
                one=count == 1,
                text_x=x + (-30 if left else 30),
                anchor="end" if left else "start",
                hash=sibling.hash.hex(),
                short=sibling.hash.hex()[:HASH_CHARS] + "…",
                records=records_in_words(sibling.start, sibling.end),
            )
        )
    return Drawing(WIDTH, TOP + STEP * levels + BOTTOM, MIDDLE, nodes, tuple(siblings))


def records_in_words(start: int, end: int) -> str:
    """The records from ``start`` up to, not including, ``end``."""
    return f"{start:,}" if end - start == 1 else f"{start:,} – {end - 1:,}"
