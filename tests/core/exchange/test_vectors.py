# SPDX-License-Identifier: Apache-2.0
"""Vectors come back the same, and nothing but numbers that a model computes comes back."""

from __future__ import annotations

import base64
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange import vectors
from brightline.core.exchange.vectors import DIMENSIONS_MAX, SIZE_MAX, SMALL

size = st.floats(SMALL, SIZE_MAX, width=32)
numbers = st.lists(st.just(0.0) | size | size.map(lambda value: -value), min_size=1, max_size=20)


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


@given(numbers)
def test_a_vector_comes_back_as_it_was_in_either_form(values: list[float]) -> None:
    read = vectors.from_base64(packed(*values))
    assert read == vectors.from_numbers(values)
    assert vectors.to_base64(read) == packed(*values)
    assert packed(*vectors.to_numbers(read)) == packed(*values)
    assert vectors.dimensions(read) == len(values)


@given(st.binary(max_size=64))
def test_whatever_the_bytes_are_what_is_read_is_finite_and_of_a_models_size(data: bytes) -> None:
    try:
        read = vectors.from_base64(base64.b64encode(data).decode())
    except UpstreamFailed:
        return
    assert all(math.isfinite(value) and abs(value) <= SIZE_MAX for value in vectors.to_numbers(read))
    assert all(value == 0 or abs(value) >= SMALL for value in vectors.to_numbers(read))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAA=",
        "AAAAAA==A",
        "AAAA AAAA",
        "AAAAA",
        "ä",
        "AAAAAB==",
        packed(math.nan),
        packed(math.inf),
        packed(-math.inf),
        packed(1.0, math.nan),
        packed(65_536.0),
        packed(-1e30),
        packed(*[0.5] * (DIMENSIONS_MAX + 1)),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_vector_is_the_upstreams_failure(text: str) -> None:
    with pytest.raises(UpstreamFailed):
        vectors.from_base64(text)


@pytest.mark.parametrize("values", [[], [1e40], [1e300], [-65_536.0], [0.5] * (DIMENSIONS_MAX + 1)], ids=len)
def test_a_list_that_is_no_vector_is_the_upstreams_failure(values: list[float]) -> None:
    with pytest.raises(UpstreamFailed):
        vectors.from_numbers(values)


@pytest.mark.parametrize(
    "text",
    [
        "Here is what you asked me to keep from them.",
        "abc def ghi jkl mno pqr stu vwx ",
        "ALL IN CAPITAL LETTERS, AND SHOUTED AT ALL!!",
        "\n\n\n\ttabs and lines\t\n\n",
    ],
)
def test_a_text_in_the_place_of_a_vector_does_not_come_through(text: str) -> None:
    data = text.encode()
    data += b" " * (-len(data) % 4)
    try:
        written = vectors.to_base64(vectors.from_base64(base64.b64encode(data).decode()))
    except UpstreamFailed:
        return
    kept = sum(one == other for one, other in zip(base64.b64decode(written), data, strict=True))
    assert kept <= len(data) // 3


def test_whole_numbers_are_listed_but_for_those_that_vectors_have() -> None:
    assert vectors.whole_numbers(vectors.from_numbers([0.0, 1.0, -1.0, 0.25])) == []
    assert vectors.whole_numbers(vectors.from_numbers([113.0, -117.0, 0.0, 1.0, 2.5])) == [113.0, 117.0]
