# SPDX-License-Identifier: Apache-2.0
"""A log in the hands of whoever owns its key: records can be written, changed, hidden, and signed again.

What the sequencer and the publisher make impossible by construction is possible here on purpose. Everything is made of
a seed, so the same seed gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.disclosure import Disclosed, commit
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import EMPTY_ROOT, Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.period import (
    LostBudget,
    Period,
    PeriodFold,
    StatedUpstream,
    digest_of,
    path_of,
    write_period,
)
from brightline.core.evidence.receipt import RECEIPT_VERSION, Receipt
from brightline.core.evidence.record import Draft, Place, RecordKind, seal
from brightline.core.evidence.sealing import NONCE_BYTES
from brightline.core.evidence.tile import tiles_for

PROFILE: Final = "development"
BEGAN: Final = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SECONDS_EACH: Final = 2

Said = Mapping[str, JsonValue]


def seeded(seed: int, name: str) -> bytes:
    """32 bytes that are as good as random and the same every time."""
    return hashlib.sha256(f"brightline-sample/{seed}/{name}".encode()).digest()


class Kept(msgspec.Struct):
    """A record: its values, as they will be written, and what opens its commitments."""

    value: dict[str, JsonValue]
    disclosures: tuple[str, ...]


class Files:
    """A published log in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def paths(self) -> Iterator[str]:
        """Every path."""
        return iter(sorted(self.files))

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError``."""
        data = self.files.get(path)
        if data is None or len(data) > bytes_max:
            raise UnreadableError("this file is missing" if data is None else "this file is too large")
        return data


class Ledger:
    """The records of one shard and the key that signs for them."""

    def __init__(self, seed: int, shard: str) -> None:
        self.shard = shard
        self.records: list[Kept] = []
        self.epoch = 1
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seeded(seed, f"log key of {shard}"))
        self.signer = NoteSigner(f"sample.example/{shard}", self._key)
        self._written = 0
        self.upstreams: tuple[StatedUpstream, ...] = ()
        self.budget: tuple[str, int] | None = None  # digest of the agreement, and its losses per million
        self.statements: dict[str, bytes] = {}
        self.lie: Callable[[Period], Period] = lambda period: period

    def say(self, kind: RecordKind, exchange: str, public: Said, committed: Said | None = None) -> None:
        """Write the next record, as an honest gateway would."""
        index = len(self.records)
        self._written += 1
        when = BEGAN + timedelta(seconds=SECONDS_EACH * index)
        place = Place(self.shard, self.epoch, index, when.strftime("%Y-%m-%dT%H:%M:%S.000Z"), PROFILE)
        key = seeded(self._seed, f"record {self._written} of {self.shard}")
        fields = dict(committed or {})
        sealed = seal(Draft(kind, exchange, dict(public), fields), place, key, key[:NONCE_BYTES])
        self.records.append(Kept(json.loads(sealed.leaf), commit(fields, key).disclosures))

    def period(self) -> None:
        """Write a PERIOD; what it states is counted when the log is signed."""
        self.say(RecordKind.PERIOD, "", {"start": 0, "end": 0, "statement": ""})

    def state(self) -> None:
        """Count every period anew, from the records as they stand now, and sign what is stated of it."""
        self.statements = {}
        fold, tree, start, before = PeriodFold(), Tree(), 0, EMPTY_ROOT
        for index, record in enumerate(self.records):
            if record.value["kind"] == RecordKind.PERIOD:
                path, statement = self._statement(fold, tree, start, before)
                self.statements[path] = statement
                record.value |= {"start": start, "end": index, "statement": digest_of(statement)}
                start, before = index, tree.root()
            fold.extend([read_leaf(self.leaf(index))])
            tree.append(leaf_hash(self.leaf(index)))

    def _statement(self, fold: PeriodFold, tree: Tree, start: int, before: bytes) -> tuple[str, bytes]:
        cut = fold.cut(tree.size)
        if cut is None:
            raise AssertionError(f"{fold.entered} records were counted; the tree has {tree.size}")
        lost = LostBudget(self.budget[0], cut.totals.lost_per_million, self.budget[1]) if self.budget else UNSET
        when = BEGAN + timedelta(seconds=SECONDS_EACH * tree.size)
        period = Period(
            log=self.signer.verifier.name,
            shard=self.shard,
            profile=PROFILE,
            start=start,
            end=tree.size,
            start_root=before.hex(),
            end_root=tree.root().hex(),
            time=when.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            counts=cut.counts,
            totals=cut.totals,
            lost=lost,
            without_record={},
            upstreams=self.upstreams,
        )
        return path_of(start, tree.size), write_period(self.lie(period), self._key)

    def of(self, exchange: str, kind: RecordKind | None = None) -> list[int]:
        """The indices of the records of an exchange, of one kind or of all."""
        return [
            index
            for index, record in enumerate(self.records)
            if record.value.get("exchange") == exchange and kind in {None, record.value["kind"]}
        ]

    def remove(self, exchange: str) -> None:
        """Drop every record of an exchange; the numbers of the others stay as they are."""
        gone = set(self.of(exchange))
        self.records = [record for index, record in enumerate(self.records) if index not in gone]

    def renumber(self) -> None:
        """Give each record the number of its place, so that no gap shows."""
        for index, record in enumerate(self.records):
            record.value["seq"] = index

    def leaf(self, index: int) -> bytes:
        """The bytes of a record."""
        return canonical_bytes(self.records[index].value)

    def promise(self, index: int) -> Receipt:
        """The receipt of a record as it stands now."""
        value = self.records[index].value
        unsigned = Receipt(
            v=RECEIPT_VERSION,
            exchange=str(value["exchange"]),
            profile=PROFILE,
            shard=self.shard,
            epoch=self.epoch,
            seq=index,
            leaf=leaf_hash(self.leaf(index)).hex(),
        )
        said = unsigned.to_value()
        del said["signature"]
        signature = base64.urlsafe_b64encode(self._key.sign(canonical_bytes(said))).decode().rstrip("=")
        return msgspec.structs.replace(unsigned, signature=signature)

    def head(self, size: int | None = None) -> Checkpoint:
        """The head of the first ``size`` records, as they stand now."""
        self.state()
        tree = Tree()
        for index in range(len(self.records) if size is None else size):
            tree.append(leaf_hash(self.leaf(index)))
        return Checkpoint(self.signer.verifier.name, tree.size, tree.root())

    def published(self, size: int | None = None, signer: NoteSigner | None = None) -> Files:
        """What this shard publishes of its first ``size`` records, signed with its own key or another one."""
        self.state()
        count = len(self.records) if size is None else size
        leaves = [self.leaf(index) for index in range(count)]
        tree = Tree()
        for leaf in leaves:
            tree.append(leaf_hash(leaf))
        files = dict(tiles_for(0, count, leaves.__getitem__, tree.node))
        files |= {path: data for path, data in self.statements.items() if int(path[:-5].rpartition("-")[2]) < count}
        signing = signer or self.signer
        files["checkpoint"] = sign_checkpoint(Checkpoint(signing.verifier.name, count, tree.root()), signing)
        files["log.vkey"] = f"{signing.verifier.vkey()}\n".encode()
        return Files(files)

    def disclosed(self) -> Iterator[Disclosed]:
        """What opens each record, by its place."""
        for index, record in enumerate(self.records):
            yield Disclosed(self.shard, index, record.disclosures)
