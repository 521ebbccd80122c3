# SPDX-License-Identifier: Apache-2.0
"""Training as a whole: a folder of corpora in, a folder with a release out.

1. the first stage: topic against everyday text, authors held out in turns
2. the encoder: fitted without some authors, then with all; from the base weights, or on from an earlier release; or
   taken from one as it is
3. its heads, fitted on its states as they are then, and what pieces add to them
4. thresholds, from rows by authors whom neither the encoder nor the head that scores them has seen, and from the worst
   everyday corpus
5. all tried as it will run, on the rows of the test authors
6. the release: rules, first stage, encoder, what silence means, the cascade with its misses
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from brightline.classifier.corpus import Corpus, Line, Row
from brightline.classifier.everyday import Everyday
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Encoder, load_encoder
from brightline.core.screening.figures import Rate, rate
from brightline.core.screening.ngrams import NGrams, load_ngrams
from brightline.shell.shipped import shipped_release
from brightline.terminal import progress

if TYPE_CHECKING:
    from brightline.classifier.training.distilling import Taught
    from brightline.classifier.training.trying import Students

HELD_OUT_EVERY: Final = 3  # one of so many authors is held out for thresholds
FOLDS: Final = 4
ROWS_MIN: Final = 60  # by authors whom an encoder has not seen, to set its thresholds anew
PARTS: Final = ("model.onnx", "tokenizer.json", "encoder.json")


class Wanted(msgspec.Struct, frozen=True):
    """What the command was asked for."""

    corpora: tuple[Corpus, ...]
    everyday: tuple[Everyday, ...]
    measured: tuple[Everyday, ...]
    out: Path
    stage: str
    encoder: Path | None
    after: Path | None
    weights: Path | None
    epochs: float
    seed: int
    threads: int
    composed: tuple[Corpus, ...] = ()
    composed_weight: float = 1.0
    taught: Taught | None = None

    def of(self, split: str) -> list[Corpus]:
        """The corpora of one split."""
        return [corpus for corpus in self.corpora if corpus.author.split == split]


def run(wanted: Wanted, files: Sequence[Path]) -> dict[str, Any]:
    """Train, measure and write. ``files`` are those of the rows, by author. Raises ``ConfigError``."""
    from brightline.classifier.training import release, trying  # numpy and onnxruntime: not for every command
    from brightline.classifier.training.heads import Given, headed

    if not wanted.of("train") or not wanted.of("test"):
        raise ConfigError("there are rows to train on and rows by other authors to test on")
    if any(corpus.author.kind != "grammar" or corpus.author.split != "train" for corpus in wanted.composed):
        raise ConfigError("what --grammar names was not composed to train on")
    if wanted.composed and wanted.encoder:
        raise ConfigError("composed rows are for the encoder, and --encoder takes one as it is")
    if wanted.taught and wanted.encoder:
        raise ConfigError("what a judge said is for the encoder, and --encoder takes one as it is")
    if wanted.stage == "screen" and not wanted.encoder:
        raise ConfigError("the first stage alone needs an --encoder to stand before")
    wanted.out.mkdir(parents=True, exist_ok=True)
    if wanted.stage in {"all", "screen"}:
        release.write_screen(wanted.out, _screen(wanted))  # 1.
    screen = load_ngrams((wanted.out / release.SCREEN).read_bytes(), release.SCREEN)
    with tempfile.TemporaryDirectory() as scratch:
        held = Path(scratch)
        unseen = _encoder(wanted, held)  # 2.
        plain = [text for corpus in wanted.everyday for text in corpus.learned]
        others = {corpus.source.corpus: corpus.kept for corpus in wanted.everyday}
        others |= {corpus.source.corpus: corpus.texts for corpus in wanted.measured}
        given = Given(wanted.of("train"), unseen, plain, others, wanted.seed, wanted.threads)
        made = headed(given, screen, wanted.out, held)  # 3. and 4.
    encoder = msgspec.structs.replace(made.encoder, near=release.NEAR)
    release.write_encoder(wanted.out, encoder)
    ours = trying.Students(screen, encoder, (wanted.out,))
    _check_canaries(ours, encoder)
    rows = [row for corpus in wanted.of("test") for row in corpus.rows]
    with progress("trying on the test authors", len(rows)) as step:
        tried = ours.on([row.judged for row in rows], True, step)  # 5.
    found, cascade, report = measured(rows, tried, encoder, made.bounds)
    report = {
        "rows": {split: sum(len(corpus.rows) for corpus in wanted.of(split)) for split in ("train", "test")},
        "authors": authors_of(wanted.encoder) if wanted.encoder else [c.author.author for c in wanted.of("train")],
        "heads_by": [corpus.author.author for corpus in wanted.of("train")],
        "thresholds_by": sorted(unseen),
        "composed": {"rows": sum(len(c.rows) for c in wanted.composed), "weight": wanted.composed_weight},
        "judged": wanted.taught.report() if wanted.taught else None,
        "seed": wanted.seed,
        "epochs": None if wanted.encoder else wanted.epochs,
        "encoder_of": wanted.encoder.resolve().name if wanted.encoder else None,
        "went_on_from": wanted.after.resolve().name if wanted.after else None,
        "thresholds": made.bounds,
        "everyday": made.everyday,
        "test": report,
    }
    release.write_report(wanted.out, report)
    authors = {corpus.author.author for corpus in wanted.of("test")}
    tested = release.digest_of([file for file in files if file.stem in authors])
    corpus = f"rows by {len(authors)} test authors, {tested}"
    note = "rules, and students trained on the corpora; report.json says what was measured while training"
    release.write_release(wanted.out, shipped_release(), found, cascade, corpus, note)  # 6.
    return report


def _screen(wanted: Wanted) -> NGrams:
    from brightline.classifier.training.legible import train_legible
    from brightline.classifier.training.screen import train_screen

    plain = [text for corpus in wanted.everyday for text in corpus.learned]
    with progress("first stage: fits", FOLDS + 2) as step:
        topic = train_screen(wanted.of("train"), plain, FOLDS, wanted.seed, step)
        legible, table = train_legible(wanted.of("train"), plain, wanted.seed)
        step(FOLDS + 2)
    return NGrams(msgspec.structs.replace(topic.header, legible=legible), topic.table, table)


def _encoder(wanted: Wanted, held: Path) -> frozenset[str]:
    """Put the encoder into OUT, and one that has not seen some authors into ``held``; these authors."""
    authors = sorted(corpus.author.author for corpus in wanted.of("train"))
    if wanted.encoder:
        unseen = frozenset(authors) - frozenset(authors_of(wanted.encoder))
        rows = sum(len(corpus.rows) for corpus in wanted.of("train") if corpus.author.author in unseen)
        if rows < ROWS_MIN:
            raise ConfigError(
                f"{wanted.encoder.name} has not seen {rows} rows of these authors; thresholds need {ROWS_MIN}"
            )
        for name in PARTS:
            shutil.copyfile(wanted.encoder / name, held / name)
            if wanted.encoder.resolve() != wanted.out.resolve():
                shutil.copyfile(wanted.encoder / name, wanted.out / name)
        for folder in (held, wanted.out):
            read_closely(folder)
        return unseen
    unseen = frozenset(authors[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    if wanted.after:  # whom it has not seen are few: one of them is learned from, if there are others
        new = sorted(frozenset(authors) - frozenset(authors_of(wanted.after)))
        unseen = frozenset(new[1:] or new)
    if not unseen or len(unseen) == len(authors):
        raise ConfigError(f"there are {len(authors)} authors to train on; some are held out for the thresholds")
    _train_encoder(wanted, unseen, held)
    return unseen


def _train_encoder(wanted: Wanted, held_out: frozenset[str], scratch: Path) -> None:
    import torch

    from brightline.classifier.training.bert import find_weights
    from brightline.classifier.training.encoding import SECOND_SHARE, Training, train_encoder
    from brightline.classifier.training.fit import EVERYDAY_SHARE

    torch.set_num_threads(wanted.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    judge = None
    if wanted.after:
        from brightline.classifier.training.going_on import judge_of

        judge = judge_of(wanted.after)
        weights = {"tokenizer.json": (wanted.after / "tokenizer.json").read_bytes()}
    else:
        weights = find_weights(wanted.weights)
    seen = sum(len(corpus.rows) for corpus in wanted.of("train") if corpus.author.author not in held_out)
    every = sum(len(corpus.rows) for corpus in wanted.of("train"))
    more = sum(len(corpus.rows) for corpus in wanted.composed)
    rows = seen + more, every + more
    first, then = (of * (1 + EVERYDAY_SHARE) for of in rows)
    if taught := wanted.taught:
        heard = sum(one.author not in held_out for one in taught.pool)
        first, then = first + taught.each(heard, rows[0]), then + taught.each(len(taught.pool), rows[1])
    total = int((first + then * SECOND_SHARE) * wanted.epochs)
    training = Training(
        corpora=wanted.of("train"),
        everyday=wanted.everyday,
        weights=weights,
        held_out=held_out,
        epochs=wanted.epochs,
        seed=wanted.seed,
        device=device,
        composed=wanted.composed,
        composed_weight=wanted.composed_weight,
        taught=wanted.taught,
    )
    with progress("encoder: rows", total) as step:
        train_encoder(training, wanted.out, scratch, step, judge)


def read_closely(folder: Path) -> None:
    """Have the encoder in a folder read long texts in close windows as well, as one that is trained now does."""
    from brightline.classifier.training import release

    encoder = load_encoder((folder / release.ENCODER).read_bytes(), release.ENCODER)
    release.write_encoder(folder, msgspec.structs.replace(encoder, close=release.CLOSE, pieces=None, early={}))


def authors_of(folder: Path) -> list[str]:
    """The authors whom a release's encoder was trained on, as its report says."""
    try:
        return [str(author) for author in json.loads((folder / "report.json").read_text("utf-8"))["authors"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder}: report.json does not name the authors it was trained on") from error


def heads_by(folder: Path) -> list[str]:
    """The authors by whose rows the heads of a release's students were fitted, if not with the encoder."""
    try:
        return [str(author) for author in json.loads((folder / "report.json").read_text("utf-8")).get("heads_by", [])]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"{folder}: report.json does not name the authors that its heads were fitted by") from error


def _check_canaries(students: Students, encoder: Encoder) -> None:
    """A release whose own canaries are not found would serve nobody. Raises ``ConfigError``."""
    scores = students.on([canary.text for canary in encoder.canary], True).scores
    unknown = {head.fact: head.unknown for head in encoder.head}
    for canary, of in zip(encoder.canary, scores, strict=True):
        if of[students.facts.index(canary.fact)] < unknown[canary.fact]:
            raise ConfigError(f"the thresholds are too high: the canary of {canary.fact} is not found")


def measured(
    rows: Sequence[Row], tried: Any, encoder: Encoder, bounds: Mapping[str, Any]
) -> tuple[dict[str, Rate], Rate, dict[str, Any]]:
    """What the stack finds of each fact, how much of what the encoder finds is raised, and the figures."""
    from brightline.classifier.training.calibrate import at_bounds, of_line

    facts = [head.fact for head in encoder.head]
    through = tried.scores * tried.raised[:, None]
    at = {fact: at_bounds(fact, rows, through[:, i], bounds[fact]) for i, fact in enumerate(facts)}
    crossing = [
        any(
            row.facts.get(fact) == "yes" and tried.scores[i, j] >= bounds[fact].unknown for j, fact in enumerate(facts)
        )
        for i, row in enumerate(rows)
    ]
    cascade = rate(sum(bool(tried.raised[i]) for i, crosses in enumerate(crossing) if crosses), sum(crossing))
    by_fact = {fact: through[:, i].tolist() for i, fact in enumerate(facts)}
    lines = {line.value: of_line(line, rows, by_fact) for line in Line}
    found = {fact: one.found for fact, one in at.items()}
    return found, cascade, {"facts": at, "lines": lines, "raised_of_found": cascade}
