# SPDX-License-Identifier: Apache-2.0
"""One agreement as definitions of SMT-LIB 2.6, and a solver's answer back as facts and approvals.

Everything is Boolean (logic QF_UF without functions). Of a fact a condition sees only whether it is good, so two
variables say all of it: ``good`` and ``unknown``; neither is bad. Of approvals it sees only thresholds: one variable
for each that is asked for, with axioms such as "who has reached three has reached two". The verdict is defined as
``decide`` makes it: available; permitted; and permitted at the best completion, where unknowns that people may settle
are good and approvals are at their caps.

Whatever this cannot say exactly is refused, never skipped.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias, assert_never

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import NEVER, And, Approvals, Compare, Condition, Not, Or, leaves, write
from brightline.core.agreement.worlds import MatchedFact
from brightline.core.errors import AgreementError
from brightline.core.facts import BAD_RANK, GOOD_RANK, UNKNOWN, UNKNOWN_RANK, Facts, Vocabulary

Thresholds: TypeAlias = Mapping[str, tuple[int, ...]]


class _Reading(enum.Enum):
    """How a condition looks at what is not known."""

    AS_IT_IS = enum.auto()  # unknown is not good
    AT_BEST = enum.auto()  # what people may settle is good unless it is bad, and all have approved
    KNOWN = enum.auto()  # only what is known bad is not good


class Side(msgspec.Struct, frozen=True, dict=True):
    """An agreement looking at a request.

    ``label`` names its definitions, ``stems`` the variables of each of its facts, and ``copy`` is put before the
    variables of approvals where a script speaks of two requests.
    """

    label: str
    agreement: Agreement
    stems: Mapping[str, str]
    copy: str = ""

    # -- what a script may speak of

    def good(self, fact: str) -> str:
        """The variable of a fact being good."""
        return symbol(self.stems[fact], ".good")

    def unknown(self, fact: str) -> str:
        """The variable of a fact being unknown."""
        return symbol(self.stems[fact], ".unknown")

    def reached(self, office: str, count: int) -> str:
        """The variable of so many people of an office having approved."""
        return symbol(self.copy, f"approvals.{office}>={count}")

    def clause(self, clause: Clause) -> str:
        """A clause standing in the way or, of a grant, holding."""
        return symbol(self.label, f" clause {clause.id}")

    @property
    def available(self) -> str:
        """Nothing that only the installation states is unknown."""
        return symbol(self.label, " available")

    @property
    def permits(self) -> str:
        """The verdict is permit."""
        return symbol(self.label, " permits")

    @property
    def not_denied(self) -> str:
        """The verdict is permit or hold."""
        return symbol(self.label, " permits or holds")

    def holds(self, clause: Clause) -> str:
        """The condition of a clause holding, whatever may lift it."""
        return self._formula(clause.condition, _Reading.AS_IT_IS)

    def known(self, clause: Clause) -> str:
        """The condition of a clause holding by what is known bad alone."""
        return self._formula(clause.condition, _Reading.KNOWN)

    def says(self, verdict: Verdict) -> str:
        """The verdict being this one."""
        match verdict:
            case Verdict.PERMIT:
                return self.permits
            case Verdict.HOLD:
                return all_of([self.not_denied, negation(self.permits)])
            case Verdict.DENY:
                return all_of([self.available, negation(self.not_denied)])
            case Verdict.UNAVAILABLE:
                return negation(self.available)
            case _:
                assert_never(verdict)

    def exactly(self, facts: Facts, approvals: Mapping[str, int], counts: Thresholds) -> list[str]:
        """The request being this one; what is not there is unknown, and not approved."""
        ranks = {spec.name: spec.rank(facts.get(spec.name, UNKNOWN)) for spec in self.agreement.vocabulary.specs}
        said = [ranked(self.stems[name], rank) for name, rank in ranks.items()]
        for office, thresholds_of_office in counts.items():
            for count in thresholds_of_office:
                reached = self.reached(office, count)
                said.append(reached if approvals.get(office, 0) >= count else negation(reached))
        return said

    # -- its definitions

    def permitting(self) -> Iterator[str]:
        """Define ``available``, each clause and ``permits``."""
        known = [negation(self.unknown(name)) for name in self.agreement.installation_facts]
        yield f"; the {self.label} request: is it permitted?"
        yield _define(self.available, all_of(known))
        for clause in self.agreement.clauses:
            yield f"; {clause.id}, {clause.kind}: {_comment(clause)}"
            yield _define(self.clause(clause), self._stands(clause, _Reading.AS_IT_IS))
        yield _define(self.permits, _block("and", [self.available, *self._no_obstacle("")]))

    def denying(self) -> Iterator[str]:
        """Define each clause at the best completion, and ``permits or holds``; after ``permitting``."""
        specs = [spec for spec in self.agreement.vocabulary.specs if spec.settleable]
        yield f"; the {self.label} request at its best: settleable unknowns good, approvals at their caps"
        for spec in specs:
            yield _define(self._best(spec.name), one_of([self.good(spec.name), self.unknown(spec.name)]))
        for clause in self.agreement.clauses:
            yield _define(symbol(self.label, f" clause {clause.id} at best"), self._stands(clause, _Reading.AT_BEST))
        at_best = symbol(self.label, " permits at best")
        yield _define(at_best, _block("and", list(self._no_obstacle(" at best"))))
        yield _define(self.not_denied, all_of([self.available, one_of([self.permits, at_best])]))

    def _no_obstacle(self, suffix: str) -> Iterator[str]:
        named = {c.id: symbol(self.label, f" clause {c.id}{suffix}") for c in self.agreement.clauses}
        yield one_of([named[clause.id] for clause in self.agreement.grants])
        for clause in self.agreement.clauses:
            if clause.kind is not ClauseKind.GRANT:
                yield negation(named[clause.id])

    def _stands(self, clause: Clause, reading: _Reading) -> str:
        applies = self._formula(clause.condition, reading)
        if clause.kind is ClauseKind.GRANT or clause.that == NEVER:  # nothing lifts it
            return applies
        return all_of([applies, negation(self._formula(clause.that, reading))])

    def _formula(self, condition: Condition, reading: _Reading) -> str:
        match condition:
            case Compare():
                good = self._sees_good(condition, reading)
                return good if condition.equal else negation(good)
            case Approvals(office, count):
                if reading is _Reading.AT_BEST:
                    return "true" if count <= self.agreement.approval_caps.get(office, 0) else "false"
                return self.reached(office, count)
            case And(parts):
                return all_of([self._formula(part, reading) for part in parts])
            case Or(parts):
                return one_of([self._formula(part, reading) for part in parts])
            case Not(part):
                return negation(self._formula(part, reading))
            case _:
                assert_never(condition)

    def _sees_good(self, leaf: Compare, reading: _Reading) -> str:
        spec = self._specs.by_name.get(leaf.fact)
        if spec is None or leaf.value != spec.good:
            mend = "compare declared facts with their good value"
            raise AgreementError(f"`{write(leaf)}` has no encoding", "", mend)
        match reading:
            case _Reading.AS_IT_IS:
                return self.good(leaf.fact)
            case _Reading.AT_BEST:
                return self._best(leaf.fact) if spec.settleable else self.good(leaf.fact)
            case _Reading.KNOWN:
                return one_of([self.good(leaf.fact), self.unknown(leaf.fact)])
            case _:
                assert_never(reading)

    def _best(self, fact: str) -> str:
        return symbol(self.label, f" {fact}.best")

    @cached_property
    def _specs(self) -> Vocabulary:
        return self.agreement.vocabulary


def side_of(agreement: Agreement, label: str = "agreement", prefix: str = "", copy: str = "") -> Side:
    """An agreement looked at by itself; ``prefix`` stands before each fact where a script speaks of two requests."""
    return Side(label, agreement, {spec.name: f"{prefix}{spec.name}" for spec in agreement.vocabulary.specs}, copy)


# ---- variables and what is always true of them -------------------------------------------------------------------


def declared_facts(stems: Iterable[str]) -> Iterator[str]:
    """Declare facts; none is good and unknown at once."""
    for stem in stems:
        good, unknown = symbol(stem, ".good"), symbol(stem, ".unknown")
        yield f"(declare-const {good} Bool)"
        yield f"(declare-const {unknown} Bool)"
        yield f"(assert (not (and {good} {unknown})))"


def declared_matched(matched: Iterable[MatchedFact]) -> Iterator[str]:
    """Declare facts of two agreements; where they hear different things, say which pairs can come about."""
    for fact in matched:
        if fact.alike:
            yield from declared_facts([fact.stem])
            continue
        new, old = fact.stem_for("candidate"), fact.stem_for("baseline")
        yield from declared_facts([new, old])
        yield f"; {fact.candidate[0].name} was {fact.baseline[0].name}: what the two may hear of one statement"
        pairs = sorted(set(fact.ranks))
        yield f"(assert {one_of([all_of([ranked(new, a), ranked(old, b)]) for a, b in pairs])})"


def thresholds(*agreements: Agreement) -> Thresholds:
    """The counts that are asked of each office, ascending."""
    asked: dict[str, set[int]] = {}
    for agreement in agreements:
        for clause in agreement.clauses:
            for leaf in (*leaves(clause.condition), *leaves(clause.that)):
                if isinstance(leaf, Approvals):
                    asked.setdefault(leaf.office, set()).add(leaf.count)
    return {office: tuple(sorted(counts)) for office, counts in sorted(asked.items())}


def declared_approvals(counts: Thresholds, copy: str = "") -> Iterator[str]:
    """Declare thresholds; who has reached one has reached those below it."""
    for office, ascending in counts.items():
        names = [symbol(copy, f"approvals.{office}>={count}") for count in ascending]
        yield from (f"(declare-const {name} Bool)" for name in names)
        yield from (f"(assert (=> {more} {less}))" for less, more in pairwise(names))


def ranked(stem: str, rank: int) -> str:
    """A fact being good, unknown or bad."""
    good, unknown = symbol(stem, ".good"), symbol(stem, ".unknown")
    return {GOOD_RANK: good, UNKNOWN_RANK: unknown, BAD_RANK: all_of([negation(good), negation(unknown)])}[rank]


def no_better(worse: str, stem: str) -> str:
    """One fact being no better than another, in the chain good, unknown, bad."""
    good, unknown = symbol(stem, ".good"), symbol(stem, ".unknown")
    worse_good, worse_unknown = symbol(worse, ".good"), symbol(worse, ".unknown")
    return all_of([f"(=> {worse_good} {good})", f"(=> {worse_unknown} {one_of([good, unknown])})"])


# ---- formulas ---------------------------------------------------------------------------------------------------


def symbol(*parts: str) -> str:
    """A quoted symbol (SMT-LIB 2.6, section 3.1). Raises ``AgreementError`` for what cannot be quoted."""
    name = "".join(parts)
    if not name or any(not " " <= char <= "~" or char in "|\\" for char in name):
        raise AgreementError(f"{name!r} cannot be named in SMT-LIB", "", "use letters, digits, - and _")
    return f"|{name}|"


def all_of(parts: Sequence[str]) -> str:
    """The conjunction; of nothing: true."""
    return _joined("and", parts, "true")


def one_of(parts: Sequence[str]) -> str:
    """The disjunction; of nothing: false."""
    return _joined("or", parts, "false")


def negation(part: str) -> str:
    """The negation."""
    return f"(not {part})"


def _joined(operator: str, parts: Sequence[str], of_nothing: str) -> str:
    if len(parts) > 1:
        return f"({operator} {' '.join(parts)})"
    return parts[0] if parts else of_nothing


def _block(operator: str, parts: Sequence[str]) -> str:
    return f"({operator}\n  " + "\n  ".join(parts) + ")" if len(parts) > 1 else all_of(parts)


def _define(name: str, formula: str) -> str:
    return f"(define-fun {name} () Bool {formula})"


def _comment(clause: Clause) -> str:
    said = write(clause.condition)
    return f"when {said}, that {write(clause.that)}" if clause.kind is ClauseKind.REQUIRE else said


# ---- answers ----------------------------------------------------------------------------------------------------


class Model(msgspec.Struct, frozen=True):
    """What a solver says of the variables, by symbol without bars."""

    values: Mapping[str, bool]

    def rank(self, stem: str) -> int:
        """0, 1 or 2: the fact is good, unknown or bad."""
        if self.values.get(f"{stem}.good", False):
            return GOOD_RANK
        return UNKNOWN_RANK if self.values.get(f"{stem}.unknown", False) else BAD_RANK

    def approvals(self, copy: str = "") -> dict[str, int]:
        """For each office the highest threshold that is reached; none: not there."""
        reached: dict[str, int] = {}
        for name, value in self.values.items():
            threshold = re.fullmatch(re.escape(copy) + r"approvals\.(\w+)>=(\d+)", name)
            if threshold and value:
                reached[threshold[1]] = max(reached.get(threshold[1], 0), int(threshold[2]))
        return reached


_PAIR: Final = re.compile(r"\(\s*(?:\|([^|\\]*)\||([A-Za-z0-9~!@$%^&*_+=<>.?/-]+))\s+(true|false)\s*\)")


def read_model(text: str) -> Model:
    """Read the answer to ``get-value``. Raises ``AgreementError`` for text that is none."""
    values = {(bars if bars is not None else plain): said == "true" for bars, plain, said in _pairs(text)}
    if re.sub(r"\s", "", _PAIR.sub("", text)) != "()":
        raise AgreementError(f"no answer to get-value: {text[:80]!r}", "", "run the solver on the script again")
    return Model(values)


def _pairs(text: str) -> Iterator[tuple[str | None, str, str]]:
    for found in _PAIR.finditer(text):
        yield found[1], found[2] or "", found[3]
