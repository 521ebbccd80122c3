# SPDX-License-Identifier: Apache-2.0
"""An API that nobody foresaw takes a module and a line: routes, machine, coverage, books and responder serve it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import msgspec
import pytest

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError
from brightline.core.exchange import chat_server, strict_json
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import BY_ROUTE
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Exchange, Role, SpeaksToServer, Turn, Usage
from brightline.shell.config import load_settings
from tests.harness import RL1, Running, add_workload, running, within_two_seconds


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller of the new API sends."""

    ask: str
    piecewise: bool = False


class Told:
    """A stream of the new API: lines of plain text, under an event name of its own."""

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> bytes:
        return f"event: said\ndata: {segment.text}\n\n".encode() if segment.text else b""

    def close(self, usage: Usage, notice: Mapping[str, JsonValue]) -> bytes:
        return b"event: over\ndata: {}\n\n"

    def cut(self, notice: Mapping[str, JsonValue]) -> bytes:
        return b"event: cut\ndata: {}\n\n"

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        return b"event: broken\ndata: {}\n\n"


class Oracle:
    """The new API."""

    NAME = "oracle"
    ROUTE = "/v1/oracle"
    ENDPOINT = "oracle"
    SERVER: SpeaksToServer = chat_server
    REQUEST: type[msgspec.Struct] = Asked
    ANSWER: Mapping[str, JsonValue] = {}

    def read_request(self, body: bytes) -> Exchange:
        wire = strict_json.decode(body, Asked, strict_json.Limits())
        return Exchange(self.NAME, "m", (Turn(Role.USER, (wire.ask,)),), streamed=wire.piecewise)

    def write_reply(self, judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
        return strict_json.encode({"told": judged.reply.choices[0].text})

    def open_stream(self, exchange: Exchange, exchange_id: str, created: int) -> Told:
        return Told()

    def write_error(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        return strict_json.encode({"kind": "no", "code": error.code})


ORACLE: Api = Oracle()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("another") / "state") as node:
        yield node


def test_a_further_api_takes_a_module_and_a_line(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_ROUTE, ORACLE.ROUTE, ORACLE)
    key = registered(node)

    def ask(key: str = key, **body: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{node.url}{ORACLE.ROUTE}", headers=headers, json=body)

    plain = ask(ask="List three fruits.")
    assert plain.json() == {"told": "Fine."}
    assert plain.headers["x-brightline-receipt"]
    assert node.model.seen[-1]["messages"] == [{"role": "user", "content": "List three fruits."}]
    assert node.records()[-1]["outcome"] == "completed"
    assert ask(ask="List three fruits.", piecewise=True).text == (
        "event: said\ndata: Fine.\n\nevent: over\ndata: {}\n\n"
    )

    asked = len(node.model.seen)
    for refused, status, code in (
        (ask(ask=RL1), 403, "denied_by_agreement"),
        (ask(ask=RL1, piecewise=True), 403, "denied_by_agreement"),
        (ask(ask="x", guardrails="off"), 400, "unsupported_parameter"),
        (ask(node.key, ask="x"), 403, "outside_registration"),
        (ask("bl_nobody_" + "0" * 64, ask="x"), 401, "invalid_api_key"),
    ):
        assert (refused.status_code, json.loads(refused.content)) == (status, {"kind": "no", "code": code})
    assert len(node.model.seen) == asked


def registered(node: Running) -> str:
    """The key of a workload that may call the new API and no other."""
    key = add_workload(node.root, load_settings(node.root), node.node.agreement, "asks", endpoints=(ORACLE.ENDPOINT,))
    within_two_seconds(lambda: node.node.registry.workloads.get("asks") is not None)
    return key
