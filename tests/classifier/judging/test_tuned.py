# SPDX-License-Identifier: Apache-2.0
"""A judge that was tuned is made of what was said without a row's author, and students count as far as they know more.

Nothing here needs torch: what tuning left is read.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from brightline.classifier.corpus import Author, Corpus, Line, Row, RowSurface
from brightline.classifier.judging import making, tuned
from brightline.classifier.judging.features import ASKED
from brightline.classifier.judging.grounds import ground_of
from brightline.classifier.judging.making import Behind, Goals, Report, make
from brightline.classifier.judging.tuned import FORMAT, Said, Tuned, TunedHead, read_tuned
from brightline.core.errors import ConfigError
from brightline.core.screening.figures import log_odds
from brightline.core.screening.judge import LEAST_SHARE, JudgeFile, load_judge_file
from brightline.decoder.published import MODELS, Published
from brightline.shell.cli.main import brightline

FACTS = tuple(fact for facts in ASKED.values() for fact in facts)
LAYERS, WIDTH = (1, 3), 4
ADAPTER = b"an adapter, as far as anybody looks at it here"
MODEL = "a" * 64
GOALS = Goals(0.1, 0.05)
TRAIN = ("ann", "bob", "cyd")
PAIRS = 20


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Published(MODELS[0].name, "tiny.gguf", MODEL, 1, "Apache-2.0", "none", "1", 1, LAYERS)
    monkeypatch.setattr(making, "MODELS", (tiny,))


def corpus(author: str, split: Any) -> Corpus:
    rows = [
        Row(
            f"{author}-{line}-{number}-{value}",
            line,
            dict.fromkeys(ASKED[line], value)
            | ({"high_stakes": "yes"} if number % 2 and line is Line.DECISIONS else {}),
            RowSurface.PROMPT,
            "en",
            "a test",
            "it says so",
            f"{author}-{line}-{number}",
            "the word",
            f"{value} {number} by {author}",
        )
        for line in Line
        for number in range(PAIRS)
        for value in ("yes", "no")
    ]
    return Corpus(Author(author, "model", "a tester", split), tuple(rows))


CORPORA = (*(corpus(author, "train") for author in TRAIN), corpus("tess", "test"))
ROWS = {row.id: row for one in CORPORA for row in one.rows}
TESTED = frozenset(row.id for one in CORPORA if one.author.split == "test" for row in one.rows)


def said_of(names: Any, seed: int, knows: float) -> Said:
    """Log-odds by somebody who knows so much: how far yes lies from no, by how far all scatter."""
    dice = np.random.default_rng(seed)
    return {
        name: {
            fact: float(knows * (1 if ROWS[name].facts[fact] == "yes" else -1) / 2 + dice.standard_normal())
            for fact in ASKED[ROWS[name].line]
        }
        for name in sorted(names)
    }


def left(folder: Path, knows: float = 3.0, **changes: Any) -> Path:
    """What tuning left in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "adapter.npz").write_bytes(ADAPTER)
    dice = np.random.default_rng(4)
    heads = {
        fact: TunedHead(dice.standard_normal(len(LAYERS) * WIDTH).astype("<f4").tobytes(), float(number))
        for number, fact in enumerate(FACTS)
    }
    digest = hashlib.sha256(ADAPTER).hexdigest()
    held, test = said_of(ROWS.keys() - TESTED, 1, knows), said_of(TESTED, 2, knows)
    whole = Tuned(FORMAT, MODEL, LAYERS, WIDTH, digest, 2, 1, heads, held, test)
    (folder / "tuned.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(whole, **changes)))
    return folder


def made(folder: Path, behind: Behind | None = None) -> tuple[JudgeFile, Report]:
    return make(CORPORA, (), ground_of(CORPORA, (), folder), behind, GOALS)


def thresholds(judge: JudgeFile) -> Mapping[str, tuple[float, float]]:
    return {head.fact: (head.unknown, head.yes) for head in judge.head}


# ---- reading it -----------------------------------------------------------------------------------------------------


def test_what_was_left_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = read_tuned(left(tmp_path / "one"))
    assert set(found.heads) == set(FACTS)
    assert found.held == said_of(ROWS.keys() - TESTED, 1, 3.0)
    assert found.adapter == hashlib.sha256(ADAPTER).hexdigest()


def test_whatever_is_not_what_tuning_left_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            read_tuned(folder)
        return str(caught.value)

    assert "does not hold what" in refused(tmp_path)
    assert "'brightline-tuned/2' and not" in refused(left(tmp_path / "format", format="brightline-tuned/2"))
    (left(tmp_path / "other") / "adapter.npz").write_bytes(b"of another tuning")
    assert "is not the one" in refused(tmp_path / "other")
    (left(tmp_path / "gone") / "adapter.npz").unlink()
    assert "does not hold what" in refused(tmp_path / "gone")
    for data in (b"", b"{", b"\xff", b"[]", b'{"format": "brightline-tuned/1"}'):
        (left(tmp_path / "data") / "tuned.json").write_bytes(data)
        assert "does not hold what" in refused(tmp_path / "data"), data
    (tmp_path / "data" / "tuned.json").write_bytes(
        (left(tmp_path / "more") / "tuned.json").read_bytes()[:-1] + b',"more":1}'
    )
    assert "does not hold what" in refused(tmp_path / "data")
    for weights in (b"", bytes(4 * len(LAYERS) * WIDTH - 1), bytes(8 * len(LAYERS) * WIDTH)):
        heads = {"mass_domestic": TunedHead(weights, 0.0)}
        assert "a head that does not fit" in refused(left(tmp_path / "short", heads=heads))
    monkeypatch.setattr(tuned, "BYTES_MAX", 100)
    assert "larger than 100 bytes" in refused(left(tmp_path / "large"))


# ---- a judge of it --------------------------------------------------------------------------------------------------


def test_a_judge_has_the_heads_that_were_tuned_and_is_reported_without_what_tuning_does_not_try(
    tmp_path: Path,
) -> None:
    judge, report = made(left(tmp_path / "one"))
    load_judge_file(msgspec.json.encode(judge), "judge.json")
    there = read_tuned(tmp_path / "one")
    assert judge.joined == {}
    assert judge.model.adapter is not None
    assert (judge.model.adapter.sha256, report.adapter) == (there.adapter, there.adapter)
    assert (judge.model.layers, judge.model.width) == (LAYERS, WIDTH)
    assert report.rows_read == len(ROWS)
    for head in judge.head:
        assert base64.b64decode(head.weights) == there.heads[head.fact].weights
        assert head.bias == there.heads[head.fact].bias
    for one in report.facts.values():
        assert (one.penalty, one.untrained, one.curve, one.students) == (None, None, (), None)


def test_thresholds_come_from_what_was_said_without_the_authors_and_from_nothing_else(tmp_path: Path) -> None:
    plain, report = made(left(tmp_path / "plain"))
    worse, other = made(left(tmp_path / "worse", test=said_of(TESTED, 9, 0.0)))
    assert msgspec.json.encode(worse) == msgspec.json.encode(plain), "what is said of test authors moves nothing"
    assert other.facts["mass_domestic"].bounds == report.facts["mass_domestic"].bounds
    assert other.facts["mass_domestic"].test != report.facts["mass_domestic"].test
    moved, _ = made(left(tmp_path / "moved", held=said_of(ROWS.keys() - TESTED, 1, 1.0)))
    for fact, at in thresholds(plain).items():
        assert thresholds(moved)[fact] != at

    # the judge that is shipped learned from the training authors: what it says of them is nowhere listened to
    sly = said_of(ROWS, 7, 30.0)
    held, test = said_of(ROWS.keys() - TESTED, 1, 3.0), said_of(TESTED, 2, 3.0)
    both = made(left(tmp_path / "sly", held=sly | held, test=sly | test))
    assert tuple(map(msgspec.json.encode, both)) == tuple(map(msgspec.json.encode, (plain, report)))


def test_rows_of_which_nothing_was_said_by_the_one_that_should_are_not_counted(tmp_path: Path) -> None:
    held, test = said_of(ROWS.keys() - TESTED, 1, 3.0), said_of(TESTED, 2, 3.0)
    without = {name: of for name, of in held.items() if not name.startswith("bob-")}
    judge, report = made(left(tmp_path / "some", held=without, test=test | {"strange": {}}))
    assert report.rows_read == len(without) + len(test)
    assert report.facts["mass_domestic"].train_rows == 2 * 2 * PAIRS
    shipped_only = made(left(tmp_path / "shipped", held=without, test=test | held))
    assert msgspec.json.encode(shipped_only[0]) == msgspec.json.encode(judge)
    with pytest.raises(ConfigError, match="too few rows"):
        made(left(tmp_path / "none", held={}, test=test | held))


def test_a_fact_that_the_tuning_does_not_know_is_said(tmp_path: Path) -> None:
    there = read_tuned(left(tmp_path / "one"))
    heads = {fact: head for fact, head in there.heads.items() if fact != "acts_alone"}
    with pytest.raises(ConfigError, match="knows no acts_alone"):
        made(left(tmp_path / "head", heads=heads))
    held = {name: {fact: at for fact, at in of.items() if fact != "acts_alone"} for name, of in there.held.items()}
    with pytest.raises(ConfigError, match="says nothing of acts_alone"):
        made(left(tmp_path / "said", held=held))


# ---- students -------------------------------------------------------------------------------------------------------


def students(knows: Mapping[str, float], seen: frozenset[str] = frozenset({"ann"}), seed: int = 5) -> Behind:
    """Students that know so much of each fact. Of authors whom they have seen they know all."""
    leans = {fact: said_of(ROWS, seed + number, knows.get(fact, 0.0)) for number, fact in enumerate(FACTS)}
    sure = said_of(ROWS, 3, 30.0)
    scores = {
        name: {
            fact: 1 / (1 + float(np.exp(-(sure if name.split("-")[0] in seen else leans[fact])[name][fact])))
            for fact in ASKED[row.line]
        }
        for name, row in ROWS.items()
    }
    return Behind(scores, seen, {})


def test_students_count_where_they_know_more_and_not_where_they_know_nothing(tmp_path: Path) -> None:
    more, nothing = ("mass_domestic", "acts_alone"), ("weapon_direct", "high_stakes")
    behind = students(dict.fromkeys(more, 4.0) | dict.fromkeys(nothing, -0.3))
    judge, report = made(left(tmp_path / "one", knows=1.5), behind)
    load_judge_file(msgspec.json.encode(judge), "judge.json")
    for fact in more:
        one = report.facts[fact]
        assert judge.joined[fact] == one.joined > 0
        assert one.alone is not None
        assert one.students is not None
        assert one.test.auroc is not None
        assert one.test.auroc > max(one.alone, one.students - 0.01), "together they know more than the head"
    for fact in nothing:
        assert fact not in judge.joined
        one = report.facts[fact]
        assert (one.joined, one.test.auroc) == (0.0, one.alone)


def test_students_who_add_nothing_to_a_head_do_not_count(tmp_path: Path) -> None:
    judge, _ = made(left(tmp_path / "one", knows=12.0), students(dict.fromkeys(FACTS, 3.0)))
    assert judge.joined == {}, "the head knows all, and of ways that do as well the one without students is taken"


@pytest.mark.parametrize("score", [0.2, 0.5, 0.9])
def test_students_who_say_the_same_of_every_row_do_not_count(score: float, tmp_path: Path) -> None:
    same = Behind({name: dict.fromkeys(ASKED[row.line], score) for name, row in ROWS.items()}, frozenset(), {})
    judge, report = made(left(tmp_path / "one"), same)
    alone, before = made(left(tmp_path / "one"))
    assert judge.joined == {}
    assert thresholds(judge) == thresholds(alone)
    assert report.lines == before.lines


def test_students_do_not_count_by_what_they_say_of_authors_whom_they_have_seen(tmp_path: Path) -> None:
    folder = left(tmp_path / "one", knows=1.0)
    know_nothing = dict.fromkeys(FACTS, -0.3)
    assert made(folder, students(know_nothing, frozenset({"ann", "bob"})))[0].joined == {}
    assert made(folder, students(know_nothing, frozenset(TRAIN)))[0].joined == {}
    assert set(made(folder, students(dict.fromkeys(FACTS, 30.0), frozenset()))[0].joined) == set(FACTS)


def test_both_together_are_log_odds_as_labels_have_them(tmp_path: Path) -> None:
    judge, report = made(left(tmp_path / "one", knows=1.5), students(dict.fromkeys(FACTS, 2.0), frozenset()))
    there = read_tuned(tmp_path / "one")
    behind = students(dict.fromkeys(FACTS, 2.0), frozenset())
    (head,) = (one for one in judge.head if one.fact == "mass_domestic")
    own = np.frombuffer(base64.b64decode(head.weights), "<f4") / np.frombuffer(there.heads[head.fact].weights, "<f4")
    scale = float(own.mean())
    np.testing.assert_allclose(own, scale, rtol=1e-5)
    bias = head.bias - scale * there.heads[head.fact].bias
    rows = [row for row in ROWS.values() if row.line is Line.SURVEILLANCE and row.id not in TESTED]
    both = [
        scale * there.held[row.id][head.fact]
        + judge.joined[head.fact] * log_odds(behind.scores[row.id][head.fact], LEAST_SHARE)
        + bias
        for row in rows
    ]
    shares = 1 / (1 + np.exp(-np.array(both)))
    yes = np.array([row.facts[head.fact] == "yes" for row in rows])
    assert shares.mean() == pytest.approx(yes.mean(), abs=0.02), "as many are said to be yes as there are"
    assert report.facts[head.fact].joined == judge.joined[head.fact]


def test_a_head_that_says_the_opposite_of_the_labels_is_not_turned_around(tmp_path: Path) -> None:
    wrong = {
        name: {fact: -at for fact, at in of.items()} for name, of in said_of(ROWS.keys() - TESTED, 1, 3.0).items()
    }
    folder = left(tmp_path / "one", held=wrong)
    behind = students(dict.fromkeys(FACTS, -3.0), frozenset())
    judge, _ = make(CORPORA, (), ground_of(CORPORA, (), folder), behind, Goals(0.9, 1.0))
    load_judge_file(msgspec.json.encode(judge), "judge.json")
    for head in judge.head:
        assert base64.b64decode(head.weights) == read_tuned(folder).heads[head.fact].weights


def test_without_torch_tuning_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def bare(name: str, *rest: Any) -> Any:
        if name == "brightline.classifier.tuning.whole":
            raise ImportError("no module", name="torch")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", bare)
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    words = [
        "classifier",
        "judge",
        "tune",
        str(tmp_path),
        str(tmp_path / "out"),
        "--weights",
        str(tmp_path / "tiny.gguf"),
    ]
    done = CliRunner().invoke(brightline, words)
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception) == "torch is not installed: pip install 'brightline[train]'"
