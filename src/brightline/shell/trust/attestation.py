# SPDX-License-Identifier: Apache-2.0
"""This node's lease, the roster and the models' admission, as statements that hold only while they are in date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from brightline.core.conditions import Conditions
from brightline.core.facts import Source, Statement, Vocabulary
from brightline.core.halt import Scope
from brightline.core.ports import Clock, LeaseSource
from brightline.core.review.roles import May, may
from brightline.core.review.roster import ClearedPerson
from brightline.core.standing import UnitStanding
from brightline.shell.trust.installation import Installation


class _Stated(NamedTuple):
    """What is stated of one model in one second, and what it rests on: values all, which are replaced and not changed.

    It is asked for twice in each exchange, and in each tick.
    """

    now: int
    lease: tuple[Statement, ...]
    people: Mapping[str, ClearedPerson]
    statements: tuple[Statement, ...]


class NodeConditions:
    """The :class:`~brightline.core.ports.ConditionSource` of this node."""

    def __init__(
        self,
        installation: Installation,
        vocabulary: Vocabulary,
        lease: LeaseSource,
        clock: Clock,
        faults: Callable[[], tuple[str, ...]],
        standing_of: Callable[[str], UnitStanding],
        halted: Callable[[str, str], Scope | None],
        people: Callable[[], Mapping[str, ClearedPerson]],
        lost: Callable[[str], str] = lambda _model: "",
    ) -> None:
        """``lost`` says of a model that no server of it can be found."""
        self._lost = lost
        self._people = people
        self._last: dict[str, _Stated] = {}  # by model
        self._halted = halted
        self._standing_of = standing_of
        self._installation = installation
        self._roster = tuple(
            Statement(spec.name, spec.good, Source.ROSTER, "roster")
            for spec in vocabulary.specs
            if Source.ROSTER in spec.set_by
        )
        self._lease = lease
        self._clock = clock
        self._faults = faults
        self._admissions = {
            model.name: tuple(
                Statement(fact, value, Source.ADMISSION, model.name) for fact, value in model.facts.items()
            )
            for model in installation.models
        }

    def read(self, model: str, unit: str) -> Conditions:
        """Everything that holds now. A lapsed lease, roster or installation states nothing."""
        now, lease, people = self._clock.unix(), self._lease.statements(), self._people()
        last = self._last.get(model)
        if last is None or last.now != now or last.lease is not lease or last.people is not people:
            last = _Stated(now, lease, people, self._statements(model, now, lease, people))
            if model in self._admissions:  # whatever else is asked for is a caller's word, and not kept
                self._last[model] = last
        standing = self._standing_of(unit)
        halted = self._halted(unit, model)
        lost = self._lost(model)
        return Conditions(standing.standing, last.statements, self._faults(), standing.held, halted, lost)

    def _statements(
        self, model: str, now: int, lease: tuple[Statement, ...], people: Mapping[str, ClearedPerson]
    ) -> tuple[Statement, ...]:
        if not self._installation.issued <= now < self._installation.expires:
            return lease
        cleared = any(each.cleared_until > now and may(each.roles, May.DECIDE) for each in people.values())
        return (*lease, *self._admissions.get(model, ()), *(self._roster if cleared else ()))
