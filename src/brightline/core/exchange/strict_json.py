# SPDX-License-Identifier: Apache-2.0
"""Bytes to values, or refused with the place (RFC 8259, read as strictly as RFC 7493 asks of I-JSON).

What two parsers could read differently is refused, so that nobody behind us can read another text than was screened:
duplicate names (escaped spellings too), NaN and infinities (1e400 too), integers that do not survive a double, lone
surrogates, a byte-order mark, invalid UTF-8, trailing bytes, deep nesting. The parser is jiter, the one at hand that
sees duplicate names; what it leaves open is closed by one count before it and one walk over the values after it.

The upstream's bytes go through the same functions: there the caller turns ``CallerError`` into ``UpstreamFailed``.

No message repeats content beyond a name of at most 40 printable characters. For the same reason the parsers' own
errors are not kept as causes here: they quote names and values whole, and a traceback would carry them into a log.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, TypeVar

import jiter
import msgspec

from brightline.core.canonical import INTEGER_MAX, JsonValue
from brightline.core.errors import CallerError, MalformedRequest, RequestTooLarge, UnsupportedField

__all__ = ["JsonValue", "Limits", "convert", "decode", "encode", "parse"]

T = TypeVar("T")

NAME_CHARS_MAX: Final = 40
PLACE_CHARS_MAX: Final = 200

_INFINITE: Final = math.inf
_NESTING: Final = (dict, list)
_ROWS: Final = (list, tuple)
_HARMLESS: Final = (str, int)
_NUMBERS: Final = bytes(
    ord("0") if code in b"0123456789." else ord("e") if code in b"eE" else ord(" ") for code in range(256)
)
_EXPONENT: Final = b"0e"
_LONG: Final = b"0" * 16  # a number of fewer digits and no exponent lies within all limits
_TOKEN: Final = re.compile(rb'"[^"]*+"|[,\[{]')
_DUPLICATE: Final = re.compile(r'Detected duplicate key "(.*)" at (line \d+ column \d+)', re.DOTALL)
# A place names the fields of our own types, list indices and ``...`` for a key of a map: never the caller's text.
_PLACE: Final = r"(?: - at `(?:key in )?(\$(?:\.\w{1,64}|\[(?:\d+|\.\.\.)\]){0,64})`)?"
_UNKNOWN_FIELD: Final = re.compile(r"Object contains unknown field `(.*?)`" + _PLACE, re.DOTALL)
_MISSING_FIELD: Final = re.compile(r"Object missing required field `(\w+)`" + _PLACE)
_MISMATCH: Final = re.compile(r"(.*?)" + _PLACE, re.DOTALL)
_INVALID_VALUE: Final = re.compile(r"Invalid (?:enum )?value .*", re.DOTALL)


class Limits(msgspec.Struct, frozen=True):
    """What one JSON text may have. The defaults are the safe ones.

    ``bytes_max`` bounds the text; ``depth_max`` its nested arrays and objects (jiter itself stops at 200);
    ``members_max`` the values of all arrays and objects together; ``string_chars_max`` each string and each name.
    """

    bytes_max: int = 8 * 1024 * 1024
    depth_max: int = 64
    members_max: int = 200_000
    string_chars_max: int = 4 * 1024 * 1024


def parse(data: bytes, limits: Limits) -> JsonValue:
    """Parse one JSON text.

    Raises ``RequestTooLarge`` for too many bytes, else ``MalformedRequest``: with line and column where the text is
    at fault, with a path such as ``messages[0].content`` (also as ``param``) where a value is.
    """
    if len(data) > limits.bytes_max:
        raise RequestTooLarge(f"{len(data)} bytes of JSON exceed {limits.bytes_max}")
    _refuse_crowds(data, limits)
    try:
        # No cache of strings: it would keep one exchange's content in memory for the next.
        value: JsonValue = jiter.from_json(
            data, catch_duplicate_keys=True, allow_inf_nan=False, cache_mode="none", partial_mode=False
        )
    except ValueError as error:
        raise MalformedRequest(f"not strict JSON: {_without_content(str(error))}") from None
    if not _is_harmless(data, limits):
        _walk(value, limits)
    if len(data) > limits.string_chars_max:
        _refuse_long_strings(value, limits.string_chars_max)
    return value


def decode(data: bytes, type_: type[T], limits: Limits) -> T:
    """Parse once and convert to a typed value.

    Raises what :func:`parse` raises; ``UnsupportedField`` for a field that the type does not have, and
    ``MalformedRequest`` for any other mismatch, with ``param`` as ``messages[0].content``.
    """
    return convert(parse(data, limits), type_)


def convert(value: JsonValue, type_: type[T]) -> T:
    """Convert what :func:`parse` returned to a typed value. Raises what :func:`decode` raises for a mismatch."""
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        raise _mismatch(str(error)) from None


def encode(value: Any) -> bytes:
    """Our own compact JSON bytes, in UTF-8, members in the order of ``value``.

    Raises ``ValueError`` for a float that is not finite (msgspec would write ``null`` in its place, silently) and
    for a lone surrogate.
    """
    data = msgspec.json.encode(value)
    if b"null" in data:
        _require_finite(value)
    return data


def _refuse_crowds(data: bytes, limits: Limits) -> None:
    """Refuse too many values before they are built: 8 MiB of ``[],`` would take 200 MiB first.

    Outside strings there are fewer commas than values, and every bracket but the first opens a value, so that too many
    of either suffice to refuse. Strings are counted as well (a value has one at most, and one name), which bounds this
    loop itself. Ordinary text has so few of these bytes, inside strings or not, that it returns at once.
    """
    values_max = limits.members_max
    if len(data) <= values_max or data.count(b",") + data.count(b"[") + data.count(b"{") < values_max:
        return
    commas = opened = strings = 0
    # Without its escapes, each string ends at its next quote.
    for token in _TOKEN.finditer(data.replace(b"\\\\", b"").replace(b'\\"', b"")):
        if token[0] == b",":
            commas += 1
        elif token[0].startswith(b'"'):
            strings += 1
        else:
            opened += 1
        if commas >= max(values_max, 1) or opened > values_max + 1 or strings > 2 * values_max + 1:
            raise _too_many(limits)


def _is_harmless(data: bytes, limits: Limits) -> bool:
    """Whether a text is too short for too many values, and has too few brackets and digits for anything else."""
    return (
        len(data) <= limits.members_max
        and data.count(b"[") + data.count(b"{") <= limits.depth_max
        and _EXPONENT not in (numbers := data.translate(_NUMBERS))
        and _LONG not in numbers
    )


def _walk(value: JsonValue, limits: Limits) -> None:
    """Close what the parser leaves open: infinities, large integers, depth and number of values."""
    members = -1  # the text's own value is no member
    level: list[list[JsonValue] | dict[str, JsonValue]] = [[value]]
    for _ in range(limits.depth_max + 1):
        below: list[list[JsonValue] | dict[str, JsonValue]] = []
        for parent in level:
            members += len(parent)
            for item in parent.values() if isinstance(parent, dict) else parent:
                if isinstance(item, str):
                    continue
                if isinstance(item, _NESTING):
                    below.append(item)
                elif isinstance(item, float):
                    if not -_INFINITE < item < _INFINITE:
                        raise _wrong(value, item, "a number is too large for any double")
                elif isinstance(item, int) and not -INTEGER_MAX <= item <= INTEGER_MAX:
                    raise _wrong(value, item, "an integer lies outside ±(2^53 - 1)")
        if members > limits.members_max:
            raise _too_many(limits)
        if not below:
            return
        level = below
    raise _wrong(value, level[0], f"arrays and objects nest deeper than {limits.depth_max}")


def _refuse_long_strings(root: JsonValue, chars_max: int) -> None:
    rest: list[JsonValue] = [root]
    for item in rest:  # grows while it is read
        if isinstance(item, str):
            if len(item) > chars_max:
                raise _wrong(root, item, f"a string exceeds {chars_max} characters")
        elif isinstance(item, dict):
            if max(map(len, item), default=0) > chars_max:
                raise _wrong(root, item, f"a name exceeds {chars_max} characters")
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)


def _require_finite(value: Any) -> None:
    rest = [value]
    for item in rest:  # grows while it is read
        if item is None or isinstance(item, _HARMLESS):
            continue
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, _ROWS):
            rest.extend(item)
        elif isinstance(item, float):
            if not math.isfinite(item):
                raise ValueError("JSON has no number that is not finite")
        elif isinstance(item, msgspec.Struct):
            rest.extend(getattr(item, name) for name in item.__struct_fields__)


def _too_many(limits: Limits) -> MalformedRequest:
    return MalformedRequest(f"more than {limits.members_max} values in one JSON text")


def _wrong(root: JsonValue, found: JsonValue, what: str) -> MalformedRequest:
    place = _place_of(root, found)
    return MalformedRequest(f"not strict JSON: {what}{f' at `{place}`' if place else ''}", place)


def _place_of(root: JsonValue, found: JsonValue) -> str:
    """The path of the value that *is* ``found``; only sought once something is wrong, so that the walk stays fast.

    Each value on the stack knows its step and its parent's row, so that only the one path asked for is ever built.
    """
    rows: list[tuple[int, str]] = [(0, "")]
    stack: list[tuple[JsonValue, int]] = [(root, 0)]
    row = 0
    while stack:
        value, row = stack.pop()
        if value is found:
            break
        steps: list[tuple[str, JsonValue]] = []
        if isinstance(value, dict):
            steps = [(f".{_name(name)}", child) for name, child in value.items()]
        elif isinstance(value, list):
            steps = [(f"[{i}]", child) for i, child in enumerate(value)]
        for step, child in steps:
            rows.append((row, step))
            stack.append((child, len(rows) - 1))
    path: list[str] = []
    while row:
        row, step = rows[row]
        path.append(step)
    place = "".join(reversed(path)).removeprefix(".")
    return place if len(place) <= PLACE_CHARS_MAX else place[:PLACE_CHARS_MAX] + "…"


def _name(name: str) -> str:
    """A caller's name as a message may show it: short, and without line ends or other controls."""
    shown = "".join(char if char.isprintable() else "\ufffd" for char in name[:NAME_CHARS_MAX])
    return shown if len(name) <= NAME_CHARS_MAX else shown + "…"


def _without_content(message: str) -> str:
    """jiter's message, in which a duplicate name is the only content."""
    duplicate = _DUPLICATE.fullmatch(message)
    return f"duplicate name `{_name(duplicate[1])}` at {duplicate[2]}" if duplicate else message


def _mismatch(message: str) -> CallerError:
    if unknown := _UNKNOWN_FIELD.fullmatch(message):
        param = _param(unknown[2], _name(unknown[1]))
        return UnsupportedField(f"`{param}` is not carried by this gateway", param)
    if missing := _MISSING_FIELD.fullmatch(message):
        param = _param(missing[2], missing[1])
        return MalformedRequest(f"`{param}` is required and missing", param)
    found = _MISMATCH.fullmatch(message)
    what, where = (found[1], found[2]) if found else (message, None)
    what = _INVALID_VALUE.sub("Invalid value", what)  # the value itself is content
    param = _param(where)
    return MalformedRequest(f"{what}{f' at `{param}`' if param else ''}", param)


def _param(path: str | None, name: str = "") -> str:
    """msgspec's ``$.messages[0]`` and a name as OpenAI writes them: ``messages[0].name``."""
    return f"{path or '$'}{f'.{name}' if name else ''}".removeprefix("$").removeprefix(".")
