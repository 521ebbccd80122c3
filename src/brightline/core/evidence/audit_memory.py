# SPDX-License-Identifier: Apache-2.0
"""What an auditor keeps of a log that was verified, so that the next visit reads only what is new.

Kept are the signed checkpoint, the right edge of the tree, and where the books stood: open exchanges whole, with the
facts that were disclosed of them; closed ones and settled tokens as digests, because an id that comes again later must
be known again. A visit that goes on from here must come to the same verdicts as one that reads everything.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

ID_BYTES: Final = 16
_PLACE_BYTES: Final = 8  # number of the log (2), index of the record (6)
_ROW_BYTES: Final = ID_BYTES + _PLACE_BYTES


def digest_of_id(text: str) -> bytes:
    """16 bytes that stand for an id: nobody finds two ids with the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:ID_BYTES]


class Ids:
    """A set of ids as one sorted row of digests: 16 bytes for each, found by halving."""

    def __init__(self, row: bytes = b"") -> None:
        self._row = row

    def __contains__(self, text: str) -> bool:
        wanted = digest_of_id(text)
        at = bisect_left(_Rows(self._row, ID_BYTES), wanted)
        return self._row[at * ID_BYTES : (at + 1) * ID_BYTES] == wanted

    def __len__(self) -> int:
        return len(self._row) // ID_BYTES

    def row_with(self, more: Iterable[str]) -> bytes:
        """The row with more ids in it."""
        return b"".join(sorted({*_Rows(self._row, ID_BYTES), *map(digest_of_id, more)}))


class Placed:
    """Ids, each with the place of a record: the number of a log, and the record's index in it."""

    def __init__(self, row: bytes = b"") -> None:
        self._row = row

    def place_of(self, text: str) -> tuple[int, int] | None:
        """Number of the log and index of the record, or ``None`` for an id that is not there."""
        wanted = digest_of_id(text)
        rows = _Rows(self._row, _ROW_BYTES)
        at = bisect_left(rows, wanted)
        if at == len(rows) or rows[at][:ID_BYTES] != wanted:
            return None
        place = rows[at][ID_BYTES:]
        return int.from_bytes(place[:2], "big"), int.from_bytes(place[2:], "big")

    def __len__(self) -> int:
        return len(self._row) // _ROW_BYTES

    def row_with(self, more: Iterable[tuple[str, int, int]]) -> bytes:
        """The row with more of them: id, number of the log, index."""
        added = [digest_of_id(id_) + log.to_bytes(2, "big") + index.to_bytes(6, "big") for id_, log, index in more]
        return b"".join(sorted([*_Rows(self._row, _ROW_BYTES), *added]))


class _Rows:
    """Fixed slices of a row of bytes, as a sequence."""

    def __init__(self, row: bytes, width: int) -> None:
        self._row = row
        self._width = width

    def __len__(self) -> int:
        return len(self._row) // self._width

    def __getitem__(self, at: int) -> bytes:
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self._row[at * self._width : (at + 1) * self._width]

    def __iter__(self) -> Iterator[bytes]:
        return (self[at] for at in range(len(self)))


class Edge(msgspec.Struct, frozen=True):
    """The right edge of a tree of ``size`` records: per level the hashes of the tile that is not full, 32 bytes each.

    All that a verifier needs of what it has read in order to go on.
    """

    size: int
    rows: tuple[bytes, ...]


BEGIN: Final = Edge(0, ())


class OpenExchange(msgspec.Struct, gc=False):
    """An exchange without its OUTCOME. ``attempt`` is the index of its ATTEMPT, ``marked`` what the last MARK said."""

    attempt: int
    epoch: int
    agreement: str
    release: str
    passed: bool = False
    token: str = ""
    clauses: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    marks: int = 0
    marked: int = 0


class BooksMemory(msgspec.Struct, frozen=True):
    """Where the books of one shard stood."""

    shard: str
    profile: str
    time: str
    epoch: int
    serving: bool
    open: dict[str, OpenExchange]
    closed: bytes
    kinds: dict[str, int]
    ends: tuple[tuple[str, str, str, int], ...]
    tallies: dict[str, dict[str, int]]
    released: int
    lost_max: int
    shredded: int


class ReplayMemory(msgspec.Struct, frozen=True):
    """How many decisions were made again, and how many could not be."""

    decisions: int
    replayed: int
    not_disclosed: int
    other_agreement: int


class PeriodsMemory(msgspec.Struct, frozen=True):
    """Which periods were recounted, and what was counted since the last one ended.

    ``totals`` are attempts, outcomes and losses since the first record, ``budget`` the digest of an agreement and its
    losses per million, or nothing. What was not shown then is not shown now: ``not_shown`` are places and messages. A
    period that ends before the visit did and is stated after it cannot be recounted: it is not shown, and stays so in
    this memory.
    """

    end: int
    root: bytes
    periods: int
    serves: bool
    position: int
    records: int
    released: int
    tallies: dict[str, dict[str, int]]
    totals: tuple[int, int, int]
    budget: tuple[str, int] | None
    upstreams: tuple[tuple[str, str], ...]
    guards: tuple[tuple[str, str], ...]
    unguarded: dict[str, str]
    not_shown: tuple[tuple[str, str], ...]


class CombinedMemory(msgspec.Struct, frozen=True):
    """What a log states of others: the newest head of each (log, size, root in hex), and seals with what was open."""

    heads: tuple[tuple[str, int, str], ...]
    seals: tuple[tuple[str, int, str, int], ...]


class HaltMemory(msgspec.Struct, frozen=True):
    """HALT records (time, halt, scope, the halts that it ends), and late PASSes (exchange, index, halt)."""

    stated: tuple[tuple[str, str, str, tuple[str, ...]], ...] = ()
    late: tuple[tuple[str, int, str], ...] = ()


class StatedRevocation(msgspec.Struct):
    """What was revoked, by digest, from when to when (Unix seconds; 0: still). ``fresh``: this visit read it first."""

    id: str
    name: str
    begun: int
    ended: int = 0
    fresh: bool = True


class StatedLease(msgspec.Struct, frozen=True):
    """A lease as its record states it: boot epoch, end (Unix seconds), nonce, and digests of what it rests on."""

    epoch: int
    expires: int
    nonce: str
    rests_on: frozenset[str]


class LeaseMemory(msgspec.Struct, frozen=True):
    """ATTESTATION records (time, revocation, name, what it ends, policy), the lease, and late PASSes (see HaltMemory).

    ``counted`` are leases, permits, and permits before any lease; ``handed`` how often keys were handed over,
    ``used`` how many tokens a guard with leases let through; ``counters`` those of TPMs, by key.
    """

    stated: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = ()
    lease: StatedLease | None = None
    late: tuple[tuple[str, int, str], ...] = ()
    counted: tuple[int, int, int] = (0, 0, 0)
    for_development: bool = False
    handed: int = 0
    used: int = 0
    counters: dict[str, tuple[int, int, int]] = {}


class StatedAdmission(msgspec.Struct, frozen=True):
    """A model as a guard admitted it: boot epoch, digest (empty for none), and until when (Unix seconds)."""

    epoch: int
    model: str
    until: int


class AdmissionMemory(msgspec.Struct, frozen=True):
    """Of a guard's log the admission that counts; used tokens, those without a model or a word of one, admissions."""

    said: StatedAdmission | None = None
    counted: tuple[int, int, int, int] = (0, 0, 0, 0)


class VersionsMemory(msgspec.Struct, frozen=True):
    """RELEASE records: time, agreement or classifier, the digest that came, and the one that it replaced."""

    stated: tuple[tuple[str, str, str, str], ...] = ()


class HeldMemory(msgspec.Struct, frozen=True):
    """A case that was opened: until when (Unix seconds), and how many persons of which office it asks for."""

    hold: str
    case: str
    expires: int
    wanted: tuple[tuple[str, int], ...]


class SaidOfHold(msgspec.Struct, frozen=True):
    """What went on by holds: in which record, which exchange, when (Unix seconds); ``case`` of an answer given out."""

    index: int
    exchange: str
    case: str
    holds: tuple[str, ...]
    unix: int


class HoldsMemory(msgspec.Struct, frozen=True):
    """HOLDs of which parts are missing (exchange, case, parts so far, in all), and what one log says of holds.

    ``decided`` are case, hold, time and office; ``used`` case, use and exchange.
    """

    parts: tuple[tuple[str, str, int, int], ...] = ()
    held: tuple[HeldMemory, ...] = ()
    said: tuple[SaidOfHold, ...] = ()
    decided: tuple[tuple[str, str, int, str], ...] = ()
    used: tuple[tuple[str, str, str], ...] = ()


class HuntMemory(msgspec.Struct, frozen=True):
    """A hunt as far as its records were read: how many there are, the next one, and where the log at hand stands."""

    hunt: str
    parts: int
    part: int
    log: str
    at: int
    size: int
    records: int
    logs: tuple[str, ...] = ()


class HuntsMemory(msgspec.Struct, frozen=True):
    """What a registry says was screened again: hunts, and heads (log, size, root)."""

    hunts: tuple[HuntMemory, ...] = ()
    heads: tuple[tuple[str, int, str], ...] = ()


class KeptContent(msgspec.Struct, frozen=True):
    """What a record of a case says of its content: its end, until when people decide (Unix seconds), whether gone."""

    until: int
    expires: int
    gone: bool = False


class AgedMemory(msgspec.Struct, frozen=True):
    """Records of cases by index, PRESERVE records (id, time, whether it lifts), boot epoch, its begin, last time."""

    contents: tuple[tuple[int, KeptContent], ...] = ()
    preserved: tuple[tuple[str, str, bool], ...] = ()
    epoch: int = -1
    began: int = 0
    time: str = ""


class StatedMemory(msgspec.Struct, frozen=True):
    """What a log states beyond its records."""

    periods: PeriodsMemory
    combined: CombinedMemory
    halts: HaltMemory = HaltMemory()
    holds: HoldsMemory = HoldsMemory()
    versions: VersionsMemory = VersionsMemory()
    leases: LeaseMemory = LeaseMemory()
    hunts: HuntsMemory = HuntsMemory()
    admissions: AdmissionMemory = AdmissionMemory()
    aged: AgedMemory = AgedMemory()


class NoteMemory(msgspec.Struct, frozen=True):
    """A note about a record."""

    topic: str
    record: int
    message: str


class PeopleMemory(msgspec.Struct, frozen=True):
    """How many records of people's a log had, and what the auditor keeps of them."""

    seen: int = 0
    kept: bytes = b""


class LogMemory(msgspec.Struct, frozen=True):
    """One log as it was verified last. ``note`` is the signed checkpoint, verbatim; ``vkey`` verified it."""

    origin: str
    vkey: str
    note: bytes
    root: bytes
    edge: Edge
    books: BooksMemory
    replay: ReplayMemory
    stated: StatedMemory
    notes: tuple[NoteMemory, ...]
    notes_counted: dict[str, int]
    people: PeopleMemory = PeopleMemory()


class TokensMemory(msgspec.Struct, frozen=True):
    """Both sides of the books. ``logs`` are origins by number; ``waiting`` were issued, not used: log, index, end."""

    logs: tuple[str, ...]
    settled: bytes
    waiting: dict[str, tuple[int, int, str]]


class Memory(msgspec.Struct, frozen=True):
    """All that is kept. ``terms`` says under which rules and with what in hand it was verified."""

    terms: str
    logs: tuple[LogMemory, ...]
    tokens: TokensMemory
