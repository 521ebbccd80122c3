# SPDX-License-Identifier: Apache-2.0
"""A text in which a pattern is found has a piece of each of its needs."""

from __future__ import annotations

from typing import Final

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.screening.needs import needs_of
from brightline.core.screening.sieve import KNOWN_MAX, WORKED_OUT_BYTES_MAX, Sieve, words_of
from brightline.core.screening.views import TURNS


def sets(*needs: str) -> set[frozenset[bytes]]:
    return {frozenset(piece.encode() for piece in need.split()) for need in needs}


@pytest.mark.parametrize(
    ("pattern", "needs"),
    [
        (r"\btrack\b", ["^track$"]),
        (r"track", ["track"]),
        (r"\btrack(?:s|ing)?\b", ["^track$ ^tracks$ ^tracking$"]),
        (r"\b(?:track|follow)\b[^.]*\b(?:her|phone) bill", ["^track$ ^follow$", "^bill ^phone$"]),
        (r"(?:^|[.!?:] ?)watch", ["^watch"]),
        (r"(?:^|[.x] ?)watch", ["^watch xwatch"]),
        (r"analy[sz]e\b", ["analyse$ analyze$"]),
        (r"\bplate \d{3}\b", ["^plate$", "#"]),
        (r"every(?:one)?", ["every everyone"]),
        (r"(?:track|)", []),
        (r"(?:track)*", []),
        (r"(?:track|\w+)", []),
        (r"(?:ab[^ ]*cdef|ghij)", ["cdef ghij"]),
        (r"всех\b", ["всех"]),
        (r"é?tude\b", ["tude$ ^tude$"]),
        (r"\bsurveillances\b", ["^surveill"]),
        (r"(?i:track)", []),
        (r"(?P<name>track)", []),
        (r"[[:alpha:]]track", []),
        (r"\pLtrack", []),
        (r"\Qtrack\E", []),
        (r"a{,2}track", []),
        (r"[a-c]track\b", ["track$"]),
        (r"[\x{2013}-\x{2022}] track\b", ["^track$"]),
        (r"[^]a]track\b", ["track$"]),
    ],
)
def test_the_needs_of_a_pattern(pattern: str, needs: list[str]) -> None:
    assert set(needs_of(pattern)) == sets(*needs)


LETTERS: Final = str.maketrans("0123456789", "abcdefghij")


# ---- the law ----------------------------------------------------------------------------------------

SMALL: Final = st.sampled_from(
    ("a", "b", "ab", "track", "the", "é", "в", "7", r"\d", " ", "-", r"\.", "_", "[ab]", "[ .]")
)
ODD: Final = st.sampled_from(
    (".", r"\w", "[^a]", "[a-c]", r"\b", "^", r"\s", r"\S", "[^.!?]*", "[0-9]", "[a-]", "[в-е]")
)


def _more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.lists(inner, min_size=1, max_size=4).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda rows: f"(?:{'|'.join(rows)})")
        | st.tuples(inner, st.sampled_from(("?", "*", "+", "{2}", "{1,2}", "{0,1}", "*?"))).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
    )


PATTERNS: Final = st.recursive(SMALL | ODD, _more, max_leaves=10)
TEXTS: Final = st.lists(
    st.sampled_from(("a", "b", "ab", "track", "the", "é", "в", "г", "7", " ", "-", ".", "_", "c", "!", "B")),
    max_size=14,
).map("".join)


@settings(max_examples=250, deadline=None)
@given(PATTERNS, st.data())
def test_what_a_pattern_is_found_in_has_a_piece_of_each_need(pattern: str, data: st.DataObject) -> None:
    text = data.draw(TEXTS | st.from_regex(pattern).map(lambda text: text[:200]))
    searched = re2.compile(f"(?m:{pattern})")
    sieve = Sieve([needs_of(pattern)], TURNS)

    for turn, turned in {"": text, **{name: turn(text) for name, turn in TURNS.items()}}.items():
        if searched.search(turned.encode("utf-8", "replace")):
            assert sieve.passing(words_of([text]))[turn] == [0]


@given(st.lists(TEXTS, max_size=4), PATTERNS)
@settings(max_examples=60, deadline=None)
def test_words_that_are_remembered_say_what_they_said_at_first(texts: list[str], pattern: str) -> None:
    remembers = Sieve([needs_of(pattern)], TURNS)
    for _ in range(2):
        for text in texts:
            words = words_of([text])
            assert remembers.passing(words) == Sieve([needs_of(pattern)], TURNS).passing(words)


def test_a_long_word_may_have_any_piece_but_a_whole_word() -> None:
    long = "x" * WORKED_OUT_BYTES_MAX
    sieve = Sieve([needs_of("track"), needs_of(r"\btrack\b"), needs_of(r"\btrack")], TURNS)

    assert sieve.passing(words_of([f"{long}track{long}"]))[""] == [0, 2]


def test_no_number_and_no_key_is_remembered_and_words_are_forgotten_in_time() -> None:
    sieve = Sieve([needs_of("track")], TURNS)
    sieve.passing(words_of(["call 0043123456789 key7a99f3 abcdefghijklmnopqrstuv please"]))

    assert set(sieve._words) == {b"call", b"please"}
    for number in range(3):
        sieve.passing({f"{number}{one}".translate(LETTERS).encode() for one in range(20_000)})
        assert len(sieve._words) <= KNOWN_MAX
