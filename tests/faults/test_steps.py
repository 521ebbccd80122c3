# SPDX-License-Identifier: Apache-2.0
"""The log is killed at each of its steps, and each call fails once: nothing acknowledged is lost, nothing forks.

After each case the log is opened as the next boot opens it, published, and audited as an auditor does. The long form
(``pytest -m slow tests/faults``) takes ten thousand kills.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest

from brightline.core.evidence.audit import BOOKS, SIGNED, Status, audit_shard
from brightline.verify.folder import PublishedFolder
from tests.faults.steps import CALLS, EXCHANGES, REFUSED, SHARD, SIGNER, WRITES, Case, Told, open_log

KILLS = 200
KILLS_LONG = 10_000
ROOT = Path(__file__).parents[2]


def memory_folder(name: str) -> Path:
    """A folder in memory, if that is possible: a kill spares the kernel, and with it what is not flushed."""
    shm = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix=f"brightline-{name}-", dir=shm if os.access(shm, os.W_OK) else None))


class Stories:
    """The process that writes stories, and where they lie."""

    def __init__(self) -> None:
        self._folder = memory_folder("steps")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.steps"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        )
        self._number = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.communicate()
        shutil.rmtree(self._folder)

    def new(self) -> Path:
        """A folder for a story."""
        folder = self._folder / str(next(self._number))
        folder.mkdir()
        return folder

    def tell(self, case: Case) -> Told:
        """Write a story."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(case).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Told)


@pytest.fixture(scope="module")
def stories() -> Iterator[Stories]:
    with Stories() as found:
        yield found


@pytest.fixture(scope="module")
def calls(stories: Stories) -> tuple[str, ...]:
    """The calls of a story to which nothing happens."""
    root = stories.new()
    told = stories.tell(Case(str(root)))
    assert told.code == 0
    audited(root)
    assert {*CALLS, "fallocate"} - set(told.calls) <= {"unlink", "pwrite"}
    return told.calls


def audited(root: Path) -> Counter[str]:
    """Open the log again, publish it, audit it, and compare it with what was acknowledged; then remove it."""
    acknowledged = (root / "acknowledged").read_text().split("\n")[:-1]
    log, publisher = open_log(root)
    try:
        assert not log._books.open_attempts
        for line in acknowledged:
            kind, number, digest = line.split()
            if kind == "published":
                assert log.head(int(number)).root.hex() == digest, "another log than was published"
            else:
                assert log._tree.node(0, int(number)).hex() == digest, f"record {number} is another"
        publisher.publish_once()
    finally:
        log.close()
        publisher.close()
    report = audit_shard(SHARD, PublishedFolder(root / "evidence" / SHARD), [SIGNER.verifier])
    assert report.contradictions == ()
    status = {claim.name: claim.status for claim in report.claims}
    assert {status[SIGNED], status[BOOKS]} == {Status.PROVEN}
    assert report.recount.attempts == report.recount.outcomes
    shutil.rmtree(root)
    return Counter(report.recount.by_outcome)


def killed(stories: Stories, step: int, act: str) -> None:
    root = stories.new()
    told = stories.tell(Case(str(root), step, act))
    assert told.code == -signal.SIGKILL, f"step {step} was not reached"
    audited(root)


def acts_of(name: str) -> tuple[str, ...]:
    return ("before", "middle", "after") if name in WRITES else ("before", "after")


def test_killed_at_any_step_it_loses_nothing_that_was_acknowledged(stories: Stories, calls: tuple[str, ...]) -> None:
    cases = [(step, act) for step, name in enumerate(calls, 1) for act in acts_of(name)]
    chosen = {round(number * (len(cases) - 1) / (KILLS - 1)) for number in range(KILLS)}
    for number in sorted(chosen):
        killed(stories, *cases[number])


@pytest.mark.parametrize("code", ["EIO", "ENOSPC"])
def test_each_call_fails_once_and_nothing_that_was_acknowledged_is_lost(
    stories: Stories, calls: tuple[str, ...], code: str
) -> None:
    ends: Counter[int] = Counter()
    for step in range(1, len(calls) + 1):
        root = stories.new()
        told = stories.tell(Case(str(root), step, code))
        assert told.code in {0, REFUSED}, f"{calls[step - 1]} at step {step} ended in {told.code}"
        ends[told.code] += 1
        audited(root)
    assert ends[REFUSED] > len(calls) // 4, "most failures must end the story"


def test_killed_while_it_answers_a_full_disk_it_loses_nothing(stories: Stories, calls: tuple[str, ...]) -> None:
    for step, name in enumerate(calls, 1):
        if name in {"fallocate", "open"} and step > calls.index("fdatasync"):
            for later in range(1, 5):
                root = stories.new()
                told = stories.tell(Case(str(root), step, "ENOSPC", later))
                assert told.code in {-signal.SIGKILL, 0, REFUSED}
                audited(root)


def test_a_log_that_was_killed_again_and_again_goes_on(stories: Stories, calls: tuple[str, ...]) -> None:
    root = stories.new()
    for step in range(1, len(calls), len(calls) // 20):
        stories.tell(Case(str(root), step, "before"))
    told = stories.tell(Case(str(root)))
    assert told.code == 0
    assert audited(root)["completed"] >= len(EXCHANGES)


@pytest.mark.slow
def test_ten_thousand_kills(stories: Stories, calls: tuple[str, ...]) -> None:
    cases = [(step, act) for step, name in enumerate(calls, 1) for act in acts_of(name)]
    for number in range(KILLS_LONG):
        killed(stories, *cases[number % len(cases)])
