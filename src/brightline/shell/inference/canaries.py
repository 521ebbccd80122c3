# SPDX-License-Identifier: Apache-2.0
"""Known-bad texts for detectors in the gateway's own process: each must be found, every minute, in each worker.

A rule list brings its own: what a rule must match. Each turn takes one rule for each fact, and in time takes all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Judgement, Segment, Surface
from brightline.core.screening.ngrams import Header, canary_segments, check_canaries
from brightline.core.screening.rule_file import Rule
from brightline.core.screening.rules import RuleSet
from brightline.core.screening.toolcall import CallRules


class Canaries(Protocol):
    """What a detector is asked in a turn, and what it missed of it."""

    def segments(self, turn: int) -> tuple[Segment, ...]:
        """The batch of a turn."""
        ...

    def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
        """What was missed in a turn, in words; empty if nothing was."""
        ...


class RuleCanaries:
    """The texts that rules must match."""

    def __init__(self, rules: RuleSet) -> None:
        by_fact: dict[str, list[Rule]] = {}
        for rule in rules.rules:
            by_fact.setdefault(rule.fact, []).append(rule)
        self._by_fact = tuple(tuple(of_fact) for of_fact in by_fact.values())

    @property
    def turns(self) -> int:
        """After so many turns each rule was asked for."""
        return max(len(rules) for rules in self._by_fact)

    def segments(self, turn: int) -> tuple[Segment, ...]:
        """One text for each fact."""
        return tuple(
            Segment(f"canary[{at}]", rule.surfaces[0], rule.must_match[turn // len(rules) % len(rule.must_match)])
            for at, (rule, rules) in enumerate(zip(self._asked(turn), self._by_fact, strict=True))
        )

    def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
        """The rules that did not match."""
        found = {(finding.segment, finding.rule) for finding in judgement.findings}
        return tuple(rule.id for at, rule in enumerate(self._asked(turn)) if (at, rule.id) not in found)

    def _asked(self, turn: int) -> Sequence[Rule]:
        return [rules[turn % len(rules)] for rules in self._by_fact]


class FirstStageCanaries:
    """The texts that a first stage must raise."""

    def __init__(self, header: Header) -> None:
        self._header = header

    def segments(self, turn: int) -> tuple[Segment, ...]:
        """All of them, each turn."""
        return canary_segments(self._header)

    def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
        """Why, if any was not raised."""
        try:
            check_canaries(self._header, judgement.raised)
        except ScreeningUnavailable as error:
            return (str(error),)
        return ()


class CallCanaries:
    """The calls that rules for tool calls must match, one for each rule in each turn."""

    def __init__(self, calls: CallRules) -> None:
        self._rules = calls.file.rule

    def segments(self, turn: int) -> tuple[Segment, ...]:
        """One call for each rule."""
        return tuple(
            Segment(f"canary[{at}]", Surface.TOOL_CALL, rule.must[turn % len(rule.must)])
            for at, rule in enumerate(self._rules)
        )

    def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
        """The rules that did not match."""
        found = {(finding.segment, finding.rule) for finding in judgement.findings}
        return tuple(rule.id for at, rule in enumerate(self._rules) if (at, rule.id) not in found)
