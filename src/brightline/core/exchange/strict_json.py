# SPDX-License-Identifier: Apache-2.0
"""Bytes to values, or refused with the place (RFC 8259, read as strictly as RFC 7493 asks of I-JSON).

What two parsers could read differently is refused, so that nobody behind us can read another text than was screened:
duplicate names (escaped spellings too), NaN and infinities (1e400 too), integers that do not survive a double, lone
surrogates, a byte-order mark, invalid UTF-8, trailing bytes, deep nesting. The parser is jiter, the one at hand that
sees duplicate names; what it leaves open is closed by one walk over the values.

The upstream's bytes go through the same functions: there the caller turns ``CallerError`` into ``UpstreamFailed``.
No message repeats content beyond a name of at most 40 characters.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import jiter
import msgspec

from brightline.core.canonical import INTEGER_MAX, JsonValue
from brightline.core.errors import CallerError, MalformedRequest, RequestTooLarge, UnsupportedField

T = TypeVar("T")

NAME_CHARS_MAX: Final = 40
_INFINITE: Final = float("inf")
_UNKNOWN_FIELD: Final = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(.*)`)?", re.DOTALL)
_PLACED: Final = re.compile(r"(.*?)(?: - at `(?:key in )?(.*)`)?", re.DOTALL)
_CONTENT: Final = re.compile(r"Invalid (?:enum )?value .*", re.DOTALL)


class Limits(msgspec.Struct, frozen=True):
    """``members_max`` counts every value of every array and object."""

    bytes_max: int = 8 * 1024 * 1024
    depth_max: int = 64
    members_max: int = 200_000


def parse(data: bytes, limits: Limits) -> JsonValue:
    """Parse one JSON text. Raises ``MalformedRequest`` with line and column or path, or ``RequestTooLarge``."""
    if len(data) > limits.bytes_max:
        raise RequestTooLarge(f"{len(data)} bytes of JSON exceed {limits.bytes_max}")
    try:
        value: JsonValue = jiter.from_json(
            data, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="none", partial_mode=False
        )
    except ValueError as error:
        raise MalformedRequest(f"not strict JSON: {_without_content(str(error))}") from error
    _walk(value, limits)
    return value


def decode(data: bytes, type_: type[T], limits: Limits) -> T:
    """Parse once and convert to a typed value.

    Raises what :func:`parse` raises; ``UnsupportedField`` for a field that the type does not have, and
    ``MalformedRequest`` for any other mismatch, with ``param`` as ``messages[0].content``.
    """
    value = parse(data, limits)
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise _mismatch(str(error)) from error


def encode(value: Any) -> bytes:
    """Our own compact JSON bytes."""
    return msgspec.json.encode(value)


def _walk(value: JsonValue, limits: Limits) -> None:
    """Close what the parser leaves open: infinities, large integers, depth and number of values."""
    members = 0
    level: list[JsonValue] = [value]
    for _ in range(limits.depth_max + 1):
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float):
                if item in {_INFINITE, -_INFINITE}:
                    raise MalformedRequest("not strict JSON: a number is too large for any double")
            elif isinstance(item, int) and not -INTEGER_MAX <= item <= INTEGER_MAX:
                raise MalformedRequest("not strict JSON: an integer lies outside ±(2^53 - 1)")
        members += len(below)
        if members > limits.members_max:
            raise MalformedRequest(f"more than {limits.members_max} values in one JSON text")
        if not below:
            return
        level = below
    raise MalformedRequest(f"JSON nests deeper than {limits.depth_max}")


def _without_content(message: str) -> str:
    """jiter's message, with a duplicate name cut short."""
    return re.sub(r'"(.{40}).*"', r'"\1…"', message, flags=re.DOTALL)


def _mismatch(message: str) -> CallerError:
    unknown = _UNKNOWN_FIELD.fullmatch(message)
    if unknown:
        name = unknown.group(1)[:NAME_CHARS_MAX]
        param = _param(f"{unknown.group(2) or '$'}.{name}")
        return UnsupportedField(f"`{param}` is not carried by this gateway", param)
    placed = _PLACED.fullmatch(message)
    what, where = (placed.group(1), placed.group(2)) if placed else (message, "")
    what = _CONTENT.sub("Invalid value", what)  # the value itself is content
    param = _param(where or "$")
    return MalformedRequest(f"{what}{f' at `{param}`' if param else ''}", param)


def _param(path: str) -> str:
    """``$.messages[0].content`` as OpenAI writes it."""
    return path.removeprefix("$").removeprefix(".")
