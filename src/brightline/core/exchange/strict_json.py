# SPDX-License-Identifier: Apache-2.0
"""TEMPORARY stand-in."""

from __future__ import annotations

from typing import Any, TypeVar

import jiter
import msgspec

from brightline.core.errors import MalformedRequest, RequestTooLarge, UnsupportedField

T = TypeVar("T")


class Limits(msgspec.Struct, frozen=True):
    bytes_max: int = 8 * 1024 * 1024


def parse(data: bytes, limits: Limits) -> Any:
    if len(data) > limits.bytes_max:
        raise RequestTooLarge("too large")
    try:
        return jiter.from_json(data, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(str(error)) from error


def decode(data: bytes, type: type[T], limits: Limits) -> T:
    try:
        return msgspec.convert(parse(data, limits), type, strict=True)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at ")
        place = place.strip("`").removeprefix("$").removeprefix(".")
        if "unknown field" in text:
            raise UnsupportedField(text, place) from error
        raise MalformedRequest(text, place) from error


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
