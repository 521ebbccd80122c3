# SPDX-License-Identifier: Apache-2.0
"""A hint never says no where the dear pattern finds something."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from brightline.core.screening import ciphers, decoding, letters
from brightline.core.screening.folding import stages_of
from brightline.core.screening.shape import (
    _ANYTHING,
    _HINTS,
    Shape,
    _named,
    in_one_pass,
    in_parts,
    shape_of,
    shape_of_stages,
)

KINDS = {kind.name: kind.stretch for kind in decoding._KINDS}

ASCII = (
    st.text(alphabet=st.sampled_from("aabZZ01 .-_'@$!|/\n\r+="), max_size=40)
    | st.text(alphabet=st.sampled_from(" ehtyadnfo.-'\"+&%\\x70\n"), max_size=60)
    | st.text(alphabet=st.characters(max_codepoint=0x7F), max_size=40)
)
ANY = (
    ASCII
    | st.text(alphabet=st.sampled_from("aZ0 .-_'|!@\nжЖзсѕοӕы₳∞²٣é世😀–\u3000\u0301Ꮞ"), max_size=40)
    | st.text(max_size=40)
)


@given(ASCII)
@settings(max_examples=300, deadline=None)
@example(
    "see 2026-11-26 and 11111111 ... - say way day may e.g. a.b.c &amp; <~ %41 \\x41 MFRGGZDFMZTWQ2LK aB1 it's ' + '"
)
def test_hints_are_the_same_in_one_pass_and_in_parts(text: str) -> None:
    assert in_one_pass(text.encode()) == in_parts(text.encode())


@given(ANY)
@settings(max_examples=1500, deadline=None)
@example("a-\r\nb")
@example("w@e@a@p")
@example("a.'b")
@example("x ... y ... z")
@example("ж.и.л")
@example("b ₳ c")
@example("зa")
@example("-.-/.-/.../---/-/./-/.-")
def test_a_hint_is_never_wrong_about_nothing(text: str) -> None:
    stages = stages_of(text)
    seen, soft, folded, _ = stages
    shape = shape_of_stages(stages)
    for of in (letters._ANY, *[letters._ASCII] * seen.isascii()):
        assert shape.spelled or not of.spelled.search(soft)
        in_words = of.split.search(soft.replace("_", "-"))
        assert shape.split or not in_words or (shape.apostrophe and in_words[0].startswith("'"))
    assert shape.apostrophe or not letters._ODD_APOSTROPHE.search(soft)
    assert shape.camel or not letters._CAMEL.search(seen)
    assert shape.leet or not letters._LEET.search(folded)
    assert shape.mixed or not any(decoding._MIXED.search(run[0]) for run in KINDS["base64"].finditer(seen))
    assert shape.digits or not KINDS["numbers"].search(seen)
    assert shape.bits or not KINDS["binary"].search(seen)
    for name in ("base32", "ascii85", "html", "url", "escapes", "morse"):
        assert getattr(shape, name) or not KINDS[name].search(seen)
    assert shape.glued or not (letters._GLUED.search(soft) or letters._GLUED_LIST.search(soft))
    assert shape.backwards or not any(word in folded for word in ciphers._BACKWARDS)
    assert shape.ends_in_ay or folded.count("ay ") < 4


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hex", "say 70 6c 61 6e it"),
        ("base32", "KRUGKIDQNRQW4IDJ"),
        ("ascii85", "<~9jqo^BlbD-BleB1DJ~>"),
        ("html", "&#112;lan"),
        ("url", "%70lan"),
        ("escapes", "U+0070"),
        ("morse", ".--. .-.. .- -. .--. .-.. .- -."),
        ("glued", "'pl' + 'an'"),
        ("glued", "''.join(['pl', 'an'])"),
        ("backwards", "eht nalp fo\u3000eht yad"),
        ("ends_in_ay", "ethay anplay ofway ethay ayday"),
    ],
)
def test_each_hint_says_yes_of_its_disguise(kind: str, text: str) -> None:
    assert getattr(shape_of(text), kind)
    assert getattr(shape_of(f"жж {text} жж"), kind)


def test_every_hint_has_a_pattern() -> None:
    assert tuple(_HINTS) == Shape.__struct_fields__


def test_a_search_that_did_not_end_says_yes_to_everything() -> None:
    assert _named((0, 3)) == _ANYTHING


@given(ASCII)
def test_both_forms_of_a_pattern_find_the_same_in_ascii(text: str) -> None:
    for name in letters._ASCII.__struct_fields__:
        ours, any_ = getattr(letters._ASCII, name), getattr(letters._ANY, name)
        assert ours.findall(text) == any_.findall(text)


def test_plain_prose_gives_no_hint() -> None:
    shape = shape_of("The committee met, and it didn't decide (yet). NATO was told.")
    assert {name for name, hint in msgspec.structs.asdict(shape).items() if hint} == {"apostrophe"}


def test_plain_prose_of_other_scripts_gives_no_hint_either() -> None:
    assert not any(msgspec.structs.asdict(shape_of("Комитет собрался — и решил: «да». 委员会 met.")).values())


def test_with_many_kinds_of_signs_everything_may_be() -> None:
    assert all(msgspec.structs.asdict(shape_of("".join(map(chr, range(0x2600, 0x2650))))).values())
