# SPDX-License-Identifier: Apache-2.0
"""What came out, in figures: pure, and the same for the same answers. Worst first, wherever an order is chosen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from brightline.classifier.evaluation.bench import UNJUDGED, Answer
from brightline.classifier.evaluation.evaluation import (
    WRONGFUL,
    Benign,
    Drilled,
    HeldOut,
    Pairs,
    Question,
    Recall,
    Slice,
)
from brightline.classifier.evaluation.probe import LINES, Probe, answer_to, score_of
from brightline.core.screening.figures import (
    Point,
    Rate,
    area_under_curve,
    at_most,
    counted,
    curve,
    rate,
    threshold_at,
    threshold_of_worst,
)

CURVE_POINTS_MAX: Final = 240
TRUTHS: Final = ("yes", "unknown", "no")
SAID: Final = ("yes", "unknown", "no", UNJUDGED)
FACTS_NAMED_MAX: Final = 8
TOGETHER: Final = "all benign rows"


class Judged(msgspec.Struct, frozen=True):
    """A probe and what the release made of it."""

    probe: Probe
    answer: Answer

    def said(self, question: str) -> str:
        """What it says to a question; ``unjudged`` where there was no verdict."""
        return UNJUDGED if self.answer.verdict == UNJUDGED else answer_to(question, self.answer.facts)

    def score(self, question: str) -> float | None:
        """Its score for a question; of an unjudged probe 0: nothing was found."""
        return 0.0 if self.answer.verdict == UNJUDGED else score_of(question, self.answer.scores)


class _Told(msgspec.Struct, frozen=True):
    """One row of one question."""

    probe: Probe
    truth: str
    said: str
    score: float | None
    without: Mapping[str, str]

    @property
    def caught(self) -> bool:
        return self.said in ("yes", "unknown")


def measure(
    question: str,
    judged: Sequence[Judged],
    benign: Sequence[tuple[str, Sequence[Judged]]],
    *,
    held_out: bool = False,
    judge: str = "",
) -> Question:
    """Everything about one question. ``benign`` are corpora by name; ``held_out`` asks for leave-one-source-out.

    ``judge`` is the layer that settles, if there is one.
    """
    told = [_told(question, one) for one in judged if question in one.probe.truths]
    yes, no = _scores(told, "yes"), _scores(told, "no")
    everyday = {name: [one.score(question) or 0.0 for one in rows] for name, rows in benign}
    scored = bool(yes and no)
    own = {wrongful: threshold_at(no, wrongful) for wrongful in WRONGFUL} if scored else {}
    worst = {wrongful: threshold_of_worst(everyday, wrongful) for wrongful in WRONGFUL} if scored and everyday else {}
    cuts = (tuple(own.values()), tuple(each.value for each in worst.values()))

    def slices(of: Callable[[Probe], str]) -> tuple[Slice, ...]:
        names = sorted({of(one.probe) for one in told})
        found = [_slice(name, [one for one in told if of(one.probe) == name], cuts, judge) for name in names]
        return tuple(found)

    return Question(
        name=question,
        whole=_slice("all", told, cuts, judge),
        said={
            truth: {said: sum(one.truth == truth and one.said == said for one in told) for said in SAID}
            for truth in TRUTHS
        },
        pairs=_pairs(told),
        recall=tuple(Recall(wrongful, _finite(cut), counted(yes, cut)) for wrongful, cut in own.items()),
        recall_worst=tuple(
            Recall(wrongful, _finite(cut.value), counted(yes, cut.value), cut.corpus)
            for wrongful, cut in worst.items()
        ),
        surfaces=slices(lambda probe: probe.surface.value),
        languages=tuple(sorted(slices(lambda probe: probe.lang or "?"), key=lambda one: (-one.rows, one.name))),
        sources=_worst_first(slices(lambda probe: probe.source)),
        curve=_thinned(curve(yes, no)) if scored else (),
        held_out=tuple(_held_out(told)) if scored and held_out else (),
        drill=tuple(_drill(told)),
    )


def questions_of(probes: Iterable[Probe]) -> tuple[str, ...]:
    """The questions that some row answers: red lines first, then facts, by name."""
    asked = {question for probe in probes for question in probe.truths}
    return (*(line for line in LINES if line in asked), *sorted(asked - {*LINES}))


def measure_benign(
    name: str, judged: Sequence[Judged], good: Mapping[str, str], *, with_judge: bool = False
) -> Benign:
    """What became of rows that cross nothing. ``good`` says which value of each fact is good."""
    verdicts = Counter(one.answer.verdict for one in judged)
    unsettled = Counter(one.answer.unsettled for one in judged)
    of = len(judged)
    bad = Counter(
        f"{fact} {value}"
        for one in judged
        if one.answer.verdict in ("hold", "deny")
        for fact, value in one.answer.facts.items()
        if value != good[fact]
    )
    return Benign(
        name=name,
        rows=of,
        stopped=rate(verdicts["deny"], of),
        held=rate(verdicts["hold"], of),
        stopped_at_most=at_most(verdicts["deny"], of),
        held_at_most=at_most(verdicts["hold"], of),
        unjudged=verdicts[UNJUDGED],
        lines={line: {said: sum(one.said(line) == said for one in judged) for said in SAID[:2]} for line in LINES},
        facts=dict(sorted(bad.items(), key=lambda item: (-item[1], item[0]))[:FACTS_NAMED_MAX]),
        asked=rate(sum(one.answer.asked for one in judged), of) if with_judge else None,
        held_unsettled=rate(unsettled["hold"], of) if with_judge else None,
    )


def benign_worst_first(corpora: Iterable[Benign]) -> tuple[Benign, ...]:
    """Most stopped first, then most held, then by name."""
    return tuple(sorted(corpora, key=lambda one: (-(one.stopped.share or 0), -(one.held.share or 0), one.name)))


def _told(question: str, one: Judged) -> _Told:
    without = {layer: answer_to(question, facts) for layer, facts in one.answer.without.items()}
    return _Told(one.probe, one.probe.truths[question], one.said(question), one.score(question), without)


def _scores(told: Iterable[_Told], truth: str) -> list[float]:
    return [one.score for one in told if one.truth == truth and one.score is not None]


def _share(told: Sequence[_Told], truth: str, counts: Callable[[_Told], bool]) -> Rate:
    chosen = [one for one in told if one.truth == truth]
    return rate(sum(map(counts, chosen)), len(chosen))


def _slice(name: str, told: Sequence[_Told], cuts: tuple[Sequence[float], Sequence[float]], judge: str) -> Slice:
    yes, no = _scores(told, "yes"), _scores(told, "no")
    unsettled = [msgspec.structs.replace(one, said=one.without.get(judge, one.said)) for one in told] if judge else ()
    return Slice(
        name=name,
        rows=len(told),
        caught=_share(told, "yes", lambda one: one.caught),
        outright=_share(told, "yes", lambda one: one.said == "yes"),
        wrongful=_share(told, "no", lambda one: one.caught),
        wrongful_outright=_share(told, "no", lambda one: one.said == "yes"),
        area=area_under_curve(yes, no),
        by_score=tuple(counted(yes, cut) for cut in cuts[0]),
        by_score_worst=tuple(counted(yes, cut) for cut in cuts[1]),
        caught_unsettled=_share(unsettled, "yes", lambda one: one.caught) if judge else None,
    )


def _worst_first(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Most wrongful first; of those alike, least caught."""
    return tuple(sorted(slices, key=lambda one: (-(one.wrongful.share or 0), one.caught.share or 0, one.name)))


def _pairs(told: Sequence[_Told]) -> Pairs:
    pairs: dict[tuple[str, str], list[_Told]] = {}
    for one in told:
        if one.probe.pair and one.truth != "unknown":
            pairs.setdefault((one.probe.source, one.probe.pair), []).append(one)
    both = [members for members in pairs.values() if len({one.truth for one in members}) == 2]
    right = sum(all(one.caught if one.truth == "yes" else one.said == "no" for one in members) for members in both)
    ranked = [(_scores(members, "yes"), _scores(members, "no")) for members in both]
    in_order = [min(yes) > max(no) for yes, no in ranked if yes and no]
    return Pairs(rate(right, len(both)), rate(sum(in_order), len(in_order)) if in_order else None)


def _held_out(told: Sequence[_Told]) -> Iterable[HeldOut]:
    sources = sorted({one.probe.source for one in told})
    for source in sources if len(sources) > 1 else ():
        ours = [one for one in told if one.probe.source == source]
        others: dict[str, list[float]] = {}
        for one in told:
            if one.probe.source != source and one.truth == "no" and one.score is not None:
                others.setdefault(one.probe.source, []).append(one.score)
        for wrongful in WRONGFUL if others else ():
            cut = threshold_at([score for each in others.values() for score in each], wrongful)
            recall, wrong = counted(_scores(ours, "yes"), cut), counted(_scores(ours, "no"), cut)
            yield HeldOut(source, wrongful, _finite(cut), recall, wrong)


def _drill(told: Sequence[_Told]) -> Iterable[Drilled]:
    layers = next((tuple(one.without) for one in told if one.without), ())
    judged = [one for one in told if one.without]
    for layer in layers:
        left = [msgspec.structs.replace(one, said=one.without[layer]) for one in judged]
        yield Drilled(
            layer,
            _share(left, "yes", lambda one: one.caught),
            _share(left, "yes", lambda one: one.said == "yes"),
            _share(left, "no", lambda one: one.caught),
        )


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    """Corners of the curve alone: between two of them it goes straight up or straight on. At most so many."""
    finite = [msgspec.structs.replace(point, threshold=_finite(point.threshold)) for point in points]
    kept = [
        point
        for i, point in enumerate(finite)
        if i in (0, len(finite) - 1)
        or not (
            finite[i - 1].wrongful == point.wrongful == finite[i + 1].wrongful
            or finite[i - 1].recall == point.recall == finite[i + 1].recall
        )
    ]
    step = max(1, math.ceil(len(kept) / CURVE_POINTS_MAX))
    return tuple(point for i, point in enumerate(kept) if i % step == 0 or i == len(kept) - 1)


def _finite(threshold: float) -> float:
    """Thresholds as JSON can say them: beyond every score is 2, below every score is -1."""
    return 2.0 if threshold == math.inf else -1.0 if threshold == -math.inf else threshold
