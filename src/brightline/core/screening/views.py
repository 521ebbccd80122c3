# SPDX-License-Identifier: Apache-2.0
"""Every way in which a model can read a text, so that a rule has to be written for one of them only.

A model understands ``w.e.a.p.o.n``, base64 and Cyrillic look-alikes; a pattern does not. So each leaf is
turned into *views*: the first, ``folded``, is what a person would type for what stands there; the others
undo one disguise each. Rules match the text of every view, and every view is folded: lower case, one blank
between words.

1. Characters: compatibility forms, unseen characters, marks, enclosed and tag letters (``_characters``).
2. Words: look-alikes of other scripts, where a word is a disguised Latin one (``_words``).
3. Views of the letters: joined, split, leet, rot13, reversed (``_of_letters``).
4. Views of what is encoded, twice over (``decoding.py``), each with its views of the letters.

A decoded stretch is put in the place of the encoded one, and the rest of the text stays around it. So the
number of views depends on the kinds of disguise and not on their count, and no flood of decoys pushes the
payload out. Where the limits would still be passed, nothing is dropped: ``ScreeningUnavailable`` is raised,
which refuses.

Nothing here is quadratic: patterns begin at the beginning of a run, and their repetitions are possessive or
bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import msgspec

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.decoding import decode, decode_apart
from brightline.core.screening.lookalikes import (
    CLOSE,
    LOOSE,
    MARKS,
    MARKS_BMP,
    READS_AS,
    SIGNS,
    SORTED_MARKS,
    SORTED_MARKS_BMP,
    UPSIDE_DOWN,
    script,
)
from brightline.core.screening.shape import Shape, shape_of


class View(msgspec.Struct, frozen=True):
    """One reading of a leaf. ``name`` says how it came about, outermost step first:
    ``hex+base64+reversed``."""

    name: str
    text: str


class ViewLimits(msgspec.Struct, frozen=True):
    """How much the views of one text may come to, in views and in characters of all views together."""

    views_max: int = 32
    growth_max: int = 32
    """Characters of all views for each character of the text."""
    chars_spare: int = 4096
    """Characters beyond that, so that a short text may have any views."""


DEFAULT: Final = ViewLimits()


_TURNS: Final = frozenset({"rot13", "reversed"})


def turn_of(name: str) -> str:
    """How the words of the view of this name were turned last, so that plain ones are none any more; or ``""``."""
    last = name.rpartition("+")[2]
    return last if last in _TURNS else ""


def fold(text: str) -> str:
    """Return what a person would type for what stands in ``text``: lower case, one blank between words.

    Latin in any disguise of characters becomes ASCII; words of other scripts keep their letters. Idempotent;
    takes any string, lone surrogates included, and returns one that encodes to UTF-8.
    """
    return _collapse(_words(_characters(text)))


def views(text: str, limits: ViewLimits = DEFAULT) -> tuple[View, ...]:
    """Return the views of ``text``, ``folded`` first, no two with the same text, none empty but the first.

    Pure; time is linear in the text. Raises ``ScreeningUnavailable`` when the views do not fit the limits.
    """
    found: dict[str, str] = {}
    room = limits.growth_max * len(text) + limits.chars_spare
    for view in _views(text):
        if view.text in found or (found and not view.text):
            continue
        found[view.text] = view.name
        room -= len(view.text)
        if room < 0 or len(found) > limits.views_max:
            raise ScreeningUnavailable(f"the views of a text of {len(text)} characters exceed {limits}")
    return tuple(View(name, text) for text, name in found.items())


class _Stages(msgspec.Struct, frozen=True):
    """One text on its way to being folded: characters done, words done, white space done."""

    seen: str
    soft: str
    folded: str


def _stages(text: str) -> _Stages:
    seen = _characters(text)
    soft = _words(seen)
    return _Stages(seen, soft, _collapse(soft))


def _views(text: str) -> Iterator[View]:
    stages = _stages(text)
    shape = shape_of(stages.seen)
    yield View("folded", stages.folded)
    source = stages.seen
    if not text.isascii():
        yield from _of_characters(text)
    yield from _of_letters("", stages, shape)
    if not text.isascii() and (hidden := _selectors(text)):
        # It is put beside the text as well, because it may be encoded in turn.
        yield View("selectors", fold(hidden))
        source = _characters(f"{source} {hidden}")
        shape = shape_of(source)
    once = decode(source, shape)
    if not once.names:
        return
    stages = _stages(once.text)
    yield View("+".join(once.names), stages.folded)
    yield from (View(name, fold(undone)) for name, undone in decode_apart(source, once))
    names = once.names
    twice = decode(stages.seen, shape_of(stages.seen))
    if twice.names:
        names += twice.names
        stages = _stages(twice.text)
        yield View("+".join(names), stages.folded)
    yield from _of_letters("+".join(names) + "+", stages, shape_of(stages.seen))


# ---- 1. characters ----------------------------------------------------------------------------------

_ALL: Final = {**LOOSE, **CLOSE}
_CONTROLS: Final = {code: reading for code, reading in READS_AS.items() if code < 0x80}
_BEFORE_NFKC: Final = re.compile("[ﷺﷻϲϹ\u249c-\u24b5\U0001f110-\U0001f129]")
"""Where NFKC goes astray: two ligatures become 18 and 8 characters, letters get parentheses, ``ϲ`` no ``c``."""
_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff]")


class _Marks(msgspec.Struct, frozen=True):
    """Patterns for runs of marks: those too long to be sorted, and those on what is or looks Latin."""

    long_run: re.Pattern[str]
    on_letters: re.Pattern[str]


def _marks(every: str, sorted_by_normalisation: str) -> _Marks:
    lookalikes = re.escape("".join(map(chr, _ALL)))
    return _Marks(
        long_run=re.compile(f"({sorted_by_normalisation}{{30}}){sorted_by_normalisation}+"),
        on_letters=re.compile(f"{every}(?<=[A-Za-z0-9{lookalikes}].){every}*+"),
    )


_MARKS: Final = _marks(MARKS, SORTED_MARKS)
_MARKS_BMP: Final = _marks(MARKS_BMP, SORTED_MARKS_BMP)


def _characters(text: str) -> str:
    """Let every character be what it reads as wherever it stands. Keeps case, and white space as it is."""
    if text.isascii():
        return text.translate(_CONTROLS)
    # Normalisation sorts each run of marks by insertion, so a run as long as the text costs its square. UAX
    # #15 (Stream-Safe Text Format) allows 30 in a row.
    marks = _MARKS if _BEYOND_BMP.search(text) else _MARKS_BMP
    text = marks.long_run.sub(r"\1", text)
    text = _BEFORE_NFKC.sub(lambda char: READS_AS[ord(char[0])], text)
    text = unicodedata.normalize("NFKC", text).translate(READS_AS)
    if text.isascii():
        return text
    # What stood apart because of something unseen now stands together, and may compose.
    text = unicodedata.normalize("NFC", text)
    marks = _MARKS if _BEYOND_BMP.search(text) else _MARKS_BMP
    return marks.on_letters.sub("", text)


_BLANKS: Final = {code: " " for code in range(0x80) if chr(code).isspace()}


def _collapse(text: str) -> str:
    """One blank between words, none around them. Taking words apart is dear, and few texts have blanks in a row."""
    if text.isascii():
        text = text.translate(_BLANKS)
        if "  " not in text:
            return text.strip(" ")
    return " ".join(text.split())


# ---- 2. words ---------------------------------------------------------------------------------------

_IN_WORD: Final = rf"\w{re.escape(SIGNS)}"
_WORD: Final = re.compile(rf"(?<![{_IN_WORD}])[A-Za-z0-9_]*+(?:[^\W\x00-\x7f]|[{re.escape(SIGNS)}])[{_IN_WORD}]*+")
_LATIN: Final = re.compile("[A-Za-z]")
_CLOSE_LETTERS: Final = frozenset(map(chr, CLOSE))
_SCRIPTS: Final = {letter: script(letter) for letter in _CLOSE_LETTERS}
_HAS_LOOKALIKE: Final = re.compile("[" + re.escape("".join(map(chr, _ALL))) + "]")


def _words(seen: str) -> str:
    """Map look-alikes in the words that are disguised Latin, and fold the case of everything.

    A word is disguised when it mixes Latin or a second script with look-alikes, or when all its letters are
    close look-alikes and no other word uses their script in earnest: so a Russian text keeps its short
    words, too.
    """
    if seen.isascii():
        return seen.lower()
    if _HAS_LOOKALIKE.search(seen):
        readings = _readings(frozenset(_WORD.findall(seen)))
        seen = _WORD.sub(lambda word: readings[word[0]], seen)
    return seen.casefold()


def _readings(words: frozenset[str]) -> dict[str, str]:
    """What each of the words of a text reads as."""
    mixed = {word for word in words if _is_mixed(word)}
    pure = words - mixed
    letters = {letter for letter in set("".join(pure)) if letter.isalpha()}
    earnest = {script(letter) for letter in letters - _CLOSE_LETTERS}
    readings = {word: word.translate(_ALL) for word in mixed}
    for word in pure:
        is_close = word[0] in _SCRIPTS and _SCRIPTS[word[0]] not in earnest
        disguised = is_close and _CLOSE_LETTERS.issuperset(word)
        readings[word] = word.translate(CLOSE) if disguised else word
    return readings


def _is_mixed(word: str) -> bool:
    """Whether the word has Latin letters beside others, or look-alikes from more than one script."""
    if _LATIN.search(word):
        return True
    return len(word) > 1 and len({_SCRIPTS[letter] for letter in word if letter in _SCRIPTS}) > 1


# ---- 3. views of the letters ------------------------------------------------------------------------

_BETWEEN: Final = r"(?:\s?[^\w\s]{1,3}\s?|\s|_{1,3})"
_ONE: Final = r"[^\W_](?![^\W_])"
_SPELLED: Final = re.compile(rf"(?<![^\W_])[^\W\d_](?:{_BETWEEN}{_ONE}){{2,}}")
_SPELLED_ALIKE: Final = re.compile(rf"(?<![^\W_])[^\W\d_]({_BETWEEN}){_ONE}(?:\1{_ONE})+")
"""The same sign between all letters. It goes first, so that ``a w.e.a.p.o.n`` stays two words."""
_NO_LETTERS: Final = re.compile(r"[\W_]+")
_SPLIT: Final = re.compile(
    r"[^\w\s](?<=[^\W\d_].)"
    r"(?:(?<=-)\s?\n\s?|(?<!')[^\w\s]{0,3}|(?<=')(?!(?:s|t|re|ll|ve|d|m)\b)[^\w\s]{0,3})(?=[^\W_])"
)
"""What stands between two letters of one word: hyphens, dots, signs, emoji, the end of a line; but not
``don't``."""
_ODD_APOSTROPHE: Final = re.compile(r"'(?!(?:s|t|re|ll|ve|d|m)\b)")
_SEAM: Final = re.compile(r"[^\w\s'](?<=[^\W_].)")
_CAMEL: Final = re.compile("[A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z]))")
_LEET: Final = re.compile(
    "[0-9@$!|](?:"
    "(?<=[0-9@$])(?<![0-9@$].)(?:(?<=[a-z].)[0-9@$]*+|[0-9@$]*+(?=[a-z]))"
    "|(?<=[!|])(?:(?<=[a-z].)(?=[a-z0-9])|(?<=[0-9].)(?=[a-z])))"
)
"""A whole run of digits, ``@`` and ``$`` with a letter beside it, or ``!`` and ``|`` within a word. What is rare
comes first in this and the other patterns, because ``re`` skips to a leading class several times faster."""
_LEET_LETTERS: Final = str.maketrans("0123456789@$!|", "o\x01zeasgtbgas\x01\x01")
"""With U+0001, which no folded text holds, for the signs that stand for ``i`` as often as for ``l``."""
_ROT13: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")
_A_LETTER: Final = re.compile("[a-z]")


def _of_letters(prefix: str, stages: _Stages, shape: Shape) -> Iterator[View]:
    """The views that a text has because of how its letters stand. In ``soft``, two blanks end a spelled
    word."""
    seen, soft, folded = stages.seen, stages.soft, stages.folded
    joined = soft
    if shape.spelled:
        for spelled in (_SPELLED_ALIKE, _SPELLED):
            joined = spelled.sub(lambda run: _NO_LETTERS.sub("", run[0]), joined)
        if joined != soft:
            yield from _unleeted(f"{prefix}joined-letters+", _collapse(_words(joined)))
    if shape.split or (shape.apostrophe and _ODD_APOSTROPHE.search(soft)):
        joined = _SPLIT.sub("", joined.replace("_", "-"))
    if joined != soft:
        yield View(f"{prefix}joined-letters", _collapse(_words(joined)))
    if shape.split or shape.camel:
        apart = _SEAM.sub(" ", seen.replace("_", " "))
        yield View(f"{prefix}words", _collapse(_words(_CAMEL.sub(r" \g<0>", apart) if shape.camel else apart)))
    if shape.leet:
        yield from _unleeted(prefix, folded)
    if not folded.isascii() and _HAS_LOOKALIKE.search(folded):
        yield View(f"{prefix}lookalikes", folded.translate(_ALL))
    if _A_LETTER.search(folded):
        yield View(f"{prefix}rot13", folded.translate(_ROT13))
    yield View(f"{prefix}reversed", folded[::-1])


def _unleeted(prefix: str, folded: str) -> Iterator[View]:
    letters = _LEET.sub(lambda run: run[0].translate(_LEET_LETTERS), folded)
    if letters != folded:
        yield View(f"{prefix}leet", letters.replace("\x01", "i"))
        yield View(f"{prefix}leet-l", letters.replace("\x01", "l"))


# ---- views that only texts beyond ASCII have --------------------------------------------------------

_TAGS: Final = re.compile("[\U000e0000-\U000e007f]+")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_OVERRIDDEN: Final = re.compile("\u202e([^\u202c\u202d\n]*+)")
_TURNED: Final = re.compile(
    "[" + "".join(map(chr, UPSIDE_DOWN)).translate({ord(c): None for c in "lodsxzbqpun."}) + "]"
)


def _of_characters(text: str) -> Iterator[View]:
    if runs := _TAGS.findall(text):
        yield View("tags", fold(" ".join(runs)))
        yield View("untagged", fold(_TAGS.sub("", text)))
    if "\u202e" in text:
        yield View("bidi", fold(_OVERRIDDEN.sub(lambda run: run[1][::-1], text)))
    if _TURNED.search(text):
        yield View("upside-down", fold(text.translate(UPSIDE_DOWN)[::-1]))


def _selectors(text: str) -> str:
    """The bytes that a run of variation selectors stands for: VS1 is 0, VS256 is 255."""
    return " ".join(
        bytes(ord(c) - 0xFE00 if c < "\uff00" else ord(c) - 0xE0100 + 16 for c in run).decode("utf-8", "replace")
        for run in _SELECTORS.findall(text)
    )
