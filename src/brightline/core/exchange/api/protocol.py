# SPDX-License-Identifier: Apache-2.0
"""What one API is: the protocol that one file per API satisfies, and that is all that other rooms know of it.

An API has two sides. To its callers it speaks its own shape: reading a request, writing answers, streams and errors.
To a model server it speaks through ``SERVER``, which several APIs may share (``chat_server.py``). A further API is a
module of this shape and a line in ``table.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Exchange, SpeaksToServer, Usage


class StreamWriter(Protocol):
    """Writes one streamed answer. Every method returns bytes of an event stream, complete events with their framing.

    It remembers what later events repeat (numbers of events, texts so far). ``notice`` holds the verdict and the
    receipt; it is empty where they come later. After ``close``, ``cut`` or ``fail`` nothing more is asked of it; each
    of these may come first.
    """

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> bytes:
        """A judged segment, and whatever this API sends before the first."""
        ...

    def close(self, usage: Usage, notice: Mapping[str, JsonValue]) -> bytes:
        """The end of a stream that completed, with the end marker."""
        ...

    def cut(self, notice: Mapping[str, JsonValue]) -> bytes:
        """The end of a stream that the agreement stopped, with the end marker: filtered, and why."""
        ...

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """The end of a stream that failed: the error, and nothing that a client could take for a whole answer."""
        ...


class Api(Protocol):
    """One API, as the machine, the routes and the responder see it."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of a module
        """How records call it (``Exchange.api``)."""
        ...

    @property
    def ROUTE(self) -> str:  # noqa: N802 - a constant of a module
        """The path that takes its POST."""
        ...

    @property
    def ENDPOINT(self) -> str:  # noqa: N802 - a constant of a module
        """What a registration lists for whoever may call it."""
        ...

    @property
    def SERVER(self) -> SpeaksToServer:  # noqa: N802 - a constant of a module
        """How its exchanges are sent to a model server."""
        ...

    @property
    def REQUEST(self) -> type[msgspec.Struct]:  # noqa: N802 - a constant of a module
        """The type that reads a request, for the description: it forbids unknown fields."""
        ...

    @property
    def ANSWER(self) -> Mapping[str, JsonValue]:  # noqa: N802 - a constant of a module
        """What a whole plain answer looks like, as JSON Schema, for the description."""
        ...

    def read_request(self, body: bytes) -> Exchange:
        """Parse the caller's bytes once, strictly. Raises ``CallerError`` with the place."""
        ...

    def write_reply(self, judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
        """Write a whole plain answer; ``created`` is in Unix seconds."""
        ...

    def open_stream(self, exchange: Exchange, exchange_id: str, created: int) -> StreamWriter:
        """Begin a streamed answer."""
        ...

    def write_error(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """Write an error as the whole answer."""
        ...
