# SPDX-License-Identifier: Apache-2.0
"""Two agreements → one that is no weaker than either: the union of two providers' red lines.

What forbids or obliges is kept from both. What grants must hold in both, so a grant of the merge is one grant of each,
joined by ``and``. So whatever the merge permits, both permit, with the same approvals. And who may say what:

    1. facts of one name must mean the same: good value, values and setters equal, or the merge is refused
    2. people may settle a fact only where both let them, and as many of each office, of as many organisations, as
       either asks for
    3. numbers, ladder and signers of changes: the stricter of both; what cannot be compared is refused
    4. clauses of equal formula become one, with both quotes; ids that clash are told apart by ``A-`` and ``B-``
    5. worked examples of both are decided anew, and one that would come out looser is refused

The result is a text to read, sign and load like any other: nothing is in force by being merged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from brightline.core.agreement.clause import (
    Agreement,
    Authority,
    Change,
    Clause,
    ClauseKind,
    Example,
    LadderTest,
    Limit,
    Office,
    Parties,
    Rung,
    RungState,
    Tighter,
    Verdict,
)
from brightline.core.agreement.condition import And, Condition, write
from brightline.core.agreement.decide import decide
from brightline.core.agreement.limits import KNOWN
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.pattern import Pattern
from brightline.core.agreement.writer import write_agreement
from brightline.core.errors import AgreementError
from brightline.core.facts import Facts, FactSpec, Formerly, Vocabulary

PROSE_NAME: Final = "prose.txt"
_REVIEW_WITHIN: Final = re.compile(r"cleared review within ([0-9]+) h")
_SEVERITY: Final = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
_T = TypeVar("_T", Office, Authority)


class Side(msgspec.Struct, frozen=True):
    """One of the two: an agreement that was loaded, and its prose."""

    agreement: Agreement
    prose: str


class MergedText(msgspec.Struct, frozen=True):
    """The files of the merge: ``toml`` is ``agreement.toml``, ``prose`` is the file that it names.

    ``notes`` say in words which worked examples came out stricter than in the agreement that they are from.
    """

    toml: str
    prose: str
    agreement: Agreement
    notes: tuple[str, ...]


def merge(a: Side, b: Side, new_id: str) -> MergedText:
    """Merge two agreements under a new id. Raises ``AgreementError`` where they contradict each other."""
    first, second = a.agreement, b.agreement
    if new_id in (first.id, second.id):
        raise AgreementError(f"the merge would have the id {new_id} of what it is made of", "id", "take a new id")
    clauses = _Clauses(first, second)
    merged = Agreement(
        id=new_id,
        version=1,
        digest="",
        encoding="",
        parties=Parties(
            _both(first.parties.provider, second.parties.provider),
            _both(first.parties.customer, second.parties.customer),
        ),
        as_of=max(first.as_of, second.as_of),
        vocabulary=_vocabulary(first.vocabulary, second.vocabulary),  # 1, 2
        offices=_united("offices", first.offices, second.offices),
        clauses=clauses.merged(),  # 4
        authorities=_united(
            "authority",
            _with_texts(first.authorities, second.authorities),
            _with_texts(second.authorities, first.authorities),
        ),
        examples=(),
        change=Change(first.change.proof, _union(first.change.signers, second.change.signers)),
        ladder=_ladder(first.ladder, second.ladder),  # 3
        limits=_limits(first.limits, second.limits),  # 3
        prose=PROSE_NAME,
        patterns=_patterns(first.patterns, second.patterns),  # 3
        organisations=_more(dict(first.organisations), dict(second.organisations)),  # 2
    )
    examples, notes = _examples(merged, first, second)  # 5
    merged = msgspec.structs.replace(
        merged, examples=examples, clauses=tuple(_shown(clause, merged, examples) for clause in merged.clauses)
    )
    prose = "\n\n".join(f"==== {side.agreement.id}, {side.agreement.digest} ====\n\n{side.prose}" for side in (a, b))
    comment = (
        f"A merge of {first.id} ({first.digest})\nand {second.id} ({second.digest}): what forbids is kept from both,\n"
        "what grants holds in both. Made by `brightline agreement merge`; read it before you sign it."
    )
    toml = write_agreement(merged, hashlib.sha256(prose.encode()).hexdigest(), comment)
    return MergedText(toml, prose, load_agreement(toml.encode(), lambda _: prose.encode(), "the merge"), notes)


def _both(a: str, b: str) -> str:
    return a if a == b else f"{a}; {b}"


def _union(a: Iterable[str], b: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*a, *b)))


def _united(what: str, a: tuple[_T, ...], b: tuple[_T, ...]) -> tuple[_T, ...]:
    """What either declares; of one id both must say the same. Raises ``AgreementError``."""
    ours = {item.id: item for item in a}
    for item in b:
        if ours.setdefault(item.id, item) != item:
            mend = "call it the same in both, or give one of them another id"
            raise AgreementError("the two declare it differently", f"{what}.{item.id}", mend)
    return tuple(ours.values())


def _with_texts(authorities: tuple[Authority, ...], others: tuple[Authority, ...]) -> tuple[Authority, ...]:
    """Where one side pins no text of an authority, the text that the other pins is meant; two texts still clash."""
    pinned = {other.id: other.sha256 for other in others}
    return tuple(msgspec.structs.replace(item, sha256=item.sha256 or pinned.get(item.id, "")) for item in authorities)


# ---- 1, 2: facts -------------------------------------------------------------------------------------------------


def _vocabulary(a: Vocabulary, b: Vocabulary) -> Vocabulary:
    ours = dict(a.by_name)
    for spec in b.specs:
        before = ours.get(spec.name)
        ours[spec.name] = spec if before is None else _fact(before, spec)
    try:
        return Vocabulary(tuple(ours.values()))
    except ValueError as error:
        mend = "let each fact be called by one name, and by that alone"
        raise AgreementError(f"a fact of one is a former name in the other: {error}", "fact", mend) from error


def _fact(a: FactSpec, b: FactSpec) -> FactSpec:
    for what, ours, theirs in (
        ("good value", a.good, b.good),
        ("values", sorted(a.values), sorted(b.values)),
        ("setters", sorted(a.set_by), sorted(b.set_by)),
    ):
        if ours != theirs:
            mend = "two facts that do not mean the same need two names"
            raise AgreementError(f"its {what} in one are {ours}, in the other {theirs}", f"fact.{a.name}", mend)
    return FactSpec(
        a.name,
        a.good,
        a.values,
        a.set_by,
        _settled(dict(a.settled_by), dict(b.settled_by)),
        a.needs | b.needs,
        _formerly(a, b),
    )


def _settled(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """All of both must be met; where one lets nobody settle, nobody may."""
    if not a or not b:
        return ()
    return _more(a, b)


def _more(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((office, max(a.get(office, 0), b.get(office, 0))) for office in _union(a, b))


def _formerly(a: FactSpec, b: FactSpec) -> tuple[Formerly, ...]:
    found = {old.name: old for old in (*a.formerly, *b.formerly)}
    if len(found) > 1 or (a.formerly and b.formerly and a.formerly != b.formerly):
        mend = "a fact has one former name; write the merge by hand"
        raise AgreementError("it was called differently in the two", f"fact.{a.name}", mend)
    return tuple(found.values())


# ---- 4: clauses --------------------------------------------------------------------------------------------------


class _Clauses(msgspec.Struct, frozen=True):
    """The clauses of both, told apart by id and joined by formula."""

    a: Agreement
    b: Agreement

    def merged(self) -> tuple[Clause, ...]:
        restricting_a = [clause for clause in self.a.clauses if clause.kind is not ClauseKind.GRANT]
        restricting_b = [clause for clause in self.b.clauses if clause.kind is not ClauseKind.GRANT]
        twins = {_formula(clause): clause for clause in restricting_b}
        taken: set[str] = set()
        found: list[Clause] = []
        for clause in restricting_a:
            twin = twins.get(_formula(clause))
            if twin is None:
                found.append(self._renamed(clause, "A", self.b))
            else:
                taken.add(twin.id)
                found.append(_joined(clause, twin, self._free(clause.id, "A", self.b, but=twin.id)))
        found += [self._renamed(clause, "B", self.a) for clause in restricting_b if clause.id not in taken]
        grants = [_granted(one, other, self._pair(one, other)) for one in self.a.grants for other in self.b.grants]
        ids = [clause.id for clause in (*found, *grants)]
        if len(set(ids)) != len(ids):
            raise AgreementError(f"the ids {', '.join(ids)} clash", "clause", "give the clauses other ids")
        return tuple(found + grants)

    def _renamed(self, clause: Clause, side: str, other: Agreement) -> Clause:
        return msgspec.structs.replace(clause, id=self._free(clause.id, side, other))

    def _free(self, clause_id: str, side: str, other: Agreement, but: str = "") -> str:
        clash = clause_id != but and any(clause.id == clause_id for clause in other.clauses)
        return f"{side}-{clause_id}" if clash else clause_id

    def _pair(self, one: Clause, other: Clause) -> str:
        return one.id if one.id == other.id else f"{one.id}-{other.id}"


def _formula(clause: Clause) -> tuple[ClauseKind, str, str]:
    return clause.kind, write(clause.condition), write(clause.that)


def _joined(a: Clause, b: Clause, clause_id: str, condition: Condition | None = None) -> Clause:
    """One clause for two: of equal formula, or both grants, whose ``condition`` is then given."""
    return Clause(
        clause_id,
        a.kind,
        _union(a.quote, b.quote),
        a.condition if condition is None else condition,
        a.that,
        _union(a.authorities, b.authorities),
        part=a.part,
        says=" ".join(_union(filter(None, (a.says,)), filter(None, (b.says,)))),
        assumes=_union(a.assumes, b.assumes),
        controls=_union(a.controls, b.controls),
        tests=_union(a.tests, b.tests),
    )


def _granted(a: Clause, b: Clause, clause_id: str) -> Clause:
    parts: dict[str, Condition] = {}
    for condition in (a.condition, b.condition):
        for part in condition.parts if isinstance(condition, And) else (condition,):
            parts.setdefault(write(part), part)
    conditions = tuple(parts.values())
    return _joined(a, b, clause_id, conditions[0] if len(conditions) == 1 else And(conditions))


# ---- 3: numbers and the ladder -----------------------------------------------------------------------------------


def _limits(a: tuple[Limit, ...], b: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """The tighter number of both; where one is silent, its number is the one that is enforced then."""
    ours, theirs = ({limit.id: limit for limit in limits} for limits in (a, b))
    return tuple(_tightest(limit_id, ours.get(limit_id), theirs.get(limit_id)) for limit_id in _union(ours, theirs))


def _tightest(limit_id: str, a: Limit | None, b: Limit | None) -> Limit:
    known = KNOWN[limit_id]
    stated = [limit for limit in (a, b) if limit is not None]
    if len(stated) == 1:
        stated.append(Limit(limit_id, known.silent, known.tighter, known.says))
    tightest = min if known.tighter is Tighter.LOWER else max
    return tightest(stated, key=lambda limit: limit.value)


def _patterns(a: tuple[Pattern, ...], b: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
    """What either counts. Two that differ under one id are both kept, the second under another id."""
    ours = {pattern.id: pattern for pattern in a}
    for pattern in b:
        if ours.setdefault(pattern.id, pattern) != pattern:
            ours[f"{pattern.id}_too"] = msgspec.structs.replace(pattern, id=f"{pattern.id}_too")
    return tuple(ours.values())


def _ladder(a: tuple[Rung, ...], b: tuple[Rung, ...]) -> tuple[Rung, ...]:
    rungs = []
    for state in RungState:
        found = [rung for rung in (*a, *b) if rung.state is state]
        if found:
            rungs.append(found[0] if len(found) == 1 else _rung(*found))
    return tuple(rungs)


def _rung(a: Rung, b: Rung) -> Rung:
    """Everything that either does, as soon as either would, and with the shorter time to cure."""
    if a.appeal_days != b.appeal_days:
        message = f"{a.appeal_days} days to appeal in one and {b.appeal_days} in the other"
        raise AgreementError(message, f"ladder ({a.state})", "neither is stricter for both parties: agree on one")
    return Rung(a.state, _acts(_union(a.do, b.do)), _tests(a, b), min(a.cure_days, b.cure_days), a.appeal_days)


def _acts(acts: tuple[str, ...]) -> tuple[str, ...]:
    hours = [int(found[1]) for act in acts if (found := _REVIEW_WITHIN.fullmatch(act))]
    late = {f"cleared review within {each} h" for each in hours if each != min(hours)}
    return tuple(act for act in acts if act not in late)


def _tests(a: Rung, b: Rung) -> tuple[LadderTest, ...]:
    if not a.tests or not b.tests:
        return a.tests or b.tests
    one, other = a.tests[0], b.tests[0]
    if one.window_seconds != other.window_seconds:
        message = f"a window of {one.window_seconds} s in one and of {other.window_seconds} s in the other"
        raise AgreementError(message, f"ladder ({a.state})", "neither is stricter in every case: agree on one")
    # A test that is reached by a weaker sign, or by fewer confirmed denies, is reached earlier.
    test = LadderTest(max(one.alpha, other.alpha), one.window_seconds, min(one.confirmed, other.confirmed))
    return (test,)


# ---- 5: worked examples ------------------------------------------------------------------------------------------


def _examples(merged: Agreement, a: Agreement, b: Agreement) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    good = {spec.name: spec.good for spec in merged.vocabulary.specs}
    found: dict[str, Example] = {}
    notes: list[str] = []
    for agreement in (a, b):
        for example in agreement.examples:
            made, note = _example(merged, agreement, example, Facts.of({**good, **example.facts.view}))
            notes += [note] if note else []
            same = found.get(made.name)
            if same is not None and (same.facts, same.approvals) == (made.facts, made.approvals):
                continue
            name = made.name if same is None else f"{made.name} ({agreement.id})"
            found[name] = msgspec.structs.replace(made, name=name)
    return tuple(found.values()), tuple(notes)


def _example(merged: Agreement, source: Agreement, example: Example, facts: Facts) -> tuple[Example, str]:
    decision = decide(merged, facts, dict(example.approvals))
    note = ""
    if decision.verdict is not example.verdict:
        said = f"{example.name!r} of {source.id}: {example.verdict} there, {decision.verdict} here"
        if not _no_looser(example.verdict, decision.verdict):
            raise AgreementError(f"{said}, which is looser", "example", "this is a fault of the merge: report it")
        note = f"{said}, by {', '.join(decision.clauses)}"
    return Example(example.name, facts, example.approvals, decision.verdict, decision.clauses), note


def _no_looser(before: Verdict, after: Verdict) -> bool:
    if Verdict.UNAVAILABLE in (before, after):
        return after is not Verdict.PERMIT
    return _SEVERITY[after] >= _SEVERITY[before]


def _shown(clause: Clause, merged: Agreement, examples: tuple[Example, ...]) -> Clause:
    """Keep as tests of a clause what still shows it, and name what shows it now if nothing else would."""
    names = {example.name for example in examples}
    shows = [example.name for example in examples if clause.id in example.clauses]
    tests = tuple(test for test in clause.tests if test not in names or test in shows)
    return msgspec.structs.replace(clause, tests=tests or tuple(shows[:1]))
