# SPDX-License-Identifier: Apache-2.0
"""The law of a sketch: it is what was added, as a set; so order, repetition and who merged what do not matter."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.pattern import DAY_SECONDS
from brightline.core.patterns.sketch import SIZE, Sketch

SINCE = 30 * DAY_SECONDS
Added = tuple[int, int, int]
ADDED = st.tuples(st.integers(0, 40), st.integers(0, 59 * DAY_SECONDS), st.integers(0, 127))


def token(number: int) -> int:
    return int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big")


def sketch_of(added: list[Added]) -> Sketch:
    sketch = Sketch(SINCE)
    for number, after, about in added:
        sketch.add(token(number), SINCE + after, about)
    return sketch


@given(st.lists(ADDED, max_size=60), st.data())
def test_in_any_order_any_times_and_split_over_any_number_of_writers_it_has_the_same_bytes(
    added: list[Added], data: st.DataObject
) -> None:
    whole = sketch_of(added)
    again = data.draw(st.permutations(added + data.draw(st.lists(st.sampled_from(added or [(0, 0, 0)])))))
    if not added:
        again = []
    cut = data.draw(st.integers(0, len(again)))
    one, other = sketch_of(again[:cut]), sketch_of(again[cut:])
    other.merge(one)
    one.merge(other)
    assert one.write() == other.write() == whole.write()
    assert Sketch.read(whole.write()).write() == whole.write()


def test_a_full_one_is_merged_to_the_same_bytes_too() -> None:
    added = [(number, number, 1) for number in range(3 * SIZE)]
    odd, even = sketch_of(added[::2]), sketch_of(added[1::2])
    odd.merge(even)
    assert odd.write() == sketch_of(added[::-1]).write()


def test_that_there_was_one_more_is_known_whichever_came_last() -> None:
    tokens = sorted(token(number) for number in range(SIZE + 1))
    up, down = Sketch(SINCE), Sketch(SINCE)
    for one, other in zip(tokens, reversed(tokens), strict=True):
        up.add(one, SINCE, 0)
        down.add(other, SINCE, 0)
    assert up.write() == down.write()
    assert up.total() > SIZE


def test_up_to_its_size_the_count_is_exact() -> None:
    sketch = sketch_of([(number, 0, 0) for number in range(SIZE)] * 2)
    assert sketch.count(SINCE) == SIZE


def test_beyond_its_size_the_count_is_near() -> None:
    sketch = sketch_of([(number, 0, number % 2) for number in range(20_000)])
    assert sketch.count(SINCE) == pytest.approx(20_000, rel=0.1)
    assert sketch.count(SINCE, 1, 1) == pytest.approx(10_000, rel=0.15)


def test_a_window_leaves_out_who_did_not_come_since() -> None:
    sketch = sketch_of([(1, 0, 0), (2, 3 * DAY_SECONDS, 0), (1, DAY_SECONDS, 0)])
    assert sketch.count(SINCE + 2 * DAY_SECONDS) == 1
    assert sketch.count(SINCE + DAY_SECONDS) == 2


def test_what_comes_up_in_many_requests_is_joined_by_person() -> None:
    sketch = sketch_of([(1, 0, 1), (1, 5, 2), (1, 9, 4), (2, 0, 1), (2, 1, 1)])
    assert sketch.count(SINCE, 0b111, 3) == 1
    assert sketch.count(SINCE, 0b111, 1) == 2
    assert sketch.count(SINCE, 0b011, 3) == 0


def test_a_person_who_comes_again_on_other_days_has_come_on_so_many() -> None:
    sketch = sketch_of([(1, day * DAY_SECONDS, 0) for day in range(5)] + [(2, 10, 0)] * 5)
    assert sketch.count(SINCE, days=5) == 1
    assert sketch.count(SINCE + 2 * DAY_SECONDS, days=4) == 0


def test_what_came_before_or_after_the_span_is_not_counted() -> None:
    sketch = Sketch(SINCE)
    assert not sketch.add(1, SINCE - 1, 0)
    assert not sketch.add(1, SINCE + 61 * DAY_SECONDS, 0)
    assert sketch.tokens == ()


def test_sketches_of_two_spans_are_not_merged() -> None:
    with pytest.raises(ValueError, match="two spans"):
        Sketch(SINCE).merge(Sketch(SINCE + 1))


@given(st.binary(max_size=80))
def test_what_is_no_sketch_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="sketch"):
        Sketch.read(data)


def test_bytes_that_are_read_are_the_ones_that_are_written() -> None:
    """Whichever byte is another: it is refused, or another sketch. A fuzzer found one that nobody looked at."""
    whole = sketch_of([(number, number, 1) for number in range(3)]).write()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x40
        try:
            read = Sketch.read(bytes(changed))
        except ValueError:
            continue
        assert read.write() == changed, at


def test_a_sketch_takes_less_than_a_half_of_what_a_unit_may_take() -> None:
    assert len(sketch_of([(number, 0, 0) for number in range(3 * SIZE)]).write()) < 32 * 1_024


def test_a_part_of_a_full_sketch_is_counted_at_least_and_all_of_a_sketch_that_is_not_full_exactly() -> None:
    """A hundred and twenty of thirty thousand are four tokens or so: that may be anything from none to two hundred."""
    rng = random.Random(7)  # noqa: S311 - a simulation
    tokens = [rng.getrandbits(64) for _ in range(30_000)]
    few = sketch_of([(token, 0, 1 if number < 120 else 2) for number, token in enumerate(tokens)])
    assert few.count_at_least(SINCE, mask=1, joins=1) <= 60
    half = sketch_of([(token, 0, 1 if number % 2 else 2) for number, token in enumerate(tokens)])
    assert 12_000 < half.count_at_least(SINCE, mask=1, joins=1) < 15_500
    all_of_it = sketch_of([(token, 0, 1) for token in tokens[:500]])
    assert all_of_it.count_at_least(SINCE, mask=1, joins=1) == 500
