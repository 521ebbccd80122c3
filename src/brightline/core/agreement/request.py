# SPDX-License-Identifier: Apache-2.0
"""A request as an agreement sees it, and the same request in the words of another.

Facts meet by name, or by what a fact was called in the baseline (``formerly``). A fact that the other agreement does
not know is free there: it is at its best, because nothing forbids that it is. An office that it does not know is one
that it never asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.extremes import Point
from brightline.core.facts import UNKNOWN, Facts, FactSpec

WITHOUT_LIMIT: Final = 99  # the most that a clause can ask for


class Request(msgspec.Struct, frozen=True):
    """Facts, and how many people of each office have approved."""

    facts: Facts
    approvals: tuple[tuple[str, int], ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """The approvals by office."""
        return dict(self.approvals)


def counterpart(spec: FactSpec, other: Agreement) -> FactSpec | None:
    """Return the fact of ``other`` that is meant by a fact of an earlier agreement, or ``None``."""
    if spec.name in other.vocabulary:
        return other.vocabulary.spec(spec.name)
    for candidate in other.vocabulary.specs:
        if any(old.name == spec.name for old in candidate.formerly):
            return candidate
    return None


def bad_value(spec: FactSpec) -> str:
    """A value that is known bad: the first that is not the good one."""
    return next(value for value in spec.values if value != spec.good)


def request_at(agreement: Agreement, point: Point, values: Mapping[str, str] = MappingProxyType({})) -> Request:
    """The request at a furthest point of the agreement: the facts that are not good are bad, all others good.

    ``values`` puts other values than bad. Offices that the point does not name have approved without limit.
    """
    facts = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    for name in point.not_good:
        facts[name] = values.get(name, bad_value(agreement.vocabulary.spec(name)))
    approvals = {office.id: WITHOUT_LIMIT for office in agreement.offices} | dict(point.approvals)
    return Request(Facts.of(facts), tuple(sorted(approvals.items())))


def in_words_of(other: Agreement, agreement: Agreement, request: Request) -> Request:
    """The same request as ``other`` sees it. Facts and offices that only ``other`` knows are at their best."""
    facts = {spec.name: spec.good for spec in other.vocabulary.specs}
    for spec in agreement.vocabulary.specs:
        theirs = counterpart(spec, other)
        if theirs is not None:
            facts[theirs.name] = _translated(request.facts[spec.name], spec, theirs)
    approvals = {office.id: WITHOUT_LIMIT for office in other.offices}
    approvals |= {office: count for office, count in request.approvals if office in approvals}
    return Request(Facts.of(facts), tuple(sorted(approvals.items())))


def _translated(value: str, ours: FactSpec, theirs: FactSpec) -> str:
    """A value in the other's words: literally, but for what was renamed. One that it does not know is bad there."""
    if value == UNKNOWN:
        return UNKNOWN
    for old in theirs.formerly:
        if old.name == ours.name:
            value = old.translate(value)
    return value if value in theirs.values else bad_value(theirs)


def in_words(agreement: Agreement, request: Request) -> str:
    """Say a request in words: what is not good, and who has approved."""
    odd = [
        f"{name} = {value}" for name, value in request.facts.items() if value != agreement.vocabulary.spec(name).good
    ]
    facts = f"with {', '.join(odd)} and everything else good" if odd else "with every fact good"
    return f"a request {facts}, {_approvals(request)}"


def _approvals(request: Request) -> str:
    if all(count >= WITHOUT_LIMIT for _, count in request.approvals):
        return "whoever approves it"
    given = [f"{_people(count)} of {office}" for office, count in request.approvals if count]
    return f"approved by {', '.join(given) if given else 'nobody'}"


def _people(count: int) -> str:
    return "any number" if count >= WITHOUT_LIMIT else str(count)
