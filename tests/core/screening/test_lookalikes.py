# SPDX-License-Identifier: Apache-2.0
"""The tables of look-alikes: what they cover, and that they are closed under folding."""

from __future__ import annotations

import json
import unicodedata

from brightline.core.screening.folding import fold
from brightline.core.screening.lookalikes import CLOSE, LOOSE, READS_AS, script
from tests.vectors import vectors_dir


def test_the_tables_do_not_overlap_and_read_as_ascii() -> None:
    assert not CLOSE.keys() & LOOSE.keys()
    assert not (CLOSE.keys() | LOOSE.keys()) & READS_AS.keys()
    assert all(reading.isascii() for reading in (*CLOSE.values(), *LOOSE.values()))


def test_folding_the_case_of_a_letter_makes_no_new_lookalike() -> None:
    known = READS_AS.keys() | CLOSE.keys() | LOOSE.keys()
    compatible = {code for code in range(0x80, 0x20000) if unicodedata.is_normalized("NFKC", chr(code))}
    for code in compatible - known:
        assert not known & {ord(letter) for letter in chr(code).casefold()}, hex(code)


def test_capitals_read_by_their_own_shape() -> None:
    assert [fold("x" + letter) for letter in "НВРСУХ"] == ["xh", "xb", "xp", "xc", "xy", "xx"]
    assert [fold("x" + letter) for letter in "ΗΜΝ"] == ["xh", "xm", "xn"]
    assert [fold("x" + letter) for letter in "ημν"] == ["xn", "xu", "xv"]


def test_vowel_signs_and_letters_of_indic_scripts_are_left_alone() -> None:
    for name in (
        "DEVANAGARI VOWEL SIGN AA",
        "BENGALI SIGN VIRAMA",
        "TAMIL LETTER KA",
        "THAI CHARACTER SARA I",
    ):
        assert ord(unicodedata.lookup(name)) not in {**READS_AS, **CLOSE, **LOOSE}


def test_a_script_is_the_first_word_of_a_name() -> None:
    assert (script("ж"), script("σ"), script("\ue000")) == ("CYRILLIC", "GREEK", "")


def test_nine_in_ten_confusables_with_a_letter_or_digit_read_as_it() -> None:
    """Measured: 1,311 of 1,449 (90.5 %). The rest are digits by value and scripts that few fonts have."""
    tables = json.loads((vectors_dir("unicode") / "confusables.json").read_text())
    table: dict[str, str] = tables["to_ascii_alnum"]

    def one_class(text: str) -> str:
        # The prototypes of UTS #39 do not tell these apart.
        for shape, prototype in (("m", "rn"), ("1", "l"), ("i", "l"), ("0", "o")):
            text = text.lower().replace(shape, prototype)
        return text

    read = {code: fold("ab" + chr(int(code, 16)))[2:] for code in table}
    covered = [code for code, prototype in table.items() if one_class(read[code]) == one_class(prototype)]
    assert len(covered) >= 0.9 * len(table)


def test_nothing_unseen_remains_between_letters() -> None:
    properties = json.loads((vectors_dir("unicode") / "invisible.json").read_text())["properties"]
    tags = range(0xE0020, 0xE007F)
    for name in ("Default_Ignorable_Code_Point", "Bidi_Control", "Variation_Selector", "Join_Control"):
        for first, last in properties[name]:
            for code in range(int(first, 16), int(last, 16) + 1):
                assert code in tags or fold(f"a{chr(code)}b") == "ab", hex(code)
    for first, last in properties["White_Space"]:
        for code in range(int(first, 16), int(last, 16) + 1):
            assert fold(f"a{chr(code)}b") == "a b", hex(code)
