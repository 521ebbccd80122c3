# SPDX-License-Identifier: Apache-2.0
"""Rows as the judge learns them: tokens under the definitions of a line, and what should be said of its facts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from brightline.classifier.corpus import Corpus, Line, Row
from brightline.classifier.everyday import Everyday
from brightline.classifier.judging.features import ASKED, TOKENS_MAX, exchange_of, views
from brightline.classifier.training.target import EVERYDAY_WEIGHT, FACTS, target
from brightline.core.screening.finding import Surface
from brightline.core.screening.prompt import SPEAKER, definitions
from brightline.decoder.tokens import of_prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH_TOKENS: Final = 6_144
EVERYDAY_SHARE: Final = 0.3  # of the rows, in each epoch
BESIDE_SHARE: Final = 0.15  # of the rows: beside something everyday, which carries no label
BESIDE_TOKENS: Final = 60


class Lesson(msgspec.Struct, frozen=True):
    """One exchange. ``wanted`` and ``counts`` are for the facts of its line; ``unit`` names its pair, or itself.

    ``group`` is its author, or the corpus of an everyday text.
    """

    id: str
    group: str
    line: Line
    tokens: list[int]
    wanted: tuple[float, ...]
    counts: tuple[float, ...]
    unit: str


class Reader:
    """The tokens of exchanges, and of the definitions before them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.prefixes: Mapping[Line, list[int]] = {
            line: of_prompt(tokenizer, definitions(view)) for line, view in views().items()
        }

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of texts, of each as many as one window of the judge holds."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [list(one.ids[:TOKENS_MAX]) for one in found]

    def of_rows(self, corpora: Iterable[Corpus]) -> list[Lesson]:
        """Rows as lessons. Everyday neighbours count as such text does."""
        found = []
        for corpus in corpora:
            every = self.tokens([exchange_of(row) for row in corpus.rows])
            for row, tokens in zip(corpus.rows, every, strict=True):
                wanted, counts = wanted_of(row)
                unit = f"{corpus.author.author} {row.line} {row.pair or row.id}"
                found.append(Lesson(row.id, corpus.author.author, row.line, tokens, wanted, counts, unit))
        return found

    def everyday(self, everyday: Iterable[Everyday]) -> dict[str, list[list[int]]]:
        """By corpus, the half of everyday text that is there to train on, as a user says it."""
        return {
            one.source.corpus: self.tokens([SPEAKER[Surface.INPUT] + text for text in one.texts[::2]])
            for one in everyday
        }


def wanted_of(row: Row) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What should be said of the facts of a row's line, and how much it counts."""
    wanted, counts = target(row)
    at = [FACTS.index(fact) for fact in ASKED[row.line]]
    return tuple(wanted[i] for i in at), tuple(counts[i] for i in at)


def batches(
    lessons: Sequence[Lesson], everyday: Mapping[str, Sequence[list[int]]], dice: random.Random
) -> list[list[Lesson]]:
    """One epoch: each batch of one line, pairs together, texts of like length, in an order by lot."""
    everyday = {name: texts for name, texts in everyday.items() if texts}
    found: list[list[Lesson]] = []
    for line in Line:
        units: dict[str, list[Lesson]] = {}
        for lesson in lessons:
            if lesson.line is line:
                units.setdefault(lesson.unit, []).append(_beside(lesson, everyday, dice))
        every = [*units.values(), *_ordinary(line, sum(map(len, units.values())), everyday, dice)]
        every.sort(key=lambda unit: max(len(one.tokens) for one in unit) * dice.uniform(1, 1.3))
        found += _filled(every)
    dice.shuffle(found)
    return found


def ordered_in(batch: Sequence[Lesson]) -> list[tuple[int, int, int]]:
    """In a batch, two lessons of one unit and a fact of which the first is surely more than the second."""
    units: dict[str, list[int]] = {}
    for number, lesson in enumerate(batch):
        if lesson.unit:
            units.setdefault(lesson.unit, []).append(number)
    return [
        (one, other, fact)
        for members in units.values()
        for one in members
        for other in members
        for fact in range(len(batch[one].wanted))
        if batch[one].wanted[fact] == 1.0 and batch[other].wanted[fact] == 0.0
        if batch[one].counts[fact] > 0 and batch[other].counts[fact] > 0
    ]


def _filled(units: Iterable[list[Lesson]]) -> Iterator[list[Lesson]]:
    batch: list[Lesson] = []
    for unit in units:
        widest = max(len(one.tokens) for one in [*batch, *unit])
        if batch and widest * (len(batch) + len(unit)) > BATCH_TOKENS:
            yield batch
            batch = []
        batch = batch + unit
    if batch:
        yield batch


def _ordinary(
    line: Line, rows: int, everyday: Mapping[str, Sequence[list[int]]], dice: random.Random
) -> Iterator[list[Lesson]]:
    """Everyday texts, each corpus as often as another: no on every fact."""
    names = sorted(everyday)
    facts = len(ASKED[line])
    for number in range(int(rows * EVERYDAY_SHARE) if names else 0):
        name = dice.choice(names)
        tokens = dice.choice(everyday[name])
        yield [Lesson(f"{line} {number}", name, line, tokens, (0.0,) * facts, (EVERYDAY_WEIGHT,) * facts, "")]


def _beside(lesson: Lesson, everyday: Mapping[str, Sequence[list[int]]], dice: random.Random) -> Lesson:
    if not everyday or dice.random() >= BESIDE_SHARE:
        return lesson
    filler = dice.choice(everyday[dice.choice(sorted(everyday))])[:BESIDE_TOKENS]
    both: Any = filler + lesson.tokens if dice.random() < 0.5 else lesson.tokens + filler
    return msgspec.structs.replace(lesson, tokens=both[:TOKENS_MAX])
