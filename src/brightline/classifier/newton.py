# SPDX-License-Identifier: Apache-2.0
"""Logistic regression by Newton's method, for the heads of students and of a judge. Nothing is drawn by lot."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

LONGEST: Final = 10.0  # step, in log-odds of any row


class Linear(msgspec.Struct, frozen=True):
    """``states @ weights + bias`` are log-odds; ``weights`` has one number for each of a state."""

    weights: Any
    bias: float

    def of(self, states: Any) -> Any:
        """Log-odds of rows of states, shape (rows,)."""
        return states @ self.weights + self.bias


def least_loss(
    rows: Any, goals: Any, counts: Any, penalties: Any, steps_max: int, close: float, floor: float = 0.0
) -> Any:
    """Where the log loss of ``goals`` (0..1), each as much as it ``counts``, and quadratic ``penalties`` are least.

    ``rows`` has the shape (rows, numbers), the constant among them. ``floor`` is added to the curvature of each
    number. Ends after ``steps_max`` steps, or with one in which no number moves by ``close``.
    """
    point = np.zeros(rows.shape[1])
    for _ in range(steps_max):
        shares = 1 / (1 + np.exp(-np.clip(rows @ point, -30, 30)))
        slope = rows.T @ (counts * (shares - goals)) + penalties * point
        curved = np.maximum(counts * shares * (1 - shares), 1e-9)
        step = np.linalg.solve((rows * curved[:, None]).T @ rows + np.diag(penalties + floor), slope)
        point -= step * min(1.0, LONGEST / max(1e-9, float(np.abs(rows @ step).max())))
        if np.abs(step).max() < close:
            break
    return point
