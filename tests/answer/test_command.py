# SPDX-License-Identifier: Apache-2.0
"""``brightline answer``: what it prints, what it writes, and with which code it ends."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import click
import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from brightline.answer.page import to_html
from brightline.core.answer.questions import LIMITS, QUESTIONS
from brightline.core.errors import ConfigError, ReleaseError, TrustError
from brightline.shell.cli.main import brightline
from brightline.verify.sample.frauds import FRAUDS
from tests.answer.sites import asked, asking, whole_site
from tests.core.agreement.hostile import HOSTILE
from tests.core.answer.test_documents import dossier
from tests.vectors import vectors_dir
from tests.verify.test_page import _Page

IN_HAND = [
    *[word for name in ("gateway", "guard", "heads", "registry") for word in ("--key", f"{name}.vkey")],
    *["--guard", "guards", "--policy", "policy", "--disclosures", "disclosures.jsonl"],
    *["--agreement", "agreement", "--parties", "trust.json", "--canaries", "canaries"],
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_site(tmp_path_factory.mktemp("command") / "whole")


@pytest.fixture
def here(whole: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(whole)
    return whole


def ask(*words: str) -> Result:
    return CliRunner().invoke(brightline, ["answer", *words])


# ---- exit codes --------------------------------------------------------------------------------------------------


def test_0_if_everything_that_was_asked_is_shown(here: Path) -> None:
    done = ask("law-change", "evidence", *IN_HAND)
    assert done.exit_code == 0, done.output
    assert "✓ SHOWN  Everything that this answer rests on is shown" in done.output


def test_1_if_something_is_open_or_pending(here: Path) -> None:
    done = ask("surveillance", "evidence", *IN_HAND)
    assert done.exit_code == 1
    assert "… PENDING  Answer pending…\n" in done.output
    for missing in ("thresholds", "meter", "fragments", "subjects", "people"):
        assert f"  {missing}: " in done.output.split("missing\n")[1]
    assert ask("weapons", "evidence").exit_code == 1


def test_3_if_the_evidence_contradicts_a_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted = next(fraud for fraud in FRAUDS if fraud.name == "deleted")
    monkeypatch.chdir(whole_site(tmp_path / "site", deleted.commit))
    done = ask("violation", "evidence", "--json")
    assert done.exit_code == 3
    (made,) = json.loads(done.output)["answers"]
    assert made["status"] == "CONTRADICTED"
    assert {claim["claim"]["id"]: claim["status"] for claim in made["claims"]}["ladder"] == "OPEN"
    done = ask("evidence", "--html", "a.html", "--markdown", "a.md")
    assert done.exit_code == 3
    assert "what speaks against it: records" in done.output
    why = "records are missing, doubled or out of order"
    told = ask("violation", "evidence").output.split("what speaks against it\n")[1].split("\nmissing")[0]
    for text in (told, Path("a.md").read_text("utf-8"), Path("a.html").read_text("utf-8")):
        assert why in " ".join(text.split())
    page = _Page(Path("a.html").read_text("utf-8"))
    assert "What speaks against it “every record stands in its place” is contradicted." in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere"], ConfigError),
        (["evidence", "--key", "nonsense"], TrustError),
        (["evidence", "--release", "evidence"], ReleaseError),
        (["evidence", "--parties", "policy"], TrustError),
        (["evidence", "--canaries", "policy", "--key", "gateway.vkey"], ConfigError),
        (["evidence", "--html", "no/such/folder.html"], ConfigError),
    ],
)
def test_2_if_it_cannot_be_answered(words: list[str], error: type[Exception], here: Path) -> None:
    assert isinstance(ask(*words).exception, error)


def test_a_question_is_asked_of_something(here: Path) -> None:
    done = ask("weapons")
    assert done.exit_code == click.UsageError.exit_code == 2
    assert "weapons is asked of no evidence" in done.output


# ---- what it prints ----------------------------------------------------------------------------------------------


def test_all_questions_are_answered_in_short_and_without_colour_in_a_pipe(here: Path) -> None:
    done = ask("evidence", *IN_HAND)
    assert [line.partition(":")[0] for line in done.output.splitlines() if line.partition(":")[0] in QUESTIONS] == [
        *QUESTIONS
    ]
    assert "missing: thresholds, meter, fragments, subjects, people" in done.output
    assert "\x1b" not in done.output
    assert all(line == line.rstrip() for line in done.output.splitlines())
    assert all(limit in done.output for limit in LIMITS)
    assert "no matter of evidence" in done.output


def test_one_is_answered_whole_with_digests_bounds_and_cases(here: Path) -> None:
    output = ask("surveillance", "evidence", *IN_HAND).output
    assert re.search(r"✓ log: .*gateway-0.*sha256:[0-9a-f]{12} evidence/gateway-0", output)
    assert "found of mass_domestic, encoder: 278 of 383 (72.6%), 67.8% to 77.0% at 95% confidence" in output
    assert re.search(r"RL-1: 17 hold; first at gateway-0, record \d+, gateway-0, record \d+", output)
    assert "· not shown: What other systems of the customer do without this model." in output


def test_json_holds_every_answer_with_every_piece(here: Path) -> None:
    told = json.loads(ask("evidence", *IN_HAND, "--json").output)
    assert [made["question"]["id"] for made in told["answers"]] == [*QUESTIONS]
    log = next(one for one in told["answers"][0]["claims"][1]["weighed"] if one["evidence"]["id"] == "log")
    assert log["found"]["pins"][0]["where"] == "evidence/gateway-0"


# ---- what it writes ----------------------------------------------------------------------------------------------


def test_the_files_say_the_same_and_how_to_repeat_it(here: Path, tmp_path: Path) -> None:
    out = {form: tmp_path / f"answer.{form}" for form in ("html", "markdown", "oscal")}
    files = [word for form, path in out.items() for word in (f"--{form}", str(path))]
    assert ask("surveillance", "evidence", *IN_HAND, *files).exit_code == 1
    page = _Page(out["html"].read_text("utf-8"))
    markdown = out["markdown"].read_text("utf-8")
    for text in (page.text, markdown):
        assert "Answer pending…" in text
        assert "brightline answer surveillance evidence --key gateway.vkey" in text
        assert "--canaries canaries" in text
    document = json.loads(out["oscal"].read_text("utf-8"))
    schema = vectors_dir("oscal") / "oscal_assessment-results_schema.json"
    assert jsonschema_rs.validator_for(schema.read_text("utf-8"), validate_formats=True).is_valid(document)


def test_the_page_draws_each_argument_and_tells_it_in_words(here: Path) -> None:
    made = asked(asking(here))
    page = _Page(to_html(made, "today", "brightline answer evidence"))
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert [(one["role"], one["aria-labelledby"]) for one in drawings] == [
        ("img", f"drawn-{number}") for number in range(1, len(QUESTIONS) + 1)
    ]
    titles = {attributes.get("id") for tag, attributes in page.tags if tag == "title"}
    assert {one["aria-labelledby"] for one in drawings} <= titles
    words = " ".join(page.text.split())
    for answer in made.answers:
        assert answer.headline in words
        for claim in answer.claims:
            assert claim.claim.says in words
            assert all(limit in words for limit in claim.claim.limits)
            assert all(one.found.detail in words for one in claim.weighed)
            assert all(pin.digest in words for one in claim.weighed for pin in one.found.pins)


def test_the_page_runs_nothing_and_allows_its_own_style_alone() -> None:
    html = to_html(dossier(), "today", "brightline answer evidence")
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in html
    assert "style=" not in html.split("</style>")[1]
    assert "url(" not in style


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_log_or_a_file_says_is_text_and_no_more(text: str) -> None:
    page = _Page(to_html(dossier(text.encode("utf-8", "replace").decode()), "today", "brightline answer"))
    harmless = _Page(to_html(dossier(), "today", "brightline answer"))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in harmless.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


def test_the_same_answers_give_the_same_page() -> None:
    assert to_html(dossier(), "today", "x") == to_html(dossier(), "today", "x")
