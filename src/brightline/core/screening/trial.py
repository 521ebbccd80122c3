# SPDX-License-Identifier: Apache-2.0
"""A release on trial beside the one in force: shadow, canary, live, by a rule that is signed with it.

    shadow       it is asked what the release in force was asked, afterwards; nothing of what it says has an effect
    canary       of a stated share of exchanges, the stricter of both holds, fact by fact: it can tighten, never loosen
    live         it is the release in force
    quarantined  it is out; the release in force stays

From one to the next it goes when enough was compared and little enough differed. It is quarantined when by Wilson's
bound more differed, or failed, than the rule lets, and nobody has to be awake for it. A candidate that fails says
nothing: the release in force alone decides then.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ScreeningUnavailable, UnentitledStatement
from brightline.core.facts import Source, Statement, Vocabulary
from brightline.core.screening.figures import wilson
from brightline.core.screening.finding import Finding, Judgement, Segment
from brightline.core.screening.release import NOBODY_SAID, Release, statements_from

_Count = Annotated[int, Meta(ge=0, le=2**53)]
_Asks = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_PerMillion = Annotated[int, Meta(ge=0, le=1_000_000)]
MILLION: Final = 1_000_000
BY: Final = "beside"


class Stage(enum.StrEnum):
    """Where a candidate stands."""

    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    QUARANTINED = "quarantined"


FOLLOWS: Final[Mapping[Stage, Stage]] = {Stage.SHADOW: Stage.CANARY, Stage.CANARY: Stage.LIVE}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed rule. ``shadow`` and ``canary`` are asks that one worker must have compared in that stage.

    ``share`` is of exchanges, per thousand. ``looser``, ``stricter`` and ``failed`` are per million asks: as much may
    be said less or more strictly than by the release in force, or not be answered.
    """

    shadow: _Asks
    canary: _Asks
    share: Annotated[int, Meta(ge=1, le=1_000)]
    looser: _PerMillion
    stricter: _PerMillion
    failed: _PerMillion


class Compared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one worker counted in a stage. ``facts`` holds by fact how often it was stricter and looser."""

    same: _Count = 0
    stricter: _Count = 0
    looser: _Count = 0
    failed: _Count = 0
    shed: _Count = 0
    facts: dict[str, tuple[_Count, _Count]] = {}

    @property
    def both(self) -> int:
        """How many asks both answered."""
        return self.same + self.stricter + self.looser


class Difference(msgspec.Struct, frozen=True):
    """The facts of which one ask made the candidate say more, and less."""

    stricter: tuple[str, ...]
    looser: tuple[str, ...]


def next_stage(rule: Rule, stage: Stage, figures: Compared) -> Stage:
    """Where a candidate goes by these figures: on, out, or nowhere yet."""
    if excess(rule, figures):
        return Stage.QUARANTINED
    wanted = rule.shadow if stage is Stage.SHADOW else rule.canary
    within = figures.both >= wanted and all(
        count * MILLION <= most * max(1, of) for _, count, of, most in _limits(rule, figures)
    )
    return FOLLOWS.get(stage, stage) if within else stage


def excess(rule: Rule, figures: Compared) -> str:
    """What there surely is more of than the rule lets, in words; empty if of nothing."""
    for what, count, of, most in _limits(rule, figures):
        if wilson(count, of).low * MILLION > most:
            return f"{count} of {of} asks {what}, where {most} of a million may"
    return ""


def _limits(rule: Rule, figures: Compared) -> tuple[tuple[str, int, int, int], ...]:
    asked = figures.both + figures.failed
    return (
        ("were judged less strictly", figures.looser, figures.both, rule.looser),
        ("were judged more strictly", figures.stricter, figures.both, rule.stricter),
        ("were not answered", figures.failed, asked, rule.failed),
    )


def counted(figures: Compared, difference: Difference) -> Compared:
    """The figures with one more ask. What is both, of different facts, counts as looser: it is the worse news."""
    facts = dict(figures.facts)
    for at, names in enumerate((difference.stricter, difference.looser)):
        for name in names:
            stricter, looser = facts.get(name, (0, 0))
            facts[name] = (stricter + (at == 0), looser + (at == 1))
    return msgspec.structs.replace(
        figures,
        same=figures.same + (not difference.stricter and not difference.looser),
        stricter=figures.stricter + bool(difference.stricter and not difference.looser),
        looser=figures.looser + bool(difference.looser),
        facts=facts,
    )


def compare(vocabulary: Vocabulary, own: Sequence[Statement], theirs: Sequence[Statement]) -> Difference:
    """What a candidate says more or less strictly of one ask. A fact that one does not state is unknown to it."""
    mine, its = vocabulary.join(own), vocabulary.join(theirs)
    ranks = [(spec.name, spec.rank(mine[spec.name]), spec.rank(its[spec.name])) for spec in vocabulary.specs]
    return Difference(
        tuple(name for name, before, after in ranks if after > before),
        tuple(name for name, before, after in ranks if after < before),
    )


def tightened(vocabulary: Vocabulary, own: Sequence[Statement], theirs: Sequence[Statement]) -> tuple[Statement, ...]:
    """What must be stated besides, so that the stricter of both holds. Nothing in it is a good value."""
    its = vocabulary.join(theirs)
    return tuple(Statement(name, its[name], Source.DETECTOR, BY) for name in compare(vocabulary, own, theirs).stricter)


def of_the_candidate(release: Release, judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Answers of a candidate's detectors, marked as such: they have the same names as those of the one in force."""
    return tuple(msgspec.structs.replace(each, release=release.digest) for each in judgements)


def beside(
    vocabulary: Vocabulary,
    own: Sequence[Statement],
    candidate: Release,
    asked: Sequence[Segment],
    theirs: Sequence[Judgement],
    people: Mapping[Finding, str] = NOBODY_SAID,
) -> tuple[Statement, ...]:
    """What a candidate's answers add in a canary; nothing if it did not answer whole.

    What ``people`` said stands in the place of what it does not know, as for the release in force.
    """
    try:
        return tightened(vocabulary, own, statements_from(candidate, asked, theirs, people)) if theirs else ()
    except (ScreeningUnavailable, UnentitledStatement):
        return ()  # it says nothing; the release in force alone decides
