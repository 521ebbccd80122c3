# SPDX-License-Identifier: Apache-2.0
"""A process that exists to be killed: it cosigns one request, and kills itself before or after its Nth system call.

``python -m tests.shell.witness.crash_witness FOLDER OLD NEW NTH before|after``. It prints the answer once it is given.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brightline.core.evidence.witnessing import Advance, DurableAdvance, Submission, answer_cosigned, judge
from brightline.shell.witness.store import WitnessStore
from tests.shell.witness.logs import ORIGIN, TIME, request


class Killer:
    """Counts the calls that change or flush files, and dies at one of them."""

    def __init__(self, nth: int, instant: str) -> None:
        self.nth = nth
        self.instant = instant
        self.calls = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if number == self.nth and self.instant == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            out = call(*given, **named)
            if number == self.nth and self.instant == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return out

        return counted


def main(folder: Path, old: int, new: int, nth: int, instant: str) -> None:
    store = WitnessStore.open(folder)
    killer = Killer(nth, instant)
    write = os.write
    for name in ("open", "write", "fsync", "close", "rename"):
        setattr(os, name, killer.around(getattr(os, name)))
    log = store.log(ORIGIN)
    assert log is not None
    judged = judge(Submission.parse(request(old, new)), log.keys, log.seen)
    assert isinstance(judged, Advance)
    persisted = store.persist(judged)
    assert isinstance(persisted, DurableAdvance)
    answer = answer_cosigned(persisted, [store.signer], TIME)
    write(1, f"{killer.calls}\n{answer.body}".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
