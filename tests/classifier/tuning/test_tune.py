# SPDX-License-Identifier: Apache-2.0
"""`brightline classifier judge tune`: whoever says what sets a threshold has not seen the author, part after part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs brightline[train]")
pytest.importorskip("openvino", reason="the extra `judge` is not installed")

from brightline.classifier.constitutions import constitution
from brightline.classifier.corpus import Line, read_corpora
from brightline.classifier.judging.features import ASKED, exchange_of
from brightline.classifier.judging.neighbours import Ask
from brightline.classifier.judging.tuned import read_tuned
from brightline.classifier.training.judged import digest_of, read_judged
from brightline.classifier.training.pool import pool_of
from brightline.classifier.tuning import whole
from brightline.classifier.tuning.decoder import Decoder
from brightline.classifier.tuning.fitting import Heads, Tuner
from brightline.classifier.tuning.lessons import Lesson, Reader
from brightline.classifier.tuning.whole import Material, Wanted, held_out, tune, tuned_of
from brightline.core.errors import ConfigError
from brightline.core.screening.judge import load_judge_file
from brightline.decoder.published import MODELS, Published
from brightline.decoder.tokens import tokenizer_of
from brightline.shell.cli.main import brightline
from brightline.shell.inference.judge import DecoderJudge
from tests import tiny_decoder
from tests.classifier.judging.test_states import write_corpora

LAYERS = (1, 3)
FACTS = tuple(fact for facts in ASKED.values() for fact in facts)
AUTHORS = ("ann", "bob", "cyd", "dan", "eve")
WANTED = Wanted(groups=3, turns=2, epochs=1, seed=1)


def lesson(author: str, number: int) -> Lesson:
    value = float(number % 2)
    tokens = [70 + number, 90 + len(author), 60 if value else 61, 100]
    return Lesson(f"{author}-{number}", author, Line.WEAPONS, tokens, (value,), (1.0,), f"{author} {number // 2}")


def material(**changes: Any) -> Material:
    train = [lesson(author, number) for author in (*AUTHORS, "day") for number in range(4)]
    pool = [
        Lesson(f"{one.id}~", one.group, one.line, one.tokens[:2], (), (), "") for one in train if one.group != "day"
    ]
    test = [lesson("tess", number) for number in range(4)]
    everyday = {"day": [[7, 8, 9]], "night": [[9, 8], [5]]}
    return msgspec.structs.replace(Material(train, test, pool, everyday), **changes)


@pytest.fixture(scope="module")
def decoder(model: Path) -> Any:
    return Decoder(model, LAYERS)


@pytest.fixture(scope="module")
def reader(decoder: Any) -> Reader:
    found = Reader(tokenizer_of(decoder.file))
    found.prefixes = {line: [100, 101] for line in Line}  # the real ones take most of the time
    return found


@pytest.fixture(scope="module")
def finished(decoder: Any, reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tuning was done."""
    folder = tmp_path_factory.mktemp("finished")
    tune(decoder, reader, material(), WANTED, folder)
    return folder


class Seen:
    """What judges learned from, in order, and of what each spoke."""

    def __init__(self) -> None:
        self.learned: list[tuple[frozenset[str], frozenset[str], int]] = []
        self.spoke: list[list[frozenset[str]]] = []


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen()

    class Spied(Tuner):
        def fit(
            self, lessons: Sequence[Lesson], everyday: Any, epochs: int, seed: int, step: Callable[[int], None] = print
        ) -> Heads:
            found.learned.append((frozenset(one.group for one in lessons), frozenset(everyday), seed))
            found.spoke.append([])
            return super().fit(lessons, everyday, epochs, seed, step)

        def said(self, heads: Heads, lessons: Sequence[Lesson]) -> dict[str, dict[str, float]]:
            found.spoke[-1].append(frozenset(one.group for one in lessons))
            return super().said(heads, lessons)

    monkeypatch.setattr(whole, "Tuner", Spied)
    return found


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_all_turns_together_hold_out_every_author_once(groups: int) -> None:
    train = material().train
    held = held_out(train, Wanted(groups, groups, 1, 1))
    assert len(held) == groups
    assert all(held)
    every = [author for group in held for author in group]
    assert sorted(every) == sorted({one.group for one in train})
    assert held_out(list(reversed(train)), Wanted(groups, 2, 1, 1)) == held[:2]


@pytest.mark.parametrize(("groups", "turns"), [(1, 1), (7, 2), (3, 0), (3, 4)])
def test_groups_that_the_authors_do_not_make_are_refused_before_anything_is_fitted(
    groups: int, turns: int, decoder: Any, reader: Reader, seen: Seen, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"6 authors do not make {groups} groups of which {turns}"):
        tune(decoder, reader, material(), Wanted(groups, turns, 1, 1), tmp_path)
    assert not seen.learned
    assert not list(tmp_path.iterdir())


def test_no_judge_speaks_of_an_author_or_a_corpus_that_it_learned_from(
    decoder: Any, reader: Reader, seen: Seen, tmp_path: Path
) -> None:
    given = material()
    counted: list[int] = []
    tune(decoder, reader, given, WANTED, tmp_path, counted.append)
    first, second = held_out(given.train, WANTED)
    every = {*AUTHORS, "day"}
    assert [one[0] for one in seen.learned] == [every, every - first, every - second]
    assert [one[1] for one in seen.learned] == [{"day", "night"} - held for held in (frozenset[str](), first, second)]
    assert len({one[2] for one in seen.learned}) == 3
    assert any("day" in held for held in (first, second)), "what the test is about"
    assert seen.spoke == [[{"tess"}], [first, first - {"day"}], [second, second - {"day"}]]
    assert sum(counted) >= len(given.train)
    made, pool = tuned_of(decoder, "a" * 64, WANTED, tmp_path)
    assert made.held.keys() == {one.id for one in given.train if one.group in first | second}
    assert made.test.keys() == {one.id for one in given.test}
    assert pool.keys() == {one.id for one in given.pool if one.group in first | second}
    assert made.adapter == hashlib.sha256((tmp_path / "adapter.npz").read_bytes()).hexdigest()
    assert made.heads.keys() == set(FACTS)


def test_a_run_that_was_ended_goes_on_with_what_is_not_there(
    decoder: Any, reader: Reader, seen: Seen, finished: Path, tmp_path: Path
) -> None:
    given, ended = material(), tmp_path
    whole_run = tuned_of(decoder, "a" * 64, WANTED, finished)

    class Ended(Exception):
        pass

    def end(_: int) -> None:
        if len(seen.learned) == 2:
            raise Ended

    with pytest.raises(Ended):
        tune(decoder, reader, given, WANTED, ended, end)
    assert {path.name for path in ended.iterdir()} == {"about.json", "adapter.npz", "part-0.json"}
    with pytest.raises(ConfigError, match=r"no part-1\.json yet"):
        tuned_of(decoder, "a" * 64, WANTED, ended)
    before = (ended / "part-0.json").stat().st_mtime_ns, len(seen.learned)
    tune(decoder, reader, given, WANTED, ended)
    assert ((ended / "part-0.json").stat().st_mtime_ns, len(seen.learned)) == (before[0], before[1] + 2)
    assert tuned_of(decoder, "a" * 64, WANTED, ended) == whole_run
    tune(decoder, reader, given, msgspec.structs.replace(WANTED, turns=3), ended)
    assert len(seen.learned) == before[1] + 3, "another turn is one more part"
    (ended / "adapter.npz").unlink()
    tune(decoder, reader, given, WANTED, ended)
    assert tuned_of(decoder, "a" * 64, WANTED, ended) == whole_run, "a part whose adapter is gone is made anew"


@pytest.mark.parametrize("other", ["groups", "epochs", "seed", "rows", "labels", "everyday", "pool"])
def test_parts_of_another_tuning_are_not_gone_on_with(
    other: str, decoder: Any, reader: Reader, seen: Seen, finished: Path
) -> None:
    given, wanted = material(), WANTED
    if other in ("groups", "epochs", "seed"):
        wanted = msgspec.structs.replace(WANTED, **{other: 2 if other != "groups" else 4})
    elif other == "labels":
        given = material(train=[msgspec.structs.replace(given.train[0], wanted=(1.0,)), *given.train[1:]])
    else:
        changes: Any = {"rows": {"train": given.train[1:]}, "everyday": {"everyday": {}}, "pool": {"pool": []}}
        given = material(**changes[other])
    with pytest.raises(ConfigError, match="tuned with another model"):
        tune(decoder, reader, given, wanted, finished)
    assert not seen.learned
    tune(decoder, reader, material(), WANTED, finished)
    assert not seen.learned, "what is there is not made again"


# ---- the command ----------------------------------------------------------------------------------------------------


class Case(msgspec.Struct):
    """A folder of corpora, everyday texts and what is asked of them, and a model that passes for a published one."""

    folder: Path
    model: Path

    def run(self, *words: Any) -> Any:
        return CliRunner().invoke(brightline, ["classifier", "judge", *map(str, words)])

    def tune(self, out: str = "out", *more: Any) -> Any:
        where = self.folder / "corpora", self.folder / out
        return self.run("tune", *where, "--weights", self.model, "--groups", 2, "--epochs", 1, *more)


@pytest.fixture
def case(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    write_corpora(tmp_path / "corpora")
    for number in range(3):  # of one sentence nothing can be left out
        path = tmp_path / "corpora" / f"author-{number}.jsonl"
        path.write_text(path.read_text().replace(f" by {number}: ", f" by {number} were here. They said so: "))
    everyday = tmp_path / "everyday"
    everyday.mkdir()
    first = {"corpus": "day", "kind": "everyday", "origin": "a test", "licence": "Apache-2.0"}
    lines = [first, *({"text": f"a quiet day, number {i}"} for i in range(6))]
    (everyday / "day.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    asked = Ask("", {}, dict.fromkeys(FACTS, 0.0), {}, {"day": {line.value: (1, 4) for line in ASKED}}, {}, (0, 1), "")
    (tmp_path / "ask.json").write_bytes(msgspec.json.encode(asked))
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    tiny = Published(MODELS[0].name, model.name, digest, model.stat().st_size, "Apache-2.0", "none", "1", 1, LAYERS)
    for module in ("judging.making", "judging.command", "tuning.command"):
        monkeypatch.setattr(f"brightline.classifier.{module}.MODELS", (tiny,))

    def short(fact: str) -> Any:
        return msgspec.structs.replace(constitution(fact), text=f"{fact} is {fact}")

    for module in ("making", "features"):  # bytes are tokens here, and the real ones are thousands
        monkeypatch.setattr(f"brightline.classifier.judging.{module}.constitution", short)
    return Case(tmp_path, model)


def test_what_was_tuned_becomes_a_judge_that_says_what_was_said_and_teaches_students(case: Case) -> None:
    folder, out = case.folder, case.folder / "out"
    beside = "--ask", folder / "ask.json", "--everyday", folder / "everyday"
    done = case.tune("out", *beside, "--judged", folder / "judged.jsonl.gz", "--json")
    assert done.exit_code == 0, done.output
    made = read_tuned(out)
    corpora = read_corpora(folder / "corpora")
    rows = {row.id: row for one in corpora for row in one.rows}
    tested = {row.id for one in corpora if one.author.split == "test" for row in one.rows}
    assert made.test.keys() == tested
    assert made.held.keys() - rows.keys() == {f"day-{n}-{line}" for n in (1, 4) for line in Line}
    assert made.held.keys() & rows.keys() == rows.keys() - tested
    assert made.layers == LAYERS
    assert made.width == tiny_decoder.WIDTH
    judged = read_judged(folder / "judged.jsonl.gz")
    pool = {one.id: one for one in pool_of(corpora)}
    assert judged.entries.keys() == pool.keys() | (rows.keys() - tested)
    assert pool
    assert all(judged.entries[name].digest == digest_of(one.row) for name, one in pool.items())
    assert (judged.header.model, judged.header.adapter) == (made.model, made.adapter)
    assert json.loads(done.stdout) == {
        "adapter": made.adapter,
        "held": len(made.held),
        "test": len(made.test),
        "judged": len(pool) + len(rows.keys() - tested),
    }

    fitted = folder / "fitted"
    done = case.run("fit", folder / "corpora", out, fitted, *beside)
    assert done.exit_code == 0, done.output
    report = json.loads((fitted / "report.json").read_text())
    assert report["adapter"] == made.adapter
    assert report["rows_read"] == len(made.held) + len(made.test)
    for one in report["facts"].values():
        assert (one["penalty"], one["untrained"], one["curve"]) == (None, None, [])
        assert one["test"]["auroc"] > 0.8, "a word tells the rows apart"
    file = load_judge_file((fitted / "judge.json").read_bytes(), "judge.json")
    assert file.model.adapter is not None
    assert file.model.adapter.sha256 == hashlib.sha256((fitted / "adapter.npz").read_bytes()).hexdigest()
    judge = DecoderJudge(file, "judge", (fitted, case.model.parent))
    said: list[float] = []
    meant: list[float] = []
    for name in sorted(tested):
        found = judge.log_odds(exchange_of(rows[name]), ASKED[rows[name].line])
        said += [found[fact] for fact in made.test[name]]
        meant += made.test[name].values()
    np.testing.assert_allclose(said, meant, atol=0.2 * float(np.std(meant)))

    again = case.tune("out", *beside, "--judged", folder / "judged.jsonl")
    assert again.exit_code == 0
    assert read_tuned(out) == made, "all parts are there"
    assert f"{len(made.held)} rows of authors that were held out, {len(tested)}" in again.stdout


def test_another_models_file_and_too_few_authors_are_said(case: Case) -> None:
    few = case.tune("few", "--groups", 3)
    assert isinstance(few.exception, ConfigError)
    assert "2 authors do not make 3 groups" in str(few.exception)
    assert case.tune("ask", "--ask", case.folder / "ask.json").exit_code == 2, "--ask is nothing without its texts"
    another = case.folder / "another.gguf"
    another.write_bytes(b"GGUF")
    wrong = case.run("tune", case.folder / "corpora", case.folder / "wrong", "--weights", another)
    assert isinstance(wrong.exception, ConfigError)
    assert "has digest" in str(wrong.exception)
    assert not (case.folder / "wrong").exists()
