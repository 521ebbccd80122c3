# SPDX-License-Identifier: Apache-2.0
"""Readings that only a text beyond ASCII has: what is hidden in tags and selectors, overridden, or upside down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from brightline.core.screening.folding import Beyond, table_of
from brightline.core.screening.lookalikes import UPSIDE_DOWN

_TAGS: Final = re.compile("[\U000e0000-\U000e007f]+")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_OVERRIDE: Final = "\u202e"
_OVERRIDDEN: Final = re.compile(f"{_OVERRIDE}([^\u202c\u202d\n]*+)")
_BRAILLE: Final = dict(
    zip(
        map(ord, "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀⠂⠆⠒⠲⠖⠦⠄⠤"),
        "abcdefghijklmnopqrstuvwxyz ,;:.!?'-",
        strict=True,
    )
)
"""Uncontracted, without the signs for capitals and numbers. Its blank is unseen elsewhere, and parts words here."""
_A_BRAILLE: Final = re.compile("[\u2800-\u28ff]{3}")
_TURNED: Final = table_of(UPSIDE_DOWN)
_TURNED_ASCII: Final = bytes(ord(UPSIDE_DOWN.get(code, chr(code))) if code < 0x80 else code for code in range(256))


def readings_of_hidden(text: str) -> Iterator[tuple[str, str]]:
    """The name and the text of each such reading of a text beyond ASCII, but for ``selectors``."""
    beyond = Beyond(text)
    if _TAGS.search(beyond.text):
        yield "tags", " ".join(_TAGS.findall(text))
        yield "untagged", _TAGS.sub("", text)
    if _OVERRIDE in beyond.text:
        yield "bidi", _OVERRIDDEN.sub(lambda run: run[1][::-1], text)
    if _A_BRAILLE.search(beyond.text):
        yield "braille", text.translate(_BRAILLE)
    if _TURNED.one.search(beyond.text):
        turned = text.encode("utf-8", "surrogatepass").translate(_TURNED_ASCII).decode("utf-8", "surrogatepass")
        yield "upside-down", _TURNED.read(turned, beyond)[::-1]


def selectors(text: str) -> str:
    """The bytes that runs of variation selectors stand for: VS1 is 0, VS256 is 255. Empty if there are none."""
    if not _SELECTORS.search(Beyond(text).text):
        return ""
    return " ".join(
        bytes(ord(c) - 0xFE00 if c < "\uff00" else ord(c) - 0xE0100 + 16 for c in run).decode("utf-8", "replace")
        for run in _SELECTORS.findall(text)
    )
