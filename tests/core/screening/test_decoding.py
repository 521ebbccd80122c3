# SPDX-License-Identifier: Apache-2.0
"""Decoders put text in its place, leave chance alone, and never raise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.screening.decoding import _KINDS, Decoded, Decoders, _Known
from brightline.core.screening.shape import shape_of

HARD = st.text(alphabet=st.sampled_from("0123456789abcdefABxXuU%&#;\\{}=+/-_ ,\n\ud83d\udc00é"), max_size=80)


def undone(text: str) -> Decoded:
    return Decoders().decode(text, shape_of(text))


@given(HARD | st.text(max_size=80))
@settings(max_examples=500, deadline=None)
def test_no_decoder_raises_or_grows_a_text(text: str) -> None:
    for kind in _KINDS:
        assert len(kind.undo(text, _Known(kind.read))) <= len(text) + 1
    undone(text)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=12, max_size=80))
def test_base64_of_any_printable_text_is_read(text: str) -> None:
    encoded = base64.b64encode(text.encode()).decode()
    if any(c.isdigit() for c in encoded):
        apart = Decoders().decode_apart(encoded, shape_of(encoded), Decoded("", ("base64",)))
        assert dict(apart)["base64"] == text


@pytest.mark.parametrize(
    "text",
    [
        "&" + "#" + "9" * 5000 + ";",
        "&#xD800; &#55296;",
        "%ZZ 100% of them",
        "\\u{110000}",
        "12, 13, 14, 15, 16",
        "9f86d081884c7d659a2feaa0c55ad015",
        "0xdeadbeef 0xcafebabe",
        "InternationalizationSupport",
    ],
)
def test_what_only_resembles_an_encoding_does_no_harm(text: str) -> None:
    assert "base64" not in undone(text).names
    assert "numbers" not in undone(text).names
    assert "hex" not in undone(text).names


def test_a_pair_of_escaped_surrogates_is_one_character() -> None:
    assert undone("\\ud83d\\ude00").text == "😀"
    assert undone("\\ud83d alone").text == "\ufffd alone"


def test_the_names_tell_the_order() -> None:
    encoded = base64.b64encode(b"a sentence with words").decode().encode().hex()
    assert undone(encoded) == Decoded("a sentence with words", ("hex", "base64"))


def test_nothing_found_changes_nothing() -> None:
    assert undone("Nothing to see here.") == Decoded("Nothing to see here.", ())


def test_text_must_be_printable_enough() -> None:
    mostly = b"seventeen letters" + b"\x01\x02"
    hardly = b"nine here" + b"\x01\x02\x03"
    assert undone(mostly.hex()).names == ("hex",)
    assert undone(hardly.hex()).names == ()
