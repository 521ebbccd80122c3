# SPDX-License-Identifier: Apache-2.0
"""Fitting what pieces add to the heads of an encoder: logistic regression over hashed pieces, all facts at once.

By itself it is much weaker than the encoder. But it knows words of languages that the encoder's vocabulary takes to
pieces, and errs elsewhere: a part of its log-odds, added, finds more at few wrongful findings.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from brightline.classifier.corpus import Corpus
from brightline.classifier.training.target import EVERYDAY_WEIGHT, FACTS, target
from brightline.core.screening.encoder import EVERYDAY_TOO
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import different
from brightline.core.screening.pieces import Column, PieceHeads, PiecesHeader

BITS: Final = 17
EPOCHS: Final = 4
BATCH: Final = 64
RATE: Final = 0.2
SHARE: Final = 0.45  # of its log-odds


def fit_pieces(corpora: Sequence[Corpus], everyday: Sequence[str], facts: Sequence[str], seed: int) -> PieceHeads:
    """Fit to these rows and everyday texts; what comes out is the share that is added."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    at = [FACTS.index(fact) for fact in facts]
    rows = [row for corpus in corpora for row in corpus.rows]
    numbers = [different(fold(text), BITS) for text in (*(row.judged for row in rows), *everyday)]
    plain = [0.0 if fact in EVERYDAY_TOO else EVERYDAY_WEIGHT for fact in facts]
    wanted, counts = np.zeros((len(numbers), len(at))), np.tile(plain, (len(numbers), 1))
    for i, row in enumerate(rows):
        goal, count = target(row)
        wanted[i], counts[i] = [goal[j] for j in at], [count[j] for j in at]
    weights, bias = _fit(numbers, wanted, counts, dice)
    columns, tables = [], []
    for fact, table, constant in zip(facts, weights, bias, strict=True):
        scale = float(np.quantile(np.abs(table), 0.9999)) / 127 or 1.0
        columns.append(Column(fact, scale * SHARE, float(constant) * SHARE))
        tables.append(np.clip(np.rint(table / scale), -127, 127).astype(np.int8).tobytes())
    return PieceHeads(PiecesHeader(BITS, tuple(columns)), b"".join(tables))


def _fit(numbers: Sequence[Any], wanted: Any, counts: Any, dice: random.Random) -> tuple[Any, Any]:
    """Adagrad over all heads: frequent pieces learn less with time, rare ones stay near nothing."""
    heads = wanted.shape[1]
    weights, seen = np.zeros((heads, 1 << BITS)), np.full((heads, 1 << BITS), 1e-10)
    bias, bias_seen = np.full(heads, -2.0), np.full(heads, 1e-10)
    order = list(range(len(numbers)))
    for _ in range(EPOCHS):
        dice.shuffle(order)
        for first in range(0, len(order), BATCH):
            chosen = [i for i in order[first : first + BATCH] if len(numbers[i])]
            sizes = np.array([len(numbers[i]) for i in chosen])
            flat = np.concatenate([numbers[i] for i in chosen])
            starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
            length = np.sqrt(sizes)
            total = counts[chosen].sum()
            for head in range(heads):
                score = np.add.reduceat(weights[head][flat], starts) / length + bias[head]
                error = (1 / (1 + np.exp(-score)) - wanted[chosen, head]) * counts[chosen, head] / total
                slope = np.bincount(flat, np.repeat(error / length, sizes), 1 << BITS)
                touched = np.flatnonzero(slope)
                seen[head][touched] += slope[touched] ** 2
                weights[head][touched] -= RATE * slope[touched] / np.sqrt(seen[head][touched])
                bias_seen[head] += error.sum() ** 2
                bias[head] -= 0.05 * float(error.sum() / np.sqrt(bias_seen[head]))
    return weights, bias
