# SPDX-License-Identifier: Apache-2.0
"""Verify and recount one shard, from its published bytes alone: no gateway, no clock, no trust in whoever wrote them.

    1. the checkpoint is signed by the log's key, under its origin
    2. every published file is what the checkpoint commits to; what is not is named with its place
    3. every leaf is one canonical record, in its place: shard, contiguous sequence, epochs that only grow
    4. the books balance (``books.py``)
    5. with disclosures, each opens the commitments of its record, and each decision replays (``replay.py``)

Nothing here raises for what it is given: whatever is wrong becomes a finding. A claim is PROVEN, CONTRADICTED with a
place, or NOT SHOWN; what these bytes cannot show is listed, never passed over.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.evidence.books import AuditedLeaf, Recount, count_books
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.merkle import EMPTY_ROOT, leaf_hash, node_hash, root_of
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.core.evidence.receipt import Receipt, verify_receipt
from brightline.core.evidence.replay import Replayed, replay
from brightline.core.evidence.tile import (
    ENTRIES,
    TILE_WIDTH,
    TileError,
    entries_path,
    parse_tile_path,
    split_hashes,
    tile_path,
    unpack_entries,
)

FINDINGS_MAX: Final = 1_000
RECORDS_MAX: Final = 50_000_000


class Status(enum.StrEnum):
    """What can be said of a claim."""

    PROVEN = "PROVEN"
    CONTRADICTED = "CONTRADICTED"
    NOT_SHOWN = "NOT SHOWN"


class Contradiction(msgspec.Struct, frozen=True):
    """Something that cannot be if the claim holds. ``place`` is a file with an entry or byte, or a record."""

    claim: str
    place: str
    message: str


class Claim(msgspec.Struct, frozen=True):
    """One claim and its standing; ``detail`` says what was looked at, or what is missing."""

    name: str
    status: Status
    detail: str


class ShardReport(msgspec.Struct, frozen=True):
    """Everything that these bytes say of one shard."""

    shard: str
    origin: str
    size: int
    root: str
    claims: tuple[Claim, ...]
    contradictions: tuple[Contradiction, ...]
    recount: Recount
    notes: tuple[str, ...]

    @property
    def contradicted(self) -> bool:
        """Whether any claim is contradicted."""
        return bool(self.contradictions)


class Published(Protocol):
    """The public folder of one shard."""

    def paths(self) -> Iterable[str]:
        """Every file below the folder, with ``/`` between names."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` if it is not there."""
        ...


SIGNED: Final = "the log is what was signed"
RECORDS: Final = "every record stands in its place"
BOOKS: Final = "the books balance: attempts = outcomes + open"
PASSED: Final = "nothing was sent or released without a PASS"
REPLAYS: Final = "each decision replays to its verdict"
RECEIPTS: Final = "the receipts are kept"
WITNESSED: Final = "nobody was shown another log"
GUARDED: Final = "the model answered to nothing else"


class _Findings:
    def __init__(self) -> None:
        self.rows: list[Contradiction] = []

    def add(self, claim: str, place: str, message: str) -> None:
        if len(self.rows) < FINDINGS_MAX:
            self.rows.append(Contradiction(claim, place, message))

    def of(self, claim: str) -> int:
        return sum(row.claim == claim for row in self.rows)


def audit_shard(
    shard: str,
    published: Published,
    keys: Sequence[VerifierKey],
    *,
    disclosures: Mapping[int, Sequence[str]] | None = None,
    agreement: Agreement | None = None,
    receipts: Sequence[Receipt] = (),
) -> ShardReport:
    """Audit one shard. ``disclosures`` maps a sequence number to what opens its record; both may be partial."""
    findings = _Findings()
    checkpoint = _checkpoint(published, keys, findings)  # 1.
    leaves = _leaves(published, checkpoint, findings)  # 2.
    records = _records(shard, leaves, findings)  # 3.
    recount = count_books(records, lambda place, message: findings.add(BOOKS, place, message))  # 4.
    for contradiction in recount.unpassed:
        findings.add(PASSED, contradiction.place, contradiction.message)
    replayed = Replayed(0, 0, ())
    if disclosures is not None:
        replayed = replay(records, disclosures, agreement)  # 5.
        for wrong in replayed.wrong:
            findings.add(REPLAYS, wrong.place, wrong.message)
    for receipt in receipts:
        _check_receipt(receipt, leaves, keys, findings)
    return ShardReport(
        shard=shard,
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        claims=_claims(findings, checkpoint, recount, replayed, receipts, disclosed=disclosures is not None),
        contradictions=tuple(findings.rows),
        recount=recount,
        notes=recount.lost,
    )


# ---- 1: the checkpoint ---------------------------------------------------------------------------------------


def _checkpoint(published: Published, keys: Sequence[VerifierKey], findings: _Findings) -> Checkpoint:
    empty = Checkpoint("", 0, EMPTY_ROOT)
    note = published.read("checkpoint")
    if note is None:
        findings.add(SIGNED, "checkpoint", "there is none: nothing here is signed")
        return empty
    try:
        checkpoint = open_checkpoint(note, keys)
    except NoteError as error:
        findings.add(SIGNED, "checkpoint", str(error))
        return empty
    if checkpoint.size > RECORDS_MAX:
        findings.add(SIGNED, "checkpoint", f"more than {RECORDS_MAX} records: audit it in parts")
        return empty
    return checkpoint


# ---- 2: the files ----------------------------------------------------------------------------------------------


def _leaves(published: Published, checkpoint: Checkpoint, findings: _Findings) -> list[bytes | None]:
    """Every leaf that the checkpoint commits to, in order; ``None`` where none could be read."""
    leaves: list[bytes | None] = []
    for index, width in _widths(checkpoint.size):
        path = entries_path(index, width)
        data = published.read(path)
        if data is None:
            findings.add(SIGNED, path, "this file is missing, and the checkpoint commits to it")
            leaves += [None] * width
            continue
        try:
            bundle: list[bytes | None] = list(unpack_entries(data))
        except TileError as error:
            findings.add(SIGNED, path, str(error))
            bundle = []
        if bundle and len(bundle) != width:
            findings.add(SIGNED, path, f"{len(bundle)} entries where {width} are committed to")
        leaves += (bundle + [None] * width)[:width]
    hashes = [leaf_hash(leaf or b"") for leaf in leaves]
    good = root_of(hashes) == checkpoint.root
    _compare_tiles(published, checkpoint, hashes, findings, entries_good=good)
    if not good and not findings.of(SIGNED):
        findings.add(SIGNED, "checkpoint", "entries and tiles agree with each other, but not with the signed root")
    if good:
        _compare_strays(published, checkpoint, leaves, hashes, findings)
    return leaves


def _compare_tiles(
    published: Published,
    checkpoint: Checkpoint,
    hashes: list[bytes],
    findings: _Findings,
    *,
    entries_good: bool,
) -> None:
    """Compare every hash tile with what lies below it, and say which of the two is not what was signed."""
    level, row = 0, hashes
    while row:
        for index, width in _widths(len(row)):
            path = tile_path(level, index, width)
            data = published.read(path)
            wanted = row[index * TILE_WIDTH : index * TILE_WIDTH + width]
            if data is None:
                findings.add(SIGNED, path, "this file is missing, and the checkpoint commits to it")
            elif data != b"".join(wanted):
                _blame(path, index, data, wanted, findings, entries_good=entries_good or level > 0)
        row = [_subtree(row[i : i + TILE_WIDTH]) for i in range(0, len(row) - TILE_WIDTH + 1, TILE_WIDTH)]
        level += 1


def _blame(
    path: str, index: int, data: bytes, wanted: list[bytes], findings: _Findings, *, entries_good: bool
) -> None:
    try:
        found = split_hashes(data)
    except TileError as error:
        findings.add(SIGNED, path, str(error))
        return
    if len(found) != len(wanted):
        findings.add(SIGNED, path, f"{len(found)} hashes where {len(wanted)} are committed to")
    for i, (have, want) in enumerate(zip(found, wanted, strict=False)):
        if have == want:
            continue
        if entries_good:
            findings.add(SIGNED, f"{path}, hash {i}", "not the hash of what it stands for")
        else:
            record = index * TILE_WIDTH + i
            entry = entries_path(index, len(wanted))
            findings.add(SIGNED, f"{entry}, entry {i} (record {record})", "these bytes are not those that were logged")


def _compare_strays(
    published: Published, checkpoint: Checkpoint, leaves: list[bytes | None], hashes: list[bytes], findings: _Findings
) -> None:
    """Every other file must be an earlier, shorter state of the same log, or it does not belong here."""
    rows: dict[int, list[bytes]] = {0: hashes}
    for path in sorted(published.paths()):
        name = path.rpartition("/")[2]
        if path in {"checkpoint", "log.vkey"} or (name.startswith(".") and name.endswith(".new")):
            continue  # the last is a file that a crash left half-written under no name: nothing is claimed of it
        try:
            kind, index, width = parse_tile_path(path)
        except TileError:
            findings.add(SIGNED, path, "no file of a log has this name")
            continue
        first = index * TILE_WIDTH
        if kind == ENTRIES:
            expected = _packed(leaves[first : first + width])
        else:
            row = _row(rows, int(kind))
            expected = b"".join(row[first : first + width])
        committed = _width_at(checkpoint.size, kind, index)
        if width == committed:
            continue  # compared above
        if width > committed:
            continue  # written ahead of the checkpoint: nothing is claimed of it yet
        if published.read(path) != expected:
            findings.add(SIGNED, path, "an earlier state of this tile, and not the beginning of what it became")


def _row(rows: dict[int, list[bytes]], level: int) -> list[bytes]:
    if level not in rows:
        below = _row(rows, level - 1)
        rows[level] = [_subtree(below[i : i + TILE_WIDTH]) for i in range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH)]
    return rows[level]


def _width_at(size: int, kind: str, index: int) -> int:
    """How many items of this tile the checkpoint commits to."""
    items = size if kind == ENTRIES else size >> (8 * int(kind))
    return max(0, min(TILE_WIDTH, items - index * TILE_WIDTH))


def _widths(size: int) -> Iterable[tuple[int, int]]:
    for index in range(0, (size + TILE_WIDTH - 1) // TILE_WIDTH):
        yield index, min(TILE_WIDTH, size - index * TILE_WIDTH)


def _subtree(hashes: list[bytes]) -> bytes:
    """The root over exactly 256 hashes."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def _packed(leaves: Sequence[bytes | None]) -> bytes:
    return b"".join(len(leaf or b"").to_bytes(2, "big") + (leaf or b"") for leaf in leaves)


# ---- 3: the records --------------------------------------------------------------------------------------------


def _records(shard: str, leaves: Sequence[bytes | None], findings: _Findings) -> list[AuditedLeaf]:
    records: list[AuditedLeaf] = []
    epoch = 0
    for seq, leaf in enumerate(leaves):
        place = f"record {seq}"
        if leaf is None:
            continue  # named already: its file is missing or torn
        try:
            value = msgspec.json.decode(leaf)
            record = msgspec.convert(value, AuditedLeaf, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            findings.add(RECORDS, place, f"this entry is no record: {error}")
            continue
        if msgspec.json.encode(value, order="sorted") != leaf:
            findings.add(RECORDS, place, "this record is not in canonical form")
        if record.shard != shard:
            findings.add(RECORDS, place, f"a record of shard {record.shard[:64]!r} in the log of {shard!r}")
        if record.seq != seq:
            findings.add(RECORDS, place, f"it says that it is record {record.seq}: one is missing, moved or repeated")
        if record.epoch < epoch or record.epoch < 1:
            findings.add(RECORDS, place, f"boot epoch {record.epoch} after epoch {epoch}")
        epoch = max(epoch, record.epoch)
        records.append(record)
    return records


# ---- receipts, and what is claimed -----------------------------------------------------------------------------


def _check_receipt(
    receipt: Receipt, leaves: Sequence[bytes | None], keys: Sequence[VerifierKey], findings: _Findings
) -> None:
    place = f"receipt of {receipt.exchange[:64]}"
    if not any(_verifies(receipt, key) for key in keys):
        findings.add(RECEIPTS, place, "no key of this log signed it")
    elif not 0 <= receipt.seq < len(leaves):
        findings.add(RECEIPTS, place, f"it promises record {receipt.seq}; the log ends at {len(leaves)}")
    elif leaf_hash(leaves[receipt.seq] or b"").hex() != receipt.leaf:
        findings.add(RECEIPTS, place, f"record {receipt.seq} is not the one that it promises")


def _verifies(receipt: Receipt, key: VerifierKey) -> bool:
    try:
        verify_receipt(receipt, key.public_key)
    except ValueError:
        return False
    return True


def _claims(
    findings: _Findings,
    checkpoint: Checkpoint,
    recount: Recount,
    replayed: Replayed,
    receipts: Sequence[Receipt],
    *,
    disclosed: bool,
) -> tuple[Claim, ...]:
    def claim(name: str, shown: bool, detail: str) -> Claim:
        wrong = findings.of(name)
        if wrong:
            return Claim(name, Status.CONTRADICTED, f"{wrong} contradiction{'s' if wrong > 1 else ''}")
        return Claim(name, Status.PROVEN if shown else Status.NOT_SHOWN, detail)

    whole = not findings.of(SIGNED)
    size = checkpoint.size
    balance = f"{recount.attempts} attempts = {recount.outcomes} outcomes + {recount.open} open"
    replay_detail = f"{replayed.decisions} decisions replayed, {replayed.opened} records opened"
    if not disclosed:
        replay_detail = "needs disclosures: the facts are committed, not public"
    out = [
        claim(SIGNED, size > 0, f"{size} records under {checkpoint.origin}"),
        claim(RECORDS, whole and size > 0, f"sequence 0 to {size - 1} without a gap"),
        claim(BOOKS, whole, balance),
        claim(PASSED, whole, f"{recount.passes} passes, {recount.released_bytes} bytes released"),
        claim(REPLAYS, disclosed and replayed.decisions > 0, replay_detail),
    ]
    if receipts:
        out.append(claim(RECEIPTS, whole, f"{len(receipts)} receipts stand where they say"))
    return (
        *out,
        Claim(WITNESSED, Status.NOT_SHOWN, "no witness has cosigned this checkpoint"),
        Claim(GUARDED, Status.NOT_SHOWN, "no guard beside the model keeps a second book"),
    )
