# SPDX-License-Identifier: Apache-2.0
"""Fitting the encoder and its heads: on a processor or a GPU, the same rows and seed giving the same weights.

1. rows of one minimal pair come in one batch: besides saying yes and no, heads must put the two in order
2. batches hold windows of like length, as many as fit a number of tokens
3. of texts that only a judge has seen, others come in each epoch, drawn by lot
4. lower layers learn less than upper ones, and heads more
5. what is kept is the mean of the weights on the last part of the way
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brightline.classifier.training.averaging import Mean
from brightline.classifier.training.bert import Encoder
from brightline.classifier.training.examples import Example, Item, Plain, Words, disguised, ordinary
from brightline.classifier.training.target import FACTS

BATCH_TOKENS: Final = 3_072
RATE: Final = 1.0e-4
LOWER: Final = 0.9  # of the rate of the layer above
HEAD_RATE: Final = 50 * RATE
SCALE: Final = 10.0  # states have length one; without it heads would have to grow for long
WARM_SHARE: Final = 0.08
MEAN_FROM: Final = 0.7  # of the way
MEAN_EVERY: Final = 8
PAIR_WEIGHT: Final = 0.3
APART: Final = 0.25  # two rows of a pair are put in order where they should say as different things as this
EVERYDAY_SHARE: Final = 0.3  # of the rows, in each epoch


class Pool(NamedTuple):
    """Texts that only a judge has seen, and how many of them come in one epoch."""

    examples: Sequence[Example] = ()
    each: int = 0


NO_POOL: Final = Pool()


class Judge(nn.Module):  # type: ignore[misc, unused-ignore]
    """Mean-pooled, normalised states, and one logistic head for each fact."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.width, len(FACTS))
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, -2.0)

    def forward(self, ids: Any, mask: Any) -> Any:
        """Log-odds of each fact, shape (windows, facts)."""
        states = self.encoder(ids, mask)
        share = mask.unsqueeze(-1).to(torch.float32)
        pooled = (states.float() * share).sum(1) / share.sum(1)
        state = functional.normalize(pooled, dim=1)
        return SCALE * functional.linear(state, self.head.weight) + self.head.bias


class Fitter:
    """Fits judges on one machine."""

    def __init__(self, words: Words, everyday: Sequence[Plain], device: str) -> None:
        self._words = words
        self._everyday = everyday
        self._by_corpus = [
            [plain for plain in everyday if plain.corpus == name] for name in dict.fromkeys(p.corpus for p in everyday)
        ]
        self.device = device

    def fit(
        self,
        judge: Judge,
        examples: Sequence[Example],
        epochs: float,
        seed: int,
        rate: float = RATE,
        step: Callable[[int], None] = lambda _: None,
        pool: Pool = NO_POOL,
    ) -> Judge:
        """Fit ``judge`` to these rows, a ``pool`` and everyday texts. ``step`` is told how many each batch had."""
        torch.manual_seed(seed)
        dice = random.Random(seed)  # noqa: S311 - no secret
        judge.to(self.device).train()
        optimizer = torch.optim.AdamW(_groups(judge, rate), weight_decay=0.01)
        batches = [batch for part in _parts(epochs) for batch in self._batches(examples, pool, part, dice)]
        mean = Mean(list(judge.parameters()))
        for number, batch in enumerate(batches):
            way = number / len(batches)
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * min(1.0, way / WARM_SHARE) * max(0.02, 1 - way)
            optimizer.zero_grad()
            self._loss(judge, batch).backward()
            nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
            optimizer.step()
            if way >= MEAN_FROM and number % MEAN_EVERY == 0:
                mean.add()
            step(len(batch))
        mean.put_back()
        judge.eval()
        return judge

    def _loss(self, judge: Judge, batch: Sequence[tuple[Item, int]]) -> Any:
        said = self._said(judge, [item.tokens for item, _ in batch])
        wanted = torch.tensor([list(item.wanted) for item, _ in batch]).to(self.device)
        counts = torch.tensor([list(item.counts) for item, _ in batch]).to(self.device)
        loss = functional.binary_cross_entropy_with_logits(said, wanted, reduction="none")
        whole = (loss * counts).sum() / counts.sum()
        pairs = [number for _, number in batch]
        above, below = _ordered(pairs, wanted, counts)
        if len(above):
            ordered = (wanted[above] > wanted[below] + APART) & (counts[above] > 0) & (counts[below] > 0)
            apart = (said[above] - said[below])[ordered]
            weights = torch.tensor([item.weight for item, _ in batch]).to(self.device)
            weighs = weights[above].unsqueeze(1).expand_as(ordered)[ordered]
            whole = whole + PAIR_WEIGHT * (functional.softplus(2.0 - apart) * weighs).mean()
        return whole

    def _said(self, judge: Judge, windows: Sequence[Sequence[int]]) -> Any:
        ids, mask = (torch.from_numpy(part).to(self.device) for part in self._words.batch(windows))
        with torch.autocast(self.device, dtype=torch.bfloat16):
            return judge(ids, mask).float()

    def _batches(
        self, examples: Sequence[Example], pool: Pool, share: float, dice: random.Random
    ) -> list[list[tuple[Item, int]]]:
        """One epoch, or its first ``share``: each with the number of its pair, or -1."""
        groups: dict[str, list[Example]] = {}
        for example in examples:
            groups.setdefault(example.row.pair or example.row.id, []).append(example)
        named = list(groups.values())
        dice.shuffle(named)
        named = named[: math.ceil(len(named) * share)]
        rows = sum(map(len, named))
        units = [
            [
                (disguised(one, self._everyday, self._words.tokens, dice), number if len(group) > 1 else -1)
                for one in group
            ]
            for number, group in enumerate(named)
        ]
        drawn = dice.sample(pool.examples, math.ceil(pool.each * share)) if pool.each else []
        units += [[(disguised(one, self._everyday, self._words.tokens, dice), -1)] for one in drawn]
        if self._everyday:
            count = int(rows * EVERYDAY_SHARE)
            # Each corpus as often as another: the worst of them sets the thresholds, and it may be a short one.
            units += [[(ordinary(dice.choice(dice.choice(self._by_corpus))), -1)] for _ in range(count)]
        # Like lengths together, with some disorder, so that no batch is all of one kind.
        units.sort(
            key=lambda unit: min(self._words.tokens, max(len(i.tokens) for i, _ in unit)) * dice.uniform(1, 1.3)
        )
        batches: list[list[tuple[Item, int]]] = [[]]
        widest = 0
        for unit in units:
            width = min(self._words.tokens, max(len(item.tokens) for item, _ in unit) + 2)
            if batches[-1] and max(widest, width) * (len(batches[-1]) + len(unit)) > BATCH_TOKENS:
                batches.append([])
                widest = 0
            batches[-1] += unit
            widest = max(widest, width)
        dice.shuffle(batches)
        return batches

    def ask(self, judge: Judge, texts: Sequence[Sequence[int]]) -> Any:
        """Log-odds of the first window of each text, shape (texts, facts)."""
        said = np.zeros((len(texts), len(FACTS)), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        with torch.no_grad():
            for first in range(0, len(order), 64):
                chosen = order[first : first + 64]
                said[chosen] = self._said(judge, [texts[i] for i in chosen]).cpu().numpy()
        return said


def _parts(epochs: float) -> Iterator[float]:
    while epochs > 0:
        yield min(1.0, epochs)
        epochs -= 1


def _groups(judge: Judge, rate: float) -> list[dict[str, Any]]:
    """The parameters with their full rates: less for each layer further down."""
    encoder = judge.encoder
    count = len(encoder.layers)
    groups = [{"params": list(judge.head.parameters()), "full": HEAD_RATE * rate / RATE}]
    for number, layer in enumerate(encoder.layers):
        groups.append({"params": list(layer.parameters()), "full": rate * LOWER ** (count - 1 - number)})
    below = [*encoder.words.parameters(), *encoder.places.parameters(), *encoder.norm.parameters()]
    groups.append({"params": below, "full": rate * LOWER**count})
    return groups


def _ordered(pairs: Sequence[int], wanted: Any, counts: Any) -> tuple[Any, Any]:
    """Indices of rows of one pair, the one that is more of some fact before the other."""
    members: dict[int, list[int]] = {}
    for row, number in enumerate(pairs):
        if number >= 0:
            members.setdefault(number, []).append(row)
    above, below = [], []
    for rows in members.values():
        for one in rows:
            for other in rows:
                both = (counts[one] > 0) & (counts[other] > 0)
                if one != other and bool(((wanted[one] > wanted[other] + APART) & both).any()):
                    above.append(one)
                    below.append(other)
    return torch.tensor(above, dtype=torch.long), torch.tensor(below, dtype=torch.long)
