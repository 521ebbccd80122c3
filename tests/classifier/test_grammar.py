# SPDX-License-Identifier: Apache-2.0
"""Composed rows: labels follow from factors, pairs differ in one of them, and nothing else tells which is which."""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from brightline.classifier.corpus import Corpus, Line, Row, RowSurface, crossed, read_corpus
from brightline.classifier.grammar.compose import compose
from brightline.classifier.grammar.factors import FACTORS, Setting, facts_from
from brightline.classifier.grammar.tongue import LANGUAGES, Tongue, load_tongue, read_tongue
from brightline.classifier.rows import WORDS_MAX
from brightline.classifier.words import ranked_by_words
from brightline.core.errors import ConfigError
from brightline.shell.cli.main import brightline

BAD, GOOD, OPEN = Setting.BAD, Setting.GOOD, Setting.OPEN
ENGLISH = (files("brightline.classifier.grammar") / "tongues" / "en.toml").read_text("utf-8")


@pytest.fixture(scope="module")
def composed() -> Corpus:
    return compose(3_000, 1)


def pairs_of(corpus: Corpus) -> list[list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in corpus.rows:
        if row.pair:
            found[row.pair].append(row)
    return list(found.values())


def settings_of(line: Line) -> st.SearchStrategy[dict[str, Setting]]:
    return st.fixed_dictionaries({factor: st.sampled_from(settings) for factor, settings in FACTORS[line].items()})


@given(settings_of(Line.SURVEILLANCE), settings_of(Line.WEAPONS))
def test_the_first_two_lines_are_crossed_where_every_factor_is_bad_and_one_good_lifts_them(
    surveillance: dict[str, Setting], weapons: dict[str, Setting]
) -> None:
    for line, settings in ((Line.SURVEILLANCE, surveillance), (Line.WEAPONS, weapons)):
        values = set(settings.values())
        expected = "no" if GOOD in values else "unknown" if OPEN in values else "yes"
        assert crossed(line, facts_from(line, settings)) == expected


@given(settings_of(Line.DECISIONS))
def test_the_third_line_is_crossed_by_the_score_or_by_stakes_with_nobody_deciding_and_only_by_what_is_done(
    settings: dict[str, Setting],
) -> None:
    done = settings["act"] is BAD and settings["use"] is BAD
    scored, alone = settings["basis"] is BAD, settings["stakes"] is BAD and settings["mode"] is BAD
    assert (crossed(Line.DECISIONS, facts_from(Line.DECISIONS, settings)) == "yes") == (done and (scored or alone))


def test_the_same_seed_composes_the_same_rows_and_another_seed_others(composed: Corpus) -> None:
    again = compose(3_000, 1)
    assert msgspec.json.encode(again) == msgspec.json.encode(composed)
    assert not {row.words for row in compose(300, 2).rows} & {row.words for row in composed.rows}
    assert [row.id for row in compose(300, 1).rows] == [row.id for row in composed.rows][:300]


def test_every_factor_surface_and_language_of_each_line_is_there_and_both_labels(composed: Corpus) -> None:
    for line in Line:
        rows = [row for row in composed.rows if row.line is line]
        assert len(rows) >= 900
        assert {row.surface for row in rows} == set(RowSurface)
        assert {row.lang for row in rows} == set(LANGUAGES)
        assert {row.factor for row in rows if row.pair} == set(FACTORS[line])
        labels = Counter(row.label for row in rows)
        assert 0.7 < labels["yes"] / labels["no"] < 1.4
        assert labels["unknown"] > 0


def test_words_alone_do_not_tell_the_labels_apart_nor_does_length(composed: Corpus) -> None:
    for line in Line:
        rows = [row for row in composed.rows if row.line is line]
        rank = ranked_by_words(rows)
        assert rank is not None
        assert rank <= WORDS_MAX
        yes, no = (statistics.median(len(r.words) for r in rows if r.label == label) for label in ("yes", "no"))
        assert 0.9 < yes / no < 1.1


def test_rows_of_a_pair_differ_in_their_facts_and_in_nothing_but_how_one_factor_is_said(composed: Corpus) -> None:
    tongues = {lang: read_tongue(lang) for lang in LANGUAGES}
    pairs = pairs_of(composed)
    assert len(pairs) > 1_200
    for one, other in pairs:
        assert one.facts != other.facts
        shared = (one.line, one.lang, one.surface, one.setting, one.factor)
        assert shared == (other.line, other.lang, other.surface, other.setting, other.factor)
        for manner in said_besides(tongues[one.lang]):
            assert one.words.count(manner) == other.words.count(manner), (one.id, manner)
        for factor, phrases in tongues[one.lang].phrases[one.line.value].items():
            if factor != one.factor:
                for phrase in (*phrases.bad, *phrases.good, *phrases.open):
                    assert one.words.lower().count(phrase.lower()) == other.words.lower().count(phrase.lower())


def said_besides(tongue: Tongue) -> list[str]:
    manners = [text for register in tongue.registers.values() for text in (*register.open, *register.close)]
    return [*manners, *tongue.talk.fill, *tongue.talk.ask, *tongue.talk.agree, *tongue.talk.done, *tongue.talk.asked]


def test_the_command_writes_a_file_that_reads_as_a_corpus_and_says_what_is_in_it(tmp_path: Path) -> None:
    out = tmp_path / "grammar.jsonl"
    done = CliRunner().invoke(brightline, ["classifier", "grammar", str(out), "--rows", "200", "--json"])
    assert done.exit_code == 0, done.output
    corpus = read_corpus(out)
    assert corpus == compose(200, 1)
    assert (corpus.author.kind, corpus.author.split) == ("grammar", "train")
    assert sum(one["rows"] for one in json.loads(done.stdout)) == len(corpus.rows)
    other = tmp_path / "other.jsonl"
    assert (
        "words alone" in CliRunner().invoke(brightline, ["classifier", "grammar", str(other), "--rows", "200"]).stdout
    )
    somebodys = tmp_path / "somebodys"
    somebodys.write_text("words", "utf-8")
    for there in (tmp_path / "no" / "g.jsonl", somebodys):
        with pytest.raises(ConfigError, match="cannot be written"):
            CliRunner().invoke(
                brightline,
                ["classifier", "grammar", str(there), "--rows", "1"],
                catch_exceptions=False,
            )
    assert somebodys.read_text("utf-8") == "words", "nothing is written over"


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("[weapons.arms]", "[weapons.arm]", "weapons has the factors"),
        ("until now: {y}", "until now", "each contrast has a place {y}"),
        ('"to be clear: {x}."', '"to be clear."', "each frame has a place {x}"),
        ("[registers.curt]\nopen", "[registers.curt]\nopens", "unknown field"),
        ("[talk]", "[talks]", "is no language of the grammar"),
        ("[frames]", "[frames", "is no language of the grammar"),
    ],
)
def test_a_language_that_lacks_something_is_refused(was: str, becomes: str, why: str) -> None:
    assert was in ENGLISH
    with pytest.raises(ConfigError, match=why):
        load_tongue("en", ENGLISH.replace(was, becomes, 1), "en.toml")


def test_a_factor_without_a_phrase_for_a_setting_is_refused() -> None:
    lines = ENGLISH.splitlines()
    without = [line for line in lines if not line.startswith('open = ["the people on a list')]
    assert len(without) == len(lines) - 1
    with pytest.raises(ConfigError, match=r"surveillance\.who has phrases for bad, good, open"):
        load_tongue("en", "\n".join(without), "en.toml")


@pytest.mark.slow
def test_twenty_thousand_rows_are_as_little_told_by_words() -> None:
    corpus = compose(20_000, 1)
    assert len(corpus.rows) >= 20_000
    for line in Line:
        assert (ranked_by_words([row for row in corpus.rows if row.line is line]) or 1) <= WORDS_MAX
