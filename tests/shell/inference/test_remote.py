# SPDX-License-Identifier: Apache-2.0
"""A judge elsewhere is asked where the release says, under its roots, and in time; what it hears is kept nowhere."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterator
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
        self.chunked = False
        self.shape: Callable[[str], dict[str, Any]] | None = None

    def answer(self, body: dict[str, Any]) -> bytes:
        if re.search(r"\bhang\b", json.dumps(body)):
            self.hangs.wait(30)
        found = "everyone" in body["messages"][-1]["content"] and not self.blind
        if self.shape is not None:
            return json.dumps(self.shape("Yes" if found else "No")).encode()
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
            if served.chunked:
                self.send_header("transfer-encoding", "chunked")
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
            else:
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


def as_vllm(word: str) -> dict[str, Any]:
    """A chat completion of one token with log-probabilities, with every member that vLLM's server sends."""
    other = "No" if word == "Yes" else "Yes"
    chances = {word: -0.02, other: -4.1, " " + word: -6.5, "The": -9.0, "<0x0A>": -9999.0}
    tops: list[dict[str, Any]] = [
        {"token": token, "logprob": chance, "bytes": list(token.encode())} for token, chance in chances.items()
    ]
    return {
        "id": "chatcmpl-0f6b",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": word,
                    "refusal": None,
                    "reasoning_content": None,
                    "tool_calls": [],
                },
                "logprobs": {"content": [{**tops[0], "top_logprobs": tops}]},
                "finish_reason": "length",
                "stop_reason": None,
            }
        ],
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {"prompt_tokens": 612, "total_tokens": 613, "completion_tokens": 1, "prompt_tokens_details": None},
        "prompt_logprobs": None,
        "kv_transfer_params": None,
    }


def as_llama_cpp(word: str) -> dict[str, Any]:
    """The same from llama.cpp's server: tokens have ids, an impossible one has the least float, and times are told."""
    other = "No" if word == "Yes" else "Yes"
    chances = {" " + word: -0.04, " " + other: -3.4, "\n": -7.7, "<|im_end|>": -3.4028234663852886e38}
    tops: list[dict[str, Any]] = [
        {"id": 9_000 + place, "token": token, "bytes": list(token.encode()), "logprob": chance}
        for place, (token, chance) in enumerate(chances.items())
    ]
    choice = {
        "finish_reason": "length",
        "index": 0,
        "message": {"role": "assistant", "content": word},
        "logprobs": {"content": [{**tops[0], "top_logprobs": tops}]},
    }
    return {
        "choices": [choice],
        "created": 1_790_000_000,
        "model": "m",
        "system_fingerprint": "b9000-0f6b",
        "object": "chat.completion",
        "usage": {"completion_tokens": 1, "prompt_tokens": 612, "total_tokens": 613},
        "id": "chatcmpl-x",
        "timings": {"prompt_n": 612, "prompt_ms": 151.2, "predicted_n": 1, "predicted_ms": 9.8},
    }


@pytest.mark.parametrize("shape", [as_vllm, as_llama_cpp])
@pytest.mark.parametrize("chunked", [False, True])
def test_log_odds_are_read_from_the_shapes_that_servers_of_open_models_have(
    shape: Callable[[str], dict[str, Any]], chunked: bool, tmp_path: Path
) -> None:
    with serving() as (served, url):
        served.shape, served.chunked = shape, chunked
        told = msgspec.structs.replace(judge(url), dialect=Dialect.LOG_ODDS)
        found = HttpJudge(told, "judge", tmp_path).judge(ask("follow everyone", "bake bread"))
    assert [(one.segment, one.fact, one.value) for one in found] == [(0, "mass_domestic", "yes")]
    assert 0.95 < found[0].score < 1.0
    for body in served.bodies:
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
        assert constitution("mass_domestic").text in body["messages"][0]["content"], "our policy, word for word"


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
