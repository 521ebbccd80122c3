# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement preview`` as a person runs it: what is asked wrongly, and what its plot holds."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from brightline.shell import shipped
from tests.shell.cli.test_commands import run
from tests.versions import stricter

AUTONOMOUS = {"autonomous_use": "yes", "operational": "yes"}


def traffic_of(folder: Path, *rows: object) -> Path:
    path = folder / "traffic.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def test_changes_are_counted_by_unit_and_the_approvals_of_a_line_count(tmp_path: Path) -> None:
    approved = {"unit": "depot", "facts": AUTONOMOUS, "approvals": {"provider_cleared": 1}}
    rows = [{"unit": unit, "facts": AUTONOMOUS} for unit in ("convoy", "convoy", "depot")]
    traffic = traffic_of(tmp_path, *rows, approved)
    options = ("--traffic", traffic, "--json")
    found = json.loads(run("agreement", "preview", stricter(tmp_path, 2), *options).stdout)
    assert {row["unit"]: row["count"] for row in found["changes"]} == {"convoy": 2, "depot": 1}
    assert (found["changed"], found["total"], found["by_clause"]) == (3, 4, {"X1": 3})


def test_with_no_agreement_in_force_it_says_what_would_not_have_been_permitted(tmp_path: Path) -> None:
    traffic = traffic_of(tmp_path, {"facts": {"mass_domestic": "yes"}}, {"facts": {}})
    said = run("agreement", "preview", shipped.shipped_agreement(), "--no-current", "--traffic", traffic).stdout
    assert "beside no agreement" in said
    assert "1 of 2 would not have been permitted" in said


def test_two_answers_to_what_is_in_force_are_exit_2(tmp_path: Path) -> None:
    folder, traffic = shipped.shipped_agreement(), traffic_of(tmp_path, {"facts": {}})
    options = ("--traffic", traffic, "--current", folder, "--no-current")
    assert "not both" in run("agreement", "preview", folder, *options, code=2).stderr


def test_the_plot_has_a_bar_for_each_count(tmp_path: Path) -> None:
    plot, traffic = tmp_path / "plot.svg", traffic_of(tmp_path, {"facts": AUTONOMOUS}, {"facts": {}})
    run("agreement", "preview", stricter(tmp_path, 2), "--traffic", traffic, "--plot", plot)
    texts = [text.text for text in ElementTree.fromstring(plot.read_text("utf-8")).iter() if text.tag.endswith("text")]  # noqa: S314 - our own file
    assert texts[1:] == ["permit, now", "2", "permit, then", "1", "hold, then", "1", "X1", "1"]
