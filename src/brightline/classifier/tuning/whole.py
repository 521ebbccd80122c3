# SPDX-License-Identifier: Apache-2.0
"""Tuning as a whole: rows in; what is added to the decoder, heads, and what both say of every row out.

A judge may not be believed about rows that it learned from. So it is fitted several times, each time without some
authors, and says of their rows what it says; the last one, which ships, learns from all of them and says it of the
test authors' rows. Each part is written when it is done, and a run that was ended goes on with the next.

    adapter.npz, tuned.json     as ``brightline.classifier.judging.tuned`` has them
    part-N.json                 what a part said, until all are there
    about.json                  what the parts were made of
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import torch

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.everyday import Everyday
from brightline.classifier.judging.features import exchange_of
from brightline.classifier.judging.tuned import ADAPTER, FORMAT, TUNED, Said, Tuned, TunedHead
from brightline.classifier.training.judged import FORMAT as JUDGED
from brightline.classifier.training.judged import Header, corpus_of, entry_of, write_judged
from brightline.classifier.training.pool import pool_of
from brightline.classifier.tuning.decoder import Decoder
from brightline.classifier.tuning.fitting import COLUMNS, Heads, Tuner
from brightline.classifier.tuning.lessons import Lesson, Reader
from brightline.core.errors import ConfigError
from brightline.decoder.published import Published
from brightline.decoder.tokens import tokenizer_of
from brightline.files import write_whole

ABOUT: Final = "about.json"


class Part(msgspec.Struct, frozen=True):
    """What one of the judges said, and the last one's heads."""

    said: Said
    pool: Said = {}
    heads: dict[str, TunedHead] = {}


class Material(msgspec.Struct, frozen=True):
    """What is learned from and spoken about. ``pool`` belongs to the groups of the lessons that it was made of."""

    train: Sequence[Lesson]
    test: Sequence[Lesson]
    pool: Sequence[Lesson]
    everyday: Mapping[str, Sequence[list[int]]]


class Wanted(msgspec.Struct, frozen=True):
    """How it is done: authors in so many groups, how many of these are held out in turn, how often a row is seen."""

    groups: int
    turns: int
    epochs: int
    seed: int


def held_out(train: Sequence[Lesson], wanted: Wanted) -> list[frozenset[str]]:
    """The authors that are held out together, turn by turn. Raises ``ConfigError``."""
    every = sorted({one.group for one in train})
    if not 2 <= wanted.groups <= len(every) or not 1 <= wanted.turns <= wanted.groups:
        raise ConfigError(
            f"{len(every)} authors do not make {wanted.groups} groups of which {wanted.turns} are held out"
        )
    return [frozenset(every[number :: wanted.groups]) for number in range(wanted.turns)]


def tune(
    decoder: Decoder,
    reader: Reader,
    material: Material,
    wanted: Wanted,
    out: Path,
    step: Callable[[int], None] = lambda _: None,
) -> None:
    """Fit, part by part, what is not there yet. ``step`` is told how many lessons are done. Raises ``ConfigError``."""
    held_in_turn = held_out(material.train, wanted)
    _must_be_of(out, decoder, material, wanted)
    tuner = Tuner(decoder, reader.prefixes)
    for number, held in enumerate([frozenset[str](), *held_in_turn]):
        path = out / f"part-{number}.json"
        if path.exists() and (held or (out / ADAPTER).exists()):
            continue
        train = [one for one in material.train if one.group not in held]
        everyday = {name: texts for name, texts in material.everyday.items() if name not in held}
        heads = tuner.fit(train, everyday, wanted.epochs, wanted.seed + number, step)
        if held:
            part = Part(
                tuner.said(heads, [one for one in material.train if one.group in held]),
                tuner.said(heads, [one for one in material.pool if one.group in held]),
            )
        else:
            decoder.adapter().write(out / ADAPTER)
            part = Part(tuner.said(heads, material.test), heads=_as_heads(heads))
        write_whole(path, msgspec.json.encode(part))


def _must_be_of(out: Path, decoder: Decoder, material: Material, wanted: Wanted) -> None:
    """Parts that are there go on only with what they were made of, however many turns. Raises ``ConfigError``."""
    of = msgspec.json.encode([decoder.sizes, wanted.groups, wanted.epochs, wanted.seed, material])
    about = {"of": hashlib.sha256(of).hexdigest()}
    path = out / ABOUT
    if not path.exists():
        write_whole(path, msgspec.json.encode(about))
    if msgspec.json.decode(path.read_bytes()) != about:
        raise ConfigError(f"{out} holds what was tuned with another model, pool, seed, other rows, groups or epochs")


class Given(msgspec.Struct, frozen=True):
    """Rows, the everyday texts that the judge is asked about as rows, and everyday text."""

    corpora: Sequence[Corpus]
    neighbours: Sequence[Corpus]
    everyday: Sequence[Everyday]

    def of(self, split: str) -> list[Corpus]:
        """The rows of one split."""
        return [one for one in (*self.corpora, *self.neighbours) if one.author.split == split]


def run(
    given: Given,
    model: Published,
    weights: Path,
    wanted: Wanted,
    out: Path,
    judged: Path | None,
    step: Callable[[int], None],
) -> tuple[Tuned, int]:
    """Tune, on a GPU if there is one, and write what it left; of how many texts ``judged`` tells.

    ``step`` is told how many rows were learned from. Raises ``ConfigError`` or ``ReleaseError``.
    """
    decoder = Decoder(weights, model.layers).to("cuda" if torch.cuda.is_available() else "cpu")
    reader = Reader(tokenizer_of(decoder.file))
    texts = pool_of(given.corpora) if judged else []
    every = reader.tokens([exchange_of(one.row) for one in texts])
    pool = [
        Lesson(one.id, one.author, one.row.line, tokens, (), (), "") for one, tokens in zip(texts, every, strict=True)
    ]
    out.mkdir(parents=True, exist_ok=True)
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        step(done)

    train, test = (reader.of_rows(given.of(split)) for split in ("train", "test"))
    material = Material(train, test, pool, reader.everyday(given.everyday))
    tune(decoder, reader, material, wanted, out, count)
    made, said = tuned_of(decoder, model.sha256, wanted, out)
    write_whole(out / TUNED, msgspec.json.encode(made) + b"\n")
    spoken: list[Row] = []
    if judged is not None:
        said |= made.held  # how often labels say yes of rows, and how often judges do, are held against each other
        rows = [*(row for corpus in given.corpora for row in corpus.rows), *(one.row for one in texts)]
        spoken = [row for row in rows if row.id in said]
        header = Header(JUDGED, made.model, made.adapter, corpus_of(spoken), COLUMNS)
        write_judged(judged, header, [entry_of(row, said[row.id]) for row in spoken])
    return made, len(spoken)


def tuned_of(decoder: Decoder, model: str, wanted: Wanted, out: Path) -> tuple[Tuned, Said]:
    """All parts as one, and what was said of the pool. Raises ``ConfigError`` while some are not there."""
    paths = [out / f"part-{number}.json" for number in range(wanted.turns + 1)]
    if missing := [path.name for path in paths if not path.exists()]:
        raise ConfigError(f"{out} has no {missing[0]} yet")
    final, *parts = [msgspec.json.decode(path.read_bytes(), type=Part) for path in paths]
    made = Tuned(
        format=FORMAT,
        model=model,
        layers=decoder.sizes.read,
        width=decoder.sizes.width,
        adapter=hashlib.sha256((out / ADAPTER).read_bytes()).hexdigest(),
        epochs=wanted.epochs,
        seed=wanted.seed,
        heads=final.heads,
        held=_joined([part.said for part in parts]),
        test=final.said,
    )
    return made, _joined([part.pool for part in parts])


def _joined(each: Sequence[Said]) -> Said:
    return {
        name: {fact: round(at, 3) for fact, at in of.items()} for said in each for name, of in sorted(said.items())
    }


def _as_heads(heads: Heads) -> dict[str, TunedHead]:
    weights, biases = heads.plain()
    return {fact: TunedHead(weights[at].astype("<f4").tobytes(), float(biases[at])) for at, fact in enumerate(COLUMNS)}
