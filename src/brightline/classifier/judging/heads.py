# SPDX-License-Identifier: Apache-2.0
"""A logistic head on hidden states: standardised, with a quadratic penalty, found by Newton's method.

Besides saying yes and no, it puts the rows of a minimal pair in order. There are more numbers in a state than rows, so
the rows are turned into their own directions first (the singular vectors), where the penalty is the same and the
problem smaller. Nothing is drawn by lot: the same rows, the same head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.newton import Linear, least_loss

PENALTIES: Final = (0.01, 0.03, 0.1, 0.3)
FOLDS: Final = 5  # of groups that are held out together
STEPS_MAX: Final = 50
CLOSE: Final = 1e-8
FLOOR: Final = 1e-12  # of the curvature: the constant has no penalty
DIRECTIONS_MAX: Final = 1_024  # of rows: with 256 of 1,400 the area was 0.01 to 0.02 less, with all of them the same
FLAT: Final = 1e-6  # a number of the state that hardly ever changes says nothing
GOALS: Final = {"yes": 1.0, "unknown": 0.5, "no": 0.0}
COUNTS: Final = {"yes": 1.0, "unknown": 0.5, "no": 1.0}
ORDER_COUNTS: Final = 2.0  # the order of two rows, beside what a row counts


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


def fit(found: Spread, values: Sequence[str], penalty: float, pairs: Sequence[str] = ()) -> Linear:
    """The head for these values (yes, unknown, no) of the rows. Raises ``ValueError`` unless yes and no are there.

    ``pairs`` names the minimal pair of each row, or is empty for rows that are in none; of one pair the head also
    learns that what is yes scores above what is no, by the odds of that.
    """
    if not {"yes", "no"} <= set(values):
        raise ValueError("a head needs rows that are yes and rows that are no")
    goals = np.array([GOALS[value] for value in values])
    counts = np.array([COUNTS[value] for value in values])
    for value in ("yes", "no"):  # both sides weigh the same, however many there are
        chosen = goals == GOALS[value]
        counts[chosen] *= len(values) / 2 / counts[chosen].sum()
    rows = np.concatenate([found.turned, np.ones((len(goals), 1))], axis=1)
    if ordered := _ordered(values, pairs):
        above, below = map(list, zip(*ordered, strict=True))
        rows = np.concatenate([rows, rows[above] - rows[below]])
        goals = np.concatenate([goals, np.ones(len(ordered))])
        counts = np.concatenate([counts, np.full(len(ordered), ORDER_COUNTS)])
    penalties = np.full(rows.shape[1], penalty)
    penalties[-1] = 0.0
    point = least_loss(rows, goals, counts, penalties, STEPS_MAX, CLOSE, FLOOR)
    scale = np.where(found.size > FLAT, 1 / np.maximum(found.size, FLAT), 0.0) / np.sqrt(len(found.size))
    weights = (point[:-1] @ found.directions) * scale
    return Linear(weights, float(point[-1] - found.mean @ weights))


def _ordered(values: Sequence[str], pairs: Sequence[str]) -> list[tuple[int, int]]:
    """The numbers of two rows of one pair, the one that is yes before the one that is no."""
    members: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        if pair:
            members.setdefault(pair, []).append(number)
    return [
        (one, other)
        for rows in members.values()
        for one in rows
        for other in rows
        if values[one] == "yes" and values[other] == "no"
    ]


def held_out(
    states: Any, values: Sequence[str], groups: Sequence[str], penalties: Sequence[float], pairs: Sequence[str] = ()
) -> Mapping[float, Any]:
    """By penalty, the log-odds of every row by a head that saw no row of its group (author), shape (rows,).

    Where there are many groups, some are held out together.
    """
    said = {penalty: np.zeros(len(values)) for penalty in penalties}
    every = sorted(set(groups))
    for number in range(min(FOLDS, len(every))):
        out = np.isin(groups, every[number::FOLDS])
        others = [value for value, mine in zip(values, out, strict=True) if not mine]
        theirs = [pair for pair, mine in zip(pairs, out, strict=True) if not mine] if pairs else ()
        found = spread(states[~out])
        for penalty in penalties:
            said[penalty][out] = fit(found, others, penalty, theirs).of(states[out])
    return said
