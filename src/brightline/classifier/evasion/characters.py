# SPDX-License-Identifier: Apache-2.0
"""Disguises of characters (classes 1 to 13): the words stand there, in signs that no pattern has.

The tables are our own and not those of ``core/screening``: a disguise that is made from the list that undoes it shows
nothing.
"""

from __future__ import annotations

import random
from typing import Final

from brightline.classifier.evasion.disguise import some_letters

_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff\u2062"
_ABOVE_AND_BELOW: Final = "\u0300\u0301\u0302\u0303\u0308\u030a\u0316\u0317\u0323\u0324\u0331\u0334\u0336\u035c"
_EMOJI: Final = ("😀", "🔥", "🚀", "❤️", "👩‍🚀", "👍🏽", "⭐")
_HOMOGLYPHS: Final = {
    **{
        "a": "аɑα",
        "b": "Ьƅ",
        "c": "сϲᴄ",
        "d": "ԁⅾ",
        "e": "еҽ℮",
        "f": "ϝƒ",
        "g": "ɡց",
        "h": "һհ",
        "i": "іɩ",
        "j": "јϳ",
    },
    **{"k": "кκ", "l": "ӏⅼ", "m": "мⅿ", "n": "ոп", "o": "оοօ", "p": "рρ", "q": "ԛզ", "r": "гᴦ", "s": "ѕꜱ", "t": "тτ"},
    **{"u": "υսᴜ", "v": "ѵνⅴ", "w": "ԝɯ", "x": "хⅹ×", "y": "уү", "z": "ᴢʐ"},
    **{"A": "АΑᎪ", "B": "ВΒᏴ", "C": "СϹᏟ", "E": "ЕΕᎬ", "H": "НΗᎻ", "I": "ІΙ", "K": "КΚᏦ", "M": "МΜᎷ", "N": "Νꓠ"},
    **{"O": "ОΟ", "P": "РΡᏢ", "S": "ЅᏚ", "T": "ТΤᎢ", "X": "ХΧ", "Y": "ҮΥ", "Z": "ΖᏃ"},
}
_UPSIDE_DOWN: Final = dict(zip(_SMALL, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", strict=True))
_COMPATIBLE: Final = {
    **{
        "ffi": "ﬃ",
        "ffl": "ﬄ",
        "ff": "ﬀ",
        "fi": "ﬁ",
        "fl": "ﬂ",
        "st": "ﬆ",
        "kg": "㎏",
        "km": "㎞",
        "ms": "㎳",
        "cm": "㎝",
    },
    **{"a": "ª", "o": "º", "i": "ⁱ", "n": "ⁿ", "x": "ₓ", "e": "ₑ", "l": "ℓ", "v": "ⅴ", "c": "ⅽ", "d": "ⅆ", "h": "ℎ"},
}


def _styled(first_small: int, first_capital: int = 0) -> dict[int, str]:
    table = {ord(letter): chr(first_small + at) for at, letter in enumerate(_SMALL)}
    capitals = {ord(letter): chr((first_capital or first_small) + at) for at, letter in enumerate(_SMALL.upper())}
    return table | capitals


_FULLWIDTH: Final = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {0x20: "\u3000"}
_STYLES: Final = (  # bold, sans-serif bold, monospace: the alphabets without holes
    _styled(0x1D41A, 0x1D400),
    _styled(0x1D5EE, 0x1D5D4),
    _styled(0x1D68A, 0x1D670),
)
_ENCLOSED: Final = (_styled(0x24D0, 0x24B6), _styled(0x1F150), _styled(0x1F170), _styled(0x249C))


def tags(text: str, chance: random.Random) -> str:
    """Tag characters, which nothing draws, after a harmless sentence."""
    hidden = "".join(chr(0xE0000 + ord(char)) if " " <= char <= "~" else char for char in text)
    return chance.choice(("Hello there! 👋", "Thanks for the update.", "See below 🏴")) + hidden


def selectors(text: str, chance: random.Random) -> str:
    """The bytes of the text as variation selectors after one emoji."""
    hidden = "".join(chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in text.encode())
    return f"Nice one {chance.choice('😀🙂🎉')}{hidden}"


def zero_width(text: str, chance: random.Random) -> str:
    """Unseen characters between letters."""
    return some_letters(text, chance, 0.4, lambda char: char + chance.choice(_ZERO_WIDTH))


def bidi(text: str, chance: random.Random) -> str:
    """Each line written backwards under a right-to-left override, so that it is drawn as it was."""
    mark, end = "\u202e", "\u202c"
    return "\n".join(f"{mark}{line[::-1]}{end}" if line else line for line in text.split("\n"))


def homoglyphs(text: str, chance: random.Random) -> str:
    """Letters of other alphabets that look the same."""
    return some_letters(text, chance, 0.35, lambda char: chance.choice(_HOMOGLYPHS.get(char, char)))


def zalgo(text: str, chance: random.Random) -> str:
    """One to six marks on most letters."""
    return some_letters(
        text, chance, 0.7, lambda char: char + "".join(chance.choices(_ABOVE_AND_BELOW, k=chance.randint(1, 6)))
    )


def fullwidth(text: str, chance: random.Random) -> str:
    """Fullwidth forms."""
    return text.translate(_FULLWIDTH)


def mathematical(text: str, chance: random.Random) -> str:
    """One of the mathematical alphabets."""
    return text.translate(chance.choice(_STYLES))


def upside_down(text: str, chance: random.Random) -> str:
    """Turned by 180 degrees."""
    return "".join(_UPSIDE_DOWN.get(char, char) for char in reversed(text.lower()))


def enclosed(text: str, chance: random.Random) -> str:
    """Letters in circles, squares or parentheses."""
    return text.translate(chance.choice(_ENCLOSED))


def regional(text: str, chance: random.Random) -> str:
    """Regional indicators, kept apart so that they draw no flags."""
    return "".join(chr(0x1F1E6 + ord(char) - 97) + "\u200c" if char in _SMALL else char for char in text.lower())


def soft_hyphens(text: str, chance: random.Random) -> str:
    """Soft hyphens, Hangul fillers and other blanks that are none within words."""
    return some_letters(text, chance, 0.35, lambda char: char + chance.choice("\u00ad\u115f\u3164\u180e\u034f"))


def compatible(text: str, chance: random.Random) -> str:
    """Ligatures and letters that only normalisation makes plain again."""
    for plain, odd in _COMPATIBLE.items():
        if len(plain) > 1 or chance.random() < 0.6:
            text = text.replace(plain, odd)
    return text


def case_traps(text: str, chance: random.Random) -> str:
    """Letters whose other case is something else: the dotless and the dotted i, long s, sharp s, the Kelvin sign."""
    for plain, odd in (("ss", "ß"), ("i", "ı"), ("I", "İ"), ("s", "ſ"), ("k", "K"), ("K", "K")):
        if chance.random() < 0.8:
            text = text.replace(plain, odd)
    return text


def emoji_in_words(text: str, chance: random.Random) -> str:
    """An emoji within each longer word."""
    words = text.split(" ")
    for at, word in enumerate(words):
        if len(word) >= 4:
            cut = chance.randrange(1, len(word) - 1)
            words[at] = word[:cut] + chance.choice(_EMOJI) + word[cut:]
    return " ".join(words)
