# SPDX-License-Identifier: Apache-2.0
"""PERIOD statements: from this record to that one, so many attempts, by outcome, verdict, agreement and release.

A statement covers the records ``start`` (included) to ``end`` (not included) of one log, starts where the one before
ended, and names the tree at both ends. It is an in-toto Statement v1 in a DSSE envelope, signed with the log's key and
published beside the tiles; the PERIOD record that follows holds its digest, so that the log commits to it. Everything
that it counts is counted from the records themselves, by the fold below, which gateways and verifiers share. Only
``without_record`` (requests that got no record) is the word of whoever wrote it.

A PERIOD record stands at most ``LAG_MAX`` records behind the end of its range, so that a verifier can recount it in
one pass with bounded memory.

Nothing here reads a clock or a file.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET, Meta, UnsetType

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass
from brightline.core.statement import open_payload, sign_statement

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
PREDICATE_TYPE: Final = "brightline/period/1"
STATEMENT_BYTES_MAX: Final = 1 << 20
LAG_MAX: Final = 16_384  # records between the end of a range and the PERIOD that states it
ROWS_MAX: Final = 256  # names of one kind in one statement; those that come later are counted together
OTHERS: Final = "(others)"
FOLDER: Final = "periods"
MILLION: Final = 1_000_000

_CACHED_ROWS_MAX: Final = 4_096
_Number = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
_Text = Annotated[str, Meta(max_length=1_024)]
_Root = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Tally = dict[_Text, _Number]


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the records of a range say. Agreements, releases and epochs are those of ATTEMPTs and CONSUMEDs."""

    records: _Number
    released_bytes: _Number
    kind: _Tally
    outcome: _Tally
    class_: _Tally = msgspec.field(name="class")
    verdict: _Tally
    clause: _Tally
    agreement: _Tally
    release: _Tally
    epoch: _Tally


class Totals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the first record of the log to the end of the range."""

    attempts: _Number = 0
    outcomes: _Number = 0
    lost: _Number = 0

    @property
    def lost_per_million(self) -> int:
        """Attempts that crashes lost, per million attempts, rounded up; 0 if there were none."""
        return -(-self.lost * MILLION // self.attempts) if self.attempts else 0


class LostBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many attempts crashes lost so far, per million, and how many the agreement allows."""

    agreement: _Text
    per_million: _Number
    budget_per_million: _Number


class StatedUpstream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model server, and the verifier key of the guard's log that stands before it; empty: there is none."""

    name: _Text
    guard: _Text


class Period(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The predicate. ``log`` is the origin; roots are RFC 6962 hashes in hex; ``time`` is when it was written down."""

    log: _Text
    shard: _Text
    profile: _Text
    start: _Number
    end: _Number
    start_root: _Root
    end_root: _Root
    time: _Text
    counts: Counts
    totals: Totals
    lost: LostBudget | UnsetType = UNSET  # a guard makes no attempts
    without_record: _Tally
    upstreams: tuple[StatedUpstream, ...]


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the statement is about: the tree at its end. A tree hash is no file's digest, so it has its own name."""

    name: str
    digest: dict[Literal["rfc6962"], _Root]


class _Statement(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"type_": "_type", "predicate_type": "predicateType"},
):
    """in-toto Statement v1."""

    subject: tuple[_Subject, ...]
    predicate: Period
    type_: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
    predicate_type: Literal["brightline/period/1"] = PREDICATE_TYPE


def path_of(start: int, end: int) -> str:
    """Where the statement of a range lies in the public folder of its log."""
    return f"{FOLDER}/{start}-{end}.json"


def digest_of(statement: bytes) -> str:
    """The digest of a statement's file, as its PERIOD record holds it."""
    return "sha256:" + hashlib.sha256(statement).hexdigest()


def write_period(period: Period, key: Ed25519PrivateKey) -> bytes:
    """Sign a statement with the log's key. Raises ``ValueError`` for one that no verifier would read."""
    statement = _Statement((_Subject(period.log, {"rfc6962": period.end_root}),), period)
    signed = sign_statement(statement, PAYLOAD_TYPE, (key,))
    if len(signed) > STATEMENT_BYTES_MAX:
        raise ValueError(f"a statement of {len(signed)} bytes exceeds {STATEMENT_BYTES_MAX}")
    return signed


def read_period(data: bytes, keys: Sequence[VerifierKey]) -> Period:
    """Verify a statement under one of the log's keys and read it. Raises ``TrustError``."""
    payload = _payload(data, keys)
    try:
        statement = msgspec.json.decode(payload, type=_Statement, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"not a PERIOD statement: {error}") from error
    if msgspec.json.encode(statement, order="sorted") != payload:
        raise TrustError("the same statement has other bytes: a member stands twice or out of order")
    period = statement.predicate
    if statement.subject != (_Subject(period.log, {"rfc6962": period.end_root}),):
        raise TrustError("the statement is about something else than it says")
    return period


def _payload(data: bytes, keys: Sequence[VerifierKey]) -> bytes:
    why = TrustError("there is no key of this log to read it with")
    for key in keys:
        try:
            return open_payload(data, PAYLOAD_TYPE, key.public_key, STATEMENT_BYTES_MAX)
        except TrustError as error:
            why = error
    raise why


# ---- the fold --------------------------------------------------------------------------------------------------


_TALLIED: Final = ("kind", "outcome", "class_", "verdict", "clause", "agreement", "release", "epoch")
_CHUNK: Final = 256
_End = tuple[Outcome | UnsetType, RefusalClass | UnsetType, str | UnsetType, tuple[str, ...] | UnsetType]
_Terms = tuple[str | UnsetType, str | UnsetType, int]
_OUTCOME: Final = RecordKind.OUTCOME  # looked up once: to look a member up is a call
_SERVED: Final = frozenset({RecordKind.ATTEMPT, RecordKind.CONSUMED})


class Cut(msgspec.Struct, frozen=True):
    """The counts of a range, and the totals at its end. ``whole`` is false if records in it could not be believed."""

    counts: Counts
    totals: Totals
    whole: bool


class PeriodFold:
    """Counts records, range by range. Most records say what others did: equal ones are counted first, read after.

    Records wait in chunks until they are ``LAG_MAX`` old or a range ends, because one learns late where it ended.
    """

    def __init__(self) -> None:
        self._waiting: deque[Sequence[Leaf | None]] = deque()
        self._entered = 0
        self._position = 0  # records that are counted
        self._totals = Totals()
        self._totals_whole = True
        self._tallies: dict[str, Counter[str]] = {}
        self._begin()

    @property
    def entered(self) -> int:
        """How many records were entered."""
        return self._entered

    def extend(self, leaves: Sequence[Leaf | None]) -> None:
        """Take in the next records, best by the hundred; ``None`` is one that cannot be believed."""
        for first in range(0, len(leaves), _CHUNK):
            self._waiting.append(leaves[first : first + _CHUNK])
        self._entered += len(leaves)
        while self._waiting and self._entered - self._position - len(self._waiting[0]) >= LAG_MAX:
            self._count(_CHUNK)

    def cut(self, end: int) -> Cut | None:
        """End the range before record ``end``; the next begins there.

        ``None`` if that is too far back, or ahead: then the range that is being counted is nobody's.
        """
        cut = self.peek(end)
        if cut is None:
            self._whole = False
        else:
            self._begin()
        return cut

    def peek(self, end: int) -> Cut | None:
        """What :meth:`cut` would return; the range goes on. What ends later may not end before this."""
        if not self._position <= end <= self._entered:
            return None
        while self._position < end:
            self._count(end - self._position)
        counts = self._counts()
        return Cut(counts, self._totals, self._whole and self._totals_whole)

    def memory(self) -> tuple[int, int, int, dict[str, dict[str, int]]]:
        """Everything counted: position, records and bytes of the range that goes on, and its tallies."""
        while self._position < self._entered:
            self._count(_CHUNK)
        self._tally()
        tallies = {what: dict(tally) for what, tally in self._tallies.items()}
        return self._position, self._records, self._released, tallies

    def resume(self, position: int, records: int, released: int, tallies: dict[str, dict[str, int]]) -> None:
        """Go on from a memory: no range ends before it any more."""
        self._position = self._entered = position
        self._records, self._released = records, released
        for what in _TALLIED:
            self._tallies[what] = Counter(tallies.get(what, {}))

    def resume_totals(self, totals: Totals) -> None:
        """The totals at the position from which the fold goes on."""
        self._totals = totals

    @property
    def totals(self) -> Totals:
        """Of everything that is counted by now."""
        return self._totals

    def _begin(self) -> None:
        self._kinds: Counter[RecordKind] = Counter()
        self._ends: Counter[_End] = Counter()
        self._terms: Counter[_Terms] = Counter()
        self._tallies = {name: Counter() for name in _TALLIED}
        self._records = 0
        self._released = 0
        self._whole = True

    def _count(self, count_max: int) -> None:
        """Count the oldest chunk, or as much of it as may be."""
        leaves = self._waiting.popleft()
        if len(leaves) > count_max:
            self._waiting.appendleft(leaves[count_max:])
            leaves = leaves[:count_max]
        self._position += len(leaves)
        self._records += len(leaves)
        believed = [leaf for leaf in leaves if leaf is not None]
        if len(believed) < len(leaves):
            self._whole = self._totals_whole = False
        self._kinds.update([leaf.kind for leaf in believed])
        ended = [leaf for leaf in believed if leaf.kind is _OUTCOME]
        self._ends.update([(leaf.outcome, leaf.refusal_class, leaf.verdict, leaf.clauses) for leaf in ended])
        self._released += sum([leaf.released_bytes or 0 for leaf in ended])
        served = [leaf for leaf in believed if leaf.kind in _SERVED]
        self._terms.update([(leaf.agreement, leaf.release, leaf.epoch) for leaf in served])
        if len(self._ends) + len(self._terms) > _CACHED_ROWS_MAX:
            self._tally()

    def _tally(self) -> None:
        """What was counted becomes tallies by name, names in the order in which they first occurred."""
        lost = 0
        for kind, count in self._kinds.items():
            self._add("kind", kind.value, count)
        for (outcome, class_, verdict, clauses), count in self._ends.items():
            lost += count if outcome is Outcome.LOST else 0
            self._add("outcome", outcome.value if outcome else "", count)
            self._add("class_", class_.value if class_ else "", count)
            self._add("verdict", verdict or "none", count)
            for clause in clauses or ():
                self._add("clause", clause, count)
        for (agreement, release, epoch), count in self._terms.items():
            self._add("agreement", agreement or "", count)
            self._add("release", release or "", count)
            self._add("epoch", str(epoch), count)
        self._totals = Totals(
            self._totals.attempts + self._kinds[RecordKind.ATTEMPT],
            self._totals.outcomes + self._kinds[RecordKind.OUTCOME],
            self._totals.lost + lost,
        )
        for counter in (self._kinds, self._ends, self._terms):
            counter.clear()

    def _add(self, what: str, name: str, count: int) -> None:
        tally = self._tallies[what]
        tally[name if name in tally or len(tally) < ROWS_MAX else OTHERS] += count

    def _counts(self) -> Counts:
        self._tally()
        tallies = {what: dict(sorted(tally.items())) for what, tally in self._tallies.items()}
        return Counts(records=self._records, released_bytes=self._released, **tallies)
