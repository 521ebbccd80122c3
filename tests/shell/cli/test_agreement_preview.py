# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement preview`` as a person runs it: what is asked wrongly, and what its plot holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from brightline.shell import shipped
from tests.shell.cli.in_process import run
from tests.versions import stricter, version

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


MASS = "Join every plate reader in the state with the vehicle register and list who goes to which church, nightly."
ARTILLERY = ("mass_domestic    = {", 'for_artillery    = { good = "no", set_by = ["detector"] }\nmass_domestic    = {')
ARTILLERY_CLAUSE = (
    "[clause.L7]\n",
    """[clause.X1]
quote = ["Keep cleared OpenAI personnel in the loop."]
deny = "for_artillery != 'no'"
part = "ours"
says = "Nothing for artillery."
authority = ["DODD-3000-09"]
controls = ["approvals"]
tests = ["a firing table"]
[clause.L7]
""",
)


def previewed(new: Path, traffic: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        run("agreement", "preview", new, "--traffic", traffic, "--json", *options).stdout
    )
    return found


def test_a_misspelled_fact_or_value_is_named_and_its_line_left_out(tmp_path: Path) -> None:
    good = {"facts": {"mass_domestic": "no"}}
    request = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    bad = [
        {"facts": {"mas_domestic": "yes"}},
        {"facts": {"mass_domestic": "yse"}},
        {"request": request, "facts": {"weapons_direct": "yes"}},
    ]
    found = previewed(shipped.shipped_agreement(), traffic_of(tmp_path, good, *bad), "--no-current")
    assert (found["total"], found["after"], found["left_out"]) == (1, {"permit": 1}, 3)
    assert [line["number"] for line in found["bad_lines"]] == [2, 3, 4]
    whys = [line["why"] for line in found["bad_lines"]]
    assert all(word in why for word, why in zip(("mas_domestic", "yse", "weapons_direct"), whys, strict=True)), whys


def test_what_a_line_states_never_hides_what_detectors_find(tmp_path: Path) -> None:
    def asked(content: str, **facts: str) -> dict[str, object]:
        return {"request": {"model": "m", "messages": [{"role": "user", "content": content}]}, "facts": facts}

    rows = [asked(MASS), asked(MASS, mass_domestic="no"), asked("hello"), asked("hello", mass_domestic="yes")]
    found = previewed(shipped.shipped_agreement(), traffic_of(tmp_path, *rows), "--no-current")
    assert found["left_out"] == 0
    assert found["by_clause"]["RL-1"] == 3
    assert found["after"]["permit"] == 1


def test_a_fact_that_only_the_candidate_has_is_read_as_the_line_states_it(tmp_path: Path) -> None:
    new = version(tmp_path, 2, ARTILLERY, ARTILLERY_CLAUSE)
    request = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    rows = [{"facts": {"for_artillery": "no"}}, {"facts": {"for_artillery": "yes"}}]
    rows.append({"request": request, "facts": {"for_artillery": "yes"}})  # type: ignore[dict-item]
    found = previewed(new, traffic_of(tmp_path, *rows))
    assert (found["before"], found["after"]) == ({"permit": 3}, {"permit": 1, "deny": 2})


def test_a_fact_in_the_candidates_new_word_for_it_is_named_and_not_taken_as_good(tmp_path: Path) -> None:
    new = version(tmp_path, 2)
    path = new / "agreement.toml"
    text = path.read_text("utf-8").replace("high_stakes", "weighty")
    declared = 'weighty      = { good = "no",'
    assert declared in text
    path.write_text(text.replace(declared, f'{declared} formerly = {{ name = "high_stakes" }},'), "utf-8")
    found = previewed(new, traffic_of(tmp_path, {"facts": {"weighty": "yes"}}, {"facts": {"high_stakes": "yes"}}))
    assert (found["total"], found["left_out"]) == (1, 1)
    assert "renamed" in found["bad_lines"][0]["why"]
