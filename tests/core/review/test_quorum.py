# SPDX-License-Identifier: Apache-2.0
"""How many of which office must say the same: distinct persons, no office for another, two against one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brightline.core.review.quorum import Vote, answer_of, still_wanted

TWO = (("cleared", 2),)
votes = st.lists(
    st.builds(
        Vote, st.sampled_from("abcdef"), st.sampled_from(["cleared", "decider"]), st.sampled_from(["no", "yes"])
    ),
    max_size=8,
)
quorums = st.lists(st.tuples(st.sampled_from(["cleared", "decider"]), st.integers(0, 3)), max_size=2).map(
    lambda rows: tuple(dict(rows).items())
)


def cast(*said: str) -> list[Vote]:
    """``a:no`` is what person a said."""
    return [Vote(person, "cleared", value) for person, value in (one.split(":") for one in said)]


def test_two_must_say_the_same_and_one_person_is_one() -> None:
    assert answer_of(TWO, cast("a:no")) == ""
    assert answer_of(TWO, cast("a:no", "a:no")) == ""
    assert answer_of(TWO, cast("a:no", "b:no")) == "no"


def test_the_first_thing_that_somebody_said_is_what_they_said() -> None:
    assert answer_of(TWO, cast("a:yes", "a:no", "b:no")) == ""


def test_where_two_disagree_a_third_decides() -> None:
    assert answer_of(TWO, cast("a:no", "b:yes")) == ""
    assert still_wanted(TWO, cast("a:no", "b:yes")) == ("cleared",)
    assert answer_of(TWO, cast("a:no", "b:yes", "c:yes")) == "yes"
    assert answer_of(TWO, cast("a:no", "b:yes", "c:yes", "d:no")) == ""


def test_no_office_stands_in_for_another() -> None:
    both = (("cleared", 1), ("decider", 1))
    assert answer_of(both, cast("a:no", "b:no")) == ""
    assert still_wanted(both, cast("a:no", "b:no")) == ("decider",)
    assert answer_of(both, [*cast("a:no"), Vote("d", "decider", "no")]) == "no"


def test_nobody_is_never_enough() -> None:
    assert answer_of((), cast("a:no", "b:no")) == ""
    assert answer_of((("cleared", 0),), []) == ""


@given(quorums, votes)
def test_what_is_answered_was_said_by_as_many_distinct_people_of_each_office_and_by_more_than_anything_else(
    quorum: tuple[tuple[str, int], ...], cast_votes: list[Vote]
) -> None:
    value = answer_of(quorum, cast_votes)
    first: dict[str, Vote] = {}
    for vote in cast_votes:
        first.setdefault(vote.person, vote)
    if value:
        for office, wanted in quorum:
            same = [vote for vote in first.values() if (vote.office, vote.value) == (office, value)]
            other = [vote for vote in first.values() if vote.office == office and vote.value != value]
            assert len(same) >= max(1, wanted)
            assert len(same) > len(other)


@given(quorums, votes)
def test_while_a_question_is_open_somebody_is_asked(
    quorum: tuple[tuple[str, int], ...], cast_votes: list[Vote]
) -> None:
    assert bool(still_wanted(quorum, cast_votes)) == bool(quorum and not answer_of(quorum, cast_votes))
