# SPDX-License-Identifier: Apache-2.0
"""The vault: the keys that open records, apart from the log, wrapped under the tenant's key; one by one destroyable.

``<vault>/<shard>/<block, 10 digits>.keys`` (0600) holds the seeds of 65,536 records (``core/evidence/keytree.py``)::

    "BLV1"   4 bytes
    nonce   12 bytes
    seeds            AES-256-GCM under the tenant's key; shard and block are authenticated with them

A block's file is made, durably, before its first record is written, and from then on only to destroy keys. The log can
be copied, published and backed up without opening anything: without this folder, or without the tenant's key, no
record opens. Whoever copies this folder copies the keys; that is why it is not in the log.

To destroy: the file with what is left takes the place of the old one, durably, and then the old one's blocks are
overwritten with zeros. A disk that remaps writes (most solid-state disks) or a snapshot may still hold them; that is
what the tenant's key is for: whoever destroys that key, where it is kept, destroys every record.

Invariants, as absences: no key is ever made for a block that has records already; nothing that was destroyed comes
back by restoring this folder, because the log says what was destroyed and the writer destroys it again on opening.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from brightline.core.canonical import JsonValue
from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import BLOCK_RECORDS, SEED_BYTES, KeyDestroyed, KeyTree, Range
from brightline.core.evidence.sealing import (
    NONCE_BYTES,
    Contents,
    SealBroken,
    open_fields,
    peek_fields,
    record_key,
)
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.wal import shard_directory

__all__ = ["KeyDestroyed", "RecordKeys", "Vault", "VaultReader"]

_MAGIC: Final = b"BLV1"
_FILE_BYTES_MAX: Final = 8 << 20  # every second record destroyed: 32,768 seeds


class Vault:
    """Where the keys of all shards lie, and the tenant's key (32 bytes) under which they are wrapped."""

    def __init__(self, directory: Path, tenant_key: bytes) -> None:
        self.directory = directory
        self._cipher = AESGCM(tenant_key)

    def reader(self, shard: str) -> VaultReader:
        """The keys of a shard, for whoever may read; also while its writer goes on."""
        return VaultReader(self, shard)

    def writer(self, shard: str) -> RecordKeys:
        """The keys of a shard for its single writer, who holds the lock of its log. Raises ``OperatorError``."""
        try:
            return RecordKeys(self, shard, HeldDirectory.create(shard_directory(self.directory, shard)))
        except OSError as error:
            raise OperatorError(f"cannot open the vault in {self.directory}: {error}") from error

    def wrap(self, shard: str, block: int, tree: KeyTree) -> bytes:
        """A block's file."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _MAGIC + nonce + self._cipher.encrypt(nonce, tree.encode(), _name_of(shard, block))

    def unwrap(self, shard: str, block: int, data: bytes) -> KeyTree:
        """Read a block's file. Raises ``EvidenceDamaged``."""
        place = f"vault of {shard}, block {block}"
        if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + NONCE_BYTES:
            raise EvidenceDamaged("this is no file of keys", place)
        nonce, wrapped = data[len(_MAGIC) :][:NONCE_BYTES], data[len(_MAGIC) + NONCE_BYTES :]
        try:
            return KeyTree.decode(self._cipher.decrypt(nonce, wrapped, _name_of(shard, block)))
        except InvalidTag as error:
            raise EvidenceDamaged("the keys were wrapped under another key, or were changed", place) from error
        except ValueError as error:
            raise EvidenceDamaged(str(error), place) from error


class VaultReader:
    """Opens the records of one shard. Not for several threads at once."""

    def __init__(self, vault: Vault, shard: str) -> None:
        self._vault = vault
        self.shard = shard
        self._directory = shard_directory(vault.directory, shard)
        self._trees: dict[int, tuple[tuple[int, int], KeyTree]] = {}

    def open(self, frame: Frame) -> Contents:
        """The fields and disclosures of a record. Raises ``KeyDestroyed``, ``EvidenceDamaged``, ``OperatorError``."""
        with _damage_named(self.shard, frame):
            return open_fields(frame.contents, self._key(frame), frame.leaf)

    def peek(self, frame: Frame) -> Mapping[str, JsonValue]:
        """The fields alone, not compared with the commitments again. Raises as :meth:`open` does."""
        with _damage_named(self.shard, frame):
            return peek_fields(frame.contents, self._key(frame), frame.leaf)

    def _key(self, frame: Frame) -> bytes:
        block, leaf = divmod(frame.seq, BLOCK_RECORDS)
        return record_key(self._tree(block).key(leaf), frame.epoch)

    def _tree(self, block: int) -> KeyTree:
        path = self._directory / _file_name(block)
        try:
            known = self._trees.get(block)
            if known is not None and known[0] == _version(path.stat()):
                return known[1]
            with path.open("rb") as file:
                seen = _version(os.fstat(file.fileno()))
                data = file.read(_FILE_BYTES_MAX)
        except FileNotFoundError as error:
            raise EvidenceDamaged("the keys of these records are missing", str(path)) from error
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error}") from error
        tree = self._vault.unwrap(self.shard, block, data)
        self._trees = {block: (seen, tree)}
        return tree


class RecordKeys:
    """The keys of one shard for its writer. Safe to call from several threads."""

    def __init__(self, vault: Vault, shard: str, directory: HeldDirectory) -> None:
        self._vault = vault
        self._shard = shard
        self._directory = directory
        self._trees: dict[int, KeyTree] = {}
        self._acting = threading.Lock()

    @property
    def shard(self) -> str:
        """Whose records these keys open."""
        return self._shard

    def key(self, seq: int, epoch: int) -> bytes:
        """The key of a record that is about to be written; its block is made if this is its first.

        Raises ``EvidenceDamaged`` if the keys of a block that has records are gone, ``OSError`` if they cannot be
        made.
        """
        block, leaf = divmod(seq, BLOCK_RECORDS)
        with self._acting:
            tree = self._trees.get(block)
            if tree is None:
                tree = self._load(block)
                if tree is None:
                    tree = self._make(block, leaf)
                self._trees = {block: tree}
            return record_key(tree.key(leaf), epoch)

    def require(self, size: int) -> None:
        """Make sure that the keys of the block that goes on after ``size`` records are there.

        Raises ``EvidenceDamaged`` if they are not, or under another tenant's key; ``OSError`` if they cannot be read.
        """
        if size % BLOCK_RECORDS and self._load(size // BLOCK_RECORDS) is None:
            self._make(size // BLOCK_RECORDS, size % BLOCK_RECORDS)

    def destroy(self, gone: Iterable[Range]) -> None:
        """Destroy the keys of these records, durably; what is gone already stays gone.

        Raises ``OSError`` if it could not be done, ``EvidenceDamaged`` if a file of keys does not read.
        """
        by_block: dict[int, list[Range]] = {}
        for first, last in gone:
            for block in range(first // BLOCK_RECORDS, last // BLOCK_RECORDS + 1):
                start = block * BLOCK_RECORDS
                cut = (max(first - start, 0), min(last - start, BLOCK_RECORDS - 1))
                by_block.setdefault(block, []).append(cut)
        with self._acting:
            for block, ranges in sorted(by_block.items()):
                whole = self._load(block)
                if whole is None:
                    continue  # no keys at all: whoever opens a record of it says that they are missing
                left = whole.without(ranges)
                if left != whole:
                    self._replace(block, left)
                if block in self._trees:
                    self._trees = {block: left}

    def close(self) -> None:
        """Close the folder; a second call does nothing."""
        self._directory.close()

    def _load(self, block: int) -> KeyTree | None:
        data = self._directory.read(_file_name(block))
        return None if data is None else self._vault.unwrap(self._shard, block, data)

    def _make(self, block: int, leaf: int) -> KeyTree:
        if leaf:  # records of this block are there: other keys would be forgotten with nobody noticing
            raise EvidenceDamaged(
                "the keys of these records are missing", f"{self._directory.path}/{_file_name(block)}"
            )
        tree = KeyTree.grow(secrets.token_bytes(SEED_BYTES))
        self._directory.replace(_file_name(block), self._vault.wrap(self._shard, block, tree))
        return tree

    def _replace(self, block: int, tree: KeyTree) -> None:
        name = _file_name(block)
        old = self._directory.open_file(name, os.O_RDWR)
        try:
            self._directory.replace(name, self._vault.wrap(self._shard, block, tree))
            size = os.fstat(old).st_size
            os.pwrite(old, bytes(size), 0)
            os.fsync(old)
        finally:
            os.close(old)


@contextlib.contextmanager
def _damage_named(shard: str, frame: Frame) -> Iterator[None]:
    try:
        yield
    except SealBroken as error:
        raise EvidenceDamaged(str(error), f"shard {shard}, record {frame.seq}") from error


def _version(stat: os.stat_result) -> tuple[int, int]:
    """What changes when a file of keys is replaced."""
    return stat.st_ino, stat.st_mtime_ns


def _file_name(block: int) -> str:
    return f"{block:010d}.keys"


def _name_of(shard: str, block: int) -> bytes:
    return f"brightline-vault/1\n{shard}\n{block}\n".encode()
