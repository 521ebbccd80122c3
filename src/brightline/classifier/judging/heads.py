# SPDX-License-Identifier: Apache-2.0
"""A logistic head on hidden states: standardised, with a quadratic penalty, found by Newton's method.

There are more numbers in a state than rows, so the rows are turned into their own few directions first (the singular
vectors), where the penalty is the same and the problem small. Nothing is drawn by lot: the same rows, the same head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

PENALTIES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STEPS_MAX: Final = 50
CLOSE: Final = 1e-8
DIRECTIONS_MAX: Final = 256  # of rows; beyond them a state differs by less than the penalty lets count
FLAT: Final = 1e-6  # a number of the state that hardly ever changes says nothing
GOALS: Final = {"yes": 1.0, "unknown": 0.5, "no": 0.0}
COUNTS: Final = {"yes": 1.0, "unknown": 0.5, "no": 1.0}


class Linear(msgspec.Struct, frozen=True):
    """``states @ weights + bias`` are log-odds; ``weights`` has one number for each of a state."""

    weights: Any
    bias: float

    def of(self, states: Any) -> Any:
        """Log-odds of rows of states, shape (rows,)."""
        return states @ self.weights + self.bias


class Spread(msgspec.Struct, frozen=True):
    """Rows in their own directions: ``rows = turned @ directions``, standardised by ``mean`` and ``size`` before."""

    turned: Any
    directions: Any
    mean: Any
    size: Any


def spread(states: Any) -> Spread:
    """Standardise rows, shape (rows, numbers), and turn them into their strongest directions."""
    states = states.astype(np.float64)
    mean, size = states.mean(0), states.std(0)
    even = np.where(size > FLAT, (states - mean) / np.maximum(size, FLAT), 0.0) / np.sqrt(states.shape[1])
    values, vectors = np.linalg.eigh(even @ even.T)
    kept = values > values.max(initial=0.0) * 1e-10
    kept[:-DIRECTIONS_MAX] = False  # eigh gives them in ascending order
    lengths = np.sqrt(values[kept])
    return Spread(vectors[:, kept] * lengths, (vectors[:, kept] / lengths).T @ even, mean, size)


def fit(found: Spread, values: Sequence[str], penalty: float) -> Linear:
    """The head for these values (yes, unknown, no) of the rows. Raises ``ValueError`` unless yes and no are there."""
    if not {"yes", "no"} <= set(values):
        raise ValueError("a head needs rows that are yes and rows that are no")
    goals = np.array([GOALS[value] for value in values])
    counts = np.array([COUNTS[value] for value in values])
    for value in ("yes", "no"):  # both sides weigh the same, however many there are
        chosen = goals == GOALS[value]
        counts[chosen] *= len(values) / 2 / counts[chosen].sum()
    rows = np.concatenate([found.turned, np.ones((len(goals), 1))], axis=1)
    penalties = np.full(rows.shape[1], penalty)
    penalties[-1] = 0.0
    point = np.zeros(rows.shape[1])
    for _ in range(STEPS_MAX):
        shares = 1 / (1 + np.exp(-np.clip(rows @ point, -30, 30)))
        slope = rows.T @ (counts * (shares - goals)) + penalties * point
        curved = np.maximum(counts * shares * (1 - shares), 1e-9)
        step = np.linalg.solve((rows * curved[:, None]).T @ rows + np.diag(penalties + np.float64(1e-12)), slope)
        point -= step * min(1.0, 10 / max(1e-9, float(np.abs(rows @ step).max())))
        if np.abs(step).max() < CLOSE:
            break
    scale = np.where(found.size > FLAT, 1 / np.maximum(found.size, FLAT), 0.0) / np.sqrt(len(found.size))
    weights = (point[:-1] @ found.directions) * scale
    return Linear(weights, float(point[-1] - found.mean @ weights))


def held_out(
    states: Any, values: Sequence[str], groups: Sequence[str], penalties: Sequence[float]
) -> Mapping[float, Any]:
    """By penalty, the log-odds of every row by a head that saw no row of its group (author), shape (rows,)."""
    said = {penalty: np.zeros(len(values)) for penalty in penalties}
    for group in sorted(set(groups)):
        out = np.array([one == group for one in groups])
        others = [value for value, mine in zip(values, out, strict=True) if not mine]
        found = spread(states[~out])
        for penalty in penalties:
            said[penalty][out] = fit(found, others, penalty).of(states[out])
    return said
