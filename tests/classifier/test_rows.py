# SPDX-License-Identifier: Apache-2.0
"""The corpora that are shipped are sound, and what is wrong with a row is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brightline.classifier.corpus import Line, Row, RowSurface, read_corpora, read_corpus
from brightline.classifier.rows import WORDS_MAX
from brightline.classifier.words import ranked_by_words
from brightline.core.errors import ConfigError
from brightline.shell.cli.main import brightline

CORPORA = Path(__file__).resolve().parents[2] / "corpora"
HEADER = {"author": "author-99", "kind": "model", "persona": "a tester", "split": "train"}
ROW: dict[str, Any] = {
    "id": "99-1",
    "line": "surveillance",
    "facts": {"mass_domestic": "yes"},
    "surface": "prompt",
    "lang": "en",
    "setting": "a city",
    "reason": "everybody is followed",
    "text": "Follow everybody.",
}


def write(folder: Path, *rows: dict[str, Any], header: Any = HEADER, name: str = "author-99") -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in (header, *rows)) + "\n", "utf-8")
    return path


def test_every_shipped_row_is_sound_and_words_alone_tell_nothing() -> None:
    done = CliRunner().invoke(brightline, ["classifier", "rows", str(CORPORA), "--json"])
    assert done.exit_code == 0, done.output
    reports = json.loads(done.stdout)
    of_lines = [one for one in reports if one["line"] in {line.value for line in Line}]
    train = [one for one in of_lines if one["split"] == "train"]
    assert {one["line"] for one in train} == {line.value for line in Line}
    for one in train:
        assert one["words"] <= WORDS_MAX
        assert one["in_pairs"] >= 0.4
        assert set(one["by_surface"]) == {surface.value for surface in RowSurface}
        assert len(one["by_language"]) >= 7
        yes, no = one["median_words"]["yes"], one["median_words"]["no"]
        assert 0.7 < yes / no < 1.43, "length carries the label"
        assert one["rows"] >= 3_000
        assert one["authors"] >= 8
    test = [one for one in of_lines if one["split"] == "test"]
    assert {one["line"] for one in test} == {line.value for line in Line}
    for one in test:
        assert one["rows"] >= 800
        assert one["words"] <= WORDS_MAX
    beside = {(one["line"], one["split"]): one for one in reports if one not in of_lines}
    for fact in ("intel_activity", "law_enforcement"):
        assert beside[fact, "train"]["by_label"]["yes"] >= 100
        assert beside[fact, "test"]["by_label"]["yes"] >= 50
    for one in beside.values():
        assert one["words"] <= WORDS_MAX
        assert one["in_pairs"] >= 0.4


def test_rows_that_were_written_for_a_fact_beside_the_lines_are_ranked_by_it_and_counted_with_their_line(
    tmp_path: Path,
) -> None:
    def about(number: int, fact: str, text: str) -> dict[str, Any]:
        facts = {"mass_domestic": "no", "law_enforcement": fact}
        return ROW | {"id": f"98-{number}", "facts": facts, "text": f"{text} {number}"}

    told = [about(i, "yes" if i % 2 else "no", "raid" if i % 2 else "rest") for i in range(60)]
    write(tmp_path, *told, header=HEADER | {"author": "author-98", "about": ["law_enforcement"]}, name="author-98")
    lines = [
        ROW | {"id": f"99-{i}", "facts": {"mass_domestic": "yes" if i % 2 else "no"}, "text": f"w{i % 7} w{i % 5} {i}"}
        for i in range(70)
    ]
    write(tmp_path, *lines)
    done = CliRunner().invoke(brightline, ["classifier", "rows", str(tmp_path), "--json"])
    line, fact = json.loads(done.stdout)
    assert (line["line"], line["rows"], line["authors"]) == ("surveillance", 130, 2)
    assert line["words"] < WORDS_MAX, "what is about something else gives no label of the line away"
    assert (fact["line"], fact["by_label"]) == ("law_enforcement", {"no": 30, "yes": 30})
    assert fact["words"] > 0.95
    assert done.exit_code == 1


def test_authors_are_in_one_split_and_named_as_what_they_are() -> None:
    corpora = read_corpora(CORPORA)
    assert len({corpus.author.author for corpus in corpora}) == len(corpora)
    assert all(corpus.author.persona for corpus in corpora)


def test_the_table_is_printed_for_people(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    done = CliRunner().invoke(brightline, ["classifier", "rows", str(tmp_path)])
    assert done.exit_code == 0
    assert "surveillance" in done.stdout


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"facts": {"mass_domestc": "yes", "mass_domestic": "no"}}, "no fact is called 'mass_domestc'"),
        ({"facts": {"weapon_direct": "yes"}}, "a row on surveillance labels mass_domestic"),
        ({"line": "decisions", "facts": {"high_stakes": "yes"}}, "a row on decisions labels social_scoring"),
        ({"text": " "}, "it says nothing"),
        ({"surface": "conversation"}, "a conversation has messages"),
        ({"surface": "tool_call"}, "a tool call has one"),
        ({"tool_call": {"name": "x", "arguments": {}}}, "a tool call has one"),
        ({"reason": ""}, "why it has its label"),
        ({"pair": "p"}, "a pair names its factor"),
        ({"pair": "p", "factor": "scope"}, "pair p: two rows or more"),
        ({"facts": {"mass_domestic": "perhaps"}}, "Invalid enum value"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_place(change: dict[str, Any], why: str, tmp_path: Path) -> None:
    write(tmp_path, ROW | change)
    done = CliRunner().invoke(brightline, ["classifier", "rows", str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert "line 2" in str(done.exception) or "pair" in str(done.exception)
    assert why in str(done.exception)


def test_one_text_twice_and_one_id_in_two_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, ROW | {"id": "99-2"})
    with pytest.raises(ConfigError, match="99-2 says the same as 99-1"):
        read_corpus(path)
    write(tmp_path, ROW)
    write(tmp_path, ROW | {"text": "Another."}, name="author-98", header=HEADER | {"author": "author-98"})
    with pytest.raises(ConfigError, match="'99-1' is there twice"):
        read_corpora(tmp_path)


@pytest.mark.parametrize(
    ("scoring", "stakes", "alone", "label"),
    [
        ("no", "no", "yes", "no"),
        ("no", "yes", "no", "no"),
        ("no", "yes", "yes", "yes"),
        ("yes", "no", "no", "yes"),
        ("no", "yes", "unknown", "unknown"),
        ("no", "unknown", "yes", "unknown"),
        ("unknown", "no", "no", "unknown"),
    ],
)
def test_the_third_line_takes_scoring_or_stakes_with_nobody_deciding(
    scoring: str, stakes: str, alone: str, label: str
) -> None:
    facts: Any = {"social_scoring": scoring, "high_stakes": stakes, "acts_alone": alone}
    row = Row("x", Line.DECISIONS, facts, RowSurface.PROMPT, "en", "s", "r", text="t")
    assert row.label == label


def made(yes: bool, text: str, number: int) -> Row:
    return Row(
        str(number),
        Line.WEAPONS,
        {"weapon_direct": "yes" if yes else "no"},
        RowSurface.PROMPT,
        "en",
        "s",
        "r",
        text=text,
    )


def test_words_that_give_the_label_away_are_found_and_others_are_not() -> None:
    told = [made(i % 2 == 0, f"fire {i}" if i % 2 == 0 else f"rest {i}", i) for i in range(60)]
    assert (ranked_by_words(told) or 0) > 0.95
    untold = [made(i % 2 == 0, f"word{i % 7} word{i % 5}", i) for i in range(70)]
    assert (ranked_by_words(untold) or 0) < 0.8
    assert ranked_by_words([made(True, "x", 1)]) is None
