# SPDX-License-Identifier: Apache-2.0
"""Ports for programs that have to be told theirs: below those that the system gives to whoever asks for any.

Another process may be given one of the latter between the moment in which it was found free and the one in which the
program listens there.
"""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

LOWEST = 1_024


def free_ports(count: int = 1) -> int:
    """The first of so many loopback ports in a row that nobody listens on now."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    while True:
        first = random.SystemRandom().randrange(max(LOWEST, low - 20_000), low - count)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
