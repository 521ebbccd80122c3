# SPDX-License-Identifier: Apache-2.0
"""Where a request begins and ends: HTTP/1.1 messages, sans I/O, read as strictly as RFC 9112 lets a server read.

Whatever two readers could take for another request is refused before any parser sees it: a bare LF or CR, folded
lines, a space before a colon, both lengths, a length twice, chunk extensions, trailers, targets that are not a plain
path. What passes is handed on unchanged, so the parser behind has nothing left to be lenient about.

A message names the line and the fault, never what the line holds: it may be a credential.
"""

from __future__ import annotations

import enum
import re
from typing import Final, NoReturn

from brightline.core.errors import ExpectationRefused, HeadTooLarge, MalformedRequest

HEAD_BYTES_MAX: Final = 32_768
FIELDS_MAX: Final = 100
_CHUNK_LINE_MAX: Final = 18  # sixteen digits and their line end
_LENGTH_DIGITS_MAX: Final = 15

_END: Final = b"\r\n\r\n"
_REQUEST_LINE: Final = re.compile(
    rb"(?:GET|POST|HEAD|OPTIONS|PUT|PATCH|DELETE|TRACE) "
    rb"/[A-Za-z0-9\-._~!$&'()*+,;=:@/]*+(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*+)? HTTP/1\.[01]"
)
_METHODS: Final = frozenset({b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"PATCH", b"DELETE", b"TRACE"})
_FIELD: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)")
_HOST: Final = re.compile(rb"[A-Za-z0-9.\-_:\[\]]{1,255}")
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0")
_CHUNK: Final = re.compile(rb"[0-9A-Fa-f]{1,16}\r\n")
_SINGLE: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})
_REFUSED: Final = {
    b"upgrade": "no other protocol is spoken here",
    b"trailer": "trailers are not carried",
    b"http2-settings": "no other protocol is spoken here",
}


class _At(enum.Enum):
    HEAD = enum.auto()
    BODY = enum.auto()
    CHUNK_LINE = enum.auto()
    CHUNK_END = enum.auto()
    LAST_LINE = enum.auto()


class Framing:
    """One connection. Feed what arrives; what comes back may be parsed. After an error nothing more is read."""

    def __init__(self) -> None:
        self.heads = 0  # how many were understood
        self._at = _At.HEAD
        self._rest = bytearray()
        self._looked = (
            0  # so much of what is fed was looked at before: a head that drips in costs no more than its bytes
        )
        self._left = 0  # of the body, or of the chunk
        self._chunked = False

    @property
    def in_head(self) -> bool:
        """Whether a head has begun and has not ended."""
        return self._at is _At.HEAD and bool(self._rest)

    @property
    def between(self) -> bool:
        """Whether a request ended here, and no other has begun."""
        return self._at is _At.HEAD and not self._rest

    @property
    def in_body(self) -> bool:
        """Whether a body has not ended."""
        return self._at is not _At.HEAD

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are understood, in whole heads.

        Raises ``MalformedRequest``, ``HeadTooLarge`` or ``ExpectationRefused``, with the place.
        """
        if self._at is _At.BODY and not self._chunked and len(data) <= self._left:
            self._left -= len(data)  # the rest of a plain body, as most of what arrives is
            self._at = _At.BODY if self._left else _At.HEAD
            return data
        self._looked = len(self._rest)
        if self._rest:
            data = bytes(self._rest) + data
            self._rest.clear()
        start = 0
        while start < len(data):
            end = self._step(data, start)
            if end < 0:
                self._rest += data[start:]
                break
            start = end
        return data[:start]

    def _step(self, data: bytes, start: int) -> int:
        """Where the next piece ends, or -1 if it has not arrived whole."""
        match self._at:
            case _At.HEAD:
                return self._head(data, start)
            case _At.BODY:
                taken = min(self._left, len(data) - start)
                self._left -= taken
                if not self._left:
                    self._at = _At.CHUNK_END if self._chunked else _At.HEAD
                return start + taken
            case _At.CHUNK_LINE:
                return self._chunk_line(data, start)
            case _At.CHUNK_END | _At.LAST_LINE:
                return self._line_end(data, start)

    def _head(self, data: bytes, start: int) -> int:
        end = data.find(_END, max(start, self._looked - len(_END) + 1))
        if end < 0:
            if len(data) - start > HEAD_BYTES_MAX:
                raise HeadTooLarge(f"the head of the request exceeds {HEAD_BYTES_MAX} bytes")
            # A head that can no longer become one is refused at once, not when its time is up.
            if _BARE.search(data, max(start, self._looked - 1)):
                _refuse_bare_ends(data[start:])
            return -1
        if end - start > HEAD_BYTES_MAX:
            raise HeadTooLarge(f"the head of the request exceeds {HEAD_BYTES_MAX} bytes")
        lines = data[start:end].split(b"\r\n")
        _check_request_line(lines[0])
        if len(lines) - 1 > FIELDS_MAX:
            raise HeadTooLarge(f"the head of the request has more than {FIELDS_MAX} fields")
        fields = _read_fields(lines)
        self._frame(fields, lines[0].endswith(b"1"))
        self.heads += 1
        return end + len(_END)

    def _frame(self, fields: dict[bytes, bytes], of_today: bool) -> None:
        """How the body is delimited (RFC 9112, section 6.3)."""
        host = fields.get(b"host")
        if host is None:
            if of_today:
                raise MalformedRequest("the request names no host", "host")
        elif not _HOST.fullmatch(host):
            raise MalformedRequest("the host is not a name or address with a port at most", "host")
        connection = fields.get(b"connection", b"keep-alive").lower()
        if connection not in {b"keep-alive", b"close"}:
            raise MalformedRequest("connection: expected keep-alive or close", "connection")
        if b"expect" in fields:
            raise ExpectationRefused("expect: send the body without waiting to be asked for it", "expect")
        coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
        if coding is not None:
            if length is not None:
                raise MalformedRequest("content-length beside transfer-encoding: one of the two", "content-length")
            if coding.lower() != b"chunked" or not of_today:
                raise MalformedRequest("transfer-encoding: expected chunked alone, in HTTP/1.1", "transfer-encoding")
            self._at, self._chunked = _At.CHUNK_LINE, True
        elif length is not None:
            if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX:
                raise MalformedRequest("content-length: expected one number of digits alone", "content-length")
            self._left, self._chunked = int(length), False
            self._at = _At.BODY if self._left else _At.HEAD

    def _chunk_line(self, data: bytes, start: int) -> int:
        found = _CHUNK.match(data, start)
        if found is None:
            so_far = data[start : start + _CHUNK_LINE_MAX]
            if len(so_far) < _CHUNK_LINE_MAX and _CHUNK.fullmatch(_whole_line(so_far)):
                return -1
            raise MalformedRequest(
                "a chunk begins with its size in hexadecimal digits and CR LF, nothing else", "body"
            )
        self._left = int(found[0], 16)
        self._at = _At.BODY if self._left else _At.LAST_LINE
        return found.end()

    def _line_end(self, data: bytes, start: int) -> int:
        found = data[start : start + 2]
        if found == b"\r":
            return -1
        if found != b"\r\n":
            last = self._at is _At.LAST_LINE
            raise MalformedRequest("trailers are not carried" if last else "a chunk is longer than its size", "body")
        self._at = _At.HEAD if self._at is _At.LAST_LINE else _At.CHUNK_LINE
        return start + 2


def _whole_line(begun: bytes) -> bytes:
    """What a line that has begun would be if it ended now."""
    return (begun.removesuffix(b"\r") or b"0") + b"\r\n"


def _check_request_line(line: bytes) -> None:
    if _REQUEST_LINE.fullmatch(line):
        return
    parts = line.split(b" ")
    if len(parts) != 3:
        _bad_line(line, 1, "the request line is a method, a target and a version, with one space between")
    method, target, version = parts
    if method not in _METHODS:
        raise MalformedRequest("line 1: the method is none that HTTP names for a path")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise MalformedRequest("line 1: the version is not HTTP/1.1")
    if not target.startswith(b"/"):
        raise MalformedRequest("line 1: the target is not a path on this server")
    if b"#" in target:
        raise MalformedRequest("line 1: the target has a fragment")
    if b"%" in target.partition(b"?")[0]:
        raise MalformedRequest("line 1: the path is percent-encoded; no path here needs that")
    _bad_line(line, 1, "the target holds a byte that no target has")


def _read_fields(lines: list[bytes]) -> dict[bytes, bytes]:
    """The fields by their names in small letters; the last one of those that may stand twice."""
    fields: dict[bytes, bytes] = {}
    for number, line in enumerate(lines[1:], 2):
        found = _FIELD.fullmatch(line)
        if found is None:
            _bad_field(line, number)
        name = found[1].lower()
        if name in fields and name in _SINGLE:
            raise MalformedRequest(f"line {number}: {name.decode()} stands twice", name.decode())
        if name in _REFUSED:
            raise MalformedRequest(f"line {number}: {name.decode()}: {_REFUSED[name]}", name.decode())
        fields[name] = found[2].rstrip(b" \t")
    return fields


def _bad_field(line: bytes, number: int) -> NoReturn:
    if line.startswith((b" ", b"\t")):
        raise MalformedRequest(f"line {number}: a folded line; each field has one line")
    name, colon, _ = line.partition(b":")
    if not colon:
        _bad_line(line, number, "a field is a name, a colon and a value")
    if name.endswith((b" ", b"\t")):
        raise MalformedRequest(f"line {number}: a space before the colon")
    _bad_line(line, number, "a name or value holds a byte that none has")


def _bad_line(line: bytes, number: int, otherwise: str) -> NoReturn:
    for byte, name in ((b"\n", "LF"), (b"\r", "CR"), (b"\0", "NUL")):
        if byte in line:
            raise MalformedRequest(f"line {number}: a bare {name}; lines end with CR LF")
    raise MalformedRequest(f"line {number}: {otherwise}")


def _refuse_bare_ends(begun: bytes) -> None:
    *lines, last = begun.split(b"\r\n")
    for number, line in enumerate([*lines, last.removesuffix(b"\r")], 1):
        if b"\r" in line or b"\n" in line or b"\0" in line:
            _bad_line(line, number, "")
