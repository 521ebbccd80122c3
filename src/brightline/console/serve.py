# SPDX-License-Identifier: Apache-2.0
"""Opens an installation for reviewers and serves its pages on a socket, for as long as the block lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from brightline.console.app import make_app
from brightline.console.books import Books, Reader
from brightline.console.door import Origin
from brightline.console.identity.rooms import opened_people
from brightline.console.person import Identity
from brightline.console.room import Room
from brightline.core.ports import Clock
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force, opened_queue
from brightline.shell.serve import serving

IdentityOf = Callable[[Books], Identity]


@contextlib.asynccontextmanager
async def serving_console(
    root: Path,
    listener: socket.socket,
    identity_of: IdentityOf | None = None,
    origin: str = "",
    clock: Clock | None = None,
    word: str = "",
) -> AsyncIterator[str]:
    """Serve the pages on a bound socket; yield the address; drain at the end.

    Without an ``origin`` the console is ``http://localhost`` at the socket's port. Without ``identity_of`` people come
    in as the installation has it; in development also as anybody, by the ``word``. Raises ``OperatorError`` if the
    installation does not open, ``ConfigError`` if it has no queue.
    """
    clock = clock or SystemClock()
    reader = Reader()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(listener))
        stack.enter_context(contextlib.closing(reader))
        where = Origin.of(origin or f"http://localhost:{listener.getsockname()[1]}")
        # The queue reads the registry on the event loop and the books on their own thread, so each has its own.
        settings, registry = stack.enter_context(in_force(root, clock))
        queue = await stack.enter_async_context(opened_queue(root, settings, registry, clock))
        books = await reader(Books, root, clock)
        stack.push_async_callback(reader, books.close)
        if identity_of is None:
            identity: Identity = await stack.enter_async_context(opened_people(books, reader, where, word))
        else:
            identity = identity_of(books)
        app = make_app(Room(books, reader, queue, identity), where, identity.routes)
        await stack.enter_async_context(serving(app, listener))
        yield where.text
