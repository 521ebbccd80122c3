# SPDX-License-Identifier: Apache-2.0
"""Patterns as data: the detector whose every answer can be read back to a line that somebody signed for.

A rule (``rule_file.py``) sets one fact to one value when *all* of its patterns are found in one stretch of one view
of a segment. It carries its own proof: texts that it must match and neighbours that it must not. A file whose examples
do not come out is refused, so a rule that is in force has been seen to work by this very engine (``engine.py``).

Nothing here suppresses a finding: there is no exception, no allow-list and no switch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, Protocol

import msgspec
import re2

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.engine import STRETCH_CHARS, STRETCH_STEP_CHARS, Engine
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.rule_file import Rule, pattern_in, patterns_of, read_rule_file, refuse, words_in
from brightline.core.screening.views import TURNS, turn_of, views

DETECTOR_ID: Final = "rules"
GROUP_CHARS: Final = 65_536
"""Of all views that are searched together, to bound what is held in memory at once."""


class SeenText(Protocol):
    """One way to read a leaf, as ``views`` gives it: a name, and the folded text.

    What has the name of a turn alone is the first view, turned.
    """

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...


ViewsOf = Callable[[str], Sequence[SeenText]]


class RuleSet(msgspec.Struct, frozen=True, eq=False):
    """A loaded, self-tested rule file: the detector ``rules``.

    Thread-safe after loading: RE2 locks its own cache. ``digest`` is ``sha256:`` over the bytes of the file.
    """

    name: str
    digest: str
    rules: tuple[Rule, ...]
    facts: frozenset[str]
    """The facts that some rule of this file can set."""
    engine: Engine
    views: ViewsOf
    id: str = DETECTOR_ID

    def match(self, segments: Sequence[Segment]) -> tuple[Finding, ...]:
        """One finding for each rule and segment, from the first view in which the whole rule was found.

        Silence about a segment means that each of its views was searched to the end. Raises
        ``ScreeningUnavailable`` when the engine did not find the canary in a text.
        """
        return tuple(chain.from_iterable(map(self._findings, self._groups(segments))))

    def _groups(self, segments: Sequence[Segment]) -> Iterator[list[_Read]]:
        """Segments in order with their views, some at a time: they are searched together."""
        group: list[_Read] = []
        chars = 0
        for index, segment in enumerate(segments):
            read = _Read(index, segment.surface, self.views(segment.text))
            group.append(read)
            chars += sum(len(view.text) for view in read.views)
            if chars >= GROUP_CHARS:
                yield group
                group, chars = [], 0
        yield group

    def _findings(self, group: list[_Read]) -> Iterator[Finding]:
        # A rule must be found in one view, so views may be searched in parts. Plain words that were turned make words
        # of no pattern: apart from the others they cost little, among them each pattern would be searched in them too.
        texts: dict[str, dict[str, None]] = {}  # by the turn; roles repeat, and so do the views of short texts
        plain: set[str] = set()
        for read in group:
            for view in read.views:
                turn = turn_of(view.name)
                texts.setdefault(turn, {})[view.text] = None
                if not turn:
                    plain.add(view.text)
                elif view.name != turn:  # else it is the first view, turned
                    plain.add(TURNS[turn](view.text))
        passing = self.engine.passing(plain)
        suspects = {turn: self.engine.suspects(list(of_turn), passing[turn]) for turn, of_turn in texts.items()}
        for read in group if any(suspects.values()) else ():
            found: set[int] = set()
            for view in read.views:
                left = [rule for rule in suspects[turn_of(view.name)] if rule.at not in found]
                for at in self.engine.found_in(view.text, read.surface, left):
                    rule = self.rules[at]
                    found.add(at)
                    yield Finding(
                        detector=self.id,
                        fact=rule.fact,
                        value=rule.value,
                        rule=rule.id,
                        segment=read.index,
                        view=view.name,
                    )


class _Read(msgspec.Struct, frozen=True):
    """A segment as all of its views."""

    index: int
    surface: Surface
    views: Sequence[SeenText]


def load_rules(toml_bytes: bytes, name: str, views: ViewsOf = views) -> RuleSet:
    """Read, compile and self-test a rule file; ``name`` is how messages call it.

    Raises ``ReleaseError``, naming the rule, for whatever is not understood, out of bounds, does not compile,
    or does not behave as its examples say. Running the examples also fills RE2's caches, so that the first
    texts of service find them warm.
    """
    file = read_rule_file(toml_bytes, name)
    loaded = RuleSet(
        name=name,
        digest="sha256:" + hashlib.sha256(toml_bytes).hexdigest(),
        rules=file.rule,
        facts=frozenset(rule.fact for rule in file.rule),
        engine=Engine(file.rule, patterns_of(file, name), name),
        views=views,
    )
    for rule in file.rule:
        _run_examples(loaded, rule)
    return loaded


def places_of(toml_bytes: bytes, name: str, rule_id: str, folded: str) -> tuple[tuple[int, int], ...]:
    """Where a rule is found in a folded text: of each of its patterns the first place, within one stretch.

    For explaining a finding, and slow; nothing is judged by it. Empty if it is not found. Raises ``ReleaseError``.
    """
    rules, words = _to_explain(toml_bytes, name)
    rule = rules.get(rule_id)
    if rule is None:
        raise ReleaseError(f"{name}: there is no rule {rule_id!r}")
    patterns = [re2.compile(f"(?m:{pattern_in(text, words, name, rule_id)})") for text in rule.all]
    for start in range(0, max(1, len(folded) - STRETCH_CHARS + STRETCH_STEP_CHARS), STRETCH_STEP_CHARS):
        stretch = folded[start : start + STRETCH_CHARS]
        found = [pattern.search(stretch) for pattern in patterns]
        if all(found):
            return tuple((start + one.start(), start + one.end()) for one in found)
    return ()


@lru_cache(maxsize=4)  # a page explains many findings by one file
def _to_explain(toml_bytes: bytes, name: str) -> tuple[Mapping[str, Rule], Mapping[str, str]]:
    """The rules of a file by id, the first of each, and its words as they are put into patterns."""
    file = read_rule_file(toml_bytes, name)
    return {rule.id: rule for rule in reversed(file.rule)}, words_in(file.words, name)


def check_rules(rules: RuleSet, vocabulary: Vocabulary) -> None:
    """Hold a rule list against the facts of an agreement.

    A rule sets a fact that detectors may set, and never to its good value: a text that says "he is a foreigner" or
    "this is authorised" settles nothing. Raises ``ReleaseError``.
    """
    for rule in rules.rules:
        if rule.fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(rule.fact).set_by:
            refuse(rules.name, rule.id, f"no detector may set {rule.fact!r} under this agreement")
        spec = vocabulary.spec(rule.fact)
        if rule.value == spec.good:
            refuse(
                rules.name,
                rule.id,
                f"a pattern may not say {rule.value!r} of {rule.fact}: silence may, if entitled",
            )
        if rule.value not in (*spec.values, UNKNOWN):
            refuse(rules.name, rule.id, f"{rule.fact} has no value {rule.value!r}")


def _run_examples(loaded: RuleSet, rule: Rule) -> None:
    surface = rule.surfaces[0]

    def hit(text: str) -> bool:
        findings = loaded.match((Segment(path="example", surface=surface, text=text),))
        return any(finding.rule == rule.id for finding in findings)

    for text in rule.must_match:
        if not hit(text):
            refuse(loaded.name, rule.id, f"it does not match its own example {text!r}")
    for text in rule.must_not_match:
        if hit(text):
            refuse(loaded.name, rule.id, f"it matches the neighbour that it must not match: {text!r}")
