# SPDX-License-Identifier: Apache-2.0
"""How well heads tell the rows of authors that they never saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Line, Row, RowSurface
from brightline.core.screening.figures import Rate, area_under_curve, counted, rate, recall_at, threshold_at

WRONGFUL: Final = (0.05, 0.01, 0.005)
SHARES: Final = (0.25, 0.5, 0.75, 1.0)


class Told(msgspec.Struct, frozen=True):
    """One fact or line on some rows. ``pairs`` are those whose rows that are yes all rank above those that are no."""

    yes: int
    no: int
    auroc: float | None
    pairs: Rate
    recall_at: dict[str, Rate]
    by_surface: dict[str, float | None]
    by_language: dict[str, float | None]


class Bounds(msgspec.Struct, frozen=True):
    """The log-odds from which a fact is unknown and yes; below the first it is settled as no."""

    unknown: float
    yes: float


class Settled(msgspec.Struct, frozen=True):
    """What the bounds do to rows: of those that are yes, how many are said to be no; of those that are no, how many to
    be yes, and how many stay unknown."""

    missed: Rate
    wrongful: Rate
    held: Rate


def told(rows: Sequence[Row], values: Sequence[str], said: Any) -> Told:
    """``values`` and ``said`` (higher is yes) belong to the rows in their order."""
    yes, no = _sides(values, said)
    return Told(
        yes=len(yes),
        no=len(no),
        auroc=area_under_curve(yes, no),
        pairs=pairs_in_order(rows, values, said),
        recall_at={f"{share:.1%}": recall_at(yes, no, share) for share in WRONGFUL},
        by_surface=_by(rows, values, said, lambda row: row.surface.value, [one.value for one in RowSurface]),
        by_language=_by(
            rows, values, said, lambda row: "English" if row.lang == "en" else "others", ["English", "others"]
        ),
    )


def pairs_in_order(rows: Sequence[Row], values: Sequence[str], said: Any) -> Rate:
    """Of the pairs with a yes and a no, those whose every yes ranks above every no."""
    pairs: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row, value, score in zip(rows, values, said, strict=True):
        if row.pair and value != "unknown":
            pairs[row.pair][value == "no"].append(float(score))
    both = [(yes, no) for yes, no in pairs.values() if yes and no]
    return rate(sum(min(yes) > max(no) for yes, no in both), len(both))


def bounds(values: Sequence[str], said: Any, missed: float, wrongful: float) -> Bounds:
    """Bounds at which at most these shares of yes and of no are lost, on rows whose authors were held out."""
    yes, no = _sides(values, said)
    upper = threshold_at(no, wrongful)
    lower = -threshold_at([-score for score in yes], missed)
    return Bounds(min(lower, upper), upper)


def settled(values: Sequence[str], said: Any, found: Bounds) -> Settled:
    """What bounds do to rows."""
    yes, no = _sides(values, said)
    held = sum(found.unknown <= score < found.yes for score in no)
    kept = counted(yes, found.unknown)
    return Settled(rate(kept.of - kept.hits, kept.of), counted(no, found.yes), rate(held, len(no)))


def line_said(line: Line, said: Mapping[str, Any]) -> Any:
    """Log-odds that a line is crossed, from those of its facts."""
    match line:
        case Line.SURVEILLANCE:
            return said["mass_domestic"]
        case Line.WEAPONS:
            return said["weapon_direct"]
        case Line.DECISIONS:
            return np.maximum(said["social_scoring"], np.minimum(said["high_stakes"], said["acts_alone"]))


def _sides(values: Sequence[str], said: Any) -> tuple[list[float], list[float]]:
    both: dict[str, list[float]] = {"yes": [], "no": [], "unknown": []}
    for value, score in zip(values, said, strict=True):
        both[value].append(float(score))
    return both["yes"], both["no"]


def _by(
    rows: Sequence[Row], values: Sequence[str], said: Any, key: Callable[[Row], str], names: Sequence[str]
) -> dict[str, float | None]:
    found = {}
    for name in names:
        chosen = [(value, score) for row, value, score in zip(rows, values, said, strict=True) if key(row) == name]
        yes, no = _sides([value for value, _ in chosen], [score for _, score in chosen])
        found[name] = area_under_curve(yes, no)
    return found
