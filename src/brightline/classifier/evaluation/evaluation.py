# SPDX-License-Identifier: Apache-2.0
"""What an evaluation says, as values: it is written as JSON, and tables, page and card are made of it alone.

Shares come with counts and intervals (``figures.Rate``). *Caught* is yes or unknown: the exchange does not go on by
itself. *Outright* is yes. *Wrongful* are those of what crosses nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.screening.figures import Point, Rate

FORMAT: Final = "brightline-evaluation/1"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
WRONGFUL: Final = (0.001, 0.005, 0.01, 0.05)
"""The shares of false positives at which recall is told."""


class Rows(msgspec.Struct, frozen=True):
    """A file that was read. ``kind`` says whether a person or a model wrote it, or nothing where nobody said."""

    name: str
    sha256: str
    rows: int
    kind: str = ""
    persona: str = ""
    split: str = ""


class Recall(msgspec.Struct, frozen=True):
    """How many positives count at the threshold at which ``wrongful`` of the negatives do.

    ``corpus`` is the one that set the threshold, or empty: the hard neighbours among the rows themselves.
    """

    wrongful: float
    threshold: float
    recall: Rate
    corpus: str = ""


class Slice(msgspec.Struct, frozen=True):
    """Some rows of a question: at the shipped thresholds, and by score at the thresholds of all rows together.

    ``by_score`` and ``by_score_worst`` are recalls at ``WRONGFUL``, of the hard neighbours and of the worst benign
    corpus; empty where no detector scores, or no benign corpus was given. ``caught_unsettled`` is what would be caught
    were the judge not there, of a release that has one.
    """

    name: str
    rows: int
    caught: Rate
    outright: Rate
    wrongful: Rate
    wrongful_outright: Rate
    area: float | None
    by_score: tuple[Rate, ...] = ()
    by_score_worst: tuple[Rate, ...] = ()
    caught_unsettled: Rate | None = None


class Pairs(msgspec.Struct, frozen=True):
    """Minimal pairs: both right at the shipped thresholds (caught, and no), and ranked in order by score."""

    right: Rate
    in_order: Rate | None


class Evaded(msgspec.Struct, frozen=True):
    """Rows after one transform: caught of the positives, beside the same rows plain; wrongful of the neighbours."""

    name: str
    caught: Rate
    plain: Rate
    wrongful: Rate
    plain_wrongful: Rate


class HeldOut(msgspec.Struct, frozen=True):
    """One source, at the threshold that all other sources set: what leaves with it when it is a stranger."""

    source: str
    wrongful_wanted: float
    threshold: float
    recall: Rate
    wrongful: Rate


class Drilled(msgspec.Struct, frozen=True):
    """What the others still catch while one layer is off, and what they wrongfully catch."""

    layer: str
    caught: Rate
    outright: Rate
    wrongful: Rate


class Question(msgspec.Struct, frozen=True):
    """A red line or a fact. ``said`` counts, by what is true, what the release said (yes, unknown, no, unjudged)."""

    name: str
    whole: Slice
    said: dict[str, dict[str, int]]
    pairs: Pairs
    recall: tuple[Recall, ...]
    recall_worst: tuple[Recall, ...]
    surfaces: tuple[Slice, ...]
    languages: tuple[Slice, ...]
    sources: tuple[Slice, ...]
    curve: tuple[Point, ...]
    evasions: tuple[Evaded, ...] = ()
    held_out: tuple[HeldOut, ...] = ()
    drill: tuple[Drilled, ...] = ()


class Benign(msgspec.Struct, frozen=True):
    """A corpus in which nothing crosses a line: what a request would get, and which line or fact was in the way.

    ``stopped`` were refused, ``held`` wait for people; ``stopped_at_most`` and ``held_at_most`` are exact upper bounds
    at 95 %, one-sided. ``lines`` says of each red line how many rows were yes and unknown. Of a release with a judge,
    ``asked`` are those that it was asked about, and ``held_unsettled`` those that would be held were it not there.
    """

    name: str
    rows: int
    stopped: Rate
    held: Rate
    stopped_at_most: float
    held_at_most: float
    unjudged: int
    lines: dict[str, dict[str, int]]
    facts: dict[str, int]
    asked: Rate | None = None
    held_unsettled: Rate | None = None


class LearningPoint(msgspec.Struct, frozen=True):
    """How well it went with this many rows to learn from; somebody who trained says so."""

    rows: int
    figures: dict[str, float]


class Evaluation(msgspec.Struct, frozen=True):
    """The whole. Of the labelled rows one in ``one_in`` was shown, pairs kept whole.

    ``judge`` is the layer that settles what others leave unknown, empty where there is none. A case for people is
    reckoned at ``minutes_a_case``, if anybody said so. ``facts`` are those that detectors set under the agreement; an
    evaluation from before they were named has none.
    """

    format: str
    release: str
    release_digest: str
    release_note: str
    agreement: str
    layers: tuple[str, ...]
    without: tuple[str, ...]
    scored: tuple[str, ...]
    rows: tuple[Rows, ...]
    benign_rows: tuple[Rows, ...]
    questions: tuple[Question, ...]
    benign: tuple[Benign, ...]
    benign_together: Benign | None
    by_models: float | None
    learning: tuple[LearningPoint, ...] = ()
    one_in: int = 1
    judge: str = ""
    minutes_a_case: float | None = None
    facts: tuple[str, ...] = ()


def read_evaluation(data: bytes, name: str) -> Evaluation:
    """An evaluation from JSON. Raises ``ConfigError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{name} is larger than {FILE_BYTES_MAX:,} bytes")
    try:
        evaluation = msgspec.json.decode(data, type=Evaluation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{name} is no evaluation: {error}") from error
    if evaluation.format != FORMAT:
        raise ConfigError(f"{name} has format {evaluation.format[:40]!r}; expected {FORMAT!r}")
    return evaluation


def read_learning(data: bytes, name: str) -> tuple[LearningPoint, ...]:
    """The points of a learning curve from a JSON list; figures are shares. Raises ``ConfigError``."""
    try:
        points = msgspec.json.decode(data[:FILE_BYTES_MAX], type=tuple[LearningPoint, ...])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{name} is no learning curve: {error}") from error
    if not points or any(not 0 <= value <= 1 for point in points for value in point.figures.values()):
        raise ConfigError(f"{name}: a learning curve has points, and its figures are shares from 0 to 1")
    return points
