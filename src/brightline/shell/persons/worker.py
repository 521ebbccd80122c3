# SPDX-License-Identifier: Apache-2.0
"""The reader as a process of its own: ``python -m brightline.shell.persons.worker FD``.

It knows no keys, no network, no log: one socket to the gateway that started it, the classifier's files, and as much
memory as it was given. It gives way to everything that is on the way of an exchange, and ends when the gateway does.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import BrightlineError
from brightline.core.patterns.further import Place
from brightline.shell.inference.wire import pack
from brightline.shell.inference.worker import read
from brightline.shell.persons.pinned import digest
from brightline.shell.persons.wire import Begin, Begun, Found, Read

NICENESS: Final = 10
Reads = Callable[[Sequence[str]], tuple[tuple[Place, ...], ...]]


def main(arguments: list[str]) -> int:
    """Load the classifier, and read until the socket closes."""
    with socket.socket(fileno=int(arguments[0])) as connection:
        begin = read(connection, Begin)
        if begin is None:
            return 0
        os.nice(NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (begin.memory_bytes, begin.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold what callers said
        try:
            reads = load(begin.weights)
        except (BrightlineError, OSError, ImportError) as error:
            connection.sendall(pack(Begun("", f"{type(error).__name__}: {error}")))
            return 1
        connection.sendall(pack(Begun(digest())))
        serve(connection, reads)
    return 0


def load(weights: str) -> Reads:
    """Load the classifier. Raises ``ReleaseError``, or ``ImportError`` where the extra is missing."""
    from brightline.shell.persons.rampart import Rampart

    return Rampart([Path(weights)] if weights else []).places


def serve(connection: socket.socket, reads: Reads) -> None:
    """Read exchange by exchange until the gateway closes the socket."""
    while (asked := read(connection, Read)) is not None:
        try:
            places = reads(asked.texts)
            found = Found(asked.number, tuple(tuple((each.start, each.end) for each in row) for row in places))
        except Exception as error:  # noqa: BLE001 - whatever a classifier raises leaves the exchange unread
            found = Found(asked.number, failure=type(error).__name__)
        connection.sendall(pack(found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
