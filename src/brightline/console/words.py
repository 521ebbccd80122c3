# SPDX-License-Identifier: Apache-2.0
"""Words of somebody who is not trusted, as pieces that a page can show: the only way of held content onto a page.

A piece is a run of plain characters, one character that has no picture of its own (drawn as its code point), an end of
line, or an identifier that is masked. So no control character, direction mark or flood of combining marks reaches a
page; what is left is put between tags by a template that escapes, inside a box that isolates it. Nothing of a text is
ever in an attribute, an address or a title.
"""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.console.identifiers import Identifier, Labels

PART_CHARS: Final = 20_000  # shown at once; the rest is asked for
COMBINING_MAX: Final = 2  # marks on one letter that are shown as they are
RUN_MAX: Final = 3  # the same unseen character so often is drawn once, with its count

_SHORT: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x00: "NUL", 0x07: "BEL", 0x08: "BS", 0x0B: "VT", 0x0C: "FF", 0x0D: "CR", 0x1B: "ESC", 0x7F: "DEL",
        0x85: "NEL", 0xA0: "NBSP", 0xAD: "SHY", 0x34F: "CGJ", 0x61C: "ALM", 0x115F: "HCF", 0x1160: "HJF",
        0x180E: "MVS", 0x200B: "ZWSP", 0x200C: "ZWNJ", 0x200D: "ZWJ", 0x200E: "LRM", 0x200F: "RLM", 0x2028: "LSEP",
        0x2029: "PSEP", 0x202A: "LRE", 0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x202F: "NNBSP",
        0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0x2800: "blank", 0x3000: "IDSP",
        0x3164: "HF", 0xFEFF: "BOM", 0xFFA0: "HHF", 0xFFFC: "OBJ",
    }
)  # fmt: skip
_PICTURELESS: Final = frozenset((0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0xFFFC, 0x17B4, 0x17B5, 0x34F))


class PieceKind(enum.StrEnum):
    """What a piece is."""

    TEXT = "text"
    UNSEEN = "unseen"  # one character without a picture, or a run of the same: ``text`` is our drawing of it
    LINE = "line"  # an end of line
    MASKED = "masked"  # an identifier: ``text`` is its label
    SHOWN = "shown"  # an identifier that was revealed: ``text`` is what stands there


class Piece(msgspec.Struct, frozen=True):
    """A run of a text. ``marks`` are the names of the marks that lie over it; ``label`` is an identifier's."""

    kind: PieceKind
    text: str
    marks: tuple[str, ...] = ()
    label: str = ""


class Mark(msgspec.Struct, frozen=True):
    """A stretch of a text, in characters, and the name on the page of what is about it: a finding, or words."""

    start: int
    end: int
    name: str


class Part(msgspec.Struct, frozen=True):
    """Pieces of a text from ``start`` to ``end``; ``length`` is that of the whole, in characters."""

    pieces: tuple[Piece, ...]
    start: int
    end: int
    length: int

    @property
    def more(self) -> bool:
        """Whether something follows."""
        return self.end < self.length


NOTHING_REVEALED: Final[frozenset[str]] = frozenset()


def part_of(
    text: str,
    marks: Sequence[Mark],
    found: Sequence[Identifier],
    labels: Labels,
    revealed: frozenset[str] = NOTHING_REVEALED,
    start: int = 0,
) -> Part:
    """The pieces of a text from ``start`` on, ``PART_CHARS`` characters at most.

    ``found`` are its identifiers; those whose label is among ``revealed`` are shown.
    """
    end = min(len(text), start + PART_CHARS)
    cuts = {start, end}
    stretches = [(mark.start, mark.end) for mark in marks] + [(one.start, one.end) for one in found]
    for stretch in stretches:
        cuts.update(place for place in stretch if start < place < end)
    places = sorted(cuts)
    pieces: list[Piece] = []
    masked: tuple[int, str] | None = None
    for first, last in pairwise(places):
        over = tuple(dict.fromkeys(mark.name for mark in marks if mark.start <= first and last <= mark.end))
        inside = next((one for one in found if one.start <= first and last <= one.end), None)
        label = labels.of(text[inside.start : inside.end], inside.kind) if inside is not None else ""
        if inside is not None and label not in revealed:
            if masked != (inside.start, label):
                pieces.append(Piece(PieceKind.MASKED, label, over, label))
            masked = inside.start, label
            continue
        kind = PieceKind.SHOWN if inside is not None else PieceKind.TEXT
        pieces += _drawn(text[first:last], over, kind, label)
    return Part(tuple(pieces), start, end, len(text))


def plain_pieces(text: str) -> tuple[Piece, ...]:
    """A short text (a name, a reason) as pieces, on one line."""
    cut = text if len(text) <= PART_CHARS else text[:PART_CHARS] + "…"
    return tuple(_drawn(cut, (), PieceKind.TEXT, ""))


def _drawn(text: str, marks: tuple[str, ...], kind: PieceKind, label: str) -> Iterable[Piece]:
    run: list[str] = []
    combining = 0
    at = 0
    while at < len(text):
        char = text[at]
        combining = combining + 1 if unicodedata.combining(char) or unicodedata.category(char) == "Me" else 0
        if char == "\n" or is_unseen(char) or combining > COMBINING_MAX:
            if run:
                yield Piece(kind, "".join(run), marks, label)
                run = []
            if char == "\n":
                yield Piece(PieceKind.LINE, "", marks, label)
                at += 1
                continue
            count = 1
            while at + count < len(text) and text[at + count] == char:
                count += 1
            for _ in range(count if count <= RUN_MAX else 1):
                yield Piece(PieceKind.UNSEEN, drawing(char) + (f" ×{count}" if count > RUN_MAX else ""), marks, label)
            at += count
            continue
        run.append(char)
        at += 1
    if run:
        yield Piece(kind, "".join(run), marks, label)


def is_unseen(char: str) -> bool:
    """Whether a character has no picture of its own, or changes how others are shown."""
    if char.isascii():
        return not char.isprintable()
    code = ord(char)
    return not char.isprintable() or code in _PICTURELESS or 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF


def drawing(char: str) -> str:
    """A character in words: its code point, and the short name that people know it by."""
    short = _SHORT.get(ord(char), "TAB" if char == "\t" else "")
    return f"U+{ord(char):04X}" + (f" {short}" if short else "")
