# SPDX-License-Identifier: Apache-2.0
"""Embeddings: ``POST /v1/embeddings`` to and from the typed Exchange (OpenAI API, Embeddings).

Each input is a turn of the user's and is judged like one. Inputs as token ids are refused: they are words in a code
that only the model's own tokenizer reads. Vectors are never scanned as text (``vectors.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Never

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, MalformedRequest, UnsupportedField
from brightline.core.exchange import embeddings_server, strict_json, vectors
from brightline.core.exchange.api.not_carried import with_reason
from brightline.core.exchange.api.reading import In, bounded, check_model, in_range, read_labels
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Exchange, Role, Turn, Usage, VectorsAsked
from brightline.core.exchange.refusal import error_body

NAME: Final = "embeddings"
ROUTE: Final = "/v1/embeddings"
ENDPOINT: Final = "embeddings"
SERVER: Final = embeddings_server
REQUEST_LIMITS: Final = strict_json.Limits()
INPUTS_MAX: Final = 2_048
ANSWER: Final[dict[str, JsonValue]] = {
    "type": "object",
    "required": ["object", "data", "model", "usage"],
    "additionalProperties": False,
    "properties": {
        "object": {"const": "list"},
        "data": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "additionalProperties": False,
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {"type": ["array", "string"], "minItems": 1, "items": {"type": "number"}},
                },
            },
        },
        "model": {"type": "string"},
        "usage": {
            "type": "object",
            "required": ["prompt_tokens", "total_tokens"],
            "additionalProperties": {"type": "integer"},
        },
    },
}


class _Request(In, frozen=True):
    model: str
    input: str | list[str | int | list[int]]
    encoding_format: str | None = None
    dimensions: int | None = None
    user: str | None = None


REQUEST: Final = _Request


def read_request(body: bytes) -> Exchange:
    """Parse the client's bytes once, strictly.

    Raises ``MalformedRequest``, ``UnsupportedField`` or ``RequestTooLarge``, each with the place.
    """
    try:
        wire = strict_json.decode(body, _Request, REQUEST_LIMITS)
    except UnsupportedField as error:
        raise with_reason(error) from None
    check_model(wire.model)
    in_range(wire.dimensions, 1, vectors.DIMENSIONS_MAX, "dimensions")
    if wire.encoding_format not in {None, "float", "base64"}:
        raise MalformedRequest("expected float or base64", "encoding_format")
    texts = [wire.input] if isinstance(wire.input, str) else wire.input
    bounded(len(texts), 1, INPUTS_MAX, "input")
    return Exchange(
        api=NAME,
        model=wire.model,
        turns=tuple(Turn(Role.USER, (_text(text, i),)) for i, text in enumerate(texts)),
        labels=read_labels({"user": wire.user}),
        vectors=VectorsAsked(wire.dimensions, wire.encoding_format == "base64"),
    )


def _text(wire: str | int | list[int], number: int) -> str:
    if not isinstance(wire, str):
        raise UnsupportedField(
            "inputs are carried as text: token ids are words in a code that only the model's own tokenizer reads",
            f"input[{number}]",
        )
    if not wire:
        raise MalformedRequest("an input must not be empty", f"input[{number}]")
    return wire


def write_reply(judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
    """Write the vectors anew, in the form that was asked for."""
    write: Any = vectors.to_base64 if exchange.vectors.as_base64 else vectors.to_numbers
    usage = judged.reply.usage
    return strict_json.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": write(vector)}
                for index, vector in enumerate(judged.reply.vectors)
            ],
            "model": exchange.model,
            "usage": {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens},
        }
    )


class NoStream:
    """Vectors are answered whole; there is nothing that could be written of a stream."""

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> Never:
        """Not asked of this API."""
        raise AssertionError("embeddings are not streamed")

    def close(self, usage: Usage, notice: Mapping[str, JsonValue]) -> Never:
        """Not asked of this API."""
        raise AssertionError("embeddings are not streamed")

    def cut(self, notice: Mapping[str, JsonValue]) -> Never:
        """Not asked of this API."""
        raise AssertionError("embeddings are not streamed")

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """Nothing: an answer that breaks off stays short of the length that its header told."""
        return b""


def open_stream(exchange: Exchange, exchange_id: str, created: int) -> NoStream:
    """There are no streams of vectors."""
    return NoStream()


def write_error(error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
    """Write an error as the whole answer."""
    return error_body(error, notice)
