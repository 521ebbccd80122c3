# SPDX-License-Identifier: Apache-2.0
"""What one exchange may look like to two agreements at once, for the solvers.

Two agreements are compared over the same exchanges. A fact that both name, or that the candidate says was *formerly*
the baseline's, is one fact; each of its *worlds* is a pair of values, what the candidate hears and what the baseline
hears when one thing is stated. A value that the baseline does not have is bad to it, as in ``decide``; so a renamed
value is only as good as the mapping that the agreement writes down, and a new one is never good by itself.

The exact prover has an account of its own (``request.py``), on purpose: what one of them gets wrong, the other shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

import msgspec

from brightline.core.facts import BAD_RANK, UNKNOWN, Facts, FactSpec, Vocabulary

_UNDECLARED: Final = "undeclared"  # stands for every word that an agreement does not know


class World(msgspec.Struct, frozen=True):
    """One thing that may be stated of a matched fact, in the words of each agreement."""

    candidate: str
    baseline: str


class MatchedFact(msgspec.Struct, frozen=True, dict=True):
    """A fact of either agreement or of both; ``stem`` names it. ``candidate`` and ``baseline`` hold none or one.

    ``worlds`` are never empty, and hold each pair of ranks that can come about at least once.
    """

    stem: str
    candidate: tuple[FactSpec, ...]
    baseline: tuple[FactSpec, ...]
    worlds: tuple[World, ...]

    @cached_property
    def ranks(self) -> tuple[tuple[int, int], ...]:
        """The rank of each world, to the candidate and to the baseline: 0 good, 1 unknown, 2 bad."""
        heard, was = self.candidate or self.baseline, self.baseline or self.candidate
        return tuple((heard[0].rank(world.candidate), was[0].rank(world.baseline)) for world in self.worlds)

    @cached_property
    def alike(self) -> bool:
        """Whether both always hear the same of it, so that one variable does for both."""
        return all(a == b for a, b in self.ranks)

    def stem_for(self, label: str) -> str:
        """The name of its variables as one side sees it."""
        return self.stem if self.alike else f"{label} {self.stem}"

    def world(self, candidate_rank: int, baseline_rank: int) -> World:
        """Return the first world with these ranks. Raises ``KeyError`` where there is none."""
        for world, ranks in zip(self.worlds, self.ranks, strict=True):
            if ranks == (candidate_rank, baseline_rank):
                return world
        raise KeyError(self.stem)


def match(candidate: Vocabulary, baseline: Vocabulary) -> tuple[MatchedFact, ...]:
    """Return all facts of both: the candidate's in its order, then those that only the baseline has.

    A fact that the candidate dropped may have any value to the baseline: nobody would state it any more.
    """
    matched: list[MatchedFact] = []
    met: set[str] = set()
    for spec in candidate.specs:
        found, renamed = _counterpart(spec, baseline)
        met.update(other.name for other in found)
        matched.append(MatchedFact(spec.name, (spec,), found, _worlds(spec, found, renamed)))
    for spec in baseline.specs:
        if spec.name not in met:
            matched.append(MatchedFact(spec.name, (), (spec,), _worlds(spec, (), {})))
    return tuple(matched)


def facts_of_worlds(worlds: Iterable[tuple[MatchedFact, World]]) -> tuple[Facts, Facts]:
    """Return one exchange as the candidate and as the baseline would hear of it."""
    chosen = tuple(worlds)
    return (
        Facts.of({spec.name: world.candidate for fact, world in chosen for spec in fact.candidate}),
        Facts.of({spec.name: world.baseline for fact, world in chosen for spec in fact.baseline}),
    )


def _counterpart(spec: FactSpec, baseline: Vocabulary) -> tuple[tuple[FactSpec, ...], Mapping[str, str]]:
    """The baseline's fact of which this is the successor, and which of its values are called otherwise now."""
    if spec.name in baseline:
        return (baseline.spec(spec.name),), {}
    for old in spec.formerly:
        if old.name in baseline:
            return (baseline.spec(old.name),), dict(old.values)
    return (), {}


def _worlds(spec: FactSpec, other: tuple[FactSpec, ...], renamed: Mapping[str, str]) -> tuple[World, ...]:
    old_values = other[0].values if other else spec.values
    worlds = [World(renamed.get(value, value), value) for value in old_values]
    # A new value is stated in new words only. The baseline does not know them, even where it has a value of that name.
    new = [value for value in spec.values if value not in {world.candidate for world in worlds}]
    worlds += [World(value, _UNDECLARED if value in old_values else value) for value in new]
    worlds.append(World(UNKNOWN, UNKNOWN))
    # What neither knows is bad to both; most facts have a declared value that is.
    was = other[0] if other else spec
    if not any(spec.rank(world.candidate) == BAD_RANK == was.rank(world.baseline) for world in worlds):
        worlds.append(World(_UNDECLARED, _UNDECLARED))
    return tuple(worlds)
