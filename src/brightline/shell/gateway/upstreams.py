# SPDX-License-Identifier: Apache-2.0
"""The model servers of a node by name, and which of several alike an exchange is given to.

The choice is made once, before anything is recorded: the PASS record and its token name the server, and its guard
answers to no token for another. So an exchange never moves to a second server, whatever happens to the first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Final

from brightline.core.enforcement.pass_token import PassToken
from brightline.core.errors import ConfigError, UpstreamFailed
from brightline.core.exchange.model import UpstreamRequest
from brightline.core.ports import Clock
from brightline.shell.config import UpstreamSettings, upstream_key
from brightline.shell.gateway.health import Health
from brightline.shell.gateway.upstream import HttpUpstream

PROBE_SECONDS: Final = 5.0
DOUBT_SECONDS: Final = 0.5
"""How often a server is probed of which an exchange or a probe failed."""


class HttpUpstreams:
    """The model servers by name; a token says which of them it is for, and no other is ever asked."""

    def __init__(
        self,
        servers: Mapping[str, HttpUpstream],
        health: Mapping[str, Health],
        alike: Mapping[str, tuple[str, ...]],
        clock: Clock,
    ) -> None:
        self._servers = servers
        self._health = health
        self._alike = alike
        self._clock = clock
        self._under_way = dict.fromkeys(health, 0)
        self._turn = 0

    @classmethod
    def open(cls, settings: Mapping[str, UpstreamSettings], profile: str, clock: Clock) -> HttpUpstreams:
        """Every server that the settings name. Raises ``ConfigError``: in production each is known by its identity."""
        for name, server in settings.items():
            if profile == "production" and not server.channel:
                raise ConfigError(
                    f"in the production profile upstream.{name} needs a channel: no place in a network is trusted"
                )
        health = {name: Health() for name in settings}
        servers = {
            name: HttpUpstream(server, upstream_key(server), health[name], clock) for name, server in settings.items()
        }
        alike = {
            name: (name, *(other for other, server in settings.items() if server.same_as == name)) for name in settings
        }
        return cls(servers, health, alike, clock)

    @contextlib.contextmanager
    def placed(self, upstream: str) -> Iterator[str]:
        """Give an exchange to the least loaded server of those alike that is well; hold the place while it lasts.

        Where none is well, the one is asked that has rested most: a guess about health refuses nobody. Whether all are
        lost is looked at once the attempt is on record.
        """
        names = self._alike.get(upstream, ())
        if not names:
            yield upstream
            return
        now = self._clock.monotonic()
        self._turn += 1
        start = self._turn % len(names)  # of servers that stand alike each has its turn
        name = min(
            names[start:] + names[:start],
            key=lambda each: (bool(self._health[each].lost), self._health[each].rests(now), self._under_way[each]),
        )
        self._under_way[name] += 1
        try:
            yield name
        finally:
            self._under_way[name] -= 1

    def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """See :class:`~brightline.core.ports.Upstream`."""
        server = self._servers.get(token.claims.upstream)
        if server is None:
            raise UpstreamFailed("this node has no model server of that name")
        return server.send(token, request)

    async def probe(self) -> None:
        """Look after each server, again and again, until cancelled; often while there is doubt."""
        async with asyncio.TaskGroup() as looking:
            for name in self._servers:
                looking.create_task(self._probe(name))

    async def _probe(self, name: str) -> None:
        loop, server, health = asyncio.get_running_loop(), self._servers[name], self._health[name]
        latest = loop.time() + PROBE_SECONDS
        while True:
            await asyncio.sleep(DOUBT_SECONDS)
            if health.doubted or loop.time() >= latest:
                await server.probe()
                latest = loop.time() + PROBE_SECONDS

    async def reach(self, upstream: str) -> str:
        """Why none of those alike can be reached; empty if one can."""
        found = [(name, await self._servers[name].reach()) for name in self._alike.get(upstream, ())]
        if not found:
            return "no such upstream is in the settings"
        return "" if any(not why for _, why in found) else "; ".join(f"{name}: {why}" for name, why in found)

    def unwell(self, upstream: str) -> bool:
        """Whether every server of those alike failed too often, or is lost."""
        now = self._clock.monotonic()
        alike = [self._health[name] for name in self._alike.get(upstream, ())]
        return all(health.lost or health.rests(now) for health in alike)

    def lost(self, upstream: str) -> str:
        """Why probes find none of those alike; empty while they find one."""
        found = [(name, self._health[name].lost) for name in self._alike.get(upstream, ())]
        return "; ".join(f"{name}: {why}" for name, why in found) if all(why for _, why in found) else ""

    async def close(self) -> None:
        """Close every connection."""
        for server in self._servers.values():
            await server.close()
