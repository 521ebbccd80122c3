# SPDX-License-Identifier: Apache-2.0
"""What random review says of everything that was permitted: how often a red line was crossed, at most.

Of a random sample of ``n`` in which nothing was found, the share is below about 3/n at 95 % (the rule of three); the
bounds here are the exact ones of Clopper and Pearson. What people did not answer in time counts as not looked at, and
how much that is stands beside the figure: who wants to be safe takes it as found.

Source: J. A. Hanley and A. Lippman-Hand, JAMA 249 (1983) 1743.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.review.case import CaseState
from brightline.core.review.life import CaseKind, CaseLife
from brightline.core.screening.figures import at_most, rate


class Bound(msgspec.Struct, frozen=True):
    """``found`` of ``of`` that were looked at; the share is at most ``at_most`` at 95 % (one-sided, exact)."""

    what: str
    found: int
    of: int
    share: float | None
    at_most: float


class Estimate(msgspec.Struct, frozen=True):
    """Over all samples; by red line; by unit. ``waiting`` and ``unanswered`` were drawn and not looked at."""

    whole: Bound
    by_clause: tuple[Bound, ...]
    by_unit: tuple[Bound, ...]
    waiting: int
    unanswered: int


def estimate(lives: Sequence[CaseLife], agreement: Agreement, now: int) -> Estimate:
    """What the samples among these cases say at ``now`` (Unix seconds)."""
    samples = [each for each in lives if each.kind is CaseKind.SAMPLED]
    states = Counter(each.state(now) for each in samples)
    looked_at = [each for each in samples if each.resolved]
    lines = [clause for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE]
    crossed = {each.case: [line.id for line in lines if crosses(line, each.answers, agreement)] for each in looked_at}
    by_clause = []
    for line in lines:
        told = [each for each in looked_at if line.id in crossed[each.case] or _tells(line, each.answers, agreement)]
        by_clause.append(_bound(line.id, sum(line.id in crossed[each.case] for each in told), len(told)))
    units: Counter[str] = Counter(each.unit for each in looked_at)
    found: Counter[str] = Counter(each.unit for each in looked_at if crossed[each.case])
    return Estimate(
        whole=_bound("all", found.total(), len(looked_at)),
        by_clause=tuple(by_clause),
        by_unit=tuple(_bound(unit, found[unit], units[unit]) for unit in sorted(units)),
        waiting=states[CaseState.OPEN],
        unanswered=states[CaseState.EXPIRED],
    )


def crosses(line: Clause, answers: Mapping[str, str], agreement: Agreement) -> bool:
    """Whether a red line is crossed by what people answered, everything else being good."""
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    return line.blocks(good | dict(answers), {})


def _tells(line: Clause, answers: Mapping[str, str], agreement: Agreement) -> bool:
    """Whether the answers say that a line is not crossed: every fact of it that people may settle was answered."""
    asked = {name for name in line.facts if agreement.vocabulary.spec(name).settleable}
    return asked <= answers.keys()


def _bound(what: str, found: int, of: int) -> Bound:
    return Bound(what, found, of, rate(found, of).share, at_most(found, of))
