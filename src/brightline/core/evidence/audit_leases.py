# SPDX-License-Identifier: Apache-2.0
"""Leases, against what was let through: no PASS without one in force, and none under one whose grounds were revoked.

A node writes an ATTESTED record before a lease is in force, in its own log, so that order comes from the index. A
lease counts in its boot epoch, until the time that its record names, and a later one takes its place. The registry
says publicly, by digest, what was revoked and when; a node has ``LAG_SECONDS`` to hear of that. A PASS that a slow
disk made durable after the end is no fault if its OUTCOME says that nothing was served: then nothing was sent.

A key broker's log has no permits: there each KEYS record is as a lease of the machine that was handed keys.

That a record names evidence does not show what the evidence says: whoever may open the record verifies it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from brightline.core.attestation.claims import Counters
from brightline.core.attestation.lease import DEVELOPMENT, LEASE_SECONDS_MAX
from brightline.core.attestation.revocation import LAG_SECONDS
from brightline.core.evidence.audit_findings import Claim, Findings, Topic, several, shown
from brightline.core.evidence.audit_memory import LeaseMemory, StatedLease, StatedRevocation
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass, unix_of

HANDED: Final = "handed"
REFUSED: Final = "refused"
NONCES_MAX: Final = 100_000
REVOCATIONS_MAX: Final = 10_000
LATE_MAX: Final = 10_000
SERVED_NOT: Final = frozenset({RefusalClass.UNAVAILABLE, RefusalClass.HALTED, RefusalClass.SUSPENDED})


class KnownRevocations:
    """What the registry says was revoked; shared by all logs of an installation."""

    def __init__(self) -> None:
        self.by_id: dict[str, StatedRevocation] = {}

    def enter(self, leaf: Leaf, *, fresh: bool) -> bool:
        """Take in an ATTESTATION record. Returns whether it says what such a record must."""
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return False
        for ended in leaf.ends or ():
            if (said := self.by_id.get(ended)) is not None and not said.ended:
                said.ended = unix
        if leaf.ends or leaf.policy:
            return True
        if not leaf.revocation or not leaf.name:
            return False
        if len(self.by_id) < REVOCATIONS_MAX:
            self.by_id.setdefault(leaf.revocation, StatedRevocation(leaf.revocation, leaf.name, unix, fresh=fresh))
        return True

    def ending(self, lease: StatedLease, unix: int) -> StatedRevocation | None:
        """The revocation by which this lease must have ended by then, if there is one."""
        for said in self.by_id.values():
            known = said.begun + LAG_SECONDS < unix and (not said.ended or unix < said.ended - LAG_SECONDS)
            if known and said.name in lease.rests_on:
                return said
        return None


class LeaseAudit:
    """One log under the leases that it states, and under what the registry says was revoked."""

    def __init__(self, known: KnownRevocations, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._stated: list[Leaf] = []
        self._lease: StatedLease | None = None
        self._late: dict[str, tuple[int, str]] = {}  # exchanges with a PASS that came late: its index, and why
        self._leases = self._passes = self._unleased = 0
        self._for_development = False
        self._keys: frozenset[str] = frozenset()
        self._handed = 0
        self._counters: dict[str, Counters] = {}  # of each TPM, by the digest of its key
        self._uses = 0  # of tokens, in a guard's log
        self._nonces: set[str] = set()  # of keys that were handed over

    def open(self, keys: Sequence[VerifierKey]) -> None:
        """Say which keys sign for this log."""
        self._keys = frozenset(key.public_key.hex() for key in keys)

    def memory(self) -> LeaseMemory:
        """What the next visit goes on from."""
        stated = tuple(
            (leaf.time, leaf.revocation or "", leaf.name or "", leaf.ends or (), leaf.policy or "")
            for leaf in self._stated
        )
        late = tuple((name, index, why) for name, (index, why) in self._late.items())
        counted = (self._leases, self._passes, self._unleased)
        told = {key: (each.resets, each.restarts, each.clock) for key, each in self._counters.items()}
        return LeaseMemory(stated, self._lease, late, counted, self._for_development, self._handed, self._uses, told)

    def resume(self, earlier: LeaseMemory, time: str) -> None:
        """Go on from where an earlier visit ended; ``time`` is that of the last record that it read."""
        for said_at, revocation, name, ends, policy in earlier.stated:
            leaf = _leaf(said_at, revocation, name, ends, policy)
            self._stated.append(leaf)
            self._known.enter(leaf, fresh=False)
        self._lease, self._for_development = earlier.lease, earlier.for_development
        self._late = {name: (index, why) for name, index, why in earlier.late}
        self._leases, self._passes, self._unleased = earlier.counted
        self._handed, self._uses = earlier.handed, earlier.used
        self._counters = {key: Counters(*each) for key, each in earlier.counters.items()}
        if earlier.stated or not time or not self._leases:
            return
        now = unix_of(time)
        unseen = [said for said in self._known.by_id.values() if said.fresh and said.begun + LAG_SECONDS < now]
        if unseen:
            said = f"the revocation {shown(unseen[0].id)} was not here on an earlier visit; read everything anew"
            self._findings.not_shown(Topic.LEASED, "", said)

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            if leaf.kind is RecordKind.PASS:
                self._pass(index, leaf)
            elif leaf.kind is RecordKind.OUTCOME:
                if self._late and leaf.exchange in self._late:
                    self._ended(*self._late.pop(leaf.exchange), leaf)
            elif leaf.kind is RecordKind.ATTESTED:
                self._attested(index, leaf)
            elif leaf.kind is RecordKind.CONSUMED:
                self._used(index, leaf)
            elif leaf.kind is RecordKind.KEYS:
                self._handed_over(index, leaf)
            elif leaf.kind is RecordKind.ATTESTATION:
                self._stated.append(leaf)
                if not self._known.enter(leaf, fresh=True):
                    message = "an ATTESTATION names a policy, what is revoked, or the revocations that it ends"
                    self._findings.contradict(Topic.LEASED, self._findings.record(index), message)

    def _attested(self, index: int, leaf: Leaf) -> None:
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return  # what is no time is contradicted where records are looked at one by one
        place = self._findings.record(index)
        self._leases += 1
        if not (leaf.expires and leaf.evidence and leaf.policy and leaf.nonce) or not isinstance(
            leaf.production, bool
        ):
            self._findings.contradict(
                Topic.LEASED,
                place,
                "an ATTESTED names its nonce, evidence, policy and end, and if it is for production",
            )
            return
        if leaf.expires > unix + LEASE_SECONDS_MAX + LAG_SECONDS:
            said = f"a lease of {leaf.expires - unix} s; none is longer than {LEASE_SECONDS_MAX} s"
            self._findings.contradict(Topic.LEASED, place, said)
        if self._keys and self._keys.isdisjoint(leaf.keys or ()):
            said = (
                "what was shown is bound to other keys than the one that signs this log: it may be another machine's"
            )
            self._findings.contradict(Topic.LEASED, place, said)
        if self._lease is not None and self._lease.nonce == leaf.nonce:
            self._findings.contradict(Topic.LEASED, place, "a lease by the nonce of the one before it")
        if not leaf.production and leaf.profile != DEVELOPMENT:
            self._findings.contradict(Topic.LEASED, place, "a lease by what attests nothing, in a log for production")
        for key, numbers in (leaf.counters or {}).items():
            counters = Counters(*numbers)
            if (before := self._counters.get(key)) is not None and (why := counters.behind(before)):
                self._findings.contradict(Topic.LEASED, place, f"{why} in this log")
            self._counters[key] = counters
        self._for_development |= not leaf.production
        self._lease = StatedLease(leaf.epoch, leaf.expires, leaf.nonce, frozenset(leaf.rests_on or ()))

    def _used(self, index: int, leaf: Leaf) -> None:
        """A guard lets nothing through without a lease of its own; in development it may have none at all."""
        lease = self._lease
        if not self._leases and leaf.profile == DEVELOPMENT:
            return
        self._uses += 1
        if lease is None or lease.epoch != leaf.epoch:
            wrong = "a token was used before any lease of the guard's in its boot epoch"
        else:
            try:
                unix = unix_of(leaf.time)
            except ValueError:
                return
            if unix > lease.expires + LAG_SECONDS:
                wrong = f"a token was used {unix - lease.expires} s after the guard's lease ended"
            elif (said := self._known.ending(lease, unix)) is not None:
                wrong = f"a token was used after what the guard's lease rests on was revoked ({shown(said.id)})"
            else:
                return
        self._findings.contradict(Topic.LEASED, self._findings.record(index), wrong)

    def _handed_over(self, index: int, leaf: Leaf) -> None:
        """Keys go to what was shown, for as long as a lease lasts, by a nonce of their own, or not at all."""
        if leaf.what == REFUSED:
            return
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return
        self._handed += 1
        for wrong in self._wrongly_handed(leaf, unix):
            self._findings.contradict(Topic.LEASED, self._findings.record(index), wrong)

    def _wrongly_handed(self, leaf: Leaf, unix: int) -> Iterator[str]:
        if leaf.what != HANDED or not isinstance(leaf.production, bool):
            yield "a KEYS says if keys were handed over or refused, and if it is for production"
            return
        if not (leaf.expires and leaf.evidence and leaf.policy and leaf.nonce):
            yield "a KEYS names its nonce, evidence, policy and end"
            return
        if leaf.expires > unix + LEASE_SECONDS_MAX + LAG_SECONDS:
            yield f"keys for {leaf.expires - unix} s; no lease is longer than {LEASE_SECONDS_MAX} s"
        if leaf.nonce in self._nonces:
            yield "keys by a nonce that was used before"
        if len(self._nonces) < NONCES_MAX:
            self._nonces.add(leaf.nonce)
        if not leaf.production and leaf.profile != DEVELOPMENT:
            yield "keys for what attests nothing, in a log for production"
        lease = StatedLease(leaf.epoch, leaf.expires, leaf.nonce, frozenset(leaf.rests_on or ()))
        if (said := self._known.ending(lease, unix)) is not None:
            yield f"keys more than {LAG_SECONDS} s after what they rest on was revoked ({shown(said.id)})"

    def _pass(self, index: int, leaf: Leaf) -> None:
        self._passes += 1
        lease = self._lease
        if lease is None or lease.epoch != leaf.epoch:
            if not self._leases and leaf.profile == DEVELOPMENT:
                self._unleased += 1  # a log from before there were leases; told once, at the end
            else:
                self._call_late(index, leaf, "a PASS before any lease of its boot epoch")
            return
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return
        if unix > lease.expires + LAG_SECONDS:
            self._call_late(index, leaf, f"a PASS {unix - lease.expires} s after the lease ended")
        elif self._known.by_id and (said := self._known.ending(lease, unix)) is not None:
            why = f"a PASS more than {LAG_SECONDS} s after what its lease rests on was revoked ({shown(said.id)})"
            self._call_late(index, leaf, why)

    def _call_late(self, index: int, leaf: Leaf, why: str) -> None:
        if leaf.exchange and len(self._late) < LATE_MAX:
            self._late[leaf.exchange] = (index, why)

    def _ended(self, index: int, why: str, leaf: Leaf) -> None:
        place = self._findings.record(index)
        if leaf.outcome is Outcome.LOST:
            self._findings.not_shown(
                Topic.LEASED, place, f"{why}; a crash ended it, and nobody can tell if it was sent"
            )
        elif leaf.refusal_class not in SERVED_NOT:
            self._findings.contradict(Topic.LEASED, place, f"{why}, and the exchange went on")

    def close(self) -> None:
        """Say which late ones have no end yet, and what was let through before there were leases."""
        for index, why in self._late.values():
            self._findings.not_shown(Topic.LEASED, self._findings.record(index), f"{why} has no OUTCOME yet")
        if self._unleased:
            said = f"{self._unleased:,} permits of a development log that names no lease before them"
            self._findings.not_shown(Topic.LEASED, "", said)

    def claims(self) -> Iterator[Claim]:
        """The claim, for a log that lets anything through or states a lease."""
        if self._handed:
            yield self._findings.claim(
                Topic.LEASED, f"keys were handed over {self._handed:,} times, to what was shown"
            )
            return
        if not self._passes and not self._leases and not self._uses:
            return
        whose = "; some of them by what attests nothing" if self._for_development else ""
        what = f"{several(self._uses, 'token')} used" if self._uses else several(self._passes, "permit")
        yield self._findings.claim(Topic.LEASED, f"{what} under {several(self._leases, 'lease')}{whose}")


def _leaf(time: str, revocation: str, name: str, ends: tuple[str, ...], policy: str) -> Leaf:
    """An ATTESTATION record as far as it is remembered."""
    return Leaf(
        commitments=(),
        ends=ends,
        epoch=0,
        kind=RecordKind.ATTESTATION,
        name=name,
        policy=policy,
        profile="",
        revocation=revocation,
        seq=0,
        shard="",
        time=time,
        v=1,
    )
