# SPDX-License-Identifier: Apache-2.0
"""A vault for tests, under a key that everybody knows; and records sealed without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from brightline.core.canonical import JsonValue
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import Draft, Place, Sealed, seal
from brightline.core.evidence.sealing import open_fields, peek_fields
from brightline.shell.storage.vault import Vault

TENANT_KEY = bytes(32)
RECORD_KEY = b"k" * 32
NONCE = bytes(12)


def vault_beside(wal: Path) -> Vault:
    """The vault that goes with the logs under ``wal``."""
    return Vault(wal.parent / f"{wal.name}-vault", TENANT_KEY)


def sealed(draft: Draft, place: Place, key: bytes = RECORD_KEY) -> Sealed:
    """A record as the sequencer seals it, under a key of the test's."""
    return seal(draft, place, key, NONCE)


def disclosures_of(record: Sealed, key: bytes = RECORD_KEY) -> tuple[str, ...]:
    """What opens each commitment of a record."""
    return open_fields(record.contents, key, record.leaf).disclosures


def peek(frame: Frame) -> Mapping[str, JsonValue]:
    """The fields of a frame that ``sealed`` made."""
    return peek_fields(frame.contents, RECORD_KEY, frame.leaf)
