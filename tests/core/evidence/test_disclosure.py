# SPDX-License-Identifier: Apache-2.0
"""Field commitments: what a leaf commits to can be opened, and nothing else can."""

from __future__ import annotations

import json

import pytest

from brightline.core.evidence.disclosure import DisclosureError, commit, digest_of, match, open_disclosure
from tests.vectors import vectors_dir

KEY = bytes(range(32))
FIELDS = {"unit": "planning", "facts": {"lawful": "yes"}, "size": 7}


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


def test_the_digests_of_the_standards_examples_come_out() -> None:
    digests = json.loads((vectors_dir("sdjwt") / "cases.json").read_text("utf-8"))["digests"]
    for case in digests:
        assert digest_of(case["disclosure"]) == case["digest_sha256"]
        if case["kind"] == "property":
            opened = open_disclosure(case["disclosure"])
            assert [opened.name, opened.value] == case["array"][1:]
