# SPDX-License-Identifier: Apache-2.0
"""How many of which office must say the same: distinct persons, no office for another, two against one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.review.quorum import Quorum, Vote, answer_of, exhausted, quorum_in_words, still_wanted

TWO = (("cleared", 2),)
APART = (("cleared", 2),)
votes = st.lists(
    st.builds(
        Vote,
        st.sampled_from("abcdef"),
        st.sampled_from(["cleared", "decider"]),
        st.sampled_from(["no", "yes"]),
        st.just(0),
        st.sampled_from(["", "x", "y", "z"]),
    ),
    max_size=8,
)
quorums = st.lists(st.tuples(st.sampled_from(["cleared", "decider"]), st.integers(0, 3)), max_size=2).map(
    lambda rows: tuple(dict(rows).items())
)
organisations = st.lists(st.tuples(st.sampled_from(["cleared", "decider"]), st.integers(2, 3)), max_size=2).map(
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


def of(*said: str) -> list[Vote]:
    """``a@x:no`` is what person a of the organisation x said."""
    split = [one.replace("@", ":").split(":") for one in said]
    return [Vote(person, "cleared", value, 0, organisation) for person, organisation, value in split]


def test_where_it_is_asked_those_who_say_the_same_are_of_distinct_organisations() -> None:
    assert answer_of(TWO, of("a@x:no", "b@x:no"), APART) == ""
    assert still_wanted(TWO, of("a@x:no", "b@x:no"), APART) == ("cleared",)
    assert answer_of(TWO, of("a@x:no", "b@x:no", "c@y:no"), APART) == "no"
    assert answer_of(TWO, of("a@x:no", "b@y:no"), APART) == "no"
    assert answer_of(TWO, of("a@x:no", "b@y:yes", "c@x:no"), APART) == ""  # two against one, and of one organisation


@pytest.mark.parametrize("other", ["", " ", "X", " x", "X  "])
def test_another_spelling_and_no_name_at_all_are_no_other_organisation(other: str) -> None:
    assert answer_of(TWO, of("a@x:no", f"b@{other}:no"), APART) == ""
    assert answer_of(TWO, of("a@x:no", f"b@{other}:no")) == "no"


def test_of_one_person_no_two_organisations_are_asked_and_another_office_is_not_meant() -> None:
    assert answer_of((("cleared", 1),), of("a@:no"), APART) == "no"
    assert answer_of(TWO, of("a@x:no", "b@x:no"), (("decider", 2),)) == "no"
    assert quorum_in_words(TWO, APART) == "2 of cleared, of 2 organisations"


def test_nobody_is_never_enough() -> None:
    assert answer_of((), cast("a:no", "b:no")) == ""
    assert answer_of((("cleared", 0),), []) == ""


@given(quorums, votes, organisations)
def test_what_is_answered_was_said_by_as_many_distinct_people_of_each_office_and_by_more_than_anything_else(
    quorum: tuple[tuple[str, int], ...], cast_votes: list[Vote], apart: tuple[tuple[str, int], ...]
) -> None:
    value = answer_of(quorum, cast_votes, apart)
    first: dict[str, Vote] = {}
    for vote in cast_votes:
        first.setdefault(vote.person, vote)
    if value:
        for office, wanted in quorum:
            same = [vote for vote in first.values() if (vote.office, vote.value) == (office, value)]
            other = [vote for vote in first.values() if vote.office == office and vote.value != value]
            assert len(same) >= max(1, wanted)
            assert len(same) > len(other)
            known = {vote.organisation for vote in same} - {""}
            assert len(known) >= min(wanted, dict(apart).get(office, 0)) or wanted < 2
        assert answer_of(quorum, cast_votes) == value  # to ask for organisations only makes it harder


@given(quorums, votes, organisations)
def test_while_a_question_is_open_somebody_is_asked(
    quorum: tuple[tuple[str, int], ...], cast_votes: list[Vote], apart: tuple[tuple[str, int], ...]
) -> None:
    is_open = bool(quorum and not answer_of(quorum, cast_votes, apart))
    assert bool(still_wanted(quorum, cast_votes, apart)) == is_open


@pytest.mark.parametrize(
    ("split", "wanted", "none_of"),
    [
        ((), 2, {""}),  # who has none named adds no organisation, and each must
        ((), 3, set()),
        (("a@x:no",), 2, {"x", ""}),
        (("a@x:no",), 3, set()),  # three persons of two organisations: another of the same is one of them
        (("a@x:no", "b@x:no"), 2, {"x", ""}),
        (("a@X :no", "b@x:no"), 3, {"x", ""}),
        (("a@:no",), 2, {""}),
        (("a@x:no", "b@y:yes"), 2, set()),  # of two minds: whoever says either decides
        (("a@x:no", "b@y:yes", "c@x:no"), 2, {"x", ""}),
    ],
)
def test_whose_people_can_complete_nothing_more(split: tuple[str, ...], wanted: int, none_of: set[str]) -> None:
    assert exhausted((("cleared", wanted),), of(*split), "cleared", APART) == none_of
    assert exhausted((("cleared", wanted),), of(*split), "cleared") == frozenset()
    assert exhausted((("cleared", wanted),), of(*split), "decider", APART) == frozenset()


@given(quorums, votes, organisations)
def test_whoever_can_complete_nothing_leaves_a_question_open_with_what_most_say(
    quorum: Quorum, cast_votes: list[Vote], apart: Quorum
) -> None:
    for office in still_wanted(quorum, cast_votes, apart):
        counts: dict[str, int] = {}
        for vote in {each.person: each for each in reversed(cast_votes)}.values():
            if vote.office == office:
                counts[vote.value] = counts.get(vote.value, 0) + 1
        said = max(counts, key=lambda value: counts[value], default="no")
        for organisation in exhausted(quorum, cast_votes, office, apart):
            more = Vote("one more", office, said, 0, organisation)
            assert answer_of(quorum, [*cast_votes, more], apart) == ""
