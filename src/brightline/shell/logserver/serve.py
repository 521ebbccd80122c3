# SPDX-License-Identifier: Apache-2.0
"""Opens a published folder and serves it on a socket, for as long as the block lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from brightline.core.evidence.policy import Policy
from brightline.shell.clock import SystemClock
from brightline.shell.logserver.app import LogServerApp
from brightline.shell.logserver.files import ServedFolder
from brightline.shell.serve import serving


@contextlib.asynccontextmanager
async def serving_logs(root: Path, listener: socket.socket, policy: Policy | None = None) -> AsyncIterator[str]:
    """Serve the logs in ``root`` on a bound socket; yield the address; drain at the end.

    Raises ``ConfigError`` if there is no log in it or the server does not start.
    """
    with contextlib.closing(listener), contextlib.closing(ServedFolder(root)) as folder:
        async with serving(LogServerApp(folder, SystemClock(), policy), listener) as url:
            yield url
