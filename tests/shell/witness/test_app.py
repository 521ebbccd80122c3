# SPDX-License-Identifier: Apache-2.0
"""The witness on a real socket: the transcripts of other projects over HTTP, and everything that it does not serve."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from brightline.core.errors import ConfigError
from brightline.core.evidence.cosignature import CosignerKey
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.witnessing import (
    REQUEST_BYTES_MAX,
    SIZE_TYPE,
    Advance,
    Cosigned,
    DurableAdvance,
    Seen,
    Submission,
    read_answer,
)
from brightline.shell.serve import bind
from brightline.shell.witness.app import WitnessApp
from brightline.shell.witness.serve import serving_witness
from brightline.shell.witness.store import WitnessStore, create_witness, read_logs
from tests.shell.witness.logs import FORK, TRUE, FixedClock, made, request, seen_at
from tests.vectors import vectors_dir


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def post(http: aiohttp.ClientSession, url: str, body: bytes) -> tuple[int, str, str]:
    async with http.post(f"{url}/add-checkpoint", data=body) as response:
        return response.status, response.headers["content-type"], (await response.read()).decode()


async def test_a_growing_log_is_cosigned_and_a_second_history_is_not(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    folder = made(tmp_path)
    key = CosignerKey.parse((folder / "witness.vkey").read_text())
    for start, end in ((0, 5), (5, 9), (9, 9)):  # over restarts
        async with serving_witness(folder, bind("127.0.0.1", 0), FixedClock()) as url:
            body = request(start, end)
            status, content_type, text = await post(http, url, body)
            got = read_answer(status, content_type, text.encode(), Submission.parse(body), key)
            assert isinstance(got, Cosigned)
            assert got.cosignature.time == FixedClock().unix()
            assert (await post(http, url, request(end, 12, FORK)))[0] == 422
            assert await post(http, url, request(3, 12)) == (409, SIZE_TYPE, f"{end}\n")
    assert [log.seen for log in read_logs(folder)] == [seen_at(9)]


async def test_everything_else_is_refused(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with serving_witness(made(tmp_path), bind("127.0.0.1", 0), FixedClock()) as url:
        for method, path, status in [
            ("GET", "/add-checkpoint", 405),
            ("PUT", "/add-checkpoint", 405),
            ("GET", "/", 404),
            ("POST", "/add-checkpoint/", 404),
            ("POST", "/add-checkpoint?x=1", 404),
            ("POST", "//add-checkpoint", 404),
            ("POST", "/ADD-CHECKPOINT", 404),
        ]:
            async with http.request(method, url + path, data=request(0, 5)) as response:
                assert response.status == status, path
                assert response.headers["content-type"].startswith("text/plain")
        headers = {"content-encoding": "gzip"}
        async with http.post(f"{url}/add-checkpoint", data=b"", headers=headers) as response:
            assert response.status == 415
        assert (await post(http, url, bytes(REQUEST_BYTES_MAX + 1)))[0] == 413
        assert (await post(http, url, b""))[0] == 400
    assert [log.seen.size for log in read_logs(tmp_path)] == [0]


async def test_a_body_that_does_not_arrive_is_not_waited_for_and_more_than_can_be_held_is_shed(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    app = WitnessApp(store, FixedClock(), body_seconds=0.01, requests_max=1)
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def never() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError

    async def gone() -> dict[str, object]:
        return {"type": "http.disconnect"}

    scope: dict[str, object] = {"type": "http", "path": "/add-checkpoint", "method": "POST", "headers": []}
    await app(scope, never, send)
    assert sent.pop(0)["status"] == 408
    sent.clear()
    await app(scope, gone, send)
    assert sent == []
    first = asyncio.create_task(app(scope, never, send))
    await asyncio.sleep(0)
    await app(scope, never, send)
    assert sent[0]["status"] == 503
    await first
    assert sent[2]["status"] == 408
    sent.clear()
    await app({"type": "websocket"}, gone, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    store.close()


async def test_a_disk_that_fails_gives_no_cosignature_until_the_witness_is_started_anew(
    tmp_path: Path, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made(tmp_path)
    async with serving_witness(folder, bind("127.0.0.1", 0), FixedClock()) as url:

        def fail(_fd: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fail)
            assert (await post(http, url, request(0, 5)))[0] == 503
        assert (await post(http, url, request(0, 5)))[0] == 503
    async with serving_witness(folder, bind("127.0.0.1", 0), FixedClock()) as url:
        assert (await post(http, url, request(0, 5)))[0] == 200


async def test_of_two_requests_that_race_the_overtaken_one_gets_the_size_that_won(
    tmp_path: Path, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = WitnessStore.persist
    stalled, go_on = threading.Event(), threading.Event()

    def persist(store: WitnessStore, advance: Advance) -> DurableAdvance | Seen:
        if advance.after.size == 3:
            stalled.set()
            assert go_on.wait(10)
        return real(store, advance)

    monkeypatch.setattr(WitnessStore, "persist", persist)
    async with serving_witness(made(tmp_path), bind("127.0.0.1", 0), FixedClock()) as url:
        assert (await post(http, url, request(0, 1)))[0] == 200
        slow = asyncio.create_task(post(http, url, request(1, 3)))
        assert await asyncio.to_thread(stalled.wait, 10)
        assert (await post(http, url, request(1, 5)))[0] == 200
        go_on.set()
        assert await slow == (409, SIZE_TYPE, "5\n")
    assert [log.seen for log in read_logs(tmp_path)] == [seen_at(5)]


async def test_many_requests_at_once_leave_one_history(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with serving_witness(made(tmp_path), bind("127.0.0.1", 0), FixedClock()) as url:
        answers = await asyncio.gather(
            *(post(http, url, request(0, size, tree)) for size in range(1, 20) for tree in (TRUE, FORK))
        )
    won = [text for status, _, text in answers if status == 200]
    assert len(won) == 1
    assert {status for status, _, _ in answers} == {200, 409}


async def test_a_folder_without_a_witness_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no witness"):
        async with serving_witness(tmp_path, bind("127.0.0.1", 0), FixedClock()):
            raise AssertionError


async def test_the_transcripts_of_other_projects_come_out_over_http(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    cases = json.loads((vectors_dir("c2sp") / "witness" / "cases.json").read_text("utf-8"))["transcripts"]
    for number, transcript in enumerate(cases):
        folder = tmp_path / str(number)
        create_witness(folder, "example.com/witness")
        store = WitnessStore.open(folder)
        for origin, vkeys in transcript["logs"].items():
            for vkey in vkeys:
                store.trust(origin, VerifierKey.parse(vkey))
        store.close()
        async with serving_witness(folder, bind("127.0.0.1", 0), FixedClock()) as url:
            for step in transcript["steps"]:
                data = step["request"].encode() if "request" in step else base64.b64decode(step["request_base64"])
                status, content_type, text = await post(http, url, data)
                where = f"{transcript['name']}: {step['name']}"
                assert status == step["status"], where
                if "body" in step:
                    assert (text, content_type) == (step["body"], step["content_type"]), where
                assert step.get("response_contains", "") in text, where
        stored = {
            log.origin: {"size": log.seen.size, "root": base64.b64encode(log.seen.root).decode()}
            for log in read_logs(folder)
            if log.origin in transcript["final"]
        }
        assert stored == transcript["final"], transcript["name"]
