# SPDX-License-Identifier: Apache-2.0
"""The books: what the records of one shard must say together, and the recount.

The rules, each of which a record can break and be named for:

1. a record is canonical JSON of a known kind, names its shard, its profile and its own index, and says what its kind
   must say; boot epochs never go back; order comes from the index, never from the time;
2. an exchange has one ATTEMPT first, then at most one PASS, then MARKs, then one OUTCOME, all in one boot epoch and
   under one agreement and release; so attempts = outcomes + open;
3. what was sent or left had a PASS, and a PASS is a permit;
4. released bytes never shrink, and no more than the window left without a MARK;
5. a boot closes what a crash left open, with ``lost``, before it serves: no attempt of an older epoch stays open.

Nothing here reads a clock, and nothing here holds more than the open exchanges and the ids of the closed ones.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from typing import Annotated, Final, Literal, assert_never

import msgspec
from msgspec import UNSET, Meta, UnsetType

from brightline.core.canonical import INTEGER_MAX, canonical_bytes
from brightline.core.evidence.audit_findings import Findings, Topic, shown
from brightline.core.evidence.audit_memory import BooksMemory, Ids, OpenExchange
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.record import READ, RECORD_VERSION, UNREAD, Outcome, RecordKind, RefusalClass

WINDOW_BYTES: Final = 65_536  # what may leave without a MARK; ``enforcement/terms.py`` bounds it
ROWS_MAX: Final = 10_000  # distinct values of one recount; more are counted under one name
OPEN: Final = "the attempt in entry"  # where one is told that has no end
OTHERS: Final = "(others)"
DECIDED: Final = frozenset({"permit", "hold", "deny"})  # verdicts that the agreement made from facts
_HOUR, _MINUTE = r"([01]\d|2[0-3])", r"[0-5]\d"
_TIME: Final = re.compile(  # the day is looked at by itself, when it changes
    rf"\d{{4}}-\d\d-\d\dT{_HOUR}:{_MINUTE}:{_MINUTE}(\.\d{{1,9}})?(Z|[+-]{_HOUR}:{_MINUTE})", re.ASCII
)

_Text = Annotated[str, Meta(max_length=1_024)]
_Number = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
_Verdict = Literal["permit", "hold", "deny", "unavailable", "none"]


class Disk(msgspec.Struct, frozen=True):
    """Written when a disk was full, and when it is not any more: how many records were turned away meanwhile."""

    full: bool
    turned_away: _Number | UnsetType = UNSET


class Leaf(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename={"refusal_class": "class"}):
    """A record as it is logged. The members are in canonical order, so encoding gives the canonical bytes."""

    admitted: _Text | UnsetType = UNSET
    agreement: _Text | UnsetType = UNSET
    attester: _Text | UnsetType = UNSET
    baseline: _Text | UnsetType = UNSET
    because: _Text | UnsetType = UNSET
    by: _Text | UnsetType = UNSET
    case: _Text | UnsetType = UNSET
    refusal_class: RefusalClass | UnsetType = UNSET
    clauses: tuple[_Text, ...] | UnsetType = UNSET
    commitments: tuple[_Text, ...]
    counted: dict[_Text, _Number] | UnsetType = UNSET
    counters: dict[_Text, tuple[_Number, _Number, _Number]] | UnsetType = UNSET
    disk: Disk | UnsetType = UNSET
    end: _Number | UnsetType = UNSET
    ends: tuple[_Text, ...] | UnsetType = UNSET
    epoch: _Number
    epoch_lost: _Number | UnsetType = UNSET
    evidence: _Text | UnsetType = UNSET
    exchange: _Text | UnsetType = UNSET
    expires: _Number | UnsetType = UNSET
    halt: _Text | UnsetType = UNSET
    hold: _Text | UnsetType = UNSET
    holds: tuple[_Text, ...] | UnsetType = UNSET
    hunt: _Text | UnsetType = UNSET
    id: _Text | UnsetType = UNSET
    keys: tuple[_Text, ...] | UnsetType = UNSET
    kind: RecordKind
    lifted: bool | UnsetType = UNSET
    log: _Text | UnsetType = UNSET
    model: _Text | UnsetType = UNSET
    name: _Text | UnsetType = UNSET
    nonce: _Text | UnsetType = UNSET
    office: _Text | UnsetType = UNSET
    open: _Number | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    part: _Number | UnsetType = UNSET
    parts: _Number | UnsetType = UNSET
    policy: _Text | UnsetType = UNSET
    production: bool | UnsetType = UNSET
    profile: _Text
    ranges: tuple[tuple[_Number, _Number], ...] | UnsetType = UNSET
    release: _Text | UnsetType = UNSET
    released_bytes: _Number | UnsetType = UNSET
    replaces: _Text | UnsetType = UNSET
    rests_on: tuple[_Text, ...] | UnsetType = UNSET
    revocation: _Text | UnsetType = UNSET
    revoked: bool | UnsetType = UNSET
    root: _Text | UnsetType = UNSET
    scope: _Text | UnsetType = UNSET
    seq: _Number
    shard: _Text
    size: _Number | UnsetType = UNSET
    start: _Number | UnsetType = UNSET
    stated: dict[_Text, _Text] | UnsetType = UNSET
    statement: _Text | UnsetType = UNSET
    time: _Text
    token: _Text | UnsetType = UNSET
    unread: dict[_Text, _Number] | UnsetType = UNSET
    until: _Number | UnsetType = UNSET
    use: _Text | UnsetType = UNSET
    v: Literal[1]
    verdict: _Verdict | UnsetType = UNSET
    wanted: dict[_Text, _Number] | UnsetType = UNSET
    what: _Text | UnsetType = UNSET
    without_record: dict[_Text, _Number] | UnsetType = UNSET
    workload: _Text | UnsetType = UNSET


# The members that are asked for with each record: Python looks a member of an enumeration up by a call each time, and
# the verifier spends a tenth of its time there.
_PASS: Final = RecordKind.PASS
_LOST: Final = Outcome.LOST
_COMPLETED: Final = Outcome.COMPLETED
_HELD: Final = Outcome.HELD
_REFUSED: Final = Outcome.REFUSED
_SENT: Final = frozenset({Outcome.COMPLETED, Outcome.CUT, Outcome.UPSTREAM_FAILED})
_POLICY: Final = RefusalClass.POLICY
_REGISTRATION: Final = RefusalClass.REGISTRATION

_DECODER: Final = msgspec.json.Decoder(Leaf)
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
assert RECORD_VERSION == 1  # noqa: S101 - ``Leaf.v`` must follow


def read_leaf(data: bytes) -> Leaf:
    """Read one leaf. Raises ``ValueError`` unless it is the canonical form of a record of version 1."""
    try:
        leaf = _DECODER.decode(data)
        if _ENCODER.encode(leaf) == data:
            return leaf
        # Members that this version does not know, or an order that only the slow way can judge.
        if canonical_bytes(json.loads(data)) == data:
            return leaf
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a record: {shown(str(error))}") from error
    raise ValueError("not canonical: the same values have other bytes")


def read_leaves(data: list[bytes]) -> list[Leaf] | None:
    """Read many at once, which is quicker; ``None`` if any of them has to be looked at by itself."""
    decode, encode = _DECODER.decode, _ENCODER.encode
    try:
        leaves = [decode(one) for one in data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return leaves if [encode(leaf) for leaf in leaves] == data else None


class Recount(msgspec.Struct, frozen=True):
    """The recount. ``released_bytes`` is over all outcomes; ``lost_bytes_max`` bounds what ``lost`` ones let out.

    ``shredded`` are the records that nobody can open any more, as the SHRED records say. ``read_again`` is how many
    exchanges were read for persons once more, whole or in part, ``unread`` how many the log says were not, by why.
    """

    records: int
    attempts: int
    outcomes: int
    open: int
    passes: int
    shredded: int
    marks: int
    released_bytes: int
    lost_bytes_max: int
    by_kind: dict[str, int]
    by_outcome: dict[str, int]
    by_class: dict[str, int]
    by_verdict: dict[str, int]
    by_clause: dict[str, int]
    by_agreement: dict[str, int]
    by_release: dict[str, int]
    by_epoch: dict[str, int]
    without_record: dict[str, int]
    read_again: dict[str, int] = {}
    unread: dict[str, int] = {}


class BooksAudit:
    """Takes the records in order, each with its index, and says at :meth:`close` what remains to be said."""

    def __init__(self, findings: Findings, shard: str, tokens: TokenBooks, origin: str = "") -> None:
        self._findings = findings
        self._tokens = tokens
        self._log = tokens.log(origin or shard, findings.record)
        self._shift = 0  # seq - index, once a gap was named, so that it is named once
        self._shard = shard
        self._profile = ""
        self._time = ""
        self._epoch = 0
        self._serving = False  # this epoch has written something else than ``lost``
        self._skipped = 0
        self._open: dict[str, OpenExchange] = {}
        self._closed: set[str] = set()
        self._closed_before = Ids()  # on earlier visits
        self._kinds: Counter[RecordKind] = Counter()
        self._ends: Counter[tuple[Outcome, RefusalClass, str]] = Counter()
        self._tallies: dict[str, dict[str, int]] = {}
        self._released = 0
        self._lost_max = 0
        self._shredded = 0
        self._day = ""
        self._terms: tuple[str, str, int] = ("", "", 0)  # of the last attempt, and how many in a row had them
        self._under_terms = 0
        self._of_exchanges: Final = {
            RecordKind.ATTEMPT: self._attempt,
            RecordKind.MARK: self._mark,
            RecordKind.OUTCOME: self._outcome,
            RecordKind.HOLD: self._hold,
            RecordKind.TOUCHED: self._touched,
        }

    def memory(self) -> BooksMemory:
        """Where these books stand, for the next visit; worth something only if nothing was contradicted or skipped."""
        self._count_terms()
        return BooksMemory(
            shard=self._shard,
            profile=self._profile,
            time=self._time,
            epoch=self._epoch,
            serving=self._serving,
            open=dict(self._open),
            closed=self._closed_before.row_with(self._closed),
            kinds={kind.value: count for kind, count in self._kinds.items()},
            ends=tuple((end.value, why.value, said, count) for (end, why, said), count in self._ends.items()),
            tallies={what: dict(tally) for what, tally in self._tallies.items()},
            released=self._released,
            lost_max=self._lost_max,
            shredded=self._shredded,
        )

    def resume(self, earlier: BooksMemory) -> None:
        """Go on from where an earlier visit ended."""
        self._shard, self._profile, self._time = earlier.shard, earlier.profile, earlier.time
        self._epoch, self._serving = earlier.epoch, earlier.serving
        self._open = {exchange: msgspec.structs.replace(state) for exchange, state in earlier.open.items()}
        self._closed_before = Ids(earlier.closed)
        self._kinds = Counter({RecordKind(kind): count for kind, count in earlier.kinds.items()})
        self._ends = Counter(
            {(Outcome(end), RefusalClass(why), said): count for end, why, said, count in earlier.ends}
        )
        self._tallies = {what: dict(tally) for what, tally in earlier.tallies.items()}
        self._released, self._lost_max = earlier.released, earlier.lost_max
        self._shredded = earlier.shredded

    def skip(self, count: int) -> None:
        """So many records cannot be believed; what they said is not held against those that follow."""
        self._skipped += count

    def enter(self, index: int, leaf: Leaf, facts: tuple[tuple[str, str], ...] = ()) -> None:
        """Enter one record; ``facts`` are those that a disclosure opened."""
        self._header(index, leaf)
        kind = leaf.kind
        self._kinds[kind] += 1
        if kind is _PASS:
            self._pass(index, leaf, facts)
        elif enter := self._of_exchanges.get(kind):
            enter(index, leaf)
        else:
            self._other(index, leaf)

    def _other(self, index: int, leaf: Leaf) -> None:
        """A record that belongs to no exchange of this log."""
        match leaf.kind:
            case (
                RecordKind.ATTEMPT
                | RecordKind.PASS
                | RecordKind.MARK
                | RecordKind.HOLD
                | RecordKind.OUTCOME
                | RecordKind.TOUCHED
            ):
                raise AssertionError("a record of an exchange")
            case RecordKind.PERIOD:
                for reason, count in (leaf.without_record or {}).items():
                    self._tally("without_record", reason, count)
            case RecordKind.WORKLOAD | RecordKind.RELEASE | RecordKind.STANDING | RecordKind.DEMAND:
                pass  # they belong to no exchange; the audit of the registers reads them
            case RecordKind.SHRED:
                self._shred(index, leaf)
            case RecordKind.REVIEW:
                pass  # in the registry: what it says is for those who look at people's work
            case RecordKind.CASE | RecordKind.DECISION | RecordKind.REVEAL:
                if leaf.hold is UNSET or leaf.case is UNSET:
                    self._wrong(index, f"a {leaf.kind} names its hold and its case")
            case RecordKind.HALT:
                pass  # in the registry: what was let through is compared with it (audit_halts.py)
            case RecordKind.USED:
                if not leaf.hold or not leaf.case or not leaf.by or not leaf.use:
                    self._wrong(index, "a USED names its hold, its case, the exchange, and what was used")
            case RecordKind.ATTESTED | RecordKind.ATTESTATION:
                pass  # of a lease, and of what ends one: what was let through is compared with them (audit_leases.py)
            case RecordKind.PRESERVE | RecordKind.ENROLMENT:
                pass  # in the registry: what it keeps, or of whom it is, is committed
            case RecordKind.HEAD | RecordKind.SEAL:
                pass  # what they say of other logs is compared with those (audit_combined.py)
            case RecordKind.HUNT:
                pass  # in the registry: what it says was screened again is compared with those logs (audit_hunts.py)
            case RecordKind.OBSERVED:  # in an observer's log: nothing was served, so nothing is owed
                if not leaf.agreement or not leaf.release or not leaf.verdict:
                    self._wrong(index, "an OBSERVED names its agreement, release and verdict")
            case RecordKind.ADMISSION | RecordKind.KEYS:  # in the logs of a guard and of a key broker
                if not leaf.what:
                    self._wrong(index, f"the record {leaf.kind} says what was done")
            case RecordKind.CONSUMED:  # in a guard's log
                if not leaf.token:
                    self._wrong(index, "a CONSUMED names its token")
                else:
                    self._tokens.consumed(leaf.token, self._log, index)
            case _ as never:
                assert_never(never)

    def close(self) -> Recount:
        """Look at what is still open, and recount."""
        for exchange, state in self._open.items():
            if state.epoch < self._epoch:
                self._unless_skipped(
                    state.attempt,
                    f"the attempt of {shown(exchange)} in boot epoch {state.epoch} is still open in epoch "
                    f"{self._epoch}; that boot had to write lost",
                )
        attempts, outcomes = self._kinds[RecordKind.ATTEMPT], self._kinds[RecordKind.OUTCOME]
        if attempts != outcomes + len(self._open):
            self._missing(
                f"{attempts} attempts are not {outcomes} outcomes and {len(self._open)} open ones",
                "checkpoint",
            )
        return self._counts(attempts, outcomes)

    # ---- 1: each record by itself -------------------------------------------------------------------------------

    def _header(self, index: int, leaf: Leaf) -> None:
        if leaf.seq != index + self._shift:
            self._shift = leaf.seq - index
            self._wrong(
                index,
                f"its sequence number is {leaf.seq}; records are missing, doubled or out of order",
                Topic.RECORDS,
            )
        if leaf.shard != self._shard:
            self._wrong(
                index, f"it is a record of shard {shown(leaf.shard)} in the log of {shown(self._shard)}", Topic.RECORDS
            )
            self._shard = leaf.shard  # named once, not for each record that follows
        if leaf.profile != self._profile:
            if self._profile:
                self._wrong(index, f"profile {shown(leaf.profile)} after {shown(self._profile)}", Topic.RECORDS)
            self._profile = leaf.profile
        if leaf.time != self._time:
            self._time = leaf.time
            if not _TIME.fullmatch(leaf.time) or (leaf.time[:10] != self._day and not self._is_day(leaf.time[:10])):
                self._wrong(index, f"{shown(leaf.time)} is not a time (RFC 3339)", Topic.RECORDS)
        if leaf.epoch != self._epoch:
            if leaf.epoch < self._epoch:
                self._wrong(index, f"boot epoch {leaf.epoch} after boot epoch {self._epoch}", Topic.RECORDS)
            self._epoch = max(leaf.epoch, self._epoch)
            self._serving = False
        if leaf.outcome is not _LOST:
            self._serving = True

    def _is_day(self, day: str) -> bool:
        """Whether there is such a day; asked when it changes."""
        try:
            date.fromisoformat(day)
        except ValueError:
            return False
        self._day = day
        return True

    # ---- 2 to 5: records together ---------------------------------------------------------------------------------

    def _attempt(self, index: int, leaf: Leaf) -> None:
        if not leaf.exchange or not leaf.agreement or not leaf.release:
            self._wrong(index, "an ATTEMPT names its exchange, agreement and release")
            return
        if leaf.exchange in self._open or self._is_closed(leaf.exchange):
            self._wrong(index, f"a second ATTEMPT of exchange {shown(leaf.exchange)}")
            return
        self._open[leaf.exchange] = OpenExchange(index, leaf.epoch, leaf.agreement, leaf.release)
        terms = (leaf.agreement, leaf.release, leaf.epoch)
        if terms != self._terms:
            self._count_terms()
            self._terms = terms
        self._under_terms += 1

    def _pass(self, index: int, leaf: Leaf, facts: tuple[tuple[str, str], ...]) -> None:
        if leaf.verdict != "permit":
            self._wrong(index, f"a PASS whose verdict is {leaf.verdict or 'missing'}", Topic.PASSED)
        if leaf.clauses is UNSET or not leaf.token:
            self._wrong(index, "a PASS names its clauses and its token")
        if (state := self._state(index, leaf)) is None:
            return
        if state.passed:
            self._wrong(index, f"a second PASS of exchange {shown(leaf.exchange)}")
        state.passed = state.passed or leaf.verdict == "permit"
        state.clauses = leaf.clauses or ()
        state.facts = facts
        if leaf.token:
            state.token = leaf.token
            self._tokens.issued(leaf.token, self._log, index)

    def _mark(self, index: int, leaf: Leaf) -> None:
        if leaf.released_bytes is UNSET:
            self._wrong(index, "a MARK says how many bytes were released")
            return
        if (state := self._state(index, leaf)) is None:
            return
        if not state.passed:
            self._unless_skipped(index, f"{leaf.released_bytes} bytes left without a PASS", Topic.PASSED)
        self._more_left(index, leaf.released_bytes, state, bounded=True)
        state.marks += 1

    def _hold(self, index: int, leaf: Leaf) -> None:
        if leaf.hold is UNSET or leaf.case is UNSET:
            self._wrong(index, "a HOLD names its hold and its case")
        self._state(index, leaf)

    def _touched(self, index: int, leaf: Leaf) -> None:
        """An exchange that was read once more has ended; and what was not read has no exchange."""
        if leaf.what == UNREAD:
            if leaf.exchange or not leaf.unread:
                self._wrong(index, "a TOUCHED of what was not read says how many there were, and names no exchange")
            for why, count in (leaf.unread or {}).items():
                self._tally("unread", why, count)
        elif leaf.what not in READ or not leaf.exchange:
            self._wrong(index, "a TOUCHED names its exchange, and whether all of it was read")
        elif not self._is_closed(leaf.exchange):
            self._unless_skipped(index, f"exchange {shown(leaf.exchange)} was read once more, which has not ended")
        else:
            self._tally("read", leaf.what)

    def _outcome(self, index: int, leaf: Leaf) -> None:
        outcome = leaf.outcome
        if outcome is UNSET or leaf.refusal_class is UNSET:
            self._wrong(index, "an OUTCOME says how the attempt ended, and why")
            return
        released = leaf.released_bytes or 0
        verdict = leaf.verdict or "none"
        self._ends[outcome, leaf.refusal_class, verdict] += 1
        self._released += released
        for clause in leaf.clauses or ():
            self._tally("clause", clause)
        if outcome is not _LOST:
            self._check_end(index, leaf, outcome, released, verdict)
        if (state := self._state(index, leaf)) is None:
            if released:
                self._unless_skipped(index, f"{released} bytes left without a PASS", Topic.PASSED)
            return
        exchange = leaf.exchange or ""
        del self._open[exchange]
        self._closed.add(exchange)
        if state.token:
            self._tokens.ended(state.token, outcome)
        if outcome is _LOST:
            self._lost(index, leaf, state)
            return
        sent = outcome in _SENT
        given = (
            outcome is _COMPLETED and leaf.case is not UNSET
        )  # what a hold kept (audit_holds.py): no model was asked
        if given and state.passed:
            self._wrong(index, "an answer that a hold kept is given out, though a model was asked", Topic.PASSED)
        elif (sent or released) and not state.passed and not given:
            self._unless_skipped(
                index, f"the exchange is {outcome.value}, with {released} bytes released, without a PASS", Topic.PASSED
            )
        self._more_left(index, released, state, bounded=outcome is not _COMPLETED)

    def _shred(self, index: int, leaf: Leaf) -> None:
        """Only what is in the log can be destroyed, and never by a record that comes before it."""
        for first, last in leaf.ranges or ():
            if not first <= last < leaf.seq:
                self._wrong(index, f"a SHRED of the records {first} to {last}, which do not stand before it")
            else:
                self._shredded += last - first + 1

    def _check_end(self, index: int, leaf: Leaf, outcome: Outcome, released: int, verdict: str) -> None:
        """What an OUTCOME says must fit together: its kind, its class and its verdict."""
        if leaf.verdict is UNSET or leaf.clauses is UNSET or leaf.released_bytes is UNSET:
            self._wrong(index, "an OUTCOME names its verdict, its clauses and the bytes released")
        if outcome is _COMPLETED and verdict != "permit":
            self._wrong(index, f"completed, though the verdict is {verdict}", Topic.PASSED)
        if (outcome is _HELD) != (verdict == "hold"):
            self._wrong(index, f"the outcome is {outcome.value} and the verdict {verdict}")
        if (leaf.refusal_class is _POLICY) != (verdict == "deny"):
            self._wrong(index, f"the class is {leaf.refusal_class or ''} and the verdict {verdict}")
        if leaf.refusal_class is _REGISTRATION and (outcome, verdict) != (_REFUSED, "none"):
            # Decided by closed lists before any fact was known: there is no verdict yet, and nothing may have left.
            self._wrong(index, f"outside its registration, yet {outcome.value} with the verdict {verdict}")
        if outcome is _REFUSED and released:
            self._wrong(index, f"refused, though {released} bytes were released")

    def _lost(self, index: int, leaf: Leaf, state: OpenExchange) -> None:
        if leaf.epoch_lost != state.epoch or leaf.epoch <= state.epoch:
            self._wrong(
                index, f"lost from boot epoch {leaf.epoch_lost or 0}; the attempt was made in epoch {state.epoch}"
            )
        if self._serving:
            self._wrong(index, "lost was written after this boot began to serve")
        if state.passed:
            self._lost_max += state.marked + WINDOW_BYTES
        place = self._findings.record(index)
        said = f"exchange {shown(leaf.exchange)} was lost in a crash: {_what_left(state)}"
        self._findings.note(Topic.BOOKS, place, said)

    def close_sealed(self) -> int:
        """A peer ended this log: say of each attempt that is open, and stays so, what may have left. How many."""
        for exchange, state in self._open.items():
            said = f"exchange {shown(exchange)} was lost with its gateway: {_what_left(state)}"
            self._findings.note(Topic.BOOKS, f"{OPEN} {state.attempt}", said)
        return len(self._open)

    def _state(self, index: int, leaf: Leaf) -> OpenExchange | None:
        """The open exchange that a record belongs to, or ``None`` once it is said why there is none."""
        if not leaf.exchange:
            self._wrong(index, f"a record of kind {leaf.kind.value} names no exchange")
            return None
        state = self._open.get(leaf.exchange)
        if state is None:
            if self._is_closed(leaf.exchange):
                self._wrong(index, f"{leaf.kind.value} after the OUTCOME of exchange {shown(leaf.exchange)}")
            else:
                self._unless_skipped(
                    index, f"{leaf.kind.value} of exchange {shown(leaf.exchange)}, which has no ATTEMPT"
                )
            return None
        if leaf.outcome is _LOST:
            return state  # a later boot wrote it, and knows of no terms
        if leaf.epoch != state.epoch:
            self._wrong(index, f"its exchange began in boot epoch {state.epoch} and cannot outlive that boot")
        if leaf.agreement != state.agreement or leaf.release != state.release:
            self._wrong(index, "it names another agreement or release than the ATTEMPT of its exchange")
        return state

    def _more_left(self, index: int, released: int, state: OpenExchange, *, bounded: bool) -> None:
        if released < state.marked:
            self._wrong(index, f"{released} bytes released, though {state.marked} had left before")
        elif bounded and released - state.marked > WINDOW_BYTES:
            self._unless_skipped(
                index,
                f"{released - state.marked} bytes left without a MARK; at most {WINDOW_BYTES} may",
            )
        state.marked = max(state.marked, released)

    # ---- saying and counting -----------------------------------------------------------------------------------

    def _wrong(self, index: int, message: str, topic: Topic = Topic.BOOKS) -> None:
        self._findings.contradict(topic, self._findings.record(index), message)

    def _unless_skipped(self, index: int, message: str, topic: Topic = Topic.BOOKS) -> None:
        """Something is not there: a contradiction, unless it may be among the records that cannot be believed."""
        self._missing(message, self._findings.record(index), topic)

    def _missing(self, message: str, place: str, topic: Topic = Topic.BOOKS) -> None:
        if self._skipped:
            self._findings.not_shown(topic, place, f"{message} ({self._skipped} records cannot be believed)")
        else:
            self._findings.contradict(topic, place, message)

    def _is_closed(self, exchange: str) -> bool:
        return exchange in self._closed or (bool(self._closed_before) and exchange in self._closed_before)

    def _count_terms(self) -> None:
        """Count the attempts in a row that had the same terms, as nearly all have: once, when others come."""
        if self._under_terms:
            agreement, release, epoch = self._terms
            self._tally("agreement", agreement, self._under_terms)
            self._tally("release", release, self._under_terms)
            self._tally("epoch", str(epoch), self._under_terms)
            self._under_terms = 0

    def _tally(self, what: str, name: str, count: int = 1) -> None:
        tally = self._tallies.get(what)
        if tally is None:
            tally = self._tallies[what] = {}
        if name in tally:
            tally[name] += count
        else:
            row = name if len(tally) < ROWS_MAX else OTHERS
            tally[row] = tally.get(row, 0) + count

    def _counts(self, attempts: int, outcomes: int) -> Recount:
        self._count_terms()
        outcome: Counter[str] = Counter()
        class_: Counter[str] = Counter()
        verdict: Counter[str] = Counter()
        for (ended, why, said), count in self._ends.items():
            outcome[ended.value] += count
            class_[why.value] += count
            verdict[said] += count
        tally = {what: dict(sorted(counter.items())) for what, counter in self._tallies.items()}
        return Recount(
            records=sum(self._kinds.values()),
            attempts=attempts,
            outcomes=outcomes,
            open=len(self._open),
            passes=self._kinds[RecordKind.PASS],
            shredded=self._shredded,
            marks=self._kinds[RecordKind.MARK],
            released_bytes=self._released,
            lost_bytes_max=self._lost_max,
            by_kind={kind.value: self._kinds[kind] for kind in RecordKind if self._kinds[kind]},
            by_outcome={kind.value: outcome[kind.value] for kind in Outcome if outcome[kind.value]},
            by_class={kind.value: class_[kind.value] for kind in RefusalClass if class_[kind.value]},
            by_verdict=dict(sorted(verdict.items())),
            by_clause=tally.get("clause", {}),
            by_agreement=tally.get("agreement", {}),
            by_release=tally.get("release", {}),
            by_epoch=tally.get("epoch", {}),
            without_record=tally.get("without_record", {}),
            read_again=tally.get("read", {}),
            unread=tally.get("unread", {}),
        )


def _what_left(state: OpenExchange) -> str:
    """What was allowed of an exchange that has no end, and how much left."""
    if not state.passed:
        return "no PASS: nothing was sent to a model, and nothing left"
    under = shown(", ".join(state.clauses) or "no clause")
    facts = ", ".join(f"{name}={value}" for name, value in state.facts)
    least = f"at least {state.marked:,} and " if state.marks else ""
    said = f"permitted under {under}; {least}at most {state.marked + WINDOW_BYTES:,} bytes left"
    return said + (f"; the facts were {shown(facts, 2_000)}" if facts else "")
