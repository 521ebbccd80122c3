# SPDX-License-Identifier: Apache-2.0
"""Fitting what is added to the decoder, and the heads on its states.

1. heads on the states as the publisher's weights make them: from there the decoder moves only as far as it helps
2. rows of a minimal pair come in one batch: besides saying yes and no, the two are put in order
3. what is kept is the mean of the numbers on the last part of the way
4. what is said is said as it will run: weights of eight bits, nothing beside them
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from brightline.classifier.corpus import Line
from brightline.classifier.judging.features import ASKED
from brightline.classifier.judging.heads import FLAT
from brightline.classifier.training.averaging import Mean
from brightline.classifier.tuning.decoder import Decoder
from brightline.classifier.tuning.lessons import Lesson, batches, ordered_in
from brightline.core.errors import ConfigError

RATE: Final = 3e-4
HEAD_RATE: Final = 2e-3
WARM_SHARE: Final = 0.06
MEAN_FROM: Final = 0.7  # of the way
MEAN_EVERY: Final = 4
LOOKED_AT_EVERY: Final = 25  # batches
PAIR_WEIGHT: Final = 0.3
APART: Final = 2.0  # log-odds that lie between the rows of a pair
READ_TOKENS: Final = 24_576  # of one batch that is only read
READ_MAX: Final = 256  # exchanges of it
FIRST_STEPS: Final = 300
FIRST_RATE: Final = 0.05
FIRST_PENALTY: Final = 0.03 / 2_000

COLUMNS: Final = tuple(fact for facts in ASKED.values() for fact in facts)
OF_LINE: Final = {line: [COLUMNS.index(fact) for fact in facts] for line, facts in ASKED.items()}


class Heads(nn.Module):  # type: ignore[misc, unused-ignore]
    """One logistic head for each fact, on standardised states, shape (exchanges, numbers)."""

    def __init__(self, mean: Any, size: Any) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        scale = torch.where(size > FLAT, 1 / size.clamp(min=FLAT), torch.zeros_like(size)) / len(size) ** 0.5
        self.register_buffer("scale", scale)
        self.weight = nn.Parameter(torch.zeros(len(COLUMNS), len(size), device=mean.device))
        self.bias = nn.Parameter(torch.zeros(len(COLUMNS), device=mean.device))

    def forward(self, states: Any) -> Any:
        """Log-odds, shape (exchanges, facts)."""
        return functional.linear((states.flatten(1) - self.mean) * self.scale, self.weight, self.bias)

    def plain(self) -> tuple[Any, Any]:
        """The same as weights on plain states, shape (facts, numbers), and biases, shape (facts,)."""
        weight = (self.weight * self.scale).detach().double()
        return weight.cpu().numpy(), (self.bias.double() - weight @ self.mean.double()).detach().cpu().numpy()


class Tuner:
    """Fits one decoder, again and again, on the device on which it lies."""

    def __init__(self, decoder: Decoder, prefixes: Mapping[Line, Sequence[int]]) -> None:
        self.decoder, self._prefixes = decoder, prefixes
        self._device = next(decoder.buffers()).device

    def fit(
        self,
        lessons: Sequence[Lesson],
        everyday: Mapping[str, Sequence[list[int]]],
        epochs: int,
        seed: int,
        step: Callable[[int], None] = lambda _: None,
    ) -> Heads:
        """Fit on these lessons, and leave the decoder as it will run. ``step`` is told how many each batch had.

        Raises ``ConfigError`` if it comes to nothing.
        """
        torch.manual_seed(seed)
        dice = random.Random(seed)  # noqa: S311 - no secret
        self.decoder.begin()
        heads = self._first_heads(lessons)  # 1.
        ranked = [one for one in self.decoder.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(
            [
                {"params": ranked, "full": RATE, "weight_decay": 0.01},
                {"params": list(heads.parameters()), "full": HEAD_RATE, "weight_decay": 0.0},
            ],
            lr=RATE,
            betas=(0.9, 0.98),
        )
        way = [batch for _ in range(epochs) for batch in batches(lessons, everyday, dice)]
        mean = Mean([*ranked, *heads.parameters()])
        for number, batch in enumerate(way):
            done = number / len(way)
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * min(1.0, done / WARM_SHARE + 0.05) * max(0.02, 1 - done)
            optimizer.zero_grad()
            loss = self._loss(heads, batch)
            if number % LOOKED_AT_EVERY == 0 and not torch.isfinite(loss):  # looking waits for the device
                raise ConfigError(f"after {number} batches the loss is no number")
            loss.backward()
            nn.utils.clip_grad_norm_([*ranked, *heads.parameters()], 1.0)
            optimizer.step()
            if done >= MEAN_FROM and number % MEAN_EVERY == 0:
                mean.add()  # 3.
            step(len(batch))
        mean.put_back()
        if not all(bool(torch.isfinite(one).all()) for one in [*ranked, *heads.parameters()]):
            raise ConfigError(f"after {len(way)} batches what was fitted is no number")
        self.decoder.settle()  # 4.
        return heads

    def said(self, heads: Heads, lessons: Sequence[Lesson]) -> dict[str, dict[str, float]]:
        """Log-odds of the facts of each lesson's line, by id and fact."""
        found: dict[str, dict[str, float]] = {}
        with torch.no_grad():
            for chosen, states in self._states(lessons):
                for lesson, each in zip(chosen, heads(states).cpu().tolist(), strict=True):
                    found[lesson.id] = {COLUMNS[at]: each[at] for at in OF_LINE[lesson.line]}
        return found

    def _states(self, lessons: Sequence[Lesson]) -> Any:
        for line in Line:
            ours = sorted((one for one in lessons if one.line is line), key=lambda one: len(one.tokens))
            while ours:
                count = max(1, min(READ_MAX, READ_TOKENS // len(ours[min(len(ours), READ_MAX) - 1].tokens)))
                chosen, ours = ours[:count], ours[count:]
                yield chosen, self.decoder(self._prefixes[line], [one.tokens for one in chosen])

    def _loss(self, heads: Heads, batch: Sequence[Lesson]) -> Any:
        line = batch[0].line
        said = heads(self.decoder(self._prefixes[line], [one.tokens for one in batch]))[:, OF_LINE[line]]
        wanted, counts = (
            torch.tensor(values).to(self._device)
            for values in ([one.wanted for one in batch], [one.counts for one in batch])
        )
        loss = functional.binary_cross_entropy_with_logits(said, wanted, reduction="none")
        whole = (loss * counts).sum() / counts.sum().clamp(min=1e-6)
        if ordered := ordered_in(batch):  # 2.
            above, below, fact = (torch.tensor(part).to(self._device) for part in zip(*ordered, strict=True))
            whole = whole + PAIR_WEIGHT * functional.softplus(APART - (said[above, fact] - said[below, fact])).mean()
        return whole

    def _first_heads(self, lessons: Sequence[Lesson]) -> Heads:
        with torch.no_grad():
            read = [(chosen, states.flatten(1)) for chosen, states in self._states(lessons)]
        states = torch.cat([each for _, each in read])
        order = [one for chosen, _ in read for one in chosen]
        wanted, counts = (torch.zeros(len(order), len(COLUMNS)) for _ in range(2))
        for row, one in enumerate(order):
            wanted[row, OF_LINE[one.line]] = torch.tensor(one.wanted)
            counts[row, OF_LINE[one.line]] = torch.tensor(one.counts)
        wanted, counts = wanted.to(self._device), (counts / counts.sum(0).clamp(min=1.0)).to(self._device)
        heads = Heads(states.mean(0), states.std(0))
        optimizer = torch.optim.Adam(heads.parameters(), FIRST_RATE)
        for number in range(FIRST_STEPS):
            optimizer.param_groups[0]["lr"] = FIRST_RATE * (1 - number / FIRST_STEPS)
            optimizer.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(heads(states), wanted, reduction="none")
            ((loss * counts).sum() + FIRST_PENALTY * heads.weight.square().sum() / 2).backward()
            optimizer.step()
        return heads
