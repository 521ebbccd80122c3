# SPDX-License-Identifier: Apache-2.0
"""From an encoder as it is to one with heads, what pieces add to them, thresholds and canaries.

1. heads and pieces are fitted to all rows: these ship
2. once more for each part of the authors whom the encoder has not seen, without their rows: what they score there no
   head was fitted to, and it sets thresholds by neighbours
3. everyday text that nothing was fitted to is scored by what ships, where the first stage raises it: the worst corpus
   sets thresholds too
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.newton import Linear
from brightline.classifier.training import release
from brightline.classifier.training.adding import fit_pieces
from brightline.classifier.training.calibrate import Bounds, bounds_of, everyday_held
from brightline.classifier.training.canaries import canary_of
from brightline.classifier.training.logistic import Read, facts_of, fit_heads, read
from brightline.core.screening.encoder import Encoder, Head, load_encoder
from brightline.core.screening.figures import Rate
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Scorer
from brightline.core.screening.ngrams import NGrams
from brightline.core.screening.pieces import PieceHeads
from brightline.shell.inference.onnx import OnnxEncoder
from brightline.terminal import progress

PARTS: Final = 4  # of the authors held out


class Given(msgspec.Struct, frozen=True):
    """What heads come from: rows to learn from, and the authors among them whom the encoder ``held`` has not seen;
    everyday texts to learn from, and those by corpus that set thresholds.
    """

    corpora: Sequence[Corpus]
    unseen: frozenset[str]
    plain: Sequence[str]
    everyday: Mapping[str, Sequence[str]]
    seed: int
    threads: int = 1

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of their corpora."""
        return [row for corpus in self.corpora for row in corpus.rows]

    @property
    def authors(self) -> list[str]:
        """The author of each row."""
        return [corpus.author.author for corpus in self.corpora for _ in corpus.rows]


class Headed(msgspec.Struct, frozen=True):
    """The encoder with its heads, their thresholds, and by corpus how much everyday text reaches them."""

    encoder: Encoder
    bounds: dict[str, Bounds]
    everyday: dict[str, Rate]


class _Fitted(msgspec.Struct, frozen=True):
    heads: Mapping[str, Linear]
    pieces: PieceHeads

    def scores(self, of: Read) -> Any:
        """The score of each text for each head, as it will be served: shape (texts, heads)."""
        added = of.added(self.pieces)
        each = [of.log_odds(head, added[:, at]) for at, head in enumerate(self.heads.values())]
        return 1 / (1 + np.exp(-np.transpose(each)))


def headed(given: Given, screen: NGrams, out: Path, held: Path) -> Headed:
    """Fit what stands on the encoder in ``out``; the one in ``held`` has not seen some authors, or is the same.

    The file of what pieces add is written to ``out``.
    """
    facts = facts_of(given.corpora)
    ours, theirs = (_encoder_in(folder, given.threads) for folder in (out, held))
    same = ours[0].model == theirs[0].model
    states, plain = shown, _ = _states(given, ours[1], "reading rows and everyday text")
    fitted = _fit(given, facts, states, plain, frozenset())  # 1.
    if not same:
        states, plain = _states(given, theirs[1], "reading them with authors held out")
    rows, scores = _of_unseen(given, facts, states, plain, theirs[1])  # 2.
    everyday = _of_everyday(given, fitted, screen, ours[1])  # 3.
    bounds = bounds_of(facts, rows, scores, everyday)
    heads = tuple(_head(fact, fitted.heads[fact], bounds[fact]) for fact in facts)
    said = {fact: shown @ fitted.heads[fact].weights for fact in facts}
    canaries = tuple(canary for fact in facts for canary in canary_of(fact, given.rows, said[fact]))
    encoder = msgspec.structs.replace(ours[0], head=heads, canary=canaries)
    return Headed(release.with_pieces(encoder, fitted.pieces, out), bounds, everyday_held(everyday, bounds))


def said_without(folder: Path, given: Given) -> dict[str, dict[str, float]]:
    """By row and fact, the scores of a release's students on rows by authors whom its encoder has not seen, by heads
    and pieces that were fitted without these authors.
    """
    encoder, reader = _encoder_in(folder, given.threads)
    facts = [head.fact for head in encoder.head]
    states, plain = _states(given, reader, "reading rows and everyday text")
    rows, scores = _of_unseen(given, facts, states, plain, reader)
    return {row.id: dict(zip(facts, of, strict=True)) for row, of in zip(rows, scores.tolist(), strict=True)}


def _encoder_in(folder: Path, threads: int) -> tuple[Encoder, OnnxEncoder]:
    encoder = load_encoder((folder / release.ENCODER).read_bytes(), release.ENCODER)
    return encoder, OnnxEncoder(encoder, "encoder", (folder,), threads)


def _states(given: Given, encoder: OnnxEncoder, title: str) -> tuple[Any, Any]:
    """The states of the first window of each row, and of each everyday text to learn from."""
    texts = [row.judged for row in given.rows]
    with progress(title, len(texts) + len(given.plain)) as step:
        states = read(encoder, texts, False, step).firsts()
        return states, read(encoder, given.plain, False, lambda done: step(len(texts) + done)).firsts()


def _fit(given: Given, facts: Sequence[str], states: Any, plain: Any, without: frozenset[str]) -> _Fitted:
    """Heads and pieces for the rows of all authors but some."""
    chosen = [i for i, author in enumerate(given.authors) if author not in without]
    rows = given.rows
    heads = fit_heads(states[chosen], [rows[i] for i in chosen], plain, facts)
    corpora = [corpus for corpus in given.corpora if corpus.author.author not in without]
    return _Fitted(heads, fit_pieces(corpora, given.plain, facts, given.seed))


def _of_unseen(
    given: Given, facts: Sequence[str], states: Any, plain: Any, encoder: OnnxEncoder
) -> tuple[list[Row], Any]:
    """The rows of authors held out, and their scores by heads that were fitted without them: shape (rows, facts)."""
    authors = sorted(given.unseen)
    rows: list[Row] = []
    found = []
    with progress("heads with authors held out", PARTS) as step:
        for part in range(min(PARTS, len(authors))):
            without = frozenset(authors[part::PARTS])
            theirs = [row for row, author in zip(given.rows, given.authors, strict=True) if author in without]
            of = read(encoder, [row.judged for row in theirs], True, lambda _: None)
            found.append(_fit(given, facts, states, plain, without).scores(of))
            rows += theirs
            step(part + 1)
    return rows, np.concatenate(found)


def _of_everyday(given: Given, fitted: _Fitted, screen: NGrams, encoder: OnnxEncoder) -> dict[str, Any]:
    """By corpus, the scores of its texts, shape (texts, facts): 0 for what the first stage does not raise."""
    raising = Scorer.of_topic(screen)
    found = {}
    with progress("everyday text", sum(map(len, given.everyday.values()))) as step:
        for name, texts in given.everyday.items():
            raised = np.flatnonzero(raising.passing([fold(text) for text in texts]))
            found[name] = np.zeros((len(texts), len(fitted.heads)))
            if len(raised):
                found[name][raised] = fitted.scores(
                    read(encoder, [texts[int(i)] for i in raised], True, lambda _: None)
                )
            step(sum(map(len, found.values())))
    return found


def _head(fact: str, of: Linear, bounds: Bounds) -> Head:
    weights = base64.b64encode(of.weights.astype("<f4").tobytes()).decode()
    return Head(fact=fact, value="yes", weights=weights, bias=of.bias, unknown=bounds.unknown, yes=bounds.yes)
