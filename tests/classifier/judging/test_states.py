# SPDX-License-Identifier: Apache-2.0
"""What the decoder makes of the rows is read once, in an order that is a sample wherever it is cut, and goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from brightline.classifier.corpus import Corpus, read_corpora
from brightline.classifier.everyday import read_everyday
from brightline.classifier.judging import making
from brightline.classifier.judging.features import ASKED, TOKENS_MAX, Store, exchange_of, in_order, views
from brightline.classifier.judging.grounds import ground_of
from brightline.classifier.judging.making import Behind, Goals
from brightline.classifier.judging.neighbours import Ask, as_corpora
from brightline.core.errors import ConfigError, ReleaseError
from brightline.core.screening.encoder import Part, canary_segments, missed
from brightline.core.screening.judge import load_judge_file
from brightline.core.screening.prompt import definitions, question
from brightline.decoder.published import MODELS, Published
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import read_agreement, read_release, shipped_agreement, shipped_release
from brightline.shell.storage.releases import release_files
from tests import tiny_decoder

pytest.importorskip("openvino", reason="the extra `judge` is not installed")

from brightline.decoder.asking import Asker
from brightline.shell.inference.judge import DecoderJudge

CORPORA = Path(__file__).resolve().parents[3] / "corpora"
LAYERS = (1, 3)
FACTS = tuple(fact for facts in ASKED.values() for fact in facts)


def write_corpora(folder: Path) -> Path:
    """Three authors, each with pairs on every line; a row that crosses its line says so in a word of its own."""
    folder.mkdir()
    facts = {
        "surveillance": ["mass_domestic"],
        "weapons": ["weapon_direct"],
        "decisions": ["high_stakes", "acts_alone", "social_scoring"],
    }
    for number, split in enumerate(("train", "train", "test")):
        lines: list[dict[str, Any]] = [
            {"author": f"author-{number}", "kind": "model", "persona": "a tester", "split": split}
        ]
        for line, names in facts.items():
            for i in range(4):
                for value in ("yes", "no"):
                    word = "qqqqqqqq" if value == "yes" else "a quiet day"
                    lines.append(
                        {
                            "id": f"{number}-{line}-{i}-{value}",
                            "line": line,
                            "facts": dict.fromkeys(names, value) | ({"high_stakes": "yes"} if i % 2 else {}),
                            "surface": "prompt",
                            "lang": "en",
                            "setting": "a test",
                            "reason": "it says so",
                            "pair": f"{number}-{line}-{i}",
                            "factor": "the word",
                            "text": f"{line[:3]} {i} by {number}: {word}",
                        }
                    )
        (folder / f"author-{number}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    return path, tiny_decoder.write(path)


@pytest.fixture
def corpora(tmp_path: Path) -> tuple[Corpus, ...]:
    return read_corpora(write_corpora(tmp_path / "corpora"))


def store(folder: Path, digest: str, adapter: bytes | None = None) -> Store:
    return Store(folder, digest, LAYERS, tiny_decoder.WIDTH, adapter)


def test_reading_that_was_ended_anywhere_goes_on_and_gives_the_same(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...]
) -> None:
    path, digest = model
    asker, rows = Asker(path, LAYERS), in_order(corpora)
    whole = store(tmp_path / "whole", digest)
    assert sum(1 for _ in whole.read(rows, asker, 1, 1)) == len(rows)

    ended = store(tmp_path / "ended", digest)
    for taken, _ in enumerate(ended.read(rows, asker, 1, 1), 1):
        if taken == 7:
            break
    with (tmp_path / "ended" / "rows-1-1.f16").open("ab") as file:
        file.write(b"half a row")
    with (tmp_path / "ended" / "rows-1-1.jsonl").open("ab") as file:
        file.write(b'{"id": "half a')
    assert len(ended.load()) == 7, "what is whole is read while the rest is being written"
    assert sum(1 for _ in ended.read(rows, asker, 1, 1)) == len(rows) - 7
    expected, found = whole.load(), ended.load()
    assert list(found) == [row.id for row in rows]
    for name, (entry, numbers) in expected.items():
        assert found[name][0] == entry
        np.testing.assert_array_equal(found[name][1], numbers)
    assert all(numbers.shape[0] == 1 for _, numbers in found.values())
    assert sum(1 for _ in ended.read(rows, asker, 1, 1, questions=True)) == 0, "what is there is not read again"
    asked = store(tmp_path / "asked", digest)
    for _ in asked.read(rows[:6], asker, 1, 1, questions=True):
        pass
    for row in rows[:6]:
        entry, numbers = asked.load()[row.id]
        assert numbers.shape[0] == entry.questions + 1 == len(ASKED[row.line]) + 1
        np.testing.assert_allclose(numbers[-1], found[row.id][1][-1], atol=0.05)


def test_parts_share_the_rows_and_keep_pairs_together(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...]
) -> None:
    path, digest = model
    rows, asker = in_order(corpora), Asker(path, LAYERS)
    folder = tmp_path / "states"
    assert sum(sum(1 for _ in store(folder, digest).read(rows, asker, part, 2)) for part in (1, 2)) == len(rows)
    pair = {row.id: row.pair for row in rows}
    pairs = [
        {pair[json.loads(line)["id"]] for line in (folder / f"rows-{part}-2.jsonl").read_text().splitlines()}
        for part in (1, 2)
    ]
    assert not pairs[0] & pairs[1]
    assert set(store(folder, digest).load()) == {row.id for row in rows}


def test_another_model_or_other_definitions_are_not_mixed_in(tmp_path: Path) -> None:
    store(tmp_path, "a" * 64)
    with pytest.raises(ConfigError, match="another model"):
        store(tmp_path, "b" * 64)
    with pytest.raises(ConfigError, match="another model"):
        Store(tmp_path, "a" * 64, (1,), tiny_decoder.WIDTH)
    (tmp_path / "about.json").write_text("{}")
    with pytest.raises(ConfigError, match="no states"):
        Store.open(tmp_path)


def test_states_with_an_adapter_are_a_store_of_their_own_and_those_without_stay_where_they_are(
    tmp_path: Path,
) -> None:
    places = [tmp_path / name for name in ("none", "one", "two")]
    for place, adapter in zip(places, (None, b"one", b"two"), strict=True):
        opened = store(place, "a" * 64, adapter), Store.open(place)
        parts = [Part("adapter.npz", hashlib.sha256(adapter).hexdigest()) if adapter else None] * 2
        assert [one.adapter for one in opened] == parts
    about = [json.loads((place / "about.json").read_text()) for place in places]
    assert len({one["key"] for one in about}) == 3
    assert about[0].keys() == {"key", "weights", "layers", "width"}
    asked = [[definitions(view), [question(one) for one in view]] for view in views().values()]
    before = json.dumps(["a" * 64, list(LAYERS), TOKENS_MAX, asked])
    assert about[0]["key"] == hashlib.sha256(before.encode()).hexdigest(), "folders that are there stay valid"
    for place, adapter in ((places[0], b"one"), (places[1], None), (places[1], b"two")):
        with pytest.raises(ConfigError, match="another model"):
            store(place, "a" * 64, adapter)
    (places[1] / "adapter.npz").write_bytes(b"two")
    with pytest.raises(ConfigError, match="another model"):
        Store.open(places[1])
    (places[1] / "adapter.npz").unlink()
    with pytest.raises(ConfigError, match="no states"):
        Store.open(places[1])


def test_what_was_read_with_an_adapter_is_judged_with_it_in_every_release_it_is_added_to(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = model
    name = MODELS[0].name  # the one that is read unless another is named
    tiny = Published(name, path.name, digest, path.stat().st_size, "Apache-2.0", "none", "1", 1, LAYERS)
    for module in ("making", "command"):
        monkeypatch.setattr(f"brightline.classifier.judging.{module}.MODELS", (tiny,))
    where, states, out, learned = (tmp_path / name for name in ("corpora", "states", "out", "learned.npz"))
    tiny_decoder.adapter().write(learned)

    def run(*words: Any) -> Any:
        return CliRunner().invoke(brightline, ["classifier", "judge", *map(str, words)]).exception

    assert run("read", where, states, "--weights", path, "--adapter", learned) is None
    plain, row = Asker(path, LAYERS), in_order(corpora)[0]
    kept, tokens = plain.keep(views()[row.line]), plain.tokens(exchange_of(row))
    assert np.abs(Store.open(states).load()[row.id][1][-1] - plain.states(tokens, kept, False)[1]).max() > 0.1
    assert run("fit", where, states, out) is None
    part = load_judge_file((out / "judge.json").read_bytes(), "judge.json").model.adapter
    assert part == Part("adapter.npz", hashlib.sha256(learned.read_bytes()).hexdigest())

    def add(to: str, base: Path) -> Any:
        return run("add", base, tmp_path / to, "--fitted", out, "--id", "x", "--after", "rules")

    assert add("added", shipped_release()) is None
    added = tmp_path / "added"
    assert (added / "adapter.npz").read_bytes() == learned.read_bytes()
    assert "adapter.npz" in release_files(added), "what is signed, kept and delivered"
    judge = load_judge_file((added / "judge.json").read_bytes(), "judge.json")
    found = DecoderJudge(judge, "judge", (added, path.parent)).judge(canary_segments(judge.canary))
    assert missed(judge.canary, found) == ()
    base = tmp_path / "base"
    shutil.copytree(shipped_release(), base)
    (base / "adapter.npz").write_bytes(b"of something else")
    assert "as another file" in str(add("taken", base))
    (out / "adapter.npz").write_bytes(b"")
    assert "digest" in str(add("other", shipped_release()))
    (out / "adapter.npz").unlink()
    assert "in none of" in str(add("missing", shipped_release()))
    assert not any((tmp_path / name).exists() for name in ("taken", "other", "missing"))


def test_wherever_the_order_is_cut_the_rest_is_a_sample_with_whole_pairs() -> None:
    corpora = read_corpora(CORPORA)
    rows = in_order(corpora)
    assert sorted(row.id for row in rows) == sorted(row.id for corpus in corpora for row in corpus.rows)
    assert [row.id for row in in_order(tuple(reversed(corpora)))] == [row.id for row in rows]
    first = rows[:1_500]
    pairs = Counter((row.pair, row.line) for row in rows if row.pair)
    begun = Counter((row.pair, row.line) for row in first if row.pair)
    broken = [pair for pair, count in begun.items() if count != pairs[pair]]
    assert len(broken) <= 1, "only the pair at the cut"
    author = {row.id: corpus.author for corpus in corpora for row in corpus.rows}
    assert {author[row.id].author for row in first} == {corpus.author.author for corpus in corpora}
    for line in ASKED:
        assert sum(row.line is line for row in first) == pytest.approx(500, abs=60)
    tested = sum(author[row.id].split == "test" for row in first) / len(first)
    overall = sum(len(corpus.rows) for corpus in corpora if corpus.author.split == "test") / len(rows)
    assert overall < tested < 2.5 * overall


def test_heads_that_were_fitted_stand_in_a_judge_file_and_are_reported(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = model
    tiny = Published("tiny", path.name, digest, path.stat().st_size, "Apache-2.0", "none", "1", 1, LAYERS)
    monkeypatch.setattr(making, "MODELS", (tiny,))
    for _ in store(tmp_path / "states", digest).read(in_order(corpora), Asker(path, LAYERS), 1, 1):
        pass
    out = tmp_path / "out"
    command = ["classifier", "judge", "fit", str(tmp_path / "corpora"), str(tmp_path / "states"), str(out), "--json"]
    done = CliRunner().invoke(brightline, command)
    assert done.exit_code == 0, done.output
    made = load_judge_file((out / "judge.json").read_bytes(), "judge.json")
    assert made.facts == tuple(fact for facts in ASKED.values() for fact in facts)
    assert made.model.sha256 == digest
    report = json.loads((out / "report.json").read_text())
    assert report == json.loads(done.stdout)
    assert report["rows_read"] == 72
    told = report["facts"]["mass_domestic"]
    assert told["test"]["auroc"] > 0.95, "a word tells the rows apart, and the decoder sees words"
    assert told["test"]["pairs"]["of"] == 4
    assert [point["rows"] for point in told["curve"]][-1] == told["train_rows"] == 16
    assert set(report["lines"]) == {line.value for line in ASKED}
    added = tmp_path / "added"
    adding = [
        "classifier",
        "judge",
        "add",
        str(shipped_release()),
        str(added),
        "--fitted",
        str(out),
        "--id",
        "r-with-judge",
        "--after",
        "rules",
    ]
    done = CliRunner().invoke(brightline, adding)
    assert done.exit_code == 0, done.output
    release = read_release(added, read_agreement(shipped_agreement()).vocabulary)
    assert (release.id, release.judge and release.judge.kind) == ("r-with-judge", "judge")
    settled = {one.fact: one for one in release.settlements}
    assert set(settled) == set(made.facts)
    said = told["test_settled"]
    assert (settled["mass_domestic"].misses, settled["mass_domestic"].positives) == (
        said["missed"]["hits"],
        said["missed"]["of"],
    )
    assert (
        release.entitlements
        == read_release(shipped_release(), read_agreement(shipped_agreement()).vocabulary).entitlements
    )
    assert isinstance(CliRunner().invoke(brightline, adding).exception, ConfigError), "it is there already"
    twice = CliRunner().invoke(brightline, [*adding[:3], str(added), str(tmp_path / "twice"), "--id", "x"])
    assert isinstance(twice.exception, ReleaseError)
    again = tmp_path / "again"
    assert CliRunner().invoke(brightline, [*command[:-2], str(again)]).exit_code == 0
    assert (again / "judge.json").read_bytes() == (out / "judge.json").read_bytes()


def test_behind_students_a_judge_is_fitted_on_everyday_text_too_and_says_what_they_know(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = model
    tiny = Published("tiny", path.name, digest, path.stat().st_size, "Apache-2.0", "none", "1", 1, LAYERS)
    monkeypatch.setattr(making, "MODELS", (tiny,))
    everyday = tmp_path / "everyday"
    everyday.mkdir()
    first = {"corpus": "day", "kind": "everyday", "origin": "a test", "licence": "Apache-2.0"}
    lines = [first, *({"text": f"a quiet day, number {i}"} for i in range(6))]
    (everyday / "day.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    asked = Ask("", {}, dict.fromkeys(FACTS, 0.0), {}, {"day": {line.value: (1, 4) for line in ASKED}}, {}, (0, 1), "")
    ask = tmp_path / "ask.json"
    ask.write_bytes(msgspec.json.encode(asked))
    neighbours = as_corpora(read_everyday(everyday), asked)
    rows = in_order(corpora, neighbours)
    assert [row.setting for row in rows[:4]].count("everyday") > 1, "they are read well ahead"
    for _ in store(tmp_path / "states", digest).read(rows, Asker(path, LAYERS), 1, 1):
        pass
    scores = {row.id: dict.fromkeys(FACTS, 0.9 if row.label == "yes" else 0.2) for row in rows}
    scores |= {"0-weapons-0-yes": dict.fromkeys(FACTS, 0.1), "0-weapons-0-no": dict.fromkeys(FACTS, 0.95)}
    told = {}
    read = ground_of(corpora, neighbours, tmp_path / "states")
    for name, behind in {"alone": None, "behind": Behind(scores, frozenset({"author-1"}), asked.facts)}.items():
        made, report = making.make(corpora, neighbours, read, behind, Goals(0.05, 0.01, 0.0))
        told[name] = made, report
        assert report.rows_read == 72 + 6
        assert report.facts["mass_domestic"].train_rows == 16 + 2
        yes = {head.fact: head.yes for head in made.head}
        assert all(one > 0.999 for one in yes.values()), "of so few neighbours nothing is said outright"
    assert told["alone"][0].joined == {}
    assert told["behind"][0].joined == {}, "the head tells all of these rows by itself"
    assert told["behind"][1].facts["mass_domestic"].students == 1.0
    options = ["--ask", str(ask), "--everyday", str(everyday), "--held", "0"]
    command = [
        "classifier",
        "judge",
        "fit",
        *(str(tmp_path / name) for name in ("corpora", "states", "out")),
        *options,
    ]
    done = CliRunner().invoke(brightline, command)
    assert done.exit_code == 0, done.output
    assert load_judge_file((tmp_path / "out" / "judge.json").read_bytes(), "judge").facts == told["alone"][0].facts
    assert CliRunner().invoke(brightline, command[:-4]).exit_code == 2, "--ask is nothing without its texts"


def test_too_few_rows_and_another_file_are_said(
    tmp_path: Path, model: tuple[Path, str], corpora: tuple[Corpus, ...]
) -> None:
    path, digest = model
    where = str(tmp_path / "corpora")
    store(tmp_path / "states", digest)
    wrong = CliRunner().invoke(
        brightline, ["classifier", "judge", "read", where, str(tmp_path / "s"), "--weights", str(path)]
    )
    assert isinstance(wrong.exception, ConfigError)
    assert "digest" in str(wrong.exception)
    part = CliRunner().invoke(
        brightline,
        ["classifier", "judge", "read", where, str(tmp_path / "s"), "--weights", str(path), "--part", "3/2"],
    )
    assert part.exit_code == 2


def test_a_row_is_read_as_who_said_what(corpora: tuple[Corpus, ...]) -> None:
    row = corpora[0].rows[0]
    assert exchange_of(row) == f"User: {row.text}"
    convert = msgspec.structs.replace
    assert exchange_of(convert(row, surface="output", asked="why")) == f"User: why\nAssistant: {row.text}"
