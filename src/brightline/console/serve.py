# SPDX-License-Identifier: Apache-2.0
"""Opens an installation for reviewers and serves its pages on a socket, for as long as the block lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from brightline.console.app import Console
from brightline.console.books import Books, Reader
from brightline.console.door import Origin
from brightline.console.person import Identity
from brightline.core.ports import Clock
from brightline.shell.clock import SystemClock
from brightline.shell.serve import serving

IdentityOf = Callable[[Books], Identity]


@contextlib.asynccontextmanager
async def serving_console(
    root: Path,
    listener: socket.socket,
    identity_of: IdentityOf,
    origin: str = "",
    clock: Clock | None = None,
) -> AsyncIterator[str]:
    """Serve the pages on a bound socket; yield the address; drain at the end.

    Without an ``origin`` the console is ``http://localhost`` at the socket's port. Raises ``OperatorError`` if the
    installation does not open.
    """
    reader = Reader()
    with contextlib.closing(listener), contextlib.closing(reader):
        where = Origin.of(origin or f"http://localhost:{listener.getsockname()[1]}")
        books = await reader(Books, root, clock or SystemClock())
        try:
            console = Console(books, reader, identity_of(books), where)
            async with serving(console.app(), listener):
                yield where.text
        finally:
            await reader(books.close)
