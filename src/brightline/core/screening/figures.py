# SPDX-License-Identifier: Apache-2.0
"""How good a detector is, in figures: shares with their intervals, the curve, and thresholds from the worst corpus.

A score is in favour of the line being crossed; at or above a threshold it *counts*, as in a release's heads. Nothing
here knows a detector, a corpus or a file. Ties are never broken in anybody's favour: a threshold that would let one
more of equal scores through than is allowed lies above all of them.

Sources: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404;
H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18 (1947) 50.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

import msgspec

from brightline.core.evidence.odds import share_at_most

CONFIDENCE: Final = 0.95


def log_odds(share: float, least: float) -> float:
    """The log-odds of a share in 0..1; one closer to either end than ``least`` counts as so far away."""
    inside = min(max(share, least), 1 - least)
    return math.log(inside / (1 - inside))


class Interval(msgspec.Struct, frozen=True):
    """What a share may be, given a sample: both ends in 0..1."""

    low: float
    high: float


class Rate(msgspec.Struct, frozen=True):
    """``hits`` of ``of``; ``share`` is their quotient, and ``low`` to ``high`` its Wilson interval at 95 %.

    Of none, the share is ``None`` and the interval says nothing: 0 to 1.
    """

    hits: int
    of: int
    share: float | None
    low: float
    high: float


class Threshold(msgspec.Struct, frozen=True):
    """A threshold, and the corpus because of which it is so high."""

    value: float
    corpus: str


class Point(msgspec.Struct, frozen=True):
    """One point of a curve: at this threshold, this share of the negatives and of the positives counts."""

    threshold: float
    wrongful: float
    recall: float


def rate(hits: int, of: int) -> Rate:
    """A share with its Wilson interval. Raises ``ValueError`` for more hits than there are."""
    interval = wilson(hits, of)
    return Rate(hits, of, hits / of if of else None, interval.low, interval.high)


def wilson(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval, two-sided. Of none, 0 to 1."""
    _check(hits, of, confidence)
    if not of:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / of
    centre = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    low = 0.0 if hits == 0 else (centre - reach) / scale
    high = 1.0 if hits == of else (centre + reach) / scale
    return Interval(max(0.0, low), min(1.0, high))


def clopper_pearson(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval of Clopper and Pearson, two-sided: it covers at least as often as it says."""
    _check(hits, of, confidence)
    if not of:
        return Interval(0.0, 1.0)
    side = (1 + confidence) / 2
    return Interval(1 - share_at_most(of, of - hits, side), share_at_most(of, hits, side))


def at_most(hits: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The exact upper bound of a share, one-sided: for 0 of n about 3/n."""
    _check(hits, of, confidence)
    return share_at_most(of, hits, confidence) if of else 1.0


def at_least(hits: int, of: int, confidence: float = CONFIDENCE) -> float:
    """The exact lower bound of a share, one-sided."""
    _check(hits, of, confidence)
    return 1 - share_at_most(of, of - hits, confidence) if of else 0.0


def area_under_curve(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """The share of pairs, one of each, in which the positive ranks higher; half for a tie. ``None`` of none."""
    if not positives or not negatives:
        return None
    ordered = sorted(negatives)
    beaten = sum(bisect.bisect_left(ordered, score) + bisect.bisect_right(ordered, score) for score in positives)
    return beaten / (2 * len(positives) * len(negatives))


def threshold_at(negatives: Sequence[float], wrongful: float) -> float:
    """The lowest threshold at which at most this share of the negatives counts; of none, minus infinity.

    Raises ``ValueError`` for a share that is none.
    """
    if not 0 <= wrongful <= 1:
        raise ValueError(f"{wrongful} is no share")
    allowed = math.floor(wrongful * len(negatives) + 1e-9)  # 0.1 % of 1,000 is 1, whatever the float says
    if allowed >= len(negatives):
        return -math.inf
    first_refused = sorted(negatives, reverse=True)[allowed]
    return math.nextafter(first_refused, math.inf)


def threshold_of_worst(corpora: Mapping[str, Sequence[float]], wrongful: float) -> Threshold:
    """The lowest threshold at which at most this share of *each* corpus counts, and the corpus that asks for it.

    Of several the first by name. Raises ``ValueError`` where there is no corpus.
    """
    if not corpora:
        raise ValueError("no corpus, no threshold")
    found = {name: threshold_at(corpora[name], wrongful) for name in sorted(corpora)}
    worst = max(found, key=lambda name: found[name])
    return Threshold(found[worst], worst)


def counted(scores: Sequence[float], threshold: float) -> Rate:
    """How many scores count at a threshold."""
    return rate(sum(score >= threshold for score in scores), len(scores))


def recall_at(positives: Sequence[float], negatives: Sequence[float], wrongful: float) -> Rate:
    """How many positives count where at most this share of the negatives does."""
    return counted(positives, threshold_at(negatives, wrongful))


def curve(positives: Sequence[float], negatives: Sequence[float]) -> tuple[Point, ...]:
    """The points of the curve, from the highest score down; empty where one of the two is missing."""
    if not positives or not negatives:
        return ()
    yes, no = sorted(positives), sorted(negatives)
    points = [Point(math.inf, 0.0, 0.0)]
    for score in sorted({*yes, *no}, reverse=True):
        wrongful = (len(no) - bisect.bisect_left(no, score)) / len(no)
        points.append(Point(score, wrongful, (len(yes) - bisect.bisect_left(yes, score)) / len(yes)))
    return tuple(points)


def _check(hits: int, of: int, confidence: float) -> None:
    if not 0 <= hits <= of or not 0 < confidence < 1:
        raise ValueError(f"no share: {hits} of {of} at {confidence}")
