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
DATA_LINES_MAX: Final = 10_000
DONE: Final = b"data: [DONE]\n\n"
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class SseEvent(msgspec.Struct, frozen=True):
    """One dispatched event. ``id`` is the last event id so far; ``event`` is ``message`` unless it was named."""

    data: str
    event: str = "message"
    id: str = ""


class SseParser:
    """Feed bytes in any pieces; get the events that they complete.

    ``event_bytes_max`` bounds all lines between two empty ones, comments included, and with them each single line,
    also one that never ends; ``data_lines_max`` bounds the ``data`` lines of one event. After an error or
    :meth:`close` nothing more is read. Of a piece in which an error stands nothing is returned, so events before the
    error may be lost with it: the stream has failed. ``retry`` is the last valid reconnection time, in milliseconds.
    """

    def __init__(self, event_bytes_max: int = EVENT_BYTES_MAX, data_lines_max: int = DATA_LINES_MAX) -> None:
        self._bytes_max = event_bytes_max
        self._data_lines_max = data_lines_max
        self._begun = False
        self._ended = False
        self._skip_lf = False
        self._rest = bytearray()
        """The line that has not ended yet, or what may still become a byte-order mark."""
        self._size = 0
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self.retry: int | None = None

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Take the next bytes.

        Raises ``UpstreamFailed`` for invalid UTF-8, an event beyond its bounds, or bytes after the end.
        """
        if self._ended:
            raise UpstreamFailed("the event stream had already ended")
        if not self._begun:
            chunk = self._begin(chunk)
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            lines = _LINE_END.split(chunk)
            self._skip_lf = chunk.endswith(b"\r")
        else:
            lines = chunk.split(b"\n")
        # Only what is new is searched and joined: a long line that drips in byte by byte costs no more than its bytes.
        tail = lines.pop()
        if lines and self._rest:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        events: list[SseEvent] = []
        for line in lines:
            if line:
                self._line(line)
            else:
                self._dispatch(events)
        if tail:
            self._rest += tail
            if self._size + len(self._rest) > self._bytes_max:
                raise self._failed(f"a server-sent event exceeds {self._bytes_max} bytes")
        return events

    def close(self) -> None:
        """The stream is over. What was not ended by an empty line is no event (section 9.2.6) and is dropped."""
        self._ended = True
        self._rest.clear()
        self._data.clear()

    def _begin(self, chunk: bytes) -> bytes:
        """Drop one byte-order mark. Fewer bytes than one, which may become one, wait: no line end is among them."""
        head = bytes(self._rest) + chunk
        self._rest.clear()
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._rest += head
            return b""
        self._begun = True
        return head.removeprefix(_BOM)

    def _line(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > self._bytes_max:
            raise self._failed(f"a server-sent event exceeds {self._bytes_max} bytes")
        try:
            text = line.decode("utf-8", "strict")
        except UnicodeDecodeError:
            # The cause would carry the line, which nobody has judged, into a traceback.
            raise self._failed("the upstream's event stream is not UTF-8") from None
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            if len(self._data) == self._data_lines_max:
                raise self._failed(f"a server-sent event has more than {self._data_lines_max} lines of data")
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

    def _failed(self, message: str) -> UpstreamFailed:
        self.close()
        return UpstreamFailed(message)


def encode_event(data: bytes, name: str = "") -> bytes:
    """One event with this data, which holds no line end (JSON never does). Raises ``ValueError`` if it does.

    ``name`` is one of ours.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + data + b"\n\n"
