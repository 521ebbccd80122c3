# SPDX-License-Identifier: Apache-2.0
"""A hint never says no where the dear pattern finds something."""

from __future__ import annotations

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brightline.core.screening import decoding, views
from brightline.core.screening.shape import shape_of

ASCII = st.text(alphabet=st.sampled_from("aabZZ01 .-_'@$!|/\n\r+="), max_size=40) | st.text(
    alphabet=st.characters(max_codepoint=0x7F), max_size=40
)


@given(ASCII)
@settings(max_examples=1500, deadline=None)
@example("a-\r\nb")
@example("w@e@a@p")
@example("a.'b")
@example("x ... y ... z")
def test_a_hint_is_never_wrong_about_nothing(text: str) -> None:
    shape = shape_of(text)
    lower = text.lower()
    assert shape.spelled or not views._SPELLED.search(lower)
    in_words = views._SPLIT.search(lower.replace("_", "-"))
    assert shape.split or not in_words or (shape.apostrophe and in_words[0].startswith("'"))
    assert shape.apostrophe or not views._ODD_APOSTROPHE.search(lower)
    assert shape.camel or not views._CAMEL.search(text)
    assert shape.leet or not views._LEET.search(lower)
    assert shape.mixed or not any(decoding._MIXED.search(run[0]) for run in decoding._BASE64.finditer(text))
    assert shape.digits or not decoding._NUMBERS.search(text)
    assert shape.bits or not decoding._BITS.search(text)


def test_plain_prose_gives_no_hint() -> None:
    shape = shape_of("The committee met, and it didn't decide (yet). NATO was told.")
    assert {name for name, hint in msgspec.structs.asdict(shape).items() if hint} == {"apostrophe"}


def test_beyond_ascii_everything_may_be() -> None:
    assert all(msgspec.structs.asdict(shape_of("é")).values())
