# SPDX-License-Identifier: Apache-2.0
"""Detectors in processes: whatever a worker does wrong is a refusal, costs that worker alone, and is mended."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.encoder import Canary
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment, Surface
from brightline.shell.inference import process
from brightline.shell.inference.process import ProcessDetector
from brightline.shell.inference.wire import Ask, Load, Told, pack
from brightline.shell.inference.worker import read, serve

FAULTY = (sys.executable, str(Path(__file__).with_name("faulty_worker.py")))
CANARY = Canary("fact", "canary: a known one")


def ask(*texts: str) -> list[Segment]:
    return [Segment("x", Surface.INPUT, text) for text in texts]


@asynccontextmanager
async def detector(
    tmp_path: Path,
    path: str = "d",
    workers: int = 1,
    deadline: float = 20.0,
    canary_seconds: float = 60.0,
    queue_max: int = process.QUEUE_MAX,
) -> AsyncIterator[ProcessDetector]:
    load = Load("encoder", "d", path, "0" * 64, "", str(tmp_path / "blind"), 512 << 20)
    made = ProcessDetector(
        load,
        [CANARY],
        workers=workers,
        deadline_seconds=deadline,
        command=FAULTY,
        canary_seconds=canary_seconds,
        queue_max=queue_max,
    )
    try:
        yield made
    finally:
        made.close()
        await made.closed()


def children() -> list[tuple[bytes, bytes]]:
    """Command line and environment of every child of this process."""
    found = []
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text("utf-8").split():
        with contextlib.suppress(OSError):  # it has just ended
            place = Path("/proc") / child
            found.append(((place / "cmdline").read_bytes(), (place / "environ").read_bytes()))
    return found


async def until(made: ProcessDetector, *, fit: bool) -> None:
    async with asyncio.timeout(30):
        while bool(made.fault) is fit:  # noqa: ASYNC110 - there is nothing to wait for but time
            await asyncio.sleep(0.02)


async def until_taken(made: ProcessDetector) -> None:
    """Until a worker has what was asked, and nothing waits any more."""
    async with asyncio.timeout(30):
        await asyncio.sleep(0)  # it is asked
        while made._asks:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_each_asker_gets_the_findings_of_its_own_segments(tmp_path: Path) -> None:
    async with detector(tmp_path, workers=2) as made:
        await made.until_fit()
        judgements = await asyncio.gather(*[made.judge(ask(f"mark {i}", "plain")) for i in range(50)])
        for i, judgement in enumerate(judgements):
            assert judgement.segments_judged == 2
            assert [(f.rule, f.segment) for f in judgement.findings] == [(f"mark {i}", 0)]


async def test_what_came_near_a_threshold_in_a_worker_is_told_to_whoever_asked(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        judgements = await asyncio.gather(*[made.judge(ask("plain", f"near {i}")) for i in range(8)])
        for i, judgement in enumerate(judgements):
            assert judgement.raised == (Raised(1, "folded", f"near {i}"),)


async def test_a_worker_tells_all_that_its_judge_says() -> None:
    said = Finding("d", "fact", "yes", "x", 0, "text"), Raised(1, "folded", "near")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(pack(Ask(1, tuple(ask("mark", "near")))))
        theirs.shutdown(socket.SHUT_WR)
        serve(ours, lambda _segments: said, "sha256:0")
        told = read(theirs, Told)
    assert told == Told(1, "sha256:0", 2, said[:1], raised=said[1:])


@pytest.mark.parametrize(
    "fault",
    [
        "crash",
        "memory",
        "garbage",
        "letters",
        "endless",
        "number",
        "version",
        "shape",
        "nan",
        "elsewhere",
        "impostor",
        "beyond",
    ],
)
async def test_a_worker_that_does_this_is_replaced_and_the_batch_is_unjudged(fault: str, tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        with pytest.raises(ScreeningUnavailable, match="failed"):
            await made.judge(ask("mark", fault))
        await until(made, fit=True)
        judged = await made.judge(ask("mark again"))
        assert [finding.rule for finding in judged.findings] == ["mark again"]


async def test_a_detector_that_raises_keeps_its_worker(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        with pytest.raises(ScreeningUnavailable, match="RuntimeError"):
            await made.judge(ask("raise"))
        assert not made.fault
        assert (await made.judge(ask("mark"))).findings


async def test_what_one_caller_sends_is_not_refused_to_the_others_of_a_batch(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        asks = [asyncio.create_task(made.judge(ask(text))) for text in ("mark 1", "raise", "mark 2")]
        answers = await asyncio.gather(*asks, return_exceptions=True)
        assert isinstance(answers[1], ScreeningUnavailable)
        found = [[one.rule for one in answer.findings] for answer in answers if isinstance(answer, Judgement)]
        assert found == [["mark 1"], ["mark 2"]]
        assert not made.fault


async def test_a_text_that_cannot_be_told_costs_its_batch_and_not_the_detector(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        with pytest.raises(ScreeningUnavailable, match="failed"):
            await made.judge(ask("\ud800"))
        await until(made, fit=True)
        assert (await made.judge(ask("mark"))).findings


async def test_a_worker_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    async with detector(tmp_path, deadline=1.0) as made:
        await made.until_fit()
        with pytest.raises(ScreeningUnavailable, match="did not answer within 1 s"):
            await made.judge(ask("hang"))
        await until(made, fit=True)


async def test_with_no_fit_worker_everybody_is_told_at_once(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
        with pytest.raises(ScreeningUnavailable):
            await made.judge(ask("crash"))
        with pytest.raises(ScreeningUnavailable, match="no worker of detector d is fit"):
            await made.judge(ask("plain"))


async def test_a_worker_that_could_not_be_started_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptors_left() -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socketpair", no_descriptors_left)
        async with asyncio.timeout(30), detector(tmp_path) as made:
            with pytest.raises(ScreeningUnavailable, match="Too many open files"):
                await made.until_fit()
            patched.undo()
            await until(made, fit=True)


async def test_one_worker_that_crashes_leaves_the_others_at_work(tmp_path: Path) -> None:
    async with detector(tmp_path, workers=2) as made:
        await made.until_fit()
        async with asyncio.timeout(30):
            while len(made._fit) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        with pytest.raises(ScreeningUnavailable):
            await made.judge(ask("crash"))
        assert not made.fault
        assert (await made.judge(ask("mark"))).findings


async def test_a_worker_that_misses_its_canaries_never_serves(tmp_path: Path) -> None:
    (tmp_path / "blind").touch()
    async with detector(tmp_path) as made:
        with pytest.raises(ScreeningUnavailable, match="it missed its canaries for fact"):
            await made.until_fit()
        (tmp_path / "blind").unlink()
        await until(made, fit=True)


async def test_a_worker_that_goes_blind_while_it_serves_is_out(tmp_path: Path) -> None:
    async with detector(tmp_path, canary_seconds=0.2) as made:
        await made.until_fit()
        (tmp_path / "blind").touch()
        await until(made, fit=False)
        with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
            await made.judge(ask("mark"))


@pytest.mark.parametrize(
    ("path", "why"), [("broken", "model.onnx is nowhere"), ("other", "it loaded sha256:other; the release pins")]
)
async def test_what_cannot_be_loaded_or_is_another_one_does_not_serve(path: str, why: str, tmp_path: Path) -> None:
    async with detector(tmp_path, path) as made:
        with pytest.raises(ScreeningUnavailable, match=why):
            await made.until_fit()


async def test_the_queue_is_bounded_and_whoever_gave_up_makes_room(tmp_path: Path) -> None:
    async with detector(tmp_path, deadline=3.0, queue_max=2) as made:
        await made.until_fit()
        busy = asyncio.create_task(made.judge(ask("hang")))
        await until_taken(made)
        waiting = [asyncio.create_task(made.judge(ask("mark"))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ScreeningUnavailable, match="the queue of detector d is full"):
            await made.judge(ask("mark"))
        waiting[0].cancel()
        await asyncio.sleep(0)
        another = asyncio.create_task(made.judge(ask("mark")))
        await asyncio.sleep(0)
        assert len(made._asks) == 2
        with pytest.raises(ScreeningUnavailable, match="did not answer"):
            await busy
        await asyncio.gather(*waiting, another, return_exceptions=True)


async def test_a_worker_is_told_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "a-secret")
    async with detector(tmp_path) as made:
        await made.until_fit()
        told = [environment for command, environment in children() if b"faulty_worker" in command]
        assert told
        assert not any(b"a-secret" in each for each in told)


async def test_workers_end_with_their_detector(tmp_path: Path) -> None:
    async with detector(tmp_path) as made:
        await made.until_fit()
    assert not any(b"faulty_worker" in command for command, _ in children())
