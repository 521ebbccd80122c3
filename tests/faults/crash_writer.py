# SPDX-License-Identifier: Apache-2.0
"""Processes that exist to be killed: each appends from several tasks and tells each acknowledgement on stdout.

``python crash_writer.py DIRECTORY SHARD`` starts one for each line that it reads, which costs a fork and not the start
of an interpreter. The line is answered with ``pid PID``. The process opens the log as a gateway does, prints
``ready EPOCH``, and then one line ``EXCHANGE SEQ HASH`` for each record, after ``append`` has returned and before it
does anything else. Once it has ended, ``ended CODE`` follows.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault

TASKS = 8


class SystemClock:
    """The clock of the machine."""

    def monotonic(self) -> float:
        """Seconds; nothing here asks for them."""
        return 0.0

    def unix(self) -> int:
        """Seconds since 1970; nothing here asks for them."""
        return 0

    def utc_now(self) -> str:
        """RFC 3339."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")


def tell(line: str) -> None:
    """One ``write(2)`` of fewer bytes than a pipe takes at once, so that no reader sees half a line."""
    os.write(1, line.encode() + b"\n")


async def exchanges(log: Sequencer, task: int) -> None:
    """Append exchange after exchange, until killed."""
    for number in itertools.count():
        exchange = f"{log.epoch}-{task}-{number}"
        for kind in (RecordKind.ATTEMPT, RecordKind.PASS, RecordKind.OUTCOME):
            public = {"outcome": "completed", "class": "none"} if kind is RecordKind.OUTCOME else {}
            record = await log.append(Draft(kind, exchange, {**public}, {"unit": "logistics"}))
            tell(f"{exchange} {record.place.seq} {record.leaf_hash.hex()}")


async def main(directory: Path, shard: str) -> None:
    """Open the log and write."""
    vault = Vault(directory.parent / f"{directory.name}-vault", bytes(32))  # as tests/vault.py says
    log = Sequencer.open(directory, shard, "development", SystemClock(), vault=vault, published=None)
    tell(f"ready {log.epoch}")
    await asyncio.gather(*(exchanges(log, task) for task in range(TASKS)))


def serve() -> None:
    """Start writers, one after the other, until nobody asks for one."""
    for _line in sys.stdin:
        pid = os.fork()  # this process has one thread
        if not pid:
            asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
            os._exit(0)
        tell(f"pid {pid}")
        tell(f"ended {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


if __name__ == "__main__":
    serve()
