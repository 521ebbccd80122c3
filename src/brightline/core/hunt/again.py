# SPDX-License-Identifier: Apache-2.0
"""What a case keeps, read again as the exchange that it was, so that detectors are shown the same once more.

What comes out must give the same members that were kept, each of them; else it is not the exchange that was judged,
and nobody screens something like it in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from brightline.core.exchange.model import (
    Exchange,
    Reply,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
    Turn,
    VectorsAsked,
)
from brightline.core.review.content import Content


class Kept(msgspec.Struct, frozen=True):
    """The request, and what was kept of its answer: ``None`` if nothing was."""

    exchange: Exchange
    reply: Reply | None


def read_again(content: Content) -> Kept:
    """Read both. Raises ``ValueError`` for what this version does not read as an exchange."""
    try:
        values = {name: _read(name, value) for name, value in content.request.items()}
        exchange = Exchange(**values)
        reply = msgspec.json.decode(content.answer, type=Reply) if content.answer else None
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it does not read as an exchange: {error}") from error
    if _sorted(exchange) != _sorted(content.request):
        raise ValueError("it reads as another exchange")
    return Kept(exchange, reply)


_sorted: Final = msgspec.json.Encoder(order="sorted").encode


class _Tool(msgspec.Struct, frozen=True):
    """A tool; its schema is any JSON, which a type that names itself cannot say to the converter."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool | None


class _Format(msgspec.Struct, frozen=True):
    kind: str
    name: str
    description: str
    schema: dict[str, Any]
    strict: bool | None


_TYPES: Final[Mapping[str, Any]] = {
    "api": str,
    "model": str,
    "turns": tuple[Turn, ...],
    "tool_choice": ToolChoice,
    "parallel_calls": bool | None,
    "sampling": Sampling,
    "choices": int,
    "streamed": bool,
    "usage_in_stream": bool,
    "metadata": dict[str, str],
    "labels": dict[str, str],
    "instructed": bool,
    "vectors": VectorsAsked,
}


def _read(name: str, value: object) -> Any:
    if name == "tools":
        return tuple(Tool(*msgspec.structs.astuple(each)) for each in msgspec.convert(value, tuple[_Tool, ...]))
    if name == "response_format":
        return ResponseFormat(*msgspec.structs.astuple(msgspec.convert(value, _Format)))
    return msgspec.convert(value, _TYPES[name])
