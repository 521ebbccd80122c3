# SPDX-License-Identifier: Apache-2.0
"""What waits for the pump of one exchange: in order, bounded, for one reader.

``asyncio.Queue`` does the same for any number of readers, at twice the price, and a stream pays it for each chunk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Inbox(Generic[_T]):
    """At most ``most`` items. Who puts waits for room; who gets, and there is one, waits for an item."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[_T] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writers: deque[asyncio.Future[None]] = deque()

    @property
    def full(self) -> bool:
        """Whether there is no room."""
        return len(self._items) >= self._most

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._items)

    def put_now(self, item: _T) -> None:
        """Put an item. Raises ``asyncio.QueueFull`` if there is no room."""
        if len(self._items) >= self._most:
            raise asyncio.QueueFull
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def put(self, item: _T) -> None:
        """Put an item once there is room."""
        while len(self._items) >= self._most:
            turn = asyncio.get_running_loop().create_future()
            self._writers.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and not self.full:  # called, and no longer there: the next is
                    self._call_on()
                raise
        self.put_now(item)

    async def get(self) -> _T:
        """Take the first item, once there is one."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        item = self._items.popleft()
        self._call_on()
        return item

    def _call_on(self) -> None:
        """Give the turn to who has waited longest for room, and waits still."""
        while self._writers:
            turn = self._writers.popleft()
            if not turn.done():
                turn.set_result(None)
                return
