# SPDX-License-Identifier: Apache-2.0
"""What is encoded across the borders of segments, decoded as the whole that it is.

A text that was packed is read from its beginning or not at all: of base64 of gzip that is longer than a segment, only
the first segment would say anything, and what stands further on nothing. So of a leaf that is cut each long encoded
stretch is decoded in one go, as often as it was encoded, and what it says is judged beside the segments.

Most long leaves are prose, code or data, and decoding takes longer than an event loop may be kept. So a leaf is looked
at in blocks first, one of which lies whole in each stretch that no segment may hold. In an encoded one there are not
two ordinary words beside each other, no ordinary letter beside a quote, no number that is neither a byte nor pairs of
digits, and no letter that reads as none of ASCII's. Base64 that says neither a text nor what is packed is left out.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.decoding import Decoders
from brightline.core.screening.folding import characters
from brightline.core.screening.hidden import selectors
from brightline.core.screening.shape import shape_of
from brightline.core.screening.unpacking import may_be_packed, text_of_bytes

CHARS_MAX: Final = 2_000_000
"""As many as an answer may have, for what one leaf says in all."""
ENCODED_MAX: Final = 262_144
"""As many characters of a leaf may be encoded. What is more is not decoded while everybody waits, and so refused."""
DEPTH_MAX: Final = 4
_STRETCH_MIN: Final = 8
_SHRINKS: Final = 16
"""So many characters may stand for one that is decoded in turn: ``&#0000072;`` for an ``H`` of base64."""
_NO_BYTE: Final = "(?:(?:[0-9]{2}){2,}[0-9]|[3-9][0-9]{2}|2[6-9][0-9])"
_PLAIN: Final = re.compile(
    '(?<![&A-Za-z])[A-Za-z]{2,}[g-zG-Z][A-Za-z]* [A-Za-z]{3,}|"[g-tv-zG-TV-Z]|[g-tv-wyzG-TV-WYZ]"'
    f'|[ ,:."]{_NO_BYTE}[,:."]|[,:."] ?{_NO_BYTE}[ ,:."\n]'
)
"""What stands in no encoded stretch, and soon in any prose, code or data. ``x`` and ``u`` stand in escapes."""
_BASE64: Final = re.compile(r"(?<!\S)[A-Za-z0-9+/]{64,}+(?:\r?\n[A-Za-z0-9+/]{2,}+)*+={0,2}+(?!\S)")
_OTHER_ALPHABETS: Final = re.compile("[0-9a-fA-F]+|[A-Z2-7]+")
_SAMPLE: Final = 32
_MAY_HOLD_ANYTHING: Final = "<~"
"""Ascii85 begins with it, and may have blanks and quotes wherever it likes."""


def read_across(text: str, overlap_chars: int) -> str:
    """What the encoded stretches of a text say that may be longer than ``overlap_chars``; empty if there are none.

    Raises ``ScreeningUnavailable`` for one that says more than is ever judged.
    """
    said: dict[str, None] = {}
    room, block = ENCODED_MAX, max(1, overlap_chars // 2)
    for region in _regions(text, block):
        encoded = _BASE64.sub(_if_it_says_anything, characters(region))
        room -= len(encoded)
        if room < 0:
            raise ScreeningUnavailable(f"a text of {len(text)} characters has more than {ENCODED_MAX} encoded ones")
        said |= dict.fromkeys(_said(encoded, block, max(_STRETCH_MIN, overlap_chars // _SHRINKS)))
    if sum(map(len, said)) > CHARS_MAX:
        raise _too_much(text)
    return "\n".join(said)


def _regions(text: str, block: int) -> Iterator[str]:
    """Where encoded text may stand, each with a block before it and behind it, in which it may begin and end."""
    if not text.isascii() and (hidden := selectors(text)):
        yield hidden
    begin = -1
    anything = text.find(_MAY_HOLD_ANYTHING)
    for start in range(0, len(text), block):
        if 0 <= anything < start + block or not _is_plain(text[start : start + block]):
            begin = max(0, start - block) if begin < 0 else begin
        elif begin >= 0:
            yield text[begin : start + block]
            begin = -1
    if begin >= 0:
        yield text[begin:]


def _is_plain(block: str) -> bool:
    if _PLAIN.search(block):
        return True
    return not block.isascii() and any(map(_reads_as_no_ascii, (block[:_SAMPLE], block)))


def _reads_as_no_ascii(text: str) -> bool:
    return any(char > "\x7f" and char.isalpha() for char in characters(text))


def _if_it_says_anything(found: re.Match[str]) -> str:
    """A stretch of base64, or nothing in its place if that is neither a text nor packed, such as a picture."""
    token = "".join(found[0].split()).rstrip("=")
    if "/" not in token or _OTHER_ALPHABETS.fullmatch(token):
        return found[0]
    for offset in range(4):
        data = binascii.a2b_base64(token[offset : offset + (len(token) - offset & ~3)])
        if may_be_packed(data) or text_of_bytes(data) is not None:
            return found[0]
    return ""


def _said(text: str, block: int, stretch_chars: int) -> Iterator[str]:
    """What the stretches of a text say from a length on, and those in what they say."""
    decoders, chars = Decoders(), len(text)
    for _ in range(DEPTH_MAX):
        shape = shape_of(text)
        once = decoders.decode(text, shape)
        chars += len(once.text) + sum(len(apart) for _, apart in decoders.decode_apart(text, shape, once))
        if chars > CHARS_MAX:
            raise _too_much(text)
        if not once.names:
            break
        text = "\n\n".join(map(characters, _regions(once.text, block)))  # what was prose behind it is done
    return decoders.said(stretch_chars)


def _too_much(text: str) -> ScreeningUnavailable:
    return ScreeningUnavailable(f"{len(text)} characters say more than {CHARS_MAX} once they are decoded")
