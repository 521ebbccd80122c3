# SPDX-License-Identifier: Apache-2.0
"""An agreement in the form in which it decides: facts as bits, and for each fact the clauses that read it.

Conditions see of a fact only whether it is good. So a request is one integer, a bit for each fact that is not good,
and a condition is a test of that integer. A clause all of whose facts are good comes out as it does when everything is
good, which is known beforehand: only clauses that read a fact which is not good need be looked at. An ordinary request
has few such facts, so that three hundred clauses cost hardly more than ten. Why a condition came out as it did is
arithmetic on the same bits.

What cannot be said in bits, a comparison with another value than the good one, is refused at load; here it is decided
as ``condition.evaluate`` reads it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from operator import itemgetter, ne
from typing import Any, TypeAlias, assert_never

from brightline.core.agreement.condition import (
    And,
    Approvals,
    Compare,
    Compiled,
    Condition,
    Not,
    Or,
    facts_of,
    leaves,
    reasons,
)
from brightline.core.facts import UNKNOWN, Vocabulary

Test: TypeAlias = Callable[[int], bool]
Why: TypeAlias = Callable[[int], int]


class Request:
    """A request as bits: ``bad`` has the facts that are not good, ``open`` those of them that people may settle.

    ``missing`` has the unknown ones that only the installation states. ``values`` and ``approvals`` are what it was
    made from, for what bits cannot say.
    """

    __slots__ = ("approvals", "bad", "missing", "open", "values")

    def __init__(
        self, bad: int, open_: int, missing: int, values: Mapping[str, str], approvals: Mapping[str, int]
    ) -> None:
        self.bad = bad
        self.open = open_
        self.missing = missing
        self.values = values
        self.approvals = approvals


class CompiledAgreement:
    """Made once for each agreement. Clauses are known by their place in it."""

    def __init__(self, rules: Sequence[tuple[Condition, Compiled]], vocabulary: Vocabulary) -> None:
        """``rules`` are each clause's condition, as a tree and as a closure over values."""
        specs = vocabulary.specs
        self.decided: dict[Any, Any] = {}  # what ``decide.decided`` remembers
        self._bits = {spec.name: 1 << place for place, spec in enumerate(specs)}
        self._names = {bit: name for name, bit in self._bits.items()}
        self._good = {spec.name: spec.good for spec in specs}
        self._all_good = tuple(self._good.values())
        self._read = _reader(tuple(self._good))
        self._settleable = sum(self._bits[spec.name] for spec in specs if spec.settleable)
        self._installation = sum(self._bits[spec.name] for spec in specs if spec.installation)
        self._conditions = tuple(condition for condition, _ in rules)
        self._plain = tuple(closure for _, closure in rules)
        made = [self._made(condition) if self._is_bits(condition) else None for condition in self._conditions]
        self._tests = tuple(pair and pair[0] for pair in made)
        self._whys = tuple(pair and pair[1] for pair in made)
        self._readers: dict[int, int] = dict.fromkeys(self._bits.values(), 0)
        self._ever = 0  # clauses that must be looked at whatever is good
        for place, condition in enumerate(self._conditions):
            test = self._tests[place]
            if test is None or test(0):
                self._ever |= 1 << place
            for name in self._bits.keys() & facts_of(condition):
                self._readers[self._bits[name]] |= 1 << place

    def request(self, values: Mapping[str, str], approvals: Mapping[str, int]) -> Request:
        """Read a request. A fact that is not there is unknown; a value that is not known is bad."""
        found = self._read(values)
        bad = unknown = 0
        if found != self._all_good:
            rows = zip(found, self._names, strict=True)
            for value, bit in compress(rows, map(ne, found, self._all_good)):  # only what is not good comes through
                bad |= bit
                if value == UNKNOWN:
                    unknown |= bit
        return Request(bad, unknown & self._settleable, unknown & self._installation, values, approvals)

    def applying(self, request: Request, bad: int, among: int | None = None) -> Iterator[int]:
        """The places of the clauses whose condition holds while these facts are not good, in order.

        ``bad`` is the request's own, or what is left of it when people have settled some. ``among`` are the clauses to
        look at, as bits by place; without it, all that can hold.
        """
        looked = self._can_hold(bad) if among is None else among
        tests = self._tests
        while looked:
            bit = looked & -looked
            looked ^= bit
            place = bit.bit_length() - 1
            test = tests[place]
            if test(bad) if test is not None else self._plain[place](self.seen(request, bad), request.approvals):
                yield place

    def _can_hold(self, bad: int) -> int:
        clauses = self._ever
        readers = self._readers
        while bad:
            bit = bad & -bad
            clauses |= readers[bit]
            bad ^= bit
        return clauses

    def mattered(
        self, places: Iterable[int], request: Request, bad: int, approvals: Mapping[str, int]
    ) -> tuple[str, ...]:
        """The facts by which the conditions of these clauses come out as they do, by name."""
        bits = 0
        others: set[str] = set()
        for place in places:
            why = self._whys[place]
            if why is not None:
                bits |= why(bad)
            else:
                others |= reasons(self._conditions[place], self.seen(request, bad), approvals)
        return tuple(sorted(others.union(self.names(bits))))

    def readers(self, bit: int) -> int:
        """The clauses that read a fact, as bits by place."""
        return self._readers[bit]

    def bit(self, name: str) -> int:
        """The bit of a fact."""
        return self._bits[name]

    def names(self, bits: int) -> Iterator[str]:
        """The facts of these bits, in the order of the vocabulary."""
        while bits:
            bit = bits & -bits
            bits ^= bit
            yield self._names[bit]

    def seen(self, request: Request, bad: int) -> Mapping[str, str]:
        """The values of a request of which only these facts are still not good; the others people have settled."""
        settled = request.bad & ~bad
        if not settled:
            return request.values
        return {**request.values, **{name: self._good[name] for name in self.names(settled)}}

    # ---- conditions as bits ------------------------------------------------------------------------------------

    def _is_bits(self, condition: Condition) -> bool:
        return all(isinstance(leaf, Compare) and self._good.get(leaf.fact) == leaf.value for leaf in leaves(condition))

    def _made(self, condition: Condition) -> tuple[Test, Why]:
        """Whether the condition holds, and by which facts it does or does not: what ``reasons`` says."""
        match condition:
            case Compare(fact, equal):
                bit = self._bits[fact]
                test: Test = (lambda bad: not bad & bit) if equal else (lambda bad: bool(bad & bit))
                return test, lambda _: bit
            case Not(part):
                inner, why = self._made(part)
                return lambda bad: not inner(bad), why
            case And(parts):
                return self._all(parts)
            case Or(parts):
                return self._any(parts)
            case Approvals():
                raise AssertionError("counts are no bits")
            case _:
                assert_never(condition)

    def _all(self, parts: tuple[Condition, ...]) -> tuple[Test, Why]:
        """Comparisons of a conjunction become one mask that must be all there, and one that must not be."""
        there, absent, others = self._split(parts)

        def holds(bad: int) -> bool:
            return bad & there == there and not bad & absent

        def why(bad: int) -> int:
            return there | absent if holds(bad) else (there & ~bad) | (absent & bad)

        if not others:
            return holds, why
        rest = _both([test for test, _ in others])

        def holds_with_rest(bad: int) -> bool:
            return bad & there == there and not bad & absent and rest(bad)

        def why_with_rest(bad: int) -> int:
            if holds_with_rest(bad):
                return there | absent | _joined(others, bad, True)
            return (there & ~bad) | (absent & bad) | _joined(others, bad, False)

        return holds_with_rest, why_with_rest

    def _any(self, parts: tuple[Condition, ...]) -> tuple[Test, Why]:
        """A disjunction fails where the conjunction of its negations holds, for the same reasons."""
        fails, why = self._all(tuple(_negated(part) for part in parts))
        return lambda bad: not fails(bad), why

    def _split(self, parts: tuple[Condition, ...]) -> tuple[int, int, list[tuple[Test, Why]]]:
        there = absent = 0
        others = []
        for part in parts:
            if not isinstance(part, Compare):
                others.append(self._made(part))
            elif part.equal:
                absent |= self._bits[part.fact]
            else:
                there |= self._bits[part.fact]
        return there, absent, others


def _reader(names: Sequence[str]) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """All values of a request at once; what is not there is unknown."""
    if len(names) < 2:  # itemgetter gives a tuple for two names and more
        return lambda values: tuple(values.get(name, UNKNOWN) for name in names)
    all_of: Callable[[Mapping[str, str]], tuple[str, ...]] = itemgetter(*names)

    def read(values: Mapping[str, str]) -> tuple[str, ...]:
        try:
            return all_of(values)
        except KeyError:
            return tuple(values.get(name, UNKNOWN) for name in names)

    return read


def _negated(part: Condition) -> Condition:
    return Compare(part.fact, not part.equal, part.value) if isinstance(part, Compare) else Not(part)


def _joined(parts: Iterable[tuple[Test, Why]], bad: int, truth: bool) -> int:
    """The reasons of those parts that come out so."""
    bits = 0
    for test, why in parts:
        if test(bad) is truth:
            bits |= why(bad)
    return bits


def _both(tests: list[Test]) -> Test:
    """A tree, two by two: a loop over tests would cost more than they do."""
    if len(tests) == 1:
        return tests[0]
    half = len(tests) // 2
    first, rest = _both(tests[:half]), _both(tests[half:])
    return lambda bad: first(bad) and rest(bad)
