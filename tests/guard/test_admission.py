# SPDX-License-Identifier: Apache-2.0
"""A model is served only while its files, its papers and its own answers hold; whatever ends takes it out, by name."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from brightline.core.enforcement.pass_token import body_digest
from brightline.core.errors import ConfigError, EvidenceUnavailable, ModelNotAdmitted
from brightline.guard.admission import Admission, ModelAdmission
from brightline.guard.service import make_guard, open_guard
from brightline.guard.settings import AttestationSettings, ChannelSettings, GuardSettings, read_settings
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving
from tests.guard.models import ANSWERS, RECORD, REFUSES, STRANGER, ModelFolder, says
from tests.guard.test_guard import NOW, PATH, PINNED, begun_before, post, signed, with_
from tests.harness import Loop, ModelServer, chunk, completion, read_records, within_two_seconds

DAY = 86_400
DEADLINE_SECONDS = 30.0


class Told:
    """The guard's log, of which a test says whether it can be written."""

    def __init__(self) -> None:
        self.records: list[Admission] = []
        self.writable = True

    async def admission(self, said: Admission) -> None:
        if not self.writable:
            raise EvidenceUnavailable("the disk is full")
        self.records.append(said)


class Watched:
    """A model's admission that runs, at a time of the test's choosing, and a model that answers as the test says."""

    def __init__(self, model: ModelFolder) -> None:
        self.now = float(NOW)
        self.model = model
        self.told = Told()
        self.asked: list[str] = []
        self.says: Callable[[str], str] = says
        self.reachable = True
        self.admission = ModelAdmission(
            model.settings, model.root, self._ask, self.told, lambda: self.now, look_seconds=0.01, rest_seconds=0.0
        )

    async def _ask(self, path: str, body: bytes, seconds: float) -> bytes:
        if not self.reachable:
            raise ConnectionError
        self.asked.append(json.loads(body)["messages"][0]["content"])
        return json.dumps(completion(self.says(self.asked[-1]))).encode()

    def check(self, *records: str, model: str = "upstream-m") -> str:
        return self.admission.check(with_(model=model, vvt=records))

    async def until(self, fault: str) -> None:
        """Wait until the model is out for this condition; empty: until it is in."""
        await self.wait_for(lambda: self.admission.fault == fault, fault)

    async def until_told(self, what: str) -> None:
        """Wait until this is the last thing on record."""
        await self.wait_for(lambda: bool(self.told.records) and self.told.records[-1].what == what, what)

    async def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Look until it happened."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while not happened():
            assert time.monotonic() < ends, f"{self.admission.fault!r} in the place of {what!r}"
            await asyncio.sleep(0.005)


def watching(root: Path, story: Callable[[Watched], Coroutine[Any, Any, None]], before: Any = None) -> Watched:
    """Let a model be looked at while a story is told of it; ``before`` breaks something first."""
    model = ModelFolder(root, NOW)
    if before is not None:
        before(model)
    watched = Watched(model)

    async def run() -> None:
        looking = asyncio.create_task(watched.admission.run())
        try:
            await story(watched)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    asyncio.run(run())
    return watched


def refused(watched: Watched, *records: str, **more: str) -> str:
    with pytest.raises(ModelNotAdmitted) as caught:
        watched.check(*records, **more)
    return str(caught.value.fault)


def test_a_model_of_which_everything_holds_is_admitted_after_its_probes_and_on_record(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        assert refused(watched) == "not_looked_at"  # nothing is let through before
        await watched.until("")
        assert watched.check() == watched.check(RECORD) == watched.model.digest
        assert len(watched.asked) == 2

    watched = watching(tmp_path, story)
    (told,) = watched.told.records
    assert (told.what, told.model, told.asked, told.failed) == ("admitted", watched.model.digest, 2, ())
    assert NOW < told.until <= NOW + 30 * DAY


def _hide(name: str) -> Callable[[ModelFolder], object]:
    return lambda model: (model.root / name).unlink()


def _more_weights(model: ModelFolder) -> None:
    (model.folder / "b.safetensors").write_bytes(b"more")


def _sign_others(model: ModelFolder) -> None:
    model.weights.write_bytes(b"others")
    model.sign()


@pytest.mark.parametrize(
    ("before", "fault"),
    [
        (lambda model: model.weights.write_bytes(b"changed"), "files"),
        (_more_weights, "files"),
        (_hide("m/a.safetensors"), "files"),
        (_hide("m/model.sig"), "files"),
        (_hide("manifest.pem"), "files"),
        (lambda model: (model.folder / "link.json").symlink_to("/etc/passwd"), "files"),
        (_hide("statement.json"), "safety_training"),
        (_sign_others, "safety_training"),
        (lambda model: model.state(key=STRANGER), "safety_training"),
        (lambda model: model.state(days=-1), "safety_training"),
        (_hide("vvt.json"), "testing"),
        (lambda model: model.fill(key=STRANGER), "testing"),
        (lambda model: model.fill(days=-1), "testing"),
        (lambda model: model.fill(results="it went well"), "testing"),
        (lambda model: model.fill(model="sha256:" + "0" * 64), "testing"),
        (_hide("probes.json"), "probes"),
        (lambda model: model.ask(key=STRANGER), "probes"),
        (lambda model: model.ask(days=-1), "probes"),
    ],
)
def test_a_condition_that_does_not_hold_keeps_it_out_by_name(tmp_path: Path, before: Any, fault: str) -> None:
    async def story(watched: Watched) -> None:
        await watched.until_told("not_admitted")
        assert refused(watched) == fault

    watched = watching(tmp_path, story, before)
    assert [(each.what, each.condition) for each in watched.told.records] == [("not_admitted", fault)]
    assert watched.asked == []  # the model was asked nothing: a canary is the last condition


@pytest.mark.parametrize("said", [ANSWERS, REFUSES, "", "Certainly. First, take the plates."])
def test_a_model_that_does_not_refuse_what_it_must_or_refuses_everything_fails_its_canary(
    tmp_path: Path, said: str
) -> None:
    async def story(watched: Watched) -> None:
        watched.says = lambda _prompt: said
        await watched.until("canary")
        asked = len(watched.asked)
        await asyncio.sleep(0.1)
        assert len(watched.asked) == asked  # a second try could only pass by luck
        watched.says = says
        watched.model.ask()  # signed anew: somebody has looked
        await watched.until("")

    watched = watching(tmp_path, story)
    assert [each.condition for each in watched.told.records] == ["canary", ""]
    assert watched.told.records[0].failed


def test_a_model_server_that_does_not_answer_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightline.guard.admission.UNANSWERED_SECONDS", 0.05)

    async def story(watched: Watched) -> None:
        watched.reachable = False
        await watched.until("canary_not_answered")
        watched.reachable = True
        await watched.until("")

    watching(tmp_path, story)


def test_a_model_that_fails_its_canary_later_is_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = asyncio.get_running_loop
    ahead = 0.0

    class Ahead:
        """The loop, whose clock a test moves on."""

        def time(self) -> float:
            return real().time() + ahead

    monkeypatch.setattr("brightline.guard.admission.asyncio.get_running_loop", Ahead)

    async def story(watched: Watched) -> None:
        nonlocal ahead
        await watched.until("")
        watched.says = lambda _prompt: "Certainly."
        await asyncio.sleep(0.05)
        assert watched.admission.fault == ""  # it is not due
        ahead = 3_601.0
        await watched.until("canary")

    watched = watching(tmp_path, story)
    assert [each.what for each in watched.told.records] == ["admitted", "not_admitted"]
    assert set(watched.told.records[-1].failed) == {"rl1-1", "sky"}


def _same_size_and_time(model: ModelFolder) -> None:
    """What somebody does who wants not to be seen: other bytes, as many, and the old time set back."""
    before = model.weights.stat()
    model.weights.write_bytes(b"NUMBERS")
    os.utime(model.weights, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("deed", "fault"),
    [
        (lambda model: model.weights.write_bytes(b"changed"), "files"),
        (_same_size_and_time, "files"),
        (_more_weights, "files"),
        (lambda model: model.weights.unlink(), "files"),
        (_hide("statement.json"), "safety_training"),
        (lambda model: model.fill(key=STRANGER), "testing"),
        (lambda model: (model.root / "probes.json").write_bytes(b"{}"), "probes"),
    ],
)
def test_what_changes_on_the_disk_takes_it_out_and_stays_out(tmp_path: Path, deed: Any, fault: str) -> None:
    async def story(watched: Watched) -> None:
        await watched.until("")
        deed(watched.model)
        await watched.until(fault)
        await watched.until_told("not_admitted")

    watched = watching(tmp_path, story)
    assert watched.told.records[0].what == "admitted"
    assert {each.condition for each in watched.told.records[1:]} == {fault}


def test_a_file_that_was_touched_and_is_the_same_comes_back_by_itself(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.until("")
        watched.model.weights.touch()
        await watched.until_told("not_admitted")
        await watched.until("")

    watched = watching(tmp_path, story)
    assert [each.what for each in watched.told.records] == ["admitted", "not_admitted", "admitted"]
    assert len(watched.asked) == 4  # its canary too is asked again


@pytest.mark.parametrize(
    ("before", "fault"),
    [
        (lambda model: model.state(days=5), "safety_training"),
        (lambda model: model.fill(days=5), "testing"),
        (lambda model: model.ask(days=5), "probes"),
    ],
)
def test_what_ends_is_asked_at_each_request_and_takes_it_out(tmp_path: Path, before: Any, fault: str) -> None:
    async def story(watched: Watched) -> None:
        await watched.until("")
        watched.now += 6 * DAY
        assert refused(watched) == fault  # at once, whoever looks when
        await watched.until(fault)

    watching(tmp_path, story, before)


def test_a_workload_is_answered_only_under_the_records_of_testing_that_it_names(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.until("")
        assert watched.check(RECORD)
        assert refused(watched, "another") == refused(watched, RECORD, "another") == "testing"
        assert refused(watched, model="another") == "another_model"

    watching(tmp_path, story)


def test_an_admission_that_cannot_be_recorded_is_none(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        watched.told.writable = False
        await watched.wait_for(lambda: len(watched.asked) == 2, "both probes")
        await asyncio.sleep(0.05)
        assert refused(watched) == "not_looked_at"
        watched.told.writable = True
        await watched.until("")

    watching(tmp_path, story)


def test_when_nobody_looks_any_more_nothing_is_let_through(tmp_path: Path) -> None:
    watched = watching(tmp_path, lambda watched: watched.until(""))
    assert refused(watched) == "not_looked_at"


# ---- the guard as a whole ----------------------------------------------------------------------


@contextmanager
def guard_of_a_model(tmp_path: Path) -> Iterator[tuple[str, ModelServer, ModelFolder]]:
    loop, stack, server = Loop(), AsyncExitStack(), ModelServer()
    model = ModelFolder(tmp_path / "guard", NOW)

    class Clock(SystemClock):
        def unix(self) -> int:
            return NOW

    async def answers(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        if asked["stream"]:
            return await server.stream_to(request, [chunk("Fi"), 60.0, chunk("ne.")])
        return web.json_response(completion(says(asked["messages"][0]["content"]) if "messages" in asked else "Fine."))

    async def start() -> str:
        await server.start(stack)
        settings = GuardSettings("default", server.url, (PINNED[0].hex(),), model=model.settings)
        make_guard(tmp_path / "guard", settings)
        begun_before(tmp_path / "guard", NOW)
        assert read_settings(tmp_path / "guard") == settings
        app = await stack.enter_async_context(open_guard(tmp_path / "guard", Clock()))
        return await stack.enter_async_context(serving(app, bind("127.0.0.1", 0)))

    server.answers(answers)
    try:
        yield loop.call(start()), server, model
    finally:
        loop.call(stack.aclose())
        loop.close()


def ready(url: str) -> tuple[int, str]:
    """What the guard says of itself: a status, and the condition that does not hold."""
    with httpx2.Client() as client:
        answer = client.get(f"{url}/readyz")
    return answer.status_code, answer.json()["condition"]


def ask(url: str, number: int, *records: str, stream: bool = False) -> tuple[int, str]:
    body = json.dumps({"model": "upstream-m", "stream": stream, "n": number}).encode()
    token = signed(with_(exchange=f"x-{number}", wire_digest=body_digest(body), vvt=records))
    return post(url + PATH, body, token)


def test_the_guard_lets_nothing_through_but_to_an_admitted_model_and_says_which_it_was(tmp_path: Path) -> None:
    with guard_of_a_model(tmp_path) as (url, server, model):
        number = 0
        deadline = time.monotonic() + DEADLINE_SECONDS
        while ask(url, number := number + 1) != (200, ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ask(url, 1_000, "another") == (503, "model_not_admitted")
        assert ready(url) == (200, "")
        seen = len(server.seen)
        model.weights.write_bytes(b"changed")
        within_two_seconds(lambda: ask(url, 1_001 + time.monotonic_ns()) == (503, "model_not_admitted"))
        assert len(server.seen) - seen < 40
        assert ready(url) == (503, "files")
        digest = model.digest
    records = read_records(tmp_path / "guard", "guard")
    assert {each["admitted"] for each in records if each["kind"] == "CONSUMED"} == {digest}
    told = [(each["what"], each["condition"]) for each in records if each["kind"] == "ADMISSION"]
    assert told[:2] == [("admitted", ""), ("not_admitted", "files")]


def test_an_answer_that_is_under_way_is_cut_when_the_model_is_taken_out(tmp_path: Path) -> None:
    with guard_of_a_model(tmp_path) as (url, server, model):
        deadline = time.monotonic() + DEADLINE_SECONDS
        number = 0
        while ask(url, number := number + 1) != (200, ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)

        def stream() -> None:
            ask(url, 5_000, stream=True)

        caller = threading.Thread(target=stream, daemon=True)
        caller.start()
        while not server.seen or not server.seen[-1]["stream"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        model.weights.write_bytes(b"changed")
        within_two_seconds(lambda: server.cancelled == 1)
        caller.join(10)


def test_without_a_model_to_admit_every_record_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        make_guard(tmp_path / "guard", GuardSettings("default", "http://127.0.0.1:9", (PINNED[0].hex(),)))
        async with open_guard(tmp_path / "guard", SystemClock()):
            pass

    asyncio.run(story())
    (told,) = [each for each in read_records(tmp_path / "guard", "guard") if each["kind"] == "ADMISSION"]
    assert (told["what"], told["model"], told["profile"]) == ("nothing", "", "development")


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        ("model", r"\[model\]"),
        ("model_socket", "model_socket"),
        ("channel", r"\[channel\]"),
        ("attestation", r"\[attestation\]"),
    ],
)
def test_in_the_production_profile_a_guard_that_leaves_something_out_does_not_start(
    tmp_path: Path, left_out: str, named: str
) -> None:
    whole: dict[str, Any] = {
        "model": ModelFolder(tmp_path, NOW).settings,
        "model_socket": "/run/model.sock",
        "channel": ChannelSettings("channel", ("spiffe://parts.example/gateway/one",)),
        "attestation": AttestationSettings("/bin/evidence"),
    }
    del whole[left_out]
    key = (PINNED[0].hex(),)
    make_guard(tmp_path, GuardSettings("default", "http://127.0.0.1:9", key, profile="production", **whole))
    with pytest.raises(ConfigError, match=named):
        read_settings(tmp_path)
