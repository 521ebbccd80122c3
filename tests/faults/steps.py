# SPDX-License-Identifier: Apache-2.0
"""A log that is written step by step, so that a test can stop it at each of them.

A step is one call that changes something on the disk: open, write, flush, truncate, rename, unlink, mkdir, and keeping
space. ``python steps.py`` waits for cases on stdin, one JSON object a line, and writes the story of each in a child
that it forks; so a case costs milliseconds. At the step that the case names, the child is killed before, after or in
the middle of the call, or the call fails. Acknowledgements go to a file of their own, each before the story goes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.errors import EvidenceUnavailable, OperatorError
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.clock import SystemClock
from brightline.shell.storage import append_file
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.wal_writer import Wal
from tests.vault import vault_beside

SHARD: Final = "gw-1"
SIGNER: Final = NoteSigner(f"steps.test/{SHARD}", Ed25519PrivateKey.from_private_bytes(bytes(32)))
SEGMENT_BYTES: Final = 2_500  # so that a story begins a few segments
EXCHANGES: Final = ("one", "two", "three")
KINDS: Final = (RecordKind.ATTEMPT, RecordKind.PASS, RecordKind.MARK, RecordKind.OUTCOME)
REFUSED: Final = 3  # the exit code of a story that failed closed

CALLS: Final = ("open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir")
WRITES: Final = frozenset({"write", "pwrite"})


class Case(msgspec.Struct, frozen=True):
    """What to do to one story. ``act`` is ``before``, ``middle``, ``after`` (of a kill) or the name of an errno.

    ``kill_later`` kills so many steps after a call that failed.
    """

    root: str
    step: int = 0
    act: str = "none"
    kill_later: int = 0


class Told(msgspec.Struct, frozen=True):
    """What became of a story: the calls that it made, its exit code, or minus the signal that ended it."""

    calls: tuple[str, ...]
    code: int


class Steps:
    """Counts the steps of this process, and does what the case says at one of them."""

    def __init__(self, case: Case, tell: Callable[[str], None]) -> None:
        self._case = case
        self._tell = tell
        self._step = 0

    def counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """The call, with a step counted before it."""

        def call(*given: Any, **named: Any) -> Any:
            self._step += 1
            self._tell(name)
            case = self._case
            if case.kill_later and self._step == case.step + case.kill_later:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._step != case.step:
                return real(*given, **named)
            if case.act in {"before", "middle", "after"}:
                if case.act == "middle" and name in WRITES:
                    real(given[0], bytes(given[1])[: len(given[1]) // 2], *given[2:])
                elif case.act == "after":
                    with contextlib.suppress(OSError):  # a file that is not there
                        real(*given, **named)
                os.kill(os.getpid(), signal.SIGKILL)
            number = getattr(errno, case.act)
            if name in WRITES:  # a write may fail after some of it has reached the file
                real(given[0], bytes(given[1])[: len(given[1]) // 3], *given[2:])
            if name == "fallocate":
                ctypes.set_errno(number)
                return -1
            raise OSError(number, os.strerror(number))

        return call


class CountedLibc:
    """The C library, as far as the log calls it."""

    def __init__(self, fallocate: Callable[..., Any]) -> None:
        self.fallocate = fallocate


def open_log(root: Path) -> tuple[Sequencer, Publisher]:
    """The log and its publisher, as a node opens them."""
    published = read_published(root / "evidence", SHARD, SIGNER.verifier)
    wal = root / "wal"
    log = Sequencer.open(wal, SHARD, "development", SystemClock(), vault=vault_beside(wal), published=published)
    return log, Publisher.open(log, root / "evidence", SIGNER)


def draft(kind: RecordKind, exchange: str, passed: bool = True) -> Draft:
    """A record of an exchange, as the books want it."""
    public: dict[str, JsonValue] = {"agreement": "sha256:agreement", "release": "sha256:release"}
    if kind is not RecordKind.ATTEMPT:
        public |= {"verdict": "permit", "clauses": ["L1"]}
    if kind is RecordKind.PASS:
        public["token"] = f"t-{exchange}"
    if kind is RecordKind.MARK:
        public["released_bytes"] = 9
    if kind is RecordKind.OUTCOME and passed:
        public |= {"outcome": "completed", "class": "none", "released_bytes": 9}
    if kind is RecordKind.OUTCOME and not passed:
        public |= {"outcome": "refused", "class": "unavailable", "verdict": "unavailable", "released_bytes": 0}
    return Draft(kind, exchange, public, {"unit": "logistics"})


def story(root: Path, say: Callable[[str], None]) -> None:
    """Three exchanges, each published, and a fourth that stays open. ``say`` is told what was acknowledged.

    What a full disk refuses is left out, as a gateway does; what ends the writer ends the story.
    """
    log, publisher = open_log(root)
    for exchange in EXCHANGES:
        durable: set[RecordKind] = set()
        for kind in KINDS:
            passed = RecordKind.PASS in durable
            if kind is RecordKind.MARK and not passed:
                continue
            try:
                record = log.append_sync(draft(kind, f"{exchange}-{log.epoch}", passed))
            except EvidenceUnavailable:
                if not log.healthy:
                    raise
                continue
            durable.add(kind)
            say(f"record {record.place.seq} {record.leaf_hash.hex()}")
        checkpoint = publisher.publish_once()
        say(f"published {checkpoint.size} {checkpoint.root.hex()}")
    if not log.full:
        log.append_sync(draft(RecordKind.ATTEMPT, f"open-{log.epoch}"))
    log.close()
    publisher.close()


def _child(case: Case, calls: int) -> None:
    """Write the story in this process and leave it."""
    write = os.write
    acknowledged = os.open(f"{case.root}/acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def line_to(fd: int) -> Callable[[str], None]:
        def say(line: str) -> None:
            write(fd, f"{line}\n".encode())

        return say

    steps = Steps(case, line_to(calls))
    threading.excepthook = lambda _args: os._exit(70)
    append_file._libc = CountedLibc(steps.counted("fallocate", append_file._libc.fallocate))  # type: ignore[misc, assignment]
    for name in CALLS:
        setattr(os, name, steps.counted(name, getattr(os, name)))
    try:
        story(Path(case.root), line_to(acknowledged))
    except (EvidenceUnavailable, OperatorError):
        os._exit(REFUSED)
    os._exit(0)


def serve() -> None:
    """Take cases until stdin ends."""
    Wal.open.__func__.__kwdefaults__["segment_bytes_max"] = SEGMENT_BYTES  # type: ignore[attr-defined]
    for line in sys.stdin:
        case = msgspec.json.decode(line, type=Case)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            try:
                _child(case, writer)
            finally:
                os._exit(71)  # a mistake that no part answers for
        os.close(writer)
        with os.fdopen(reader) as file:
            calls = tuple(file.read().split())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(msgspec.json.encode(Told(calls, code)).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
