# SPDX-License-Identifier: Apache-2.0
"""A caller's own server is told over TLS that people have decided; nothing leads the gateway anywhere else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from brightline.core.errors import ConfigError
from brightline.core.review.case import CaseState
from brightline.core.review.telling import message
from brightline.shell.clock import SystemClock
from brightline.shell.gateway import webhooks
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.webhooks import Endpoint, Vetted, Webhooks
from brightline.shell.people_settings import WebhookSettings
from tests.certificates import certified
from tests.conformance.test_review import FIRST, SECOND, answer, held
from tests.harness import HELD, running, within_two_seconds

HOLD_1 = Hold("hold_1", "sha256:c", "planning", "unit", 9, "shard", 4, kept=True)
PATIENCE_SECONDS = 60.0


class Server:
    """A caller's server, which notes what it is told and answers what a test wants."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status = [200]
        self.headers: dict[str, str] = {}
        self.slow = asyncio.Event()
        self.slow.set()
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.heard.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        await self.slow.wait()
        status = self.status.pop(0) if len(self.status) > 1 else self.status[0]
        return web.Response(status=status, headers=self.headers)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.heard) < count:  # noqa: ASYNC110 - it happens in callbacks
                await asyncio.sleep(0.01)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context: ssl.SSLContext = certified(tmp_path)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}/holds"
    yield made
    made.slow.set()
    await runner.cleanup()


def endpoint(tmp_path: Path, url: str, **more: Any) -> WebhookSettings:
    (tmp_path / "secret").write_text("whsec_" + base64.b64encode(b"s" * 24).decode())
    said = {"networks": ["127.0.0.0/8"], "roots": str(tmp_path / "cert.pem"), **more}
    return WebhookSettings(url=url, secret_file=str(tmp_path / "secret"), **said)


class Desk:
    """How the hold stands, as a test decides; and the webhooks that look."""

    def __init__(self, settings: WebhookSettings) -> None:
        self.state = CaseState.OPEN
        self.hooks = Webhooks({"planning": settings}, lambda _hold, _now: self.state, SystemClock())


async def test_once_people_have_decided_the_caller_is_told_once_and_can_check_who_says_so(
    server: Server, tmp_path: Path
) -> None:
    desk = Desk(endpoint(tmp_path, server.url))
    desk.hooks.watch(HOLD_1)
    desk.hooks.watch(Hold("hold_2", "sha256:d", "others", "unit", 9))
    running = asyncio.create_task(desk.hooks.run())
    await asyncio.sleep(2 * webhooks.LOOK_SECONDS)
    assert not server.heard
    desk.state = CaseState.RELEASED
    await server.until(1)
    await asyncio.sleep(2 * webhooks.LOOK_SECONDS)
    running.cancel()
    [(headers, body)] = server.heard
    data = {"id": "hold_1", "object": "hold", "status": "released", "keeps_answer": True}
    assert json.loads(body)["data"] == data
    over = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(b"s" * 24, over, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"
    assert "authorization" not in headers


async def test_what_is_not_taken_is_sent_again_with_the_same_id_and_then_no_more(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "AGAIN_SECONDS", (0.01, 0.01))
    server.status = [500]
    desk = Desk(endpoint(tmp_path, server.url))
    desk.state = CaseState.DENIED
    desk.hooks.watch(HOLD_1)
    running = asyncio.create_task(desk.hooks.run())
    await server.until(3)
    await asyncio.sleep(0.2)
    running.cancel()
    assert len(server.heard) == 3
    assert len({headers["webhook-id"] for headers, _ in server.heard}) == 1


async def test_a_gateway_tells_of_what_it_held_itself(server: Server, tmp_path: Path) -> None:
    settings = endpoint(tmp_path, server.url)
    toml = f'[webhook.tests]\nurl = "{settings.url}"\nsecret_file = "{settings.secret_file}"\n'
    toml += f'roots = "{settings.roots}"\nnetworks = ["127.0.0.0/8"]\n'

    def hold_and_decide() -> str:
        with running(tmp_path / "state", more_toml=toml) as node:
            hold: str = held(node, HELD)["hold"]
            for person in (FIRST, SECOND):
                answer(node, hold, person)
            within_two_seconds(lambda: bool(server.heard))
            return hold

    hold = await asyncio.to_thread(hold_and_decide)
    [(_, body)] = server.heard
    assert json.loads(body)["data"]["id"] == hold


async def test_no_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    server.status, server.headers = [307], {"location": server.url + "/elsewhere"}
    made = Endpoint(endpoint(tmp_path, server.url), b"s" * 24)
    assert await made.tell(message("h", "c", "released", 1, keeps_answer=False), 1) == "status 307"
    await made.close()
    assert len(server.heard) == 1


async def test_a_server_that_hangs_is_left_alone_in_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SEND_SECONDS", 0.2)
    server.slow.clear()
    made = Endpoint(endpoint(tmp_path, server.url), b"s" * 24)
    told = message("h", "c", "released", 1, keeps_answer=False)
    assert "Timeout" in await made.tell(told, 1)
    await made.close()


async def test_who_cannot_show_the_pinned_root_is_told_nothing(server: Server, tmp_path: Path) -> None:
    made = Endpoint(endpoint(tmp_path, server.url, roots=""), b"s" * 24)
    told = message("h", "c", "released", 1, keeps_answer=False)
    assert "Certificate" in await made.tell(told, 1)
    await made.close()
    assert not server.heard


async def test_a_name_that_leads_to_a_private_address_has_none() -> None:
    with pytest.raises(OSError, match="may be spoken to"):
        await Vetted(()).resolve("localhost", 443)
    [found, *_] = await Vetted(endpoint_networks("127.0.0.0/8", "::1/128")).resolve("localhost", 443)
    assert found["host"] in {"127.0.0.1", "::1"}


def endpoint_networks(*networks: str) -> Any:
    return WebhookSettings(url="https://a.example/", secret_file="/x", networks=list(networks)).reached


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://app.example/", ()),
        ("https://127.0.0.1/", ()),
        ("https://10.0.0.1/", ("10.1.0.0/16",)),
        ("https://[::1]/", ()),
        ("https://[::ffff:10.0.0.1]/", ()),
        ("https://app.example/", ("everywhere",)),
        ("ftp://app.example/", ()),
    ],
)
def test_settings_that_lead_elsewhere_are_refused(url: str, networks: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(url=url, secret_file="/x", networks=list(networks))


def test_a_secret_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    settings = endpoint(tmp_path, "https://app.example/")
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError):
        Webhooks({"planning": settings}, lambda _hold, _now: CaseState.OPEN, SystemClock())


def test_more_than_can_be_watched_is_not_told_of_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "WATCHED_MAX", 1)
    desk = Desk(endpoint(tmp_path, "https://app.example/"))
    for _ in range(3):
        desk.hooks.watch(HOLD_1)
    assert desk.hooks.dropped == 2
