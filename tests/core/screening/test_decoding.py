# SPDX-License-Identifier: Apache-2.0
"""Decoders put text in its place, leave chance alone, and never raise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.screening.decoding import _KINDS, _MORSE, Decoded, Decoders, _Known
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


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("tr\\u0061ck", "track"),
        ("\\u0066ace b\\u0065e", "face bee"),
        ("\\U00000066ace", "face"),
        ("\\u00000066\\u00000061", "fa"),
        ("\\U0001F600ab", "😀ab"),
        ("\\u{00066}ace", "face"),
        ("U+0066 U+000061 U+1F600", "fa😀"),
        ("U+0066ace", "face"),
        ("\\x66ace \\146ace", "face face"),
    ],
)
def test_an_escape_has_its_own_digits_and_leaves_the_letters_behind_it(text: str, reads: str) -> None:
    assert undone(text).text == reads


SAID = "a sentence that is long enough to stand in several windows, one after the other"
BITS = "".join(f"{byte:08b}" for byte in SAID.encode())


@pytest.mark.parametrize("cut", range(8))
@pytest.mark.parametrize(
    "encoded",
    [SAID.encode().hex(), BITS, base64.b32encode(SAID.encode()).decode(), base64.b85encode(SAID.encode()).decode()],
    ids=["hex", "bits", "base32", "base85"],
)
def test_what_is_cut_within_a_letter_is_read_from_the_next_one_on(encoded: str, cut: int) -> None:
    assert SAID[8:-8] in undone(encoded[cut:]).text


def test_ascii85_without_its_end_is_read() -> None:
    assert undone(base64.a85encode(SAID.encode(), adobe=True).decode().removesuffix("~>")).text == SAID


MORSE = {sign: letters for letters, sign in _MORSE.items()}


@pytest.mark.parametrize(
    ("letters", "words"),
    [(" ", " / "), (" ", "/"), (" ", "   "), ("/", "//"), ("/", " "), ("\n", "\n\n"), ("|", "||")],
)
def test_morse_is_read_however_its_letters_and_words_are_parted(letters: str, words: str) -> None:
    said = "fly to the bridge at nine"
    signs = words.join(letters.join(map(MORSE.__getitem__, word)) for word in said.split())
    assert undone(signs).text.split() == said.split()


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
