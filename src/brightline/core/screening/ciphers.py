# SPDX-License-Identifier: Apache-2.0
"""Readings of a folded text whose words were enciphered, turned one by one, or put at heads of lines.

Each costs a look first: a cipher is tried on the sentences in which no everyday word stands, and only where the
letters say so; words are turned where everyday ones stand backwards.
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from brightline.core.screening.shape import Shape

_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_ENDS: Final = (". ", "! ", "? ", ": ", "; ")
_EVERYDAY: Final = frozenset(
    {
        *("the", "and", "of", "to", "in", "is", "for", "that", "with", "this", "you", "are", "on", "it", "we", "be"),
        *("at", "by", "from", "or", "all", "who", "a", "an", "i", "de", "la", "el", "que", "les", "des", "und"),
        *("der", "die", "das", "il", "di", "per", "para", "le", "en", "un", "una"),
    }
)
_LETTERS: Final = _SMALL.encode()
LETTERS_MIN: Final = 24
"""Of fewer letters, any shift is as likely as another."""

# Natural logarithms of how often each letter stands in English prose, in thousandths.
_LOG_OFTEN: Final = (
    *(-2505, -4204, -3580, -3157, -2064, -3803, -3904, -2797, -2664, -6478, -4865, -3213, -3727),
    *(-2695, -2589, -3948, -6957, -2815, -2760, -2401, -3590, -4626, -3749, -6501, -3925, -7209),
)
_LOG_OFTEN_SORTED: Final = tuple(sorted(_LOG_OFTEN))
_MARGIN: Final = 250
"""By so much, for each letter and in thousandths, must another reading be likelier than what stands there."""
_SHIFTS: Final = tuple(by for by in range(1, 26) if by != 13)
_NAMES: Final = (*(f"caesar-{by}" for by in _SHIFTS), "atbash")
_TABLES: Final = {
    **{f"caesar-{by}": str.maketrans(_SMALL, _SMALL[-by:] + _SMALL[:-by]) for by in _SHIFTS},
    "atbash": str.maketrans(_SMALL, _SMALL[::-1]),
}
_LOG_OFTEN_ATBASH: Final = _LOG_OFTEN[::-1]
_BACKWARDS: Final = (
    " eht ",
    " dna ",
    " fo ",
    " ot ",
    " rof ",
    " htiw ",
    " lla ",
    " yreve ",
    " ohw ",
    " morf ",
    " taht ",
)
_LINES_MIN: Final = 8
_HEAD: Final = re.compile(r"\n[ \t>*#\-0-9.)]{0,8}([^\W_]+)")
_PIG: Final = re.compile(r"\b[a-z]{1,24}ay\b")
_PIG_WORD: Final = re.compile(
    r"\b(?:([a-z]{1,20})way|([a-z]*?[aeiouy][a-z]*?)"
    r"((?:s[chklmnpqtw]?|[bcdfgkpt]?[rl]|[cdghst]h|[bcdfghjklmnprstvwyz]|qu|tw|dw|kn|wr|th?r|sch?|scr|spl|spr|str|shr)?)"
    r"ay)\b"
)


def readings_of_ciphers(soft: str, folded: str, shape: Shape) -> Iterator[tuple[str, str]]:
    """The name and the folded text of each such reading. ``soft`` has its lines still."""
    if (found := _deciphered(folded)) is not None:
        yield found
    if shape.backwards and any(word in folded for word in _BACKWARDS):
        yield "reversed-words", " ".join(folded[::-1].split(" ")[::-1])
    if shape.ends_in_ay and _is_pig_latin(folded):
        yield "pig-latin", _PIG_WORD.sub(lambda word: word[1] or f"{word[3]}{word[2]}", folded)
    if soft.count("\n") + 1 >= _LINES_MIN and len(heads := _HEAD.findall(f"\n{soft}")) >= _LINES_MIN:
        yield "first-words", " ".join(heads)


def _is_pig_latin(folded: str) -> bool:
    """Whether a quarter of the words end in ``ay``. To count the syllable costs next to nothing, and is no less."""
    blanks = folded.count(" ")
    return folded.count("ay ") >= 4 and 4 * folded.count("ay") > blanks and 4 * len(_PIG.findall(folded)) > blanks


def _deciphered(folded: str) -> tuple[str, str] | None:
    """The text with those sentences deciphered that have no everyday word, or None where their letters are plain."""
    if len(folded) < LETTERS_MIN:
        return None
    lines = folded
    for end in _ENDS:
        if end[0] in folded:
            lines = lines.replace(end, f"{end[0]}\n")
    sentences = lines.split("\n")
    odd = [at for at, sentence in enumerate(sentences) if not _is_plain(sentence)]
    enciphered = " ".join([sentences[at] for at in odd]).encode()
    if len(enciphered) < LETTERS_MIN:
        return None
    counts = [*map(enciphered.count, _LETTERS)]
    if (letters := sum(counts)) < LETTERS_MIN:
        return None
    wanted = _likelihood(counts, _LOG_OFTEN) + _MARGIN * letters
    if _likelihood(sorted(counts), _LOG_OFTEN_SORTED) < wanted:  # no letters for letters are likelier than these
        return None
    likelihood, name = max(zip(likelihoods(counts), _NAMES, strict=True))
    if likelihood < wanted:
        return None
    for at in odd:
        sentences[at] = sentences[at].translate(_TABLES[name])
    return name, " ".join(sentences)


def _is_plain(sentence: str) -> bool:
    """Whether an everyday word stands in it. Most have one of a few, which are found without taking it apart."""
    return (
        " the " in sentence
        or " of " in sentence
        or " and " in sentence
        or " to " in sentence
        or " a " in sentence
        or not _EVERYDAY.isdisjoint(sentence.split(" "))
    )


def _number(numbers: Sequence[int]) -> int:
    """Numbers below 2^64 as the digits of one, the first the least."""
    return int.from_bytes(struct.pack(f"<{len(numbers)}Q", *numbers), "little")


_COSTS: Final = _number([-often for often in _LOG_OFTEN[::-1]] * 2)
"""How seldom each letter is, from z to a, twice over."""


def likelihoods(counts: Sequence[int]) -> list[int]:
    """How likely letters are that stand so often, if they are read by each shift of ``_SHIFTS``, and by atbash.

    The sums of all shifts are digits of one product: digit 25 + n adds up each count times the cost of the letter that
    stands n places before. For fewer than 2^48 letters no digit carries.
    """
    product = (_number(counts) * _COSTS).to_bytes(8 * 78, "little")
    costs = struct.unpack_from("<26Q", product, 8 * 25)
    return [*(-costs[by] for by in _SHIFTS), _likelihood(counts, _LOG_OFTEN_ATBASH)]


def _likelihood(counts: Sequence[int], often: Sequence[int]) -> int:
    return sum(map(operator.mul, counts, often))
