# SPDX-License-Identifier: Apache-2.0
"""Opens a witness and serves it on a socket, for as long as the block lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from brightline.core.ports import Clock
from brightline.shell.serve import serving
from brightline.shell.witness.app import WitnessApp
from brightline.shell.witness.store import WitnessStore


@contextlib.asynccontextmanager
async def serving_witness(folder: Path, listener: socket.socket, clock: Clock) -> AsyncIterator[str]:
    """Open the witness in ``folder`` and serve it on a bound socket; yield its submission prefix; drain at the end.

    Raises ``OperatorError`` if the witness cannot be opened or the server does not start.
    """
    with contextlib.closing(listener), contextlib.closing(WitnessStore.open(folder)) as store:
        async with serving(WitnessApp(store, clock), listener) as url:
            yield url
