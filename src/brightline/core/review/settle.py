# SPDX-License-Identifier: Apache-2.0
"""People's answers applied to what the detectors found, and what is left to ask people.

An answer takes the place of an *unknown* in the words that it was given about, never of anything worse. Views of
several parts (joined ones, and question and answer together) hold words that stand elsewhere in the exchange too: what
a rule finds in one counts as answered if the same rule found it in a part that was answered good and stands in that
view whole. So the next turn with the same words is not held again, while new words are judged by themselves and with
the old ones by every other rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.facts import UNKNOWN, Vocabulary
from brightline.core.review.docket import Answers, Settled
from brightline.core.screening.finding import Finding, Judgement, Segment

VIEWS_OF_PARTS: Final = ("joined:", "exchange[")
NOTHING_JUDGED: Final[Mapping[Finding, str]] = MappingProxyType({})


class AnsweredPart(msgspec.Struct, frozen=True):
    """A text in which this rule could not tell the fact, and people said that it is good."""

    rule: str
    fact: str
    text: str


class Applied(msgspec.Struct, frozen=True):
    """What people said in the place of which findings, of which facts, by which holds; what is still unknown where.

    ``parts`` are what was answered good, for what is asked later of the same exchange.
    """

    said: Mapping[Finding, str]
    facts: Mapping[str, str]
    holds: tuple[str, ...]
    parts: tuple[AnsweredPart, ...]
    unsettled: tuple[tuple[Finding, Segment], ...]


class _Applying:
    """One batch: which finding on which segment, and what people said."""

    def __init__(
        self,
        asked: Sequence[Segment],
        answers: Answers,
        vocabulary: Vocabulary,
        mark: Callable[[Segment], str],
        now: int,
        parts: Sequence[AnsweredPart],
        judged: Mapping[Finding, str],
    ) -> None:
        self._asked = asked
        self._answers = answers
        self._vocabulary = vocabulary
        self._mark = mark
        self._now = now
        self._judged = judged
        self._marks: dict[int, str] = {}
        self.said: dict[Finding, str] = {}
        self.facts: dict[str, str] = {}
        self.holds: dict[str, None] = {}
        self.parts: dict[AnsweredPart, None] = dict.fromkeys(parts)
        self.unsettled: list[tuple[Finding, Segment]] = []

    def open(self, finding: Finding) -> bool:
        """Whether this is something that nobody knows and that people could have answered."""
        known = self._judged.get(finding, finding.value) != UNKNOWN
        return not known and 0 <= finding.segment < len(self._asked) and finding.fact in self._vocabulary

    def of_words(self, finding: Finding) -> str:
        """What people said of the fact in the very words of the finding; empty if nothing."""
        if not self._answers:
            return ""
        if finding.segment not in self._marks:
            self._marks[finding.segment] = self._mark(self._asked[finding.segment])
        said = self._answers.of_words(finding.fact, self._marks[finding.segment], self._now)
        self.holds.update((each.hold, None) for each in said)
        value = _worst(self._vocabulary, finding.fact, said)
        if value == self._vocabulary.spec(finding.fact).good:
            self.parts[AnsweredPart(finding.rule, finding.fact, self._asked[finding.segment].text)] = None
        return value

    def apply(self, finding: Finding) -> None:
        """Put people's answer in the place of an open finding, if there is one."""
        segment, spec = self._asked[finding.segment], self._vocabulary.spec(finding.fact)
        value = self.of_words(finding)
        if not value and segment.path.startswith(VIEWS_OF_PARTS):
            wanted = finding.rule, finding.fact
            if any((part.rule, part.fact) == wanted and part.text in segment.text for part in self.parts):
                value = spec.good
        if not value:
            self.unsettled.append((finding, segment))
            return
        self.facts[finding.fact] = spec.worst(self.facts.get(finding.fact, value), value)
        self.said[finding] = value


def apply_answers(
    judgements: Sequence[Judgement],
    asked: Sequence[Segment],
    answers: Answers,
    vocabulary: Vocabulary,
    mark: Callable[[Segment], str],
    now: int,
    parts: Sequence[AnsweredPart] = (),
    judged: Mapping[Finding, str] = NOTHING_JUDGED,
) -> Applied:
    """Put what people settled in the place of what was unknown; ``parts`` are from earlier asks of this exchange.

    ``judged`` are the findings that the release's judge settled, each with its value. A finding on a segment that was
    not asked is left as it is: the release refuses the whole batch for it.
    """
    applying = _Applying(asked, answers, vocabulary, mark, now, parts, judged)
    found = [one for judgement in judgements for one in judgement.findings if applying.open(one)]
    for finding in found:  # which parts were answered is known before any view of them is looked at
        applying.of_words(finding)
    for finding in found:
        applying.apply(finding)
    return Applied(
        applying.said, applying.facts, tuple(applying.holds), tuple(applying.parts), tuple(applying.unsettled)
    )


def of_whole(
    answers: Answers, vocabulary: Vocabulary, exchange_digest: str, now: int
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """What people said of facts of an exchange as a whole, and the holds that this came from."""
    said = answers.of_whole(exchange_digest, now)
    values = {fact: _worst(vocabulary, fact, all_) for fact, all_ in said.items() if fact in vocabulary}
    return values, tuple({each.hold: None for all_ in said.values() for each in all_})


def _worst(vocabulary: Vocabulary, fact: str, said: Iterable[Settled]) -> str:
    value = ""
    for each in said:
        value = vocabulary.spec(fact).worst(value, each.value) if value else each.value
    return value
