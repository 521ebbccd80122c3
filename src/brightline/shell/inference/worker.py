# SPDX-License-Identifier: Apache-2.0
"""A detector in a process of its own: ``python -m brightline.shell.inference.worker FD``.

It knows no keys, no network, no log: one socket to the gateway that started it, the release's files, and as much
memory as it was given. It ends when the gateway does.
"""

from __future__ import annotations

import resource
import socket
import sys
from typing import TypeVar

import msgspec

from brightline.core.errors import BrightlineError
from brightline.core.screening.finding import Finding, Raised
from brightline.shell.inference.kinds import Judge, load_judge
from brightline.shell.inference.wire import FRAME_BYTES_MAX, LENGTH_BYTES, Ask, Load, Loaded, Told, pack

T = TypeVar("T", bound=msgspec.Struct)


def main(arguments: list[str]) -> int:
    """Load what the first frame names, and judge until the socket closes."""
    with socket.socket(fileno=int(arguments[0])) as connection:
        load = read(connection, Load)
        if load is None:
            return 0
        resource.setrlimit(resource.RLIMIT_AS, (load.memory_bytes, load.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold what callers said
        try:
            judge, digest = load_judge(load)
        except (BrightlineError, OSError, ImportError) as error:
            connection.sendall(pack(Loaded("", f"{type(error).__name__}: {error}")))
            return 1
        connection.sendall(pack(Loaded(digest)))
        serve(connection, judge, digest)
    return 0


def serve(connection: socket.socket, judge: Judge, digest: str) -> None:
    """Judge batch by batch until the gateway closes the socket."""
    while (ask := read(connection, Ask)) is not None:
        try:
            said = tuple(judge(ask.segments))
        except Exception as error:  # noqa: BLE001 - whatever a detector raises leaves the whole batch unjudged
            told = Told(ask.number, digest, 0, (), type(error).__name__)
        else:
            findings = tuple(one for one in said if isinstance(one, Finding))
            raised = tuple(one for one in said if isinstance(one, Raised))
            told = Told(ask.number, digest, len(ask.segments), findings, raised=raised)
        connection.sendall(pack(told))


def read(connection: socket.socket, kind: type[T]) -> T | None:
    """The next frame; ``None`` when the gateway is gone."""
    head = _exactly(connection, LENGTH_BYTES)
    if head is None:
        return None
    size = int.from_bytes(head, "big")
    if size > FRAME_BYTES_MAX:
        raise ValueError("a frame is too long")
    data = _exactly(connection, size)
    return None if data is None else msgspec.msgpack.decode(data, type=kind)


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        more = connection.recv(min(count - len(data), 1 << 20))
        if not more:
            return None
        data += more
    return bytes(data)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
