# SPDX-License-Identifier: Apache-2.0
"""What characters look like, as data: which are unseen, which always read as ASCII, which only may.

Three tables, from certain to doubtful:

1. ``READS_AS``: characters that read the same wherever they stand. Unseen ones vanish, Latin letters lose
   their marks and styles, tag characters, regional indicators and enclosed letters become the letter that
   they carry. Most of it is derived from the names and decompositions of the Unicode Character Database.
2. ``CLOSE``: letters of other scripts that a reader takes for a Latin letter without noticing.
3. ``LOOSE``: letters and signs that a reader accepts for a Latin letter inside a Latin word, and nowhere
   else.

The last two are written by hand, by shape. They are no UTS #39 skeleton: a skeleton makes ``m`` and ``rn``
one, and rules are matched against words as people write them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

# ---- written by hand --------------------------------------------------------------------------------

_CLOSE: Final = {
    "a": "аΑα" + "ᎪꓮⲀⲁᗅ𐊠𐌀",
    "ae": "ӕ",
    "b": "вΒ" + "ᏴꓐⲂᗷ𐊂𐌁",
    "c": "с" + "ᏟꓚⲤⲥ𐌂𐐕𐐽",
    "d": "ԁ" + "ᎠᏧꓓᗞᗪᑯ",
    "e": "еҽΕε" + "ᎬꓰⲈ",
    "f": "Ϝϝ" + "ꓝᖴ𐌅",
    "g": "ԍ" + "ᏀᏳꓖ",
    "h": "нһΗ" + "ᎻᏂꓧⲎᕼ𐋏",
    "i": "іΙι" + "ᎥꓲⲒⲓᛁⵏ𐌉",
    "j": "јϳͿ" + "Ꭻꓙᒍ",
    "k": "кΚκ" + "ᏦꓗⲔⲕᛕ",
    "l": "ӏ" + "ᏞꓡᒪⳐ𐐛",
    "m": "мΜϺ" + "ᎷꓟⲘⲙᗰᛖ𐌑",
    "n": "Νη" + "ꓠⲚⲛ",
    "o": "оΟο" + "օꓳⲞⲟჿⵔ𐐄𐐬𐓂𐓪",
    "p": "рΡρϱ" + "ᏢꓑⲢⲣᑭ𐊕",
    "q": "ԛ",
    "r": "ᎡᏒꓣᖇᚱ",
    "s": "ѕ" + "ՏᏕᏚꓢ𐊖𐐠",
    "t": "тΤτ" + "ᎢꓔⲦⲧ𐊗𐌕",
    "u": "υ" + "սՍꓴᑌ𐓎𐓶",
    "v": "ѵν" + "Ꮩꓦᐯⴸ",
    "w": "ԝѡ" + "ᎳᏔꓪ",
    "x": "хΧχ" + "ꓫⲬⲭ᙭ᚷⵝ𐌗𐊐",
    "y": "уүҮΥ" + "ᎩᎽꓬⲨ𐊲",
    "z": "Ζ" + "Ꮓꓜ𐋵",
    "4": "Ꮞ",
    "6": "Ꮾ",
}

_LOOSE: Final = {
    "a": "ΔΛλд" + "₳⍺∀",
    "b": "ьъбβ" + "Ꮟᑲᖯ฿",
    "bl": "ы",
    "c": "ҫ" + "¢₵⊂ⅽ𝈌",
    "d": "δ" + "∂₫ժ",
    "e": "єэԑΣξΞ" + "€℮∈∊⋿ҿ",
    "f": "ք₣",
    "g": "ց₲",
    "h": "հђћԦ",
    "i": "ї⍳¡ւ",
    "io": "ю",
    "k": "ĸ₭",
    "l": "Ιוןاլ١۱£∣⏽׀ⵑ|ߊ",
    "ll": "װ‖∥",
    "m": "₥ოጠ",
    "n": "пийπոռ₦∩חղ",
    "o": "σθωΩ" + "סهھہەዐ∘○◯●⭕◦⚪⚫",
    "oo": "∞",
    "p": "₱₽⍴ᖘþ",
    "q": "գզφԳ",
    "r": "гяᴦ₹",
    "s": "ς₴§",
    "t": "₮⊤⟙⏉✝†է",
    "u": "цμ∪⋃ሀ",
    "v": "√∨⋁ט٧۷ᴧ",
    "w": "шщщաωպ₩ѿ",
    "x": "жӿ×╳✕✖❌⨯᙮ᕁᕽ⤫⤬",
    "y": "γчўყ¥ӌ",
    "z": "ჷʑ",
    "2": "ϨᒿƧ",
    "3": "зӡʒ",
}

_LATIN: Final = {
    "a": "ɑⱭꭤ",
    "ae": "æÆᴁ",
    "b": "Ƅƅꞗ",
    "c": "ɔƆᴐↄϲϹ",
    "d": "ðÐɖƌƋꝺ",
    "dz": "ʣʥ",
    "e": "ɛƐəƏɘɜꜫꬲ",
    "f": "ꝼʄꞙẝƑꬵ",
    "g": "ɡƍꬶᵹ",
    "h": "ɦⱵⱶƕ",
    "i": "ıɩ",
    "j": "ȷɟʝ",
    "l": "ꝇƖǀɭɫɬ",
    "ll": "ǁỻ",
    "ls": "ʪ",
    "lz": "ʫ",
    "n": "ŋŊɴƞ",
    "o": "ɵɸⱺꬽꝋᴑᴓ",
    "oe": "œŒɶ",
    "p": "ƿ",
    "r": "ɾɼɿꞃꭇꭈꝛ",
    "s": "ƽʃƨꞅꜱ",
    "ss": "ßẞ",
    "t": "ꞇƫ",
    "th": "þÞ",
    "ts": "ʦ",
    "u": "ʊʋꭎꭒᴜ",
    "ue": "ᵫ",
    "w": "ɯꞷ",
    "y": "ɣƔỿᶌꭚƴ",
    "z": "ʐʑ",
    "2": "Ƨ",
    "3": "ƷʒȜȝꝫꞫ",
    "5": "Ƽ",
    "8": "Ȣȣ",
    "aa": "ꜳꜲ",
    "ao": "ꜵꜴ",
    "au": "ꜷꜶ",
    "av": "ꜹꜸꜻꜺ",
    "ay": "ꜽꜼ",
    "oo": "ꝏꝎ",
    "ab": "🆎",
    "cl": "🆑",
    "cool": "🆒",
    "free": "🆓",
    "id": "🆔",
    "new": "🆕",
    "ng": "🆖",
    "ok": "🆗",
    "sos": "🆘",
    "up": "🆙",
    "vs": "🆚",
    "'": "‘’‚‛′‵ʹʻʼʽʾʿˈˊˋ՚׳ꞌ",
    '"': "“”„‟″‶«»〃״",
    "-": "−⁃˗➖",
    "/": "⁄∕⧸╱",
    "\\": "∖⧵⧹",
    ":": "∶ː꞉։",
    "*": "∗⁎٭",
    "~": "∼⁓",
    "+": "➕",
    "!": "ǃ❗❕",
    "?": "ʔɁ❓❔",
    # NFKC would make the first 18 and the second 8 characters long; so short, fold() stays bounded.
    "صلعم": "ﷺ",
    "جل": "ﷻ",
}
"""Context-free readings that neither the name nor the decomposition of the character tells."""

_UPSIDE_DOWN: Final = dict(
    zip("ɐqɔpǝɟƃɥᴉıɾʞlɯuodbɹsʇnʌʍxʎz∀ƐꞰ⅂ɅʁƎℲ⅄˙", "abcdefghiijklmnopqrstuvwxyzaeklvrefy.", strict=True)
)

# ---- derived from the Unicode Character Database ----------------------------------------------------

_SCANNED: Final = (
    range(0x80, 0x3400),
    range(0xA000, 0xAC00),
    range(0xD7B0, 0xE000),
    range(0xFB00, 0x17000),
    range(0x1B000, 0x20000),
    range(0xE0000, 0xE1000),
)
"""Everything but ideographs, Hangul syllables and private use, which never read as ASCII."""

_UNSEEN: Final = frozenset(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0, 0xFFFE, 0xFFFF),
        *(*range(0x180B, 0x1810), *range(0xFDD0, 0xFDF0), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFC)),
    )
)
"""Default ignorable (Unicode 15, DerivedCoreProperties) beyond Cf, noncharacters, and the blank of
Braille."""

_MARK_SPANS: Final = (
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2),
    (0x05C4, 0x05C5), (0x05C7, 0x05C7), (0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06DC), (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
)  # fmt: skip
"""Marks that no word needs to be read: accents, strikes, Hebrew and Arabic points. Vowel signs of Indic and
South East Asian scripts are marks as well (Mn), and taking those away would take the words away."""

_MARKS: Final = frozenset(chr(code) for first, last in _MARK_SPANS for code in range(first, last + 1))

_LETTER_NAME: Final = re.compile(
    r"(?:LATIN (?:SMALL |CAPITAL )?LETTER(?: SMALL CAPITAL| SIDEWAYS| TURNED| REVERSED| SCRIPT| BLACKLETTER"
    r"| STIRRUP| BARRED| LONG-LEGGED| SAKHA| DUM| INSULAR| HALF)*"
    r"|REGIONAL INDICATOR SYMBOL LETTER) ([A-Z])(?: WITH .*)?$"
)


def _code_points(table: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    return ((ord(shape), reading) for reading, shapes in table.items() for shape in shapes)


def _bare(text: str) -> str:
    """The compatibility decomposition without the marks that no word needs."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if c not in _MARKS)


def _reading(code: int, hand: Mapping[int, str]) -> str | None:
    """How one character reads wherever it stands, or None when that depends on the word or is itself."""
    char = chr(code)
    category = unicodedata.category(char)
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000)
    if char in "\x85\u2028\u2029":
        return "\n"
    if category == "Zs":
        return " "
    if category in ("Cf", "Cc", "Cs") or code in _UNSEEN or code >= 0xE0000 or char in _MARKS:
        return ""
    if code in hand:
        return hand[code]
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd":
        return "-"
    if category[0] in "LS" and (letter := _LETTER_NAME.search(unicodedata.name(char, ""))):
        return letter[1] if category == "Lu" else letter[1].lower()
    if unicodedata.decomposition(char) and (bare := _bare(char)).isascii():
        return bare
    return None


def _reads_as() -> dict[int, str]:
    hand = dict(_code_points(_LATIN))
    codes = (code for codes in _SCANNED for code in codes)
    table = {code: reading for code in codes if (reading := _reading(code, hand)) is not None}
    for char in (chr(code) for codes in _SCANNED for code in codes if code not in table):
        folded = char.casefold()
        if (read := folded.translate(table)) != folded:
            table[ord(char)] = read
        elif len(folded) > 1:
            # Iota subscripts and the like: one letter must not become two after its word has been judged.
            table[ord(char)] = unicodedata.normalize("NFC", _bare(char)) if _bare(char) != char else folded
    return table | {code: "" for code in (*range(0x20), 0x7F) if code not in range(0x09, 0x0E)}


READS_AS: Final[Mapping[int, str]] = _reads_as()
"""For ``str.translate``: code point to what it reads as wherever it stands; the empty string for the
unseen."""

_OF_OTHER_SCRIPTS: Final = (
    range(0x370, 0x590), range(0x13A0, 0x1400), range(0x1C80, 0x1CC0), range(0x1F00, 0x2000),
    range(0x2C80, 0x2D00), range(0xA640, 0xA6A0), range(0xAB70, 0xABC0), range(0x10400, 0x10500),
)  # fmt: skip


def _closed(table: Mapping[str, str], taken: Mapping[int, str]) -> dict[int, str]:
    """Add to a hand-written table what has the same base letter or the same folded case.

    Without this, folding the case of a letter that was left alone could make it a look-alike, and folding a
    text twice would give something else than folding it once.
    """
    found = {code: reading for code, reading in _code_points(table) if code not in READS_AS and code not in taken}
    for code in (code for codes in _OF_OTHER_SCRIPTS for code in codes):
        char = chr(code)
        for kin in (unicodedata.normalize("NFD", char)[0], char.casefold(), _bare(char.casefold())):
            if len(kin) == 1 and ord(kin) in found and code not in taken and code not in READS_AS:
                found.setdefault(code, found[ord(kin)])
    return found


CLOSE: Final[Mapping[int, str]] = _closed(_CLOSE, {})
"""Code points of other scripts that pass for Latin letters unnoticed, with the letter."""

LOOSE: Final[Mapping[int, str]] = _closed(_LOOSE, CLOSE)
"""Code points that pass for Latin letters inside a Latin word only, with the letter."""

SIGNS: Final = "".join(chr(code) for code in LOOSE if not chr(code).isalnum())
"""The look-alikes that are no letters, and so would end a word where they stand in for one."""

UPSIDE_DOWN: Final[Mapping[int, str]] = {ord(shape): letter for shape, letter in _UPSIDE_DOWN.items()}
"""For a text that is turned by 180 degrees, and so also runs backwards."""


@functools.lru_cache(maxsize=16_384)
def script(char: str) -> str:
    """The script of a letter: the first word of its Unicode name, such as ``CYRILLIC``; empty without a
    name."""
    return unicodedata.name(char, "").partition(" ")[0]


def _class_of(codes: Iterable[int]) -> str:
    spans: list[tuple[int, int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1] = (spans[-1][0], code)
        else:
            spans.append((code, code))
    return "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in spans) + "]"


_MARKED: Final = (*range(0x300, 0x3400), *range(0xA000, 0xAC00), *range(0xFB00, 0x1F000))
_TAKE_NO_PLACE: Final = tuple(code for code in _MARKED if unicodedata.category(chr(code)) in ("Mn", "Me"))
_SORTED: Final = tuple(
    code
    for code in _MARKED
    if unicodedata.combining(chr(code)) or 0x0F73 <= code <= 0x0F81 or code in (0xFF9E, 0xFF9F)
)

MARKS: Final = _class_of(_TAKE_NO_PLACE)
"""A class for regular expressions: every mark that takes no place of its own."""
MARKS_BMP: Final = _class_of(code for code in _TAKE_NO_PLACE if code < 0x10000)
"""The same for texts within the Basic Multilingual Plane, where ``re`` has a class in one look-up and no
list."""

SORTED_MARKS: Final = _class_of(_SORTED)
"""A class for regular expressions: what normalisation may have to sort, or what decomposes into such."""
SORTED_MARKS_BMP: Final = _class_of(code for code in _SORTED if code < 0x10000)
