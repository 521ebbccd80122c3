# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement compare``, ``gaps`` and ``theorems`` as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from brightline.shell import shipped
from tests.shell.cli.in_process import run
from tests.versions import looser, stricter


def test_the_claim_of_more_guardrails_is_a_command() -> None:
    said = run("agreement", "compare", "dow-2026-02-27", "usage-policy-2026").stdout
    assert "dow-2026-02-27 is stronger than usage-policy-2026" in said
    assert "RL-1: a request with mass_domestic = yes and everything else good" in said


@pytest.mark.parametrize(("make", "is_"), [(stricter, "stronger"), (looser, "weaker")])
def test_a_version_beside_its_baseline_in_json(tmp_path: Path, make: Callable[[Path, int], Path], is_: str) -> None:
    folder = make(tmp_path, 2)
    said = json.loads(run("agreement", "compare", folder, shipped.shipped_agreement(), "--json").stdout)
    assert said["a_is"] == is_
    rows = said["a_covers_of_b"] + said["b_covers_of_a"]
    uncovered = [row["clause"] for row in rows if not row["covered"]]
    assert uncovered == (["X1"] if is_ == "stronger" else ["RL-2"])


def test_what_is_no_agreement_is_said_with_what_there_is() -> None:
    assert "two-red-lines-2026" in run("agreement", "compare", "dow-2026-02-27", "nothing", code=2).stderr


def test_the_gap_report_answers_for_each_red_line() -> None:
    said = run("agreement", "gaps").stdout
    assert [line.split()[0] for line in said.splitlines() if " no: “" in line] == ["RL-1", "RL-2", "RL-3"]
    rows = json.loads(run("agreement", "gaps", "--json").stdout)["red_lines"]
    assert [row["implied"] for row in rows] == [False, False, False]


def test_the_theorems_are_listed_and_a_failing_one_is_exit_1(tmp_path: Path) -> None:
    assert "inert" in run("agreement", "theorems").stdout
    folder = tmp_path / "agreement"
    folder.mkdir()
    for file in shipped.shipped_agreement().iterdir():
        text = file.read_text("utf-8")
        if file.name == "agreement.toml":
            head, *examples = text.split("[[example]]\n")
            before = "deny = \"cleared_in_loop != 'yes'\""
            head = head.replace(before, before.removesuffix('"') + " and lawful != 'yes'\"")
            text = "[[example]]\n".join([head, *(each for each in examples if "P1" not in each)])
        (folder / file.name).write_text(text, "utf-8")
    said = run("agreement", "theorems", "--agreement", folder, code=1).stdout
    assert "FAILS" in said
    assert "cleared_in_loop = no" in said
