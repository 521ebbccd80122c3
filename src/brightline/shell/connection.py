# SPDX-License-Identifier: Apache-2.0
"""One kept connection to a model server: one request at a time, and one answer to it, read strictly.

What comes is parsed by httptools. An answer ends where its length or its chunks say, or with the connection where it
has neither; what comes behind it is nobody's answer, and ends the connection. Nothing is followed, unpacked or sent
twice.
"""

from __future__ import annotations

import asyncio
import math
import select
from typing import Final, cast

import httptools

HEAD_BYTES_MAX: Final = 65_536
FIELD_BYTES_MAX: Final = 16_384
BUFFERED_BYTES_MAX: Final = 262_144
"""Of a body that nobody has taken yet; then the peer has to wait."""
KEPT_SECONDS: Final = 10.0
"""A connection that rests longer is not used again: its server may be closing it while we write."""
_WITH_LENGTH: Final = frozenset({b"content-length", b"transfer-encoding"})


class Broken(ConnectionError):
    """The connection cannot give a whole answer. The message holds nothing that the peer said."""


class Connection(asyncio.Protocol):
    """Ask, then take the body until it is empty; then it may be asked again if it is free. Else drop it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._poll = select.poll()
        self._waiting: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._since = self._loop.time()  # when it was free last
        self.ends_at = math.inf
        """The loop's time from when on the peer's certificate says nothing any more, and it neither."""
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._first_at = self._latest = self._idle_seconds = 0.0
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = self._fields_bytes = 0
        self._head_read = False
        self._kept = False  # for another request, as the peer says
        self._whole = False
        self._body: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._begun = False  # a byte of the body has come

    # ---- asking ------------------------------------------------------------------------------------------------

    async def ask(self, request: bytes, first_at: float, latest: float, idle_seconds: float) -> None:
        """Write a request, and wait for the head of its answer: ``status``, and ``headers`` by names in small letters.

        Times are the loop's: until when the body must have begun, and until when it must have ended; the peer is never
        silent for longer than ``idle_seconds``. Raises ``Broken`` or ``TimeoutError``.
        """
        self._begin()
        self._asked = True
        latest = min(latest, self.ends_at)
        self._first_at, self._latest, self._idle_seconds = first_at, latest, idle_seconds
        self._wait_until(min(first_at, latest, self._loop.time() + idle_seconds))
        self._transport.write(request)
        while not self._head_read:
            await self._more()

    async def take(self) -> bytes:
        """The next bytes of the body; empty at its end. Raises as ``ask`` does."""
        while not self._body:
            if self._whole:
                self._end()
                return b""
            await self._more()
        taken = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._buffered = 0
        self._due = min(self._latest, self._loop.time() + self._idle_seconds)
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return taken

    def whole(self) -> bool:
        """Whether nothing is under way and nothing went wrong."""
        return not self._asked and self._failure is None

    def free(self) -> bool:
        """Whether it can be asked: connected, not asked now, not at rest for too long, and the peer silent.

        What lies in the socket and was not read yet would be taken for the next answer.
        """
        now = self._loop.time()
        if not self.whole() or now - self._since > KEPT_SECONDS or now >= self.ends_at:
            return False
        return not self._poll.poll(0)

    def drop(self) -> None:
        """Close it, whatever is under way."""
        self._fail(Broken("it was closed here"))

    def _end(self) -> None:
        self._asked = False
        self._since = self._loop.time()
        self._stop_timer()
        if not self._kept:
            self.drop()

    async def _more(self) -> None:
        """Wait until something has come. Raises what went wrong."""
        if self._failure is not None:
            raise self._failure
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._stop_timer()
        self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # ---- time: one timer for a request, set anew only when it rings ----------------------------------------------

    def _wait_until(self, due: float) -> None:
        self._due = due
        self._timer = self._loop.call_at(due, self._rings)

    def _rings(self) -> None:
        now = self._loop.time()
        if now < self._due:
            self._wait_until(self._due)
        elif self._body and now < self._latest:  # the peer is not who is waited for
            self._wait_until(min(self._latest, now + self._idle_seconds))
        else:
            self._fail(TimeoutError("the model server did not answer in time"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- what asyncio tells ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read on. What comes while nothing is asked, or behind an answer, ends the connection."""
        if not self._asked or self._whole:
            self._fail(Broken("the peer spoke without being asked"))
            return
        if not self._head_read:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Broken("what came is not one answer of HTTP/1.1"))
            return
        if not self._head_read and self._head_bytes > HEAD_BYTES_MAX:
            self._fail(Broken("the head of an answer is too long"))
            return
        until = self._latest if self._begun else min(self._first_at, self._latest)
        self._due = min(until, self._loop.time() + self._idle_seconds)
        if self._buffered > BUFFERED_BYTES_MAX and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed. An answer that says nothing of its length ends so."""
        if self._head_read and exc is None and self._failure is None and not self._has_length():
            self._whole = True
        self._failure = self._failure or Broken("the peer closed the connection")
        self._stop_timer()
        self._wake()

    def _has_length(self) -> bool:
        return not _WITH_LENGTH.isdisjoint(name for name, _value in self.headers)

    # ---- what the parser tells ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins, in the middle of another's bytes perhaps."""
        if self._whole:
            raise Broken("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        if self._head_read:
            return  # behind the last chunk: nobody reads it
        self.headers.append((name.lower(), value))
        self._fields_bytes += len(name) + len(value)
        if len(name) + len(value) > FIELD_BYTES_MAX or self._fields_bytes > HEAD_BYTES_MAX:
            raise Broken("a field is too long, or all of them are")

    def on_headers_complete(self) -> None:
        """The head is read. One that says that more is to come (RFC 9110, section 15.2) is none."""
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()
        else:
            self._head_read = True
            self._kept = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        self._body.append(data)
        self._buffered += len(data)
        self._begun = True

    def on_message_complete(self) -> None:
        """The end, unless it was said that more is to come."""
        self._whole = self._head_read
