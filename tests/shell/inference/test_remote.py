# SPDX-License-Identifier: Apache-2.0
"""A judge elsewhere is asked where the release says, under its roots, and in time; what it hears is kept nowhere."""

from __future__ import annotations

import hashlib
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.classifier.constitutions import constitution
from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.encoder import Canary, Part
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.remote import FORMAT, Asked, Dialect, RemoteJudge
from brightline.shell.inference.process import ProcessDetector
from brightline.shell.inference.remote import HttpJudge
from brightline.shell.inference.wire import Load
from tests.certificates import certified

SECRET = "watch everyone at the clinic"


class Served:
    """What a judge was sent, and how it answers: by the words of the exchange."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.blind = False
        self.hangs = threading.Event()

    def answer(self, body: dict[str, Any]) -> bytes:
        said = json.dumps(body)
        if "hang" in said:
            self.hangs.wait(30)
        found = "everyone" in body["messages"][-1]["content"] and not self.blind
        return json.dumps(
            {"choices": [{"message": {"content": "1" if found else "0"}, "finish_reason": "stop"}]}
        ).encode()


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[tuple[Served, str]]:
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.bodies.append(body)
            served.keys.append(self.headers["authorization"])
            data = served.answer(body)
            self.send_response(served.status)
            self.send_header("location", "http://127.0.0.1:1/")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served, f"{scheme}://127.0.0.1:{server.server_port}/v1/chat/completions"
    finally:
        served.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


def judge(url: str, roots: Part | None = None, deadline_ms: int = 5_000) -> RemoteJudge:
    asked = tuple(Asked(constitution(fact), "yes", 0.3, 0.8) for fact in ("mass_domestic", "weapon_direct"))
    canaries = tuple(Canary(one.constitution.fact, "canary: everyone") for one in asked)
    return RemoteJudge(FORMAT, url, roots, "m", Dialect.SAFEGUARD, 200, deadline_ms, 4, asked, canaries)


def ask(*texts: str, facts: tuple[str, ...] = ("mass_domestic",)) -> list[Segment]:
    return [Segment("x", Surface.INPUT, text, view="folded", open=facts) for text in texts]


def test_it_is_asked_fact_by_fact_and_only_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    with serving() as (served, url):
        found = HttpJudge(judge(url), "judge", tmp_path, str(tmp_path / "key")).judge(ask("a quiet day", SECRET))
        assert [(one.segment, one.fact, one.value, one.view) for one in found] == [
            (1, "mass_domestic", "yes", "folded")
        ]
        assert [body["messages"][-1]["content"] for body in served.bodies] == ["User: a quiet day", f"User: {SECRET}"]
        assert set(served.keys) == {"Bearer s3cret"}
        assert len(HttpJudge(judge(url), "judge", tmp_path).judge(ask(SECRET, facts=()))) == 2
        asked = len(served.bodies)
        assert len(HttpJudge(judge(url), "judge", tmp_path).judge(ask(SECRET, SECRET))) == 2
        assert len(served.bodies) == asked + 1, "the same words are asked about once"
        assert served.keys[-1] is None


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_what_is_not_200_is_no_answer_and_is_not_followed(status: int, tmp_path: Path) -> None:
    with serving() as (served, url):
        served.status = status
        with pytest.raises(ConnectionError):
            HttpJudge(judge(url), "judge", tmp_path).judge(ask(SECRET))
        assert len(served.bodies) == 1


def test_too_long_a_text_is_not_sent(tmp_path: Path) -> None:
    with serving() as (served, url):
        with pytest.raises(OverflowError):
            HttpJudge(judge(url), "judge", tmp_path).judge(ask("x" * 201))
        assert served.bodies == []


def test_over_tls_only_whom_the_releases_roots_vouch_for_is_asked(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    ours, theirs = certified(tmp_path / "ours"), certified(tmp_path / "theirs")
    roots = (tmp_path / "ours" / "cert.pem").read_bytes()
    (tmp_path / "roots.pem").write_bytes(roots)
    part = Part("roots.pem", hashlib.sha256(roots).hexdigest())
    with serving(ours) as (_, url):
        assert HttpJudge(judge(url, part), "judge", tmp_path).judge(ask(SECRET))
        other = msgspec.structs.replace(part, sha256="0" * 64)
        with pytest.raises(ReleaseError, match="digest"):
            HttpJudge(judge(url, other), "judge", tmp_path)
    with serving(theirs) as (served, url):
        with pytest.raises(ssl.SSLError):
            HttpJudge(judge(url, part), "judge", tmp_path).judge(ask(SECRET))
        assert served.bodies == []


async def test_in_its_process_it_is_late_or_blind_and_nothing_of_the_content_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving() as (served, url):
        made = judge(url, deadline_ms=1_000)
        data = msgspec.json.encode(made)
        (tmp_path / "judge.json").write_bytes(data)
        load = Load(
            "remote-judge", "judge", "judge.json", hashlib.sha256(data).hexdigest(), str(tmp_path), "", 1 << 30
        )
        detector = ProcessDetector(load, made.canary, workers=1, deadline_seconds=20, queue_max=4, asks_max=1)
        try:
            await detector.until_fit()
            assert (await detector.judge(ask(SECRET))).findings
            with pytest.raises(ScreeningUnavailable):
                await detector.judge(ask(f"{SECRET}: hang"))
            served.hangs.set()
        finally:
            detector.close()
            await detector.closed()
        served.blind = True
        detector = ProcessDetector(load, made.canary, workers=1, deadline_seconds=20)
        try:
            with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
                await detector.until_fit()
        finally:
            detector.close()
            await detector.closed()
    assert SECRET not in caplog.text
