# SPDX-License-Identifier: Apache-2.0
"""Publishes a shard's log as C2SP tlog-tiles, off the request path: behind what is durable, never ahead.

``<evidence>/<shard>/`` can be served as it lies: ``checkpoint`` (signed note), ``tile/<level>/...``,
``tile/entries/...`` and, for convenience, ``log.vkey``. For each step the publisher

1. reads the new records from the disk again and hashes them again,
2. compares the root with the one that the sequencer computed from memory, so that a bit that flipped in
   between is found before anything is signed,
3. makes every tile durable, and
4. only then puts the checkpoint in place.

A crash in between leaves tiles that no checkpoint covers yet; the next run finds the same bytes in them or
refuses. Nothing is published that is smaller than what was published: the checkpoint in the public folder is
what this shard has promised, and a log that does not extend it was rolled back.

Disclosures are never published. What they say lies encrypted in the private log, under keys in the vault;
:func:`export_disclosures` opens the records for an auditor who is cleared to read them.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from brightline.core.evidence.disclosure import Disclosed
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteError, NoteSigner, VerifierKey
from brightline.core.evidence.tile import ENTRIES, TILE_WIDTH, TileError, parse_tile_path, tiles_for
from brightline.files import put
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.sequencer import Head
from brightline.shell.storage.vault import KeyDestroyed, Vault
from brightline.shell.storage.wal import frames_on_disk, shard_directory, shards_in

PERIOD_SECONDS: Final = 0.2
STEP_RECORDS: Final = 16 * TILE_WIDTH  # bounds the leaves in memory when much is to be published

_DIRECTORY_MODE: Final = 0o755
_FILE_MODE: Final = 0o644


def read_published(evidence: Path, shard: str, key: VerifierKey) -> Head | None:
    """What the public checkpoint of a shard promises; ``None`` if nothing was published yet.

    ``key`` is the log's own key; its name is the origin. Raises ``EvidenceDamaged`` if the checkpoint is not
    signed by it, and ``OperatorError`` if it cannot be read.
    """
    path = shard_directory(evidence, shard) / "checkpoint"
    try:
        note = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error}") from error
    try:
        checkpoint = open_checkpoint(note, [key])
    except NoteError as error:
        raise EvidenceDamaged(f"not a checkpoint of {key.name}: {error}", str(path)) from error
    return Head(checkpoint.size, checkpoint.root)


def tiles_reach(evidence: Path, shard: str) -> int:
    """How many records the public tiles of a shard hold, whatever its checkpoint says.

    A tile is written from what is durable, so a log that holds fewer was rolled back, also where the checkpoint was
    put back with it. Raises ``OperatorError`` if the folder cannot be read.
    """
    path = shard_directory(evidence, shard)
    reach = 0
    try:
        for file in (path / "tile" / ENTRIES).rglob("*"):
            with contextlib.suppress(TileError):
                _kind, index, width = parse_tile_path(file.relative_to(path).as_posix())
                if file.is_file():
                    reach = max(reach, index * TILE_WIDTH + width)
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error}") from error
    return reach


class Records(Protocol):
    """Where the records of a log are read again."""

    def read(self, size: int) -> Iterator[Frame]:
        """The records from where the last call ended up to ``size`` in all."""
        ...


class DurableLog(Protocol):
    """A log that can be published: that of a sequencer, or one that many write."""

    @property
    def shard(self) -> str:
        """The name of the shard."""
        ...

    def head(self, size: int | None = None) -> Head:
        """The head of what is durable, or of its first ``size`` records."""
        ...

    def reader(self) -> Records:
        """Its records, from the first one on."""
        ...


class Publisher:
    """Publishes what one log made durable. Safe to call from any thread."""

    def __init__(self, sequencer: DurableLog, directory: HeldDirectory, signer: NoteSigner) -> None:
        self._sequencer = sequencer
        self._directory = directory
        self._signer = signer
        self._reader = sequencer.reader()
        self._tree = Tree()  # of what was read from the disk, at least up to what is tiled
        self._leaves: dict[int, bytes] = {}  # from the start of the entry bundle that is not full yet
        self._tiled = 0
        self._published: Checkpoint | None = None
        self._failure = ""
        self._acting = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def open(cls, sequencer: DurableLog, evidence: Path, signer: NoteSigner) -> Self:
        """Compare what is published under ``evidence`` with the log, and be ready to go on from there.

        The signer's name is the origin of the log, for ever. Raises ``EvidenceDamaged`` if the log does not
        extend what was published, and ``OperatorError`` if the public folder cannot be used.
        """
        head = read_published(evidence, sequencer.shard, signer.verifier)
        path = shard_directory(evidence, sequencer.shard)
        reach, durable = tiles_reach(evidence, sequencer.shard), sequencer.head().size
        if reach > durable:
            raise EvidenceDamaged(f"tiles hold {reach} records, the log {durable}: it was rolled back", str(path))
        try:
            directory = HeldDirectory.create(path, _DIRECTORY_MODE)
            for unfinished in path.rglob(".*.new"):  # a crash came before the rename: nothing was promised of it
                unfinished.unlink()
            vkey = f"{signer.verifier.vkey()}\n".encode()
            if directory.read("log.vkey") != vkey:
                directory.replace("log.vkey", vkey, _FILE_MODE)
        except OSError as error:
            raise OperatorError(f"cannot publish in {path}: {error}") from error
        publisher = cls(sequencer, directory, signer)
        try:
            if head is not None:
                publisher._resume(head)
        except OperatorError:
            directory.close()
            raise
        return publisher

    @property
    def published(self) -> Checkpoint | None:
        """The checkpoint that is in place, or ``None`` before the first."""
        return self._published

    @property
    def failure(self) -> str:
        """Why the last step failed; empty if it did not. A failure to write is tried again, damage is not."""
        return self._failure

    def publish_once(self) -> Checkpoint:
        """Publish everything that is durable now; return the checkpoint that is then in place.

        Raises ``EvidenceDamaged`` if disk, memory and public folder do not agree, ``OperatorError`` if a file
        cannot be written. After the latter the next call goes on where this one stopped.
        """
        with self._acting:
            try:
                checkpoint = self._publish(self._sequencer.head())
            except OSError as error:
                self._failure = f"cannot publish in {self._directory.path}: {error}"
                raise OperatorError(self._failure) from error
            except OperatorError as error:
                self._failure = str(error)
                raise
            self._failure = ""
            return checkpoint

    def start(self, period_seconds: float = PERIOD_SECONDS) -> None:
        """Publish every ``period_seconds`` in a thread of its own, until closed or until damage is found."""
        self._thread = threading.Thread(
            target=self._run, args=(period_seconds,), name=f"publisher-{self._sequencer.shard}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Publish what is left and stop; close the sequencer before. A second call does nothing.

        Raises as :meth:`publish_once` does.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.publish_once()
        finally:
            self._directory.close()

    def leave(self) -> None:
        """Close the folder and publish nothing more: others go on from what is there."""
        self._directory.close()

    def _run(self, period_seconds: float) -> None:
        while not self._closing.wait(period_seconds):
            try:
                self.publish_once()
            except EvidenceDamaged:
                return  # ``failure`` says it; whoever watches this shard stops the service
            except OperatorError:
                continue  # nothing was promised yet, so the next period may try again

    def _resume(self, head: Head) -> None:
        """Read up to what is published and compare it; the tiles up to there are durable already."""
        place = f"{self._directory.path}/checkpoint"
        durable = self._sequencer.head().size
        if head.size > durable:
            raise EvidenceDamaged(
                f"{head.size} records are published, the log holds {durable}: it was rolled back", place
            )
        while self._tree.size < head.size:
            self._read(min(head.size, self._tree.size + STEP_RECORDS))
            self._tiled = self._tree.size
            self._forget()
        if self._tree.root() != head.root:
            raise EvidenceDamaged(f"the first {head.size} records are not those that were published", place)
        self._published = Checkpoint(self._signer.verifier.name, head.size, head.root)

    def _publish(self, head: Head) -> Checkpoint:
        if self._published is not None and head.size <= self._published.size:
            if head.size < self._published.size:
                raise EvidenceDamaged(f"{self._published.size} records are published", f"record {head.size}")
            return self._published
        full: list[Path] = []
        while self._tiled < head.size:
            size = min(head.size, (self._tiled // STEP_RECORDS + 1) * STEP_RECORDS)
            self._read(size)  # 1.
            if self._tree.root(size) != self._sequencer.head(size).root:  # 2.
                raise EvidenceDamaged(
                    f"the first {size} records read differently from what was sequenced",
                    str(self._directory.path),
                )
            for path, data in tiles_for(self._tiled, size, self._leaves.__getitem__, self._tree.node):
                self._write_tile(path, data)  # 3.
                full.append(self._directory.path / f"{path}.p")
            self._tiled = size
            self._forget()
        checkpoint = Checkpoint(self._signer.verifier.name, head.size, head.root)
        self._directory.replace("checkpoint", sign_checkpoint(checkpoint, self._signer), _FILE_MODE)  # 4.
        self._published = checkpoint
        for partial in full:  # tlog-tiles, "Partial Tiles": readers turn to the full tile, which is there
            shutil.rmtree(partial, ignore_errors=True)
        return checkpoint

    def _read(self, size: int) -> None:
        for frame in self._reader.read(size):
            self._leaves[self._tree.append(leaf_hash(frame.leaf))] = frame.leaf

    def _forget(self) -> None:
        """Drop the leaves of bundles that are full and durable."""
        start = self._tiled // TILE_WIDTH * TILE_WIDTH
        self._leaves = {index: leaf for index, leaf in self._leaves.items() if index >= start}

    def _write_tile(self, path: str, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        directory = HeldDirectory.create(self._directory.path / folder, _DIRECTORY_MODE)
        try:
            found = directory.read(name)
            if found is None:
                directory.replace(name, data, _FILE_MODE)
            elif found == data:
                directory.sync()  # a crash may have come between the name and its flush
            else:
                raise EvidenceDamaged("this tile was written before, with other bytes", str(directory.path / name))
        finally:
            directory.close()


def export_disclosures(wal_dir: Path, vault: Vault, out_file: Path) -> int:
    """Write the disclosures of every shard under ``wal_dir`` as JSON lines (0600); return of how many records.

    Records whose keys were destroyed have none. The file is put in place as a whole. Raises ``EvidenceDamaged`` if a
    log is damaged, ``OperatorError`` if a file cannot be read or written.
    """
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for shard in shards_in(wal_dir):
            keys = vault.reader(shard)
            for frame in frames_on_disk(wal_dir, shard):
                try:
                    line = Disclosed(shard, frame.seq, keys.open(frame).disclosures)
                except KeyDestroyed:
                    continue
                yield msgspec.json.encode(line) + b"\n"
                count += 1

    try:
        put(out_file, lines(), 0o600, f".{out_file.name}.new")
    except OSError as error:
        raise OperatorError(f"cannot export disclosures to {out_file}: {error}") from error
    return count
