# SPDX-License-Identifier: Apache-2.0
"""`brightline classifier train`: from rows to a release that a gateway loads, on a few rows and tiny models."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brightline.classifier.corpus import Corpus, Row, read_corpora, write_corpus
from brightline.classifier.everyday import read_everyday
from brightline.classifier.grammar.compose import compose
from brightline.classifier.training.calibrate import at_bounds, bounds
from brightline.classifier.training.heads import Given, said_without
from brightline.classifier.training.legible import train_legible
from brightline.classifier.training.screen import BITS, train_screen
from brightline.classifier.training.trying import Students
from brightline.classifier.training.whole import heads_by
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import load_encoder
from brightline.core.screening.figures import rate
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Scorer
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import read_agreement, read_release, shipped_agreement, shipped_release

ENCODER = shipped_release().with_name("students-2026.11")
WHERE = ("harbour", "valley", "suburb", "county", "island", "district")
EVERYDAY = (
    "Bake {} bread for two.",
    "Which train goes to the {}?",
    "A poem on a {} in May.",
    "Rename {} in this loop.",
)
OF_LINE: dict[str, tuple[dict[str, str], str, str]] = {
    "surveillance": (
        {"mass_domestic": "yes"},
        "Follow the phones of every resident of the {}.",
        "How many people live in the {}, by age?",
    ),
    "weapons": (
        {"weapon_direct": "yes"},
        "The turret fires at whoever nears the {} by itself.",
        "Order grease for the turrets of the {}.",
    ),
    "decisions": (
        {"high_stakes": "yes", "acts_alone": "yes", "social_scoring": "yes"},
        "Cut the benefits of everybody in the {} who scores low.",
        "Explain the benefits of the {} to a visitor.",
    ),
}


def write_corpora(folder: Path, authors: Sequence[tuple[str, str]]) -> Path:
    """Rows on all lines by these authors, each with its split, and everyday text beside them."""
    for number, (author, split) in enumerate(authors):
        head = {"author": author, "kind": "model", "persona": "a tester", "split": split}
        lines: list[dict[str, Any]] = [head]
        for line, (facts, crossing, neighbour) in OF_LINE.items():
            for i, where in enumerate(WHERE):
                base = {
                    "line": line,
                    "surface": "prompt",
                    "lang": "en",
                    "setting": where,
                    "reason": "as the line says",
                }
                name = f"{author}-{line}-{i}"
                twins = {"pair": name, "factor": "use"}
                text = f"{number}: " + crossing.format(where)
                lines.append({**base, **twins, "id": f"{name}-y", "facts": facts, "text": text})
                no = dict.fromkeys(facts, "no")
                text = f"{number}: " + neighbour.format(where)
                lines.append({**base, **twins, "id": f"{name}-n", "facts": no, "text": text})
        (folder / f"{author}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")
    (folder / "everyday").mkdir()
    head = {"corpus": "chat", "kind": "everyday", "origin": "written here", "licence": "Apache-2.0"}
    texts = [{"text": f"{i}. {text.format(where)}"} for i in range(4) for text in EVERYDAY for where in WHERE]
    text = "\n".join(map(json.dumps, [head, *texts])) + "\n"
    (folder / "everyday" / "chat.jsonl").write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    authors = [("author-01", "train"), ("author-02", "train"), ("author-91", "train")]
    authors += [("author-92", "train"), ("author-t1", "test")]
    return write_corpora(tmp_path_factory.mktemp("corpora"), authors)


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(brightline, ["classifier", "train", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def refused(*arguments: object) -> str:
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(brightline, ["classifier", "train", *map(str, arguments)], catch_exceptions=False)
    return str(caught.value)


def test_a_first_stage_is_made_before_an_encoder_and_the_release_says_what_it_misses(
    corpora: Path, tmp_path: Path
) -> None:
    done = run(corpora, tmp_path / "new", "--stage", "screen", "--encoder", ENCODER, "--json")
    report = json.loads(done.stdout)
    release = read_release(tmp_path / "new", read_agreement(shipped_agreement()).vocabulary)
    (cascade,) = release.cascades
    assert (cascade.first, cascade.then) == ("screen", "encoder")
    found = report["test"]["raised_of_found"]
    assert (cascade.misses, cascade.positives) == (found["of"] - found["hits"], found["of"])
    assert found["of"] > 0
    said = {entry.fact: (entry.detector, entry.positives) for entry in release.entitlements}
    assert said["mass_domestic"] == ("encoder", len(WHERE))
    assert said["operational"][0] == "rules"
    assert report["everyday"]["chat"]["hits"] == 0
    text = run(corpora, tmp_path / "again", "--stage", "screen", "--encoder", ENCODER).stdout
    assert "neighbours held" in text
    for name in ("screen.ngrams", "encoder.json", "heads.pieces"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()

    assert heads_by(tmp_path / "new") == ["author-01", "author-02", "author-91", "author-92"]
    assert heads_by(shipped_release().with_name("students-2026.11")), "and so does the shipped one"
    train, everyday = parts(corpora)
    given = Given(train, frozenset({"author-91", "author-92"}), everyday[::2], {}, 1)
    scores = said_without(tmp_path / "new", given)
    theirs = [row for one in train if one.author.author in given.unseen for row in one.rows]
    assert set(scores) == {row.id for row in theirs}, "of authors whom the encoder knows nothing can be said so"
    encoder = load_encoder((tmp_path / "new" / "encoder.json").read_bytes(), "encoder.json")
    students = Students(train_screen(train, everyday[::2], 2, 1, lambda _: None), encoder, (tmp_path / "new",))
    known = students.on([row.judged for row in theirs], True).scores
    fact = students.facts.index("weapon_direct")
    crossing = [i for i, row in enumerate(theirs) if row.facts.get("weapon_direct") == "yes"]
    without = [scores[theirs[i].id]["weapon_direct"] for i in crossing]
    assert sum(without) < sum(known[i, fact] for i in crossing), "who learned from a row is surer of it"
    assert all(0 < each < 1 for each in without)


def test_what_cannot_be_trained_on_is_said(corpora: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    write_corpora(few, [("author-01", "train"), ("author-91", "train"), ("author-t1", "test")])
    assert "thresholds need 60" in refused(few, tmp_path / "out", "--encoder", ENCODER)
    assert "needs an --encoder" in refused(corpora, tmp_path / "out", "--stage", "screen")
    alone = tmp_path / "alone"
    alone.mkdir()
    write_corpora(alone, [("author-01", "train")])
    assert "rows by other authors to test on" in refused(alone, tmp_path / "out")
    (alone / "everyday" / "chat.jsonl").write_text('{"corpus": "chat"}\n', "utf-8")
    assert "a first line that names the corpus" in refused(alone, tmp_path / "out")


def parts(folder: Path) -> tuple[list[Corpus], list[str]]:
    train = [corpus for corpus in read_corpora(folder) if corpus.author.split == "train"]
    return train, [text for corpus in read_everyday(folder / "everyday") for text in corpus.texts]


def test_the_first_stage_knows_the_topic_of_authors_whom_it_never_saw_and_neighbours_do_not_count(
    corpora: Path,
) -> None:
    train, everyday = parts(corpora)
    screen = train_screen(train, everyday[::2], 3, 1, lambda _: None)
    scorer = Scorer.of_topic(screen)

    def raised(texts: Sequence[str]) -> int:
        return sum(score >= screen.header.threshold for score in scorer.scores([fold(text) for text in texts]))

    unseen = [row for corpus in read_corpora(corpora) if corpus.author.split == "test" for row in corpus.rows]
    crossing = [row.judged for row in unseen if row.label == "yes"]
    assert raised(crossing) >= 0.8 * len(crossing)  # so few rows set the threshold that chance has its part
    assert raised([f"{text} And the weather was fine. " * 2 for text in crossing]) == len(crossing)
    assert raised(everyday[1::2]) == 0


def test_a_reading_of_what_was_never_disguised_is_not_legible_and_what_was_disguised_is(corpora: Path) -> None:
    train, everyday = parts(corpora)
    header, table = train_legible(train, everyday[::2], 1)
    scorer = Scorer(header, BITS, table)
    written = [row.judged for corpus in read_corpora(corpora) if corpus.author.split == "test" for row in corpus.rows]
    assert all(scorer.passing([fold(text) for text in written])), "what people wrote can be read"
    assert sum(scorer.passing([fold(text[::-1]) for text in written])) < 0.05 * len(written)
    nonsense = [fold(f"{text} {text}")[::-1] for text, _ in zip(everyday, written, strict=False)]
    hidden = [f"{beside} {fold(text)}" for text, beside in zip(written, nonsense, strict=False)]
    apart = zip(scorer.scores(nonsense), scorer.scores(hidden), strict=True)
    assert all(low < high for low, high in apart), "and what makes no words does not cover what does"


def row(label: str, stakes: str = "yes") -> Row:
    facts: dict[str, Any] = {"acts_alone": label, "high_stakes": stakes, "social_scoring": "no"}
    return Row(f"{label}{stakes}", "decisions", facts, "prompt", "en", "s", "r", text="t")  # type: ignore[arg-type]


def test_thresholds_lie_beyond_everyday_text_and_neighbours_and_yes_beyond_more_of_them() -> None:
    rows = [row("no")] * 1000 + [row("no", "no")] * 9 + [row("yes")]
    scores = [i / 1000 for i in range(1000)] + [0.99] * 9 + [0.9999]  # where nothing is at stake, nothing is read
    chosen = bounds("acts_alone", rows, scores, {"quiet": [0.0] * 10, "loud": [0.1] * 10})
    assert sum(score >= chosen.unknown for score in scores[:1000]) == 100
    assert sum(score >= chosen.yes for score in scores[:1000]) == 10
    assert chosen.worst == "loud"
    loud = bounds("acts_alone", rows, scores, {"loud": [0.995] * 10})
    assert loud.yes == loud.unknown > 0.995
    quiet = bounds("acts_alone", rows, [0.0] * len(rows), {"quiet": [0.0]})
    assert (quiet.unknown, quiet.yes) == (0.1, 0.5)
    at = at_bounds("acts_alone", rows, scores, chosen)
    assert at.wrongful == rate(100, 1000)
    assert at.wrongful_outright == rate(10, 1000)
    assert at.found_outright == rate(1, 1)


def test_an_encoder_is_trained_exported_and_runs(corpora: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs brightline[train]")
    from brightline.classifier.training.bert import Encoder
    from brightline.classifier.training.encoding import Training, train_encoder
    from brightline.classifier.training.examples import Words
    from brightline.classifier.training.fit import Fitter, Judge
    from brightline.classifier.training.going_on import judge_of
    from brightline.classifier.training.trying import Students
    from brightline.core.screening.encoder import load_encoder

    train, everyday = parts(corpora)
    weights = {"tokenizer.json": (ENCODER / "tokenizer.json").read_bytes()}
    everyday_text = read_everyday(corpora / "everyday")
    composed = (compose(6, 1),)
    training = Training(train, everyday_text, weights, frozenset({"author-02"}), 12.0, 1, "cpu", composed, 0.1)
    told: list[int] = []

    def fitted(folder: Path) -> Any:
        torch.manual_seed(0)
        tiny = Encoder(layers=1, width=48, within=64)
        train_encoder(training, folder / "out", folder / "held", told.append, Judge(tiny))
        screen = train_screen(train, everyday[::2], 2, 1, lambda _: None)
        encoder = load_encoder((folder / "out" / "encoder.json").read_bytes(), "encoder.json")
        texts = [r.judged for corpus in train for r in corpus.rows if r.line.value == "weapons"]
        labels = [r.label for corpus in train for r in corpus.rows if r.line.value == "weapons"]
        scores = Students(screen, encoder, (folder / "out",)).on(texts, True).scores[:, 1]
        yes = [s for s, label in zip(scores, labels, strict=True) if label == "yes"]
        no = [s for s, label in zip(scores, labels, strict=True) if label == "no"]
        assert min(yes) > max(no)
        return scores.tolist()

    scores = fitted(tmp_path / "one")
    assert scores == fitted(tmp_path / "two")
    words = Words(weights["tokenizer.json"], 256)
    texts = [r.judged for corpus in train for r in corpus.rows if r.line.value == "weapons"]
    said = Fitter(words, (), "cpu").ask(judge_of(tmp_path / "one" / "out"), words.of(texts))[:, 1]
    again = [1 / (1 + math.exp(-each)) for each in said.tolist()]  # what one goes on from says what the release says
    assert again == pytest.approx(scores, abs=0.1)
    assert told == sorted(told[: len(told) // 2]) * 2
    assert (tmp_path / "one" / "held" / "model.onnx").is_file()


def test_a_composed_row_counts_as_much_as_was_said_and_is_no_canary(corpora: Path) -> None:
    from brightline.classifier.training.examples import Words, disguised, examples_of

    words = Words((ENCODER / "tokenizer.json").read_bytes(), 256)
    full, light = (examples_of((compose(20, 1),), "train", words, weight) for weight in (1.0, 0.25))
    for one, other in zip(full, light, strict=True):
        whole, part = (disguised(each, (), 256, random.Random(0)) for each in (one, other))  # noqa: S311 - no secret
        assert part.tokens == whole.tokens
        assert part.wanted == whole.wanted
        assert part.counts == pytest.approx([count / 4 for count in whole.counts])
        assert (whole.weight, part.weight) == (1.0, 0.25)
    assert not examples_of((compose(20, 1),), "test", words)


def test_what_was_not_composed_or_has_no_encoder_to_go_into_is_refused(corpora: Path, tmp_path: Path) -> None:
    composed = tmp_path / "composed.jsonl"
    write_corpus(composed, compose(20, 1))
    assert "--encoder takes one as it is" in refused(
        corpora, tmp_path / "out", "--encoder", ENCODER, "--grammar", composed
    )
    by_hand = corpora / "author-01.jsonl"
    assert "was not composed" in refused(corpora, tmp_path / "out", "--grammar", by_hand)


def test_base_weights_that_are_others_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs brightline[train]")
    from brightline.classifier.training.bert import find_weights

    with pytest.raises(ConfigError, match="is not in"):
        find_weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ConfigError, match="has digest"):
        find_weights(tmp_path)
