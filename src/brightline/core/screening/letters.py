# SPDX-License-Identifier: Apache-2.0
"""Readings that a text has because of how its letters stand: spelled, split, glued, leet, turned.

Each disguise has one pattern, in two forms: for a text that is ASCII, classes of which ``re`` makes a table; for any
other, the same classes over Unicode, each character of which it has to look up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from brightline.core.screening.ciphers import readings_of_ciphers
from brightline.core.screening.folding import Beyond, Stages, as_latin, collapse, words
from brightline.core.screening.shape import Shape
from brightline.core.screening.stretches import read_each


class _Patterns(msgspec.Struct, frozen=True):
    """What is looked for among the letters, in one of the two forms. The first group is all that is found."""

    spelled_alike: re.Pattern[str]
    """Single letters with the same sign between all. It goes first, so that ``a w.e.a.p.o.n`` stays two words."""
    spelled: re.Pattern[str]
    split: re.Pattern[str]
    """What stands between two letters of one word: hyphens, dots, signs, emoji, the end of a line; but not
    ``don't``."""
    seam: re.Pattern[str]
    """What stands after a letter and is no apostrophe."""


def _patterns(letter: str, letter_or_digit: str, sign: str, sign_but_apostrophe: str, blank: str) -> _Patterns:
    between = rf"(?:{blank}?{sign}{{1,3}}{blank}?|{blank}|_{{1,3}})"
    one = rf"{letter_or_digit}(?!{letter_or_digit})"
    first = rf"{letter}(?!{letter_or_digit})(?<!{letter_or_digit}.)"
    return _Patterns(
        spelled_alike=re.compile(rf"({first}({between}){one}(?:\2{one})+)"),
        spelled=re.compile(rf"({first}(?:{between}{one}){{2,}})"),
        split=re.compile(
            rf"{sign}(?<={letter}.)(?:(?<=-){blank}?\n{blank}?|(?<!'){sign}{{0,3}}"
            rf"|(?<=')(?!(?:s|t|re|ll|ve|d|m)\b){sign}{{0,3}})(?={letter_or_digit})"
        ),
        seam=re.compile(rf"{sign_but_apostrophe}(?<={letter_or_digit}.)"),
    )


SENTENCE_WORDS_MIN: Final = 12
_SENTENCE_END: Final = re.compile(r"[.!?](?=[ \n])")
_END: Final = "\x1f"
_CONTROLS: Final = r"\x00-\x08\x0e-\x1b\x7f"
_ASCII: Final = _patterns(
    letter="[A-Za-z]",
    letter_or_digit="[A-Za-z0-9]",
    sign=rf"[!-/:-@\[-^`{{-~{_CONTROLS}]",
    sign_but_apostrophe=rf"[!-&(-/:-@\[-^`{{-~{_CONTROLS}]",
    blank=r"[ \t-\r\x1c-\x1f]",
)
_ANY: Final = _patterns(
    letter=r"[^\W\d_]",
    letter_or_digit=r"[^\W_]",
    sign=r"[^\w\s]",
    sign_but_apostrophe=r"[^\w\s']",
    blank=r"\s",
)
_SIGN: Final = re.compile(r"[^\w\s]")
_SIGN_IN_WORD: Final = re.compile(r"[^\w\s\x00-\x7f](?<=[^\W_].)[^\w\s\x00-\x7f]{0,7}(?=[^\W_])")
"""Emoji and the like between the letters of a word, whose own hyphens stay."""
_NO_LETTERS: Final = re.compile(r"[^\w\x01]+|_+")
"""All but U+0001, which no folded text holds and which stands between runs."""
_ODD_APOSTROPHE: Final = re.compile(r"'(?!(?:s|t|re|ll|ve|d|m)\b)")
_CAMEL: Final = re.compile("([A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z])))")
_IN_LEET: Final = "(?:[0-9@$|]|!(?=[a-z0-9@$|]))"
_LEET: Final = re.compile(
    f"([0-9@$|!](?<![0-9@$|].)(?:(?<!!)|(?=[a-z0-9@$|]))(?:(?<=[a-z].){_IN_LEET}*+|{_IN_LEET}*+(?=[a-z])))"
)
"""A whole run of digits, ``@``, ``$`` and ``|`` with a letter beside it, and ``!`` in it or before a letter. What is
rare comes first in this and the other patterns, because ``re`` skips to a leading class several times faster."""
_LEET_LETTERS: Final = str.maketrans("0123456789@$!|", "o\x01zeasgtbgas\x01\x01")
"""With U+0001, which no folded text holds, for the signs that stand for ``i`` as often as for ``l``."""
_GLUED: Final = re.compile(r"""["'] ?\+ ?["'][a-z]""")
_GLUED_LIST: Final = re.compile(r"""join\([(\[]["'][^"']{1,20}["'],""")
_GLUE: Final = re.compile(r"""["']\s?[+,]\s?["']""")
"""What stands between the pieces of a text that source code puts together."""
_ROT13: Final = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz", b"nopqrstuvwxyzabcdefghijklm")
_A_LETTER: Final = re.compile("[a-z]")


def readings_of_letters(stages: Stages, shape: Shape) -> Iterator[tuple[str, str]]:
    """The name and the folded text of each such reading. In ``soft``, two blanks end a spelled word."""
    seen, soft, folded, _ = stages
    of = _ASCII if seen.isascii() else _ANY
    left = Beyond(soft)  # what is beyond ASCII still, once its words have been read
    joined = soft
    joined_folded = folded
    if shape.spelled:
        for spelled in (of.spelled_alike, of.spelled):
            joined = read_each(spelled, joined, _without_signs)
        if joined != soft:
            joined_folded = collapse(words(joined, left))
            yield from ((f"joined-letters+{name}", text) for name, text in _unleeted(joined_folded))
    if shape.split or (shape.apostrophe and _ODD_APOSTROPHE.search(soft)):
        closed = of.split.sub("", joined.replace("_", "-"))
        joined_folded = joined_folded if closed == joined else collapse(words(closed, left))
    if joined_folded != folded:
        yield "joined-letters", joined_folded
    if apart := words_apart(stages, shape):
        yield "words", apart
    if shape.split and _SIGN.search(left.text) and (unsigned := _SIGN_IN_WORD.sub("", soft)) != soft:
        yield "unsigned", collapse(words(unsigned, left))
    if shape.leet:
        yield from _unleeted(folded)
    if shape.glued and (_GLUED.search(soft) or _GLUED_LIST.search(soft)):
        yield "joined-strings", collapse(words(_GLUE.sub("", soft), left))
    for name, text in readings_of_ciphers(soft, folded, shape):
        yield name, text
        if apart:
            again = readings_of_ciphers("", apart, shape)
            yield from ((f"words+{same}", text) for same, text in again if same == name)
    if (latin := as_latin(folded, left)) != folded:
        yield "lookalikes", latin
    if _A_LETTER.search(folded):
        yield "rot13", rot13(folded)
    yield "reversed", backwards(folded)
    if apart and has_names(stages, shape):
        yield "words+rot13", rot13(apart)
        yield "words+reversed", backwards(apart)


def rot13(text: str) -> str:
    """Each small letter of ASCII as the one that stands thirteen places on."""
    return text.encode("utf-8", "surrogatepass").translate(_ROT13).decode("utf-8", "surrogatepass")


def backwards(text: str) -> str:
    """The characters in the other order."""
    return text[::-1]


def has_names(stages: Stages, shape: Shape) -> bool:
    """Whether words are glued in it as in the names of programs: what a hyphen joins, a rule reads anyway."""
    return shape.camel or "_" in stages.seen


def words_apart(stages: Stages, shape: Shape) -> str:
    """The folded text with blanks in the place of the signs between words, and before capitals; or empty.

    The end of a sentence of many words stays: without it all of a long answer is one sentence, in which something is
    ordered and somebody is named. What is cut into pieces shorter than that is read as one.
    """
    if not (shape.split or shape.camel):
        return ""
    of = _ASCII if stages.seen.isascii() else _ANY
    apart = of.seam.sub(" ", _with_ends(stages.seen.replace("_", " ")))
    apart = apart.replace(_END, ". ")
    apart = read_each(_CAMEL, apart, _with_blanks_before) if shape.camel else apart
    return collapse(words(apart, stages.beyond))


def _with_ends(text: str) -> str:
    """``text`` with ``_END``, a blank to everybody else, in the place of what ends a sentence of many words."""
    kept, done = [], 0
    text = text.replace(_END, " ")
    for end in _SENTENCE_END.finditer(text):
        if text.count(" ", done, end.start()) >= SENTENCE_WORDS_MIN:
            kept.append(text[done : end.start()])
            done = end.end()
    return _END.join([*kept, text[done:]]) if kept else text


def _unleeted(folded: str) -> Iterator[tuple[str, str]]:
    letters = read_each(_LEET, folded, _of_leet)
    if letters != folded:
        yield "leet", letters.replace("\x01", "i")
        yield "leet-l", letters.replace("\x01", "l")


def _without_signs(runs: list[str]) -> list[str]:
    return _NO_LETTERS.sub("", "\x01".join(runs)).split("\x01")


def _of_leet(runs: list[str]) -> list[str]:
    return "\n".join(runs).translate(_LEET_LETTERS).split("\n")


def _with_blanks_before(letters: list[str]) -> list[str]:
    return [f" {letter}" for letter in letters]
