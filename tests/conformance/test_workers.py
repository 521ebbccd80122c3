# SPDX-License-Identifier: Apache-2.0
"""Several worker processes behind one port: real processes and sockets, the real client, the real verifier.

One gateway with two workers runs for all of these tests but the last; it is told to drain by the one before.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from aiohttp import web

from brightline.core.errors import ConfigError
from brightline.core.evidence import audit
from brightline.core.evidence.receipt import read_receipt
from brightline.core.screening.trial import Rule, Stage
from brightline.shell.cli.workers import serve_with_workers
from brightline.shell.clock import SystemClock
from brightline.shell.install import log_registration, make_shard
from brightline.shell.opening import in_force
from brightline.shell.state import StateFolder
from brightline.verify.examine import verify_evidence
from tests.conformance.test_release import back
from tests.conformance.test_release import bring as bring_release
from tests.conformance.test_update import SAFETY, bring
from tests.harness import (
    NO_TLS,
    Loop,
    ModelServer,
    add_workload,
    chunk,
    completion,
    make_state,
    read_records,
    running,
    sdk,
)
from tests.ports import free_ports
from tests.releases import FIRE, FLOODGATE, GATE, WATCHED, beginning, finds_more, pinned_cases, release
from tests.shell.cli import test_commands
from tests.shell.cli.in_process import run
from tests.versions import stricter

PATIENCE_SECONDS = 60.0
SHARDS = ("gateway-0", "gateway-0-w1")
QUOTA = 6


class Site:
    """A state folder, its model server, and ``brightline serve --workers 2``."""

    def __init__(self, root: Path) -> None:
        self.loop, self.stack, self.model, self.root = Loop(), AsyncExitStack(), ModelServer(), root
        self.loop.call(self.model.start(self.stack))
        self.settings, self.agreement, self.key = make_state(
            root,
            self.model.url,
            upstream="idle_seconds = 60.0\n",
            own_release=str(beginning(root.parent)),
            drain_seconds=20.0,
        )
        self.admin_port = free_ports(2)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-u", "-c", "from brightline.shell.cli.main import main; main()"]
        command += ["serve", str(self.root), "--workers", "2", "--admin-port", str(self.admin_port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        found = re.search(r"http://[^/]+", self.process.stdout.readline())
        assert found, self.process.stderr.read()
        self.url = found.group()

    def ask(self, text: str = "List three fruits.", key: str = "", **more: Any) -> httpx2.Response:
        """One request over a connection of its own."""
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx2.post(
            f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE_SECONDS, verify=NO_TLS
        )

    def shard_asked(self) -> str:
        """Which shard a new connection leads to."""
        answer = self.ask()
        assert answer.status_code == 200, answer.text
        return read_receipt(answer.headers["x-brightline-receipt"]).shard

    def shard_asked_or_refused(self) -> str:
        """Which shard answered a new connection; empty if it was refused."""
        answer = self.ask()
        return read_receipt(answer.headers["x-brightline-receipt"]).shard if answer.status_code == 200 else ""

    def workers(self) -> list[int]:
        """The process ids of the workers, in the order of their shards."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"brightline.shell.cli.worker" in words and str(self.root).encode() in b"".join(words):
                    found[json.loads(words[words.index(b"brightline.shell.cli.worker") + 1])["shard"]] = folder.name
        return [int(found[shard]) for shard in sorted(found)]

    def records(self) -> list[dict[str, Any]]:
        return [record for shard in SHARDS for record in read_records(self.root, shard)]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=PATIENCE_SECONDS)
        self.loop.call(self.stack.aclose())
        self.loop.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("workers") / "state")
    try:
        yield made
    finally:
        made.end()


def wait_until(happened: Any) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.02)


def test_connections_to_one_port_are_served_by_both_and_each_writes_its_own_shard(site: Site) -> None:
    seen: set[str] = set()
    wait_until(lambda: seen.add(site.shard_asked()) or len(seen) == 2)  # type: ignore[func-returns-value]
    assert seen == set(SHARDS)


def test_each_worker_has_its_metrics_on_a_port_of_its_own(site: Site) -> None:
    for at, shard in enumerate(SHARDS):
        text = httpx2.get(f"http://127.0.0.1:{site.admin_port + at}/metrics").text
        assert f'shard="brightline.local/{shard}"' in text


def test_nothing_is_dropped_while_agreement_and_keys_change_and_each_exchange_has_one_version(
    site: Site, tmp_path: Path
) -> None:
    stop, failed, answered = threading.Event(), list[str](), list[int]()
    begun, go_on = threading.Event(), threading.Event()

    async def slow(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        if not asked["stream"]:
            return web.json_response(completion())
        begun.set()
        await asyncio.to_thread(go_on.wait, PATIENCE_SECONDS)
        return await site.model.stream_to(request, [chunk("Fine."), chunk("", "stop"), b"data: [DONE]\n\n"])

    def load() -> None:
        with sdk(site.url, site.key) as client:
            while not stop.is_set():
                try:
                    messages: Any = [{"role": "user", "content": "List three fruits."}]
                    client.chat.completions.create(model="m", messages=messages)
                    answered.append(1)
                except openai.OpenAIError as error:
                    failed.append(repr(error))

    streamed: list[str] = []

    def stream() -> None:
        streamed.append(site.ask(stream=True).text)

    site.model.answers(slow)
    callers = [threading.Thread(target=load) for _ in range(4)]
    long = threading.Thread(target=stream)
    for caller in (long, *callers):
        caller.start()
    try:
        assert begun.wait(PATIENCE_SECONDS)
        key = add_workload(site.root, site.settings, site.agreement, "newcomer")
        wait_until(lambda: site.ask(key=key).status_code == 200)
        candidate = bring(site.root, stricter(tmp_path, 2), *SAFETY)
        wait_until(lambda: in_force_at_both(site, candidate.digest))
        with in_force(site.root, SystemClock()) as (settings, registry):
            found = registry.workloads.get("newcomer")
            assert found is not None
            revoked = msgspec.structs.replace(found.registration, revoked=True)
            log_registration(site.root, settings, registry.releases.baseline, revoked, SystemClock())
        wait_until(lambda: [site.ask(key=key).status_code for _ in range(6)] == [401] * 6)
    finally:
        stop.set()
        go_on.set()
        for caller in (long, *callers):
            caller.join()
    assert not failed
    assert len(answered) > len(callers)
    assert "[DONE]" in streamed[0]
    digests: dict[str, set[str]] = defaultdict(set)
    ends: dict[str, list[str]] = defaultdict(list)
    for record in site.records():
        if "exchange" in record:
            digests[record["exchange"]].add(record["agreement"])
            ends[record["exchange"]] += [record["outcome"]] if record["kind"] == "OUTCOME" else []
    assert {len(found) for found in digests.values()} == {1}
    assert set.union(*digests.values()) == {site.agreement.digest, candidate.digest}
    assert {tuple(found) for found in ends.values()} == {("completed",)}


def test_nothing_is_dropped_while_the_classifiers_change_and_each_exchange_has_one_release(
    site: Site, tmp_path: Path
) -> None:
    stop, failed, answered = threading.Event(), list[str](), list[int]()

    def load() -> None:
        with sdk(site.url, site.key) as client:
            while not stop.is_set():
                try:
                    messages: Any = [{"role": "user", "content": "List three fruits."}]
                    client.chat.completions.create(model="m", messages=messages)
                    answered.append(1)
                except openai.OpenAIError as error:
                    failed.append(repr(error))

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        pinned = pinned_cases(tmp_path)
        first = bring_release(site.root, finds_more(tmp_path), pinned)
        wait_until(lambda: in_force_at_both(site, first, "release"))
        assert [site.ask(FLOODGATE).status_code for _ in range(6)] == [403] * 6
        with in_force(site.root, SystemClock()) as (_, registry):
            baseline = registry.classifiers.history[0].update.replaces
        back(site.root, baseline)
        wait_until(lambda: in_force_at_both(site, baseline, "release"))
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert not failed
    assert len(answered) > len(callers)
    digests: dict[str, set[str]] = defaultdict(set)
    for record in site.records():
        if "exchange" in record:
            digests[record["exchange"]].add(record["release"])
    assert {len(found) for found in digests.values()} == {1}
    assert set.union(*digests.values()) == {baseline, first}


def test_a_candidate_goes_on_at_both_by_what_one_of_them_counted(site: Site, tmp_path: Path) -> None:
    rule = Rule(shadow=4, canary=4, share=1_000, looser=0, stricter=1_000_000, failed=0)
    digest = bring_release(site.root, release(tmp_path, 3, FIRE, WATCHED, GATE), pinned_cases(tmp_path), trial=rule)
    wait_until(lambda: in_force_at_both(site, digest, "release"))
    with in_force(site.root, SystemClock()) as (_, registry):
        classifiers = registry.classifiers
    assert (classifiers.current, [each.stage for each in classifiers.ended]) == (digest, [Stage.LIVE])
    assert [site.ask(FLOODGATE).status_code for _ in range(6)] == [403] * 6


def in_force_at_both(site: Site, digest: str, what: str = "agreement") -> bool:
    """Whether the newest exchange of each shard was decided by this version."""
    site.ask()
    newest = [
        [record[what] for record in read_records(site.root, shard) if record["kind"] == "ATTEMPT"][-1]
        for shard in SHARDS
    ]
    return newest == [digest, digest]


def test_a_quota_is_counted_over_both(site: Site) -> None:
    """Alone, each would let through as much as the registration says, and both twice as much."""
    key = add_workload(site.root, site.settings, site.agreement, "frugal", requests_per_minute=QUOTA)
    wait_until(lambda: site.ask(key=key).status_code == 200)
    codes = []
    for _ in range(5 * QUOTA):
        codes.append(site.ask(key=key).status_code)
        time.sleep(0.06)
    assert set(codes) - {401} == {200, 429}  # 401: one of them may hear of the registration a little later
    assert QUOTA <= codes.count(200) + 1 < 2 * QUOTA - 1


def test_a_worker_that_is_killed_comes_back_and_the_other_serves_meanwhile(site: Site) -> None:
    first, second = site.workers()
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: site.workers()[1:] not in ([], [second]))
    assert site.workers()[0] == first
    wait_until(lambda: site.shard_asked().endswith("-w1"))


def test_one_signature_halts_every_worker_and_nothing_is_passed_until_both_parties_resume(site: Site) -> None:
    site.model.says(completion())
    passed, refused = set[str](), set[str]()
    wait_until(lambda: passed.add(site.shard_asked()) or passed == set(SHARDS))  # type: ignore[func-returns-value]
    run("halt", site.root, "--reason", "a drill", "--by", "provider-cleared-1")

    def refuses() -> bool:
        answer = site.ask()
        shard = read_receipt(answer.headers["x-brightline-receipt"]).shard
        if answer.status_code == 200:
            assert shard not in refused
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "halted")
            assert answer.headers["x-should-retry"] == "false"
            refused.add(shard)
        return refused == set(SHARDS)

    wait_until(refuses)
    for at in range(2):
        page = httpx2.get(f"http://127.0.0.1:{site.admin_port + at}/readyz")
        assert (page.status_code, "people have halted this installation" in page.text) == (503, True)
        text = httpx2.get(f"http://127.0.0.1:{site.admin_port + at}/metrics").text
        assert 'brightline_halts{scope="installation"} 1.0' in text
    run("resume", site.root, "--reason", "the drill is over")
    wait_until(lambda: refused.discard(site.shard_asked_or_refused()) or not refused)  # type: ignore[func-returns-value]
    for report in verify_evidence(site.root / "evidence"):
        for claim in report.claims:
            if claim.name == audit.HALTED:
                assert (claim.status, claim.detail[:9]) == (audit.Status.PROVEN, "no PASS i"), claim


def test_sigterm_finishes_what_runs_and_takes_nothing_new(site: Site) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def slow(_request: web.Request, _asked: dict[str, Any]) -> web.StreamResponse:
        begun.set()
        await asyncio.to_thread(go_on.wait, PATIENCE_SECONDS)
        return web.json_response(completion())

    site.model.answers(slow)
    answers: list[httpx2.Response] = []
    caller = threading.Thread(target=lambda: answers.append(site.ask()))
    caller.start()
    assert begun.wait(PATIENCE_SECONDS)
    site.process.send_signal(signal.SIGHUP)  # reloads nothing, ends nothing
    site.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not listens(site.url))
    assert not answers
    go_on.set()
    caller.join()
    assert [answer.status_code for answer in answers] == [200]
    assert site.process.wait(PATIENCE_SECONDS) == 0
    reports = {report.shard: report for report in verify_evidence(site.root / "evidence")}
    assert not [found for report in reports.values() for found in report.contradictions]
    assert all(reports[shard].recount.open == 0 for shard in SHARDS)


def listens(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError:
        return False
    return True


def test_what_is_not_finished_at_the_deadline_is_cut_and_booked(tmp_path: Path) -> None:
    with running(tmp_path / "state", drain_seconds=0.3, upstream="idle_seconds = 60.0\n") as node:
        node.model.streams([chunk("Fine. " * 400), 10.0, chunk("", "stop"), b"data: [DONE]\n\n"])
        client = node.client()
        messages: Any = [{"role": "user", "content": "List three fruits."}]
        stream = client.chat.completions.create(model="m", messages=messages, stream=True)
        wait_until(lambda: "PASS" in node.kinds())
        root = node.root
    with pytest.raises(openai.APIError), stream:
        list(stream)
    client.close()
    assert [record["outcome"] for record in read_records(root) if record["kind"] == "OUTCOME"] == ["client_gone"]


def test_a_worker_that_cannot_open_its_evidence_starts_nobody(tmp_path: Path) -> None:
    root = tmp_path / "state"
    settings, _, _ = make_state(root, "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="no room for their metrics"):
        serve_with_workers(root, settings, SHARDS[0], 2, 0, 65_535)
    make_shard(root, SHARDS[1])
    StateFolder(root).log_key(SHARDS[1]).write_text("no key")
    failed = test_commands.run("serve", root, "--workers", "2", code=2)
    assert "worker 1 ended before it served" in failed.stderr
    assert "log-gateway-0-w1 holds no private key" in failed.stderr
    assert "Brightline serves" not in failed.stdout
