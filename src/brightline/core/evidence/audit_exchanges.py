# SPDX-License-Identifier: Apache-2.0
"""Exchanges: what the records of one must say together, from its ATTEMPT to its OUTCOME.

The rules, each of which a record can break and be named for:

1. an exchange has one ATTEMPT first, then at most one PASS, then MARKs, then one OUTCOME, all in one boot epoch and
   under one agreement and release; so attempts = outcomes + open;
2. what was sent or left had a PASS, and a PASS is a permit;
3. released bytes never shrink, and no more than the window left without a MARK;
4. a boot closes what a crash left open, with ``lost``, before it serves: no attempt of an older epoch stays open.

Nothing here holds more than the open exchanges and the ids of the closed ones.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from brightline.core.evidence.audit_findings import BookFindings, Topic, shown
from brightline.core.evidence.audit_headers import HeaderAudit
from brightline.core.evidence.audit_memory import BooksMemory, Ids, OpenExchange
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import READ, UNREAD, Outcome, RecordKind, RefusalClass
from brightline.core.evidence.recount import Recounting

WINDOW_BYTES: Final = 65_536  # what may leave without a MARK; ``enforcement/terms.py`` bounds it
OPEN: Final = "the attempt in entry"  # where one is told that has no end

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


class ExchangeAudit:
    """Takes the records of exchanges in order. ``open`` are those that have no OUTCOME."""

    def __init__(
        self, said: BookFindings, header: HeaderAudit, recounting: Recounting, tokens: TokenBooks, log: int
    ) -> None:
        """``header`` has looked at each record before; ``log`` is the number of the log among the ``tokens``."""
        self.open: dict[str, OpenExchange] = {}
        self._said = said
        self._header = header
        self._recounting = recounting
        self._tokens = tokens
        self._log = log
        self._closed: set[str] = set()
        self._closed_before = Ids()  # on earlier visits
        self._enter: Final = {
            RecordKind.ATTEMPT: self._attempt,
            RecordKind.MARK: self._mark,
            RecordKind.OUTCOME: self._outcome,
            RecordKind.HOLD: self._hold,
            RecordKind.TOUCHED: self._touched,
        }

    @property
    def closed(self) -> bytes:
        """The ids of all that have their OUTCOME, as a row of digests."""
        return self._closed_before.row_with(self._closed)

    def resume(self, earlier: BooksMemory) -> None:
        """Go on from where an earlier visit ended."""
        self.open = {exchange: msgspec.structs.replace(state) for exchange, state in earlier.open.items()}
        self._closed_before = Ids(earlier.closed)

    def enter(self, index: int, leaf: Leaf, facts: tuple[tuple[str, str], ...]) -> bool:
        """Enter one record; false if it belongs to no exchange. ``facts`` are those that a disclosure opened."""
        kind = leaf.kind
        if kind is _PASS:
            self._pass(index, leaf, facts)
        elif enter := self._enter.get(kind):
            enter(index, leaf)
        else:
            return False
        return True

    def close(self) -> None:
        """Look at what is still open."""
        epoch = self._header.epoch
        for exchange, state in self.open.items():
            if state.epoch < epoch:
                self._said.missing(
                    state.attempt,
                    f"the attempt of {shown(exchange)} in boot epoch {state.epoch} is still open in epoch "
                    f"{epoch}; that boot had to write lost",
                )

    def close_sealed(self) -> int:
        """A peer ended this log: say of each attempt that is open, and stays so, what may have left. How many."""
        for exchange, state in self.open.items():
            said = f"exchange {shown(exchange)} was lost with its gateway: {_what_left(state)}"
            self._said.note_at(f"{OPEN} {state.attempt}", said)
        return len(self.open)

    def _attempt(self, index: int, leaf: Leaf) -> None:
        if not leaf.exchange or not leaf.agreement or not leaf.release:
            self._said.wrong(index, "an ATTEMPT names its exchange, agreement and release")
            return
        if leaf.exchange in self.open or self._is_closed(leaf.exchange):
            self._said.wrong(index, f"a second ATTEMPT of exchange {shown(leaf.exchange)}")
            return
        self.open[leaf.exchange] = OpenExchange(index, leaf.epoch, leaf.agreement, leaf.release)
        self._recounting.attempted(leaf.agreement, leaf.release, leaf.epoch)

    def _pass(self, index: int, leaf: Leaf, facts: tuple[tuple[str, str], ...]) -> None:
        if leaf.verdict != "permit":
            self._said.wrong(index, f"a PASS whose verdict is {leaf.verdict or 'missing'}", Topic.PASSED)
        if leaf.clauses is UNSET or not leaf.token:
            self._said.wrong(index, "a PASS names its clauses and its token")
        if (state := self._state(index, leaf)) is None:
            return
        if state.passed:
            self._said.wrong(index, f"a second PASS of exchange {shown(leaf.exchange)}")
        state.passed = state.passed or leaf.verdict == "permit"
        state.clauses = leaf.clauses or ()
        state.facts = facts
        if leaf.token:
            state.token = leaf.token
            self._tokens.issued(leaf.token, self._log, index)

    def _mark(self, index: int, leaf: Leaf) -> None:
        if leaf.released_bytes is UNSET:
            self._said.wrong(index, "a MARK says how many bytes were released")
            return
        if (state := self._state(index, leaf)) is None:
            return
        if not state.passed:
            self._said.missing(index, f"{leaf.released_bytes} bytes left without a PASS", Topic.PASSED)
        self._more_left(index, leaf.released_bytes, state, bounded=True)
        state.marks += 1

    def _hold(self, index: int, leaf: Leaf) -> None:
        if leaf.hold is UNSET or leaf.case is UNSET:
            self._said.wrong(index, "a HOLD names its hold and its case")
        self._state(index, leaf)

    def _touched(self, index: int, leaf: Leaf) -> None:
        """An exchange that was read once more has ended; and what was not read has no exchange."""
        if leaf.what == UNREAD:
            if leaf.exchange or not leaf.unread:
                self._said.wrong(
                    index, "a TOUCHED of what was not read says how many there were, and names no exchange"
                )
            for why, count in (leaf.unread or {}).items():
                self._recounting.tally("unread", why, count)
        elif leaf.what not in READ or not leaf.exchange:
            self._said.wrong(index, "a TOUCHED names its exchange, and whether all of it was read")
        elif not self._is_closed(leaf.exchange):
            self._said.missing(index, f"exchange {shown(leaf.exchange)} was read once more, which has not ended")
        else:
            self._recounting.tally("read", leaf.what)

    def _outcome(self, index: int, leaf: Leaf) -> None:
        outcome = leaf.outcome
        if outcome is UNSET or leaf.refusal_class is UNSET:
            self._said.wrong(index, "an OUTCOME says how the attempt ended, and why")
            return
        released = leaf.released_bytes or 0
        verdict = leaf.verdict or "none"
        self._recounting.ended(outcome, leaf.refusal_class, verdict, released, leaf.clauses or ())
        if outcome is not _LOST:
            self._check_end(index, leaf, outcome, released, verdict)
        if (state := self._state(index, leaf)) is None:
            if released:
                self._said.missing(index, f"{released} bytes left without a PASS", Topic.PASSED)
            return
        exchange = leaf.exchange or ""
        del self.open[exchange]
        self._closed.add(exchange)
        if state.token:
            self._tokens.ended(state.token, outcome, max(released, state.marked))
        if outcome is _LOST:
            self._lost(index, leaf, state)
            return
        sent = outcome in _SENT
        given = (
            outcome is _COMPLETED and leaf.case is not UNSET
        )  # what a hold kept (audit_holds.py): no model was asked
        if given and state.passed:
            self._said.wrong(index, "an answer that a hold kept is given out, though a model was asked", Topic.PASSED)
        elif (sent or released) and not state.passed and not given:
            self._said.missing(
                index, f"the exchange is {outcome.value}, with {released} bytes released, without a PASS", Topic.PASSED
            )
        self._more_left(index, released, state, bounded=outcome is not _COMPLETED)

    def _check_end(self, index: int, leaf: Leaf, outcome: Outcome, released: int, verdict: str) -> None:
        """What an OUTCOME says must fit together: its kind, its class and its verdict."""
        if leaf.verdict is UNSET or leaf.clauses is UNSET or leaf.released_bytes is UNSET:
            self._said.wrong(index, "an OUTCOME names its verdict, its clauses and the bytes released")
        if outcome is _COMPLETED and verdict != "permit":
            self._said.wrong(index, f"completed, though the verdict is {verdict}", Topic.PASSED)
        if (outcome is _HELD) != (verdict == "hold"):
            self._said.wrong(index, f"the outcome is {outcome.value} and the verdict {verdict}")
        if (leaf.refusal_class is _POLICY) != (verdict == "deny"):
            self._said.wrong(index, f"the class is {leaf.refusal_class or ''} and the verdict {verdict}")
        if leaf.refusal_class is _REGISTRATION and (outcome, verdict) != (_REFUSED, "none"):
            # Decided by closed lists before any fact was known: there is no verdict yet, and nothing may have left.
            self._said.wrong(index, f"outside its registration, yet {outcome.value} with the verdict {verdict}")
        if outcome is _REFUSED and released:
            self._said.wrong(index, f"refused, though {released} bytes were released")

    def _lost(self, index: int, leaf: Leaf, state: OpenExchange) -> None:
        if leaf.epoch_lost != state.epoch or leaf.epoch <= state.epoch:
            self._said.wrong(
                index, f"lost from boot epoch {leaf.epoch_lost or 0}; the attempt was made in epoch {state.epoch}"
            )
        if self._header.serving:
            self._said.wrong(index, "lost was written after this boot began to serve")
        if state.passed:
            self._recounting.lost_max += state.marked + WINDOW_BYTES
        self._said.note(index, f"exchange {shown(leaf.exchange)} was lost in a crash: {_what_left(state)}")

    def _state(self, index: int, leaf: Leaf) -> OpenExchange | None:
        """The open exchange that a record belongs to, or ``None`` once it is said why there is none."""
        if not leaf.exchange:
            self._said.wrong(index, f"a record of kind {leaf.kind.value} names no exchange")
            return None
        state = self.open.get(leaf.exchange)
        if state is None:
            if self._is_closed(leaf.exchange):
                self._said.wrong(index, f"{leaf.kind.value} after the OUTCOME of exchange {shown(leaf.exchange)}")
            else:
                self._said.missing(
                    index, f"{leaf.kind.value} of exchange {shown(leaf.exchange)}, which has no ATTEMPT"
                )
            return None
        if leaf.outcome is _LOST:
            return state  # a later boot wrote it, and knows of no terms
        if leaf.epoch != state.epoch:
            self._said.wrong(index, f"its exchange began in boot epoch {state.epoch} and cannot outlive that boot")
        if leaf.agreement != state.agreement or leaf.release != state.release:
            self._said.wrong(index, "it names another agreement or release than the ATTEMPT of its exchange")
        return state

    def _more_left(self, index: int, released: int, state: OpenExchange, *, bounded: bool) -> None:
        if released < state.marked:
            self._said.wrong(index, f"{released} bytes released, though {state.marked} had left before")
        elif bounded and released - state.marked > WINDOW_BYTES:
            self._said.missing(
                index,
                f"{released - state.marked} bytes left without a MARK; at most {WINDOW_BYTES} may",
            )
        state.marked = max(state.marked, released)

    def _is_closed(self, exchange: str) -> bool:
        return exchange in self._closed or (bool(self._closed_before) and exchange in self._closed_before)


def _what_left(state: OpenExchange) -> str:
    """What was allowed of an exchange that has no end, and how much left."""
    if not state.passed:
        return "no PASS: nothing was sent to a model, and nothing left"
    under = shown(", ".join(state.clauses) or "no clause")
    facts = ", ".join(f"{name}={value}" for name, value in state.facts)
    least = f"at least {state.marked:,} and " if state.marks else ""
    said = f"permitted under {under}; {least}at most {state.marked + WINDOW_BYTES:,} bytes left"
    return said + (f"; the facts were {shown(facts, 2_000)}" if facts else "")
