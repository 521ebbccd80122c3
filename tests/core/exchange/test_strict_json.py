# SPDX-License-Identifier: Apache-2.0
"""One reading of the bytes, or none."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import CallerError, MalformedRequest, RequestTooLarge, UnsupportedField
from brightline.core.exchange.strict_json import Limits, decode, encode, parse
from tests.vectors import vectors_dir

LIMITS = Limits()

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_we_write_is_read_back_equal(value: Any) -> None:
    assert parse(encode(value), LIMITS) == value


@given(st.binary(max_size=64))
def test_arbitrary_bytes_give_a_value_or_a_named_refusal(data: bytes) -> None:
    try:
        parse(data, LIMITS)
    except CallerError:
        pass


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"o": {"mess": 1, "m\\u0065ss": 2}}',
        b"[NaN]",
        b"[Infinity]",
        b"[1e400]",
        b"[-1e400]",
        b"[9007199254740992]",
        b"[-9007199254740992]",
        b"[10000000000000000000000000000000]",
        b'["\\ud800"]',
        b'{"\\udc00": 1}',
        b"\xef\xbb\xbf{}",
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        b"{} {}",
        b"{}\x00",
        b"",
        b"[" * 66 + b"]" * 66,
        b"[" * 5_000 + b"]" * 5_000,
        '["é"]'.encode("utf-16"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse(text, LIMITS)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse(b"[" * 64 + b"]" * 64, LIMITS)


def test_more_bytes_than_allowed_are_not_parsed_at_all() -> None:
    with pytest.raises(RequestTooLarge):
        parse(b"[" + b" " * 10, Limits(bytes_max=8))


def test_more_values_than_allowed_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="more than 3"):
        parse(b"[1, 2, 3, 4]", Limits(members_max=3))


class _Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class _Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: list[_Inner]


def test_an_unknown_field_is_named_as_a_caller_would_write_it() -> None:
    with pytest.raises(UnsupportedField) as caught:
        decode(b'{"rows": [{"text": "x", "mode": "off"}]}', _Outer, LIMITS)
    assert caught.value.param.endswith("mode")
    assert caught.value.param.startswith("rows[0]")


def test_a_wrong_type_is_refused_with_its_place_and_without_its_content() -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(b'{"rows": [{"text": 77123}]}', _Outer, LIMITS)
    assert caught.value.param.startswith("rows[0]")
    assert "77123" not in str(caught.value)


def test_a_long_duplicate_name_is_not_repeated_whole() -> None:
    name = "secret" * 40
    with pytest.raises(MalformedRequest) as caught:
        parse(f'{{"{name}": 1, "{name}": 2}}'.encode(), LIMITS)
    assert name not in str(caught.value)


# Read differently by parsers, and read in one way alone by ours: kept, because one re-serialisation goes on.
HARMLESS_TRANSFORMS = {
    "number_1.0.json",
    "number_1.000000000000000005.json",
    "number_1000000000000000.json",
    "number_1e-999.json",
    "number_1e6.json",
    "object_key_nfc_nfd.json",
    "object_key_nfd_nfc.json",
    "string_with_escaped_NULL.json",
}
DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def test_the_json_test_suite_is_accepted_and_refused_as_a_guard_must() -> None:
    cases = json.loads((vectors_dir("json") / "cases.json").read_text("utf-8"))["cases"]
    wrong = []
    for case in cases:
        if "content_base64" not in case:
            continue
        try:
            parse(base64.b64decode(case["content_base64"]), LIMITS)
            accepted = True
        except CallerError:
            accepted = False
        wanted = {"accept": case["name"] not in DUPLICATES, "reject": False}.get(case["expect"])
        if case["expect"] == "transform":
            wanted = case["name"] in HARMLESS_TRANSFORMS
        if wanted is not None and accepted is not wanted:
            wrong.append((case["name"], accepted))
    assert wrong == []
