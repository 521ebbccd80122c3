# SPDX-License-Identifier: Apache-2.0
"""Field commitments: what a leaf commits to can be opened, and nothing else can."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.canonical import JsonValue
from brightline.core.evidence.disclosure import DisclosureError, commit, digest_of, match, open_disclosure
from tests.vectors import vectors_dir

KEY = bytes(range(32))
PINNED = (
    "by2-Wmp8jPFhTS9kMJrvS4uUZz8mJmqlxsi9oz6tbh0",
    "fQvmalV7q57HK-MpGlYBiLfvF2z3jDovHV_1nyuRX5Q",
)
FIELDS: dict[str, JsonValue] = {"unit": "planning", "facts": {"lawful": "yes"}, "size": 7}


def test_every_field_is_opened_by_its_disclosure() -> None:
    commitments = commit(FIELDS, KEY)
    assert match(commitments.digests, commitments.disclosures) == FIELDS


def test_one_field_can_be_opened_alone() -> None:
    commitments = commit(FIELDS, KEY)
    assert len(match(commitments.digests, commitments.disclosures[:1])) == 1


def test_another_key_gives_other_commitments_to_the_same_fields() -> None:
    assert not set(commit(FIELDS, KEY).digests) & set(commit(FIELDS, bytes(32)).digests)


def test_a_disclosure_of_something_else_is_refused() -> None:
    other = commit({"unit": "another"}, KEY).disclosures
    with pytest.raises(DisclosureError, match="opens no commitment"):
        match(commit(FIELDS, KEY).digests, other)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commit(FIELDS, b"short")


@pytest.mark.parametrize("text", ["", "!", "e30", "WzFd", "é"])
def test_what_is_no_disclosure_is_refused(text: str) -> None:
    with pytest.raises(DisclosureError):
        open_disclosure(text)


def disclosure_of(json_bytes: bytes) -> str:
    return base64.urlsafe_b64encode(json_bytes).rstrip(b"=").decode()


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=8), st.integers(0, 9)))
def test_any_fields_come_back_and_no_two_commitments_are_alike(fields: dict[str, int]) -> None:
    commitments = commit(dict(fields), KEY)
    assert match(commitments.digests, commitments.disclosures) == fields
    assert list(commitments.digests) == sorted(set(commitments.digests))
    assert len(commitments.digests) == len(fields)


def test_equal_values_have_unlike_salts_of_128_bits() -> None:
    disclosures = commit({"a": "same", "b": "same"}, KEY).disclosures
    salts = [json.loads(base64.urlsafe_b64decode(d + "=" * (-len(d) % 4)))[0] for d in disclosures]
    assert salts[0] != salts[1]
    assert [len(base64.urlsafe_b64decode(salt + "==")) for salt in salts] == [16, 16]


def test_the_commitments_to_fixed_fields_never_change() -> None:
    # Records in the log were committed to in this way: a change here makes their keys open nothing.
    assert commit({"a": 1, "b": "two"}, KEY).digests == PINNED


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_the_names_that_the_standard_reserves_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no field"):
        commit({name: 1}, KEY)
    with pytest.raises(DisclosureError, match="no field"):
        open_disclosure(disclosure_of(json.dumps(["salt", name, 1]).encode()))


@pytest.mark.parametrize(
    "json_bytes",
    [
        b'["s","n",{"a":1,"a":2}]',
        b'["s","n",NaN]',
        b'["s","n",1.5]',
        b'["s","n",9007199254740993]',
        b'["s","n","\\ud800"]',
        b'["s","n",' + b"[" * 100 + b"]" * 100 + b"]",
        b"[" * 100_000,
        '["s","n",1]'.encode("utf-16"),
        b'\xef\xbb\xbf["s","n",1]',
    ],
    ids=["twice", "nan", "float", "large", "surrogate", "deep", "deeper", "utf-16", "bom"],
)
def test_a_value_that_two_readers_could_read_differently_is_refused(json_bytes: bytes) -> None:
    with pytest.raises(DisclosureError, match="one meaning"):
        open_disclosure(disclosure_of(json_bytes))


def test_padding_and_the_other_alphabet_are_refused() -> None:
    padded = base64.urlsafe_b64encode(b'["salt","n",1] ').decode() + "===="
    plain = base64.b64encode('["??>","n",">>>ÿ"]'.encode()).decode().rstrip("=")
    assert "+" in plain or "/" in plain
    for text in (padded, plain):
        with pytest.raises(DisclosureError, match=r"base64url"):
            open_disclosure(text)


def test_a_name_that_is_opened_twice_is_refused() -> None:
    one, other = commit({"unit": "planning"}, KEY), commit({"unit": "logistics"}, bytes(32))
    with pytest.raises(DisclosureError, match="two disclosures"):
        match(one.digests + other.digests, one.disclosures + other.disclosures)


def test_a_commitment_that_is_there_twice_is_refused() -> None:
    commitments = commit(FIELDS, KEY)
    with pytest.raises(DisclosureError, match="twice"):
        match(commitments.digests * 2, commitments.disclosures)


# Our records are flat: what these cases turn on (nesting, array elements, clear claims, other hashes) does not occur.
NOT_FLAT = {"other hash algorithm", "claim already in clear", "nested through a disclosure"}


def test_the_flat_cases_of_the_standard_come_out() -> None:
    cases: list[dict[str, Any]] = json.loads((vectors_dir("sdjwt") / "cases.json").read_text("utf-8"))["cases"]
    tried = 0
    for case in cases:
        payload = case["payload"]
        if not payload.keys() <= {"_sd", "_sd_alg"} or case["name"] in NOT_FLAT:
            continue
        tried += 1
        try:
            fields = match(payload["_sd"], case["disclosures"])
        except DisclosureError:
            assert case["expect"] == "error", case["name"]
        else:
            assert case["expect"] == "ok", case["name"]
            assert fields == case["claims"], case["name"]
    assert tried >= 12


def test_the_digests_of_the_standards_examples_come_out() -> None:
    digests = json.loads((vectors_dir("sdjwt") / "cases.json").read_text("utf-8"))["digests"]
    for case in digests:
        assert digest_of(case["disclosure"]) == case["digest_sha256"]
        if case["kind"] == "property":
            opened = open_disclosure(case["disclosure"])
            assert [opened.name, opened.value] == case["array"][1:]
