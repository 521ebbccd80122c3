# SPDX-License-Identifier: Apache-2.0
"""What words a text must have, so that a pattern can be found in it at all.

A pattern such as ``\\b(?:track|follow)\\b[^.]*\\b(?:her|his) phone`` is found only where ``track`` or ``follow`` is a
word of the text, and ``her`` or ``his``, and some word begins with ``phone``. So it has *needs*, of each of which a
text must have one *piece*: a few letters or digits in a row, with ``^`` before them where they begin a word of the
text and ``$`` after them where they end it. A word is a run of small letters and digits of ASCII; characters beyond
ASCII make words of their own, of which no piece says how it begins or ends. ``#`` is any digit.

What is not understood of a pattern needs nothing: a need that is forgotten costs time, one too many would lose a
finding. The syntax is RE2's, and the text one that was folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

Need: TypeAlias = frozenset[bytes]

PIECE_MAX: Final = 8
"""Letters of a piece. Longer ones are cut: whoever has the whole has the beginning."""
PIECE_BYTES_MIN: Final = 3
"""Of a piece in UTF-8, its marks included; but ``#`` is one. What is shorter stands in most texts."""
_STRINGS_MAX: Final = 256
"""So many strings are told apart in a stretch of a pattern without repetitions."""
_CLASS_MAX: Final = 8
_RANKS: Final = 3
_NESTING_MAX: Final = 100

_EDGE: Final = "\b"
_DIGIT: Final = "#"
_EVERYDAY: Final = frozenset(
    b"a about all an and any are as at be been but by can could do each every for from get give go had has have he "
    b"her here his how i if in into is it its keep list make may me more most must my name need new no not now of on "
    b"one or other our out over people put read run set she should so some take tell than that the their them then "
    b"there these they this those time to up us use was we were what when where which who will with without work "
    b"would write you your".split()
)
"""Words of most texts: another piece is rarer."""
_RUNS: Final = re.compile("[a-z0-9]+|[\u0080-\U0010ffff]+")
_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_NO_EDGE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ#")
"""Characters of which it is not known whether a word ends before them: ``#`` is a digit."""


class _One(msgspec.Struct, frozen=True):
    """One text out of a few: a character, several in a row, or an edge of a word, which has no width.

    None of them: any character.
    """

    of: tuple[str, ...] = ()


class _Repeat(msgspec.Struct, frozen=True):
    """Its node so often, at least and at most."""

    node: _Node
    least: int
    most: int


class _Row(msgspec.Struct, frozen=True):
    """One after the other."""

    nodes: tuple[_Node, ...]


class _Either(msgspec.Struct, frozen=True):
    """One of several."""

    rows: tuple[_Row, ...]


_Node: TypeAlias = _One | _Repeat | _Row | _Either
_ANY: Final = _One()


def needs_of(pattern: str) -> tuple[Need, ...]:
    """All needs of an RE2 pattern; none for one that is not understood."""
    try:
        row = _Reader(pattern).whole()
    except _NotUnderstood:
        return ()
    return tuple(dict.fromkeys(_needs(row, left=False, right=False)))


# ---- from a pattern to its needs --------------------------------------------------------------------------


def _needs(node: _Node, *, left: bool, right: bool) -> Iterator[Need]:
    """``left`` and ``right``: a word surely begins where the node begins, and ends where it ends."""
    if isinstance(node, _One):
        yield from _needs_of_row((node,), left, right) if node.of else ()
    elif isinstance(node, _Row):
        yield from _needs_of_row(node.nodes, left, right)
    elif isinstance(node, _Either) and len(node.rows) == 1:
        yield from _needs(node.rows[0], left=left, right=right)
    elif isinstance(node, _Either):
        each = [sorted(_needs(row, left=left, right=right), key=commonness) for row in node.rows]
        if all(each):  # each row has one need at least: the rarest of each are one need, and so are the next
            for rank in range(min(_RANKS, max(map(len, each)))):
                yield frozenset[bytes]().union(*(needs[min(rank, len(needs) - 1)] for needs in each))
    elif isinstance(node, _Repeat) and node.least:
        yield from _needs(node.node, left=left and node.most == 1, right=right and node.most == 1)


def _needs_of_row(nodes: Sequence[_Node], left: bool, right: bool) -> Iterator[Need]:
    at = 0
    while at < len(nodes):
        begins = _ends_in_edge(nodes[:at], left)
        strings = {""}
        end = at
        while end < len(nodes) and (more := _strings(nodes[end])) is not None:
            product = {first + then for first in strings for then in more}
            if len(product) > _STRINGS_MAX:
                break
            strings, end = product, end + 1
        if end == at:
            ends = _begins_with_edge(nodes[at + 1 :], right)
            yield from _needs(nodes[at], left=begins, right=ends)
            at += 1
            continue
        ends = _begins_with_edge(nodes[end:], right)
        pieces = {_piece(string, begins, ends) for string in strings}
        if b"" not in pieces:
            yield frozenset(pieces)
        at = end


def commonness(need: Need) -> float:
    """Roughly in how many texts one of its pieces stands."""
    return sum(1.0 if _is_everyday(piece) else 12.0 ** -len(piece) for piece in need)


def _is_everyday(piece: bytes) -> bool:
    return piece.strip(b"^$") in _EVERYDAY


def _piece(string: str, left: bool, right: bool) -> bytes:
    """The rarest piece of what a text has if it has this string; empty if there is none."""
    found: list[bytes] = []
    for run in _RUNS.finditer(string):
        text, start, end = run[0], run.start(), run.end()
        if not text.isascii():
            found.append(text[:PIECE_MAX].encode())
            continue
        begins = string[start - 1] not in _NO_EDGE if start else left
        ends = string[end] not in _NO_EDGE if end < len(string) else right
        whole = len(text) <= PIECE_MAX
        found.append(f"{'^' * begins}{text[:PIECE_MAX]}{'$' * (ends and whole)}".encode())
    rarest = max(found, key=lambda piece: (not _is_everyday(piece), len(piece)), default=b"")
    return rarest if len(rarest) >= PIECE_BYTES_MIN else b"#" if _DIGIT in string else b""


def _strings(node: _Node) -> frozenset[str] | None:
    """All strings that a node can be, edges in them; or None if they are many."""
    if isinstance(node, _One):
        return frozenset(node.of) if node.of else None
    if isinstance(node, _Repeat):
        strings = _strings(node.node) if node.most == 1 else None
        return strings if strings is None or node.least else strings | {""}
    if isinstance(node, _Either):
        each = [_strings(row) for row in node.rows]
        united = None if None in each else frozenset[str]().union(*filter(None, each))
        return united if united is not None and len(united) <= _STRINGS_MAX else None
    product = frozenset({""})
    for part in node.nodes:
        more = _strings(part)
        if more is None or len(product) * len(more) > _STRINGS_MAX:
            return None
        product = frozenset(first + then for first in product for then in more)
    return product


def _is_edge(char: str) -> bool:
    """Whether a word ends before this character, or begins after it."""
    return char not in _WORD and char not in _NO_EDGE


def _begins_with_edge(nodes: Sequence[_Node], right: bool) -> bool:
    """Whether no word goes on where this row begins."""
    if not nodes:
        return right
    first, rest = nodes[0], nodes[1:]
    if isinstance(first, _One):
        return bool(first.of) and all(_is_edge(text[0]) for text in first.of)
    after = _begins_with_edge(rest, right)
    if isinstance(first, _Row):
        return _begins_with_edge(first.nodes, after)
    if isinstance(first, _Either):
        return all(_begins_with_edge(row.nodes, after) for row in first.rows)
    inner = _begins_with_edge((first.node,), right=False)  # of something empty it is not known
    return inner and (first.least > 0 or after)


def _ends_in_edge(nodes: Sequence[_Node], left: bool) -> bool:
    """Whether no word goes on where this row ends."""
    if not nodes:
        return left
    last, rest = nodes[-1], nodes[:-1]
    if isinstance(last, _One):
        return bool(last.of) and all(_is_edge(text[-1]) for text in last.of)
    before = _ends_in_edge(rest, left)
    if isinstance(last, _Row):
        return _ends_in_edge(last.nodes, before)
    if isinstance(last, _Either):
        return all(_ends_in_edge(row.nodes, before) for row in last.rows)
    inner = _ends_in_edge((last.node,), left=False)
    return inner and (last.least > 0 or before)


# ---- reading a pattern -----------------------------------------------------------------------------------


class _NotUnderstood(Exception):
    pass


_QUANTIFIER: Final = re.compile(r"[*+?]|\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_PLAIN: Final = re.compile(r"[a-z0-9 ]{2,}(?![*+?{])")  # of what is repeated, the last one is not among them
_CODE: Final = re.compile(r"x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})")
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_MANY: Final = 1 << 30


class _Reader:
    """Reads a pattern from left to right; gives up at whatever it does not know."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> _Either:
        read = self._either()
        if self._at < len(self._pattern):
            raise _NotUnderstood
        return read

    def _either(self) -> _Either:
        self._depth += 1
        if self._depth > _NESTING_MAX:
            raise _NotUnderstood
        rows = [self._row()]
        while self._take("|"):
            rows.append(self._row())
        self._depth -= 1
        return _Either(tuple(rows))

    def _row(self) -> _Row:
        nodes: list[_Node] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            plain = _PLAIN.match(self._pattern, self._at)
            if plain is not None:
                self._at = plain.end()
                nodes.append(_One((plain[0],)))
            else:
                nodes.append(self._repeated(self._node()))
        return _Row(tuple(nodes))

    def _node(self) -> _Node:
        char = self._next()
        if char == "(":
            if self._take("?") and not self._take(":"):
                raise _NotUnderstood  # a flag, or a name
            inside = self._either()
            if not self._take(")"):
                raise _NotUnderstood
            return inside
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char == "^":
            return _One((_EDGE,))
        if char in ".$" or char == _DIGIT:
            return _ANY
        if char in "*+?{":
            raise _NotUnderstood
        return _One((char,))

    def _escape(self) -> _One:
        code = _CODE.match(self._pattern, self._at)
        if code is not None:
            self._at = code.end()
            char = chr(int(code[1] or code[2], 16))
            return _One((char,)) if char not in (_DIGIT, _EDGE) else _ANY
        char = self._next()
        if char == "b":
            return _One((_EDGE,))
        if char == "d":
            return _One((_DIGIT,))
        if char in "wWDSB" or char == _DIGIT:
            return _ANY
        if char == "s":
            return _One(("\t", "\n", "\f", "\r", " "))
        if char in _CONTROLS:
            return _One((_CONTROLS[char],))
        if char.isalnum() or not char.isascii():
            raise _NotUnderstood
        return _One((char,))

    def _class(self) -> _Node:
        """Characters in brackets; a range of them, what a class excludes, and a class of many are any character."""
        excludes = self._take("^")
        nodes = [self._of_class()]
        while not self._take("]"):
            nodes.append(self._of_class())
        chars = dict.fromkeys(char for node in nodes for char in node.of)
        known = not excludes and all(node.of for node in nodes) and len(chars) <= _CLASS_MAX
        return _One(tuple(chars)) if known else _ANY

    def _of_class(self) -> _One:
        digits = self._pattern.startswith("0-9", self._at)
        first = self._char_of_class()
        if self._pattern[self._at : self._at + 1] != "-" or self._pattern[self._at + 1 : self._at + 2] in {"", "]"}:
            return first
        self._next()
        self._char_of_class()
        return _One((_DIGIT,)) if digits else _ANY

    def _char_of_class(self) -> _One:
        if self._pattern.startswith("[:", self._at):
            raise _NotUnderstood
        char = self._next()
        if char == "\\":
            escaped = self._escape()
            if _EDGE in escaped.of:
                raise _NotUnderstood
            return escaped
        return _One((char,)) if char != _DIGIT else _ANY

    def _repeated(self, node: _Node) -> _Node:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if found is None:
            return node
        self._at = found.end()
        self._take("?")  # as few as possible: what is found is the same
        if _QUANTIFIER.match(self._pattern, self._at):
            raise _NotUnderstood
        if found[1] is None:
            return _Repeat(node, int(found[0] == "+"), 1 if found[0] == "?" else _MANY)
        least = int(found[1])
        return _Repeat(node, least, least if found[2] is None else int(found[3]) if found[3] else _MANY)

    def _next(self) -> str:
        if self._at >= len(self._pattern):
            raise _NotUnderstood
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, char: str) -> bool:
        taken = self._pattern.startswith(char, self._at)
        self._at += taken
        return taken
