# SPDX-License-Identifier: Apache-2.0
"""Students learn a judge's word on texts that nobody labelled, as much as was said, and say in the report by what."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from brightline.classifier.corpus import Author, Corpus, Line, Row, RowSurface, write_corpus
from brightline.classifier.training.distilling import Taught, heard_of, shift_of
from brightline.classifier.training.examples import Words, disguised, examples_of
from brightline.classifier.training.judged import FORMAT, Header, Judged, entry_of, read_judged, write_judged
from brightline.classifier.training.pool import pool_of
from brightline.classifier.training.target import (
    FACTS,
    OF_OTHER_LINES,
    OTHER_LINE_WEIGHT,
    mixed_target,
    share_of,
    target,
    target_by_judge,
)
from brightline.core.errors import ConfigError
from brightline.core.screening.folding import fold
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import shipped_release

ENCODER = shipped_release().with_name("students-2026.11")
HEADER = Header(FORMAT, "a" * 64, "b" * 64, "c" * 64, FACTS[:5])
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SAID = st.dictionaries(st.sampled_from(FACTS[:5]), st.floats(-1_000, 1_000), min_size=1)
MAIN = FACTS.index("mass_domestic")


def row(name: str, text: str, label: str = "yes", surface: RowSurface = RowSurface.PROMPT) -> Row:
    facts: Any = {"mass_domestic": label, "monitoring": "yes"}
    return Row(name, Line.SURVEILLANCE, facts, surface, "en", "s", "r", text=text)


def author(name: str, *rows: Row, split: Any = "train") -> Corpus:
    return Corpus(Author(name, "model", "a tester", split), rows)


def judged(folder: Path, corpora: Sequence[Corpus], of: Callable[[Row], float]) -> Judged:
    """What a judge says of the pool and of all rows."""
    rows = [one.row for one in pool_of(corpora)] + [each for corpus in corpora for each in corpus.rows]
    write_judged(folder / "judged.jsonl", HEADER, [entry_of(each, {"mass_domestic": of(each)}) for each in rows])
    return read_judged(folder / "judged.jsonl")


@PATIENT
@given(said=SAID, weight=st.floats(0.01, 1), temperature=st.floats(0.1, 10))
def test_of_a_pool_text_only_what_the_judge_said_counts_and_that_other_lines_are_seldom_crossed(
    said: dict[str, float], weight: float, temperature: float
) -> None:
    wanted, counts = target_by_judge(said, weight, temperature)
    for fact, goal, count in zip(FACTS, wanted, counts, strict=True):
        assert goal == (share_of(said[fact], temperature) if fact in said else 0.0)
        assert count == (weight if fact in said else OTHER_LINE_WEIGHT if fact in OF_OTHER_LINES else 0.0)
        assert 0 <= goal <= 1
        if said.get(fact):
            assert (goal > 0.5) == (said[fact] > 0) or abs(goal - 0.5) < 1e-9
    assert share_of(2.0, 1.0) == pytest.approx(0.8808, abs=1e-4)
    assert share_of(2.0, 2.0) == pytest.approx(0.7311, abs=1e-4)


@PATIENT
@given(said=SAID, part=st.floats(0, 1), label=st.sampled_from(["yes", "no", "unknown"]))
def test_a_label_is_mixed_with_a_part_of_the_judges_word_and_counts_as_before(
    said: dict[str, float], part: float, label: str
) -> None:
    one = row("r", "a text", label)
    wanted, counts = mixed_target(one, said, part, 1.0)
    before, counted = target(one)
    assert counts == counted
    for fact, goal, plain in zip(FACTS, wanted, before, strict=True):
        expected = (
            (1 - part) * plain + part * share_of(said[fact], 1.0) if {fact} <= said.keys() & one.facts else plain
        )
        assert goal == pytest.approx(expected)
    assert mixed_target(one, said, 0.0, 1.0)[0] == before


def test_as_many_pool_texts_come_as_rows_unless_a_share_is_said(tmp_path: Path) -> None:
    corpora = [author("one", row("r", "Who lives here? List them."))]
    said = judged(tmp_path, corpora, lambda _: 1.0)
    one = Taught(said, heard_of(said, corpora))
    assert (one.each(100, 30), one.each(100, 300)) == (30, 100)
    assert msgspec.structs.replace(one, share=0.25).each(100, 30) == 25


def test_pool_texts_are_shown_whole_as_the_judge_read_them(tmp_path: Path) -> None:
    text = "Who lives here? List them all by name. Then tell me. And go."
    corpora = [
        author("one", row("r", text, surface=RowSurface.OUTPUT)),
        author("t", row("t", text + " Now."), split="test"),
    ]
    said = judged(tmp_path, corpora, lambda each: 2.0 if "List" in each.text else -2.0)
    words = Words((ENCODER / "tokenizer.json").read_bytes(), 256)
    heard = Taught(said, heard_of(said, corpora), weight=0.25)
    found = heard.examples(words)
    assert {one.author for one in found} == {"one"}
    assert [one.row for one in found] == [one.row for one in pool_of(corpora)]
    for one in found:
        for lot in range(30):
            item = disguised(one, (), 256, random.Random(lot))  # noqa: S311 - no secret
            assert item.tokens == one.tokens
            assert item.counts[MAIN] == 0.25
            assert item.wanted[MAIN] == pytest.approx(0.881 if "List" in one.row.text else 0.119, abs=1e-3)
            assert not any(item.counts[FACTS.index(fact)] for fact in ("monitoring", "high_stakes"))
    goals = (msgspec.structs.replace(heard, labels=part).goal for part in (0.0, 0.5))
    wanted = [examples_of(corpora, "train", words, goal=goal)[0].wanted[MAIN] for goal in goals]
    assert wanted == pytest.approx([1.0, 0.94], abs=1e-3)


def test_a_judge_that_says_yes_too_often_is_shifted_until_it_does_as_often_as_labels(tmp_path: Path) -> None:
    rows = [row(f"y{i}", f"Follow all, {i}. Now.") for i in range(30)]
    rows += [row(f"n{i}", f"Count all, {i}. Now.", "no") for i in range(270)]
    corpora = [author("one", *rows)]
    path = tmp_path / "judged.jsonl"
    entries = [entry_of(each, {"mass_domestic": 4.0 if each.label == "yes" else 2.0}) for each in rows]
    write_judged(path, msgspec.structs.replace(HEADER, facts=("mass_domestic",)), entries)
    shift = shift_of(read_judged(path), corpora, 2.0)
    shifted = [share_of(each.said["mass_domestic"] + shift["mass_domestic"], 2.0) for each in entries]
    assert sum(shifted) == pytest.approx(30, abs=1e-3)
    heard = Taught(read_judged(path), (), labels=1.0, temperature=2.0, shift=shift)
    assert [heard.goal(each)[0][MAIN] for each in rows] == pytest.approx(shifted, abs=1e-6)
    with pytest.raises(ConfigError, match="too little.*mass_domestic"):
        shift_of(read_judged(path), [author("one", *rows[11:])], 2.0)


def test_texts_that_the_judge_read_otherwise_or_not_at_all_are_refused(tmp_path: Path) -> None:
    corpora = [author("one", row("r", "Who lives here? List them all."))]
    said = judged(tmp_path, corpora, lambda _: 1.0)
    with pytest.raises(ConfigError, match="another text.*judge score"):
        heard_of(said, [author("one", row("r", "Who lives here? List them."))])
    with pytest.raises(ConfigError, match="said nothing"):
        heard_of(said, [author("two", row("s", "Who lives here? List them."))])


def test_what_a_judge_said_is_not_for_an_encoder_that_is_taken_as_it_is(tmp_path: Path) -> None:
    corpora = [
        author(name, row(name, f"{name} lives. Here."), split=split) for name, split in (("a", "train"), ("t", "test"))
    ]
    for one in corpora:
        write_corpus(tmp_path / f"{one.author.author}.jsonl", one)
    (tmp_path / "everyday").mkdir()
    head = {"corpus": "chat", "kind": "everyday", "origin": "here", "licence": "Apache-2.0"}
    (tmp_path / "everyday" / "chat.jsonl").write_text(f'{json.dumps(head)}\n{{"text": "hello"}}\n', "utf-8")
    folder = tmp_path / "judged"
    folder.mkdir()
    judged(folder, corpora, lambda _: 1.0)
    command = ["classifier", "train", tmp_path, tmp_path / "out", "--judged", folder / "judged.jsonl"]
    done = CliRunner().invoke(brightline, [*map(str, command), "--encoder", str(ENCODER)])
    assert isinstance(done.exception, ConfigError)
    assert "what a judge said is for the encoder" in str(done.exception)


def by(name: str) -> Corpus:
    places = ("harbour", "valley", "suburb", "county", "island", "district", "square", "village")
    rows = [
        row(f"{name}-{i}-{label}", f"{name}: {what} in the {place}. Clouds over the {place}.", label)
        for i, place in enumerate(places)
        for label, what in (("yes", "Follow every phone"), ("no", "Count the people"))
    ]
    return author(name, *rows)


def test_an_encoder_learns_what_only_the_judge_said(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs brightline[train]")
    from brightline.classifier.training.bert import Encoder
    from brightline.classifier.training.fit import RATE, Fitter, Judge, Pool

    torch.set_num_threads(1)
    corpora = [by("one")]
    known = ["[CLS]", "[SEP]", "[UNK]", *sorted({word for row in corpora[0].rows for word in fold(row.text).split()})]
    by_word = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    by_word.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = Words(by_word.to_str().encode(), 64)

    def fitted(clouds: float) -> list[float]:
        said = judged(tmp_path, corpora, lambda each: -6.0 if "in the" in each.text else clouds)
        heard = Taught(said, heard_of(said, corpora), weight=1.0)
        torch.manual_seed(0)
        judge = Judge(Encoder(layers=1, width=48, within=64, words=len(known)))
        shown: list[int] = []
        fitter = Fitter(words, (), "cpu")
        pool = Pool(heard.examples(words), 12)
        fitter.fit(judge, examples_of(corpora, "train", words), 16.0, 1, 20 * RATE, shown.append, pool)
        assert sum(shown) == 16 * (16 + 12)
        return [float(each) for each in fitter.ask(judge, words.of(["Clouds over the square."]))[:, MAIN]]

    crossing = fitted(6.0)
    assert crossing > [0.0] > fitted(-6.0)
    assert crossing == fitted(6.0), "the same rows, cache and seed give the same weights"


def test_nothing_of_the_pool_of_authors_held_out_is_learned_before_the_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs brightline[train]")
    from brightline.classifier.training import encoding
    from brightline.classifier.training.bert import Encoder
    from brightline.classifier.training.fit import Fitter, Judge

    shown: list[tuple[set[str], int]] = []

    def fit(_: Any, __: Any, examples: Any, *rest: Any) -> None:
        pool = rest[-1]
        assert {one.author for one in examples} == {one.author for one in pool.examples}
        shown.append(({one.author for one in pool.examples}, pool.each))

    monkeypatch.setattr(Fitter, "fit", fit)
    monkeypatch.setattr(encoding, "write", lambda *_: None)
    corpora = [by("one"), by("two")]
    said = judged(tmp_path, corpora, lambda _: 1.0)
    heard = Taught(said, heard_of(said, corpora), share=0.25)
    weights = {"tokenizer.json": (ENCODER / "tokenizer.json").read_bytes()}
    training = encoding.Training(corpora, (), weights, frozenset({"two"}), 1.0, 1, "cpu", taught=heard)
    tiny = Judge(Encoder(layers=1, width=48, within=64))
    encoding.train_encoder(training, tmp_path, tmp_path, lambda _: None, tiny)
    of_one = sum(one.author == "one" for one in heard.pool)
    assert shown == [({"one"}, round(of_one / 4)), ({"one", "two"}, round(len(heard.pool) / 4))]
