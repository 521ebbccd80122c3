# SPDX-License-Identifier: Apache-2.0
"""Windows over text: nothing is left out, nothing shorter than the overlap is cut in two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.segment import SENTENCE_END, Windows, cut, releasable, sentence_due

sizes = st.tuples(st.integers(2, 40), st.integers(1, 39)).filter(lambda pair: pair[1] < pair[0])


@given(st.text(max_size=300), sizes)
def test_every_stretch_up_to_the_overlap_lies_whole_in_some_segment(text: str, pair: tuple[int, int]) -> None:
    window, overlap = pair
    windows = Windows(window, overlap, 1, 1)
    segments = cut([Segment("x", Surface.INPUT, text)], windows)
    assert all(len(segment.text) <= window for segment in segments)
    for segment in segments:
        assert text[segment.start : segment.start + len(segment.text)] == segment.text
    for start in range(max(0, len(text) - overlap + 1)):
        stretch = (start, min(start + overlap, len(text)))
        assert any(s.start <= stretch[0] and stretch[1] <= s.start + len(s.text) for s in segments)


def test_a_stream_is_read_back_by_the_overlap_and_further_only_while_something_is_near_a_threshold() -> None:
    windows = Windows(100, 20, 10, 10, 0, 60)
    assert (windows.back(near=False), windows.back(near=True)) == (20, 60)
    assert Windows(100, 20, 10, 10).back(near=True) == 20
    for reach in (20, 10, 91, -1):  # no further than the overlap, or beyond a window with what is new
        with pytest.raises(ValueError, match="reaches back"):
            Windows(100, 20, 10, 10, 0, reach)


@given(st.integers(0, 500), st.integers(0, 500))
def test_what_may_leave_stays_behind_what_is_judged_and_never_goes_back(judged: int, released: int) -> None:
    windows = Windows(100, 50, 20, 1)
    end = releasable(judged, released, windows)
    assert end >= released
    assert end == released or end == judged - 20


@pytest.mark.parametrize("sizes", [(10, 10, 1, 1), (10, 0, 1, 1), (10, 5, 6, 1), (10, 5, 0, 1), (10, 5, 5, 0)])
def test_sizes_that_could_let_a_match_slip_through_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Windows(*sizes)


def test_where_a_sentence_ends_is_asked_about_only_before_a_stride_is_full_and_where_the_release_says_so() -> None:
    windows = Windows(100, 50, 20, 30, 10)
    assert [new for new in range(50) if sentence_due(new, windows)] == list(range(10, 30))
    assert not any(sentence_due(new, Windows(100, 50, 20, 30)) for new in range(50))
    with pytest.raises(ValueError, match="0 characters or more"):
        Windows(100, 50, 20, 30, -1)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It is done. Then", True),
        ('"Is it?" he', True),
        ("(So it is.) And", True),
        ("一切都好。然后", True),
        ("वह गया। फिर", True),
        ("a line\nand", True),
        ("version 3.11 of", False),
        ("see example.org for", False),
        ("not yet, though", False),
        ("done.", False),
    ],
)
def test_a_sentence_ends_at_its_sign_and_a_blank_and_not_within_a_number_or_a_name(text: str, ends: bool) -> None:
    assert (SENTENCE_END.search(text) is not None) == ends
