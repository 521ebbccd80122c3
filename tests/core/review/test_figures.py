# SPDX-License-Identifier: Apache-2.0
"""Figures of people's part: against published examples, and against what they must be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.review.concord import cohens_kappa, krippendorffs_alpha
from brightline.core.review.figures import DAY_SECONDS, FIRST_SECONDS, SITTING_SECONDS, Alarms, figures, spread
from brightline.core.review.life import CaseKind, CaseLife, Ended, Said, Worked

NOW = 1_800_000_000


def said(person: str, value: str, unix: int = NOW, name: str = "f", office: str = "cleared") -> Said:
    return Said(person, office, name, value, unix)


def life(*votes: Said, opened: int = NOW - 600, **more: Any) -> CaseLife:
    told: dict[str, Any] = {"hold": "hold_1", "unit": "u", "clauses": ("RL-1",), "expires": opened + 3_600} | more
    return CaseLife(case="sha256:c", opened=opened, said=votes, **told)


def test_cohens_kappa_of_a_published_table() -> None:
    both = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(both) == pytest.approx(0.4)
    assert cohens_kappa([("y", "y")] * 9) is None
    assert cohens_kappa([]) is None


def test_krippendorffs_alpha_of_a_published_table_with_missing_values() -> None:
    observers = ["123321412...", "1233224125.3", ".3332342251.", "1233244125" + "1."]
    units = [[value for value in unit if value != "."] for unit in zip(*observers, strict=True)]
    assert krippendorffs_alpha(units) == pytest.approx(0.743, abs=0.0005)
    assert krippendorffs_alpha([["a", "a"], ["a"]]) is None


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), min_size=1, max_size=30))
def test_agreement_is_whole_where_nobody_differs_and_never_more(units: list[list[str]]) -> None:
    alpha = krippendorffs_alpha(units)
    assert alpha is None or alpha <= 1 + 1e-9
    alike = krippendorffs_alpha([[unit[0]] * len(unit) for unit in units])
    assert alike is None or alike == pytest.approx(1)


def test_volume_is_by_verdict_clause_and_day() -> None:
    ended = [
        Ended(NOW, "completed", "permit", ("G-1",), 7),
        Ended(NOW + DAY_SECONDS, "refused", "deny", ("RL-1", "RL-2")),
        Ended(NOW + DAY_SECONDS, "refused", "none"),
    ]
    volume = figures(NOW, ended, [], Alarms()).volume
    assert volume.exchanges == 9
    assert volume.by_verdict == {"permit": 7, "deny": 1, "none": 1}
    assert volume.by_clause == {"G-1": {"permit": 7}, "RL-1": {"deny": 1}, "RL-2": {"deny": 1}}
    assert [dict(verdicts) for _, verdicts in volume.by_day] == [{"permit": 7}, {"deny": 1, "none": 1}]


def test_the_queue_is_what_waits_and_an_alarm_is_what_waits_too_long() -> None:
    cases = [life(), life(opened=NOW - 1_800), life(opened=NOW - 7_200), life(resolved=NOW - 60)]
    queue = figures(NOW, [], cases, Alarms(queue_age_seconds=1_799)).queue
    assert (queue.age.of, queue.age.median, queue.age.longest) == (2, 600, 1_800)
    assert queue.next_expiry == 1_800
    assert queue.alarm
    assert not figures(NOW, [], cases, Alarms(queue_age_seconds=1_800)).queue.alarm
    assert not figures(NOW, [], cases, Alarms()).queue.alarm


def test_decisions_are_counted_by_what_became_of_them() -> None:
    cases = [life(resolved=NOW - 300), life(resolved=NOW, denied=True), life(opened=NOW - 7_200), life()]
    found = figures(NOW, [], cases, Alarms()).decisions
    assert (found.released, found.denied, found.expired) == (1, 1, 1)
    assert (found.seconds.median, found.seconds.longest) == (300, 600)
    assert (found.in_time.hits, found.in_time.of) == (2, 3)


def test_of_nothing_there_is_no_figure() -> None:
    found = figures(NOW, [], [], Alarms(1, 1))
    assert found.effort.per_thousand is None
    assert found.agreed.alpha is None
    assert found.decisions.in_time.share is None
    assert (found.queue.age.median, found.queue.next_expiry) == (None, None)
    assert not found.queue.alarm
    assert not found.effort.alarm
    assert spread([]).p90 is None


def test_effort_is_measured_by_claims_where_there_are_any() -> None:
    ended = [Ended(NOW, "completed", "permit", (), 2_000)]
    worked = [Worked("a", 90), Worked("a", 30), Worked("b", 60)]
    effort = figures(NOW, ended, [], Alarms(minutes_per_thousand=1.4), worked).effort
    assert effort.minutes == {"a": 2.0, "b": 1.0}
    assert effort.per_thousand == 1.5
    assert (effort.estimated, effort.alarm) == (False, True)


def test_without_claims_effort_is_the_time_between_decisions_of_one_sitting() -> None:
    times = [0, 60, 60 + SITTING_SECONDS, 61 + 2 * SITTING_SECONDS]  # the last one begins another sitting
    effort = figures(NOW, [], [life(said("a", "no", NOW + at)) for at in times], Alarms()).effort
    assert effort.minutes == {"a": (FIRST_SECONDS + 60 + SITTING_SECONDS + FIRST_SECONDS) / 60}
    assert effort.estimated


def test_reviewers_are_compared_on_what_two_of_one_office_answered_and_by_their_first_answer() -> None:
    cases = [
        life(said("a", "no"), said("b", "no"), said("c", "no", office="decider")),
        life(said("a", "no"), said("b", "yes"), said("b", "no")),
        life(said("a", "yes", name="g"), said("b", "yes", name="h")),
    ]
    agreed = figures(NOW, [], cases, Alarms()).agreed
    assert agreed.questions == 2
    (pair,) = agreed.pairs
    assert (pair.one, pair.other, pair.questions, pair.alike) == ("a", "b", 2, 1)


def test_an_answer_that_people_did_not_agree_on_was_overturned() -> None:
    cases = [life(said("a", "yes"), said("b", "no"), said("c", "no"), answers={"f": "no"}), life(said("a", "no"))]
    found = {each.reviewer: each.answers for each in figures(NOW, [], cases, Alarms()).overturned}
    assert (found["a"].hits, found["a"].of) == (1, 1)
    assert (found["b"].hits, found["b"].of) == (0, 1)


def test_a_seeded_item_is_missed_once_however_many_of_its_answers_are_wrong() -> None:
    known = {"f": "yes", "g": "no"}
    cases = [
        life(said("a", "no"), said("a", "yes", name="g"), kind=CaseKind.SEEDED, known=known),
        life(said("a", "yes"), said("b", "yes"), kind=CaseKind.SEEDED, known=known),
        life(said("a", "no"), kind=CaseKind.HELD, known=known),
    ]
    found = {each.reviewer: each for each in figures(NOW, [], cases, Alarms()).missed}
    assert (found["a"].items.hits, found["a"].items.of) == (1, 2)
    assert (found["b"].items.hits, found["b"].items.of) == (0, 1)
    assert found["b"].miss_max == pytest.approx(0.95)  # of one item one knows nearly nothing
