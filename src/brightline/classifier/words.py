# SPDX-License-Identifier: Apache-2.0
"""What a model that knows only which words occur makes of the rows: it must not tell the labels apart.

Naive Bayes over the presence of words, five folds, pairs kept together. Where it ranks well, topic or style gives the
label away, and whatever is trained on these rows learns that instead of use.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from brightline.classifier.corpus import Row
from brightline.core.screening.figures import area_under_curve

FOLDS: Final = 5
_WORD: Final = re.compile(r"\w+")


def ranked_by_words(rows: Sequence[Row], fact: str = "") -> float | None:
    """The area under the curve (0.5: by chance) of rows that cross their line against those that do not; or of those
    that are yes on a ``fact`` against those that are no.

    ``None`` if one of the two is missing.
    """
    known = [row for row in rows if row.labelled(fact) in {"yes", "no"}]
    groups = sorted({row.pair or row.id for row in known})
    fold_of = {group: i % FOLDS for i, group in enumerate(groups)}
    folds = [fold_of[row.pair or row.id] for row in known]
    words = [frozenset(_WORD.findall(row.words.lower())) for row in known]
    crossed = [row.labelled(fact) == "yes" for row in known]
    scores = [0.0] * len(known)
    for fold in range(FOLDS):
        counts = {True: Counter[str](), False: Counter[str]()}
        for i, present in enumerate(words):
            if folds[i] != fold:
                counts[crossed[i]].update(present)
        sums = {side: counter.total() + 1 for side, counter in counts.items()}
        for i, present in enumerate(words):
            if folds[i] == fold:
                scores[i] = math.fsum(
                    math.log((counts[True][word] + 0.5) / sums[True])
                    - math.log((counts[False][word] + 0.5) / sums[False])
                    for word in present
                )
    return area_under_curve(
        [score for score, yes in zip(scores, crossed, strict=True) if yes],
        [score for score, yes in zip(scores, crossed, strict=True) if not yes],
    )
