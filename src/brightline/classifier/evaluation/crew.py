# SPDX-License-Identifier: Apache-2.0
"""Several benches at once, each in a process of its own: long measurements on a machine with many cores.

    parent → worker   Chosen, then probes, one frame each: MessagePack in a line of base64
    worker → parent   an answer for each, in the same way

Answers come back in the order of the probes, so that an evaluation is the same however many work on it. A worker that
ends before it has answered ends the measurement: nothing is left out of it silently.
"""

from __future__ import annotations

import base64
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any, Final, TypeVar

import msgspec

from brightline.classifier.evaluation.bench import Answer, Bench
from brightline.classifier.evaluation.probe import Probe
from brightline.core.errors import ConfigError
from brightline.shell.config import child_environment

T = TypeVar("T")

WORKERS_MAX: Final = 256
COMMAND: Final = (sys.executable, "-m", "brightline.classifier.evaluation.worker")


class Chosen(msgspec.Struct, frozen=True):
    """Which release every worker loads: folders, and the layers that are off."""

    agreement: str
    release: str
    weights: str
    without: tuple[str, ...]


def show_all(
    bench: Bench, chosen: Chosen, probes: Sequence[Probe], workers: int, tell: Callable[[int], None]
) -> list[Answer]:
    """Show every probe to the release, here or in so many processes; ``tell`` is told how many are done.

    Raises ``ConfigError`` if a process ends before its time.
    """
    if workers == 1:
        answers = []
        for probe in probes:
            answers.append(bench.show(probe))
            tell(len(answers))
        return answers
    return _Crew(chosen, probes, tell).work(min(workers, len(probes) or 1))


class _Crew:
    """Threads that each feed one process, and take from one queue."""

    def __init__(self, chosen: Chosen, probes: Sequence[Probe], tell: Callable[[int], None]) -> None:
        self._chosen = chosen
        self._probes = probes
        self._tell = tell
        self._answers: dict[int, Answer] = {}
        self._left: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(probes)):
            self._left.put(number)
        self._lock = threading.Lock()
        self._failed = threading.Event()

    def work(self, workers: int) -> list[Answer]:
        threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(self._answers) < len(self._probes):
            raise ConfigError("a worker ended before it had answered; what it wrote on stderr says why")
        return [self._answers[number] for number in range(len(self._probes))]

    def _feed(self) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own module
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(), bufsize=-1
        )
        with process:
            try:
                write(process.stdin, self._chosen)
                while not self._failed.is_set():
                    try:
                        number = self._left.get_nowait()
                    except queue.Empty:
                        break
                    write(process.stdin, self._probes[number])
                    answer = read(process.stdout, Answer)
                    if answer is None:
                        raise BrokenPipeError
                    with self._lock:
                        self._answers[number] = answer
                        self._tell(len(self._answers))
            except (OSError, msgspec.DecodeError, ValueError):
                self._failed.set()
                process.kill()


def write(pipe: IO[bytes] | None, value: Any) -> None:
    """Write one frame. Raises ``OSError``."""
    if pipe is None:
        raise BrokenPipeError
    pipe.write(base64.b64encode(msgspec.msgpack.encode(value)) + b"\n")
    pipe.flush()


def read(pipe: IO[bytes] | None, kind: type[T]) -> T | None:
    """Read one frame; ``None`` at the end. Raises ``DecodeError``."""
    line = pipe.readline() if pipe is not None else b""
    return msgspec.msgpack.decode(base64.b64decode(line), type=kind) if line.endswith(b"\n") else None
