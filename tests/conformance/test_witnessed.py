# SPDX-License-Identifier: Apache-2.0
"""A gateway with witnesses, over real sockets: what they cosign is published, and without them nothing is served."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Topic
from brightline.shell import combining, witnessing
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind
from brightline.shell.state import StateFolder
from brightline.shell.witness.serve import serving_witness
from brightline.shell.witness.store import create_witness
from brightline.verify.examine import verify_evidence
from brightline.wiring import open_node
from tests.harness import Loop, ModelServer, Running, _open, make_state
from tests.shell.cli.in_process import run

PATIENCE_SECONDS = 60


class Witnessed(Running):
    """A node, and the stack that holds its one witness."""

    policy = Path()
    witness_stack = AsyncExitStack()


@contextmanager
def witnessed(tmp_path: Path) -> Iterator[Witnessed]:
    loop, stack, witness_stack, model = Loop(), AsyncExitStack(), AsyncExitStack(), ModelServer()
    root, folder = tmp_path / "state", tmp_path / "witness"
    key = create_witness(folder, "witness.example/w1")
    quicker = pytest.MonkeyPatch()
    quicker.setattr(combining, "STEP_SECONDS", 0.2)
    quicker.setattr(combining, "HEADS_SECONDS", 0.5)
    try:
        loop.call(model.start(stack))
        settings, _, api_key = make_state(root, model.url)
        for shard in ("gateway-0", "heads"):
            run("witness", "trust", folder, run("key", root, "--log", "--shard", shard).stdout.strip())
        url = loop.call(witness_stack.enter_async_context(_at(folder)))
        policy = StateFolder(root).witness_policy
        policy.write_text(f"witness w1 {key.vkey()} {url}\nquorum w1\n", "utf-8")
        node, gateway_url = loop.call(_open(root, settings, stack))
        running = Witnessed(loop, root, node, gateway_url, api_key, model)
        running.policy, running.witness_stack = policy, witness_stack
        yield running
    finally:
        loop.call(stack.aclose())
        loop.call(witness_stack.aclose())
        loop.close()
        quicker.undo()


def _at(folder: Path) -> Any:
    return serving_witness(folder, bind("127.0.0.1", 0), SystemClock())


def until_served(node: Witnessed) -> None:
    """Ask until a quorum has cosigned what is published."""
    begun = time.monotonic()
    while True:
        try:
            node.ask()
        except openai.InternalServerError:
            assert time.monotonic() - begun < PATIENCE_SECONDS
            time.sleep(0.1)
        else:
            return


def told(reports: list[ShardReport]) -> tuple[str, str]:
    (report,) = [report for report in reports if report.shard == "gateway-0"]
    (claim,) = [claim for claim in report.claims if claim.name == Topic.WITNESSED]
    return claim.status.value, claim.detail


def wait_for_cosigned(node: Witnessed, more_than: int, shard: str = "gateway-0") -> int:
    """The cosigned size, once it is more than this."""
    path = node.root / "evidence" / shard / "cosigned"
    begun = time.monotonic()
    while not path.exists() or int(path.read_text("utf-8").splitlines()[1]) <= more_than:
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.05)
    return int(path.read_text("utf-8").splitlines()[1])


def _size(root: Path, shard: str) -> int:
    """How many records are published."""
    return int((root / "evidence" / shard / "checkpoint").read_text("utf-8").splitlines()[1])


def until_named(node: Witnessed, shard: str) -> None:
    """Wait until the combined heads name all that is published of a log."""
    begun = time.monotonic()
    origin = (node.root / "evidence" / shard / "checkpoint").read_text("utf-8").splitlines()[0]
    while (named := node.node.combining.heads.recorded(origin)) is None or named.size < _size(node.root, shard):
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.05)
    node.loop.call(asyncio.to_thread(node.node.combining.write))


def grow(node: Witnessed) -> None:
    """Wait until a quorum has cosigned more than the log has now."""
    size = node.node.log.head().size
    node.ask()
    wait_for_cosigned(node, size)


def copied(root: Path, to: Path) -> None:
    """A copy of a state folder as it was at one moment, though its node serves."""
    begun = time.monotonic()
    while True:
        before = _stands(root)
        with contextlib.suppress(shutil.Error):  # a file went while it was copied
            shutil.copytree(root, to)
            if _stands(root) == before:
                return
        shutil.rmtree(to)
        assert time.monotonic() - begun < PATIENCE_SECONDS


def _stands(root: Path) -> dict[Path, tuple[int, int]]:
    """Each file with its size and when it was written; what SQLite shares between its readers says nothing."""
    found = {}
    for path in root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and not path.name.endswith("-shm"):
                found[path] = path.stat().st_size, path.stat().st_mtime_ns
    return found


def test_what_a_quorum_cosigned_is_published_and_proven_under_the_auditors_policy(tmp_path: Path) -> None:
    with witnessed(tmp_path) as node:
        until_served(node)
        grow(node)
        evidence = node.root / "evidence"
        status, detail = told(verify_evidence(evidence, policy=node.policy))
        assert status == "PROVEN"
        assert detail.startswith("w1 cosigned the first")
        assert told(verify_evidence(evidence))[0] == "NOT SHOWN"
        stranger = tmp_path / "policy"
        key = create_witness(tmp_path / "other", "other.example/w2")
        stranger.write_text(f"witness w2 {key.vkey()} http://127.0.0.1:9\nquorum w2\n", "utf-8")
        assert told(verify_evidence(evidence, policy=stranger))[0] == "NOT SHOWN"


def test_a_log_that_shows_less_than_witnesses_saw_was_rolled_back(tmp_path: Path) -> None:
    with witnessed(tmp_path) as node:
        until_served(node)
        shard = node.root / "evidence" / "gateway-0"
        old = (shard / "checkpoint").read_bytes()
        grow(node)
        root, policy = node.root, node.policy
    (root / "evidence" / "gateway-0" / "checkpoint").write_bytes(old)
    reports = verify_evidence(root / "evidence", policy=policy)
    assert told(reports)[0] == "CONTRADICTED"
    assert any("it was rolled back" in each.message for report in reports for each in report.contradictions)


def test_without_a_quorum_for_too_long_nothing_more_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnessing, "UNWITNESSED_SECONDS_MAX", 1.0)
    with witnessed(tmp_path) as node:
        until_served(node)
        node.loop.call(node.witness_stack.aclose())
        begun, code = time.monotonic(), None
        while True:
            try:
                node.ask()
            except openai.InternalServerError as error:
                code = error.code
                break
            assert time.monotonic() - begun < PATIENCE_SECONDS
            time.sleep(0.1)
        assert code == "evidence_unavailable"
        assert "the evidence cannot be written or published" in node.node.readiness.missing()


async def _start(root: Path) -> None:
    async with open_node(root, SystemClock()):
        pass


def test_a_log_that_is_behind_its_witnesses_does_not_start(tmp_path: Path) -> None:
    """The state folder of yesterday is put back; the witness remembers more."""
    with witnessed(tmp_path) as node:
        until_served(node)
        root = node.root
        copied(root, tmp_path / "yesterday")
        grow(node)
        loop = Loop()
        try:
            with pytest.raises(EvidenceDamaged, match="witness w1 has seen more than this log has"):
                loop.call(_start(tmp_path / "yesterday"))
        finally:
            loop.close()


def _registry(root: Path) -> list[Path]:
    """All that there is of the registry: its private log, its tiles and its checkpoint."""
    return [StateFolder(root).wal / "registry", root / "evidence" / "registry"]


def _put_back(paths: list[Path], yesterday: Path, root: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
            shutil.copytree(yesterday / path.relative_to(root), path)
        else:
            shutil.copy(yesterday / path.relative_to(root), path)


def test_a_registry_that_is_put_back_whole_is_less_than_the_heads_say_and_witnesses_saw(tmp_path: Path) -> None:
    """Private log, tiles and checkpoint of yesterday agree with each other; a suspension of today is in none."""
    with witnessed(tmp_path) as node:
        until_served(node)
        root = node.root
        wait_for_cosigned(node, 0, "heads")
        yesterday = tmp_path / "yesterday"
        copied(root, yesterday)
        run("standing", "suspend", root, "unit-1", "--reason", "a drill")
        until_named(node, "registry")
        wait_for_cosigned(node, _size(root, "heads") - 1, "heads")
        today = tmp_path / "today"
        copied(root, today)
        loop = Loop()
        try:
            _put_back(_registry(today), yesterday, today)
            with pytest.raises(EvidenceDamaged, match="records are named by the combined heads, the log holds"):
                loop.call(_start(today))
            # so the heads are put back as well
            _put_back([StateFolder(today).heads, today / "evidence" / "heads"], yesterday, today)
            with pytest.raises(EvidenceDamaged, match="witness w1 has seen more than this log has"):
                loop.call(_start(today))
        finally:
            loop.close()


def test_witnesses_who_cannot_be_asked_at_boot_stop_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnessing, "SURVEY_SECONDS", 0.5)
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    key = create_witness(tmp_path / "witness", "witness.example/w1")
    text = f"witness w1 {key.vkey()} http://127.0.0.1:9\nquorum w1\n"
    StateFolder(root).witness_policy.write_text(text, "utf-8")
    loop = Loop()
    try:
        with pytest.raises(OperatorError, match="cannot be asked"):
            loop.call(_start(root))
    finally:
        loop.close()


@pytest.mark.parametrize("policy", ["nonsense\n", "quorum none\n"])
def test_a_policy_that_asks_nobody_or_does_not_read_does_not_start(tmp_path: Path, policy: str) -> None:
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    StateFolder(root).witness_policy.write_text(policy, "utf-8")
    loop = Loop()
    try:
        with pytest.raises(ConfigError):
            loop.call(_start(root))
    finally:
        loop.close()
