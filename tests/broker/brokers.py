# SPDX-License-Identifier: Apache-2.0
"""A broker and a node's key agent in a loop of their own, over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from brightline.broker.app import BrokerApp
from brightline.broker.handing import Handing
from brightline.broker.service import make_broker, open_broker
from brightline.broker.settings import BrokerSettings
from brightline.core.ports import Attester, Clock
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving
from brightline.shell.trust.accepted import installation_digest
from brightline.shell.trust.agent import KeyAgent, Post, post_to
from brightline.shell.trust.asking import ATTESTER_KEY, DevelopmentAttester
from brightline.shell.trust.sealed import Broker
from tests.harness import Loop
from tests.shell.cli.in_process import run

NOWHERE = "http://broker.invalid"
SEALED = ("hold", "log-gateway-0", "log-heads", "log-registry", "tenant", "token")


def broker_for(folder: Path, state: Path) -> Broker:
    """Make a broker of a state folder's installation."""
    return make_broker(
        folder, BrokerSettings(NOWHERE, port=0), state / "trust.json", state / "installation.json", SystemClock()
    )


def seal_all(state: Path, folder: Path, tmp: Path) -> None:
    """Seal a state folder's keys to a broker, as its operator does."""
    card = tmp / f"{state.name}-card.json"
    card.write_text(run("broker", "card", folder).stdout, "utf-8")
    run("keys", "seal", state, "--broker", card)


def agent_for(state: Path, post: Post, clock: Clock | None = None, attester: Attester | None = None) -> KeyAgent:
    """The key agent of a state folder."""
    clock = clock or SystemClock()
    attester = attester or DevelopmentAttester(state / "keys" / ATTESTER_KEY, clock)
    return KeyAgent(state / "keys", attester, installation_digest(state), post, clock)


@contextlib.asynccontextmanager
async def served(folder: Path, clock: Clock | None = None) -> AsyncIterator[tuple[Handing, str]]:
    """A broker that listens."""
    async with (
        open_broker(folder, clock or SystemClock()) as handing,
        serving(BrokerApp(handing), bind("127.0.0.1", 0)) as url,
    ):
        yield handing, url


async def _held(state: Path, folder: Path, stack: AsyncExitStack) -> KeyAgent:
    _, url = await stack.enter_async_context(served(folder))
    agent = agent_for(state, post_to(url))
    await stack.enter_async_context(agent.listening())
    await agent.renew()
    return agent


@contextmanager
def held(state: Path, folder: Path) -> Iterator[KeyAgent]:
    """A broker, and the agent of a state folder that has its keys from there, until the block ends."""
    loop, stack = Loop(), AsyncExitStack()
    try:
        yield loop.call(_held(state, folder, stack))
    finally:
        loop.call(stack.aclose())
        loop.close()
