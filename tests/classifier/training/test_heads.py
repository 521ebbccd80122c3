# SPDX-License-Identifier: Apache-2.0
"""Heads that are fitted on the states of an encoder, and thresholds of facts that hold only together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from brightline.classifier.corpus import Author, Corpus, Line, Row, RowSurface
from brightline.classifier.newton import Linear
from brightline.classifier.training.calibrate import Bounds, bounds_of, everyday_held
from brightline.classifier.training.logistic import ROWS_MIN, Read, facts_of, fit_heads
from brightline.core.screening.figures import rate
from brightline.core.screening.pieces import Column, PieceHeads, PiecesHeader

WIDTH = 8


def row(number: int, **facts: Any) -> Row:
    named = {"weapon_direct": "no", **facts}
    return Row(str(number), Line.WEAPONS, named, RowSurface.PROMPT, "en", "s", "r", text=f"text {number}")


def states_of(values: list[float], seed: int = 1) -> Any:
    """States of length one, whose first number says what the row is; all else is noise."""
    dice = np.random.default_rng(seed)
    found = dice.normal(0, 0.3, (len(values), WIDTH))
    found[:, 0] = values
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def scores(head: Linear, states: Any) -> Any:
    return 1 / (1 + np.exp(-(states @ head.weights + head.bias)))


def test_a_head_finds_what_the_rows_say_and_a_fact_beside_the_lines_has_one_of_its_own() -> None:
    sides = [1.0, -1.0] * 200
    rows = [
        row(i, weapon_direct="yes" if side > 0 else "no", autonomous_use="no" if side > 0 else "yes")
        for i, side in enumerate(sides)
    ]
    everyday = states_of([0.0] * 100, 2)
    found = fit_heads(states_of(sides), rows, everyday, ("weapon_direct", "autonomous_use"))
    new = states_of([1.0] * 50 + [-1.0] * 50, 3)
    directs, alone = scores(found["weapon_direct"], new), scores(found["autonomous_use"], new)
    assert directs[:50].min() > 0.5 > directs[50:].max()
    assert alone[50:].min() > 0.5 > alone[:50].max()
    assert scores(found["weapon_direct"], everyday).mean() < 0.35, "everyday text is no"
    assert np.linalg.norm(found["weapon_direct"].weights) < 20, "however clear rows are, nothing is sure"
    again = fit_heads(states_of(sides), rows, everyday, ("weapon_direct", "autonomous_use"))
    assert again["weapon_direct"].weights.tobytes() == found["weapon_direct"].weights.tobytes()


def test_everyday_text_teaches_nothing_of_what_most_of_it_is() -> None:
    sides = [1.0, -1.0] * 200
    rows = [row(i, operational="yes" if side > 0 else "no") for i, side in enumerate(sides)]
    much = states_of([1.0] * 2_000, 2)
    with_everyday = fit_heads(states_of(sides), rows, much, ("operational",))["operational"]
    without = fit_heads(states_of(sides), rows, much[:0], ("operational",))["operational"]
    assert np.array_equal(with_everyday.weights, without.weights)
    taught = fit_heads(
        states_of(sides), [row(i, monitoring=r.facts["operational"]) for i, r in enumerate(rows)], much, ["monitoring"]
    )
    assert scores(taught["monitoring"], much).mean() < 0.5 < scores(with_everyday, much).mean()


def test_a_text_is_scored_by_its_worst_window_and_by_what_its_pieces_add() -> None:
    read = Read(np.array([[1.0, 0], [0, 1], [0, 0]], np.float32), np.array([0, 0, 1]), ("a", "a", "b"), 2)
    assert read.firsts().tolist() == [[1.0, 0.0], [0.0, 0.0]]
    head = Linear(np.array([1.0, 3.0], np.float32), -1.0)
    assert read.log_odds(head, np.zeros(3)).tolist() == [2.0, -1.0]
    assert read.log_odds(head, np.array([5.0, 0, 0.5])).tolist() == [5.0, -0.5]
    pieces = PieceHeads(PiecesHeader(10, (Column("x", 0.5, 1.0), Column("y", 1.0, 0.0))), bytes([2]) * 2 * 1024)
    added = read.added(pieces)
    assert added.shape == (3, 2)
    assert np.array_equal(added[0], added[1]), "windows of one text have the same pieces"
    assert added[0][0] == pytest.approx(added[0][1] / 2 + 1)


def test_a_fact_beside_the_lines_gets_a_head_once_there_are_rows_enough_on_both_sides() -> None:
    def corpora(no: int) -> list[Corpus]:
        rows = [row(i, weapon_direct="yes", monitoring="yes") for i in range(ROWS_MIN)]
        rows += [row(1_000 + i, monitoring="no") for i in range(no)]
        return [Corpus(Author("author-1", "model", "p", "train"), tuple(rows))]

    assert facts_of(corpora(ROWS_MIN)) == ("weapon_direct", "monitoring")
    assert facts_of(corpora(ROWS_MIN - 1)) == ("weapon_direct",)


FACTS = ("weapon_direct", "autonomous_use", "operational")
DAY = {"day": np.array([[0.0, 0.9, 0.2]] * 500 + [[0.0, 0.3, 0.9]] * 500)}


def on_rows(joint: float) -> tuple[list[Row], Any]:
    """Rows that are no on both facts; all reach ``joint`` on the first, and half of them 0.8 on the second."""
    rows = [row(i, autonomous_use="no", operational="no") for i in range(1_000)]
    return rows, np.array([[0.0, joint, 0.8 if i % 2 else i / 2_000] for i in range(1_000)])


def test_of_two_facts_that_hold_only_together_one_has_its_threshold_where_both_are() -> None:
    rows, of = on_rows(0.4)
    found = bounds_of(FACTS, rows, of, DAY)
    assert tuple(found) == FACTS
    assert found["operational"].worst == "", "most everyday text is that, and sets nothing"
    assert found["operational"].unknown > 0.8
    assert 0.3 < found["autonomous_use"].unknown <= 0.4, "everyday text that reaches 0.9 is not in operation"
    assert found["autonomous_use"].worst == "day"
    alone = bounds_of(("weapon_direct", "autonomous_use"), rows, of[:, :2], {"day": DAY["day"][:, :2]})
    assert alone["autonomous_use"].unknown > 0.9, "without a head for the other nothing is known of it"


def held(chosen: Mapping[str, Bounds]) -> Any:
    return everyday_held({"day": np.transpose([DAY["day"][:, FACTS.index(fact)] for fact in chosen])}, chosen)["day"]


def test_everyday_text_is_held_by_two_such_facts_only_where_it_reaches_both() -> None:
    cut = {fact: Bounds(0.5, 0.9, "day") for fact in FACTS}
    assert held(cut) == rate(0, 1_000)
    assert held(cut | {"operational": Bounds(0.1, 0.9, "")}) == rate(500, 1_000)
    assert held({"autonomous_use": cut["autonomous_use"]}) == rate(500, 1_000), "alone it holds by itself"
