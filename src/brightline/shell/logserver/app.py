# SPDX-License-Identifier: Apache-2.0
"""The ASGI application of a log server: GET and HEAD of the published files, of proofs made of them, and of pages.

Files go out byte for byte, in pieces, whatever is in them. Reading runs off the event loop; pages, which read more,
are made two at a time and kept for as long as the log's heads stay. Nothing of a request is written anywhere.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, assert_never

import msgspec

from brightline.core.evidence.audit_tree import BUNDLE_BYTES_MAX, UnreadableError
from brightline.core.evidence.merkle import ProofError
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.proving import RETRY_SECONDS, NotCosigned, NotPublished, prove_record, read_heads
from brightline.core.ports import Clock
from brightline.shell.body import begin_answer, is_http
from brightline.shell.logserver import pages
from brightline.shell.logserver.files import OpenedFile, ServedFolder, ServedLog
from brightline.shell.logserver.look import LogLook, look_at_log, look_at_record
from brightline.shell.logserver.routes import (
    FRESH,
    TEXT,
    Front,
    LogFile,
    LogPage,
    ProofFile,
    RecordPage,
    ToLogPage,
    route,
)

FILE_BYTES_MAX: Final = BUNDLE_BYTES_MAX
PIECE_BYTES: Final = 262_144
REQUESTS_MAX: Final = 256  # at a time
PAGES_MAX: Final = 2  # that are being made at a time
SEND_SECONDS: Final = 60.0  # for one piece, to a reader who does not take it
LOOKS_KEPT: Final = 128
HTML: Final = "text/html; charset=utf-8"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Answer(msgspec.Struct, frozen=True):
    """An answer: its body is ``body``, or what ``file`` holds."""

    status: int
    content_type: str
    body: bytes = b""
    cache: str = FRESH
    headers: tuple[tuple[bytes, bytes], ...] = ()
    file: OpenedFile | None = None

    @classmethod
    def say(cls, status: int, words: str, *headers: tuple[bytes, bytes]) -> _Answer:
        """A line of plain text."""
        return cls(status, TEXT, f"{words}\n".encode("utf-8", "replace"), headers=headers)


_NOTHING: Final = "nothing is served under this path"


class LogServerApp:
    """Serves one folder. Whoever opened the folder closes it."""

    def __init__(
        self, folder: ServedFolder, clock: Clock, policy: Policy | None = None, requests_max: int = REQUESTS_MAX
    ) -> None:
        """``policy`` names the witnesses on the pages and verifies what they say; it changes no file."""
        self._folder = folder
        self._clock = clock
        self._policy = policy
        self._requests_max = requests_max
        self._requests = 0
        self._making = asyncio.Semaphore(PAGES_MAX)
        self._looks: dict[str, LogLook] = {}
        self._guard = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; websockets are refused."""
        if not await is_http(scope, send):
            return
        self._requests += 1
        try:
            answer = await self._answer(scope)
            try:
                await _send(answer, scope["method"] == "HEAD", send)
            finally:
                if answer.file is not None:
                    os.close(answer.file.fd)
        finally:
            self._requests -= 1

    async def _answer(self, scope: Scope) -> _Answer:
        if scope["method"] not in {"GET", "HEAD"}:
            return _Answer.say(405, "this log is read with GET and HEAD", (b"allow", b"GET, HEAD"))
        found = None if scope.get("query_string") else route(scope["raw_path"])
        if found is None:
            return _Answer.say(404, _NOTHING)
        if self._requests > self._requests_max:
            return _Answer.say(503, "too many requests at a time", (b"retry-after", b"1"))
        try:
            if isinstance(found, LogFile):
                return await asyncio.to_thread(self._file, found)
            async with self._making:
                return await asyncio.to_thread(self._make, found)
        except (UnreadableError, NotPublished) as error:
            return _Answer.say(404, str(error))
        except NotCosigned as error:
            retry = (b"retry-after", str(RETRY_SECONDS).encode())
            return _Answer.say(503, f"{error}; try again in {RETRY_SECONDS} seconds", retry)
        except ProofError as error:
            return _Answer.say(500, f"the tiles of this log do not lead to its signed root: {error}")

    # ---- off the event loop ----------------------------------------------------------------------------------

    def _file(self, wanted: LogFile) -> _Answer:
        opened = self._folder.open(wanted.shard, wanted.path)
        if opened.size > FILE_BYTES_MAX:
            os.close(opened.fd)
            raise UnreadableError("this file is larger than any file of a log")
        return _Answer(200, wanted.content_type, cache=wanted.cache, file=opened)

    def _make(self, wanted: Front | LogPage | ToLogPage | RecordPage | ProofFile) -> _Answer:
        if not isinstance(wanted, Front) and not self._folder.has(wanted.shard):
            raise UnreadableError(_NOTHING)
        match wanted:
            case Front():
                shards = self._folder.shards()
                return _page(pages.front([(shard, self._look_or_none(shard)) for shard in shards[: pages.LOGS_SHOWN]]))
            case ToLogPage():
                return _Answer(308, TEXT, headers=((b"location", f"/{wanted.shard}/".encode()),))
            case LogPage():
                log = ServedLog(self._folder, wanted.shard)
                return _page(pages.log(wanted.shard, self._look(log), log.written("checkpoint"), self._clock.unix()))
            case RecordPage():
                look = look_at_record(ServedLog(self._folder, wanted.shard), wanted.index)
                return _page(pages.record(wanted.shard, look))
            case ProofFile():
                log = ServedLog(self._folder, wanted.shard)
                heads = read_heads(log)
                proof = prove_record(log, heads, heads.in_place(wanted.index), wanted.index)
                return _Answer(200, TEXT, proof.encode())
        assert_never(wanted)

    def _look(self, log: ServedLog) -> LogLook:
        """The look at a log, made anew when one of its heads changed."""
        heads = read_heads(log)
        with self._guard:
            kept = self._looks.get(log.shard)
        if kept is not None and kept.heads == heads:
            return kept
        look = look_at_log(log, self._policy)
        with self._guard:
            if len(self._looks) >= LOOKS_KEPT:
                self._looks.clear()
            self._looks[log.shard] = look
        return look

    def _look_or_none(self, shard: str) -> LogLook | None:
        try:
            return self._look(ServedLog(self._folder, shard))
        except UnreadableError:
            return None


def _page(page: pages.Page) -> _Answer:
    headers = (
        (b"content-security-policy", f"{page.policy}; frame-ancestors 'none'".encode()),
        (b"referrer-policy", b"no-referrer"),
    )
    return _Answer(200, HTML, page.html.encode("utf-8", "replace"), headers=headers)


async def _send(answer: _Answer, head_only: bool, send: Send) -> None:
    size = len(answer.body) if answer.file is None else answer.file.size
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"cache-control", answer.cache.encode()),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    await begin_answer(send, answer.status, size, headers)
    if answer.file is not None and not head_only:
        left = size
        while left:
            piece = await asyncio.to_thread(os.read, answer.file.fd, min(PIECE_BYTES, left))
            if not piece:
                return  # the file became shorter: the answer stays torn, and the reader sees that
            left -= len(piece)
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        if size:
            return
    await send({"type": "http.response.body", "body": b"" if head_only else answer.body})
