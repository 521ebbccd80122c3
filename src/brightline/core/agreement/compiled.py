# SPDX-License-Identifier: Apache-2.0
"""An agreement in the form in which it decides: facts as bits, and for each fact the clauses that read it.

Conditions see of a fact only whether it is good. So a request is one integer, a bit for each fact that is not good,
and a condition is a test of that integer. A clause all of whose facts are good comes out as it does when everything is
good, which is known beforehand: only clauses that read a fact which is not good need be looked at. An ordinary request
has few such facts, so that three hundred clauses cost hardly more than ten.

What cannot be said in bits, a comparison with another value than the good one, is refused at load; here it is decided
as ``condition.evaluate`` reads it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, assert_never

from brightline.core.agreement.condition import And, Approvals, Compare, Compiled, Condition, Not, Or, leaves
from brightline.core.facts import UNKNOWN, Vocabulary

Test: TypeAlias = Callable[[int], bool]


class Request:
    """A request as bits: ``bad`` has the facts that are not good, ``open`` those of them that people may settle.

    ``values`` and ``approvals`` are what it was made from, for what bits cannot say.
    """

    __slots__ = ("approvals", "bad", "open", "values")

    def __init__(self, bad: int, open_: int, values: Mapping[str, str], approvals: Mapping[str, int]) -> None:
        self.bad = bad
        self.open = open_
        self.values = values
        self.approvals = approvals


class CompiledAgreement:
    """Made once for each agreement. Clauses are known by their place in it."""

    def __init__(self, rules: Sequence[tuple[Condition, Compiled]], vocabulary: Vocabulary) -> None:
        """``rules`` are each clause's condition, as a tree and as a closure over values."""
        self._bits = {spec.name: 1 << place for place, spec in enumerate(vocabulary.specs)}
        self._good = {spec.name: spec.good for spec in vocabulary.specs}
        self._rows = tuple((spec.name, spec.good, 1 << i) for i, spec in enumerate(vocabulary.specs))
        self._settleable = sum(self._bits[spec.name] for spec in vocabulary.specs if spec.settleable)
        self._tests = tuple(self._test(condition) for condition, _ in rules)
        self._plain = tuple(closure for _, closure in rules)
        self._readers: dict[int, int] = dict.fromkeys(self._bits.values(), 0)
        self._ever = 0  # clauses that must be looked at whatever is good
        for place, (condition, _) in enumerate(rules):
            test = self._tests[place]
            if test is None or test(0):
                self._ever |= 1 << place
            for leaf in leaves(condition):
                if isinstance(leaf, Compare) and leaf.fact in self._bits:
                    self._readers[self._bits[leaf.fact]] |= 1 << place

    def request(self, values: Mapping[str, str], approvals: Mapping[str, int]) -> Request:
        """Read a request. A fact that is not there is unknown; a value that is not known is bad."""
        bad = open_ = 0
        get = values.get
        for name, good, bit in self._rows:
            value = get(name, UNKNOWN)
            if value != good:
                bad |= bit
                if value == UNKNOWN:
                    open_ |= bit
        return Request(bad, open_ & self._settleable, values, approvals)

    def applying(self, request: Request, bad: int) -> Iterator[int]:
        """The places of the clauses whose condition holds while these facts are not good, in order.

        ``bad`` is the request's own, or what is left of it when people have settled some.
        """
        looked = self._ever
        readers = self._readers
        rest = bad
        while rest:
            bit = rest & -rest
            looked |= readers[bit]
            rest ^= bit
        tests = self._tests
        while looked:
            bit = looked & -looked
            looked ^= bit
            place = bit.bit_length() - 1
            test = tests[place]
            if test(bad) if test is not None else self._plain[place](self.seen(request, bad), request.approvals):
                yield place

    def bit(self, name: str) -> int:
        """The bit of a fact."""
        return self._bits[name]

    def seen(self, request: Request, bad: int) -> Mapping[str, str]:
        """The values of a request of which only these facts are still not good; the others people have settled."""
        settled = request.bad & ~bad
        if not settled:
            return request.values
        return {**request.values, **{name: good for name, good, bit in self._rows if bit & settled}}

    def _test(self, condition: Condition) -> Test | None:
        """The condition as a test of bits, or ``None`` for what bits cannot say."""
        for leaf in leaves(condition):
            if isinstance(leaf, Approvals) or self._good.get(leaf.fact) != leaf.value:
                return None
        return self._made(condition)

    def _made(self, condition: Condition) -> Test:
        match condition:
            case Compare(fact, equal):
                bit = self._bits[fact]
                return (lambda bad: not bad & bit) if equal else (lambda bad: bool(bad & bit))
            case Not(part):
                inner = self._made(part)
                return lambda bad: not inner(bad)
            case And(parts):
                return self._all(parts)
            case Or(parts):
                return self._any(parts)
            case Approvals():
                raise AssertionError("counts are no bits")
            case _:
                assert_never(condition)

    def _all(self, parts: tuple[Condition, ...]) -> Test:
        """Comparisons of a conjunction become one mask that must be all there, and one that must not be."""
        there, absent, others = self._split(parts)
        if not others:
            return lambda bad: bad & there == there and not bad & absent
        rest = _both([self._made(part) for part in others])
        return lambda bad: bad & there == there and not bad & absent and rest(bad)

    def _any(self, parts: tuple[Condition, ...]) -> Test:
        """Comparisons of a disjunction become one mask of which a bit must be there, and one not all there."""
        there, absent, others = self._split(parts)
        if not others:
            return lambda bad: bool(bad & there) or bad & absent != absent
        rest = _either([self._made(part) for part in others])
        return lambda bad: bool(bad & there) or bad & absent != absent or rest(bad)

    def _split(self, parts: tuple[Condition, ...]) -> tuple[int, int, tuple[Condition, ...]]:
        there = absent = 0
        others = []
        for part in parts:
            if not isinstance(part, Compare):
                others.append(part)
            elif part.equal:
                absent |= self._bits[part.fact]
            else:
                there |= self._bits[part.fact]
        return there, absent, tuple(others)


def _both(tests: list[Test]) -> Test:
    """A tree, two by two: a loop over tests would cost more than they do."""
    if len(tests) == 1:
        return tests[0]
    half = len(tests) // 2
    first, rest = _both(tests[:half]), _both(tests[half:])
    return lambda bad: first(bad) and rest(bad)


def _either(tests: list[Test]) -> Test:
    """As above, for a disjunction."""
    if len(tests) == 1:
        return tests[0]
    half = len(tests) // 2
    first, rest = _either(tests[:half]), _either(tests[half:])
    return lambda bad: first(bad) or rest(bad)
