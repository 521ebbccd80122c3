# SPDX-License-Identifier: Apache-2.0
"""Answers as OSCAL, Markdown and a drawing: valid, escaped, and saying what the answer says."""

from __future__ import annotations

import itertools
import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from brightline.core.answer.bounds import bound
from brightline.core.answer.drawing import WIDTH, draw
from brightline.core.answer.evidence import EVIDENCE
from brightline.core.answer.markdown import to_markdown
from brightline.core.answer.model import Asked, Case, Dossier, Found, Pin, Status
from brightline.core.answer.oscal import assessment_results
from brightline.core.answer.questions import LIMITS, QUESTIONS
from brightline.core.answer.weigh import answer
from tests.core.agreement.hostile import HOSTILE
from tests.vectors import vectors_dir

AT = "2026-11-26T10:00:00Z"
CODE = re.compile(r"(`+)[^`].*?\1")
DIGEST = "sha256:" + "ab" * 32


def dossier(text: str = "a word", status: Status = Status.SHOWN) -> Dossier:
    """Answers in which a text stands wherever a text from outside can stand."""
    pins = (Pin(text, DIGEST, text),)
    found = {kind: Found(status, text, pins, (bound(text, 0, 300),)) for kind in EVIDENCE}
    cases = (Case("RL-1", text, (("deny", 3),), (text,)),)
    asked = Asked(text, text)
    answers = tuple(answer(question, found, ("A", "B"), cases, asked) for question in QUESTIONS.values())
    return Dossier(text, DIGEST, ("A", "B"), (AT, AT), 12, answers, ((text, text),))


@pytest.fixture(scope="module")
def schema() -> jsonschema_rs.Validator:
    file = vectors_dir("oscal") / "oscal_assessment-results_schema.json"
    return jsonschema_rs.validator_for(file.read_text("utf-8"), validate_formats=True)


# ---- OSCAL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.SHOWN, Status.OPEN, Status.CONTRADICTED])
def test_the_assessment_results_are_valid(schema: jsonschema_rs.Validator, status: Status) -> None:
    made = assessment_results(dossier(status=status), AT)
    assert [f"{error.message[:200]} at {error.instance_path}" for error in schema.iter_errors(made)] == []


def test_they_are_valid_whatever_a_text_says(schema: jsonschema_rs.Validator) -> None:
    for text in HOSTILE:
        safe = text.encode("utf-8", "replace").decode()
        assert [error.message for error in schema.iter_errors(assessment_results(dossier(safe), AT))] == []
    broken: Any = assessment_results(dossier(), AT)
    broken["assessment-results"]["results"][0]["start"] = "yesterday"
    assert not schema.is_valid(broken)


def test_a_claim_is_satisfied_only_if_it_is_shown() -> None:
    made: Any = assessment_results(dossier(), AT)
    results = made["assessment-results"]["results"]
    for result, given in zip(results, dossier().answers, strict=True):
        observed = {one["uuid"] for one in result["observations"]}
        for finding, claim in zip(result["findings"], given.claims, strict=True):
            state = finding["target"]["status"]["state"]
            assert state == ("satisfied" if claim.status is Status.SHOWN else "not-satisfied")
            assert {one["observation-uuid"] for one in finding["related-observations"]} <= observed
    assert {"PENDING", "OPEN"} <= {prop["value"] for result in results for prop in result["props"]}


def test_the_same_answers_give_the_same_document_and_others_another() -> None:
    assert assessment_results(dossier(), AT) == assessment_results(dossier(), AT)
    one: Any = assessment_results(dossier(), AT)
    other: Any = assessment_results(dossier("other"), AT)
    assert one["assessment-results"]["uuid"] != other["assessment-results"]["uuid"]


# ---- Markdown -------------------------------------------------------------------------------------------------------


def test_the_markdown_says_the_standing_the_digests_the_bounds_the_cases_and_the_limits() -> None:
    made = to_markdown(dossier(), "today", "brightline answer evidence")
    assert "**PENDING.** Answer pending…" in made
    assert f"`{DIGEST}`" in made
    assert "0 of 300, at most 1.0% at 95% confidence" in made
    assert "| RL-1 | a word | 3 deny | a word |" in made
    assert all(limit in made for limit in LIMITS)
    assert "`brightline answer evidence`" in made


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_makes_markup(text: str) -> None:
    made = to_markdown(dossier(text), "today", "brightline answer evidence")
    plain = to_markdown(dossier(), "today", "brightline answer evidence")
    assert "<script" not in CODE.sub("", made)
    assert "\x1b" not in made

    def shape(page: str) -> list[str]:
        return [line[:2] for line in page.splitlines() if line[:2] in {"# ", "##", "| ", "> "}]

    assert shape(made) == shape(plain)


# ---- the drawing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTIONS)
def test_nothing_in_the_drawing_overlaps_or_leaves_it(name: str) -> None:
    drawn = draw(next(one for one in dossier("a word that stands for many " * 3).answers if one.question.id == name))
    boxes = [drawn.question, *drawn.claims]
    for upper, lower in itertools.pairwise(boxes):
        assert upper.y + upper.height < lower.y
    for box in boxes:
        assert box.x >= 0
        assert box.x + box.width <= WIDTH
        assert all(box.y < line.y < box.y + box.height for line in box.words)
    assert all(0 < one.x < WIDTH and 0 < one.y < drawn.height for one in drawn.solutions)
    assert len({(one.x, one.y) for one in drawn.solutions}) == len(drawn.solutions)
    assert all(0 <= at <= WIDTH for line in drawn.lines for at in line[::2])
    assert all(0 <= at <= drawn.height for line in drawn.lines for at in line[1::2])


def test_the_drawing_is_told_in_words_too() -> None:
    given = dossier().answers[1]
    says = draw(given).says
    assert says.startswith("Goal: a word PENDING.")
    for claim in given.claims:
        assert claim.claim.says in says
        assert all(f"{one.evidence.id} {one.found.status}" in says for one in claim.weighed)


def test_a_dossier_can_be_written_as_json() -> None:
    read = msgspec.json.decode(msgspec.json.encode(dossier()))
    assert [one["status"] for one in read["answers"]][:2] == ["OPEN", "PENDING"]
