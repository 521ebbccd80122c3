# SPDX-License-Identifier: Apache-2.0
"""The books: what the records of one shard must say together, and the recount.

1. each record by itself names its shard, its profile, its own index, a time and a boot   (audit_headers.py)
2. it says what its kind must say: here, and of exchanges in the next
3. the records of an exchange fit together, and boots close what crashes left open        (audit_exchanges.py)
4. all of it is counted                                                                   (recount.py)

A record is canonical JSON of a known kind (``leaf.py``); order comes from the index, never from the time. Nothing here
reads a clock.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import UNSET

from brightline.core.evidence.audit_exchanges import ExchangeAudit
from brightline.core.evidence.audit_findings import BookFindings, Findings, Topic
from brightline.core.evidence.audit_headers import HeaderAudit
from brightline.core.evidence.audit_memory import BooksMemory
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.recount import Recount, Recounting

# What speaks for a whole installation, and in whose log alone it does: elsewhere it would be one node's word.
_SPEAKS_IN: Final = {
    RecordKind.ATTESTATION: REGISTRY_SHARD,
    RecordKind.DECISION: REGISTRY_SHARD,
    RecordKind.ENROLMENT: REGISTRY_SHARD,
    RecordKind.HALT: REGISTRY_SHARD,
    RecordKind.HEAD: HEADS_SHARD,
    RecordKind.HUNT: REGISTRY_SHARD,
    RecordKind.RELEASE: REGISTRY_SHARD,
    RecordKind.SEAL: REGISTRY_SHARD,
    RecordKind.USED: REGISTRY_SHARD,
}


class BooksAudit:
    """Takes the records in order, each with its index, and says at :meth:`close` what remains to be said."""

    def __init__(self, findings: Findings, shard: str, tokens: TokenBooks, origin: str = "") -> None:
        self._said = said = BookFindings(findings)
        self._tokens = tokens
        self._shard = shard
        self._log = tokens.log(origin or shard, findings.record)
        self._header = HeaderAudit(said, shard)
        self._recounting = Recounting()
        self._exchanges = ExchangeAudit(said, self._header, self._recounting, tokens, self._log)
        self._kinds: Final = self._recounting.kinds

    def memory(self) -> BooksMemory:
        """Where these books stand, for the next visit; worth something only if nothing was contradicted or skipped."""
        header, exchanges, counted = self._header, self._exchanges, self._recounting
        return BooksMemory(
            shard=header.shard,
            profile=header.profile,
            time=header.time,
            epoch=header.epoch,
            serving=header.serving,
            open=dict(exchanges.open),
            closed=exchanges.closed,
            kinds={kind.value: count for kind, count in counted.kinds.items()},
            ends=tuple((end.value, why.value, said, count) for (end, why, said), count in counted.ends.items()),
            tallies={what: dict(tally) for what, tally in counted.tallies.items()},
            released=counted.released,
            lost_max=counted.lost_max,
            shredded=counted.shredded,
        )

    def resume(self, earlier: BooksMemory) -> None:
        """Go on from where an earlier visit ended."""
        self._header.resume(earlier)
        self._exchanges.resume(earlier)
        self._recounting.resume(earlier)

    def skip(self, count: int) -> None:
        """So many records cannot be believed; what they said is not held against those that follow."""
        self._said.skip(count)

    def enter(self, index: int, leaf: Leaf, facts: tuple[tuple[str, str], ...] = ()) -> None:
        """Enter one record; ``facts`` are those that a disclosure opened."""
        self._header.enter(index, leaf)
        self._kinds[leaf.kind] += 1
        if not self._exchanges.enter(index, leaf, facts):
            self._other(index, leaf)

    def close(self) -> Recount:
        """Look at what is still open, and recount."""
        self._exchanges.close()
        attempts, outcomes = self._kinds[RecordKind.ATTEMPT], self._kinds[RecordKind.OUTCOME]
        open_ = len(self._exchanges.open)
        if attempts != outcomes + open_:
            self._said.missing_at(
                "checkpoint", f"{attempts} attempts are not {outcomes} outcomes and {open_} open ones"
            )
        return self._recounting.recount(open_)

    def close_sealed(self) -> int:
        """A peer ended this log: say of each attempt that is open, and stays so, what may have left. How many."""
        return self._exchanges.close_sealed()

    def _other(self, index: int, leaf: Leaf) -> None:
        """A record that belongs to no exchange of this log."""
        if (alone := _SPEAKS_IN.get(leaf.kind)) is not None and alone != self._shard:
            self._said.wrong(index, f"a {leaf.kind} counts in the log {alone!r} alone", Topic.RECORDS)
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
                    self._recounting.tally("without_record", reason, count)
            case RecordKind.WORKLOAD | RecordKind.RELEASE | RecordKind.STANDING | RecordKind.DEMAND:
                pass  # they belong to no exchange; the audit of the registers reads them
            case RecordKind.SHRED:
                self._shred(index, leaf)
            case RecordKind.REVIEW:
                pass  # in the registry: what it says is for those who look at people's work
            case RecordKind.CASE | RecordKind.DECISION | RecordKind.REVEAL:
                if leaf.hold is UNSET or leaf.case is UNSET:
                    self._said.wrong(index, f"a {leaf.kind} names its hold and its case")
            case RecordKind.HALT:
                pass  # in the registry: what was let through is compared with it (audit_halts.py)
            case RecordKind.USED:
                if not leaf.hold or not leaf.case or not leaf.by or not leaf.use:
                    self._said.wrong(index, "a USED names its hold, its case, the exchange, and what was used")
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
                    self._said.wrong(index, "an OBSERVED names its agreement, release and verdict")
            case RecordKind.ADMISSION | RecordKind.KEYS:  # in the logs of a guard and of a key broker
                if not leaf.what:
                    self._said.wrong(index, f"the record {leaf.kind} says what was done")
            case RecordKind.CONSUMED:  # in a guard's log
                if not leaf.token:
                    self._said.wrong(index, "a CONSUMED names its token")
                else:
                    self._tokens.consumed(leaf.token, self._log, index)
            case _ as never:
                assert_never(never)

    def _shred(self, index: int, leaf: Leaf) -> None:
        """Only what is in the log can be destroyed, and never by a record that comes before it."""
        for first, last in leaf.ranges or ():
            if not first <= last < leaf.seq:
                self._said.wrong(index, f"a SHRED of the records {first} to {last}, which do not stand before it")
            else:
                self._recounting.shredded += last - first + 1
