# SPDX-License-Identifier: Apache-2.0
"""What the workers of one gateway tell each other, so that quotas and the watch over denies count all of them.

Every twentieth of a second a worker writes to each other one what was used of a quota and how exchanges ended since.
So a quota can be passed by what the others began within that time, and no more. What one cannot take now (its queue
is full, or it is being restarted) waits for it, in bounds. A worker that starts again begins its minute of a quota
anew, and may count requests twice that ended while it started, but no deny: denies are told apart by their digest.
The channels are sockets that the supervisor made: nobody else can write there. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import msgspec

from brightline.shell.gateway.hold import Hold

TICK_SECONDS: Final = 0.05
ENTRIES_MAX: Final = 10_000
ENTRIES_AT_ONCE: Final = 100
DATAGRAM_BYTES: Final = 131_072

log = logging.getLogger("brightline")


class What(enum.StrEnum):
    """What of a quota: of a workload, or of a unit over all its workloads; bytes are of evidence."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    HOLDS = "holds"
    UNIT_REQUESTS = "unit_requests"
    UNIT_TOKENS = "unit_tokens"
    UNIT_HOLDS = "unit_holds"
    BYTES = "bytes"
    UNIT_BYTES = "unit_bytes"


class Told(msgspec.Struct, frozen=True):
    """One datagram."""

    used: tuple[tuple[What, str, int], ...] = ()  # what, of whom, how much
    held: tuple[tuple[What, str, str], ...] = ()  # what, of whom, digest of the exchange
    decided: tuple[tuple[str, int, int], ...] = ()  # unit, unix seconds, requests
    denied: tuple[tuple[str, str, int], ...] = ()  # unit, digest of the exchange, unix seconds
    opened: tuple[Hold, ...] = ()


class _Pending:
    """What one peer is yet to be told."""

    def __init__(self, to: socket.socket) -> None:
        self._to = to
        self.used: Counter[tuple[What, str]] = Counter()
        self.held: dict[tuple[What, str, str], None] = {}
        self.decided: Counter[tuple[str, int]] = Counter()
        self.denied: dict[tuple[str, str], int] = {}
        self.opened: dict[Hold, None] = {}

    @property
    def full(self) -> bool:
        waiting = len(self.used) + len(self.held) + len(self.decided) + len(self.denied) + len(self.opened)
        return waiting >= ENTRIES_MAX

    def send(self) -> None:
        """Tell as much as the peer takes now; the rest waits."""
        while self.used or self.held or self.decided or self.denied or self.opened:
            used = list(islice(self.used.items(), ENTRIES_AT_ONCE))
            held = tuple(islice(self.held, ENTRIES_AT_ONCE))
            decided = list(islice(self.decided.items(), ENTRIES_AT_ONCE))
            denied = list(islice(self.denied.items(), ENTRIES_AT_ONCE))
            opened = tuple(islice(self.opened, ENTRIES_AT_ONCE))
            told = Told(
                tuple((what, name, amount) for (what, name), amount in used),
                held,
                tuple((unit, unix, requests) for (unit, unix), requests in decided),
                tuple((unit, digest, unix) for (unit, digest), unix in denied),
                opened,
            )
            try:
                self._to.send(msgspec.msgpack.encode(told))
            except OSError:  # full, or nobody holds the other end: the supervisor is gone, and we are about to go too
                return
            for key, _ in used:
                del self.used[key]
            for hold in held:
                del self.held[hold]
            for place, _ in decided:
                del self.decided[place]
            for deny, _ in denied:
                del self.denied[deny]
            for one in opened:
                del self.opened[one]


class Peers:
    """The other workers. Without any, everything here does nothing."""

    def __init__(
        self, hear: socket.socket | None = None, tell: Sequence[socket.socket] = (), shards: tuple[str, ...] = ()
    ) -> None:
        """``hear`` is where the others write to us, ``tell`` where we write to each of them: datagram sockets.

        ``shards`` are those that other workers write or wrote, for the watch to read at start.
        """
        self.shards = shards
        self._hear = hear
        self._pending = [_Pending(to) for to in tell]
        self._said_full = False
        for each in (hear, *tell):
            if each is not None:
                each.setblocking(False)

    def tell_used(self, what: What, name: str, amount: int) -> None:
        """So much was used of a quota."""
        if not amount:
            return
        for pending in self._pending:
            if self._has_room(pending):
                pending.used[what, name] += amount

    def tell_held(self, what: What, name: str, digest: str) -> None:
        """An exchange was held."""
        for pending in self._pending:
            if self._has_room(pending):
                pending.held[what, name, digest] = None

    def tell_decided(self, unit: str, unix: int) -> None:
        """A request of a unit was decided, and not denied."""
        for pending in self._pending:
            if self._has_room(pending):
                pending.decided[unit, unix] += 1

    def tell_denied(self, unit: str, digest: str, unix: int) -> None:
        """The agreement denied a request of a unit."""
        for pending in self._pending:
            if self._has_room(pending):
                pending.denied[unit, digest] = unix

    def tell_opened(self, hold: Hold) -> None:
        """A hold was opened."""
        for pending in self._pending:
            if self._has_room(pending):
                pending.opened[hold] = None

    def discard(self) -> None:
        """Forget what was told until now: it stands in the logs, which a start reads."""
        if self._hear is not None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._hear.recv(DATAGRAM_BYTES)

    async def talk(self, heard: Callable[[Told], None]) -> None:
        """Tell and hear, until cancelled."""
        if self._hear is None:
            return
        loop, hear = asyncio.get_running_loop(), self._hear

        def take() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    heard(_DECODER.decode(hear.recv(DATAGRAM_BYTES)))

        loop.add_reader(hear, take)
        try:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                for pending in self._pending:
                    pending.send()
        finally:
            loop.remove_reader(hear)

    def _has_room(self, pending: _Pending) -> bool:
        if not pending.full:
            return True
        if not self._said_full:
            self._said_full = True
            log.warning("another worker does not listen: what is used here is not counted there")
        return False


_DECODER: Final = msgspec.msgpack.Decoder(Told)
