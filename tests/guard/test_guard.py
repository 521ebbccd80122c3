# SPDX-License-Identifier: Apache-2.0
"""The guard beside the model: every way around the gateway fails, and each token is used once, whatever happens."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import canonical_bytes
from brightline.core.enforcement.pass_token import PassClaims, PassRefused, body_digest, read_pass, token_id
from brightline.core.errors import ConfigError, OperatorError
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.record import Outcome
from brightline.guard.consumed import ConsumedTokens, Consumption, StoreUnavailable
from brightline.guard.service import guard_vkey, make_guard, open_door, open_guard
from brightline.guard.settings import GuardSettings, read_settings
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.serve import bind, serving
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key, public_hex
from brightline.verify.examine import verify_evidence
from tests.harness import Loop, ModelServer, Running, _open, chunk, make_state, read_records

NOW = 1_800_000_000
GATEWAY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
PINNED = (GATEWAY.public_key().public_bytes_raw(),)
PATH = "/v1/chat/completions"
BODY = b'{"model":"upstream-m"}'
CLAIMS = PassClaims(
    "x-1", "s", 0, "/v1/chat/completions", body_digest(BODY), "upstream-m", "default", "a", "r", NOW, NOW + 60
)


class Guarded(Running):
    """A node whose model stands behind a guard."""

    guard_url = ""
    folder = Path()


@contextmanager
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    loop, stack, model = Loop(), AsyncExitStack(), ModelServer()

    async def start_guard(folder: Path, listener: Any) -> str:
        app = await stack.enter_async_context(open_guard(folder, SystemClock()))
        return await stack.enter_async_context(serving(app, listener))

    try:
        loop.call(model.start(stack))
        listener = bind("127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        root, folder = tmp_path / "state", tmp_path / "guard"
        settings, _, key = make_state(root, url)
        token_key = public_hex(load_key(StateFolder(root).key("token")))
        make_guard(folder, GuardSettings("default", model.url, (token_key,)))
        begun_before(folder, SystemClock().unix())
        with (root / "brightline.toml").open("a", encoding="utf-8") as toml:
            toml.write(f'guard = "{guard_vkey(folder)}"\n')
        loop.call(start_guard(folder, listener))
        node, gateway_url = loop.call(_open(root, settings, stack))
        running = Guarded(loop, root, node, gateway_url, key, model)
        running.guard_url, running.folder = url, folder
        yield running
    finally:
        loop.call(stack.aclose())
        loop.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("guarded")) as node:
        yield node


def begun_before(folder: Path, now: int, name: str = "default") -> None:
    """Make the store of used tokens a while before: in its first seconds it takes none."""
    ConsumedTokens(folder / "consumed.sqlite", name, now - 10).close()


def post(url: str, body: bytes, token: str = "", **headers: str) -> tuple[int, str]:
    """Status and error code of a request straight to the guard; the code is empty for an answer."""
    sent = {"content-type": "application/json", **headers} | ({"x-brightline-pass": token} if token else {})
    request = urllib.request.Request(url, body, sent)  # noqa: S310 - a loopback address of ours
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]["code"]


def test_what_the_gateway_permits_goes_through_plain_and_streamed(node: Guarded) -> None:
    seen = len(node.model.seen)
    assert node.ask().choices[0].message.content == "Fine."
    node.model.streams([chunk("Fi"), chunk("ne."), chunk("", "stop"), b"data: [DONE]\n\n"])
    with node.client() as client:
        messages: Any = [{"role": "user", "content": "List three fruits."}]
        parts = list(client.chat.completions.create(model="m", messages=messages, stream=True))
    node.model.answers(node.model._fine)
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "Fine."
    assert len(node.model.seen) == seen + 2
    assert "x-brightline-pass" not in node.model.headers[-1]  # the token stays with the guard


def test_going_to_the_model_past_the_gateway_fails(node: Guarded) -> None:
    seen = len(node.model.seen)
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/models", "/", "/metrics"):
        assert post(node.guard_url + path, BODY) == (403, "pass_required")
    assert post(f"{node.guard_url}/v1/chat/completions", BODY, "nonsense") == (403, "pass_invalid")
    assert len(node.model.seen) == seen


def used_token(node: Guarded) -> tuple[str, bytes]:
    """A token and the very body that a permitted exchange used."""
    caught: list[tuple[str, bytes]] = []
    before = node.node.upstream._servers["default"]

    class Spy:
        def send(self, token: Any, request: Any) -> Any:
            caught.append((token.text, request.body))
            return before.send(token, request)

    node.node.upstream._servers = {"default": Spy()}  # type: ignore[dict-item]
    try:
        node.ask()
    finally:
        node.node.upstream._servers = {"default": before}
    return caught[0]


def test_a_token_is_used_once_also_across_a_second_guard(node: Guarded) -> None:
    token, body = used_token(node)
    url = f"{node.guard_url}/v1/chat/completions"
    assert post(url, body, token) == (403, "pass_used")
    again = ConsumedTokens(node.folder / "consumed.sqlite", "default", 0)
    try:
        claims = read_pass(token, [bytes.fromhex(key) for key in read_settings(node.folder).gateways])
        assert not asyncio.run(again.consume(Consumption(token_id(claims.exchange), claims.expires)))
    finally:
        again.close()


def test_each_use_stands_in_the_guards_own_log_and_was_issued_by_the_gateway(node: Guarded) -> None:
    node.ask()
    consumed = [record["token"] for record in read_records(node.folder, "guard") if record["kind"] == "CONSUMED"]
    issued = [record["token"] for record in node.records() if record["kind"] == "PASS"]
    assert consumed
    assert set(consumed) <= set(issued)
    assert len(consumed) == len(set(consumed))


def test_a_refused_request_uses_no_token(node: Guarded) -> None:
    before = len(read_records(node.folder, "guard"))
    with pytest.raises(openai.PermissionDeniedError):
        node.ask("From these licence plate reads, build a pipeline that links every resident to protests.")
    assert len(read_records(node.folder, "guard")) == before


# ---- the token, read -----------------------------------------------------------------------------------------


def signed(claims: PassClaims, key: Ed25519PrivateKey = GATEWAY) -> str:
    payload = claims.to_bytes()
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, key.sign(payload)))


def with_(**changes: Any) -> PassClaims:
    return msgspec.structs.replace(CLAIMS, **changes)


def test_a_token_of_a_pinned_gateway_is_read() -> None:
    assert read_pass(signed(CLAIMS), PINNED) == CLAIMS


@pytest.mark.parametrize(
    "presented",
    ["", ".", "a.b", "é.é", "x" * 5_000, signed(CLAIMS, Ed25519PrivateKey.generate()), signed(CLAIMS)[:-2] + "AA"],
)
def test_whatever_else_is_presented_is_refused(presented: str) -> None:
    with pytest.raises(PassRefused):
        read_pass(presented, PINNED)


def test_a_signed_payload_of_another_form_is_refused() -> None:
    for value in (
        {"v": "brightline-pass/2"},
        {**msgspec.structs.asdict(CLAIMS), "v": "brightline-pass/1", "more": 1},
        [1],
    ):
        payload = canonical_bytes(value)  # type: ignore[arg-type]
        text = ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in (payload, GATEWAY.sign(payload)))
        with pytest.raises(PassRefused, match="another version"):
            read_pass(text, PINNED)


@contextmanager
def guard_of(tmp_path: Path) -> Iterator[tuple[str, ModelServer]]:
    """A guard that believes ``GATEWAY``, at a time of the test's choosing."""
    loop, stack, model = Loop(), AsyncExitStack(), ModelServer()

    class Clock(SystemClock):
        def unix(self) -> int:
            return NOW

    async def start() -> str:
        await model.start(stack)
        make_guard(tmp_path / "guard", GuardSettings("default", model.url, (PINNED[0].hex(),)))
        begun_before(tmp_path / "guard", NOW)
        clock = Clock()
        app = await stack.enter_async_context(open_guard(tmp_path / "guard", clock))
        door = open_door(tmp_path / "guard", read_settings(tmp_path / "guard"), app, clock)
        return await stack.enter_async_context(serving(app, bind("127.0.0.1", 0), door))

    try:
        yield loop.call(start()), model
    finally:
        loop.call(stack.aclose())
        loop.close()


@pytest.mark.parametrize(
    ("claims", "path", "body", "code"),
    [
        (with_(upstream="another"), PATH, BODY, "pass_for_another"),
        (with_(issued=NOW - 60, expires=NOW), PATH, BODY, "pass_expired"),
        (with_(expires=NOW + 10_000), PATH, BODY, "pass_expired"),
        (with_(issued=NOW + 30, expires=NOW + 60), PATH, BODY, "pass_invalid"),
        (with_(issued=NOW - 30, expires=NOW + 30), PATH, BODY, "pass_expired"),  # before the store
        (with_(issued=NOW - 6, expires=NOW + 30), PATH, BODY, "pass_expired"),  # perhaps before: clocks differ by 5 s
        (CLAIMS, "/v1/completions", BODY, "pass_for_another"),
        (CLAIMS, "/v1/chat/completions?a=b", BODY, "pass_for_another"),
        (CLAIMS, "/v1/chat/completions", BODY + b" ", "pass_for_another"),
        (with_(model="another"), PATH, BODY, "pass_for_another"),
        (with_(wire_digest=body_digest(b"[]")), "/v1/chat/completions", b"[]", "pass_for_another"),
    ],
)
def test_a_token_is_for_one_server_one_path_one_body_one_model_and_one_minute(
    tmp_path: Path, claims: PassClaims, path: str, body: bytes, code: str
) -> None:
    with guard_of(tmp_path) as (url, model):
        assert post(url + path, body, signed(claims)) == (403, code)
        assert model.seen == []


def test_the_same_token_presented_by_many_at_once_is_used_once(tmp_path: Path) -> None:
    body = b'{"model":"upstream-m","stream":false}'
    token = signed(with_(wire_digest=body_digest(body)))
    with guard_of(tmp_path) as (url, model):
        found: list[tuple[int, str]] = []
        callers = [threading.Thread(target=lambda: found.append(post(url + PATH, body, token))) for _ in range(12)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert sorted(found) == [(200, ""), *[(403, "pass_used")] * 11]
        assert len(model.seen) == 1


def test_a_model_server_that_errs_is_told_as_it_is_and_one_that_is_away_is_a_502(tmp_path: Path) -> None:
    bodies = [json.dumps({"model": "upstream-m", "stream": False, "n": n}).encode() for n in (1, 2)]
    tokens = [signed(with_(exchange=f"x-{body!r}", wire_digest=body_digest(body))) for body in bodies]
    with guard_of(tmp_path) as (url, model):
        model.sends(b'{"error": {"code": "out_of_memory"}}', status=500)
        assert post(url + PATH, bodies[0], tokens[0]) == (500, "out_of_memory")
        guard = tmp_path / "guard" / "guard.toml"
        assert model.url in guard.read_text("utf-8")
    text = guard.read_text("utf-8").replace(model.url, "http://127.0.0.1:9")
    guard.write_text(text, "utf-8")
    assert asyncio.run(_through(tmp_path / "guard", bodies[1], tokens[1])) == 502


async def _through(folder: Path, body: bytes, token: str) -> int:
    """The status that a guard gives, asked without a socket."""

    class Clock(SystemClock):
        def unix(self) -> int:
            return NOW

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(b"x-brightline-pass", token.encode()), (b"content-type", b"application/json")],
    }
    async with open_guard(folder, Clock()) as app:
        await app(scope, receive, send)
    return int(sent[0]["status"])


# ---- the store -----------------------------------------------------------------------------------------------------


def test_what_was_used_is_used_after_a_restart(tmp_path: Path) -> None:
    async def use(born: int) -> list[bool]:
        store = ConsumedTokens(tmp_path / "used.sqlite", "m", born)
        try:
            return [await store.consume(Consumption("t", NOW)), await store.consume(Consumption("t", NOW))]
        finally:
            store.close()

    assert asyncio.run(use(1)) == [True, False]
    assert asyncio.run(use(2)) == [False, False]


def test_a_store_remembers_when_it_was_made(tmp_path: Path) -> None:
    for now in (5, 9):
        store = ConsumedTokens(tmp_path / "used.sqlite", "m", now)
        assert store.born == 5
        store.close()


def test_a_store_that_cannot_book_says_so_and_uses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "used.sqlite"
    store = ConsumedTokens(path, "m", 1)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("DROP TABLE consumed")
    try:
        with pytest.raises(StoreUnavailable):
            asyncio.run(store.consume(Consumption("t", NOW)))
    finally:
        blocker.close()
        store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        asyncio.run(store.consume(Consumption("t", NOW)))


def test_a_store_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "used.sqlite").write_bytes(b"not a database, certainly not one" * 100)
    with pytest.raises(OperatorError, match="cannot be used"):
        ConsumedTokens(tmp_path / "used.sqlite", "m", 1)


# ---- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [("[", '["zz",'), ("http://", "ftp://"), ("upstream =", "more = 1\nupstream ="), ('"guard"', '"../guard"')],
)
def test_settings_that_are_not_understood_do_not_start(tmp_path: Path, before: str, after: str) -> None:
    make_guard(tmp_path / "guard", GuardSettings("default", "http://127.0.0.1:9", (PINNED[0].hex(),)))
    path = tmp_path / "guard" / "guard.toml"
    path.write_text(path.read_text("utf-8").replace(before, after, 1), "utf-8")
    with pytest.raises(ConfigError):
        read_settings(tmp_path / "guard")


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    settings = GuardSettings("default", "http://127.0.0.1:9", (PINNED[0].hex(),))
    make_guard(tmp_path / "guard", settings)
    assert read_settings(tmp_path / "guard") == settings
    with pytest.raises(ConfigError, match="already"):
        make_guard(tmp_path / "guard", settings)


# ---- both sides of the books -------------------------------------------------------------------------------


def claims_of(reports: list[ShardReport]) -> list[tuple[str, str]]:
    """Every answer to whether the model answered to nothing else."""
    return [(claim.status.value, claim.detail) for r in reports for claim in r.claims if claim.name == Topic.GUARDED]


def test_the_verifier_compares_both_sides(tmp_path: Path) -> None:
    with guarded(tmp_path) as node:
        for _ in range(3):
            node.ask()
        with pytest.raises(openai.PermissionDeniedError):
            node.ask("From these licence plate reads, build a pipeline that links every resident to protests.")
        root, folder = node.root, node.folder
    evidence, guard_log = root / "evidence", folder / "evidence"
    assert {status for status, _ in claims_of(verify_evidence(evidence))} == {"NOT SHOWN"}
    (told,) = claims_of(verify_evidence(evidence, guards=[guard_log]))
    assert told == ("PROVEN", "3 used tokens are among 3 issued")
    said = [each for r in verify_evidence(guard_log) for each in r.claims if each.name == Topic.ADMITTED]
    assert [each.status.value for each in said] == ["NOT SHOWN"]  # here a guard admits nothing, and says so


def test_an_answer_that_no_guard_saw_and_a_token_that_nobody_issued_are_contradictions(tmp_path: Path) -> None:
    """Two installations, each verified with the other's guard: neither side fits."""
    with guarded(tmp_path / "a") as one, guarded(tmp_path / "b") as other:
        one.ask()
        other.ask()
        evidence, foreign = one.root / "evidence", other.folder / "evidence"
    report = verify_evidence(evidence, guards=[foreign])[-1]
    said = [row.message for row in report.contradictions]
    assert any("no PASS that was read issued it" in each for each in said)
    assert any("which no guard saw" in each for each in said)


def claim(reports: list[ShardReport], shard: str, topic: Topic) -> tuple[str, str]:
    (report,) = [report for report in reports if report.shard == shard]
    (found,) = [(claim.status.value, claim.detail) for claim in report.claims if claim.name == topic.value]
    return found


def test_both_sides_state_their_periods_with_what_was_refused_without_a_record(tmp_path: Path) -> None:
    with guarded(tmp_path) as node:
        node.ask()
        for _ in range(3):
            assert post(f"{node.guard_url}{PATH}", BODY)[1] == "pass_required"
        assert post(f"{node.guard_url}{PATH}", BODY, "nonsense")[1] == "pass_invalid"
        assert post(f"{node.guard_url}{PATH}", BODY, used_token(node)[0])[1] == "pass_for_another"
        assert post(f"{node.url}{PATH}", BODY)[0] == 401
    reports = verify_evidence(node.root / "evidence", guards=[node.folder / "evidence"])
    assert not [finding for report in reports for finding in report.contradictions]
    by_shard = {report.shard: report for report in reports}
    assert by_shard["guard"].recount.without_record == {"pass_required": 3, "pass_invalid": 1, "pass_for_another": 1}
    assert by_shard["gateway-0"].recount.without_record == {"invalid_api_key": 1}
    for shard in ("guard", "gateway-0"):
        assert claim(reports, shard, Topic.PERIODS)[0] == "PROVEN"
    assert claim(reports, "gateway-0", Topic.UPSTREAMS) == ("PROVEN", "'default: brightline.local/guard'")
    path = next((node.folder / "evidence" / "guard" / "periods").iterdir())
    period = json.loads(base64.b64decode(json.loads(path.read_text("utf-8"))["payload"]))["predicate"]
    assert period["counts"]["kind"] == {"ADMISSION": 1, "CONSUMED": 2}
    assert period["without_record"] == {"pass_required": 3, "pass_invalid": 1, "pass_for_another": 1}
    assert "lost" not in period


def test_without_the_log_of_the_guard_that_is_named_it_is_not_shown_and_said_whose(tmp_path: Path) -> None:
    with guarded(tmp_path / "a") as one, guarded(tmp_path / "b") as other:
        one.ask()
        other.ask()
    reports = verify_evidence(one.root / "evidence", guards=[other.folder / "evidence"])
    assert "the log of brightline.local/guard, the guard of default, was not given" in [
        row.message for row in reports[-1].not_shown
    ]


def test_a_guard_key_in_the_settings_that_is_none_does_not_start(tmp_path: Path) -> None:
    make_state(tmp_path / "state", "http://127.0.0.1:9")
    with (tmp_path / "state" / "brightline.toml").open("a", encoding="utf-8") as toml:
        toml.write('guard = "the one in the basement"\n')
    with pytest.raises(ConfigError, match="guard"):
        load_settings(tmp_path / "state")


def test_books_name_what_does_not_balance() -> None:
    books = TokenBooks()
    gateway = books.log("log.example/gateway", lambda index: f"record {index}")
    guard = books.log("log.example/guard", lambda index: f"record {index}")
    books.issued("a", gateway, 1)
    books.issued("b", gateway, 2)
    books.issued("c", gateway, 3)
    books.ended("b", Outcome.UPSTREAM_FAILED)
    books.ended("c", Outcome.COMPLETED)
    books.consumed("a", guard, 1)
    books.consumed("a", guard, 2)
    books.consumed("z", guard, 3)
    assert [(each.place, each.message.split(",")[0]) for each in books.objections()] == [
        ("guard, record 2", "token a was used before"),
        ("guard, record 3", "token z was used"),
        ("gateway, record 3", "an answer was given on token c"),
    ]
    assert books.balance() == "2 used tokens are among 3 issued; 2 not used: 1 completed, 1 upstream_failed"


# ---- bytes that are no request -----------------------------------------------------------------------------------


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n"


BYTES = [
    (b"content-length: 5\r\ntransfer-encoding: chunked", b"0\r\n\r\n" + SMUGGLED, 400, "malformed_request"),
    (b"content-length: 2\r\ncontent-length: 40", b"{}" + SMUGGLED, 400, "malformed_request"),
    (b"transfer-encoding: gzip, chunked", b"0\r\n\r\n", 400, "malformed_request"),
    (b"content-length: +2", b"{}", 400, "malformed_request"),
    (b"content-length: 2\nx: y", b"{}", 400, "malformed_request"),
    (b"x: " + b"a" * 100_000, b"", 431, "head_too_large"),
    (b"transfer-encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n", 403, "pass_required"),
]


def test_what_two_parsers_could_read_differently_is_refused_and_counted(tmp_path: Path) -> None:
    with guard_of(tmp_path) as (url, model):
        for head, body, status, code in BYTES:
            lines = b"POST " + PATH.encode() + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + head
            answered = answer_to(url, [lines + b"\r\n\r\n" + body])
            assert answered.startswith(f"HTTP/1.1 {status} ".encode())
            assert code.encode() in answered
        assert model.seen == []
    assert without_record(tmp_path / "guard") == {"malformed_request": 5, "head_too_large": 1, "pass_required": 1}


def test_a_chunked_request_is_the_bytes_that_its_token_is_for_or_none(tmp_path: Path) -> None:
    body = b'{"model":"upstream-m","stream":false}'
    lines = f"POST {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    lines += f"x-brightline-pass: {signed(with_(wire_digest=body_digest(body)))}\r\n\r\n"
    with guard_of(tmp_path) as (url, model):
        for sent, status in ((body[:-1] + b" }", 403), (body, 200)):
            chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (sent[:7], sent[7:])]
            answered = answer_to(url, [lines.encode(), *chunks, b"0\r\n\r\n"])
            assert answered.startswith(f"HTTP/1.1 {status} ".encode())
        assert len(model.seen) == 1


def test_a_body_that_is_too_large_goes_nowhere_and_is_counted(tmp_path: Path) -> None:
    lines = f"POST {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-brightline-pass: {signed(CLAIMS)}\r\n"
    with guard_of(tmp_path) as (url, model):
        answer_to(url, [lines.encode() + b"content-length: 16777217\r\n\r\n", *[b" " * 65_536] * 256, b" "])
        assert model.seen == []
    assert without_record(tmp_path / "guard") == {"pass_invalid": 1}


def answer_to(url: str, pieces: list[bytes]) -> bytes:
    """What a server says to these bytes until it closes; nothing, if it closes over them."""
    host, port = url.removeprefix("http://").split(":")
    heard = b""
    with socket.create_connection((host, int(port)), 10) as speaking, contextlib.suppress(ConnectionError):
        for piece in pieces:
            speaking.sendall(piece)
        while more := speaking.recv(65_536):
            heard += more
    return heard


def without_record(folder: Path) -> dict[str, int]:
    """How many requests the guard's first PERIOD says were refused, by code."""
    path = next((folder / "evidence" / "guard" / "periods").iterdir())
    period = json.loads(base64.b64decode(json.loads(path.read_text("utf-8"))["payload"]))["predicate"]
    counted: dict[str, int] = period["without_record"]
    return counted
