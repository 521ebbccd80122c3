# SPDX-License-Identifier: Apache-2.0
"""What people released, against what they decided: nothing by fewer than were asked for, too late, or twice.

Gateways say in public which cases they opened, of how many persons of which office each needs, until when; which holds
an exchange went on by; and that an answer which was kept is given out. The registry says which decisions were logged
for which case and office, and what was used by which exchange. So each can be recounted from both:

1. a HOLD has all its parts before the exchange ends as held (two workers may open one case at one moment, and then
   say the same of it);
2. an answer is given out once, by the exchange that the registry says used it, after as many of each office had
   decided as its HOLD asks for, before the hold had expired;
3. an exchange goes on by a hold only after somebody had decided it, as many of one office as it asks for;
4. a decision is about a case that some log has.

Who decided, and what, is committed. Whoever may open the registry and has the installation is told too whether they
were different persons, of as many organisations as were asked for, on the roster and cleared, with the role that an
appeal needs: what they signed is counted again (``audit_people.People``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import UNSET

from brightline.core.evidence.audit_findings import Claim, Findings, Topic, several, shown
from brightline.core.evidence.audit_memory import HeldMemory, HoldsMemory, SaidOfHold
from brightline.core.evidence.audit_people import People
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf, logged_at
from brightline.core.evidence.record import Outcome, RecordKind

CASES_MAX: Final = 1_000_000
_ANSWER: Final = "answer"
_NOT_HERE: Final = "the registry, which says what people decided and what was used, is not among these logs"


class KnownHolds:
    """What the logs of an installation say of holds. ``logs`` is how many of them are read, one after the other."""

    def __init__(self, logs: int = 1) -> None:
        self.to_close = logs
        self.registry = False
        self.whole = False  # every log that the combined heads name is here
        self.full = False
        self.decided: dict[str, list[tuple[int, str]]] = {}  # by case: when (Unix seconds), and for which office
        self.of_hold: dict[str, set[str]] = {}  # the cases of a hold that somebody decided
        self.used: dict[tuple[str, str], str] = {}  # by case and use: the exchange
        self.held: dict[str, HeldMemory] = {}  # by case
        self.given: dict[str, str] = {}  # by case: the exchange
        self.open: list[tuple[str, SaidOfHold]] = []  # where, and what hangs on a HOLD that was not read yet
        self.doubts: list[str] = []  # of other logs, told with the last one
        self.people: People | None = None  # who counts again what was signed, where that can be opened

    def room(self) -> bool:
        """Whether more can be remembered; where not, that is told."""
        self.full |= len(self.decided) + len(self.held) + len(self.used) + len(self.given) >= CASES_MAX
        return not self.full

    def in_time(self, case: str, before: int) -> dict[str, int]:
        """How many decisions were logged for a case by offices, while it was open and before a time."""
        held = self.held.get(case)
        counts: dict[str, int] = {}
        for unix, office in self.decided.get(case, ()):
            if unix <= before and (held is None or unix < held.expires):
                counts[office] = counts.get(office, 0) + 1
        return counts


class HoldAudit:
    """One log: what it says of holds is kept for all, and what it let through is compared with that."""

    def __init__(self, known: KnownHolds, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._origin = ""
        self._parts: dict[str, tuple[str, int, int]] = {}  # by exchange: case, parts so far, parts in all
        self._held: list[HeldMemory] = []
        self._said: list[SaidOfHold] = []  # what went through here
        self._decided: list[tuple[str, str, int, str]] = []
        self._used: list[tuple[str, str, str]] = []
        self._last = False

    def open(self, origin: str) -> None:
        """Say whose log it is."""
        self._origin = origin
        self._known.registry |= origin.rpartition("/")[2] == REGISTRY_SHARD

    def memory(self) -> HoldsMemory:
        """What the next visit goes on from."""
        parts = tuple((exchange, *state) for exchange, state in self._parts.items())
        return HoldsMemory(parts, tuple(self._held), tuple(self._said), tuple(self._decided), tuple(self._used))

    def resume(self, earlier: HoldsMemory) -> None:
        """Go on from where an earlier visit ended: compare what went through then with what is known now."""
        self._parts = {exchange: (case, done, parts) for exchange, case, done, parts in earlier.parts}
        for held in earlier.held:
            self._hold(-1, held)
        for case, hold, unix, office in earlier.decided:
            self._decide(case, hold, unix, office)
        for case, use, by in earlier.used:
            self._use(-1, case, use, by)
        for said in earlier.said:
            self._let_through(said)

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            match leaf.kind:
                case RecordKind.OUTCOME if leaf.case is not UNSET or leaf.exchange in self._parts:
                    self._ended(index, leaf)
                case RecordKind.PASS if leaf.holds is not UNSET:
                    self._let_through(self._of(index, leaf, "", tuple(leaf.holds)))
                case RecordKind.HOLD:
                    self._part(index, leaf)
                case RecordKind.CASE if leaf.case and leaf.hold and not leaf.part:
                    self._hold(index, _held(leaf))  # opened for people by no hold; every worker may say so
                case RecordKind.DECISION if leaf.case and leaf.hold:
                    self._decide(leaf.case, leaf.hold, logged_at(leaf.time), leaf.office or "")
                case RecordKind.USED if leaf.case and leaf.use and leaf.by:
                    self._use(index, leaf.case, leaf.use, leaf.by)
                case _:
                    pass

    # ---- what is said of holds ------------------------------------------------------------------------------------

    def _part(self, index: int, leaf: Leaf) -> None:
        if not leaf.case or not leaf.hold or not leaf.exchange:
            return  # that is contradicted where records are looked at one by one
        part, parts = leaf.part or 0, leaf.parts or 0
        case, done, whole = self._parts.get(leaf.exchange, (leaf.case, 0, parts))
        if (case, part, whole) != (leaf.case, done, parts) or part >= parts:
            self._wrong(index, f"part {part} of {parts} of a HOLD where part {done} of {whole} is expected")
        self._parts[leaf.exchange] = leaf.case, part + 1, parts
        if not part:
            self._hold(index, _held(leaf))

    def _hold(self, index: int, held: HeldMemory) -> None:
        """A case is called by the digest of all that it asks for, so whoever opens it again says the same of it."""
        if self._known.room():
            if self._known.held.setdefault(held.case, held) != held and index >= 0:
                self._wrong(index, f"the case {shown(held.case)} is opened again, and asks for something else")
            self._held.append(held)

    def _decide(self, case: str, hold: str, unix: int, office: str) -> None:
        if self._known.room():
            self._known.decided.setdefault(case, []).append((unix, office))
            self._known.of_hold.setdefault(hold, set()).add(case)
            self._decided.append((case, hold, unix, office))

    def _use(self, index: int, case: str, use: str, by: str) -> None:
        known = self._known
        if (case, use) in known.used and index >= 0:
            message = f"what people released in the case {shown(case)} is used a second time"
            self._wrong(index, message)
            known.doubts.append(f"{shown(self._origin)}, {self._findings.record(index)}: {message}")
        if known.room():
            known.used.setdefault((case, use), by)
            self._used.append((case, use, by))

    # ---- what went through ---------------------------------------------------------------------------------------

    def _ended(self, index: int, leaf: Leaf) -> None:
        exchange = leaf.exchange or ""
        _, done, parts = self._parts.pop(exchange, ("", 0, 0))
        if done < parts and leaf.outcome is Outcome.HELD:
            self._wrong(index, f"held, with {done} of the {parts} parts that people are to look at")
        if leaf.case and leaf.outcome is Outcome.COMPLETED:
            self._let_through(self._of(index, leaf, leaf.case, (leaf.hold or "",)))

    def _of(self, index: int, leaf: Leaf, case: str, holds: tuple[str, ...]) -> SaidOfHold:
        return SaidOfHold(index, leaf.exchange or "", case, holds, logged_at(leaf.time))

    def _let_through(self, said: SaidOfHold) -> None:
        known = self._known
        if known.room():
            self._said.append(said)
        if said.case and known.given.setdefault(said.case, said.exchange) != said.exchange:
            self._wrong(said.index, f"the answer that case {shown(said.case)} keeps is given out a second time")
        if not known.registry:
            self._findings.not_shown(Topic.HELD, self._findings.record(said.index), _NOT_HERE)
            return
        if said.case and known.used.get((said.case, _ANSWER)) != said.exchange:
            self._wrong(said.index, "an answer that was held is given out, and no USED in the registry says so")
        undecided = [hold for hold in said.holds if not known.of_hold.get(hold)]
        if undecided:
            self._wrong(said.index, f"it goes on by the hold {shown(undecided[0])}, which nobody decided")
        elif self._all_read(said):
            self._recount(said, self._findings.record(said.index))
        else:
            known.open.append((f"{shown(self._origin)}, {self._findings.record(said.index)}", said))

    def _cases(self, said: SaidOfHold, hold: str) -> set[str]:
        return {said.case} if said.case else self._known.of_hold.get(hold, set())

    def _all_read(self, said: SaidOfHold) -> bool:
        return all(self._cases(said, hold) <= self._known.held.keys() for hold in said.holds)

    def _recount(self, said: SaidOfHold, place: str) -> None:
        for hold in said.holds:
            met = [case for case in self._cases(said, hold) if self._met(case, said)]
            if not met:
                message = f"it goes on by the hold {shown(hold)}, for which too few had decided before it expired"
                self._findings.contradict(Topic.HELD, place, message)
            elif not any(self._signed(case, said) for case in met):
                message = (
                    f"it goes on by the hold {shown(hold)}, which those who signed and may decide it do not settle"
                )
                self._findings.contradict(Topic.HELD, place, message)

    def _met(self, case: str, said: SaidOfHold) -> bool:
        """Whether enough had decided: of each office, for an answer; of one, where they settled only a part."""
        held = self._known.held.get(case)
        if held is None:
            return False
        counts = self._known.in_time(case, said.unix)
        enough = [counts.get(office, 0) >= wanted for office, wanted in held.wanted]
        return bool(enough) and (all(enough) if said.case else any(enough))

    def _signed(self, case: str, said: SaidOfHold) -> bool:
        people = self._known.people
        return people is None or people.enough(case, said.unix, whole=bool(said.case))

    # ---- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Say what is left to say; with the last log, what only all of them together show."""
        known = self._known
        known.to_close -= 1
        self._last = known.to_close <= 0
        if not self._last:
            return
        for doubt in known.doubts:
            self._findings.contradict(Topic.HELD, "", doubt)
        for place, said in known.open:
            if self._all_read(said):
                self._recount(said, place)
            else:
                self._missing(place, "it goes on by a hold of which no log here has the case")
        strays = known.decided.keys() - known.held.keys()
        if strays:
            self._missing("", f"{len(strays)} cases were decided that no log here has, {shown(min(strays))} first")
        if known.full:
            self._findings.not_shown(Topic.HELD, "", f"more than {CASES_MAX:,} cases: not all were compared")

    def claims(self) -> Iterator[Claim]:
        """The claim, where something was held or decided."""
        known = self._known
        anything = known.held or known.given or known.decided or known.used
        if self._held or self._said or self._used or (self._last and anything):
            opened = several(len(self._held), "case")
            proof = f"{opened} opened; {len(self._said):,} went on by what people had said, each in turn"
            yield self._findings.claim(Topic.HELD, proof)

    def _missing(self, place: str, message: str) -> None:
        if self._known.whole:
            self._findings.contradict(Topic.HELD, place, message)
        else:
            self._findings.not_shown(Topic.HELD, place, f"{message} (not every log of the installation is here)")

    def _wrong(self, index: int, message: str) -> None:
        self._findings.contradict(Topic.HELD, self._findings.record(index), message)


def _held(leaf: Leaf) -> HeldMemory:
    wanted = tuple(sorted((leaf.wanted or {}).items()))
    return HeldMemory(leaf.hold or "", leaf.case or "", leaf.expires or 0, wanted)
