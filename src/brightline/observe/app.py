# SPDX-License-Identifier: Apache-2.0
"""Where mirrored traffic arrives. It answers 204 or an error, and nothing that could be taken for a model's answer.

    POST …/v1/chat/completions, …/v1/responses    a mirrored request
    POST /litellm                                 LiteLLM's callback
    GET  /livez                                   200 while it runs

What arrives waits in a bounded line for one thread that looks. What finds the line full is counted and not looked at:
the traffic itself is somebody else's, and is never made to wait.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from brightline.core.errors import CallerError
from brightline.observe.exchanges import BYTES_MAX, NotOurs, Seen, from_litellm, mirrored
from brightline.shell.body import BodyTooLarge, ClientLeft, Receive, is_http, read_body, write_whole

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WAITING_MAX: Final = 4_096
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
BODY_SECONDS: Final = 30.0
LITELLM: Final = "/litellm"


class Line:
    """Exchanges that wait to be looked at, and counts of what is not looked at. Threads and loops may use it."""

    def __init__(self, waiting_max: int = WAITING_MAX, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._waiting: queue.Queue[Seen | None] = queue.Queue(waiting_max)
        self._lock = threading.Lock()
        self._stopped = False
        self._bytes = 0
        self._bytes_max = bytes_max
        self._counts: Counter[str] = Counter()

    def put(self, seen: Seen) -> bool:
        """Let one wait; false if there is no room for it, and then it is counted."""
        size = len(seen.request) + len(seen.answer)
        with self._lock:
            if self._bytes + size > self._bytes_max or self._waiting.full() or self._stopped:
                self._counts["stopped" if self._stopped else "line_full"] += 1
                return False
            self._bytes += size
            self._waiting.put_nowait(seen)
            return True

    def take(self) -> Seen | None:
        """The next one; ``None`` at the end."""
        seen = self._waiting.get()
        if seen is not None:
            with self._lock:
                self._bytes -= len(seen.request) + len(seen.answer)
        return seen

    def end(self) -> None:
        """Nothing more comes after what waits."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self._waiting.put(None)

    def stop(self) -> None:
        """Nobody looks any more: what comes is counted, and never as if it had been looked at."""
        with self._lock:
            self._stopped = True

    @property
    def looked_at(self) -> bool:
        """Whether somebody looks."""
        return not self._stopped

    def count(self, reason: str) -> None:
        """Something is not looked at."""
        with self._lock:
            self._counts[reason] += 1

    def take_counts(self) -> dict[str, int]:
        """What was not looked at since the last call, by reason."""
        with self._lock:
            counts = dict(self._counts)
            self._counts.clear()
        return counts

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked."""
        with self._lock:
            self._counts.update(counts)


class Observer:
    """The ASGI application."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Take one request in. Nothing of it is in the answer."""
        if not await is_http(scope, send):
            return
        if scope["method"] == "GET" and scope["path"] == "/livez":
            await _answer(send, 200 if self._line.looked_at else 503)
            return
        if scope["method"] != "POST":
            self._line.count("another_method")
            await _answer(send, 405)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await read_body(receive, BYTES_MAX)
        except (TimeoutError, ClientLeft):
            self._line.count("not_whole")
            await _answer(send, 408)
            return
        except BodyTooLarge:
            self._line.count("too_large")
            await _answer(send, 413)
            return
        await _answer(send, self._take_in(scope, body))

    def _take_in(self, scope: MutableMapping[str, Any], body: bytes) -> int:
        """Let what is in a body wait to be looked at. Returns the status."""
        if any(name == b"content-encoding" and value != b"identity" for name, value in scope["headers"]):
            self._line.count("encoded")
            return 415
        try:
            seen = [*from_litellm(body)] if scope["path"] == LITELLM else [mirrored(scope["path"], body)]
        except NotOurs as error:
            self._line.count(error.reason)
            return 404 if error.reason == "another_route" else 400
        status = 204
        for each in seen:
            if isinstance(each, NotOurs):
                self._line.count(each.reason)
            elif not self._line.put(each):
                status = 503
        return status

    def refused(self, _error: CallerError) -> bytes:
        """A request that was not framed as one. Nothing is said of it."""
        self._line.count("not_framed")
        return b"{}"


async def _answer(send: Send, status: int) -> None:
    await write_whole(send, status, b"")
