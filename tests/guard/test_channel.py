# SPDX-License-Identifier: Apache-2.0
"""Between gateway and guard: each is known by its certificate, for as long as that lasts, and by nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from brightline.core.errors import ConfigError, TrustError
from brightline.guard.service import make_guard, open_door, open_guard
from brightline.guard.settings import ChannelSettings, GuardSettings, read_settings
from brightline.shell.channel import KEY, ROOTS, Channel
from brightline.shell.clock import SystemClock
from brightline.shell.config import UpstreamSettings
from brightline.shell.connection import KEPT_SECONDS, Connection
from brightline.shell.connections import Connections
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.serve import Door, bind, serving
from tests.channels import DOMAIN, GATEWAY, GUARD, HOUR, Authority, channel
from tests.guard.attested import Machine, in_memory_alone, sign_for
from tests.guard.models import ModelFolder
from tests.guard.test_guard import PINNED
from tests.harness import read_records

AUTHORITY = Authority()
SECONDS = 20.0


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


@contextlib.asynccontextmanager
async def guarded(folder: Path, peer: str = GATEWAY, unix: Callable[[], float] = time.time) -> AsyncIterator[str]:
    """A server that says hello to this peer."""
    async with serving(hello, bind("127.0.0.1", 0), Door(channel=channel(folder, peer, unix))) as url:
        yield url


async def asks(url: str, over: Channel) -> int:
    """The status of one request over a new connection."""
    connections = Connections(url, over, 4, SECONDS)
    try:
        return await asked(connections)
    finally:
        connections.close()


async def asked(connections: Connections) -> int:
    now = asyncio.get_running_loop().time()
    connection = await connections.take(now + SECONDS)
    try:
        await connection.ask(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", now + SECONDS, now + SECONDS, SECONDS)
        while await connection.take():
            pass
        return connection.status
    finally:
        connections.give_back(connection)


async def until_it_is_closed(connection: Connection) -> None:
    """Look until a connection cannot be used any more."""
    ends = time.monotonic() + KEPT_SECONDS / 2  # so that it is not closed because it rested
    while connection.free():
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


async def test_two_parts_that_expect_each_other_speak(tmp_path: Path) -> None:
    guard, gateway = AUTHORITY.part(tmp_path / "g", GUARD), AUTHORITY.part(tmp_path / "w", GATEWAY)
    async with guarded(guard) as url:
        assert url.startswith("https://")
        assert await asks(url, channel(gateway, GUARD)) == 200


@pytest.mark.parametrize(
    ("client", "expects"),
    [
        (lambda path: AUTHORITY.part(path, f"spiffe://{DOMAIN}/gateway/two"), GUARD),  # not who the guard expects
        (lambda path: AUTHORITY.part(path, GATEWAY), f"spiffe://{DOMAIN}/guard/other"),  # nor who the gateway expects
        (lambda path: Authority().part(path, GATEWAY), GUARD),  # another authority of the same domain
    ],
)
async def test_whoever_is_not_expected_is_not_spoken_to(tmp_path: Path, client: Any, expects: str) -> None:
    guard, gateway = AUTHORITY.part(tmp_path / "g", GUARD), client(tmp_path / "w")
    (gateway / ROOTS).write_bytes(AUTHORITY.root)  # the server is believed
    async with guarded(guard) as url:
        with pytest.raises(OSError):
            await asks(url, channel(gateway, expects))


async def test_a_client_without_a_certificate_or_without_tls_is_not_heard(tmp_path: Path) -> None:
    guard = AUTHORITY.part(tmp_path / "g", GUARD)
    bare = ssl.create_default_context(cadata=AUTHORITY.root.decode())
    bare.check_hostname = False
    async with guarded(guard) as url:
        for address, context in ((url, bare), (url.replace("https", "http"), ssl.create_default_context())):
            connections = Connections(address, context, 1, SECONDS)
            with pytest.raises(OSError):
                await asked(connections)
            connections.close()


async def test_a_certificate_that_has_ended_opens_nothing(tmp_path: Path) -> None:
    guard = AUTHORITY.part(tmp_path / "g", GUARD)
    ended = AUTHORITY.part(tmp_path / "w", GATEWAY, at=time.time() - HOUR - 60)
    with pytest.raises(ConfigError, match="has ended"):
        channel(ended, GUARD)
    async with guarded(guard) as url:
        with pytest.raises(OSError):
            await asks(url, channel(ended, GUARD, lambda: time.time() - HOUR))  # whose clock is wrong


async def test_a_connection_ends_with_the_certificate_of_its_peer_on_both_sides(tmp_path: Path) -> None:
    guard, gateway = AUTHORITY.part(tmp_path / "g", GUARD), AUTHORITY.part(tmp_path / "w", GATEWAY)
    ahead = 0.0

    def unix() -> float:
        return time.time() + ahead

    async with guarded(guard, unix=unix) as url:
        connections = Connections(url, channel(gateway, GUARD), 4, SECONDS)
        assert await asked(connections) == 200
        (connection,) = connections._open
        assert connection.free()
        ahead = HOUR + 60.0  # the guard's clock alone: it cuts the connection at its next look
        await until_it_is_closed(connection)
        connections.close()
        ahead = 0.0
        lasting = AUTHORITY.part(tmp_path / "l", GATEWAY, hours=2)
        behind = channel(lasting, GUARD, lambda: time.time() + HOUR - 2.0)  # it has less than two seconds left
        connections = Connections(url, behind, 4, SECONDS)
        assert await asked(connections) == 200
        (connection,) = connections._open
        await until_it_is_closed(connection)
        connections.close()


async def test_certificates_and_roots_are_taken_anew_without_a_restart(tmp_path: Path) -> None:
    guard, gateway = AUTHORITY.part(tmp_path / "g", GUARD), AUTHORITY.part(tmp_path / "w", GATEWAY)
    over = channel(gateway, GUARD)
    stale = channel(AUTHORITY.part(tmp_path / "old", GATEWAY), GUARD)
    async with guarded(guard) as url:
        assert await asks(url, over) == 200
        AUTHORITY.part(gateway, GATEWAY)
        AUTHORITY.part(guard, GUARD)
        assert await asks(url, over) == 200
        another = Authority()
        another.part(guard, GUARD)
        another.part(gateway, GATEWAY)
        assert await asks(url, over) == 200
        (tmp_path / "old" / ROOTS).write_bytes(AUTHORITY.root + another.root)
        with pytest.raises(OSError):
            await asks(url, stale)  # its authority is not believed any more


async def test_a_key_without_its_certificate_leaves_what_was_in_force(tmp_path: Path) -> None:
    guard, gateway = AUTHORITY.part(tmp_path / "g", GUARD), AUTHORITY.part(tmp_path / "w", GATEWAY)
    async with guarded(guard) as url:
        over = channel(gateway, GUARD)
        (guard / KEY).write_bytes((gateway / KEY).read_bytes())
        assert await asks(url, over) == 200


def test_a_folder_that_is_no_channel_does_not_start(tmp_path: Path) -> None:
    folder = AUTHORITY.part(tmp_path / "g", GUARD)
    for peers in ((), ("the gateway",)):
        with pytest.raises(ConfigError):
            Channel(folder, peers, time.time)
    (folder / KEY).chmod(0o644)
    with pytest.raises(ConfigError, match="readable by others"):
        channel(folder, GATEWAY)
    (folder / KEY).chmod(0o600)
    (folder / ROOTS).write_text("nothing")
    with pytest.raises(ConfigError):
        channel(folder, GATEWAY)
    with pytest.raises(ConfigError, match="write https"):
        Connections("http://127.0.0.1:1", channel(AUTHORITY.part(tmp_path / "w", GATEWAY), GUARD), 1, 1.0)


def test_in_production_a_gateway_without_a_channel_does_not_start() -> None:
    plain = {"default": UpstreamSettings(url="https://guard.example")}
    with pytest.raises(ConfigError, match=r"upstream\.default needs a channel"):
        HttpUpstreams.open(plain, "production", SystemClock())


async def test_a_production_guard_starts_with_its_channel_and_counts_whom_it_turned_away(tmp_path: Path) -> None:
    AUTHORITY.part(tmp_path / "channel", GUARD)
    model, machine = ModelFolder(tmp_path, time.time()).settings, Machine(tmp_path / "machine")
    made = GuardSettings(
        "default",
        "http://model",
        (PINNED[0].hex(),),
        profile="production",
        model=model,
        model_socket=str(tmp_path / "no.sock"),
        channel=ChannelSettings("channel", (GATEWAY,)),
        attestation=machine.settings,
    )
    make_guard(tmp_path, made)
    sign_for(tmp_path, machine.policy())
    settings = read_settings(tmp_path)
    stranger = AUTHORITY.part(tmp_path / "w", f"spiffe://{DOMAIN}/gateway/two")
    with in_memory_alone(tmp_path / "keys"):
        await _turns_away(tmp_path, settings, stranger)
        profiles = {each["profile"] for each in read_records(tmp_path, "guard")}
    assert profiles == {"production"}


async def _turns_away(folder: Path, settings: GuardSettings, stranger: Path) -> None:
    async with open_guard(folder, SystemClock()) as app:
        door = open_door(folder, settings, app, SystemClock())
        async with serving(app, bind("127.0.0.1", 0), door) as url:
            with pytest.raises(OSError):
                await asks(url, channel(stranger, GUARD))
            assert app.take_counts() == {"peer_refused": 1}


def test_a_peer_that_showed_nothing_is_nobody(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="no certificate"):
        channel(AUTHORITY.part(tmp_path / "g", GUARD), GATEWAY).peer(None)
