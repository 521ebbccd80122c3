# SPDX-License-Identifier: Apache-2.0
"""A writer is killed with SIGKILL, fifty times, at random instants: nothing acknowledged may be missing.

After each kill the whole log is proved again, not only its end. The kernel survives a SIGKILL, so this shows
what a dying process does to the log; torn and missing blocks are shown in ``test_batch.py`` and
``test_wal.py``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Self

import msgspec

from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.shell.storage.sequencer import Head, Sequencer
from tests.faults.crash_writer import SystemClock
from tests.vault import vault_beside

SHARD = "gw-1"
KILLS = 50
WRITER = Path(__file__).with_name("crash_writer.py")


class Leaf(msgspec.Struct, frozen=True):
    """What this test needs of a leaf."""

    kind: str
    seq: int
    epoch: int
    exchange: str
    outcome: str = ""


def test_nothing_that_was_acknowledged_is_missing_after_fifty_kills(tmp_path: Path) -> None:
    with Writers(tmp_path) as writers:
        kill_and_look(tmp_path, writers)


def kill_and_look(tmp_path: Path, writers: Writers) -> None:
    """Kill writer after writer, and prove the log after each."""
    chance = random.Random(os.environ.get("BRIGHTLINE_SEED", "kill9"))  # noqa: S311 - instants, not secrets
    acknowledged: dict[int, str] = {}
    published: Head | None = None
    lost = 0
    for kill in range(KILLS):
        # Some kills come while the writer starts and recovers, most while it writes.
        starting, wrote = kill % 5 == 0, kill % 2 == 1
        told = writers.run_and_kill(starting=starting, wrote=wrote, delay=chance.uniform(0.0, 0.06))
        acknowledged.update(told)

        log = Sequencer.open(
            tmp_path, SHARD, "development", SystemClock(), vault=vault_beside(tmp_path), published=published
        )
        tree = Tree()
        leaves: list[Leaf] = []
        prefix = b""
        for record in log.frames():
            digest = leaf_hash(record.leaf)
            tree.append(digest)
            leaves.append(msgspec.json.decode(record.leaf, type=Leaf))
            seq = len(leaves) - 1
            assert acknowledged.get(seq, digest.hex()) == digest.hex(), f"record {seq} changed (kill {kill})"
            if published is not None and len(leaves) == published.size:
                prefix = tree.root()
        assert len(leaves) > max(acknowledged, default=-1), f"acknowledged records are missing (kill {kill})"
        assert [leaf.seq for leaf in leaves] == list(range(len(leaves)))
        assert [leaf.epoch for leaf in leaves] == sorted(leaf.epoch for leaf in leaves)
        if published is not None and published.size:
            assert prefix == published.root
        counts = {kind: Counter(leaf.exchange for leaf in leaves if leaf.kind == kind) for kind in KINDS}
        assert set(counts["ATTEMPT"].values()) | set(counts["OUTCOME"].values()) <= {1}
        assert counts["ATTEMPT"].keys() == counts["OUTCOME"].keys()
        lost = sum(leaf.outcome == "lost" for leaf in leaves)
        published = log.head()
        assert published == Head(len(leaves), tree.root())
        log.close()
    assert len(acknowledged) > KILLS // 3, "the writer hardly wrote: this run shows nothing"
    assert lost > 0, "no kill left an attempt open: this run shows nothing"


KINDS = ("ATTEMPT", "OUTCOME")


class Writers:
    """The process that starts writers over one folder."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, str(WRITER), str(directory), SHARD]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.communicate()

    def _line(self) -> list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line, "the process that starts writers ended"
        return line

    def run_and_kill(self, *, starting: bool, wrote: bool, delay: float) -> dict[int, str]:
        """Run a writer, kill it, and return what it acknowledged: sequence number → leaf hash.

        It is killed ``delay`` seconds after it was ready, or after it ``wrote`` its first record; or while it starts.
        """
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        lines = [self._line()]  # pid PID, unless the writer was quicker than who started it
        while not starting and not any(line[0] == "ready" for line in lines):
            lines.append(self._line())
        while not any(line[0] == "pid" for line in lines) or (wrote and not starting and len(lines) < 3):
            lines.append(self._line())
        time.sleep(delay)
        [pid] = [int(line[1]) for line in lines if line[0] == "pid"]
        os.kill(pid, signal.SIGKILL)
        while lines[-1][0] != "ended":
            lines.append(self._line())
        assert lines[-1] == ["ended", str(-signal.SIGKILL)], "the writer ended before it was killed"
        return {int(line[1]): line[2] for line in lines if len(line) == 3}
