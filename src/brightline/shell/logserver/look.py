# SPDX-License-Identifier: Apache-2.0
"""What a page says of a log: its heads, who signed them, how fast it grows, what its newest records are.

All of it is read from the published files. How fast a log grows is read from the records' own times: the record at
which an hour begins is searched by halving, so a log of ten million records costs about forty small reads. Nothing
here reads a clock; whoever shows a page says what time it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from brightline.core.evidence.audit_tree import BUNDLE_BYTES_MAX, Published, UnreadableError
from brightline.core.evidence.cosignature import SignatureLine, read_time, split_note, verify_line
from brightline.core.evidence.merkle import ProofError, leaf_hash
from brightline.core.evidence.note import NoteError, VerifierKey, open_note
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.proving import (
    Heads,
    NotCosigned,
    ProofPath,
    SignedHead,
    path_of_record,
    read_heads,
)
from brightline.core.evidence.tile import TILE_WIDTH, TileError, entries_path, unpack_entries

HOUR: Final = 3_600
DAY: Final = 86_400
NEWEST_SHOWN: Final = 20
VKEY_BYTES_MAX: Final = 1_000
FIELDS_SHOWN_MAX: Final = 100
KINDS_SHOWN_MAX: Final = 24
WORD_CHARS_MAX: Final = 60  # of a kind, a time, an outcome in a list


class NamedSignature(msgspec.Struct, frozen=True):
    """A line of a note: whose (``name``), ``key_id`` in hex, what it is, and what this server could find out.

    ``time`` is Unix seconds of a cosignature, else ``None``. ``verified`` is ``None`` where the key is not known here.
    """

    name: str
    key_id: str
    what: str
    time: int | None
    verified: bool | None


class NewRecord(msgspec.Struct, frozen=True):
    """One of the newest records, as its leaf says; texts are as hostile as whoever wrote them."""

    index: int
    kind: str
    time: str
    outcome: str


class Rate(msgspec.Struct, frozen=True):
    """Records in the ``seconds`` before the newest one; ``since_begin`` where the log is younger than that."""

    seconds: int
    records: int
    since_begin: bool

    @property
    def per_minute(self) -> float:
        """Records for each minute."""
        return 60 * self.records / max(self.seconds, 1)


class LogLook(msgspec.Struct, frozen=True):
    """One log. ``witnessed_since``: the oldest time (Unix seconds) of the cosignatures that are needed, if any.

    ``quorum`` says whether the server's policy is satisfied, ``None`` without a policy. ``kinds`` counts those of the
    newest bundle, ``counted`` records.
    """

    heads: Heads
    note: str
    signatures: tuple[NamedSignature, ...]
    cosigned_note: str
    cosignatures: tuple[NamedSignature, ...]
    quorum: bool | None
    witnessed_since: int | None
    newest_time: float | None
    rates: tuple[Rate, ...]
    kinds: tuple[tuple[str, int], ...]
    counted: int
    newest: tuple[NewRecord, ...]
    trouble: str


class RecordLook(msgspec.Struct, frozen=True):
    """One record: ``fields`` of its leaf in order, its commitments, and its way to the root.

    ``path`` is ``None`` where ``trouble`` says why; ``proof_at_hand`` whether a ``.tlog-proof`` can be made now.
    """

    index: int
    size: int
    head: SignedHead
    cosigned: bool
    leaf_hash: str
    leaf_bytes: int
    fields: tuple[tuple[str, str], ...]
    commitments: tuple[str, ...]
    path: ProofPath | None
    trouble: str
    proof_at_hand: bool


def look_at_log(published: Published, policy: Policy | None) -> LogLook:
    """Everything for the page of a log. Raises ``UnreadableError`` if it has no checkpoint that reads."""
    heads = read_heads(published)
    key = _key(published)
    cosigned = heads.cosigned.note if heads.cosigned else b""
    cosignatures = name_signatures(cosigned, key, policy) if cosigned else ()
    quorum, since = _witnessed(cosignatures, policy)
    size, trouble = heads.signed.checkpoint.size, ""
    newest: tuple[NewRecord, ...] = ()
    rates: tuple[Rate, ...] = ()
    kinds: Counter[str] = Counter()
    newest_time = None
    try:
        leaves = _newest_leaves(published, size)
        kinds.update(record.kind for record in leaves)
        newest, newest_time = leaves[::-1][:NEWEST_SHOWN], _time(leaves[-1].time) if leaves else None
        rates = _rates(published, size, newest_time)
    except UnreadableError as error:
        trouble = str(error)
    return LogLook(
        heads=heads,
        note=heads.signed.note.decode("utf-8", "replace"),
        signatures=name_signatures(heads.signed.note, key, policy),
        cosigned_note=cosigned.decode("utf-8", "replace"),
        cosignatures=cosignatures,
        quorum=quorum,
        witnessed_since=since,
        newest_time=newest_time,
        rates=rates,
        kinds=tuple(kinds.most_common(KINDS_SHOWN_MAX)),
        counted=kinds.total(),
        newest=newest,
        trouble=trouble,
    )


def look_at_record(published: Published, index: int) -> RecordLook:
    """Everything for the page of a record. Raises ``NotPublished``; ``UnreadableError`` if its entry does not read."""
    heads = read_heads(published)
    head = heads.covering(index)
    data = _leaf(published, index, heads.size)
    fields, commitments = _fields(data)
    path, trouble = None, ""
    try:
        path = path_of_record(published, heads, head, index)
        if path.nodes[0] != leaf_hash(data):
            path, trouble = None, "the entry and its hash tile differ: this entry is not what was signed"
    except (UnreadableError, ProofError) as error:
        trouble = str(error)
    at_hand = path is not None
    try:
        heads.in_place(index)
    except NotCosigned:
        at_hand = False
    return RecordLook(
        index=index,
        size=heads.size,
        head=head,
        cosigned=head is heads.cosigned,
        leaf_hash=leaf_hash(data).hex(),
        leaf_bytes=len(data),
        fields=fields,
        commitments=commitments,
        path=path,
        trouble=trouble,
        proof_at_hand=at_hand,
    )


def name_signatures(note: bytes, key: VerifierKey | None, policy: Policy | None) -> tuple[NamedSignature, ...]:
    """Each signature line with whose it is. Only keys that are known here are verified; a name is only a name."""
    parts = split_note(note)
    return tuple(_named(line, note, parts.text, key, policy) for line in parts.lines)


def _key(published: Published) -> VerifierKey | None:
    """The key that lies beside the log: good for showing that the folder is whole, not whose it is."""
    try:
        return VerifierKey.parse(published.read("log.vkey", VKEY_BYTES_MAX).decode("utf-8", "replace"))
    except (UnreadableError, NoteError):
        return None


def _named(
    line: SignatureLine, note: bytes, text: str, key: VerifierKey | None, policy: Policy | None
) -> NamedSignature:
    id_ = line.key_id.hex()
    if key is not None and (line.name, line.key_id) == (key.name, key.key_id):
        return NamedSignature(line.name, id_, "the log", None, _opens(note, key))
    for witness in policy.witnesses if policy else ():
        if (line.name, line.key_id) == (witness.key.name, witness.key.key_id):
            try:
                time = verify_line(line, witness.key, text).time
            except NoteError:
                return NamedSignature(line.name, id_, f"witness {witness.name}", None, False)
            return NamedSignature(line.name, id_, f"witness {witness.name}", time, True)
    try:
        return NamedSignature(line.name, id_, "a cosigner", read_time(line.signature), None)
    except NoteError:
        return NamedSignature(line.name, id_, "another signature", None, None)


def _opens(note: bytes, key: VerifierKey) -> bool:
    try:
        open_note(note, [key])
    except NoteError:
        return False
    return True


def _witnessed(lines: Sequence[NamedSignature], policy: Policy | None) -> tuple[bool | None, int | None]:
    """Whether the policy is satisfied, and since when: the youngest set of witnesses that satisfies it counts."""
    if policy is None:
        return None, min((line.time for line in lines if line.time), default=None)
    times: dict[str, int] = {}
    for line in lines:
        if line.verified and line.time:
            name = line.what.removeprefix("witness ")
            times[name] = max(line.time, times.get(name, 0))
    for since in sorted(set(times.values()), reverse=True):
        if policy.evaluate([name for name, time in times.items() if time >= since]).satisfied:
            return True, since
    return policy.evaluate(times).satisfied, None


# ---- the newest records, and how fast they come -------------------------------------------------------------


def _newest_leaves(published: Published, size: int) -> tuple[NewRecord, ...]:
    """The records of the last bundle, and of the one before where the last has few."""
    found: tuple[NewRecord, ...] = ()
    for bundle in range(-(-size // TILE_WIDTH) - 1, -1, -1):
        found = (*_records(published, bundle, size), *found)
        if len(found) >= NEWEST_SHOWN:
            break
    return found


def _records(published: Published, bundle: int, size: int) -> tuple[NewRecord, ...]:
    first = bundle * TILE_WIDTH
    leaves = _bundle(published, bundle, size)
    return tuple(_record(first + offset, leaf) for offset, leaf in enumerate(leaves))


def _record(index: int, leaf: bytes) -> NewRecord:
    value = _value(leaf)
    texts = [value.get(name) for name in ("kind", "time", "outcome")]
    kind, time, outcome = (text[:WORD_CHARS_MAX] if isinstance(text, str) else "" for text in texts)
    return NewRecord(index, kind or "not a record", time, outcome)


def _rates(published: Published, size: int, newest: float | None) -> tuple[Rate, ...]:
    """Records in the hour and in the day before the newest one. A clock that stepped makes it wrong, and no proof."""
    if newest is None:
        return ()
    out: list[Rate] = []
    for seconds in (HOUR, DAY):
        begin = _first_since(published, size, newest - seconds)
        if begin:
            out.append(Rate(seconds, size - begin, False))
        else:
            oldest = _time(_records(published, 0, size)[0].time)
            out.append(Rate(seconds if oldest is None else round(newest - oldest), size, True))
            break
    return tuple(out)


def _first_since(published: Published, size: int, since: float) -> int:
    """The first record whose time is ``since`` or later, found by halving the bundles."""
    low, high = 0, -(-size // TILE_WIDTH) - 1
    while low < high:  # the last bundle that begins before ``since``
        middle = (low + high + 1) // 2
        time = _time(_record(0, _bundle(published, middle, size)[0]).time)
        low, high = (middle, high) if time is not None and time < since else (low, middle - 1)
    for record in _records(published, low, size):
        time = _time(record.time)
        if time is not None and time >= since:
            return record.index
    return min((low + 1) * TILE_WIDTH, size)


def _time(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


# ---- leaves -------------------------------------------------------------------------------------------------


def _leaf(published: Published, index: int, size: int) -> bytes:
    return _bundle(published, index // TILE_WIDTH, size)[index % TILE_WIDTH]


def _bundle(published: Published, bundle: int, size: int) -> Sequence[bytes]:
    """The entries of a bundle as far as the head goes. Raises ``UnreadableError``."""
    width = min(TILE_WIDTH, size - bundle * TILE_WIDTH)
    path = entries_path(bundle, width)
    try:
        data = published.read(path, BUNDLE_BYTES_MAX)
    except UnreadableError:
        if width == TILE_WIDTH:
            raise
        data = published.read(entries_path(bundle), BUNDLE_BYTES_MAX)  # tlog-tiles, "Partial Tiles"
    try:
        leaves = unpack_entries(data)[:width]
    except TileError as error:
        raise UnreadableError(f"{path}: {error}") from error
    if len(leaves) < width:
        raise UnreadableError(f"{path} holds {len(leaves)} of its {width} entries")
    return leaves


def _value(leaf: bytes) -> dict[str, object]:
    try:
        value = json.loads(leaf)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fields(leaf: bytes) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The public fields as texts, and the commitments. A leaf that is no record has one field: its bytes, as text."""
    value = _value(leaf)
    if not value:
        return (("(not a record)", leaf.decode("utf-8", "replace")),), ()
    commitments = value.pop("commitments", None)
    if not isinstance(commitments, list):
        commitments = [] if commitments is None else [commitments]
    fields = [(name, _text(value[name])) for name in list(value)[:FIELDS_SHOWN_MAX]]
    return tuple(fields), tuple(map(_text, commitments[:FIELDS_SHOWN_MAX]))


def _text(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply)"
