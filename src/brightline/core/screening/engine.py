# SPDX-License-Identifier: Apache-2.0
"""Searches texts for the patterns of all rules: exactly, in time linear in the text, and never silently less.

Patterns are searched by RE2 (``google-re2``), which is linear in the text. Its sets answer ``None`` for "nothing
found", and the C++ engine says "nothing found" on exhausted memory as well. So each text is searched with a canary
appended, which one more pattern of each set finds: an answer without the canary is no answer, and raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec
import re2

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.finding import Surface
from brightline.core.screening.folding import fold
from brightline.core.screening.needs import Need, needs_of
from brightline.core.screening.rule_file import ENGINE_BYTES_MAX, Rule, options, refuse
from brightline.core.screening.sieve import Sieve, words_of
from brightline.core.screening.views import TURNS

STRETCH_CHARS: Final = 1_200
STRETCH_STEP_CHARS: Final = 600
"""All patterns of a rule must be found within one stretch, so what lies within 600 characters always counts
as together. In 8 kB of ordinary prose some verb, some weapon and some person are always found."""

CANARY: Final = "\n.\x00brightline canary\x00"
"""Begins with an end of line and of sentence, so that no pattern of prose can reach from the text into it."""

_CANARY_PATTERN: Final = re2.escape(CANARY[2:])


class Sought(msgspec.Struct, frozen=True):
    """The patterns that must be found for the rule at this place of the file, the rarest first."""

    at: int
    patterns: tuple[int, ...]
    surfaces: frozenset[Surface]


class Engine:
    """A sieve over all rules in one pass, and behind it one RE2 set for each pattern.

    One set over everything would be one pass as well, but its automaton remembers how far *every* pattern has
    come: on text that it has not seen it builds a new state at nearly every character (8,000 us for 1 kB, and
    30 once seen). The sieve names the rules for which the words of the texts would do. Their patterns are searched
    alone, the rarest first, until one fails: so a text costs what stands in it, and not the length of the file. Which
    patterns are rare is counted in the examples of the file.

    Many texts of a batch are searched as one first, and each by itself only for the rules that are suspect then. An
    automaton is seldom in the processor's cache when it is needed, so it is dear to begin and cheap to go on.
    """

    __slots__ = ("_rules", "_sets", "_sieve")

    def __init__(self, rules: Sequence[Rule], patterns: Sequence[tuple[str, ...]], name: str) -> None:
        self._sets: list[Any] = []
        self._rules: list[Sought] = []
        ids: dict[str, int] = {}
        needs: list[tuple[Need, ...]] = []  # of each pattern
        sample = [(fold(text) + CANARY).encode() for rule in rules for text in rule.must_not_match[:2]]
        rarity: list[int] = []  # in how many of the sample's texts each pattern is found
        for at, (rule, whole) in enumerate(zip(rules, patterns, strict=True)):
            for pattern in whole:
                if pattern not in ids:
                    ids[pattern] = len(ids)
                    needs.append(needs_of(pattern))
                    self._sets.append(_set_of(pattern, name, rule.id))
                    rarity.append(sum(_found(self._sets[-1], text) for text in sample))
            rarest_first = tuple(sorted({ids[pattern] for pattern in whole}, key=rarity.__getitem__))
            self._rules.append(Sought(at, rarest_first, frozenset(rule.surfaces)))
        of_rules = [tuple(chain.from_iterable(needs[place] for place in rule.patterns)) for rule in self._rules]
        self._sieve = Sieve(of_rules, TURNS)

    def passing(self, texts: Iterable[str]) -> Mapping[str, Sequence[int]]:
        """The places of the rules that the words of these texts would do for: as they are, and by each turn."""
        return self._sieve.passing(words_of(texts))

    def suspects(self, texts: Sequence[str], passing: Sequence[int]) -> list[Sought]:
        """Of these rules, those all of whose patterns are found somewhere: what is in one of the texts is among these.

        The texts stand in one, each on a line of its own; a pattern that reaches over the end of a line makes a rule
        suspect, no more. Raises ``ScreeningUnavailable``.
        """
        if not passing:
            return []
        found = _Found(self._sets, _searchable("\n".join(texts)))
        return [rule for at in passing if all(map(found, (rule := self._rules[at]).patterns))]

    def found_in(self, folded: str, surface: Surface, suspects: Sequence[Sought]) -> list[int]:
        """The places of those suspects for this surface that are found in one stretch of this text, in order."""
        if not suspects:
            return []
        found = _Found(self._sets, _searchable(folded))
        whole = [rule for rule in suspects if surface in rule.surfaces and all(map(found, rule.patterns))]
        if not whole or len(folded) <= STRETCH_CHARS:
            return sorted(rule.at for rule in whole)
        stretches = [
            _Found(self._sets, _searchable(folded[start : start + STRETCH_CHARS]))
            for start in range(0, len(folded) - STRETCH_CHARS + STRETCH_STEP_CHARS, STRETCH_STEP_CHARS)
        ]
        return sorted(rule.at for rule in whole if any(all(map(found, rule.patterns)) for found in stretches))


class _Found:
    """Which patterns are found in one text; each is searched once at most."""

    def __init__(self, sets: Sequence[Any], text: bytes) -> None:
        self.known: dict[int, bool] = {}
        self._sets = sets
        self._text = text

    def __call__(self, pattern: int) -> bool:
        if pattern not in self.known:
            self.known[pattern] = _found(self._sets[pattern], self._text)
        return self.known[pattern]


def _searchable(text: str) -> bytes:
    """The text and the canary. A lone surrogate is no UTF-8: strict JSON refuses it long before, here it is ``?``."""
    return (text + CANARY).encode("utf-8", "replace")


def _set_of(pattern: str, name: str, rule_id: str) -> Any:
    """The pattern (0) and the canary (1) in one RE2 set. ``^`` begins a line; a view has but one."""
    together = re2.Set.SearchSet(options())
    together.Add(f"(?m:{pattern})")
    together.Add(_CANARY_PATTERN)
    try:
        together.Compile()
    except re2.error as error:
        raise ReleaseError(f"{name}: rule {rule_id!r}: a pattern needs over {ENGINE_BYTES_MAX} bytes") from error
    if together.Match(CANARY) != [1]:
        refuse(name, rule_id, "a pattern is found in an empty text, and so in everything")
    return together


def _found(searched: Any, text: bytes) -> bool:
    """Whether the pattern of a set is found. Raises ``ScreeningUnavailable`` where the canary was not."""
    matched: list[int] | None = searched.Match(text)
    if matched is None or 1 not in matched:
        _no_answer()
    return 0 in matched


def _no_answer() -> NoReturn:
    raise ScreeningUnavailable("the rule engine gave no whole answer: its canary was not found")
