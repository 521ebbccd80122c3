# SPDX-License-Identifier: Apache-2.0
"""A published log at an address (C2SP tlog-tiles over HTTP), read as carefully as a folder.

What a server does is told apart by what may be concluded from it:

- it answers, and the file is missing, too large or something else: evidence about the log (``UnreadableError``);
- it does not answer, or sends somewhere else: nothing is said of the log, so the run ends (``Unreachable``).

Nothing is followed elsewhere, certificates are verified, each file has a size and a deadline, and no proxy or password
is taken from the environment. While bundles are read in order the next ones are asked for already, so that the time to
the server is not paid once for each.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from brightline.core.errors import ConfigError, Unreachable
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.tile import ENTRIES, TILE_WIDTH, TileError, entries_path, parse_tile_path, tile_path

CONNECTIONS: Final = 6
AHEAD: Final = 8  # of each kind; bounds what is held in memory
SILENCE_SECONDS: Final = 10.0
FILE_SECONDS: Final = 60.0
TRIES: Final = 3
PAUSE_SECONDS: Final = 0.3
CHUNK_BYTES: Final = 65_536
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})


def is_url(text: str) -> bool:
    """Whether this names a log at an address, not a folder."""
    return text.startswith(("http://", "https://"))


class PublishedUrl:
    """The log of one shard below an address. Used by one thread; it has its own that fetch."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises ``ConfigError`` for an address that is none."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is no address of a log: {error}") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError(f"{url!r} is no address of a log: expected http(s)://host/path")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("the address of a log holds no password: it is public")
        self._host, self._port, self._base = parts.hostname, port, parts.path.rstrip("/")
        self.name = self._base.rpartition("/")[2] or self._host
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._size = 0  # as the checkpoint states of itself: it bounds what is asked for ahead, nothing else
        self._next: dict[str, int] = {}
        self._asked: dict[str, concurrent.futures.Future[bytes]] = {}
        self._closing = threading.Event()
        self._local = threading.local()
        self._connections: set[http.client.HTTPConnection] = set()
        self._guard = threading.Lock()
        self._threads = concurrent.futures.ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="verify")

    def paths(self) -> Iterable[str]:
        """None: a server lists nothing, so what lies there beside the log is not looked at."""
        return ()

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError``, and ``Unreachable`` if nothing can be said."""
        asked = self._asked.pop(path, None) or self._ask(path, bytes_max)
        self._ask_ahead(path, bytes_max)
        try:
            data = asked.result(TRIES * (FILE_SECONDS + SILENCE_SECONDS))
        except concurrent.futures.TimeoutError as error:
            raise Unreachable(f"{self._host} does not finish to send {path}") from error
        if path == "checkpoint":
            self._size = _claimed_size(data)
        return data

    def close(self) -> None:
        """Cut every connection and wait until the threads have ended."""
        self._closing.set()
        with self._guard:
            open_now = list(self._connections)
        for connection in open_now:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)  # a thread that waits for bytes wakes up
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._guard:
            open_now += self._connections  # what a thread opened meanwhile
        for connection in open_now:
            connection.close()

    # ---- asking ahead --------------------------------------------------------------------------------------------

    def _ask(self, path: str, bytes_max: int) -> concurrent.futures.Future[bytes]:
        return self._threads.submit(self._fetch, path, bytes_max)

    def _ask_ahead(self, path: str, bytes_max: int) -> None:
        """Where bundles or tiles of the lowest row are read in order, ask for those that follow."""
        try:
            kind, index, _ = parse_tile_path(path)
        except TileError:
            return
        in_order = self._next.get(kind) in {None, index}
        self._next[kind] = index + 1
        if not in_order or kind not in {ENTRIES, "0"}:
            return
        for ahead in range(index + 1, min(index + 1 + AHEAD, -(-self._size // TILE_WIDTH))):
            width = min(TILE_WIDTH, self._size - ahead * TILE_WIDTH)
            wanted = entries_path(ahead, width) if kind == ENTRIES else tile_path(0, ahead, width)
            if wanted not in self._asked:
                self._asked[wanted] = self._ask(wanted, bytes_max)

    # ---- in the threads ------------------------------------------------------------------------------------------

    def _fetch(self, path: str, bytes_max: int) -> bytes:
        problem = ""
        for attempt in range(TRIES):
            if attempt and self._closing.wait(PAUSE_SECONDS * 3 ** (attempt - 1)):
                break
            try:
                return self._get(path, bytes_max)
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise Unreachable(f"{self._host} shows a certificate that does not verify: {error}") from error
                problem = f"{type(error).__name__}: {error}"
        raise Unreachable(f"{self._host} does not answer for {path} ({problem or 'stopped'})")

    def _get(self, path: str, bytes_max: int) -> bytes:
        """One request. Raises ``OSError`` and ``HTTPException`` for what may be tried again."""
        until = time.monotonic() + FILE_SECONDS
        connection = self._connection()
        headers = {"Accept-Encoding": "identity", "User-Agent": "brightline-verify"}
        connection.request("GET", f"{self._base}/{path}", headers=headers)
        with contextlib.closing(connection.getresponse()) as answer:  # it outlives a connection that is not kept
            if answer.status != 200:
                self._drop()
                if answer.status in _BUSY:
                    raise http.client.HTTPException(f"status {answer.status}")
                if answer.status in _GONE:
                    raise UnreadableError("this file is missing")
                if 300 <= answer.status < 400:
                    raise Unreachable(f"{self._host} sends elsewhere for {path}; nothing is followed")
                raise UnreadableError(f"the server answers with status {answer.status}")
            if answer.getheader("Content-Encoding", "identity") != "identity":
                self._drop()
                raise UnreadableError("it was sent compressed, which was not asked for")
            data = bytearray()
            while chunk := answer.read(min(CHUNK_BYTES, bytes_max + 1 - len(data))):
                data += chunk
                if time.monotonic() > until:
                    raise TimeoutError(f"more than {FILE_SECONDS:g} seconds for one file")
            if len(data) > bytes_max:
                self._drop()
                raise UnreadableError(f"this file has more than the {bytes_max} bytes that it may have")
            if answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            return bytes(data)

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            if self._tls is None:
                found = http.client.HTTPConnection(self._host, self._port, timeout=SILENCE_SECONDS)
            else:
                found = http.client.HTTPSConnection(self._host, self._port, timeout=SILENCE_SECONDS, context=self._tls)
            self._local.connection = found
            with self._guard:
                self._connections.add(found)
        return found

    def _drop(self) -> None:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is not None:
            self._local.connection = None
            with self._guard:
                self._connections.discard(found)
            found.close()


def _claimed_size(checkpoint: bytes) -> int:
    lines = checkpoint.split(b"\n", 2)
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() and len(lines[1]) < 19 else 0
