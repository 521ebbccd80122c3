# SPDX-License-Identifier: Apache-2.0
"""Server-sent events, sans I/O: WHATWG HTML, section 9.2 ("Server-sent events").

Only LF, CRLF and CR end a line; ``str.splitlines`` also splits at characters that belong to the text. A CR ends its
line at once, without waiting for the LF that may follow. One byte-order mark at the start is dropped. An event without
its final empty line is never dispatched. Where the standard replaces invalid UTF-8, this reader refuses it: a guard
that guesses reads another text than the client.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from brightline.core.errors import UpstreamFailed

EVENT_BYTES_MAX: Final = 4 * 1024 * 1024
LINES_MAX: Final = 10_000
DONE: Final = b"data: [DONE]\n\n"
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class SseEvent(msgspec.Struct, frozen=True):
    """One dispatched event. ``id`` is the last event id so far; ``event`` is ``message`` unless it was named."""

    data: str
    event: str = "message"
    id: str = ""


class SseParser:
    """Feed bytes in any pieces; get the events that they complete."""

    def __init__(self, event_bytes_max: int = EVENT_BYTES_MAX) -> None:
        self._max = event_bytes_max
        self._rest = b""
        self._started = False
        self._skip_lf = False
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self.retry: int | None = None

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Take the next bytes. Raises ``UpstreamFailed`` for invalid UTF-8 or an event beyond its bounds."""
        buffer = self._begin(self._rest + chunk)
        if self._skip_lf and buffer:
            buffer = buffer.removeprefix(b"\n")
            self._skip_lf = False
        lines = _LINE_END.split(buffer) if b"\r" in buffer else buffer.split(b"\n")
        self._rest = lines.pop()
        if not self._rest and buffer.endswith(b"\r"):
            self._skip_lf = True
        if len(self._rest) + self._size > self._max:
            raise UpstreamFailed(f"a server-sent event exceeds {self._max} bytes")
        events: list[SseEvent] = []
        for line in lines:
            if line:
                self._line(line)
            else:
                self._dispatch(events)
        return events

    def _begin(self, buffer: bytes) -> bytes:
        if self._started or (len(buffer) < len(_BOM) and _BOM.startswith(buffer)):
            return buffer if self._started else self._wait(buffer)
        self._started = True
        return buffer.removeprefix(_BOM)

    def _wait(self, buffer: bytes) -> bytes:
        """Fewer bytes than a byte-order mark, which they may become: there is no line end among them."""
        return buffer

    def _line(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > self._max or len(self._data) > LINES_MAX:
            raise UpstreamFailed(f"a server-sent event exceeds {self._max} bytes or {LINES_MAX} lines")
        try:
            text = line.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise UpstreamFailed("the upstream's stream is not UTF-8") from error
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._event = value
        elif field == "id":
            if "\0" not in value:
                self._id = value
        elif field == "retry" and value.isascii() and value.isdigit() and len(value) < 19:
            self.retry = int(value)

    def _dispatch(self, events: list[SseEvent]) -> None:
        if self._data:
            events.append(SseEvent("\n".join(self._data), self._event or "message", self._id))
        self._data = []
        self._event = ""
        self._size = 0


def encode_event(data: bytes) -> bytes:
    """One event with this data, which holds no line end (JSON never does). Raises ``ValueError`` if it does."""
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    return b"data: " + data + b"\n\n"
