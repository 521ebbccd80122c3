# SPDX-License-Identifier: Apache-2.0
"""What is fitted tells rows apart that nobody showed it, the same each time, and leaves the publisher's weights."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs brightline[train]")

import torch

from brightline.classifier.corpus import Line
from brightline.classifier.judging.features import ASKED
from brightline.classifier.tuning import fitting
from brightline.classifier.tuning.decoder import Decoder
from brightline.classifier.tuning.fitting import COLUMNS, MEAN_EVERY, MEAN_FROM, Tuner
from brightline.classifier.tuning.lessons import Lesson
from brightline.core.errors import ConfigError
from brightline.core.screening.figures import area_under_curve
from tests import tiny_decoder

PREFIXES = {line: [100 + number, 101, 102] for number, line in enumerate(Line)}
WORD = 65
DAY = {"day": [[9, 8, 7, 6], [5] * 12]}


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    tiny_decoder.write(path)
    return Tuner(Decoder(path, (1, 3)), PREFIXES)


def lessons_of(count: int, seed: int, lines: Sequence[Line] = (Line.WEAPONS,), paired: bool = True) -> list[Lesson]:
    """Some are yes: they have one word. Two of each pair differ in nothing else."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    found = []
    for line, number in itertools.product(lines, range(count // 2)):
        tokens = [dice.randrange(70, 256) for _ in range(dice.randrange(4, 20))]
        at = dice.randrange(len(tokens))
        for value in (1.0, 0.0):
            said = [*tokens[:at], WORD if value else WORD + 1, *tokens[at + 1 :]]
            facts = len(ASKED[line])
            name = f"{line} {number} {value}"
            unit = f"{line} {number}" if paired else name
            found.append(Lesson(name, "a", line, said, (value,) * facts, (1.0,) * facts, unit))
    return found


def told(said: dict[str, dict[str, float]], fact: str, lessons: Sequence[Lesson]) -> float:
    at = {line: facts.index(fact) for line, facts in ASKED.items() if fact in facts}
    yes, no = (
        [said[one.id][fact] for one in lessons if one.line in at and one.wanted[at[one.line]] == value]
        for value in (1.0, 0.0)
    )
    return area_under_curve(yes, no) or 0.0


def test_a_word_that_decides_is_learned_for_every_fact_and_the_publishers_weights_stay(tuner: Tuner) -> None:
    before = {name: one.clone() for name, one in tuner.decoder.named_buffers()}
    counted: list[int] = []
    train, others = lessons_of(60, 1, tuple(Line)), lessons_of(24, 2, tuple(Line))
    heads = tuner.fit(train, DAY, 2, 1, counted.append)
    said = tuner.said(heads, others)
    assert said.keys() == {one.id for one in others}
    for one in others:
        assert tuple(said[one.id]) == ASKED[one.line]
    for fact in COLUMNS:
        assert told(said, fact, others) > 0.85
    assert sum(counted) == 2 * (3 * 60 + 3 * int(60 * 0.3)), "every lesson, and everyday text beside them"
    after = dict(tuner.decoder.named_buffers())
    for name, one in before.items():
        assert torch.equal(after[name][: len(one)], one), name
    assert any(bool(up.any()) for layer in tuner.decoder.layers for up in layer.up.values())


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(tuner: Tuner) -> None:
    train = lessons_of(16, 1)
    made = []
    for seed in (1, 1, 2):
        heads = tuner.fit(train, DAY, 1, seed)
        halves = tuner.decoder.adapter().halves
        made.append([*heads.plain(), *(half for name in sorted(halves) for half in halves[name])])
    same, other = (all(map(np.array_equal, made[0], one)) for one in made[1:])
    assert same
    assert not other


def test_heads_on_plain_states_say_what_is_said(tuner: Tuner) -> None:
    train = lessons_of(16, 1)
    heads = tuner.fit(train, {}, 1, 1)
    said = tuner.said(heads, train)
    weights, biases = heads.plain()
    with torch.no_grad():
        states = tuner.decoder(PREFIXES[Line.WEAPONS], [one.tokens for one in train]).flatten(1).double().numpy()
        tuner.decoder.settle()
        again = tuner.decoder(PREFIXES[Line.WEAPONS], [one.tokens for one in train]).flatten(1).double().numpy()
    np.testing.assert_array_equal(again, states, "it is what runs already")
    at = COLUMNS.index("weapon_direct")
    for one, state in zip(train, states, strict=True):
        assert state @ weights[at] + biases[at] == pytest.approx(said[one.id]["weapon_direct"], abs=0.05)


def test_the_rows_of_a_pair_are_put_further_apart_than_rows_that_are_none(tuner: Tuner) -> None:
    apart = []
    for paired in (True, False):
        train = lessons_of(16, 1, paired=paired)
        said = tuner.said(tuner.fit(train, {}, 4, 1), train)
        of = [said[one.id]["weapon_direct"] for one in train]
        apart.append(min(yes - no for yes, no in zip(of[::2], of[1::2], strict=True)))
    assert apart[0] > apart[1]


def test_what_is_kept_is_the_mean_of_the_last_part_of_the_way(tuner: Tuner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightline.classifier.tuning.lessons.BATCH_TOKENS", 24)
    points: list[Any] = []

    def numbers(_: int = 0) -> None:
        points.append([one.detach().clone() for one in tuner.decoder.parameters()])

    tuner.fit(lessons_of(60, 1), {}, 1, 1, numbers)
    kept = [
        each for number, each in enumerate(points) if number / len(points) >= MEAN_FROM and not number % MEAN_EVERY
    ]
    assert 1 < len(kept) < len(points) / 2
    points.clear()
    numbers()
    for *each, found in zip(*kept, points[0], strict=True):
        torch.testing.assert_close(found, torch.stack(each).mean(0))


def test_what_is_no_number_is_said_wherever_on_the_way_it_comes_up(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = lessons_of(4, 1)
    bad = [Lesson("b", "a", Line.WEAPONS, [1, 2], (1.0,), (float("nan"),), "")]
    for way, said in (([bad, good], "after 0 batches the loss"), ([good, bad], "after 2 batches what was fitted")):
        monkeypatch.setattr(fitting, "batches", lambda *_, way=way: way)
        with pytest.raises(ConfigError, match=said):
            tuner.fit(good, {}, 1, 1)


def test_what_is_only_read_is_read_in_batches_that_fit(tuner: Tuner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "READ_TOKENS", 60)
    monkeypatch.setattr(fitting, "READ_MAX", 5)
    heads = tuner.fit(lessons_of(8, 1), {}, 1, 1)
    lessons = lessons_of(30, 3, tuple(Line))
    lessons += [Lesson("long", "a", Line.WEAPONS, [3] * 80, (), (), "")]
    lessons += [Lesson(f"short {n}", "a", Line.WEAPONS, [3], (), (), "") for n in range(20)]
    read: list[list[list[int]]] = []
    hook = tuner.decoder.register_forward_pre_hook(lambda _, given: read.append(given[1]))
    try:
        said = tuner.said(heads, lessons)
    finally:
        hook.remove()
    assert len(said) == len(lessons)
    for batch in read:
        assert len(batch) == 1 or max(map(len, batch)) * len(batch) <= 60
        assert len(batch) <= 5
    assert len(read) < len(lessons) / 2
