# SPDX-License-Identifier: Apache-2.0
"""What is told of a pattern: how people are spread over keys is what somebody with all the names would count."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.pattern import DAY_SECONDS, US_PERSON_BIT, Over, Pattern, Touches
from brightline.core.patterns.bins import bin_of
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.seen import Seen, Subject, Whose
from brightline.core.patterns.sketch import SIZE
from brightline.core.patterns.spread import PIECES_SHOWN, counts_of, pieces_of, spread_of, whole_of
from brightline.core.patterns.token import STEP_SECONDS

NOW = 700 * STEP_SECONDS + 20 * DAY_SECONDS
PROFILES = Pattern("profiles", "mass_domestic", (Over.KEY, Over.AGREEMENT), 30 * DAY_SECONDS, 10, joins=2)
Asked = tuple[int, int, int]
ASKED = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12), st.sampled_from([0, 1, 2, 4])), max_size=80)


def token(number: int) -> int:
    return int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big")


def book_of(asked: list[Asked], unix: int = NOW) -> PatternBook:
    """A book in which each key asked about a person, and what came up."""
    book = PatternBook()
    for number, (key, person, about) in enumerate(asked):
        whose = Whose(f"key-{key}", f"unit-{key % 3}", "purpose")
        book.enter(Seen(f"xc-{number}", unix, whose, (Subject(token(person), token(person), about),)))
    return book


@given(ASKED)
def test_it_is_told_of_how_many_people_so_many_keys_know_and_who_counts_only_put_together(asked: list[Asked]) -> None:
    book, knows, matters = book_of(asked), defaultdict[int, set[int]](set), defaultdict[tuple[int, int], int](int)
    for key, person, about in asked:
        knows[person].add(key)
        matters[person, key] |= about
    whole = whole_of(book, NOW)
    if whole is None:
        assert not asked
        return
    spread = spread_of(whole, pieces_of(book, Over.KEY, NOW), PROFILES, NOW)
    expected = [0] * PIECES_SHOWN
    for keys in knows.values():
        expected[min(len(keys), PIECES_SHOWN) - 1] += 1
    together = {person for person in knows if _joined(matters, person).bit_count() >= 2}
    alone = {person for (person, _), about in matters.items() if about.bit_count() >= 2}
    assert spread.among == tuple(expected)
    assert (spread.people, spread.together) == (len(together), len(together - alone))
    assert spread.pieces == len({key for key, _, _ in asked})


def _joined(matters: dict[tuple[int, int], int], person: int) -> int:
    about = 0
    for (who, _), bits in matters.items():
        about |= bits if who == person else 0
    return about


def test_of_more_people_than_a_sketch_holds_the_spread_is_as_right_as_the_count() -> None:
    people = 4 * SIZE
    asked = [(key, person, 0) for person in range(people) for key in ((0, 1) if person % 4 else (0,))]
    book = book_of(asked)
    whole = whole_of(book, NOW)
    assert whole is not None
    spread = spread_of(whole, pieces_of(book, Over.KEY, NOW), PROFILES, NOW)
    assert spread.among[0] == pytest.approx(people / 4, rel=0.2)
    assert spread.among[1] == pytest.approx(people * 3 / 4, rel=0.1)


def test_each_scope_is_counted_by_itself_and_marks_and_matters_are_told() -> None:
    bits = Touches.PLACE.bit | Touches.BELIEF.bit
    book = book_of([(0, 1, bits | US_PERSON_BIT), (0, 2, bits), (1, 3, 0)])
    counts = {(each.over, each.name): each for each in counts_of(book, PROFILES, NOW)}
    assert {name: each.people for name, each in counts.items()} == {
        (Over.KEY, "key-0"): 2,
        (Over.KEY, "key-1"): 0,
        (Over.AGREEMENT, ""): 2,
    }
    assert counts[Over.AGREEMENT, ""].us_persons == 1
    assert counts[Over.AGREEMENT, ""].matters[:3] == (1, 0, 2)


def test_a_day_has_the_people_who_were_asked_about_on_it() -> None:
    book = book_of([(0, 1, 0), (0, 2, 0)], NOW - DAY_SECONDS)
    for counted, sketch in book_of([(0, 2, 0)]):
        book.merge(counted, sketch)
    whole = whole_of(book, NOW)
    assert whole is not None
    today = NOW - NOW % DAY_SECONDS
    assert whole.by_day(today - 2 * DAY_SECONDS, NOW) == (
        (today - 2 * DAY_SECONDS, 0),
        (today - DAY_SECONDS, 2),
        (today, 1),
    )


def test_who_counts_for_a_marked_pattern_is_marked_in_the_spread_too() -> None:
    marked = msgspec.structs.replace(PROFILES, joins=0, us_persons=True)
    book = book_of([(0, 1, US_PERSON_BIT), (1, 1, 0), (1, 2, 0)])
    whole = whole_of(book, NOW)
    assert whole is not None
    spread = spread_of(whole, pieces_of(book, Over.KEY, NOW), marked, NOW)
    assert (spread.people, spread.together) == (1, 0)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "fewer than 10"), (9, "fewer than 10"), (10, "10 to 99"), (1_234, "1,000 to 9,999")]
)
def test_an_outsider_hears_a_power_of_ten(count: int, words: str) -> None:
    assert bin_of(count).words == words
    assert bin_of(count).low <= count <= bin_of(count).high
