# SPDX-License-Identifier: Apache-2.0
"""Tells callers' own servers that people have decided: beside the exchanges, in bounds, and never in their way.

Where a message may go is in the deployment's settings, by workload: over TLS, to a public address or one in a network
that is named there, by no proxy and after no redirect. The name is resolved here, and what is connected to is what was
looked at. A server that does not take a message is asked again a few times; then nobody is told, and may still ask.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from brightline.core.ports import Clock
from brightline.core.review.case import CaseState
from brightline.core.review.telling import AGAIN_SECONDS, Network, Told, may_be_told, message, read_secret, signed
from brightline.shell.config import webhook_secret
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.upstream import trusting
from brightline.shell.people_settings import WebhookSettings

LOOK_SECONDS: Final = 0.5
LOOKED_AT_ONCE: Final = 2_000
WATCHED_MAX: Final = 100_000
SENDING_MAX: Final = 1_000
AT_ONE_TIME: Final = 8
SEND_SECONDS: Final = 10.0
HEAD_BYTES_MAX: Final = 8_192

log = logging.getLogger("brightline.gateway")


class Endpoint:
    """Where one workload is told. Create it inside the running loop."""

    def __init__(self, settings: WebhookSettings, secret: bytes) -> None:
        """Raises ``ConfigError`` if its roots cannot be read."""
        self._url = settings.url
        self._secret = secret
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=AT_ONE_TIME,
                force_close=True,
                ssl=trusting(settings.roots),
                resolver=Vetted(settings.reached),
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=SEND_SECONDS),
            max_line_size=HEAD_BYTES_MAX,
            max_field_size=HEAD_BYTES_MAX,
        )

    async def tell(self, told: Told, unix: int) -> str:
        """Send once; return why it was not taken, or nothing. What the server says is not read."""
        headers = signed(told, self._secret, unix)
        try:
            async with self._session.post(
                self._url, data=told.body, headers=headers, allow_redirects=False
            ) as response:
                return "" if 200 <= response.status < 300 else f"status {response.status}"
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


class Vetted(AbstractResolver):
    """Resolves names to addresses that may be spoken to, and to no others."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name that may be spoken to. Raises ``OSError`` if it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        vetted = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=int(socket.AI_NUMERICHOST),
            )
            for kind, _, protocol, _, address in found
            if may_be_told(str(address[0]), self._networks)
        ]
        if not vetted:
            raise OSError(f"{host[:80]} has no address that may be spoken to")
        return vetted

    async def close(self) -> None:
        """There is nothing to close."""


class Webhooks:
    """Watches the holds that this process opened, for the workloads that want to be told."""

    def __init__(
        self, settings: Mapping[str, WebhookSettings], stands: Callable[[Hold, int], CaseState], clock: Clock
    ) -> None:
        """``stands`` says how a hold stands at a time (Unix seconds). Raises ``ConfigError`` without their secrets."""
        self._settings = settings
        self._secrets = {name: read_secret(webhook_secret(each)) for name, each in settings.items()}
        self._stands = stands
        self._clock = clock
        self._watched: deque[Hold] = deque()
        self._endpoints: dict[str, Endpoint] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONE_TIME)
        self.dropped = 0

    def watch(self, hold: Hold) -> None:
        """Tell the workload of this hold once it is decided, or has expired."""
        if hold.workload not in self._settings:
            return
        if len(self._watched) >= WATCHED_MAX:
            self._drop(hold)
            return
        self._watched.append(hold)

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        if not self._settings:
            return
        try:
            self._endpoints = {name: Endpoint(each, self._secrets[name]) for name, each in self._settings.items()}
            while True:
                self.look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            for endpoint in self._endpoints.values():
                await endpoint.close()

    def look(self) -> None:
        """Look at some of the watched in turn, and begin to tell of those that are decided."""
        now = self._clock.unix()
        for _ in range(min(len(self._watched), LOOKED_AT_ONCE)):
            hold = self._watched.popleft()
            state = self._stands(hold, now)
            if state is CaseState.OPEN:
                self._watched.append(hold)
            elif len(self._sending) >= SENDING_MAX:
                self._drop(hold)
            else:
                told = message(hold.id, hold.case, state.value, now, keeps_answer=hold.kept)
                task = asyncio.get_running_loop().create_task(self._tell(hold.workload, told))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _tell(self, workload: str, told: Told) -> None:
        why = ""
        for seconds in (0, *AGAIN_SECONDS):
            await asyncio.sleep(seconds)
            async with self._turns:
                why = await self._endpoints[workload].tell(told, self._clock.unix())
            if not why:
                return
        log.warning("%s was not told of a hold (%s): %s", workload, told.id, why)

    def _drop(self, hold: Hold) -> None:
        if not self.dropped:
            log.warning("too many holds wait to be told of: %s must ask for %s", hold.workload, hold.id)
        self.dropped += 1
