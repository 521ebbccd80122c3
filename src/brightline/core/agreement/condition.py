# SPDX-License-Identifier: Apache-2.0
"""The language of conditions: comparisons of a fact with its good value, counts of approvals, and, or, not.

    condition  = conjunction *( "or" conjunction )
    conjunction = negation *( "and" negation )
    negation   = "not" negation / "(" condition ")" / comparison
    comparison = fact ( "==" / "!=" ) literal / "approvals." office ">=" count

A literal stands in single or double quotes; a count is 1 to 99. There are no strings to search, no arithmetic
and no hierarchy: everything stays decidable, for a prover and for a reader. There is no Kleene logic either:
a condition is true or false, and ``unknown`` simply is not good.

Nothing here calls ``eval`` or ``exec``: a condition is compiled to a tree of closures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias, assert_never

import msgspec

from brightline.core.errors import AgreementError
from brightline.core.facts import UNKNOWN

CONDITION_CHARS_MAX: Final = 4096
CONDITION_DEPTH_MAX: Final = 32
APPROVALS_MAX: Final = 99


class Values(Protocol):
    """What a condition reads facts from: ``Facts``, its view, or a mapping. What is not there is unknown."""

    def get(self, name: str, default: str, /) -> str:
        """Return the value of a fact, or ``default``."""
        ...


# ---- the tree ----------------------------------------------------------------------------------------------


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """``fact == value`` or, if not ``equal``, ``fact != value``; ``column`` is where it stands, from 1."""

    fact: str
    equal: bool
    value: str
    column: int = 0


class Approvals(msgspec.Struct, frozen=True, tag="approvals"):
    """At least ``count`` distinct people of ``office`` have approved."""

    office: str
    count: int
    column: int = 0


class And(msgspec.Struct, frozen=True, tag="and"):
    """All parts hold; of no parts: always true."""

    parts: tuple[Condition, ...]


class Or(msgspec.Struct, frozen=True, tag="or"):
    """A part holds; of no parts: never true."""

    parts: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The part does not hold."""

    part: Condition


Condition: TypeAlias = Compare | Approvals | And | Or | Not
Compiled: TypeAlias = Callable[[Values, Mapping[str, int]], bool]

NEVER: Final = Or(())


# ---- text → tree -------------------------------------------------------------------------------------------


def column_only(column: int) -> str:
    """Say where in a condition something is, if the file is not known."""
    return f"column {column}"


def parse(text: str, locate: Callable[[int], str] = column_only) -> Condition:
    """Read a condition.

    ``locate`` turns a column of ``text`` (from 1) into the ``where`` of an error. Raises ``AgreementError``
    for whatever is not in the grammar, too long (4,096 characters) or too deep (32).
    """
    if len(text) > CONDITION_CHARS_MAX:
        raise AgreementError(
            f"a condition of {len(text)} characters; at most {CONDITION_CHARS_MAX} are read",
            locate(1),
            "split the clause",
        )
    reader = _Reader(_tokens(text, locate), locate)
    condition = reader.condition(1)
    reader.end()
    return condition


class _Token(NamedTuple):
    kind: str
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"`{self.text}`"


_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<operator>==|!=|>=)|(?P<open>\()|(?P<close>\))|(?P<dot>\.)"
    r"|(?P<literal>'[A-Za-z0-9_.:-]{1,64}'|\"[A-Za-z0-9_.:-]{1,64}\")"
    r"|(?P<count>[0-9]{1,4}(?![0-9A-Za-z_]))|(?P<name>[A-Za-z_][A-Za-z0-9_]{0,63}(?![0-9A-Za-z_]))"
)
_WORDS: Final = frozenset({"and", "or", "not", "approvals"})


def _tokens(text: str, locate: Callable[[int], str]) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise AgreementError(
                f"{text[at]!r} begins nothing that a condition may have",
                locate(at + 1),
                "write facts, quoted values, approvals.<office>, ==, !=, >=, and, or, not and parentheses",
            )
        if match.lastgroup != "space":
            kind = "word" if match.group() in _WORDS else match.lastgroup
            tokens.append(_Token(kind, match.group(), at + 1))
        at = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


class _Reader:
    """Recursive descent, one token ahead."""

    def __init__(self, tokens: list[_Token], locate: Callable[[int], str]) -> None:
        self._tokens = tokens
        self._locate = locate
        self._at = 0

    def condition(self, depth: int) -> Condition:
        parts = [self._conjunction(depth)]
        while self._skip_word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def end(self) -> None:
        token = self._next()
        if token.kind != "end":
            raise self._unexpected(token, "`and`, `or` or the end")

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._negation(depth)]
        while self._skip_word("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self, depth: int) -> Condition:
        token = self._next()
        if depth > CONDITION_DEPTH_MAX:
            raise AgreementError(
                f"nested more than {CONDITION_DEPTH_MAX} deep",
                self._locate(token.column),
                "flatten the condition",
            )
        if token.kind == "word" and token.text == "not":
            return Not(self._negation(depth + 1))
        if token.kind == "open":
            inner = self.condition(depth + 1)
            self._expect("close", "`)`, `and` or `or`")
            return inner
        if token.kind == "name":
            return self._compare(token)
        if token.kind == "word" and token.text == "approvals":
            return self._approvals(token)
        raise self._unexpected(token, "a fact, `approvals.<office>`, `not` or `(`")

    def _compare(self, fact: _Token) -> Compare:
        operator = self._expect("operator", "`==` or `!=`")
        if operator.text == ">=":
            raise self._unexpected(operator, "`==` or `!=`")
        literal = self._expect("literal", "a value in quotes")
        return Compare(fact.text, operator.text == "==", literal.text[1:-1], fact.column)

    def _approvals(self, word: _Token) -> Approvals:
        self._expect("dot", "`.` and an office")
        office = self._expect("name", "an office")
        operator = self._expect("operator", "`>=`")
        if operator.text != ">=":
            raise self._unexpected(operator, "`>=`")
        count = self._expect("count", f"a count from 1 to {APPROVALS_MAX}")
        if not 1 <= int(count.text) <= APPROVALS_MAX:
            raise self._unexpected(count, f"a count from 1 to {APPROVALS_MAX}")
        return Approvals(office.text, int(count.text), word.column)

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)  # the end stays in sight
        return token

    def _skip_word(self, word: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == "word" and token.text == word:
            self._at += 1
            return True
        return False

    def _expect(self, kind: str, wanted: str) -> _Token:
        token = self._next()
        if token.kind != kind:
            raise self._unexpected(token, wanted)
        return token

    def _unexpected(self, found: _Token, wanted: str) -> AgreementError:
        return AgreementError(f"found {found}", self._locate(found.column), f"expected {wanted}")


# ---- tree → text -------------------------------------------------------------------------------------------


def write(condition: Condition) -> str:
    """Return the condition in the language, in one canonical spelling: ``parse`` gives back an equal tree.

    Columns apart, and but for the two constants, which have no spelling: "always" and "never".
    """
    return _written(condition, 0)


def _written(condition: Condition, binds: int) -> str:
    match condition:
        case Compare(fact, equal, value):
            return f"{fact} {'==' if equal else '!='} '{value}'"
        case Approvals(office, count):
            return f"approvals.{office} >= {count}"
        case And(()):
            return "always"
        case Or(()):
            return "never"
        case And(parts):
            text = " and ".join(_written(part, 2) for part in parts)
            return f"({text})" if binds > 1 else text
        case Or(parts):
            text = " or ".join(_written(part, 1) for part in parts)
            return f"({text})" if binds > 0 else text
        case Not(part):
            return f"not {_written(part, 3)}"
        case _:
            assert_never(condition)


# ---- tree → truth ------------------------------------------------------------------------------------------


def evaluate(condition: Condition, facts: Values, approvals: Mapping[str, int]) -> bool:
    """Return whether the condition holds: the plain reading, which ``compile`` must agree with."""
    match condition:
        case Compare(fact, equal, value):
            return (facts.get(fact, UNKNOWN) == value) is equal
        case Approvals(office, count):
            return approvals.get(office, 0) >= count
        case And(parts):
            return all(evaluate(part, facts, approvals) for part in parts)
        case Or(parts):
            return any(evaluate(part, facts, approvals) for part in parts)
        case Not(part):
            return not evaluate(part, facts, approvals)
        case _:
            assert_never(condition)


def compile(condition: Condition) -> Compiled:
    """Return a closure that says what ``evaluate`` says, several times faster."""
    match condition:
        case Compare(fact, equal, value):
            return _compiled_compare(fact, equal, value)
        case Approvals(office, count):
            return lambda _, approvals: approvals.get(office, 0) >= count
        case And(parts):
            return _compiled_and(tuple(compile(part) for part in parts))
        case Or(parts):
            return _compiled_or(tuple(compile(part) for part in parts))
        case Not(part):
            inner = compile(part)
            return lambda facts, approvals: not inner(facts, approvals)
        case _:
            assert_never(condition)


def _compiled_compare(fact: str, equal: bool, value: str) -> Compiled:
    if equal:
        return lambda facts, _: facts.get(fact, UNKNOWN) == value
    return lambda facts, _: facts.get(fact, UNKNOWN) != value


def _compiled_and(parts: tuple[Compiled, ...]) -> Compiled:
    if len(parts) == 2:
        first, second = parts
        return lambda facts, approvals: first(facts, approvals) and second(facts, approvals)

    def holds(facts: Values, approvals: Mapping[str, int]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator would cost more than the comparisons
            if not part(facts, approvals):
                return False
        return True

    return holds


def _compiled_or(parts: tuple[Compiled, ...]) -> Compiled:
    if len(parts) == 2:
        first, second = parts
        return lambda facts, approvals: first(facts, approvals) or second(facts, approvals)

    def holds(facts: Values, approvals: Mapping[str, int]) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(facts, approvals):
                return True
        return False

    return holds


def reasons(condition: Condition, facts: Values, approvals: Mapping[str, int]) -> frozenset[str]:
    """Return the facts whose values made the condition come out as it does.

    Of a conjunction that holds, all parts count, of one that fails only those that fail; of a disjunction the
    other way round. The rest could have had any value.
    """
    match condition:
        case Compare(fact):
            return frozenset({fact})
        case Approvals():
            return frozenset()
        case And(parts) | Or(parts):
            truths = [evaluate(part, facts, approvals) for part in parts]
            decisive = all(truths) if isinstance(condition, And) else any(truths)
            return frozenset().union(
                *(
                    reasons(part, facts, approvals)
                    for part, truth in zip(parts, truths, strict=True)
                    if truth is decisive
                )
            )
        case Not(part):
            return reasons(part, facts, approvals)
        case _:
            assert_never(condition)


# ---- what a condition reads --------------------------------------------------------------------------------


def facts_of(condition: Condition) -> frozenset[str]:
    """Return the names of the facts that a condition compares."""
    return frozenset(leaf.fact for leaf in leaves(condition) if isinstance(leaf, Compare))


def offices_of(condition: Condition) -> frozenset[str]:
    """Return the names of the offices whose approvals a condition counts."""
    return frozenset(leaf.office for leaf in leaves(condition) if isinstance(leaf, Approvals))


def leaves(condition: Condition) -> tuple[Compare | Approvals, ...]:
    """Return the comparisons and counts as if ``not`` had been pushed inward, in the order of the text.

    A negated comparison comes back with its operator turned. A count under ``not`` has no turned form: it
    comes back as it is, and ``check_polarity`` refuses it.
    """
    return tuple(leaf for leaf, _ in signed_leaves(condition, False))


def signed_leaves(condition: Condition, negated: bool) -> list[tuple[Compare | Approvals, bool]]:
    """Return the leaves, each with whether an odd number of ``not`` stands over it."""
    match condition:
        case Compare(fact, equal, value, column):
            return [(Compare(fact, equal is not negated, value, column), negated)]
        case Approvals():
            return [(condition, negated)]
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in signed_leaves(part, negated)]
        case Not(part):
            return signed_leaves(part, not negated)
        case _:
            assert_never(condition)
