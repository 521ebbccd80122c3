# SPDX-License-Identifier: Apache-2.0
"""One worker of ``brightline serve --workers N``: a gateway in a process of its own, which the supervisor starts.

``python -m brightline.shell.cli.worker ASSIGNMENT`` is no command for people: ASSIGNMENT is JSON, with the numbers of
sockets that were inherited. When it serves it writes one line, :class:`Serves`, to standard output. It drains at
SIGTERM, and when its standard input ends.
"""

from __future__ import annotations

import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from brightline.core.errors import BrightlineError
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.gateway.peers import Peers
from brightline.shell.serve import bind, rest_the_collector, serving, until_signalled
from brightline.shell.telemetry.logs import write_logs
from brightline.wiring import open_node


class Assignment(msgspec.Struct, frozen=True):
    """What a worker is to do. ``hear`` and ``tell`` are file descriptors; ``siblings`` the shards of the others."""

    state: str
    shard: str
    port: int
    admin_port: int | None
    hear: int
    tell: tuple[int, ...]
    siblings: tuple[str, ...]


class Serves(msgspec.Struct, frozen=True):
    """What a worker says when it serves."""

    url: str
    admin_url: str
    profile: str
    agreement: str
    release: str
    note: str
    attester: str
    missing: tuple[str, ...]


def main() -> None:
    """Work until told to stop."""
    assignment = msgspec.json.decode(sys.argv[1], type=Assignment)
    write_logs(load_settings(Path(assignment.state)).telemetry.log_format)
    import uvloop

    try:
        uvloop.run(_work(assignment))
    except BrightlineError as error:
        render.say_error(error)
        sys.exit(2)


async def _work(assignment: Assignment) -> None:
    settings = load_settings(Path(assignment.state))
    hear = socket.socket(fileno=assignment.hear)
    peers = Peers(hear, [socket.socket(fileno=fd) for fd in assignment.tell], assignment.siblings)
    listener = bind(settings.listen.host, assignment.port, shared=True)
    for_operators = None if assignment.admin_port is None else bind(settings.admin.host, assignment.admin_port)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(
            open_node(Path(assignment.state), SystemClock(), assignment.shard, peers)
        )
        admin_url = ""
        if for_operators is not None:
            admin_url = await stack.enter_async_context(serving(node.admin, for_operators))
        url = await stack.enter_async_context(serving(node.app, listener, node.door))
        rest_the_collector()
        terms = node.terms
        serves = Serves(
            url,
            admin_url,
            terms.profile,
            node.agreement.id,
            node.release.id,
            node.release.note,
            node.lease.attester.name,
            node.readiness.missing(),
        )
        sys.stdout.buffer.write(msgspec.json.encode(serves) + b"\n")
        sys.stdout.buffer.flush()
        await until_signalled(sys.stdin.fileno())


if __name__ == "__main__":
    main()
