# SPDX-License-Identifier: Apache-2.0
"""The shipped judge was fitted under today's definitions, on a model that can be had, and says what it errs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from click.testing import CliRunner

from brightline.classifier.constitutions import constitution
from brightline.classifier.judging.command import FITTED
from brightline.classifier.judging.making import Report
from brightline.classifier.judging.neighbours import read_ask
from brightline.core.screening.judge import check_judge, load_judge_file
from brightline.decoder.published import MODELS
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import read_agreement, read_release, shipped_agreement, shipped_release

VOCABULARY = read_agreement(shipped_agreement()).vocabulary
STUDENTS = shipped_release().with_name("students-2026.11")
JUDGE = load_judge_file((FITTED / "judge.json").read_bytes(), "judge.json")
REPORT = msgspec.json.decode((FITTED / "report.json").read_bytes(), type=Report)


def test_it_reads_todays_constitutions_with_a_model_that_can_be_had() -> None:
    check_judge(JUDGE, VOCABULARY, "judge.json")
    for view in JUDGE.view:
        assert view.constitution == tuple(constitution(one.fact) for one in view.constitution)
    model = next(one for one in MODELS if one.sha256 == JUDGE.model.sha256)
    assert JUDGE.model.file == model.file
    assert JUDGE.model.layers == model.layers


def test_what_it_errs_was_measured_on_rows_of_authors_that_it_never_saw() -> None:
    assert set(REPORT.facts) == set(JUDGE.facts)
    for found in REPORT.facts.values():
        assert min(found.test.yes, found.test.no) > 0
        assert 0 < found.test_settled.missed.of <= found.test.yes, "of those that it is asked about"
        assert 0 < found.test_settled.wrongful.of <= found.test.no


def test_it_weighs_the_shipped_students_and_is_asked_from_where_they_hand_over() -> None:
    ask = read_ask(FITTED / "ask.json")
    assert ask.encoder == hashlib.sha256((STUDENTS / "encoder.json").read_bytes()).hexdigest()
    assert set(JUDGE.joined) <= set(JUDGE.facts) == set(ask.facts)
    for fact, found in REPORT.facts.items():
        assert found.joined == JUDGE.joined.get(fact, 0.0)
    plain = [share for name, share in ask.asked.items() if not name.startswith("ordinary-day")]
    assert max(plain) <= 0.03


def test_it_is_added_to_a_release_without_more_words(tmp_path: Path) -> None:
    command = [
        "classifier",
        "judge",
        "add",
        "students-2026.11",
        str(tmp_path / "new"),
    ]
    done = CliRunner().invoke(brightline, [*command, "--id", "with-judge", "--version", "7"])
    assert done.exit_code == 0, done.output
    release = read_release(tmp_path / "new", VOCABULARY)
    assert (release.id, release.version) == ("with-judge", 7)
    assert {(one.after, one.fact) for one in release.settlements} == {("encoder", fact) for fact in JUDGE.facts}
    silent = {one.fact: one for one in release.entitlements if one.detector == "encoder"}
    before = {one.fact: one for one in read_release(STUDENTS, VOCABULARY).entitlements if one.detector == "encoder"}
    for fact in JUDGE.facts:
        now, then = (one[fact].misses / one[fact].positives for one in (silent, before))
        assert now < then, "asked early, the students miss less"
