# SPDX-License-Identifier: Apache-2.0
"""Who holds a lease: a process of this machine, named so that another one can see whether it still runs.

A process number comes back one day; with the moment at which the process started, and the machine's boot, it does not.
Where nothing can be told (another machine, no ``/proc``) a lease simply runs out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STARTED: Final = 19  # of the fields behind the command's name in ``/proc/PID/stat`` (proc(5): field 22)


def owner_name() -> str:
    """The name of this process."""
    return f"{_boot()} {os.getpid()} {_started(os.getpid())}"


def has_ended(owner: str) -> bool:
    """Whether the process of this name runs no more, as far as that can be seen here."""
    boot, _, rest = owner.partition(" ")
    pid, _, started = rest.partition(" ")
    if not boot or boot != _boot() or not pid.isdecimal() or not started:
        return False
    return _started(int(pid)) != started


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is none, or it waits to be buried."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if not fields or fields[0] in {"Z", "X"} else fields[_STARTED]
