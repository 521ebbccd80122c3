# SPDX-License-Identifier: Apache-2.0
"""Canonical bytes: one value, one form."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.canonical import INTEGER_MAX, canonical_bytes, digest
from tests.vectors import vectors_dir

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_the_form_is_json_and_a_fixed_point(value: Any) -> None:
    form = canonical_bytes(value)
    assert json.loads(form) == value
    assert canonical_bytes(json.loads(form)) == form


class Word(str):
    """A string that is not just one, as members of enumerations are: it takes the way that looks at everything."""


def spelled(value: Any) -> Any:
    """The same value, all strings of it of another class."""
    match value:
        case str():
            return Word(value)
        case list():
            return [spelled(item) for item in value]
        case dict():
            return {Word(name): spelled(item) for name, item in value.items()}
        case _:
            return value


@given(values | st.text(), st.sampled_from([str.lower, str.upper, lambda name: "".join(map(chr, range(128))) + name]))
def test_the_fast_way_gives_the_same_bytes(value: Any, name: Any) -> None:
    for each in (value, {name("Names"): value, "b": [value]}):
        assert canonical_bytes(spelled([each])) == canonical_bytes([each])


@given(st.dictionaries(text, st.integers(0, 9), max_size=6))
def test_the_order_of_members_is_no_matter(members: dict[str, int]) -> None:
    backwards = dict(reversed(list(members.items())))
    assert digest(dict(members)) == digest(dict(backwards))


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), "\ud800", {"\ud800": 1}, [[1.5]]])
def test_what_has_no_one_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="canonical|surrogates"):
        canonical_bytes(value)


def test_deep_nesting_is_refused_before_the_stack_is() -> None:
    value: Any = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(ValueError, match="nests"):
        canonical_bytes(value)


def test_the_objects_of_the_standard_come_out_but_for_those_with_floats() -> None:
    for case in json.loads((vectors_dir("jcs") / "cases.json").read_text("utf-8"))["objects"]:
        value = json.loads(base64.b64decode(case["input_base64"]))
        try:
            form = canonical_bytes(value)
        except ValueError:
            assert any(mark in case["output"] for mark in (".", "e+", "e-", "E")), case["name"]
            continue
        assert form == base64.b64decode(case["output_base64"]), case["name"]


# What a parser decides, before there is a value (strict_json), or numbers that are floats once parsed.
PARSERS_OR_FLOATS = {"duplicate names", "bom", "minus zero float", "one with fraction", "exponent"}


def test_the_other_cases_of_the_standard_come_out() -> None:
    for case in json.loads((vectors_dir("jcs") / "cases.json").read_text("utf-8"))["extra"]:
        if case["name"] in PARSERS_OR_FLOATS:
            continue
        value = json.loads(case["input"])
        try:
            form = canonical_bytes(value)
        except ValueError:
            # The standard rounds large integers; evidence must not.
            assert case["output"] == "refuse" or case["name"] == "integer above 2^53", case["name"]
        else:
            assert form.decode() == case["output"], case["name"]


def test_the_whole_numbers_of_the_standard_come_out_and_every_other_number_is_refused() -> None:
    cases = json.loads((vectors_dir("jcs") / "cases.json").read_text("utf-8"))
    whole = 0
    for bits, text in (*cases["rfc8785_appendix_b"], *cases["numbers"], *cases["must_fail"]):
        (value,) = struct.unpack(">d", bytes.fromhex(bits.zfill(16)))
        with pytest.raises(ValueError, match="canonical"):
            canonical_bytes(value)
        if value.is_integer() and abs(value) < 2**53:
            assert canonical_bytes(int(value)).decode() == text
            whole += 1
    assert whole > 5


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {"a": {2}}, object()])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no JSON value|strings"):
        canonical_bytes(value)
