# SPDX-License-Identifier: Apache-2.0
"""The judge is asked about no more of everyday text than is said, and learns from the texts that it is asked about."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from brightline.classifier.corpus import Line, facts_of
from brightline.classifier.everyday import Everyday, Source
from brightline.classifier.judging.neighbours import LEAST, Ask, as_corpora, asked_from, read_ask
from brightline.classifier.training.target import MAIN
from brightline.core.errors import ConfigError, ReleaseError
from brightline.core.screening.encoder import load_encoder
from brightline.core.screening.finding import Segment, Surface
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import read_agreement, read_release, shipped_agreement, shipped_release

STUDENTS = shipped_release().with_name("students-2026.11")
FACTS = ("mass_domestic", "weapon_direct")
SCORES = st.dictionaries(
    st.sampled_from(("questions", "day", "tasks")),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40),
    min_size=1,
)


@given(scores=SCORES, share=st.floats(0, 0.9), more=st.floats(0, 0.9))
def test_of_no_corpus_more_is_asked_about_than_its_share(
    scores: dict[str, list[tuple[float, float]]], share: float, more: float
) -> None:
    shares = {name: more if name == "day" else share for name in scores}
    ask = asked_from(FACTS, {name: np.array(of) for name, of in scores.items()}, shares)
    bounds = [ask[fact] for fact in FACTS]
    for name, of in scores.items():
        asked = sum(any(score >= bound for score, bound in zip(one, bounds, strict=True)) for one in of)
        assert asked <= shares[name] * len(of) + 1e-6
    assert min(bounds) >= LEAST


def test_as_much_is_asked_about_as_the_share_lets() -> None:
    scores = {"questions": np.linspace(0, 1, 1_000)[:, None]}
    assert asked_from(FACTS[:1], scores, {"questions": 0.1})["mass_domestic"] == pytest.approx(0.9, abs=0.002)
    assert asked_from(FACTS[:1], scores, {"questions": 0.5})["mass_domestic"] == pytest.approx(0.5, abs=0.002)


def an_ask(texts: dict[str, dict[str, tuple[int, ...]]]) -> Ask:
    return Ask("", {}, {}, {}, texts, {}, (0, 1), "")


def everyday(name: str, *texts: str) -> Everyday:
    return Everyday(Source(name, "everyday", "a test", "Apache-2.0"), texts)


def test_an_everyday_text_is_a_row_that_is_no_for_each_line_that_is_in_question() -> None:
    ask = an_ask({"day": {"surveillance": (1,), "weapons": (), "decisions": (0, 1)}})
    [corpus] = as_corpora([everyday("day", "who pays the crew", "who follows the crew")], ask)
    assert (corpus.author.author, corpus.author.split) == ("day", "train")
    assert [(row.text, row.line, row.label) for row in corpus.rows] == [
        ("who follows the crew", Line.SURVEILLANCE, "no"),
        ("who pays the crew", Line.DECISIONS, "no"),
        ("who follows the crew", Line.DECISIONS, "no"),
    ]
    assert all(set(row.facts) == set(facts_of(row.line)) for row in corpus.rows)
    assert len({row.id for row in corpus.rows}) == 3


@pytest.mark.parametrize("there", [everyday("day", "only one"), everyday("another", "one", "two")])
def test_texts_that_are_not_those_are_refused(there: Everyday) -> None:
    ask = an_ask({"day": {"surveillance": (1,), "weapons": (), "decisions": ()}})
    with pytest.raises(ConfigError, match="'day'"):
        as_corpora([there], ask)


def test_from_the_students_of_a_release_to_a_release_that_asks(tmp_path: Path) -> None:
    """Whoever asks lower finds more, says so in the release, and lets a judge settle it."""
    texts = ["Who sings the song about rain?", "Plan a menu for ten.", "Rank these files by size.", "Translate: dog"]
    lines = [{"corpus": "day", "kind": "everyday", "origin": "a test", "licence": "Apache-2.0"}]
    folder = tmp_path / "everyday"
    folder.mkdir()
    (folder / "day.jsonl").write_text("\n".join(map(json.dumps, [*lines, *({"text": text} for text in texts)])) + "\n")
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    source = Path(__file__).resolve().parents[3] / "corpora" / "author-t5.jsonl"
    first, *rows = source.read_text("utf-8").splitlines()
    unit = {row: json.loads(row).get("pair") or json.loads(row)["id"] for row in rows}
    rows = [row for row in rows if unit[row] in sorted(set(unit.values()))[::4]]
    (corpora / "author-t5.jsonl").write_text("\n".join([first, *rows]) + "\n", "utf-8")
    run = CliRunner()
    command = ["classifier", "judge", "ask", *map(str, (corpora, folder, STUDENTS, tmp_path / "ask.json"))]
    done = run.invoke(brightline, [*command, "--day", "day=0.5", "--json"])
    assert done.exit_code == 0, done.output
    ask = read_ask(tmp_path / "ask.json")
    assert json.loads(done.stdout) == {"facts": ask.facts, "asked": {"day": 0.0}}, "nothing of this is near a line"
    assert ask.shares == {"day": 0.5}
    assert run.invoke(brightline, [*command, "--day", "day=much"]).exit_code == 2
    assert isinstance(run.invoke(brightline, [*command, "--day", "night=0.5"]).exception, ConfigError)

    new = tmp_path / "new"
    adding = [
        "classifier",
        "judge",
        "add",
        str(STUDENTS),
        str(new),
        "--id",
        "asks",
        "--ask",
        str(tmp_path / "ask.json"),
    ]
    done = run.invoke(brightline, adding)
    assert done.exit_code == 0, done.output
    release = read_release(new, read_agreement(shipped_agreement()).vocabulary)
    before, after = (load_encoder((of / "encoder.json").read_bytes(), "encoder") for of in (STUDENTS, new))
    assert after.head == before.head, "the thresholds of the heads stand, for readings in disguise"
    text = Segment("messages[0].content", Surface.INPUT, "a text of a caller")
    assert set(ask.facts) == set(MAIN), "of facts beside the red lines no judge is asked"
    for head in after.head:
        early = ask.facts.get(head.fact, head.unknown)
        assert LEAST <= after.unknown_from(head, text, "folded") == early <= head.unknown
        assert after.unknown_from(head, text, "base64") == before.unknown_from(head, text, "folded") == head.unknown
    told = {one.fact: one for one in release.entitlements if one.detector == "encoder"}
    for fact in ("mass_domestic", "weapon_direct"):
        assert told[fact].positives == sum(json.loads(row)["facts"].get(fact) == "yes" for row in rows)
    assert all(one.misses < one.positives for one in told.values() if one.fact == "mass_domestic")
    then = {
        one.fact: one for one in read_release(STUDENTS, read_agreement(shipped_agreement()).vocabulary).entitlements
    }
    assert told["intel_activity"] == then["intel_activity"], "of what none of these rows is, nothing was measured"
    assert release.judge is not None
    again = run.invoke(brightline, [*adding[:4], str(tmp_path / "twice"), *adding[5:]])
    assert again.exit_code == 0
    other = [*adding[:3], str(shipped_release()), str(tmp_path / "other"), *adding[5:]]
    assert isinstance(run.invoke(brightline, other).exception, ReleaseError), "it was measured with another encoder"
