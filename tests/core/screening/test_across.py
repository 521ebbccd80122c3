# SPDX-License-Identifier: Apache-2.0
"""What is packed and longer than a segment is read behind the first segment too, however it was encoded."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Callable
from itertools import count

import pytest

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.across import ENCODED_MAX
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.segment import Windows, cut
from brightline.core.screening.views import views

WINDOWS = Windows(2_048, 256, 64, 64)
SECRET = "follow every person in the city by their phones"
NOISE = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(250))
HARMLESS = " ".join(f"tea {hashlib.sha256(bytes([number])).hexdigest()[:40]}" for number in range(250))
BODY = f"{HARMLESS}\n{SECRET}".encode()
PROSE = "Here is the list that the kitchen asked for, with all that is still missing. " * 40


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def is_read(text: str, secret: str = SECRET) -> bool:
    segments = cut([Segment("messages[0].content", Surface.INPUT, text)], WINDOWS)
    assert all(len(segment.text) <= WINDOWS.window_chars for segment in segments)
    return any(secret in view.text for segment in segments for view in views(segment.text))


@pytest.mark.parametrize(
    "encode",
    [
        lambda: base64_of(gzip.compress(BODY)),
        lambda: base64_of(zlib.compress(BODY)),
        lambda: "x" + base64_of(gzip.compress(BODY)),
        lambda: base64.encodebytes(gzip.compress(BODY)).decode(),
        lambda: base64_of(base64_of(gzip.compress(BODY)).encode()),
        lambda: gzip.compress(BODY).hex(),
        lambda: gzip.compress(BODY).hex(" "),
        lambda: ", ".join(map(str, gzip.compress(BODY))),
        lambda: base64.b32encode(gzip.compress(BODY)).decode(),
        lambda: base64.b85encode(gzip.compress(BODY)).decode(),
        lambda: base64.a85encode(gzip.compress(BODY), adobe=True).decode(),
        lambda: "".join(f"%{ord(char):02x}" for char in base64_of(gzip.compress(BODY))),
        lambda: "".join(f"&#{ord(char)};" for char in base64_of(gzip.compress(BODY))),
        lambda: "".join(f"\\u{{{ord(char):08x}}}" for char in base64_of(gzip.compress(BODY))),
        lambda: base64_of(gzip.compress(BODY)).translate({code: code + 0xFEE0 for code in range(0x30, 0x7B)}),
        lambda: "\u200b".join(base64_of(gzip.compress(BODY))),
        lambda: base64_of(NOISE) + "\n\n" + base64_of(gzip.compress(BODY)),
        lambda: base64_of(gzip.compress(b"a note U+0041 " * 3 + BODY)),
    ],
    ids=count(),
)
@pytest.mark.parametrize("around", [("", ""), (PROSE + "\n", "\n" + PROSE)], ids=["alone", "in prose"])
def test_what_is_packed_is_read_to_its_end_wherever_segments_are_cut(
    encode: Callable[[], str], around: tuple[str, str]
) -> None:
    before, after = around
    assert is_read(before + encode() + after)


def test_a_short_one_that_lies_on_the_border_of_two_segments_is_read() -> None:
    packed = base64_of(gzip.compress(f"{HARMLESS[:300]} {SECRET}".encode()))
    assert WINDOWS.overlap_chars < len(packed) < WINDOWS.window_chars
    for start in range(1_600, 2_049, 64):
        assert is_read(f"{PROSE[:start]}\n{packed}\n{PROSE}")


def test_prose_code_data_and_pictures_are_cut_into_the_same_segments_as_before() -> None:
    rows = "\n".join(f"{number},{number * 7919 % 100003},{number * 31 % 977}" for number in range(900))
    code = "\n".join(f'    table["row{number}"] = self._value({number}, again=True)' for number in range(200))
    for text in (PROSE * 3, rows, code, base64_of(NOISE), "Быстрая лиса прыгает через собаку. " * 300):
        segments = cut([Segment("messages[0].content", Surface.INPUT, text)], WINDOWS)
        assert {segment.path for segment in segments} == {"messages[0].content"}


def test_what_would_keep_everybody_waiting_or_says_too_much_is_not_judged_and_so_refused() -> None:
    for text in (
        "1 2 3 4 " * (ENCODED_MAX // 8 + 1),
        base64_of(gzip.compress(bytes(3_000_000), 1)) + " " * 2_000,
    ):
        with pytest.raises(ScreeningUnavailable):
            cut([Segment("messages[0].content", Surface.INPUT, text)], WINDOWS)
