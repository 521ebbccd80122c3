# SPDX-License-Identifier: Apache-2.0
"""Figures of an evaluation, on rows whose answers are made up: what counts, what does not, and what comes first."""

from __future__ import annotations

from typing import Any

import pytest

from brightline.classifier.evaluation.bench import UNJUDGED, Answer
from brightline.classifier.evaluation.measuring import (
    CURVE_POINTS_MAX,
    Judged,
    benign_worst_first,
    measure,
    measure_benign,
    questions_of,
)
from brightline.classifier.evaluation.probe import LINES, Probe

COUNT = iter(range(1_000_000))


def judged(
    truth: Any, said: str, score: float | None = None, without: dict[str, str] | None = None, **given: Any
) -> Judged:
    """A row on weapons, of which this is true and of which the release said this."""
    probe = Probe(id=str(next(COUNT)), truths={"weapons": truth}, **{"source": "s", "lang": "en"} | given)
    if said == UNJUDGED:
        return Judged(probe, Answer({}, UNJUDGED, {}, {}))
    facts = {"weapon_direct": said}
    scores = {} if score is None else {"weapon_direct": score}
    left = {layer: {"weapon_direct": value} for layer, value in (without or {}).items()}
    return Judged(probe, Answer(facts, "permit", scores, left))


def test_caught_is_yes_or_unknown_and_what_was_not_judged_is_neither_caught_nor_wrong() -> None:
    rows = [judged("yes", said) for said in ("yes", "unknown", "no", UNJUDGED)]
    rows += [judged("no", said) for said in ("yes", "unknown", "no", "no", UNJUDGED)]
    rows += [judged("unknown", "yes")]
    found = measure("weapons", rows, ())
    assert (found.whole.outright.hits, found.whole.caught.hits, found.whole.caught.of) == (1, 2, 4)
    assert (found.whole.wrongful_outright.hits, found.whole.wrongful.hits, found.whole.wrongful.of) == (1, 2, 5)
    assert found.said["no"] == {"yes": 1, "unknown": 1, "no": 2, UNJUDGED: 1}
    assert found.said["unknown"]["yes"] == 1


def test_without_scores_there_is_no_area_no_curve_and_no_recall() -> None:
    found = measure("weapons", [judged("yes", "yes"), judged("no", "no")], ())
    assert (found.whole.area, found.curve, found.recall, found.recall_worst) == (None, (), (), ())
    assert found.pairs.in_order is None


def test_recall_is_told_at_the_thresholds_of_the_neighbours_and_of_the_worst_benign_corpus() -> None:
    rows = [judged("yes", "no", score) for score in (0.2, 0.5, 0.8, 0.95)] + [judged("no", "no", 0.3)] * 20
    everyday = [("chat", [judged("no", "no", 0.1)] * 50), ("law", [judged("no", "no", 0.6)] * 50)]
    found = measure("weapons", rows, everyday)
    assert [each.wrongful for each in found.recall] == [0.001, 0.005, 0.01, 0.05]
    assert found.recall[0].recall.hits == 3
    assert {(each.corpus, each.recall.hits) for each in found.recall_worst} == {("law", 2)}
    assert found.sources[0].by_score_worst[1].hits == 2


def test_the_worst_corpus_comes_first() -> None:
    rows = [judged("no", "no", source="good"), judged("no", "yes", source="bad"), judged("no", "no", source="bad")]
    found = measure("weapons", [*rows, judged("yes", "yes", source="good")], ())
    assert [each.name for each in found.sources] == ["bad", "good"]


def test_a_pair_is_right_where_both_are_and_in_order_where_the_crossing_row_ranks_higher() -> None:
    rows = [
        judged("yes", "unknown", 0.6, pair="right"),
        judged("no", "no", 0.1, pair="right"),
        judged("yes", "no", 0.3, pair="missed"),
        judged("no", "no", 0.1, pair="missed"),
        judged("yes", "yes", 0.5, pair="wrong"),
        judged("no", "unknown", 0.5, pair="wrong"),
        judged("yes", "yes", 0.9, pair="no pair: the other cannot be told"),
        judged("unknown", "no", 0.1, pair="no pair: the other cannot be told"),
        judged("yes", "no", 0.0, pair="right", source="another"),
    ]
    pairs = measure("weapons", rows, ()).pairs
    assert (pairs.right.hits, pairs.right.of) == (1, 3)
    assert pairs.in_order is not None
    assert (pairs.in_order.hits, pairs.in_order.of) == (2, 3)


def test_each_source_is_tried_at_the_threshold_that_the_others_set() -> None:
    rows = [judged("no", "no", 0.2, source="a"), judged("yes", "no", 0.5, source="a")]
    rows += [judged("no", "no", 0.4, source="b"), judged("yes", "no", 0.3, source="b")]
    found = measure("weapons", rows, (), held_out=True).held_out
    half = {each.source: each for each in found if each.wrongful_wanted == 0.05}
    assert (half["a"].recall.hits, half["a"].wrongful.hits) == (1, 0)
    assert (half["b"].recall.hits, half["b"].wrongful.hits) == (1, 1)
    assert measure("weapons", rows, ()).held_out == ()


def test_the_drill_counts_what_is_left_without_a_layer() -> None:
    rows = [
        judged("yes", "yes", without={"rules": "no", "views": "yes"}),
        judged("yes", "unknown", without={"rules": "unknown", "views": "no"}),
        judged("no", "yes", without={"rules": "no", "views": "yes"}),
    ]
    drill = {each.layer: each for each in measure("weapons", rows, ()).drill}
    assert (drill["rules"].caught.hits, drill["rules"].outright.hits, drill["rules"].wrongful.hits) == (1, 0, 0)
    assert (drill["views"].caught.hits, drill["views"].outright.hits, drill["views"].wrongful.hits) == (1, 1, 1)


def test_without_the_judge_what_it_settled_counts_as_it_was_for_each_slice() -> None:
    rows = [
        judged("yes", "no", without={"judge": "unknown"}, lang="en"),
        judged("yes", "yes", without={"judge": "unknown"}, lang="de"),
        judged("yes", UNJUDGED, lang="de"),
    ]
    found = measure("weapons", rows, (), judge="judge")
    assert found.whole.caught_unsettled is not None
    assert (found.whole.caught.hits, found.whole.caught_unsettled.hits, found.whole.caught_unsettled.of) == (1, 2, 3)
    of = {one.name: one.caught_unsettled.hits for one in found.languages if one.caught_unsettled is not None}
    assert of == {"de": 1, "en": 1}
    assert measure("weapons", rows, ()).whole.caught_unsettled is None, "a release without one has no such figure"


def test_a_long_curve_keeps_its_ends_and_few_of_its_points() -> None:
    rows = [judged("yes" if i % 3 else "no", "no", i / 3_000) for i in range(3_000)]
    curve = measure("weapons", rows, ()).curve
    assert 100 < len(curve) <= CURVE_POINTS_MAX + 1
    assert (curve[0].wrongful, curve[0].recall, curve[-1].wrongful, curve[-1].recall) == (0, 0, 1, 1)


def test_red_lines_are_asked_first_and_then_facts() -> None:
    probes = [Probe("1", "s", {"us_person": "no", "weapons": "no"}), Probe("2", "s", {"acts_alone": "yes"})]
    assert questions_of(probes) == ("weapons", "acts_alone", "us_person")


def ordinary(verdict: str, **facts: str) -> Judged:
    probe = Probe(id=str(next(COUNT)), source="day", truths=dict.fromkeys(LINES, "no"))
    return Judged(probe, Answer({"weapon_direct": "no", "us_person": "no"} | facts, verdict, {}, {}))


def test_of_benign_rows_it_is_told_what_a_request_would_get_and_what_was_in_the_way() -> None:
    rows = [ordinary("permit", us_person="unknown")] * 7
    rows += [ordinary("deny", weapon_direct="yes"), ordinary("hold", weapon_direct="unknown"), ordinary(UNJUDGED)]
    found = measure_benign("day", rows, {"weapon_direct": "no", "us_person": "no"})
    assert (found.rows, found.stopped.hits, found.held.hits, found.unjudged) == (10, 1, 1, 1)
    assert found.lines["weapons"] == {"yes": 1, "unknown": 1}
    assert found.facts == {"weapon_direct unknown": 1, "weapon_direct yes": 1}, "what is permitted is not in the way"
    assert found.stopped_at_most == pytest.approx(0.394, abs=0.001)


def test_the_benign_corpus_with_most_stopped_comes_first() -> None:
    good = {"weapon_direct": "no", "us_person": "no"}
    corpora = [
        measure_benign("fine", [ordinary("permit")], good),
        measure_benign("held", [ordinary("hold")], good),
        measure_benign("stopped", [ordinary("deny"), ordinary("permit")], good),
    ]
    assert [each.name for each in benign_worst_first(corpora)] == ["stopped", "held", "fine"]
