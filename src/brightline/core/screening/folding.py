# SPDX-License-Identifier: Apache-2.0
"""What a person would type for what stands there: the first view of a text, and the last step of every other.

1. Characters: compatibility forms, unseen characters, marks, enclosed and tag letters (``characters``).
2. Words: look-alikes of other scripts, where a word is a disguised Latin one (``words``).
3. Blanks: one between words, none around them (``collapse``).

``re`` and ``str.translate`` cost tens of nanoseconds for each character of a text that is not ASCII, and most of its
characters are. So each step asks first which characters beyond ASCII there are at all, which a few passes in C answer,
and then does what those need.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Set
from typing import Final, NamedTuple

import msgspec

from brightline.core.screening.lookalikes import (
    CLOSE,
    LOOSE,
    MARKS,
    MARKS_BMP,
    READS_AS,
    SIGNS,
    SORTED_MARKS,
    SORTED_MARKS_BMP,
    script,
)


def fold(text: str) -> str:
    """Return what a person would type for what stands in ``text``: lower case, one blank between words.

    Latin in any disguise of characters becomes ASCII; words of other scripts keep their letters. Idempotent;
    takes any string, lone surrogates included, and returns one that encodes to UTF-8.
    """
    return stages_of(text).folded


class Stages(NamedTuple):
    """One text on its way to being folded: characters done, words done, white space done.

    ``beyond`` has all characters beyond ASCII of the three.
    """

    seen: str
    soft: str
    folded: str
    beyond: Beyond


def stages_of(text: str) -> Stages:
    """Fold a text, and keep what it was on the way."""
    seen = characters(text)
    beyond = Beyond(seen).with_folded_case()
    soft = words(seen, beyond)
    return Stages(seen, soft, collapse(soft), beyond)


# ---- which characters there are ---------------------------------------------------------------------

_ASCII: Final = bytes(range(0x80))
_BMP_END: Final = "\uffff"
_SAMPLE: Final = 512
_VARIED_FROM: Final = 128
_FEW_MAX: Final = 24
"""So many searches through a text cost as much as one look-up for each of its characters."""


class Beyond:
    """The characters beyond ASCII of a text: as they stand there, and which."""

    __slots__ = ("_chars", "is_varied", "text")

    def __init__(self, text: str) -> None:
        self._chars: frozenset[str] | None = None
        self.text = ""
        if not text.isascii():
            data = text.encode("utf-8", "surrogatepass").translate(None, _ASCII)
            self.text = data.decode("utf-8", "surrogatepass")
        self.is_varied = len(frozenset(self.text[:_SAMPLE])) > _VARIED_FROM

    @property
    def chars(self) -> frozenset[str]:
        """Each of them. Dear for a text that is varied."""
        if self._chars is None:
            self._chars = frozenset(self.text)
        return self._chars

    def with_folded_case(self) -> Beyond:
        """These, and what they become in the other case."""
        folded = self.text.casefold()
        return self if folded == self.text else Beyond(self.text + folded)


class Table(msgspec.Struct, frozen=True):
    """Readings of characters beyond ASCII, none of which holds a character that has a reading itself."""

    readings: Mapping[int, str]
    has: frozenset[str]
    one: re.Pattern[str]
    """Finds any of them, and perhaps others beyond the Basic Multilingual Plane, for which ``re`` has no table."""

    def read(self, text: str, beyond: Beyond) -> str:
        """``text.translate(readings)``, for a text that has no characters beyond ASCII but those in ``beyond``."""
        if not self.one.search(beyond.text):
            return text
        if beyond.is_varied or len(there := self.has & beyond.chars) > _FEW_MAX:
            return text.translate(self.readings)
        for char in there:
            text = text.replace(char, self.readings[ord(char)])
        return text


def table_of(readings: Mapping[int, str]) -> Table:
    """A table of those readings that are beyond ASCII."""
    has = frozenset(chr(code) for code in readings if code >= 0x80)
    within = "".join(sorted(char for char in has if char <= _BMP_END))
    beyond = f"{_BMP_END}-\U0010ffff" if any(char > _BMP_END for char in has) else ""
    return Table(
        readings={ord(char): readings[ord(char)] for char in has},
        has=has,
        one=re.compile(f"[{re.escape(within)}{beyond}]"),
    )


# ---- 1. characters ----------------------------------------------------------------------------------

_UNSEEN_ASCII: Final = bytes(code for code in READS_AS if code < 0x80)
"""Controls, none of which reads as anything: a test looks."""
_READS_AS: Final = table_of(READS_AS)
_GOES_ASTRAY: Final = (*map(ord, "ﷺﷻϲϹ"), *range(0x249C, 0x24B6), *range(0x1F110, 0x1F12A))
_BEFORE_NFKC: Final = table_of({code: READS_AS[code] for code in _GOES_ASTRAY})
"""Where NFKC goes astray: two ligatures become 18 and 8 characters, letters get parentheses, ``ϲ`` no ``c``."""
_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff]")


class _Marks(msgspec.Struct, frozen=True):
    """Patterns for runs of marks: those too long to be sorted, and those on what is or looks Latin."""

    one: re.Pattern[str]
    sorted_one: re.Pattern[str]
    long_run: re.Pattern[str]
    on_letters: re.Pattern[str]


_LOOKALIKES: Final[Mapping[int, str]] = {**LOOSE, **CLOSE}
_BAR: Final = _LOOKALIKES[ord("|")]
"""The one look-alike that is ASCII. In the company of others, a bar may be an ``l``."""
_LIKE_LATIN: Final = table_of(_LOOKALIKES)


def _marks(every: str, sorted_by_normalisation: str) -> _Marks:
    letters = re.escape("".join(map(chr, _LOOKALIKES)))
    first, more = sorted_by_normalisation, f"(?:{sorted_by_normalisation})"
    # Where nothing follows, no run is tried in another way: each is taken as a whole.
    return _Marks(
        one=re.compile(every),
        sorted_one=re.compile(sorted_by_normalisation),
        long_run=re.compile(f"({first}{more}{{29}}+){more}++"),
        on_letters=re.compile(f"{every}(?<=[A-Za-z0-9{letters}].)(?:{every})*+"),
    )


def _guarded(within_bmp: str, every: str) -> str:
    """The class ``every``, where only what is beyond the Basic Multilingual Plane is held against its list.

    ``re`` has a class within the plane in one look-up, and any other as a list.
    """
    return f"[{within_bmp[1:-1]}\U00010000-\U0001efff](?>(?<=[\x00-\uffff])|(?<={every}))"


_WITHIN_BMP: Final = _marks(MARKS_BMP, SORTED_MARKS_BMP)
_EVERYWHERE: Final = _marks(_guarded(MARKS_BMP, MARKS), _guarded(SORTED_MARKS_BMP, SORTED_MARKS))


def characters(text: str) -> str:
    """Let every character be what it reads as wherever it stands. Keeps case, and white space as it is."""
    if text.isascii():
        return _without_unseen(text)
    beyond = Beyond(text)
    if (marks := _marks_for(beyond)).sorted_one.search(beyond.text):
        # Normalisation sorts each run of marks by insertion, so a run as long as the text costs its square. UAX
        # #15 (Stream-Safe Text Format) allows 30 in a row.
        text = marks.long_run.sub(r"\1", text)
    normal = unicodedata.normalize("NFKC", _BEFORE_NFKC.read(text, beyond))
    text = _READS_AS.read(normal, beyond if normal == text else Beyond(normal))
    text = _without_unseen(text)
    if text.isascii():
        return text
    # What stood apart because of something unseen now stands together, and may compose.
    text = unicodedata.normalize("NFC", text)
    beyond = Beyond(text)
    marks = _marks_for(beyond)
    return marks.on_letters.sub("", text) if marks.one.search(beyond.text) else text


def _without_unseen(text: str) -> str:
    data = text.encode()
    seen = data.translate(None, _UNSEEN_ASCII)
    return text if len(seen) == len(data) else seen.decode()


def _marks_for(beyond: Beyond) -> _Marks:
    return _EVERYWHERE if _BEYOND_BMP.search(beyond.text) else _WITHIN_BMP


# ---- 2. words ---------------------------------------------------------------------------------------

_SIGNS: Final = re.escape(SIGNS)
_SIGN: Final = re.compile(f"[{_SIGNS}]")
_WORD: Final = re.compile(r"([^\WA-Za-z]++)(?![A-Za-z])|(\w++)")
"""A word: in the first group if it has no Latin letters, else in the second."""
_WORD_OR_SIGN: Final = re.compile(rf"((?:[^\WA-Za-z]|[{_SIGNS}])++)(?![A-Za-z])|([\w{_SIGNS}]++)")
"""The same where a look-alike that is no letter stands for one, and ends no word."""
_EAST_ASIAN: Final = re.compile("[\u3400-\u9fff\uac00-\ud7a3]+")
"""Ideographs and syllables, among which there is no look-alike."""
_CLOSE_LETTERS: Final = frozenset(map(chr, CLOSE))
_SCRIPTS: Final = {letter: script(letter) for letter in _CLOSE_LETTERS}


def words(seen: str, beyond: Beyond) -> str:
    """Map look-alikes in the words that are disguised Latin, and fold the case of everything.

    A word is disguised when it mixes Latin or a second script with look-alikes, or when all its letters are
    close look-alikes and no other word uses their script in earnest: so a Russian text keeps its short
    words, too. ``beyond`` may have characters that the text does not have.
    """
    if seen.isascii():
        return seen.lower()
    return (_undisguised(seen, beyond) if _LIKE_LATIN.one.search(beyond.text) else seen).casefold()


def _undisguised(seen: str, beyond: Beyond) -> str:
    if 4 * len(beyond.text) > len(seen):
        return _words_read(seen, beyond)
    # Most words are ASCII: the others are read together, in their order.
    tokens = seen.split(" ")
    odd = [at for at, token in enumerate(tokens) if not token.isascii()]
    read = _words_read(" ".join([tokens[at] for at in odd]), beyond)
    for at, token in zip(odd, read.split(" "), strict=True):
        tokens[at] = token
    return " ".join(tokens)


def _words_read(text: str, beyond: Beyond) -> str:
    a_word = _WORD_OR_SIGN if "|" in text or _SIGN.search(beyond.text) else _WORD
    parts: list[str | None] = a_word.split(text)  # between, pure, mixed, between …
    if len(parts) == 1:
        return text
    mixed = [word or "" for word in parts[2::3]]
    if "|" in text:
        mixed = [word if word.isascii() else word.replace("|", _BAR) for word in mixed]
    parts[2::3] = _LIKE_LATIN.read("\n".join(mixed), beyond).split("\n")
    if readings := _readings(frozenset(filter(None, parts[1::3]))):
        parts[1::3] = [word and readings.get(word, word) for word in parts[1::3]]
    return "".join(filter(None, parts))


def as_latin(text: str, beyond: Beyond) -> str:
    """Every look-alike of a text beyond ASCII as the letter that it may stand for."""
    return text if text.isascii() else _LIKE_LATIN.read(text, beyond).replace("|", _BAR)


def _readings(pure: Set[str]) -> Mapping[str, str]:
    """Those words without Latin letters that are disguised, with what they read as."""
    close = [word for word in pure if not _CLOSE_LETTERS.isdisjoint(word)]
    readings = {word: word.translate(_LOOKALIKES) for word in close if _is_of_two_scripts(word)}
    disguised = [word for word in close if word not in readings and _CLOSE_LETTERS.issuperset(word)]
    if disguised:
        letters = frozenset(_EAST_ASIAN.sub("", "".join(pure - readings.keys()))) - _CLOSE_LETTERS
        earnest = {script(letter) for letter in letters if letter.isalpha()}
        readings |= {word: word.translate(CLOSE) for word in disguised if _SCRIPTS[word[0]] not in earnest}
    return readings


def _is_of_two_scripts(word: str) -> bool:
    return len(word) > 1 and len({_SCRIPTS[letter] for letter in word if letter in _SCRIPTS}) > 1


# ---- 3. blanks --------------------------------------------------------------------------------------

_BLANKS: Final = bytes(ord(" ") if code < 0x80 and chr(code).isspace() else code for code in range(0x100))


def collapse(text: str) -> str:
    """One blank between words, none around them. Taking words apart is dear, and few texts have blanks in a row."""
    if text.isascii():
        text = text.encode().translate(_BLANKS).decode()
        if "  " not in text:
            return text.strip(" ")
    return " ".join(text.split())
