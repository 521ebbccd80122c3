# SPDX-License-Identifier: Apache-2.0
"""Several gateway processes over one state folder: each writes its own shard, one checkpoint stands for all.

Real processes, real sockets, the real verifier.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web
from click.testing import CliRunner

from brightline.core.errors import EvidenceDamaged, ShardSealed, WriterPresent
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Topic
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force, opened_heads
from brightline.shell.registry import seals
from brightline.shell.seal import seal_shard
from brightline.shell.state import StateFolder
from brightline.verify.examine import verify_evidence
from brightline.wiring import open_node
from tests.harness import Loop, ModelServer, make_state, running_again, sdk
from tests.shell.cli import test_commands
from tests.shell.cli.in_process import run

SECOND = "gateway-2"
PATIENCE_SECONDS = 60


class Gateway:
    """``brightline serve`` in a process of its own."""

    def __init__(self, root: Path, key: str, shard: str = "gateway-0") -> None:
        command = [sys.executable, "-u", "-c", "from brightline.shell.cli.main import main; main()"]
        command += ["serve", str(root), "--shard", shard, "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://[^/]+", self.process.stdout.readline())
        assert found, "the gateway did not start"
        self.url, self.key = found.group(), key

    def ask(self, prompt: str = "List three fruits.") -> Any:
        with sdk(self.url, self.key) as client:
            messages: Any = [{"role": "user", "content": prompt}]
            return client.chat.completions.create(model="m", messages=messages)

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Installation:
    """A state folder, and the gateways that run on it."""

    def __init__(self, root: Path, key: str, model: ModelServer) -> None:
        self.root, self.key, self.model = root, key, model
        self.evidence = root / "evidence"
        self.running: list[Gateway] = []

    def start(self, shard: str = "gateway-0") -> Gateway:
        gateway = Gateway(self.root, self.key, shard)
        self.running.append(gateway)
        return gateway

    def stop(self) -> None:
        for gateway in self.running:
            if gateway.process.poll() is None:
                gateway.end()

    def reports(self) -> dict[str, ShardReport]:
        return {report.shard: report for report in verify_evidence(self.evidence)}


@contextmanager
def installed(tmp_path: Path) -> Iterator[Installation]:
    loop, stack, model = Loop(), AsyncExitStack(), ModelServer()
    loop.call(model.start(stack))
    # A model that hangs is to hang for as long as a busy machine takes to kill the gateway.
    _, _, key = make_state(tmp_path / "state", model.url, upstream="idle_seconds = 60.0\n")
    here = Installation(tmp_path / "state", key, model)
    try:
        yield here
    finally:
        here.stop()
        loop.call(stack.aclose())
        loop.close()


def lease_ends(root: Path, shard: str) -> None:
    """Nobody has seen the writer of this shard for ten minutes."""
    with sqlite3.connect(root / "heads" / "heads.sqlite") as connection:
        done = connection.execute("UPDATE writer SET unix = unix - 600 WHERE log LIKE ?", (f"%/{shard}",))
        assert done.rowcount == 1
    connection.close()


def claim(report: ShardReport, topic: Topic = Topic.HEADS) -> tuple[str, str]:
    (found,) = [(one.status.value, one.detail) for one in report.claims if one.name == topic.value]
    return found


def test_two_processes_write_two_shards_and_one_checkpoint_stands_for_all(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        assert "gateway-2+" in run("shard", "add", here.root, SECOND).stdout
        one, two = here.start(), here.start(SECOND)
        for _ in range(3):
            one.ask()
            two.ask()
        two.ask()
        here.stop()
        reports = here.reports()
    assert not [finding for report in reports.values() for finding in report.contradictions]
    assert (reports["gateway-0"].recount.attempts, reports[SECOND].recount.attempts) == (3, 4)
    for shard in ("gateway-0", SECOND, "registry"):
        status, detail = claim(reports[shard])
        assert status == "PROVEN", (shard, detail)
        assert f"they cover the first {reports[shard].size:,} records" in detail
    assert claim(reports["heads"]) == ("PROVEN", "the 3 logs that are named are all here")
    named = json.loads(run("shard", "list", here.root, "--json").stdout)
    assert {row["log"].rpartition("/")[2]: row["size"] for row in named} == {
        shard: reports[shard].size for shard in ("gateway-0", SECOND, "registry")
    }


@pytest.mark.slow
def test_a_second_process_cannot_write_the_same_shard_nor_one_without_a_key(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        here.start()
        assert "already has a writer" in test_commands.run("serve", here.root, "--port", "0", code=2).stderr
        assert (
            "log-gateway-9"
            in test_commands.run("serve", here.root, "--port", "0", "--shard", "gateway-9", code=2).stderr
        )
        assert "another log" in run("shard", "add", here.root, "heads", code=2).stderr


@pytest.mark.slow
def test_a_shard_that_is_withheld_is_not_shown_by_name_and_one_that_shows_less_too(tmp_path: Path) -> None:
    with installed(tmp_path) as here:
        run("shard", "add", here.root, SECOND)
        one, two = here.start(), here.start(SECOND)
        one.ask()
        two.ask()
        two.end()
        older = tmp_path / "older"
        shutil.copytree(here.evidence / SECOND, older)
        here.start(SECOND).ask()
        here.stop()
        assert claim(here.reports()["heads"])[0] == "PROVEN"
        shutil.move(here.evidence / SECOND, tmp_path / "newest")
        status, detail = claim(here.reports()["heads"])
        assert status == "NOT SHOWN"
        assert "'brightline.local/gateway-2' is named with" in detail
        shutil.copytree(older, here.evidence / SECOND)
        reports = here.reports()
        assert claim(reports[SECOND])[0] == "NOT SHOWN"
        assert "the rest is withheld" in claim(reports[SECOND])[1]
        assert not reports[SECOND].contradictions


def test_a_replica_that_was_rolled_back_does_not_start_and_another_history_is_contradicted(tmp_path: Path) -> None:
    """The machine comes back from an old copy: its private log, its vault and what it published, all of it."""
    with installed(tmp_path) as here:
        with running_again(here.root, here.key) as node:
            node.ask()
        parts = ("wal/gateway-0", "vault/gateway-0", "evidence/gateway-0")
        for part in parts:
            shutil.copytree(here.root / part, tmp_path / "copy" / part)
        with running_again(here.root, here.key) as node:
            node.ask("Name a tree.")
        for part in parts:
            shutil.rmtree(here.root / part)
            shutil.copytree(tmp_path / "copy" / part, here.root / part)
        loop = Loop()
        try:
            with pytest.raises(EvidenceDamaged, match="rolled back"):
                loop.call(_boot(here.root))
        finally:
            loop.close()
        shutil.move(here.root / "heads", tmp_path / "heads-then")
        shutil.move(here.evidence / "heads", tmp_path / "public-heads-then")
        for _ in range(3):  # without the heads nobody stops it: it goes on with another history
            with running_again(here.root, here.key) as node:
                node.ask("Name a river.")
        shutil.rmtree(here.evidence / "heads")
        shutil.move(tmp_path / "public-heads-then", here.evidence / "heads")
        report = here.reports()["gateway-0"]
        assert claim(report)[0] == "CONTRADICTED"
        assert "a fork" in claim(report)[1]


async def _boot(root: Path, shard: str = "gateway-0") -> None:
    async with open_node(root, SystemClock(), shard):
        pass


def test_a_shard_whose_gateway_never_comes_back_is_sealed_with_what_is_open(
    tmp_path: Path,
) -> None:
    with installed(tmp_path) as here:
        run("shard", "add", here.root, SECOND)
        one, two = here.start(), here.start(SECOND)
        one.ask()
        two.ask()
        here.model.answers(_hangs)  # the model server hangs: this attempt is open when its gateway dies
        caller = threading.Thread(target=lambda: _ask_in_vain(two))
        caller.start()
        shown = here.evidence / SECOND / "checkpoint"
        _wait_for(shown, 5)
        assert "was at work" in run("shard", "seal", here.root, SECOND, code=2).stderr
        two.end(signal.SIGKILL)
        caller.join()
        lease_ends(here.root, SECOND)
        shutil.move(here.root / "wal" / SECOND, tmp_path / "gone")  # with its machine
        sealed = json.loads(run("shard", "seal", here.root, SECOND, "--json").stdout)
        assert (sealed["log"], sealed["open"]) == ("brightline.local/gateway-2", 1)
        assert "permitted under" in sealed["notes"][0]
        assert "at most 65,536 bytes left" in sealed["notes"][0]
        assert "sealed before" in run("shard", "seal", here.root, SECOND, code=2).stderr
        assert "not the shard of a gateway" in run("shard", "seal", here.root, "heads", code=2).stderr
        shutil.move(tmp_path / "gone", here.root / "wal" / SECOND)  # the owner comes back after all
        loop = Loop()
        try:
            with pytest.raises(ShardSealed):
                loop.call(_boot(here.root, SECOND))
        finally:
            loop.close()
        here.stop()
        report = here.reports()[SECOND]
        assert not report.contradictions, report.contradictions
        assert claim(report)[0] == "PROVEN"
        assert claim(report)[1].endswith("it was sealed and ends there")
        assert report.size == sealed["size"]
        assert report.recount.open == 1
        assert [note.message for note in report.notes if "lost with its gateway" in note.message] == sealed["notes"]


def test_a_gateway_that_comes_back_at_that_very_moment_cannot_write_what_is_being_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed(tmp_path) as here:
        run("shard", "add", here.root, SECOND)
        gateway = here.start(SECOND)
        gateway.ask()
        gateway.end(signal.SIGKILL)
        lease_ends(here.root, SECOND)
        came_back: list[str] = []

        def meanwhile(*arguments: Any) -> Any:
            loop = Loop()
            try:
                loop.call(_boot(here.root, SECOND))
            except WriterPresent:
                came_back.append("in vain")
            finally:
                loop.close()
            return seals.log_seal(*arguments)

        monkeypatch.setattr("brightline.shell.seal.log_seal", meanwhile)
        clock = SystemClock()
        with (
            in_force(here.root, clock) as (settings, registry),
            opened_heads(StateFolder(here.root), settings, registry.roots.profile, clock) as (heads, store),
        ):
            sealed = seal_shard(here.root, settings, registry, heads, store, SECOND, clock)
        assert sealed.open == 0
        assert came_back == ["in vain"]
        here.stop()
        report = here.reports()[SECOND]
        assert not report.contradictions, report.contradictions


def sealed_now(root: Path, shard: str) -> bool:
    """Whether a shard could be sealed whose writer's lease is over at this moment."""
    lease_ends(root, shard)
    done = CliRunner().invoke(brightline, ["shard", "seal", str(root), shard])
    assert done.exit_code == 0 or "was at work" in str(done.exception), done.output
    return done.exit_code == 0


async def _hangs(_request: web.Request, _asked: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


def _ask_in_vain(gateway: Gateway) -> None:
    with pytest.raises(openai.APIConnectionError):
        gateway.ask()


def _wait_for(checkpoint: Path, size: int) -> None:
    begun = time.monotonic()
    while int(checkpoint.read_text("utf-8").splitlines()[1]) < size:
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.05)


def test_a_gateway_that_is_sealed_while_it_runs_serves_no_more(
    tmp_path: Path,
) -> None:
    with installed(tmp_path) as here:
        run("shard", "add", here.root, SECOND)
        gateway = here.start(SECOND)
        gateway.ask()
        shutil.move(here.root / "wal" / SECOND, tmp_path / "cut off")  # a peer on another machine sees no private log
        begun = time.monotonic()
        while not sealed_now(here.root, SECOND):  # it says every few seconds that it is at work
            assert time.monotonic() - begun < PATIENCE_SECONDS
        begun = time.monotonic()
        with pytest.raises(openai.InternalServerError, match="evidence_unavailable"):
            while time.monotonic() - begun < PATIENCE_SECONDS:
                gateway.ask()
