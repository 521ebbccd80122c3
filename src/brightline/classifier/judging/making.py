# SPDX-License-Identifier: Apache-2.0
"""From states to a judge file: penalty and thresholds on authors held out in turns, figures on the test authors."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from brightline.classifier.constitutions import constitution
from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.judging.features import ASKED, TOKENS_MAX, Store, corpus_name, exchange_of, in_order
from brightline.classifier.judging.heads import PENALTIES, Linear, fit, held_out, spread
from brightline.classifier.judging.measure import SHARES, Bounds, Settled, Told, bounds, line_said, settled, told
from brightline.classifier.judging.neighbours import EVERYDAY
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Canary, Head
from brightline.core.screening.figures import area_under_curve, log_odds, threshold_at
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

_T = TypeVar("_T")


class Point(msgspec.Struct, frozen=True):
    """What a head fitted on so many rows does on the test rows."""

    rows: int
    auroc: float | None
    pairs: float | None


class FactReport(msgspec.Struct, frozen=True):
    """One fact. ``held_out`` is on training authors held out, the rest on test authors; ``untrained`` is the area of
    a head fitted on the other lines alone, with this fact's definition in the prompt.

    ``joined`` is how much the students' log-odds count beside the head's, ``alone`` and ``students`` the areas of each
    without the other. ``bounds`` and ``test_settled`` are of rows that the judge is asked about.
    """

    train_rows: int
    penalty: float
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
    """All facts, and the three lines. ``corpus`` names the rows of the test authors."""

    model: str
    corpus: str
    rows_read: int
    facts: dict[str, FactReport]
    lines: dict[str, Told]


class Goals(msgspec.Struct, frozen=True):
    """Of rows that are yes, how many may be settled as no; of rows that are no, how many may be said to be yes.

    ``held`` is of everyday texts that the judge is asked about: how many may stay unknown. It goes before ``missed``,
    which nothing else says how often is too often on an ordinary day.
    """

    missed: float
    wrongful: float
    held: float = 1.0


class _Rows(msgspec.Struct, frozen=True):
    """The rows of one fact and split with what a head reads of them."""

    rows: list[Row]
    authors: list[str]
    values: list[str]
    states: Any
    pairs: list[str]  # the minimal pair of each row; empty where it is in none
    leaning: Any  # the students' log-odds, shape (rows,); 0 without students
    asked: Any  # whether the judge is asked, shape (rows,)
    honest: Any  # whether the students have not seen the author, shape (rows,)


class RowsRead(msgspec.Struct, frozen=True):
    """The rows whose states are there, in their order; the states by a row's id; and the store that they are of."""

    rows: list[Row]
    numbers: dict[str, Any]
    store: Store


def rows_read(corpora: Sequence[Corpus], neighbours: Sequence[Corpus], states: Path) -> RowsRead:
    """Load the states in a folder. Raises ``ConfigError``."""
    store = Store.open(states)
    numbers = {name: value for name, (_, value) in store.load().items()}
    return RowsRead([row for row in in_order(corpora, neighbours) if row.id in numbers], numbers, store)


def make(
    corpora: Sequence[Corpus],
    neighbours: Sequence[Corpus],
    read: RowsRead,
    behind: Behind | None,
    goals: Goals,
) -> tuple[JudgeFile, Report]:
    """Fit every head on what was ``read``, everyday ``neighbours`` too, and how much the students ``behind`` it count.

    Raises ``ConfigError`` if a side of a fact has no rows.
    """
    rows, numbers, store = read.rows, read.numbers, read.store
    corpora = [*corpora, *neighbours]
    split = {corpus.author.author: corpus.author.split for corpus in corpora}
    author = {row.id: corpus.author.author for corpus in corpora for row in corpus.rows}
    model = next(one for one in MODELS if one.sha256 == store.weights)
    tested = [row for row in rows if split[author[row.id]] == "test"]
    facts: dict[str, FactReport] = {}
    heads: list[Head] = []
    canaries: list[Canary] = []
    sides: dict[str, tuple[_Rows, _Rows]] = {}
    for line, asked in ASKED.items():
        for fact in asked:
            ours = [row for row in rows if row.line is line and _counts(row, fact)]
            train, test = (
                _chosen([row for row in ours if split[author[row.id]] == one], fact, author, numbers, behind)
                for one in ("train", "test")
            )
            sides[fact] = train, test
    for fact, (train, test) in sides.items():
        if not all({"yes", "no"} <= set(side.values) for side in (train, test)):
            raise ConfigError(f"too few rows were read to fit {fact}: go on with `brightline classifier judge read`")
        head, report = _fact(fact, train, test, sides, goals)
        facts[fact] = report
        heads.append(_as_head(fact, head, report.bounds))
        canaries.append(_canary(fact, train, head, report.bounds))
    views = tuple(View(tuple(constitution(fact) for fact in asked)) for asked in ASKED.values())
    width = store.shape[1]
    judge = JudgeFile(
        format=FORMAT,
        model=Model(model.file, model.sha256, store.layers, width, question=False, mean=True, adapter=store.adapter),
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
    lines = _lines(judge, tested, numbers, behind)
    return judge, Report(model.name, corpus_name(tested), len(rows), facts, lines)


def _counts(row: Row, fact: str) -> bool:
    """Where nothing is at stake, authors differ on what acting alone is (``corpora/README.md``)."""
    return fact != "acts_alone" or row.facts["high_stakes"] != "no"


def _chosen(
    rows: list[Row], fact: str, author: Mapping[str, str], numbers: Mapping[str, Any], behind: Behind | None
) -> _Rows:
    states = np.array([read_of(numbers[row.id]) for row in rows])
    authors = [author[row.id] for row in rows]
    scores = np.array([behind.scores[row.id][fact] if behind else 0.5 for row in rows])
    return _Rows(
        rows,
        authors,
        [row.facts[fact] for row in rows],
        states,
        [row.pair for row in rows],
        _log_odds(scores),
        scores >= (behind.asked.get(fact, 0.0) if behind else 0.0),
        np.array([behind is None or one not in behind.seen for one in authors], bool),
    )


def _log_odds(scores: Any) -> Any:
    return np.array([log_odds(score, LEAST_SHARE) for score in scores])


def read_of(found: Any) -> Any:
    """What a head reads of a row's numbers, shape (questions + 1, layers, width): the exchange's mean, every layer.

    On rows of authors held out that told more than the state at the end of the question, or than both together, and
    three layers a little more than the last.
    """
    return found[-1].reshape(-1).astype(np.float32)


def _fact(
    fact: str, train: _Rows, test: _Rows, sides: Mapping[str, tuple[_Rows, _Rows]], goals: Goals
) -> tuple[Linear, FactReport]:
    tried = held_out(train.states, train.values, train.authors, PENALTIES, train.pairs)
    rows = [row.setting != EVERYDAY for row in train.rows]  # everyday text is told apart too easily to choose by
    penalty = max(PENALTIES, key=lambda one: _area(_of(train.values, rows), tried[one][rows]))
    head = fit(spread(train.states), train.values, penalty, train.pairs)
    alone = _area(test.values, head.of(test.states))
    own, joined, bias = _joined(train, tried[penalty])
    said = own * tried[penalty] + joined * train.leaning + bias
    head = Linear(own * head.weights, own * head.bias + bias)
    asked = train.asked & train.honest
    found = bounds(_of(train.values, asked), said[asked], goals.missed, goals.wrongful)
    found = _quiet(found, train, said, asked, goals)
    on_test = head.of(test.states) + joined * test.leaning
    return head, FactReport(
        train_rows=len(train.rows),
        penalty=penalty,
        bounds=found,
        held_out=told(_of(train.rows, train.honest), _of(train.values, train.honest), said[train.honest]),
        test=told(test.rows, test.values, on_test),
        test_settled=settled(_of(test.values, test.asked), on_test[test.asked], found),
        curve=tuple(_point(train, test, penalty, share) for share in SHARES),
        untrained=_untrained(fact, sides, penalty),
        joined=joined,
        alone=alone,
        students=_area(test.values, test.leaning) if joined else None,
    )


def _quiet(found: Bounds, train: _Rows, said: Any, asked: Any, goals: Goals) -> Bounds:
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


def _joined(train: _Rows, said: Any) -> tuple[float, float, float]:
    """How much the head's log-odds count, the students', and what is added: as log-odds of both together.

    Each counts as much as the other, by how far it spreads where neither saw the author: so few authors are too few to
    say more, and on others that did better than weights fitted to these. ``1, 0, 0`` without students.
    """
    values = _of(train.values, train.honest)
    if not train.leaning.any() or not {"yes", "no"} <= set(values):
        return 1.0, 0.0, 0.0
    head, students = said[train.honest], train.leaning[train.honest]
    together = head / head.std() + students / students.std()
    found = fit(spread(together[:, None]), values, JOINED_PENALTY)
    share = float(found.weights[0])
    return share / float(head.std()), min(share / float(students.std()), JOINED_MAX), found.bias


def _of(values: Sequence[_T], chosen: Any) -> list[_T]:
    return [value for value, one in zip(values, chosen, strict=True) if one]


def _point(train: _Rows, test: _Rows, penalty: float, share: float) -> Point:
    count = round(len(train.rows) * share)
    if not {"yes", "no"} <= set(train.values[:count]):
        return Point(count, None, None)
    said = fit(spread(train.states[:count]), train.values[:count], penalty, train.pairs[:count]).of(test.states)
    one = told(test.rows, test.values, said)
    return Point(count, one.auroc, one.pairs.share)


def _untrained(fact: str, sides: Mapping[str, tuple[_Rows, _Rows]], penalty: float) -> float | None:
    """The area on the test rows of a head that saw rows of other lines only, each fact's states standardised by its
    own rows, which takes no labels.
    """
    line = sides[fact][0].rows[0].line
    others = [train for train, _ in sides.values() if train.rows[0].line is not line]
    states = np.concatenate([_even(one.states, one.states) for one in others])
    head = fit(spread(states), [value for one in others for value in one.values], penalty)
    train, test = sides[fact]
    return _area(test.values, head.of(_even(test.states, train.states)))


def _even(states: Any, by: Any) -> Any:
    size = by.std(0)
    return np.where(size > 0, (states - by.mean(0)) / np.maximum(size, np.float32(1e-6)), 0).astype(np.float32)


def _area(values: Sequence[str], said: Any) -> float:
    both = {"yes": [], "no": [], "unknown": []}  # type: dict[str, list[float]]
    for value, score in zip(values, said, strict=True):
        both[value].append(float(score))
    return area_under_curve(both["yes"], both["no"]) or 0.0


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


def _canary(fact: str, train: _Rows, head: Linear, found: Bounds) -> Canary:
    """The short row of training that is surest, of those that a worker reads as they were read: what it misses one day
    is broken. Raises ``ConfigError``.
    """
    said = head.of(train.states)
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


def _lines(
    judge: JudgeFile,
    rows: Sequence[Row],
    numbers: Mapping[str, Any],
    behind: Behind | None,
) -> dict[str, Told]:
    heads = {head.fact: (np.frombuffer(base64.b64decode(head.weights), "<f4"), head.bias) for head in judge.head}
    found = {}
    for line, asked in ASKED.items():
        ours = [row for row in rows if row.line is line]
        said = {}
        for fact in asked:
            weights, bias = heads[fact]
            said[fact] = np.array([read_of(numbers[row.id]) for row in ours]) @ weights + bias
            if behind and fact in judge.joined:
                scores = np.array([behind.scores[row.id][fact] for row in ours])
                said[fact] = said[fact] + judge.joined[fact] * _log_odds(scores)
        found[line.value] = told(ours, [row.label for row in ours], line_said(line, said))
    return found
