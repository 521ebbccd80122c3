# SPDX-License-Identifier: Apache-2.0
"""Tool calls read as structure: what is taken from them, which rules speak, and what no file may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.classifier.corpus import read_corpora
from brightline.classifier.training import release as written
from brightline.core.errors import ReleaseError
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.toolcall import CallRules, check_calls, load_calls
from brightline.shell.shipped import read_agreement, shipped_agreement

FILE = Path(written.__file__).with_name(written.CALLS).read_bytes()
RULES: CallRules = load_calls(FILE, "calls.toml")
VOCABULARY = read_agreement(shipped_agreement()).vocabulary
CORPORA = Path(__file__).resolve().parents[3] / "corpora"


def marks(**arguments: Any) -> frozenset[str]:
    call = RULES.read(f"name {json.dumps(arguments)}")
    assert call is not None
    return call.marks


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"officer": None}, {"unattended"}),
        ({"confirm_by": "none"}, {"unattended"}),
        ({"approval": {"required": False}}, {"unattended"}),
        ({"auto_engage": True}, {"unattended"}),
        ({"auto_engage": False}, set()),
        ({"reviewer": "R. Hsu"}, {"attended"}),
        ({"officer": None, "reviewer": "R. Hsu"}, {"attended", "unattended"}),
        ({"n": 2844}, {"many"}),
        ({"n": 3}, set()),
        ({"ids": list(range(30))}, {"many"}),
        ({"scope": "all"}, {"many"}),
        ({"text": "lunch at noon"}, set()),
    ],
)
def test_who_decides_and_on_how_many_is_read_from_the_structure(arguments: dict[str, Any], wanted: set[str]) -> None:
    assert marks(**arguments) == wanted


def said(text: str, surface: Surface = Surface.TOOL_CALL) -> set[tuple[str, str]]:
    return {(finding.fact, finding.value) for finding in RULES.match([Segment("x", surface, text)])}


def test_one_field_decides() -> None:
    call = 'fires.commit {"gun": "auto", "rounds": 3, "officer": %s}'
    assert ("weapon_direct", "yes") in said(call % "null")
    assert said(call % '"Lt. Dray"') == set()


def test_only_a_call_is_read() -> None:
    call = 'fires.commit {"gun": "auto", "rounds": 3, "officer": null}'
    assert said(call, Surface.INPUT) == set()
    assert said("fire the gun, officer: null") == set()
    assert said(call[:-3]) == set()


@given(st.text(max_size=200))
def test_nothing_that_is_called_breaks_it(text: str) -> None:
    RULES.match([Segment("x", Surface.TOOL_CALL, text), Segment("x", Surface.TOOL_CALL, 'n {"a": ' + text)])


@pytest.mark.parametrize(
    "more",
    [
        "1" * 5_000,
        "-" + "1" * 5_000,
        "[" * 3_000 + "]" * 3_000,
        '{"a":[' * 1_500 + '"]"' + "]}" * 1_500,
        "[" * 100 + "]" * 100,
    ],
)
def test_a_number_without_end_or_what_is_nested_without_end_hides_no_call(more: str) -> None:
    call = RULES.file.rule[0].must[0]
    wanted = RULES.read(call)
    assert wanted is not None
    for arguments in (f'{call[:-1]}, "n": {more}}}', call.replace("{", f'{{"n": {more}, ', 1)):
        read = RULES.read(arguments)
        assert read is not None
        assert read.lists >= wanted.lists
        assert read.marks >= wanted.marks


def test_a_deep_or_wide_call_is_read_as_far_as_the_bounds_and_no_further() -> None:
    assert said('n {"a": ' + "[" * 5_000 + "]" * 5_000 + "}") == set()
    assert said("n " + json.dumps({"a": ["x"] * 100_000})) == set()


def test_on_the_rows_of_the_test_authors_few_neighbours_are_held() -> None:
    held, neighbours = 0, 0
    for corpus in read_corpora(CORPORA):
        if corpus.author.split == "test":
            for row in corpus.rows:
                if row.tool_call and row.label == "no":
                    neighbours += 1
                    held += bool(said(row.judged))
    assert neighbours > 100
    assert held / neighbours < 0.08


def test_the_shipped_file_sets_what_detectors_may() -> None:
    check_calls(RULES, VOCABULARY, "calls.toml")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("brightline-calls/1", "brightline-calls/2", "expected 'brightline-calls/1'"),
        ('words = ["fire", "weapon"]', 'words = ["fire", "wepon"]', "'wepon', which is not there"),
        ('words = ["fire", "weapon"]', "words = []", "has words"),
        ('"officer": null', '"officer": "Lt. Dray"', "must match"),
        ('"officer": "Lt. Dray"', '"officer": null', "must not match"),
        ('marks = ["unattended"]', 'marks = ["asleep"]', "Invalid enum value"),
        ("many_from = 20", "many_from = 1", "Expected `int` >= 2"),
        ('id = "call-fires-at"', 'id = "call-fires-unattended"', "each id once"),
    ],
)
def test_a_file_that_is_not_sound_is_not_loaded(old: str, new: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        load_calls(FILE.replace(old.encode(), new.encode(), 1), "calls.toml")


@pytest.mark.parametrize(("old", "new"), [('value = "yes"', 'value = "no"'), ("weapon_direct", "lawful")])
def test_a_rule_says_only_what_a_detector_may(old: str, new: str) -> None:
    changed = load_calls(FILE.replace(old.encode(), new.encode(), 1), "calls.toml")
    with pytest.raises(ReleaseError, match="may"):
        check_calls(changed, VOCABULARY, "calls.toml")
