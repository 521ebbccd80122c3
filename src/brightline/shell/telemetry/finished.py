# SPDX-License-Identifier: Apache-2.0
"""An exchange that ended, as telemetry may know it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from brightline.core.enforcement.ended import Closed


class Finished(msgspec.Struct, frozen=True):
    """``model`` is one of the installation's names or empty: a name that a caller made up is content.

    ``closed`` is ``None`` where no OUTCOME became durable.
    """

    exchange: str
    api: str
    model: str
    streamed: bool
    seconds: float
    closed: Closed | None


class Observer(Protocol):
    """Whoever is told of each end. It must not wait and may not raise."""

    def finished(self, finished: Finished) -> None:
        """Take in one end."""
        ...
