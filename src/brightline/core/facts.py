# SPDX-License-Identifier: Apache-2.0
"""What is known about an exchange, and how several sources' statements become one value.

A *fact* has one **good** value, and a chain *good < unknown < bad*; each other value is bad. Unknown is where
each fact starts. Statements join by the worst, so neither the order in which sources answer nor a statement
made twice changes a verdict. Which facts exist, which value is good, who may state each and who may settle it
is data of the agreement (``agreement/load.py``); nothing here knows a fact by its name.

Nothing here takes silence for good, and nothing here drops a statement that it does not understand.
"""

from __future__ import annotations

import enum
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.errors import UnentitledStatement

UNKNOWN: Final = "unknown"
YES: Final = "yes"
NO: Final = "no"

GOOD_RANK: Final = 0
UNKNOWN_RANK: Final = 1
BAD_RANK: Final = 2


class Source(enum.StrEnum):
    """Who may state a fact. People are no source: they settle an unknown, which is not the same."""

    REGISTRATION = "registration"
    ATTESTATION = "attestation"
    ADMISSION = "admission"
    ROSTER = "roster"
    DETECTOR = "detector"
    PATTERN = "pattern"


class Register(enum.StrEnum):
    """A register of entries that both parties signed, each with an expiry.

    A fact may *need* one: a registration then states its good value only while the entries that the workload names
    are in date. So a protocol that is retired stops the permits that rest on it.
    """

    PURPOSE = "purpose"
    FOREIGN_INTELLIGENCE = "foreign_intelligence"  # a purpose that both parties marked as such
    PROTOCOL = "protocol"
    VVT = "vvt"
    BOUNDS = "bounds"


INSTALLATION_SOURCES: Final = frozenset({Source.ATTESTATION, Source.ADMISSION, Source.ROSTER})


class Formerly(msgspec.Struct, frozen=True):
    """What a fact and its values were called in the baseline: pairs (former value, value of now).

    Sources that still speak in the former words are understood. The ratchet proves that good stays good and that
    nothing else becomes good.
    """

    name: str
    values: tuple[tuple[str, str], ...] = ()

    def translate(self, value: str) -> str:
        """Return the value of now for a former one; one that was not renamed is its own."""
        return dict(self.values).get(value, value)


class FactSpec(msgspec.Struct, frozen=True):
    """What the agreement says about one fact.

    ``values`` are all values but unknown, ``good`` among them. ``settled_by`` pairs each office whose people
    may settle an unknown with how many distinct people of it must say so; all pairs must be met. Empty:
    nobody may. ``needs`` are the registers whose entries must be in date before a registration may state it good.
    ``formerly`` holds at most one former name.
    """

    name: str
    good: str
    values: tuple[str, ...] = (YES, NO)
    set_by: frozenset[Source] = frozenset()
    settled_by: tuple[tuple[str, int], ...] = ()
    needs: frozenset[Register] = frozenset()
    formerly: tuple[Formerly, ...] = ()

    @property
    def settleable(self) -> bool:
        """Whether people may replace an unknown by an answer."""
        return bool(self.settled_by)

    @property
    def installation(self) -> bool:
        """Whether only the installation states this fact: unknown then is *unavailable*, never a verdict."""
        return bool(self.set_by) and self.set_by <= INSTALLATION_SOURCES

    def rank(self, value: str) -> int:
        """Return 0 for the good value, 1 for unknown and 2 for everything else, foreign words included."""
        if value == self.good:
            return GOOD_RANK
        return UNKNOWN_RANK if value == UNKNOWN else BAD_RANK

    def worst(self, a: str, b: str) -> str:
        """Return the worse of two values; of two different bad ones always the same."""
        return max(a, b, key=self._place)

    def _place(self, value: str) -> tuple[int, str]:
        return self.rank(value), value


class Statement(msgspec.Struct, frozen=True):
    """``source`` says that ``fact`` has ``value``; ``by`` names it (a detector's id, a registration's id)."""

    fact: str
    value: str
    source: Source
    by: str


class Facts(msgspec.Struct, frozen=True, dict=True):
    """Facts and their values: hashable, in canonical order (by name, in code points).

    Build it with ``Facts.of`` or ``Vocabulary.join``. Two equal mappings are equal, hash alike and encode to
    the same bytes, whatever the order in which they were made.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if any(a[0] >= b[0] for a, b in pairwise(self.pairs)):
            raise ValueError("facts must be given in canonical order, each once; use Facts.of")

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Facts:
        """Return the facts of a mapping name → value."""
        return cls(tuple(sorted(values.items())))

    @cached_property
    def view(self) -> Mapping[str, str]:
        """The facts as a read-only mapping; made once, for those who look up many."""
        return MappingProxyType(dict(self.pairs))

    def __getitem__(self, name: str) -> str:
        return self.view[name]

    def __contains__(self, name: object) -> bool:
        return name in self.view

    def __iter__(self) -> Iterator[str]:
        return iter(self.view)

    def __len__(self) -> int:
        return len(self.pairs)

    def get(self, name: str, default: str = UNKNOWN) -> str:
        """Return the value of a fact; one that is not there is unknown."""
        return self.view.get(name, default)

    def items(self) -> ItemsView[str, str]:
        """Return the pairs (name, value) in canonical order."""
        return self.view.items()

    def with_values(self, values: Mapping[str, str]) -> Facts:
        """Return these facts with the given values in place of their own."""
        return Facts.of({**self.view, **values})

    def as_dict(self) -> dict[str, str]:
        """Return a fresh dict in canonical order, for encoders."""
        return dict(self.pairs)


class Vocabulary(msgspec.Struct, frozen=True, dict=True):
    """The facts that an agreement knows, in the order in which it declares them."""

    specs: tuple[FactSpec, ...] = ()

    def __post_init__(self) -> None:
        names = [spec.name for spec in self.specs]
        names += [old.name for spec in self.specs for old in spec.formerly if old.name != spec.name]
        if len(set(names)) != len(names):
            raise ValueError("a vocabulary names each fact once, former names included")

    @cached_property
    def by_name(self) -> Mapping[str, FactSpec]:
        """The specifications by name, read-only."""
        return MappingProxyType({spec.name: spec for spec in self.specs})

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def spec(self, name: str) -> FactSpec:
        """Return what the agreement says about a fact; ``KeyError`` if it does not know the fact."""
        return self.by_name[name]

    @cached_property
    def _former(self) -> Mapping[str, tuple[FactSpec, Formerly]]:
        return MappingProxyType({old.name: (spec, old) for spec in self.specs for old in spec.formerly})

    def in_words_of_now(self, fact: str, value: str) -> tuple[str, str]:
        """Return fact and value as this vocabulary calls them; what was not renamed comes back as it is."""
        former = self._former.get(fact)
        if former is None:
            return fact, value
        spec, old = former
        return spec.name, old.translate(value)

    def join(self, statements: Iterable[Statement]) -> Facts:
        """Return every fact of the vocabulary, each with the worst value that was stated about it.

        A fact about which nobody stated anything is unknown. A source that could not find out must therefore
        state unknown itself where another source may state good: silence of one among several is not seen
        here.

        Raises ``UnentitledStatement`` for a fact that is not declared, a source that the agreement does not
        let set it, or a value that the fact does not have.
        """
        stated: dict[str, str] = {}
        entitled = self._entitlements
        for statement in statements:
            found = entitled.get((statement.source, statement.fact, statement.value))
            if found is None:
                raise self._unentitled(statement)
            spec, value = found
            before = stated.setdefault(spec.name, value)
            if before != value:
                stated[spec.name] = spec.worst(before, value)
        return Facts(tuple([(name, stated.get(name, UNKNOWN)) for name in self._in_order]))

    @cached_property
    def _in_order(self) -> tuple[str, ...]:
        return tuple(sorted(self.by_name))

    @cached_property
    def _entitlements(self) -> Mapping[tuple[str, str, str], tuple[FactSpec, str]]:
        """Who may state what (source, fact, value), in the words of now and of before: the fact, and its value now."""
        table: dict[tuple[str, str, str], tuple[FactSpec, str]] = {}
        for spec in self.specs:
            said = [(spec.name, value) for value in (*spec.values, UNKNOWN)]
            said += [
                (old.name, value)
                for old in spec.formerly
                for value in (*dict(old.values), *spec.values, UNKNOWN)
                if old.translate(value) in (*spec.values, UNKNOWN)
            ]
            for fact, value in said:
                name, now = self.in_words_of_now(fact, value)
                if name == spec.name and now in (*spec.values, UNKNOWN):
                    table.update(((source, fact, value), (spec, now)) for source in spec.set_by)
        return MappingProxyType(table)

    def _unentitled(self, statement: Statement) -> UnentitledStatement:
        fact, _ = self.in_words_of_now(statement.fact, statement.value)
        spec = self.by_name.get(fact)
        said = f"{statement.source} {statement.by!r} states {statement.fact!r} = {statement.value!r}"
        if spec is None:
            return UnentitledStatement(f"{said}, but the agreement declares no such fact")
        if statement.source not in spec.set_by:
            return UnentitledStatement(f"{said}, but only {', '.join(sorted(spec.set_by)) or 'nobody'} may set it")
        return UnentitledStatement(f"{said}, but its values are {', '.join(spec.values)} and unknown")
