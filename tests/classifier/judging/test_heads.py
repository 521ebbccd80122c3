# SPDX-License-Identifier: Apache-2.0
"""A head is the one best head for its rows and its penalty, and what is said of it is counted as it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brightline.classifier.corpus import Line, Row, RowSurface
from brightline.classifier.judging.heads import FOLDS, ORDER_COUNTS, fit, held_out, spread
from brightline.classifier.judging.measure import bounds, pairs_in_order, settled, told

NUMBERS = 60


def rows_of(count: int, seed: int = 1) -> tuple[Any, list[str]]:
    dice = np.random.default_rng(seed)
    states = dice.standard_normal((count, NUMBERS)) * dice.uniform(0.1, 50, NUMBERS) + 3
    said = states[:, 0] / states[:, 0].std() + dice.standard_normal(count)
    middle = float(np.median(said))
    return states, ["yes" if one > middle + 0.2 else "no" if one < middle - 0.2 else "unknown" for one in said]


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("penalty", [0.03, 1.0])
def test_no_step_in_any_direction_makes_it_better(penalty: float, paired: bool) -> None:
    states, values = rows_of(40)
    pairs = [f"pair-{number // 3}" if number < 30 else "" for number in range(40)] if paired else []
    ordered = [
        (one, other)
        for one in range(len(pairs))
        for other in range(len(pairs))
        if pairs[one] and pairs[one] == pairs[other] and (values[one], values[other]) == ("yes", "no")
    ]
    assert bool(ordered) == paired
    found = spread(states)
    even = (states - states.mean(0)) / states.std(0) / np.sqrt(NUMBERS)
    goals = np.array([{"yes": 1.0, "unknown": 0.5, "no": 0.0}[value] for value in values])
    counts = np.array([0.5 if value == "unknown" else 1.0 for value in values])
    for value, goal in (("yes", 1.0), ("no", 0.0)):
        counts[goals == goal] = len(values) / 2 / values.count(value)

    def loss(weights: Any, bias: float) -> float:
        log_odds = even @ weights + bias
        each = np.logaddexp(0, log_odds) - goals * log_odds
        apart = sum(np.logaddexp(0, log_odds[other] - log_odds[one]) for one, other in ordered)
        return float((counts * each).sum() + ORDER_COUNTS * apart + penalty / 2 * weights @ weights)

    head = fit(found, values, penalty, pairs)
    weights = head.weights * states.std(0) * np.sqrt(NUMBERS)
    bias = head.bias + float(head.weights @ states.mean(0))
    np.testing.assert_allclose(even @ weights + bias, head.of(states), atol=1e-6)
    best = loss(weights, bias)
    dice = np.random.default_rng(5)
    for _ in range(50):
        away = dice.standard_normal(NUMBERS) * 1e-3
        assert loss(weights + away, bias) >= best - 1e-9
        assert loss(weights, bias + float(away[0])) >= best - 1e-9


def test_neither_the_unit_of_a_number_nor_one_that_never_changes_matters() -> None:
    states, values = rows_of(50)
    plain = fit(spread(states), values, 0.3).of(states)
    scaled = states * np.linspace(0.01, 100, NUMBERS)
    np.testing.assert_allclose(fit(spread(scaled), values, 0.3).of(scaled), plain, atol=1e-6)
    dull = states.copy()
    dull[:, 7] = 4.0
    assert fit(spread(dull), values, 0.3).weights[7] == 0.0


def test_a_group_that_is_held_out_has_no_say_in_what_is_said_of_it() -> None:
    states, values = rows_of(60)
    groups = [f"author-{number % 3}" for number in range(60)]
    turned = {"yes": "no", "no": "yes", "unknown": "unknown"}
    lied = [turned[value] if group == "author-1" else value for value, group in zip(values, groups, strict=True)]
    mine = np.array([group == "author-1" for group in groups])
    honest, dishonest = (held_out(states, said, groups, [1.0])[1.0] for said in (values, lied))
    np.testing.assert_array_equal(honest[mine], dishonest[mine])
    assert not np.allclose(honest[~mine], dishonest[~mine])


def test_where_groups_are_many_some_are_held_out_together_and_none_is_asked_about_itself() -> None:
    states, values = rows_of(120)
    groups = [f"author-{number % 12:02}" for number in range(120)]
    turned = {"yes": "no", "no": "yes", "unknown": "unknown"}
    lied = [turned[value] if group == "author-07" else value for value, group in zip(values, groups, strict=True)]
    with_them = np.isin(groups, sorted(set(groups))[7 % FOLDS :: FOLDS])
    honest, dishonest = (held_out(states, said, groups, [1.0])[1.0] for said in (values, lied))
    np.testing.assert_array_equal(honest[with_them], dishonest[with_them])
    assert (honest != 0).all(), "everybody is asked about"


def test_a_head_needs_both_sides() -> None:
    states, _ = rows_of(4)
    with pytest.raises(ValueError, match="yes"):
        fit(spread(states), ["yes", "yes", "unknown", "yes"], 1.0)


def row(name: str, value: str, pair: str = "", surface: RowSurface = RowSurface.PROMPT, lang: str = "en") -> Row:
    facts = {"mass_domestic": value}
    return Row(name, Line.SURVEILLANCE, facts, surface, lang, "s", "r", pair, "f" if pair else "", text=name)  # type: ignore[arg-type]


def test_a_pair_is_in_order_only_if_every_yes_ranks_above_every_no() -> None:
    values = ["yes", "no", "yes", "no", "no", "yes", "unknown", "yes"]
    pairs = ["a", "a", "b", "b", "b", "c", "c", ""]
    rows = [row(str(i), value, pair) for i, (value, pair) in enumerate(zip(values, pairs, strict=True))]
    assert pairs_in_order(rows, values, [3, 1, 2, 1, 2.5, 9, 0, 9]).hits == 1
    assert pairs_in_order(rows, values, [3, 1, 3, 1, 2.5, 9, 0, 9]).share == 1.0
    assert pairs_in_order(rows, values, [1, 1, 3, 1, 2.5, 9, 0, 9]).hits == 1, "a tie is not in order"


def test_surfaces_and_languages_are_told_apart() -> None:
    kinds = [(RowSurface.PROMPT, "en"), (RowSurface.OUTPUT, "de")]
    rows = [row(f"{kind}{value}", value, "", *kind) for kind in kinds for value in ("yes", "no")]
    one = told(rows, ["yes", "no", "yes", "no"], [2.0, 1.0, 1.0, 2.0])
    assert one.by_surface == {"prompt": 1.0, "output": 0.0, "tool_call": None, "conversation": None, "loop": None}
    assert one.by_language == {"English": 1.0, "others": 0.0}
    assert one.auroc == 0.5


def test_bounds_lose_no_more_than_they_may() -> None:
    dice = np.random.default_rng(3)
    values = ["yes"] * 200 + ["no"] * 300 + ["unknown"] * 50
    said = np.concatenate([dice.normal(1, 1, 200), dice.normal(-1, 1, 300), dice.normal(0, 1, 50)])
    found = bounds(values, said, 0.05, 0.01)
    assert found.unknown < found.yes
    done = settled(values, said, found)
    assert done.missed.hits == 10
    assert done.wrongful.hits == 3
    assert done.held.hits == sum(found.unknown <= score < found.yes for score in said[200:500])


def test_bounds_of_rows_that_are_told_apart_do_not_cross() -> None:
    found = bounds(["yes", "yes", "no", "no"], [5.0, 6.0, 1.0, 2.0], 0.5, 0.0)
    assert found.unknown <= found.yes
    done = settled(["yes", "yes", "no", "no"], [5.0, 6.0, 1.0, 2.0], found)
    assert (done.missed.hits, done.wrongful.hits) == (0, 0)
