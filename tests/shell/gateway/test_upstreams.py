# SPDX-License-Identifier: Apache-2.0
"""Several model servers that serve alike: who is asked, who is left alone, whom we believe; nothing is retried."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from aiohttp import web

from brightline.core.errors import ConfigError, UpstreamFailed
from brightline.core.evidence.note import VerifierKey
from brightline.core.exchange.model import UpstreamRequest
from brightline.core.readiness import Condition
from brightline.guard.service import guard_vkey, make_guard, open_guard
from brightline.guard.settings import GuardSettings
from brightline.shell.clock import SystemClock
from brightline.shell.config import check_settings
from brightline.shell.gateway import health as health_module
from brightline.shell.gateway.health import FAILURES_MAX, MISSES_MAX, REST_SECONDS, REST_SECONDS_MAX, Health
from brightline.shell.gateway.upstream import HttpUpstream
from brightline.shell.serve import bind, serving
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key, public_hex
from tests.certificates import certified
from tests.guard.test_guard import begun_before
from tests.harness import Loop, ModelServer, Running, _open, completion, make_state


class Pair(Running):
    """A node before two model servers, each behind a guard of its own."""

    other: ModelServer


@contextmanager
def pair(tmp_path: Path) -> Iterator[Pair]:
    loop, stack, models = Loop(), AsyncExitStack(), (ModelServer(), ModelServer())

    async def guards() -> None:
        for name, listener in zip(names, listeners, strict=True):
            app = await stack.enter_async_context(open_guard(tmp_path / name, SystemClock()))
            await stack.enter_async_context(serving(app, listener))

    try:
        for model in models:
            loop.call(model.start(stack))
        names, listeners, root = ("default", "second"), [bind("127.0.0.1", 0) for _ in models], tmp_path / "state"
        urls = [f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
        second = f'[upstream.second]\nurl = "{urls[1]}"\nsame_as = "default"\n'
        settings, _, key = make_state(root, urls[0], upstream=second)
        token_key = public_hex(load_key(StateFolder(root).key("token")))
        for name, model in zip(names, models, strict=True):
            make_guard(tmp_path / name, GuardSettings(name, model.url, (token_key,)))
            begun_before(tmp_path / name, SystemClock().unix(), name)
        with (root / "brightline.toml").open("a", encoding="utf-8") as toml:
            toml.write(f'guard = "{guard_vkey(tmp_path / "second")}"\n')
        loop.call(guards())
        node, url = loop.call(_open(root, settings, stack))
        running = Pair(loop, root, node, url, key, models[0])
        running.other = models[1]
        yield running
    finally:
        loop.call(stack.aclose())
        loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("pair")) as node:
        yield node


@pytest.fixture
def node(served: Pair) -> Pair:
    for model in (served.model, served.other):
        model.answers(model._fine)
        model.seen.clear()
    for health in served.node.upstream._health.values():
        health.answered()
    return served


def passes(node: Pair) -> list[str]:
    return [record["committed"]["upstream"] for record in node.records() if record["kind"] == "PASS"]


def test_servers_that_stand_alike_take_turns_and_each_token_names_its_own_guard(node: Pair) -> None:
    for _ in range(4):
        node.ask()
    assert (len(node.model.seen), len(node.other.seen)) == (2, 2)
    assert sorted(passes(node)[-4:]) == ["default", "default", "second", "second"]


def test_the_least_loaded_is_asked(node: Pair) -> None:
    release = asyncio.Event()

    async def slow(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        await release.wait()
        return web.json_response(completion())

    for model in (node.model, node.other):
        model.answers(slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(node.ask)
        while not node.model.seen + node.other.seen:
            time.sleep(0.001)
        busy, free = (node.model, node.other) if node.model.seen else (node.other, node.model)
        free.answers(free._fine)
        for _ in range(3):
            node.ask()
        assert (len(busy.seen), len(free.seen)) == (1, 3)
        node.loop.loop.call_soon_threadsafe(release.set)
        first.result(20)


def test_a_server_that_is_away_is_left_alone_and_nothing_is_asked_twice(
    node: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "REST_SECONDS", 60.0)
    connections = node.node.upstream._servers["second"]._connections
    address, connections._address = connections._address, ("127.0.0.1", 9)
    connections.close()  # those that rest lead to the server that is there
    try:
        failed = 0
        for _ in range(12):
            try:
                node.ask()
            except openai.InternalServerError:
                failed += 1
        assert 1 <= failed <= FAILURES_MAX  # fewer where our own probe was quicker
        assert len(node.model.seen) == 12 - failed  # what failed was not sent to the other
        assert not node.node.readiness.missing()
    finally:
        connections._address = address


def test_where_none_is_well_one_is_asked_all_the_same_and_readiness_says_so(node: Pair) -> None:
    async def fail() -> tuple[str, ...]:  # and no probe in between
        for health in node.node.upstream._health.values():
            for _ in range(FAILURES_MAX):
                health.failed(SystemClock().monotonic())
        return node.node.readiness.missing()

    assert node.loop.call(fail()) == ("no model server of m answers",)
    assert node.ask().choices[0].message.content == "Fine."
    assert not node.node.readiness.missing()


def until(happened: Callable[[], bool]) -> None:
    """Wait for it, for a minute if need be."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def code_of_asking(node: Pair) -> str:
    """How an ordinary question is refused; empty if it is answered."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def test_what_our_own_probes_do_not_find_stops_service_with_the_reason_until_they_do(node: Pair) -> None:
    each = [server._connections for server in node.node.upstream._servers.values()]
    there = [connections._address for connections in each]
    try:
        for connections in each:
            connections._address = ("127.0.0.1", 9)
            connections.close()
        until(lambda: code_of_asking(node) == "model_lost")
        asked = len(passes(node))
        assert code_of_asking(node) == "model_lost"
        assert len(passes(node)) == asked  # nothing was let through
        assert node.node.readiness.missing() == ("no model server of m answers",)
        [found] = [check for check in node.node.readiness.checks() if check.condition is Condition.UPSTREAM]
        why = "Connect call failed ('127.0.0.1', 9)"
        assert found.detail == (f"default: {why}; second: {why}",)
    finally:
        for connections, address in zip(each, there, strict=True):
            connections._address = address
    until(lambda: not node.node.readiness.missing())  # nobody asked meanwhile
    assert code_of_asking(node) == ""


def test_an_answer_that_breaks_off_is_not_asked_for_again(node: Pair) -> None:
    async def torn(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    for model in (node.model, node.other):
        model.answers(torn)
    with pytest.raises(openai.InternalServerError):
        node.ask()
    assert len(node.model.seen + node.other.seen) == 1


def test_what_a_model_says_makes_its_server_no_less_well(node: Pair) -> None:
    for model in (node.model, node.other):
        model.sends(b"not json")
    for _ in range(8):
        with pytest.raises(openai.InternalServerError):
            node.ask()
    assert (len(node.model.seen), len(node.other.seen)) == (4, 4)


def test_rest_grows_with_each_failure_and_ends_with_an_answer() -> None:
    health = Health()
    for _ in range(FAILURES_MAX - 1):
        health.failed(100.0)
    assert health.rests(100.0) == 0.0
    health.failed(100.0)
    assert (health.rests(100.0), health.rests(100.0 + REST_SECONDS)) == (REST_SECONDS, 0.0)
    health.failed(102.0)
    assert health.rests(102.0) == 2 * REST_SECONDS
    for _ in range(50):
        health.failed(102.0)
    assert health.rests(102.0) == REST_SECONDS_MAX
    health.answered()
    assert health.rests(102.0) == 0.0


# ---- one server -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[Any]]]:
    """A peer that says it is well, and answers; and who connected to it."""
    peers: list[Any] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        if request.path == "/unwell":
            return web.Response(status=503)
        return web.json_response(completion())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}", peers
    finally:
        await runner.cleanup()


@asynccontextmanager
async def upstream(url: str, **settings: Any) -> AsyncIterator[HttpUpstream]:
    checked = check_settings({"upstream": {"a": {"url": url, **settings}}}, "x").upstream["a"]
    server = HttpUpstream(checked, "", Health(), SystemClock())
    try:
        yield server
    finally:
        await server.close()


async def ask(server: HttpUpstream) -> bytes:
    token: Any = SimpleNamespace(text="a.b")
    return b"".join([part async for part in server.send(token, UpstreamRequest("/v1/x", b"{}", False))])


async def test_connections_are_used_again() -> None:
    async with listening() as (url, peers), upstream(url) as server:
        for _ in range(5):
            assert b"Fine." in await ask(server)
    assert len(set(peers)) == 1


async def test_the_first_byte_has_a_deadline_of_its_own_however_the_head_drips_in() -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(12):
            await asyncio.sleep(0.1)
            writer.write(b"x-%d: a\r\n" % i)
        writer.write(b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(drips, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, upstream(url, first_byte_seconds=0.4) as asked:
        with pytest.raises(UpstreamFailed, match="in time"):
            await ask(asked)
        await done.wait()


async def test_only_the_pinned_roots_are_believed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certified(tmp_path / "other")
    async with listening(certified(tmp_path)) as (url, _):
        async with upstream(url, roots=str(tmp_path / "cert.pem")) as server:
            assert b"Fine." in await ask(server)
        for more in ({}, {"roots": str(tmp_path / "other" / "cert.pem")}):
            async with upstream(url, **more) as server:
                with pytest.raises(UpstreamFailed, match="SSLCertVerificationError"):
                    await ask(server)
        async with upstream(url.replace("127.0.0.1", "localhost"), roots=str(tmp_path / "cert.pem")) as server:
            with pytest.raises(UpstreamFailed, match="SSLCertVerificationError"):
                await ask(server)


async def test_roots_that_are_none_do_not_start(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("nothing")
    for name in ("roots.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=name):
            async with upstream("https://127.0.0.1", roots=str(tmp_path / name)):
                pass


async def test_a_probe_finds_who_is_away_and_who_is_back() -> None:
    async with listening() as (url, _), upstream(url, probe_path="/unwell") as server:
        await server.probe()
        assert (server._health.lost, server._health.doubted) == ("", True)
        await server.probe()
        assert server._health.lost == "/unwell is answered with 503"
        server._probe_path = "/well"
        await server.probe()
        assert (server._health.lost, server._health.doubted) == ("", False)


async def test_without_a_path_a_connection_is_enough_which_forgives_no_failed_exchange() -> None:
    async with listening() as (url, _), upstream(url) as server:
        for _ in range(FAILURES_MAX):
            server._health.failed(SystemClock().monotonic())
            server._health.missed("away")
        await server.probe()
        assert server._health.lost == ""
        assert server._health.rests(SystemClock().monotonic()) > 0


async def test_a_server_whose_connections_are_all_taken_is_not_taken_for_lost() -> None:
    async with listening() as (url, _), upstream(url, connections_max=1, connect_seconds=0.01) as server:
        taken = await server._connections.take(asyncio.get_running_loop().time() + 60)
        for _ in range(MISSES_MAX):
            await server.probe()
        server._connections.give_back(taken)
        assert server._health.lost == ""


async def test_a_guard_is_asked_whether_it_is_ready_where_no_other_path_is_set() -> None:
    guard = VerifierKey.of("guard.example/a", bytes(31) + b"\x01").vkey()
    async with listening() as (url, _), upstream(url, guard=guard) as server:
        assert server._probe_path == "/readyz"


@pytest.mark.parametrize(
    "table",
    [
        {"a": {"same_as": "b"}},
        {"a": {"same_as": "a"}},
        {"a": {"same_as": "b"}, "b": {"same_as": "c"}, "c": {}},
    ],
)
def test_a_server_is_alike_to_one_that_is_there_and_is_its_own(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="a.same_as names"):
        check_settings({"upstream": table}, "x")
