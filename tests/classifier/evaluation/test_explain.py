# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier explain``: the stage, the view, the window and the words that decided, and the clause."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brightline.classifier.evaluation.bench import Bench
from brightline.classifier.evaluation.explaining import WORDS_MAX, explain
from brightline.classifier.evaluation.probe import Probe, shown
from brightline.core.errors import ConfigError, ReleaseError
from brightline.core.screening.finding import Surface
from brightline.core.screening.rules import places_of
from brightline.shell.cli.main import brightline
from tests.classifier.evaluation.rows import CALL, ENCODER, HELD, RL1, SMALL_TALK


def run(rules: Path, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(
        brightline, ["classifier", "explain", "--release", str(rules), *arguments], input=given, env={"COLUMNS": "200"}
    )


def explained(rules: Path, *arguments: str, given: str | None = None) -> dict[str, Any]:
    done = run(rules, *arguments, "--json", given=given)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_of_a_rule_it_is_told_where_it_matched_and_which_clause_decides(rules: Path) -> None:
    found = explained(rules, RL1)
    assert (found["verdict"], [clause["id"] for clause in found["clauses"]]) == ("deny", ["RL-1"])
    (why,) = found["findings"]
    assert (why["stage"], why["rule"], why["fact"], why["value"]) == ("rules", "follow", "mass_domestic", "yes")
    assert (why["view"], why["path"]) == ("folded", "messages[0].content")
    assert [place["text"] for place in why["words"]] == ["follow every resident"]
    assert found["lines"] == {"surveillance": "yes", "weapons": "no", "decisions": "no"}


def test_what_was_disguised_is_told_with_the_view_that_read_it(rules: Path) -> None:
    found = explained(rules, base64.b64encode(RL1.encode()).decode())
    (why,) = found["findings"]
    assert (why["view"], why["words"][0]["text"]) == ("base64", "follow every resident")


def test_the_text_comes_from_a_file_or_from_standard_input_too(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HELD, "utf-8")
    asked = explained(rules, HELD)
    assert asked["verdict"] == "hold"
    assert explained(rules, "--file", str(tmp_path / "text")) == asked
    assert explained(rules, given=HELD) == asked == explained(rules, "-", given=HELD)


def test_answers_and_tool_calls_are_explained_where_they_are_met(rules: Path) -> None:
    answer = explained(rules, RL1, "--surface", "output", "--asked", SMALL_TALK)
    assert answer["findings"][0]["path"] == "choices[0].content"
    call = explained(rules, json.dumps(CALL), "--surface", "tool_call")
    assert call["findings"][0]["rule"] == "assign"
    assert call["lines"]["weapons"] == "yes"


def test_people_read_it_with_what_decided_in_brackets(rules: Path) -> None:
    told = run(rules, RL1).stdout
    assert "deny under three-rules: surveillance yes" in told
    assert "RL-1: “No use of OpenAI technology for mass domestic surveillance.”" in told
    assert "follow: [follow every resident]" in told
    assert "nothing was found" in run(rules, SMALL_TALK).stdout


@pytest.mark.parametrize(
    ("arguments", "given", "why"),
    [
        ((" ",), None, "there is nothing to explain"),
        (("{}", "--surface", "tool_call"), None, "a tool call is JSON with name and arguments"),
        (("x", "--surface", "tool_call"), None, "the tool call: no JSON"),
        (("x", "--file", __file__), None, "name TEXT or --file"),
    ],
)
def test_what_cannot_be_explained_is_said(
    arguments: tuple[str, ...], given: str | None, why: str, rules: Path
) -> None:
    done = run(rules, *arguments, given=given)
    assert done.exit_code == 2 or isinstance(done.exception, ConfigError)
    assert why in done.output + str(done.exception)


def test_a_rule_is_found_in_one_stretch_and_nowhere_else(rules: Path) -> None:
    data = (rules / "rules.toml").read_bytes()
    near = "x" * 3_000 + " assign weapon"
    assert places_of(data, "rules.toml", "assign", near) == ((3_001, 3_014),)
    assert places_of(data, "rules.toml", "assign", "assign a weapon") == ()
    with pytest.raises(ReleaseError, match="there is no rule 'nonsense'"):
        places_of(data, "rules.toml", "nonsense", near)


# ---- a detector that scores ----------------------------------------------------------------------------------------


def canary() -> str:
    text: str = json.loads((ENCODER / "encoder.json").read_bytes())["canary"][0]["text"]
    return text


def test_of_a_score_the_window_and_the_words_that_carry_it_are_told(bench: Bench) -> None:
    talk = "The weather is fine and the garden needs water. " * 3
    found = explain(bench, shown(Probe("1", "s", {}, text=f"{talk}{canary()} {talk}")))
    why = next(why for why in found.findings if why.rule == "head:mass_domestic")
    assert why.unknown is not None
    assert why.score is not None
    assert why.score >= why.unknown
    words = set(canary().lower().split())
    assert len(words & set(why.window.text.split())) > len(words) / 2, "the window is where the words are"
    assert "mass_domestic" not in {near.fact for near in found.near}, "what is told is not told again"
    assert len(why.window.text.split()) <= WORDS_MAX
    assert why.words
    assert all((place.weight or 0) > 0 for place in why.words)
    assert [place.start for place in why.words] == sorted(place.start for place in why.words)
    assert all(why.window.start <= place.start < place.end <= why.window.end for place in why.words)


def test_without_the_words_that_carry_it_a_score_falls_further_than_without_others(bench: Bench) -> None:
    found = explain(bench, shown(Probe("1", "s", {}, text=canary())))
    why = next(why for why in found.findings if why.rule == "head:mass_domestic")
    heaviest = max(why.words, key=lambda place: place.weight or 0)
    other = next(word for word in why.window.text.split() if all(place.text != word for place in why.words))
    texts = [why.window.text.replace(one, "", 1) for one in (heaviest.text, other)]
    without, beside = bench.scores("encoder", Surface.INPUT, texts)
    assert without["mass_domestic"] < beside["mass_domestic"]


def test_scores_that_set_nothing_are_told_with_the_threshold_that_they_stayed_below(bench: Bench) -> None:
    found = explain(bench, shown(Probe("1", "s", {}, text=SMALL_TALK)))
    assert (found.verdict, found.findings) == ("permit", ())
    assert found.near
    assert all(near.score < near.unknown for near in found.near)
