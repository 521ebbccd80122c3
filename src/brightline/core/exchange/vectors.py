# SPDX-License-Identifier: Apache-2.0
"""Vectors of an answer: numbers of half precision that were read as numbers and are written anew.

A vector travels as base64 over single-precision floats or as a list of numbers. Either can carry words: base64 is made
for that, and ``[113.0, 117.0]`` spells. So neither form is passed on. It is decoded, every number is held to what a
model computes, and it is encoded again. A text that is taken for floats has numbers larger than half precision knows,
which are refused, or smaller, which become 0; whole numbers beyond 1 are listed for a detector to read.

Nothing here reads a vector as text: its bytes are no leaf (``coverage.py`` lists its digest beside the leaves).
"""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from typing import Final

from brightline.core.errors import UpstreamFailed

DIMENSIONS_MAX: Final = 16_384
SIZE_MAX: Final = 65_504.0
"""The largest number of half precision, in which models run."""
SMALL: Final = 2.0**-24
"""The smallest number of half precision; what is nearer to 0 is 0."""
_FLOAT_BYTES: Final = 4


def from_base64(text: str) -> bytes:
    """A vector from base64 over little-endian floats (OpenAI API, Embeddings). Raises ``UpstreamFailed``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UpstreamFailed("the upstream's vector is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise UpstreamFailed("the upstream's vector is not the base64 of its bytes")  # spare bits hold bits of a text
    if len(data) % _FLOAT_BYTES:
        raise UpstreamFailed("the upstream's vector is not made of floats")
    return _checked(_floats(data))


def from_numbers(numbers: list[float]) -> bytes:
    """A vector from a list of numbers. Raises ``UpstreamFailed``."""
    try:
        return _checked(array("f", numbers))
    except OverflowError as error:
        raise UpstreamFailed("the upstream's vector has a number that is too large") from error


def _checked(values: array[float]) -> bytes:
    if not 1 <= len(values) <= DIMENSIONS_MAX:
        raise UpstreamFailed(f"the upstream's vector has {len(values)} dimensions")
    # Finite single-precision floats have a finite sum in double precision, and nothing else has.
    if not math.isfinite(sum(values)) or _largest(values) > SIZE_MAX:
        raise UpstreamFailed("the upstream's vector has a number that no model computes")
    if min(map(abs, values)) < SMALL:
        values = array("f", [0.0 if -SMALL < value < SMALL else value for value in values])
    return _little(values).tobytes()


def _largest(values: array[float]) -> float:
    high, low = max(values), -min(values)
    return high if high > low else low


def _floats(data: bytes) -> array[float]:
    values = array("f")
    values.frombytes(data)
    return _little(values)


def _little(values: array[float]) -> array[float]:
    if sys.byteorder == "big":  # pragma: no cover - of the machine
        values = array("f", values)
        values.byteswap()
    return values


def to_base64(vector: bytes) -> str:
    """The vector as clients of the OpenAI SDK ask for it."""
    return base64.b64encode(vector).decode()


def to_numbers(vector: bytes) -> list[float]:
    """The vector as numbers, each as short as it can be written and still be the same float."""
    return [float(f"{value:.9g}") for value in _floats(vector)]


def dimensions(vector: bytes) -> int:
    """How many numbers it has."""
    return len(vector) // _FLOAT_BYTES


def whole_numbers(vector: bytes) -> list[float]:
    """Its whole numbers, but for 0 and ±1: where there are several, they may be the letters of a text."""
    values = _floats(vector)
    if _largest(values) < 2:
        return []
    return [abs(value) for value in values if value == int(value) and abs(value) > 1]
