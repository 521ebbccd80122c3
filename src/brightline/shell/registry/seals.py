# SPDX-License-Identifier: Apache-2.0
"""Shards whose writers never came back: where each ends, from the log; and how that is written there.

A sealed shard is never opened again, and its writer, should he come back, serves nothing: what he would write after
the seal would be a second history. Whoever seals says only what everybody can see, so no person signs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import OperatorError
from brightline.core.evidence.heads import LogHead
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import Entry


class Seals:
    """The sealed logs by origin, as a fold of SEAL records. The first seal of a log is the one that holds."""

    kinds: Final = frozenset({RecordKind.SEAL})

    def __init__(self) -> None:
        self.logs: dict[str, LogHead] = {}

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``OperatorError`` for one that does not say what it seals."""
        log, size, root = (entry.public.get(name) for name in ("log", "size", "root"))
        if not isinstance(log, str) or not isinstance(size, int) or not isinstance(root, str):
            raise OperatorError(f"record {entry.seq} of the registry seals nothing")
        self.logs.setdefault(log, LogHead(log, size, root))


def log_seal(
    root: Path, settings: Settings, profile: str, head: LogHead, open_count: int, clock: Clock
) -> DurableRecord:
    """Seal a log where it stands, with the number of attempts that are open there and stay so. Blocks.

    Raises ``OperatorError`` or ``EvidenceUnavailable`` if it cannot be logged.
    """
    public: dict[str, JsonValue] = {"log": head.log, "size": head.size, "root": head.root, "open": open_count}
    return append_to_registry(root, settings, profile, clock, Draft(RecordKind.SEAL, "", public, {}))
