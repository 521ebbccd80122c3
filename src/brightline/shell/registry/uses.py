# SPDX-License-Identifier: Apache-2.0
"""What people released is used once: the registry decides, whichever worker, gateway or command asks.

There is one registry for all gateways of an installation, and one writer of it at a time. Whoever would use something
becomes that writer, reads the log to its end, and writes a USED record only if there is none: nobody can write between
the look and the record. So two that ask at one moment are first and second, a crash in between leaves either nothing
or a record, and a record that is there was used, whatever came of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.shell.config import Settings
from brightline.shell.registry.log import patiently_writing
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import WalReader

Used = tuple[str, str]
"""The digest of a case, and what of it was used."""


class Uses:
    """The :class:`~brightline.core.ports.OnceLog` of one process. It remembers what it has read of the registry."""

    def __init__(self, root: Path, settings: Settings, profile: str, clock: Clock) -> None:
        self._root = root
        self._settings = settings
        self._profile = profile
        self._clock = clock
        self._reader = WalReader(StateFolder(root).wal, REGISTRY_SHARD)
        self._used: set[Used] = set()
        self._bad = ""
        self._lock = threading.Lock()  # two threads of one process

    async def use(self, drafts: Sequence[Draft]) -> tuple[DurableRecord, ...]:
        """See the port."""
        return await asyncio.to_thread(self.use_now, drafts)

    def use_now(self, drafts: Sequence[Draft]) -> tuple[DurableRecord, ...]:
        """The same for whoever may wait: a file is locked and flushed."""
        try:
            with self._lock, patiently_writing(self._root, self._settings, self._profile, self._clock) as log:
                self._read_on()
                wanted = [_name(draft) for draft in drafts]
                if len(set(wanted)) != len(wanted) or not self._used.isdisjoint(wanted):
                    return ()
                return tuple(log.append_sync(draft) for draft in drafts)
        except OperatorError as error:
            raise EvidenceUnavailable(f"the registry cannot be written: {error}") from error

    def _read_on(self) -> None:
        """Take in what was used since. A record that does not read makes this process use nothing any more."""
        if self._bad:
            raise EvidenceDamaged(self._bad, "the registry")
        for frame in self._reader.read_whole():
            if frame.kind is not RecordKind.USED:
                continue
            try:
                leaf = _LEAF.decode(frame.leaf)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._bad = f"record {frame.seq} is a USED that does not read: {error}"
                raise EvidenceDamaged(self._bad, "the registry") from error
            self._used.add((leaf.case, leaf.use))


def _name(draft: Draft) -> Used:
    return str(draft.public["case"]), str(draft.public["use"])


class _Leaf(msgspec.Struct, frozen=True):
    case: str
    use: str


_LEAF: Final = msgspec.json.Decoder(_Leaf)
