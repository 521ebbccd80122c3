# SPDX-License-Identifier: Apache-2.0
"""A client of streams: many at once, each asked for again as soon as it ended; when the first words and the end came.

It reads no JSON and no chunked framing: it looks for the marks ``"content":"`` and ``[DONE]`` in what arrives, which
costs little beside what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final, cast

import uvloop

FIRST: Final = (b'"content":"', b'"content": "')
EMPTY: Final = (b'"content":""', b'"content": ""')
DONE: Final = b"[DONE]"


class Stream(asyncio.Protocol):
    """One request, one stream. ``first`` and ``ended`` are seconds after it was sent; ``ended`` is 0 if it broke."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._sent = 0.0
        self._seen = b""
        self._transport: asyncio.Transport
        self.first = 0.0
        self.ended = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Look for the first words and for the end."""
        if not self.first and self._has_words(data):
            self.first = time.perf_counter() - self._sent
        self._seen = self._seen[-len(DONE) :] + data[-4096:]
        if DONE in self._seen:
            self.ended = time.perf_counter() - self._sent
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, one way or another."""
        if not self.closed.done():
            self.closed.set_result(None)

    @staticmethod
    def _has_words(data: bytes) -> bool:
        return sum(map(data.count, FIRST)) > sum(map(data.count, EMPTY))


def percentile(values: list[float], part: float) -> float:
    """The value below which ``part`` of all lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


async def measure(port: int, requests: list[bytes], at_once: int, seconds: float) -> dict[str, float]:
    """Keep ``at_once`` streams going for so long, begun evenly apart; count those that ended well and those not."""
    first: list[float] = []
    broken = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds

    async def keep_going(number: int) -> None:
        nonlocal broken
        await asyncio.sleep(0.3 * number / at_once)
        turn = number
        while loop.time() < until:
            request = requests[turn % len(requests)]
            turn += at_once
            _, stream = await loop.create_connection(lambda: Stream(request), "127.0.0.1", port)  # noqa: B023
            await stream.closed
            if stream.ended:
                first.append(stream.first * 1e3)
            else:
                broken += 1

    await asyncio.gather(*(keep_going(number) for number in range(at_once)))
    return {
        "streams": len(first),
        "broken": broken,
        "first_p50_ms": percentile(first, 0.5),
        "first_p99_ms": percentile(first, 0.99),
    }


if __name__ == "__main__":
    plan = json.loads(sys.stdin.read())
    sent = [each.encode() for each in plan["requests"]]
    result = uvloop.run(measure(plan["port"], sent, plan["at_once"], plan["seconds"]))
    sys.stdout.write(json.dumps(result))
