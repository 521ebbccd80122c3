# SPDX-License-Identifier: Apache-2.0
"""Tuning as a whole: rows in; what is added to the decoder, heads, and what both say of every row out.

A judge may not be believed about rows that it learned from. So it is fitted several times, each time without some
authors, and says of their rows what it says; the last one, which ships, learns from all of them and says it of the
test authors' rows. Each part is written when it is done, and a run that was ended goes on with the next.

    adapter.npz     what is added (``brightline.decoder.adapter``)
    tuned.json      heads, and what was said of every row
    part-N.json     what a part said, until all are there
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.classifier.tuning.decoder import Decoder
from brightline.classifier.tuning.fitting import COLUMNS, Heads, Tuner
from brightline.classifier.tuning.lessons import Lesson, Reader
from brightline.core.errors import ConfigError

FORMAT: Final = "brightline-tuned/1"
ADAPTER: Final = "adapter.npz"
TUNED: Final = "tuned.json"

Said = dict[str, dict[str, float]]


class TunedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log-odds of a fact are ``states @ weights + bias``; ``weights`` float32, little-endian, base64."""

    weights: str
    bias: float


class Tuned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tuning left: ``held`` is what was said of rows by judges that had not seen their authors, by row and fact;
    ``test`` and ``pool`` likewise of the test authors' rows and of the unlabelled pool.
    """

    format: str
    model: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    layers: tuple[int, ...]
    width: int
    adapter: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    epochs: int
    seed: int
    heads: dict[str, TunedHead]
    held: Said
    test: Said


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
    """How it is done: so many judges that see all but some authors, and how often each sees a row."""

    folds: int
    epochs: int
    seed: int


def groups_of(train: Sequence[Lesson], folds: int) -> list[frozenset[str]]:
    """The authors that are held out together."""
    every = sorted({one.group for one in train})
    if folds < 2 or len(every) < folds:
        raise ConfigError(f"{len(every)} authors cannot be held out in {folds} turns")
    return [frozenset(every[number::folds]) for number in range(folds)]


def tune(
    decoder: Decoder,
    reader: Reader,
    material: Material,
    wanted: Wanted,
    out: Path,
    step: Callable[[int], None] = lambda _: None,
) -> None:
    """Fit, part by part, what is not there yet. ``step`` is told how many lessons are done. Raises ``ConfigError``."""
    tuner = Tuner(decoder, reader.prefixes)
    for number, held in enumerate([frozenset[str](), *groups_of(material.train, wanted.folds)]):
        path = out / f"part-{number}.json"
        if path.exists():
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
        path.write_bytes(msgspec.json.encode(part))


def tuned_of(decoder: Decoder, model: str, wanted: Wanted, out: Path) -> tuple[Tuned, Said]:
    """All parts as one, and what was said of the pool. Raises ``ConfigError`` while some are not there."""
    paths = [out / f"part-{number}.json" for number in range(wanted.folds + 1)]
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
    return {name: {fact: round(at, 3) for fact, at in of.items()} for said in each for name, of in sorted(said.items())}


def _as_heads(heads: Heads) -> dict[str, TunedHead]:
    weights, biases = heads.plain()
    return {
        fact: TunedHead(base64.b64encode(weights[at].astype("<f4").tobytes()).decode(), float(biases[at]))
        for at, fact in enumerate(COLUMNS)
    }
