# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement book`` and ``oscal`` as a person runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from brightline.shell import shipped
from tests.shell.cli.in_process import run
from tests.vectors import vectors_dir

AT = "2026-11-25T12:00:00Z"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("book") / "state"
    run("init", root, "--model", "m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    return root


def test_the_book_is_printed_as_a_page_or_as_markdown() -> None:
    page = run("agreement", "book").stdout
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    markdown = run("agreement", "book", "--format", "markdown").stdout
    assert markdown.startswith("# Clause book: dow-2026-02-27, version 1\n")
    book = json.loads(run("agreement", "book", "--json").stdout)
    assert [clause["id"] for clause in book["clauses"]][:3] == ["RL-1", "RL-2", "RL-3"]


def test_the_same_book_is_written_by_every_run() -> None:
    """Sets have another order in each process; nothing of a book may."""
    for form in (("--format", "html"), ("--json",)):
        assert run("agreement", "book", *form).stdout == run("agreement", "book", *form).stdout


def test_the_book_is_written_to_a_file_and_never_over_one(tmp_path: Path) -> None:
    out = tmp_path / "new" / "book.html"
    assert "16 clauses of dow-2026-02-27" in run("agreement", "book", "--out", out).stdout
    written = out.read_bytes()
    assert "cannot be written" in run("agreement", "book", "--out", out, code=2).stderr
    assert out.read_bytes() == written


def test_a_state_folder_without_a_log_is_a_bad_question(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no log" in run("agreement", "book", "--state", tmp_path / "empty", code=2).stderr


def test_who_signed_the_encoding_stands_in_the_book(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "agreement"
    shutil.copytree(shipped.shipped_agreement(), folder)
    toml = (folder / "agreement.toml").read_text("utf-8")
    (folder / "agreement.toml").write_text(toml.replace("encoding_review = []", 'encoding_review = ["customer.json"]'))
    bare = tmp_path / "bare"
    shutil.copytree(shipped.shipped_agreement(), bare)
    key = state / "keys" / "customer-official"
    command = ("agreement", "review", "--agreement", bare, "--party", "customer", "--key", key)
    run(*command, "--holder", "office of the general counsel", "--clause", "L4", "--out", folder / "customer.json")
    said = run("agreement", "book", "--agreement", folder, "--roots", state / "trust.json", "--format", "markdown")
    clause = said.stdout[said.stdout.index("### L4 ") : said.stdout.index("### L5 ")]
    assert "office of the general counsel, for the customer, as customer-official, 20" in clause
    assert said.stdout.count("**Signatures.** not signed") == 15
    unverified = run("agreement", "book", "--agreement", folder, "--format", "markdown").stdout
    assert "general counsel" not in unverified


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("catalog", "catalog"),
        ("component-definition", "component"),
        ("assessment-results", "assessment-results"),
    ],
)
def test_oscal_is_printed_valid_and_the_same_for_the_same_time(kind: str, schema: str) -> None:
    text = run("agreement", "oscal", "--kind", kind, "--at", AT).stdout
    assert run("agreement", "oscal", "--kind", kind, "--at", AT).stdout == text
    assert list(json.loads(text)) == [kind]
    validator = jsonschema_rs.validator_for(
        (vectors_dir("oscal") / f"oscal_{schema}_schema.json").read_text("utf-8"), validate_formats=True
    )
    assert [error.message for error in validator.iter_errors(json.loads(text))] == []


def test_results_carry_the_time_at_which_they_were_made(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    said = json.loads(run("agreement", "oscal", "--kind", "assessment-results", "--out", out, "--json").stdout)
    assert said == {"file": str(out), "kind": "assessment-results", "not_satisfied": []}
    [result] = json.loads(out.read_text("utf-8"))["assessment-results"]["results"]
    assert "2026" <= result["start"] <= result["end"]
    assert {finding["target"]["status"]["state"] for finding in result["findings"]} == {"satisfied"}


def test_a_clause_that_nothing_shows_is_bad_news(tmp_path: Path) -> None:
    folder = tmp_path / "agreement"
    shutil.copytree(shipped.shipped_agreements()["two-red-lines-2026"], folder)
    toml = (folder / "agreement.toml").read_text("utf-8")
    examples = toml.split("[[example]]")
    (folder / "agreement.toml").write_text("[[example]]".join(examples[:2]))
    done = run("agreement", "oscal", "--agreement", folder, "--kind", "assessment-results", code=1)
    assert "not satisfied: T1: Nothing was run in which this clause decides." in done.stderr
    assert json.loads(done.stdout)


@pytest.mark.parametrize("at", ["yesterday", "2026-11-25", "2026-11-25T12:00:00"])
def test_a_time_without_a_zone_is_refused(at: str) -> None:
    assert "--at" in run("agreement", "oscal", "--kind", "catalog", "--at", at, code=2).stderr
