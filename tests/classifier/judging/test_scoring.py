# SPDX-License-Identifier: Apache-2.0
"""`brightline classifier judge score`: what a judge says of rows and of what they become; it goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

pytest.importorskip("openvino", reason="the extra `judge` is not installed")

from brightline.classifier.corpus import Author, Corpus, Line, Row, RowSurface, read_corpora, write_corpus
from brightline.classifier.judging.features import exchange_of
from brightline.classifier.judging.scoring import judge_of
from brightline.classifier.training.distilling import heard_of
from brightline.classifier.training.judged import corpus_of, read_judged
from brightline.classifier.training.pool import pool_of
from brightline.core.errors import ConfigError, ReleaseError
from brightline.shell.cli.main import brightline
from tests.shell.inference.tiny_judge import judge_file

CROSSES = "Track everyone in the area. QQQQQQQQ. Then report."


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "judge.json").write_bytes(msgspec.json.encode(judge_file(folder)))
    return folder


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    folder = tmp_path / "corpora"
    folder.mkdir()

    def row(name: str, line: Line, text: str) -> Row:
        facts: Any = {
            Line.SURVEILLANCE: {"mass_domestic": "yes"},
            Line.WEAPONS: {"weapon_direct": "no"},
            Line.DECISIONS: dict.fromkeys(("high_stakes", "acts_alone", "social_scoring"), "no"),
        }[line]
        return Row(name, line, facts, RowSurface.PROMPT, "en", "s", "r", text=text)

    ours = [row("a", Line.SURVEILLANCE, CROSSES), row("b", Line.DECISIONS, "Rank them. Cut the rest. Tell nobody.")]
    ours += [row("c", Line.WEAPONS, "Order grease. Then fire.")]
    theirs = (row("t", Line.SURVEILLANCE, "Who goes there? Nobody."),)
    write_corpus(folder / "one.jsonl", Corpus(Author("one", "model", "p", "train"), tuple(ours)))
    write_corpus(folder / "test.jsonl", Corpus(Author("test", "model", "p", "test"), theirs))
    return folder


def run(corpora: Path, out: Path, fitted: Path, *options: str) -> Any:
    command = ["classifier", "judge", "score", *map(str, (corpora, out))]
    command += ["--weights", str(fitted / "tiny.gguf"), "--fitted", str(fitted), "--json", *options]
    return CliRunner().invoke(brightline, command)


def read(corpora: Path, out: Path, fitted: Path, *options: str) -> dict[str, int]:
    done = run(corpora, out, fitted, *options)
    assert done.exit_code == 0, done.output
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_what_the_judge_says_of_rows_and_of_what_they_become_is_there_to_learn_from(
    corpora: Path, fitted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged.jsonl.gz"
    told = read(corpora, out, fitted)
    found = read_judged(out)
    rows = read_corpora(corpora)
    heard = heard_of(found, rows)
    known = [one for one in pool_of(rows) if one.row.line is not Line.WEAPONS]
    assert list(heard) == known, "this judge knows nothing of weapons"
    assert told == {"read": len(known) + 2, "there": len(known) + 2, "texts": len(known) + 2}
    assert set(found.entries) == {"a", "b", *(one.id for one in known)}, "and test authors are not read"
    every = [*rows[0].rows[:2], *(one.row for one in known)]
    judge = judge_of(fitted, fitted / "tiny.gguf")
    assert found.header.corpus == corpus_of(every)
    assert (found.header.model, found.header.adapter) == (judge.file.model.sha256, "")
    assert found.header.judge == judge.digest
    for row in every:
        said = found.of(row)
        facts = ("mass_domestic",) if row.line is Line.SURVEILLANCE else ("high_stakes", "acts_alone")
        assert said == pytest.approx(judge.judge.log_odds(exchange_of(row), facts), abs=0.01)


def test_it_goes_on_where_it_ended_and_parts_come_to_the_same(corpora: Path, fitted: Path, tmp_path: Path) -> None:
    whole, ended, shared = (tmp_path / f"{name}.jsonl" for name in ("whole", "ended", "shared"))
    texts = read(corpora, whole, fitted)["texts"]
    assert read(corpora, ended, fitted, "--minutes", "0") == {"read": 1, "there": 1, "texts": texts}
    part = tmp_path / "ended.jsonl.parts" / "1-1.jsonl"
    part.write_bytes(part.read_bytes() + b'{"id": "half a')
    assert read(corpora, ended, fitted) == {"read": texts - 1, "there": texts, "texts": texts}
    assert read(corpora, ended, fitted)["read"] == 0
    one, other = (read(corpora, shared, fitted, "--part", part) for part in ("1/2", "2/2"))
    assert (one["read"], other["read"]) == (texts - texts // 2, texts // 2)
    assert other["there"] == texts
    assert whole.read_bytes() == ended.read_bytes() == shared.read_bytes()


def test_only_what_changed_is_read_again(corpora: Path, fitted: Path, tmp_path: Path) -> None:
    out = tmp_path / "judged.jsonl"
    texts = read(corpora, out, fitted)["texts"]
    file = corpora / "one.jsonl"
    file.write_text(file.read_text().replace("Tell nobody", "Tell everybody"))
    again = read(corpora, out, fitted)
    assert 0 < again["read"] < texts
    assert again["there"] == again["texts"] == len(read_judged(out).entries)
    assert read(corpora, out, fitted)["read"] == 0
    assert heard_of(read_judged(out), read_corpora(corpora))


def test_another_judge_or_model_is_not_mixed_in_and_one_that_leans_on_students_is_refused(
    corpora: Path, fitted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "judged.jsonl"
    read(corpora, out, fitted)
    judge = msgspec.json.decode((fitted / "judge.json").read_bytes())
    other = tmp_path / "other"
    other.mkdir()
    (other / "tiny.gguf").write_bytes((fitted / "tiny.gguf").read_bytes())
    joined = judge | {"joined": {"mass_domestic": 0.5}}
    (other / "judge.json").write_bytes(msgspec.json.encode(joined))
    assert "without --release" in str(run(corpora, tmp_path / "new.jsonl", other).exception)
    judge["head"][0]["bias"] += 1
    (other / "judge.json").write_bytes(msgspec.json.encode(judge))
    refused = run(corpora, out, other).exception
    assert isinstance(refused, ConfigError)
    assert "another judge" in str(refused)
    (other / "tiny.gguf").write_bytes(b"GGUF")
    assert isinstance(run(corpora, tmp_path / "new.jsonl", other).exception, ReleaseError)
    assert run(corpora, out, fitted, "--part", "3/2").exit_code == 2
