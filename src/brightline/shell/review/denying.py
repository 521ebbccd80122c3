# SPDX-License-Identifier: Apache-2.0
"""Denying in bulk, for the terminal and the console alike: what is meant, what is said of each, and the logging of it.

Each denial is a decision of its own about one hold, and counts as one voice. Nothing here can say anything good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.ports import Clock
from brightline.core.review.decision import Answer, ReviewerDecision, decides
from brightline.core.review.denying import denying_answers
from brightline.core.review.roles import May, may
from brightline.core.review.roster import ClearedPerson
from brightline.shell.config import Settings
from brightline.shell.registry.decisions import log_decisions, new_decision
from brightline.shell.registry.following import Registry
from brightline.shell.review.desk import OpenedCase

AT_ONCE_MAX: Final = 500


class Denial(msgspec.Struct, frozen=True):
    """The bad answers that somebody gives to a case."""

    opened: OpenedCase
    answers: tuple[Answer, ...]


class Denied(msgspec.Struct, frozen=True):
    """What became of one: the record of the registry, how the hold stands now, and why it changed nothing, if so."""

    hold: str
    record: int
    state: str
    ignored: str


def check_denier(who: ClearedPerson, now: int) -> None:
    """Raise ``TrustError`` for somebody whose clearance had ended at ``now`` (Unix seconds), or without the role."""
    if who.cleared_until <= now:
        raise TrustError(f"the clearance of {who.id} had ended")
    if not may(who.roles, May.DENY_IN_BULK):
        raise TrustError(f"{who.id} has no role that denies in bulk")


def denials(registry: Registry, who: ClearedPerson, meant: Iterable[OpenedCase], reason: str) -> list[Denial]:
    """What this person says to each case that still asks them, and of which they are cleared to know."""
    vocabulary, terms = registry.releases.current.vocabulary, registry.decisions.terms
    return [
        Denial(each, given)
        for each in meant
        if who.id not in each.case.recused and who.clearance.covers(terms.need(each.case.unit))
        if decides(each.case, who.roles)
        if (given := denying_answers(each.tried, who.id, who.office, vocabulary, reason))
    ]


def decisions_of(said: Iterable[Denial], who: ClearedPerson, clock: Clock) -> list[ReviewerDecision]:
    """The decisions that are to be signed, in the order of the denials."""
    return [
        new_decision(each.opened.case, who.id, each.answers, clock, f"{each.opened.shard}/{each.opened.seq}")
        for each in said
    ]


def log_denials(
    root: Path,
    settings: Settings,
    registry: Registry,
    decisions: Sequence[ReviewerDecision],
    signed: Sequence[bytes],
    clock: Clock,
) -> list[Denied]:
    """Check all, log each as a record of its own, and tell what became of it. Blocks.

    Raises ``TrustError`` for one that may not count, and then logs none.
    """
    records = log_decisions(root, settings, registry.roots.profile, registry.decisions, signed, clock)
    registry.refresh()
    done = []
    for decision, record in zip(decisions, records, strict=True):
        tried = registry.decisions.docket.of_case(decision.case.digest)
        state = "" if tried is None else tried.state(clock.unix()).value
        ignored = registry.decisions.why_ignored(record.place.seq)
        done.append(Denied(decision.case.hold, record.place.seq, state, ignored))
    return done
