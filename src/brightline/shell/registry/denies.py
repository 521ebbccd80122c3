# SPDX-License-Identifier: Apache-2.0
"""Denies that a person wants to confirm, looked up in the log: an order must not rest on what never happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import TrustError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import RecordKind, RefusalClass
from brightline.core.standing import AGREEMENT_SCOPE
from brightline.shell.registry.reader import open_frame
from brightline.shell.storage.vault import KeyDestroyed, Vault
from brightline.shell.storage.wal import frames_on_disk, shards_in

_DENY: Final = (RefusalClass.POLICY.value, "deny")


def when_denied(wal_directory: Path, vault: Vault, unit: str, exchanges: Sequence[str]) -> tuple[int, ...]:
    """When each exchange was denied by the agreement (Unix seconds). Reads the logs of this folder.

    Raises ``TrustError`` for one that is not here, was not denied by the agreement, or is another unit's, and
    ``OperatorError`` if a log cannot be read.
    """
    wanted = frozenset(exchanges)
    units: dict[str, str] = {}
    denied: dict[str, int] = {}
    shards = [shard for shard in shards_in(wal_directory) if shard != REGISTRY_SHARD]
    for shard in shards:
        keys = vault.reader(shard)
        for frame in frames_on_disk(wal_directory, shard):
            if frame.exchange not in wanted:
                continue
            try:
                entry = open_frame(frame, keys)
            except KeyDestroyed:
                raise TrustError(f"what opens exchange {frame.exchange} was destroyed") from None
            if entry.kind is RecordKind.ATTEMPT:
                units[frame.exchange] = str(entry.opened.get("unit", ""))
            ended = (entry.public.get("class"), entry.public.get("verdict"))
            if entry.kind is RecordKind.OUTCOME and ended == _DENY:
                denied[frame.exchange] = entry.unix
    for exchange in exchanges:
        if exchange not in units:
            raise TrustError(f"no exchange {exchange[:64]!r} is in the logs of this folder")
        if unit not in (AGREEMENT_SCOPE, units[exchange]):
            raise TrustError(f"exchange {exchange} is not one of {unit}")
        if exchange not in denied:
            raise TrustError(f"exchange {exchange} was not denied by the agreement")
    return tuple(denied[exchange] for exchange in exchanges)
