# SPDX-License-Identifier: Apache-2.0
"""From heads to a judge file: thresholds on authors whom they had not seen, figures on the test authors."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from brightline.classifier.constitutions import constitution
from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.judging.features import ASKED, TOKENS_MAX, corpus_name, exchange_of
from brightline.classifier.judging.grounds import Fitted, Ground, Point, Side, area_of
from brightline.classifier.judging.heads import FLAT, fit, spread
from brightline.classifier.judging.measure import Bounds, Settled, Told, bounds, line_said, settled, told
from brightline.classifier.judging.neighbours import EVERYDAY
from brightline.classifier.newton import Linear
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Canary, Head
from brightline.core.screening.figures import log_odds, threshold_at
from brightline.core.screening.finding import Surface
from brightline.core.screening.judge import FORMAT, JOINED_MAX, LEAST_SHARE, JudgeFile, Model, View
from brightline.core.screening.prompt import SPEAKER
from brightline.decoder.published import MODELS

OVERLAP: Final = 64
WINDOWS_MAX: Final = 16
DEADLINE_MS: Final = 8_000
QUEUE_MAX: Final = 8
CANARY_CHARS_MAX: Final = 400
NEIGHBOURS_MIN: Final = 40
LEAST_YES: Final = 1.5  # log-odds, four to one: what refuses outright is likelier than not, whatever rows there were
NEVER: Final = 15.0
JOINED_PENALTY: Final = 0.01
SHARES_JOINED: Final = (0.0, 0.25, 0.5, 1.0)
AS_WELL: Final = 0.002  # of an area, which is what chance makes of so many rows

_T = TypeVar("_T")


class FactReport(msgspec.Struct, frozen=True):
    """One fact. ``held_out`` is on training authors held out, the rest on test authors; ``untrained`` is the area of
    a head fitted on the other lines alone, with this fact's definition in the prompt. A tuned decoder has no penalty,
    no curve and no ``untrained``: each of their points would be a tuning of its own.

    ``joined`` is how much the students' log-odds count beside the head's, ``alone`` and ``students`` the areas of each
    without the other. ``bounds`` and ``test_settled`` are of rows that the judge is asked about.
    """

    train_rows: int
    penalty: float | None
    bounds: Bounds
    held_out: Told
    test: Told
    test_settled: Settled
    curve: tuple[Point, ...]
    untrained: float | None
    joined: float = 0.0
    alone: float | None = None
    students: float | None = None


class Behind(msgspec.Struct, frozen=True):
    """The students that a judge stands behind.

    ``scores`` are theirs, by row and fact; ``seen`` the authors they were trained on, whose rows cannot say how much
    their scores are worth; ``asked`` from which score of a fact the judge is asked.
    """

    scores: Mapping[str, Mapping[str, float]]
    seen: frozenset[str]
    asked: Mapping[str, float]


class Report(msgspec.Struct, frozen=True):
    """All facts, and the three lines. ``corpus`` names the rows of the test authors, ``adapter`` is a digest."""

    model: str
    corpus: str
    rows_read: int
    facts: dict[str, FactReport]
    lines: dict[str, Told]
    adapter: str | None = None


class Goals(msgspec.Struct, frozen=True):
    """Of rows that are yes, how many may be settled as no; of rows that are no, how many may be said to be yes.

    ``held`` is of everyday texts that the judge is asked about: how many may stay unknown. It goes before ``missed``,
    which nothing else says how often is too often on an ordinary day.
    """

    missed: float
    wrongful: float
    held: float = 1.0


def make(
    corpora: Sequence[Corpus],
    neighbours: Sequence[Corpus],
    ground: Ground,
    behind: Behind | None,
    goals: Goals,
) -> tuple[JudgeFile, Report]:
    """Take every head from its ground, and say how much the students ``behind`` it count.

    Everyday ``neighbours`` are rows like the others. Raises ``ConfigError`` if a side of a fact has no rows.
    """
    rows = ground.rows
    corpora = [*corpora, *neighbours]
    split = {corpus.author.author: corpus.author.split for corpus in corpora}
    author = {row.id: corpus.author.author for corpus in corpora for row in corpus.rows}
    model = next(one for one in MODELS if one.sha256 == ground.weights)
    tested = [row for row in rows if split[author[row.id]] == "test"]
    facts: dict[str, FactReport] = {}
    heads: list[Head] = []
    canaries: list[Canary] = []
    sides: dict[str, tuple[Side, Side]] = {}
    said: dict[str, Any] = {}
    for line, asked in ASKED.items():
        for fact in asked:
            ours = [row for row in rows if row.line is line and _counts(row, fact)]
            train, test = (
                _chosen([row for row in ours if split[author[row.id]] == one], fact, author, behind)
                for one in ("train", "test")
            )
            sides[fact] = train, test
    for fact, (train, test) in sides.items():
        if not all({"yes", "no"} <= set(side.values) for side in (train, test)):
            raise ConfigError(f"too few rows were read to fit {fact}: go on with `brightline classifier judge read`")
        fitted = ground.fitted(fact, sides)
        weighed = _weighed(fitted, train)
        ours = [row for row in tested if row.line is train.rows[0].line]
        said[fact] = weighed.of(ground.of(fact, fitted.head, ours), _leaning(ours, fact, behind))
        report = _fact(train, test, fitted, weighed, ground.of(fact, fitted.head, test.rows), goals)
        facts[fact] = report
        heads.append(_as_head(fact, weighed.head(fitted.head), report.bounds))
        own = weighed.own * ground.of(fact, fitted.head, train.rows) + weighed.bias
        canaries.append(_canary(fact, train, own, report.bounds))
    views = tuple(View(tuple(constitution(fact) for fact in asked)) for asked in ASKED.values())
    judge = JudgeFile(
        format=FORMAT,
        model=Model(
            model.file,
            model.sha256,
            ground.layers,
            ground.width,
            question=False,
            mean=True,
            adapter=ground.adapter,
        ),
        tokens=TOKENS_MAX,
        overlap=OVERLAP,
        windows_max=WINDOWS_MAX,
        deadline_ms=DEADLINE_MS,
        queue_max=QUEUE_MAX,
        view=views,
        head=tuple(heads),
        canary=tuple(canaries),
        joined={fact: one.joined for fact, one in facts.items() if one.joined},
    )
    lines = {
        line.value: told(ours, [row.label for row in ours], line_said(line, {fact: said[fact] for fact in asked}))
        for line, asked in ASKED.items()
        for ours in ([row for row in tested if row.line is line],)
    }
    adapter = ground.adapter.sha256 if ground.adapter else None
    return judge, Report(model.name, corpus_name(tested), len(rows), facts, lines, adapter)


def _counts(row: Row, fact: str) -> bool:
    """Where nothing is at stake, authors differ on what acting alone is (``corpora/README.md``)."""
    return fact != "acts_alone" or row.facts["high_stakes"] != "no"


def _chosen(rows: list[Row], fact: str, author: Mapping[str, str], behind: Behind | None) -> Side:
    authors = [author[row.id] for row in rows]
    scores = np.array([behind.scores[row.id][fact] if behind else 0.5 for row in rows])
    return Side(
        rows,
        authors,
        [row.facts[fact] for row in rows],
        _leaning(rows, fact, behind),
        scores >= (behind.asked.get(fact, 0.0) if behind else 0.0),
        np.array([behind is None or one not in behind.seen for one in authors], bool),
    )


def _leaning(rows: Sequence[Row], fact: str, behind: Behind | None) -> Any:
    """What the students lean to, as log-odds; 0 without students."""
    return np.array([log_odds(behind.scores[row.id][fact] if behind else 0.5, LEAST_SHARE) for row in rows])


class _Weighed(msgspec.Struct, frozen=True):
    """How much a head's log-odds count, the students', and what is added: as log-odds of both together."""

    own: float = 1.0
    joined: float = 0.0
    bias: float = 0.0

    def of(self, said: Any, leaning: Any) -> Any:
        """Both together."""
        return self.own * said + self.joined * leaning + self.bias

    def head(self, head: Linear) -> Linear:
        """The head, as its file has it."""
        return Linear(self.own * head.weights, self.own * head.bias + self.bias)


def _fact(train: Side, test: Side, fitted: Fitted, weighed: _Weighed, said: Any, goals: Goals) -> FactReport:
    """``said`` is what the head says of the test rows."""
    held = weighed.of(fitted.held, train.leaning)
    asked = train.asked & train.honest
    found = bounds(_of(train.values, asked), held[asked], goals.missed, goals.wrongful)
    found = _quiet(found, train, held, asked, goals)
    on_test = weighed.of(said, test.leaning)
    return FactReport(
        train_rows=len(train.rows),
        penalty=fitted.penalty,
        bounds=found,
        held_out=told(_of(train.rows, train.honest), _of(train.values, train.honest), held[train.honest]),
        test=told(test.rows, test.values, on_test),
        test_settled=settled(_of(test.values, test.asked), on_test[test.asked], found),
        curve=fitted.curve,
        untrained=fitted.untrained,
        joined=weighed.joined,
        alone=area_of(test.values, said),
        students=area_of(test.values, test.leaning) if test.leaning.any() else None,
    )


def _quiet(found: Bounds, train: Side, said: Any, asked: Any, goals: Goals) -> Bounds:
    """These bounds, beyond what everyday text asks for, and with a *yes*, which refuses, only where enough is known.

    It lies beyond the neighbours of every author, also of those whom the students know; where few of those that the
    judge is asked about are no, it says nothing outright.
    """
    everyday = np.array([row.setting == EVERYDAY for row in train.rows])
    no = np.array([value == "no" for value in train.values])
    unknown = max(found.unknown, threshold_at(said[asked & everyday].tolist(), goals.held))
    few = int((asked & no).sum()) < NEIGHBOURS_MIN
    yes = NEVER if few else max(found.yes, LEAST_YES, threshold_at(said[train.asked & no].tolist(), goals.wrongful))
    return Bounds(unknown, max(unknown, yes))


def _weighed(fitted: Fitted, train: Side) -> _Weighed:
    """How much the head counts and the students behind it, on rows of which neither saw the author.

    Of few ways to weigh them, each a share of counting as much by how far it spreads, that which tells these rows
    best; of those that tell them about as well, that in which the students count least. So few authors are too few to
    say more. Only the head without students.
    """
    values = _of(train.values, train.honest)
    if not train.leaning.any() or not {"yes", "no"} <= set(values):
        return _Weighed()
    head, students = fitted.held[train.honest], train.leaning[train.honest]
    head_size, size = float(head.std()), float(students.std())
    if min(head_size, size) < FLAT:  # who says the same of every row tells none apart
        return _Weighed()
    areas = {share: area_of(values, head / head_size + share * students / size) for share in SHARES_JOINED}
    share = min(one for one, area in areas.items() if area > max(areas.values()) - AS_WELL)
    together = head / head_size + share * students / size
    found = fit(spread(together[:, None]), values, JOINED_PENALTY)
    scale = float(found.weights[0])
    if scale <= 0:  # rows that say the opposite of all others are too few to turn a head around
        return _Weighed()
    return _Weighed(scale / head_size, min(scale * share / size, JOINED_MAX), found.bias)


def _of(values: Sequence[_T], chosen: Any) -> list[_T]:
    return [value for value, one in zip(values, chosen, strict=True) if one]


def _as_head(fact: str, head: Linear, found: Bounds) -> Head:
    return Head(
        fact=fact,
        value="yes",
        weights=base64.b64encode(head.weights.astype("<f4").tobytes()).decode(),
        bias=head.bias,
        unknown=_share(found.unknown),
        yes=_share(found.yes),
    )


def _share(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(log_odds, -15, 15))))


def _canary(fact: str, train: Side, said: Any, found: Bounds) -> Canary:
    """The short row of training that is surest, of those that a worker reads as they were read: what it misses one day
    is broken. ``said`` is the head's own word. Raises ``ConfigError``.
    """
    plain = {"prompt": Surface.INPUT, "output": Surface.OUTPUT, "tool_call": Surface.TOOL_CALL}
    fit_for_it = [
        number
        for number, (row, value) in enumerate(zip(train.rows, train.values, strict=True))
        if value == "yes"
        and row.surface.value in plain
        and len(row.judged) <= CANARY_CHARS_MAX
        and exchange_of(row) == SPEAKER[plain[row.surface.value]] + row.judged
    ]
    if not fit_for_it:
        raise ConfigError(f"no short row shows {fact}: go on with `brightline classifier judge read`")
    surest = max(fit_for_it, key=lambda number: float(said[number]))
    if said[surest] < found.unknown:  # nobody asked about a canary, so that it has only the head's own word
        raise ConfigError(f"the thresholds are too high: no canary of {fact} is found")
    best = train.rows[surest]
    return Canary(fact, best.judged, plain[best.surface.value])
