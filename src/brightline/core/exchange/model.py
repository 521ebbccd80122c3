# SPDX-License-Identifier: Apache-2.0
"""The typed Exchange: the one shape that is screened, decided, recorded and sent.

Every API (``api/table.py`` lists them) maps its bytes to and from these values. What has no place here
cannot reach a model. Empty strings and empty tuples mean "not given"; ``None`` is used for numbers alone.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from typing import Protocol

import msgspec

from brightline.core.canonical import JsonValue


class Role(enum.StrEnum):
    """Who speaks in a turn."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolCall(msgspec.Struct, frozen=True):
    """A call that a model asks for. ``arguments`` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Turn(msgspec.Struct, frozen=True):
    """One message. ``in_parts`` remembers whether the caller sent parts, so that we send what was screened."""

    role: Role
    texts: tuple[str, ...] = ()
    in_parts: bool = False
    name: str = ""
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()
    answers_call: str = ""
    reasoning: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; ``parameters`` is its JSON schema, free-form and covered leaf by leaf."""

    name: str
    description: str = ""
    parameters: dict[str, JsonValue] = {}
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """``mode`` is empty (not given), ``none``, ``auto``, ``required`` or ``function`` (then ``name`` is set)."""

    mode: str = ""
    name: str = ""


class ResponseFormat(msgspec.Struct, frozen=True):
    """``kind`` is empty (not given), ``text``, ``json_object`` or ``json_schema``."""

    kind: str = ""
    name: str = ""
    description: str = ""
    schema: dict[str, JsonValue] = {}
    strict: bool | None = None


class Sampling(msgspec.Struct, frozen=True):
    """What shapes the answer; ``None`` is "not given".

    ``thinking`` turns the reasoning of a model on or off where its template has that choice.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning_effort: str = ""
    logprobs: bool = False
    top_logprobs: int = 0
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    min_tokens: int | None = None
    thinking: bool | None = None


class VectorsAsked(msgspec.Struct, frozen=True):
    """What an answer of vectors should look like; ``dimensions`` is ``None`` when not given."""

    dimensions: int | None = None
    as_base64: bool = False


class Exchange(msgspec.Struct, frozen=True):
    """A request, understood. ``choices`` is ``n``; ``parallel_calls`` is ``None`` when not given.

    ``metadata`` and ``labels`` (users, cache keys, by the names of their fields) go to no model: they are judged, kept
    with what is held and with nothing else, and an API may repeat metadata to the caller. ``instructed`` says that the
    first turn is what the caller gave as instructions, and not as a message.
    """

    api: str
    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_calls: bool | None = None
    response_format: ResponseFormat = ResponseFormat()
    sampling: Sampling = Sampling()
    choices: int = 1
    streamed: bool = False
    usage_in_stream: bool = False
    metadata: dict[str, str] = {}
    labels: dict[str, str] = {}
    instructed: bool = False
    vectors: VectorsAsked = VectorsAsked()


def exchange_digest(exchange: Exchange) -> str:
    """The digest of the canonical request, whatever API it came by: what records commit to, never for tokens.

    What goes to no model is part of it too: words that are tried there one after the other are so many requests.
    """
    return "sha256:" + hashlib.sha256(msgspec.json.encode(exchange, order="sorted")).hexdigest()


def asked_digest(exchange: Exchange) -> str:
    """The digest of what a model would be asked: for holds and approvals.

    What goes to no model is not in it, so that a trace id which is another each time meets the hold of the same
    question.
    """
    return exchange_digest(msgspec.structs.replace(exchange, metadata={}, labels={}))


def tool_digest(tool: Tool) -> str:
    """The digest by which a tool is registered: over all of it (name, description, parameters, ``strict``)."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(tool, order="sorted")).hexdigest()


def tool_digests(tools: Iterable[Tool]) -> dict[str, str]:
    """Names with digests, as a registration lists them. Raises ``ValueError`` for one name with two schemas."""
    listed: dict[str, str] = {}
    for tool in tools:
        if listed.setdefault(tool.name, tool_digest(tool)) != tool_digest(tool):
            raise ValueError(f"two tools are called {tool.name[:80]!r} and differ")
    return listed


class UpstreamRequest(msgspec.Struct, frozen=True):
    """Our own bytes to the model server, serialised from an :class:`Exchange` and from nothing else."""

    path: str
    body: bytes
    streamed: bool


class Usage(msgspec.Struct, frozen=True):
    """Token counts as the upstream reported them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


NO_USAGE = Usage(0, 0, 0)


class Alternative(msgspec.Struct, frozen=True):
    """A token that the model could have said instead, as bytes; ``logprob`` is the natural logarithm of its chance."""

    data: bytes
    logprob: float


class Token(msgspec.Struct, frozen=True):
    """A token that the model said, as bytes, with the alternatives at its place, the likeliest first."""

    data: bytes
    logprob: float
    alternatives: tuple[Alternative, ...] = ()


class ReplyChoice(msgspec.Struct, frozen=True):
    """One whole answer of the model. ``tokens`` spell ``text`` to the byte, or there are none."""

    index: int
    text: str = ""
    refusal: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    reasoning: str = ""
    tokens: tuple[Token, ...] = ()


class Reply(msgspec.Struct, frozen=True):
    """A whole plain answer, not yet judged. ``vectors`` are little-endian single-precision floats (``vectors.py``)."""

    choices: tuple[ReplyChoice, ...]
    usage: Usage = NO_USAGE
    vectors: tuple[bytes, ...] = ()


class CallDelta(msgspec.Struct, frozen=True):
    """A fragment of a tool call in a stream; ``index`` tells which call of the choice it continues."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True):
    """A fragment of one choice of a stream; ``finish`` is empty until the choice ends.

    ``tokens`` are as the upstream sent them: what they spell is compared with the text once that is whole.
    """

    choice: int
    text: str = ""
    refusal: str = ""
    calls: tuple[CallDelta, ...] = ()
    finish: str = ""
    reasoning: str = ""
    tokens: tuple[Token, ...] = ()


class StreamPart(msgspec.Struct, frozen=True):
    """What one server-sent event of the upstream said."""

    deltas: tuple[Delta, ...] = ()
    usage: Usage = NO_USAGE
    done: bool = False


class WireNames(msgspec.Struct, frozen=True):
    """The names in our own bytes to a model server that are not a caller's words.

    ``fields`` are names of the server's API: they carry no text of the caller's, because the readers accept no others.
    Below a field of ``free_form`` the caller chooses the keys. The text of a field of ``closed`` is one of a few words
    of the API, so that it stands between no two texts that are read in one go.
    """

    fields: frozenset[str]
    free_form: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()


class SpeaksToServer(Protocol):
    """How an exchange is sent to a model server: our bytes out, the upstream's bytes in."""

    @property
    def NAMES(self) -> WireNames:  # noqa: N802 - a constant of a module
        """The names in what :meth:`write_request` writes that carry no text of the caller's."""
        ...

    def write_request(self, exchange: Exchange, upstream_model: str) -> UpstreamRequest:
        """Serialise our own bytes for the model server."""
        ...

    def read_reply(self, body: bytes, exchange: Exchange) -> Reply:
        """Understand a plain answer. Raises ``UpstreamFailed``."""
        ...

    def read_part(self, data: str, exchange: Exchange) -> StreamPart:
        """Understand the data of one server-sent event. Raises ``UpstreamFailed``."""
        ...
