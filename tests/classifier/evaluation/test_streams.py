# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier streams``: what is streamed is stopped as behind a gateway, and told how early."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from brightline.shell.cli.main import brightline
from tests.classifier.evaluation.rows import NO, RL1, corpus, row

FILLER = "The kettle is on and the rain has stopped. " * 40
ASKED = "What shall I do?"


def streams(folder: Path, release: Path, *more: str) -> dict[str, dict[str, Any]]:
    arguments = ["classifier", "streams", str(folder), "--release", str(release), *more, "--json"]
    done = CliRunner().invoke(brightline, arguments)
    assert done.exit_code == 0, done.output
    return {one["label"]: one for one in json.loads(done.stdout)["streams"] if one["line"] == "surveillance"}


def test_a_stream_is_stopped_where_its_words_are_and_what_had_left_is_told(tmp_path: Path, rules: Path) -> None:
    corpus(
        tmp_path,
        row(1, surface="output", asked=ASKED, text=f"{FILLER}{RL1} {FILLER}"),
        row(2, surface="output", asked=ASKED, text=FILLER, facts=NO),
        row(3, text=RL1),  # a prompt: nothing is streamed
    )
    found = streams(tmp_path, rules)
    assert (found["yes"]["within"]["hits"], found["yes"]["stopped"]["of"]) == (1, 1)
    begins = len(FILLER) / len(f"{FILLER}{RL1} {FILLER}")
    assert begins - 0.12 < found["yes"]["left"] < begins  # all before it but what is held back, and none of it
    assert (found["no"]["stopped"]["hits"], found["no"]["stopped"]["of"], found["no"]["left"]) == (0, 1, None)


def test_an_answer_too_short_to_be_asked_about_is_judged_at_its_end_before_any_of_it_leaves(
    tmp_path: Path, rules: Path
) -> None:
    corpus(tmp_path, row(1, surface="output", asked=ASKED, text="follow every resident"))
    found = streams(tmp_path, rules)["yes"]
    assert (found["within"]["hits"], found["stopped"]["hits"], found["left"], found["asks"]) == (0, 1, 0.0, 1.0)


def test_rows_without_answers_are_bad_usage(tmp_path: Path, rules: Path) -> None:
    corpus(tmp_path, row(1))
    done = CliRunner().invoke(brightline, ["classifier", "streams", str(tmp_path), "--release", str(rules)])
    assert (done.exit_code, type(done.exception).__name__) in {(2, "SystemExit"), (1, "ConfigError")}
