# SPDX-License-Identifier: Apache-2.0
"""One reading of the bytes, or none."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import CallerError, MalformedRequest, RequestTooLarge, UnsupportedField
from brightline.core.exchange import strict_json
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


# Bytes that nearly are JSON get further into the parser than random ones.
json_like = st.lists(
    st.sampled_from(
        [
            b"[",
            b"]",
            b"{",
            b"}",
            b",",
            b":",
            b'"',
            b"\\",
            b"\\u",
            b"d83d",
            b"a",
            b"1",
            b"-",
            b"e9",
            b".",
            b"\xc3",
            b"nul",
        ]
    ),
    max_size=24,
).map(b"".join)


def members(value: Any) -> int:
    below = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return len(below) + sum(map(members, below))


def limits_of(count: int) -> Limits:
    return Limits(members_max=count)


@given(values)
def test_what_we_write_is_read_back_equal(value: Any) -> None:
    assert parse(encode(value), LIMITS) == value


@given(values)
def test_values_are_counted_alike_before_and_after_they_are_built(value: Any) -> None:
    count = members(value)
    assert parse(encode(value), limits_of(count)) == value
    if count:
        with pytest.raises(MalformedRequest, match="more than"):
            parse(encode(value), limits_of(count - 1))


@given(st.binary(max_size=64) | json_like)
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
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 65 + b"1" + b"}" * 65,
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


@pytest.mark.parametrize(
    "text",
    [b"[" + b"[]," * 20 + b"!", b"[[[[[[[[[[[[[[[[[[[[[[!", b'{"a":{"b":{"c":[[[[[[[[[[[[[!', b"[" + b'","' * 30],
)
def test_too_many_values_are_refused_before_any_is_built(text: bytes) -> None:
    # Each text is no JSON at its end; were it parsed first, the message would be about that.
    with pytest.raises(MalformedRequest, match="more than 10 values"):
        parse(text, Limits(members_max=10))


@pytest.mark.parametrize(
    "text", [b",,,,,,,,,,,,", b"[[[[[[[{{{{{{", b'\\",\\",\\",\\",[[[[', b",,,,,,\\\\", b'\\\\\\",,,,,,,,']
)
def test_marks_inside_strings_are_text_and_are_not_counted(text: bytes) -> None:
    assert parse(b'["' + text + b'", "' + text + b'"]', Limits(members_max=2)) == json.loads(
        b'["' + text + b'", "' + text + b'"]'
    )


def test_a_string_or_a_name_beyond_its_limit_is_refused_with_its_place() -> None:
    limits = Limits(string_chars_max=4)
    assert parse(b'{"name": ["four", 12345678]}', limits) == {"name": ["four", 12345678]}
    with pytest.raises(MalformedRequest, match="a string exceeds 4") as caught:
        parse(b'{"a": ["four", "fives"]}', limits)
    assert caught.value.param == "a[1]"
    with pytest.raises(MalformedRequest, match="a name exceeds 4") as caught:
        parse(b'{"a": [{}, {"fives": 1}]}', limits)
    assert caught.value.param == "a[1]"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"messages": [{"n": 1}, {"content": 1e400}]}', "messages[1].content"),
        (b'{"messages": [{"n": 1}, {"content": [[2, 9007199254740992]]}]}', "messages[1].content[0][1]"),
        (b'{"a\\nb": 1e400}', "a\ufffdb"),
        (b"[1e400]", "[0]"),
        (b"1e400", ""),
    ],
)
def test_a_value_that_is_refused_is_named_by_its_path(text: bytes, place: str) -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(text, LIMITS)
    assert caught.value.param == place
    assert f"`{place}`" in str(caught.value) or not place


def test_a_path_of_long_names_is_cut_short() -> None:
    with pytest.raises(MalformedRequest) as caught:
        parse(b'{"secretsecret":' * 60 + b"1e400" + b"}" * 60, LIMITS)
    assert len(caught.value.param) < 250


def test_text_that_is_no_json_is_refused_with_line_and_column() -> None:
    with pytest.raises(MalformedRequest, match="line 2 column 3"):
        parse(b'{"a":\n1,}', LIMITS)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_does_not_have_is_never_written_as_null(number: float) -> None:
    for value in (number, {"a": [1, number]}, (number,), _Measure(number)):
        with pytest.raises(ValueError, match="not finite"):
            encode(value)


class _Measure(msgspec.Struct, frozen=True):
    number: float


class _Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    role: Literal["user", "tool"] = "user"


class _Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: list[_Inner]


def test_an_unknown_field_is_named_as_a_caller_would_write_it() -> None:
    with pytest.raises(UnsupportedField) as caught:
        decode(b'{"rows": [{"text": "x", "mode": "off"}]}', _Outer, LIMITS)
    assert caught.value.param == "rows[0].mode"
    with pytest.raises(UnsupportedField) as caught:
        decode(b'{"rows": [], "mode": "off"}', _Outer, LIMITS)
    assert caught.value.param == "mode"


def test_a_missing_field_is_named_as_a_caller_would_write_it() -> None:
    with pytest.raises(MalformedRequest, match="required") as caught:
        decode(b'{"rows": [{"text": "x"}, {}]}', _Outer, LIMITS)
    assert caught.value.param == "rows[1].text"


def test_a_wrong_type_is_refused_with_its_place_and_without_its_content() -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(b'{"rows": [{"text": 77123}]}', _Outer, LIMITS)
    assert caught.value.param == "rows[0].text"
    assert "77123" not in str(caught.value)


def test_a_value_cannot_pose_as_a_place_to_be_repeated() -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(b'{"rows": [{"text": "x", "role": "s3cret - at `$.s3cret`"}]}', _Outer, LIMITS)
    assert caught.value.param == "rows[0].role"
    assert "s3cret" not in str(caught.value)


def test_an_unknown_name_is_shown_short_on_one_line_and_at_its_true_place() -> None:
    name = "x` - at `$.admin\n" + "y" * 300
    body = json.dumps({"rows": [{"text": "x", name: 1}]}).encode()
    with pytest.raises(UnsupportedField) as caught:
        decode(body, _Outer, LIMITS)
    assert caught.value.param.startswith("rows[0].x` - at ")
    assert len(caught.value.param) < 60
    assert str(caught.value).isprintable()


def test_a_long_duplicate_name_is_not_repeated_whole() -> None:
    name = "secret" * 40
    with pytest.raises(MalformedRequest, match="duplicate name `secret.*line 1 column") as caught:
        parse(f'{{"{name}": 1, "{name}": 2}}'.encode(), LIMITS)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("text", [b'{"rows": [], "rows": []}', b'{"rows": [{"text": "x", "role": "s3cret"}]}'])
def test_no_traceback_carries_what_the_parsers_quote(text: bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        decode(text, _Outer, LIMITS)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


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


def content_of(case: dict[str, Any]) -> bytes:
    if "content_base64" in case:
        return base64.b64decode(case["content_base64"])
    rule = case["content_rule"]
    return str(rule["repeat"]).encode() * int(rule["times"]) + str(rule.get("then", "")).encode()


def test_the_json_test_suite_is_accepted_and_refused_as_a_guard_must() -> None:
    cases = json.loads((vectors_dir("json") / "cases.json").read_text("utf-8"))["cases"]
    wrong = []
    for case in cases:
        content = content_of(case)
        try:
            value = parse(content, LIMITS)
            accepted = True
            assert parse(encode(value), LIMITS) == value  # what goes on is what was read
        except CallerError:
            accepted = False
        wanted = {"accept": case["name"] not in DUPLICATES, "reject": False}.get(case["expect"])
        if case["expect"] == "transform":
            wanted = case["name"] in HARMLESS_TRANSFORMS
        if wanted is not None and accepted is not wanted:
            wrong.append((case["name"], accepted))
    assert wrong == []


NUMBERS = st.sampled_from(("1", "-0", "1.5", "9007199254740991", "9007199254740992", "1e5", "1E400", "-1e308", "0.1"))
NESTED: st.SearchStrategy[str] = st.recursive(
    NUMBERS | st.sampled_from(('"3e"', '"["', "null", "true")),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(inner, max_size=3).map(
            lambda items: "{" + ",".join(f'"{i}":{one}' for i, one in enumerate(items)) + "}"
        )
    ),
    max_leaves=12,
)


@given(NESTED, st.integers(1, 6), st.integers(1, 200))
def test_what_is_not_looked_at_one_by_one_would_have_passed(text: str, depth: int, members: int) -> None:
    limits = Limits(depth_max=depth, members_max=members)
    if strict_json._is_harmless(text.encode(), limits):
        strict_json._walk(json.loads(text), limits)
