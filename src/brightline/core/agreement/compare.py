# SPDX-License-Identifier: Apache-2.0
"""Two agreements side by side: which refuses what the other permits, clause by clause and in all.

An agreement *covers* a clause of the other if it refuses every request that the clause refuses, for all facts and
approvals (``extremes.py``). Covering every clause of the other, its grants included, is being no weaker. Facts meet by
name, or by what one of the two says that they were called in the other (``formerly``), whichever is asked for first;
one that an agreement does not know is free there, so it cannot refuse on its account. What no request shows, who may
state and settle a fact, is compared where both know the fact (``who.py``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Verdict
from brightline.core.agreement.decide import decide, permitted
from brightline.core.agreement.extremes import Point, all_points
from brightline.core.agreement.request import Request, counterpart, in_words, in_words_of, request_at
from brightline.core.agreement.who import Looser, compare_facts
from brightline.core.facts import FactSpec, Formerly, Vocabulary

GRANTS = "grants"


class Strength(enum.StrEnum):
    """How the first agreement stands to the second."""

    STRONGER = "stronger"
    WEAKER = "weaker"
    EQUAL = "equal"
    INCOMPARABLE = "incomparable"


class Witness(msgspec.Struct, frozen=True):
    """A request that one agreement refuses and the other permits, decided again by both."""

    request: Request
    refused_as: Verdict
    words: str


class Cover(msgspec.Struct, frozen=True):
    """A clause of one agreement, and whether the other refuses all that it refuses.

    ``clause`` is an id, or "grants" for what no grant permits. ``witness`` holds none (covered) or one request.
    """

    clause: str
    witness: tuple[Witness, ...] = ()

    @property
    def covered(self) -> bool:
        """Whether the other agreement refuses everything that the clause refuses."""
        return not self.witness


class Sides(msgspec.Struct, frozen=True):
    """What the first covers of the second, and the second of the first; and where who is looser."""

    first_covers: tuple[Cover, ...]
    second_covers: tuple[Cover, ...]
    first_looser: tuple[Looser, ...]
    second_looser: tuple[Looser, ...]

    @property
    def what(self) -> Strength:
        """How the first stands to the second in what they refuse."""
        return _strength(all(row.covered for row in self.first_covers), all(row.covered for row in self.second_covers))

    @property
    def who(self) -> Strength:
        """How the first stands to the second in who may state and settle the facts that both know."""
        return _strength(not self.first_looser, not self.second_looser)


def compare(first: Agreement, second: Agreement) -> Sides:
    """Compare both ways. Raises ``AgreementError`` only for a clause with too many cases."""
    ours, theirs = _knowing(first, second), _knowing(second, first)
    return Sides(
        first_covers=tuple(_covers(ours, second)),
        second_covers=tuple(_covers(theirs, first)),
        first_looser=compare_facts(ours, second),
        second_looser=compare_facts(theirs, first),
    )


def _knowing(agreement: Agreement, later: Agreement) -> Agreement:
    """The same agreement, whose facts say what ``later`` has renamed them to: ``formerly`` the other way round."""
    renamed = {
        old.name: (spec, old) for spec in later.vocabulary.specs for old in spec.formerly if _renames(spec, agreement)
    }
    specs = tuple(
        _with_names_of(spec, *renamed[spec.name]) if spec.name in renamed else spec
        for spec in agreement.vocabulary.specs
    )
    return msgspec.structs.replace(agreement, vocabulary=Vocabulary(specs))


def _renames(spec: FactSpec, agreement: Agreement) -> bool:
    """Whether the later fact stands for a former one, and not for one that has its name already."""
    met = counterpart(spec, agreement)
    return met is None or (met.name == spec.name and any(old.name == spec.name for old in spec.formerly))


def _with_names_of(spec: FactSpec, later: FactSpec, old: Formerly) -> FactSpec:
    """Of two values that became one the good one comes last, and so is what the one of now means here."""
    values = sorted(spec.values, key=lambda value: value == spec.good)
    back = tuple((old.translate(value), value) for value in values)
    return msgspec.structs.replace(spec, formerly=(Formerly(later.name, back),))


def _strength(first_no_weaker: bool, second_no_weaker: bool) -> Strength:
    match first_no_weaker, second_no_weaker:
        case True, True:
            return Strength.EQUAL
        case True, False:
            return Strength.STRONGER
        case False, True:
            return Strength.WEAKER
        case _:
            return Strength.INCOMPARABLE


def _covers(agreement: Agreement, other: Agreement) -> Iterator[Cover]:
    """What ``agreement`` covers of each clause of ``other``, in the order of its file; its grants last."""
    for clause, points in all_points(other):
        witnesses = (_witness(agreement, other, clause, point) for point in points)
        found = next((witness for witness in witnesses if witness is not None), None)
        yield Cover(clause or GRANTS, () if found is None else (found,))


def _witness(agreement: Agreement, other: Agreement, clause: str, point: Point) -> Witness | None:
    """The request at a furthest point of ``other``, if ``agreement`` permits it."""
    worst = request_at(other, point)
    request = msgspec.structs.replace(worst, facts=worst.facts.with_values(_best_for(agreement, other, point)))
    seen = in_words_of(agreement, other, request)
    if not permitted(agreement, seen.facts.view, seen.counts):
        return None
    refused = decide(other, request.facts, request.counts).verdict
    if refused is Verdict.PERMIT or decide(agreement, seen.facts, seen.counts).verdict is not Verdict.PERMIT:
        raise AssertionError("a witness that does not replay")
    by = f"by {clause}" if clause else "because no grant holds"
    words = f"{in_words(other, request)}: {other.id} says {refused} {by}, {agreement.id} permits"
    return Witness(request, refused, words)


def _best_for(agreement: Agreement, other: Agreement, point: Point) -> dict[str, str]:
    """The values at which ``agreement`` permits soonest while the facts of the point are not good to ``other``.

    Most agreements call the same value good, and then this changes nothing. Where they do not, a fact that the point
    leaves open is good to ``agreement``, whatever that is to ``other``: worse facts do not make it permit.
    """
    values = {}
    for spec in other.vocabulary.specs:
        theirs = counterpart(spec, agreement)
        if theirs is None:
            continue
        now = {old: new for former in theirs.formerly if former.name == spec.name for old, new in former.values}
        words = (spec.good, *spec.values)
        if now.get(spec.good, spec.good) != theirs.good:  # a word that ``other`` does not know is bad to it
            words = (*words, theirs.good)
        crossed = spec.name in point.not_good
        found = [word for word in words if not (crossed and word == spec.good) and now.get(word, word) == theirs.good]
        if found:
            values[spec.name] = found[0]
    return values


def red_lines_of(agreement: Agreement) -> tuple[str, ...]:
    """The ids of the red lines, for a reader who asks about them first."""
    return tuple(clause.id for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE)
