# SPDX-License-Identifier: Apache-2.0
"""Speaks Embeddings to a model server (OpenAI API, Embeddings): our own bytes out, and vectors back, understood.

The server is asked for base64, which is exact and a quarter of the size; one that answers numbers all the same is
understood. Answers are read with unknown fields dropped.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from brightline.core.errors import CallerError, UpstreamFailed
from brightline.core.exchange import strict_json, vectors
from brightline.core.exchange.model import NO_USAGE, Exchange, Reply, StreamPart, UpstreamRequest, Usage, WireNames

PATH: Final = "/v1/embeddings"
REPLY_LIMITS: Final = strict_json.Limits(bytes_max=16 * 1024 * 1024, members_max=2_000_000)
NAMES: Final = WireNames(
    fields=frozenset({"model", "input", "encoding_format", "dimensions"}),
    closed=frozenset({"encoding_format"}),
)


def write_request(exchange: Exchange, upstream_model: str) -> UpstreamRequest:
    """Serialise the Exchange anew: nothing of the client's bytes is reused."""
    value: dict[str, Any] = {
        "model": upstream_model,
        "input": [turn.texts[0] for turn in exchange.turns],
        "encoding_format": "base64",
    }
    if exchange.vectors.dimensions is not None:
        value["dimensions"] = exchange.vectors.dimensions
    return UpstreamRequest(PATH, strict_json.encode(value), streamed=False)


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    total_tokens: int = 0


class _Row(msgspec.Struct, frozen=True):
    index: int
    embedding: str | list[float]


class _OutReply(msgspec.Struct, frozen=True):
    data: list[_Row]
    usage: _Usage | None = None


def read_reply(body: bytes, exchange: Exchange) -> Reply:
    """Understand an answer: one vector for each input, all of one length. Raises ``UpstreamFailed``."""
    try:
        wire = strict_json.decode(body, _OutReply, REPLY_LIMITS)
    except CallerError as error:
        # The reader blames a caller; here the peer erred. Its text is not repeated: it is unjudged.
        raise UpstreamFailed("the upstream's answer is no list of embeddings") from error
    rows = sorted(wire.data, key=lambda row: row.index)
    if [row.index for row in rows] != list(range(len(exchange.turns))):
        raise UpstreamFailed(f"the upstream answered {len(rows)} vectors where {len(exchange.turns)} were asked for")
    read = tuple(_vector(row.embedding) for row in rows)
    lengths = {vectors.dimensions(vector) for vector in read}
    asked = exchange.vectors.dimensions
    if len(lengths) != 1 or (asked is not None and lengths != {asked}):
        raise UpstreamFailed(f"the upstream's vectors have {sorted(lengths)[:4]} dimensions")
    return Reply((), _usage(wire.usage), read)


def _vector(wire: str | list[float]) -> bytes:
    return vectors.from_base64(wire) if isinstance(wire, str) else vectors.from_numbers(wire)


def _usage(wire: _Usage | None) -> Usage:
    if wire is None:
        return NO_USAGE
    if min(wire.prompt_tokens, wire.total_tokens) < 0:
        raise UpstreamFailed("the upstream reported negative usage")
    return Usage(wire.prompt_tokens, 0, wire.total_tokens)


def read_part(data: str, exchange: Exchange) -> StreamPart:
    """There are no streams of vectors. Raises ``UpstreamFailed``."""
    raise UpstreamFailed("the upstream streamed where nothing is streamed")
