# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the whole gateway under load: every receipt that a client holds stands in the log afterwards.

The record log alone is killed fifty times in ``test_kill9.py``; here the process that clients talk to dies with
exchanges in every state, and the next boot books what was left open before it serves.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from brightline.core.evidence.audit import BOOKS, PASSED, RECEIPTS, REPLAYS, SIGNED, Status
from brightline.core.evidence.receipt import Receipt, read_receipt
from brightline.shell.clock import SystemClock
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import export_disclosures
from brightline.verify.examine import verify_evidence
from brightline.wiring import open_node
from tests.harness import Loop, ModelServer, make_state

KILLS = 6
CLIENTS = 8


class Served:
    """``brightline serve`` in a process of its own."""

    def __init__(self, root: Path) -> None:
        command = [
            sys.executable,
            "-u",
            "-c",
            "from brightline.shell.cli.main import main; main()",
            "serve",
            str(root),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://[^/]+", self.process.stdout.readline())
        assert found, "the gateway did not start"
        self.url = found.group()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def load(url: str, key: str, stop: threading.Event, receipts: list[Receipt]) -> None:
    """Ask plain questions until the gateway dies; keep every receipt."""
    body = {"model": "m", "messages": [{"role": "user", "content": "List three fruits."}]}
    with httpx2.Client(timeout=5) as client:
        while not stop.is_set():
            try:
                answer = client.post(
                    f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
                )
            except httpx2.HTTPError:
                return
            if answer.status_code == 200:
                receipts.append(read_receipt(answer.headers["x-brightline-receipt"]))


@pytest.mark.slow
def test_kill_9_under_load_loses_no_record_that_a_client_holds_a_receipt_for(tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("BRIGHTLINE_SEED", "9")))  # noqa: S311 - when to kill
    loop, stack, model = Loop(), AsyncExitStack(), ModelServer()
    receipts: list[Receipt] = []
    root = tmp_path / "state"
    try:
        loop.call(model.start(stack))
        key = make_state(root, model.url)[2]
        for _ in range(KILLS):
            served = Served(root)
            stop = threading.Event()
            arguments = (served.url, key, stop, receipts)
            clients = [threading.Thread(target=load, args=arguments) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            enough = len(receipts) + chance.randint(1, 40)
            latest = time.monotonic() + 3
            while len(receipts) < enough and time.monotonic() < latest:
                time.sleep(0.005)
            served.kill()
            stop.set()
            for client in clients:
                client.join(10)
    finally:
        loop.call(stack.aclose())
        loop.close()
    assert len(receipts) >= KILLS
    asyncio.run(_boot_once(root))
    disclosures = tmp_path / "disclosures.jsonl"
    export_disclosures(root / "wal", open_vault(StateFolder(root)), disclosures)
    report = next(
        report
        for report in verify_evidence(root / "evidence", disclosures=disclosures, receipts=receipts)
        if report.shard == "gateway-0"
    )
    assert report.contradictions == ()
    proven = {claim.name for claim in report.claims if claim.status is Status.PROVEN}
    assert {SIGNED, BOOKS, PASSED, REPLAYS, RECEIPTS} <= proven
    assert report.recount.open == 0
    assert len(report.notes) == report.recount.by_outcome.get("lost", 0)


async def _boot_once(root: Path) -> None:
    """The next boot: it books what the last kill left open."""
    async with open_node(root, SystemClock()):
        pass
