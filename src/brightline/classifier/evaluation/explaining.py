# SPDX-License-Identifier: Apache-2.0
"""Why a text was found: which stage, view, window and words decided, and what the agreement makes of the facts.

    rules         the rule, and the places of its patterns in the view in which it was found
    with scores   the window of the view that carries the score, and in it the words without which it falls most
                  (occlusion: each word is left out in turn, and the rest is scored anew)

Nothing here knows how a detector computes: it is asked about parts of the text, as about any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.classifier.evaluation.bench import Bench
from brightline.classifier.evaluation.probe import LINES, Shown, answer_to
from brightline.core.agreement.decide import decide
from brightline.core.screening.figures import log_odds
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.rules import places_of
from brightline.core.screening.views import PLAIN_VIEWS, views
from brightline.folders import folder_reader
from brightline.shell.inference.screen import Judged

WORDS_MAX: Final = 40  # of a window
PIECES_MAX: Final = 64  # windows of one view
WORDS_NAMED_MAX: Final = 8
NEAR_MAX: Final = 5
LEAST_SHARE: Final = 1e-9  # differences of scores nearer to 0 or 1 are not seen
FALL_MIN: Final = 0.1  # of log-odds; a word without which they fall by less carries nothing
_WORD: Final = re.compile(r"\S+")


class Place(msgspec.Struct, frozen=True):
    """A stretch of a view, in characters, and what stands there. ``weight`` is by how much the log-odds of the
    score fall without it."""

    start: int
    end: int
    text: str
    weight: float | None = None


class Why(msgspec.Struct, frozen=True):
    """One finding: ``stage`` (a detector) set ``fact`` to ``value`` because of ``rule``, at ``path`` in ``view``.

    ``window`` is the stretch of the view that decided, ``words`` the places in it. ``unknown`` and ``yes`` are the
    thresholds, of a detector that scores.
    """

    stage: str
    fact: str
    value: str
    rule: str
    path: str
    view: str
    score: float | None
    unknown: float | None
    yes: float | None
    window: Place
    words: tuple[Place, ...]


class Near(msgspec.Struct, frozen=True):
    """A score that set nothing, and the threshold that it stayed below."""

    stage: str
    fact: str
    score: float
    unknown: float


class Clause(msgspec.Struct, frozen=True):
    """A clause that decided, in the agreement's words."""

    id: str
    quote: str
    says: str


class Explanation(msgspec.Struct, frozen=True):
    """What became of an exchange and why; ``facts`` are those that are not good, everything else being so."""

    release: str
    verdict: str
    clauses: tuple[Clause, ...]
    lines: dict[str, str]
    facts: dict[str, str]
    findings: tuple[Why, ...]
    near: tuple[Near, ...]


def explain(bench: Bench, seen: Shown) -> Explanation:
    """Explain an exchange. Raises ``ScreeningUnavailable`` or ``CallerError``: then there is no verdict to explain."""
    judged, scores = bench.judge(seen)
    facts = bench.facts_without(judged, frozenset())
    agreement = bench.agreement
    decision = decide(agreement, bench.joined(judged), {})
    clauses = [clause for clause in agreement.clauses if clause.id in decision.clauses]
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    best = _best(judged)
    return Explanation(
        release=bench.release.id,
        verdict=decision.verdict.value,
        clauses=tuple(Clause(one.id, " … ".join(one.quote), one.says) for one in clauses),
        lines={line: answer_to(line, facts) for line in LINES},
        facts={fact: value for fact, value in facts.items() if value != good[fact]},
        findings=tuple(_why(bench, segment, finding) for segment, finding in best),
        near=_near(bench, scores, {(finding.detector, finding.fact) for _, finding in best}),
    )


def _best(judged: Sequence[Judged]) -> list[tuple[Segment, Finding]]:
    """Of each rule the finding on the plainest view, of each head the highest score; segments in order."""
    best: dict[tuple[str, str, str], tuple[tuple[float, bool, int], Segment, Finding]] = {}
    order = 0
    for each in judged:
        for judgement in each.judgements:
            for finding in judgement.findings:
                order += 1
                key = (finding.detector, finding.fact, finding.rule)
                rank = (finding.score, finding.view in PLAIN_VIEWS, -order)
                if key not in best or rank > best[key][0]:
                    best[key] = (rank, each.segments[finding.segment], finding)
    return [(segment, finding) for _, segment, finding in best.values()]


def _near(bench: Bench, scores: Sequence[Finding], told: set[tuple[str, str]]) -> tuple[Near, ...]:
    """The highest scores that set nothing."""
    best: dict[tuple[str, str], float] = {}
    for heard in scores:
        key = (heard.detector, heard.fact)
        if key not in told:
            best[key] = max(best.get(key, 0.0), heard.score)
    found = []
    for (detector, fact), highest in best.items():
        bounds = bench.bounds(detector, fact)
        if bounds is not None:
            found.append(Near(detector, fact, highest, bounds[0]))
    return tuple(sorted(found, key=lambda one: (-one.score / one.unknown, one.fact))[:NEAR_MAX])


def _why(bench: Bench, segment: Segment, finding: Finding) -> Why:
    text = _view(segment, finding.view)
    bounds = bench.bounds(finding.detector, finding.fact)
    if bounds is None:
        window, words = Place(0, len(text), text), _matched(bench, finding, text)
        if words:
            first, last = min(one.start for one in words), max(one.end for one in words)
            window = Place(first, last, text[first:last])
    else:
        window = _window(bench, segment.surface, finding, text)
        words = _words(bench, segment.surface, finding, window)
    return Why(
        stage=finding.detector,
        fact=finding.fact,
        value=finding.value,
        rule=finding.rule,
        path=segment.path,
        view=finding.view,
        score=finding.score if bounds else None,
        unknown=bounds[0] if bounds else None,
        yes=bounds[1] if bounds else None,
        window=window,
        words=words,
    )


def _view(segment: Segment, name: str) -> str:
    """The text of a view; of one that is not among the views the segment as it stands."""
    return next((view.text for view in views(segment.text) if view.name == name), segment.text)


def _matched(bench: Bench, finding: Finding, text: str) -> tuple[Place, ...]:
    path = next(each.path for each in bench.release.detectors if each.id == finding.detector)
    places = places_of(folder_reader(bench.folder)(path), path, finding.rule, text)
    return tuple(Place(start, end, text[start:end]) for start, end in places)


def _window(bench: Bench, surface: Surface, finding: Finding, text: str) -> Place:
    """The stretch of some forty words that scores highest by itself; longer where the text is very long."""
    words = [found.span() for found in _WORD.finditer(text)]
    if len(words) <= WORDS_MAX:
        return Place(0, len(text), text)
    size = max(WORDS_MAX, 2 * (len(words) // PIECES_MAX + 1))
    pieces = [words[at : at + size] for at in range(0, max(1, len(words) - size // 2), size // 2)]
    places = [Place(piece[0][0], piece[-1][1], text[piece[0][0] : piece[-1][1]]) for piece in pieces]
    scores = _scores(bench, surface, finding, [place.text for place in places])
    return max(zip(scores, places, strict=True), key=lambda one: (one[0], -one[1].start))[1]


def _words(bench: Bench, surface: Surface, finding: Finding, window: Place) -> tuple[Place, ...]:
    """The words without which the window scores less, in their order; of a very long window stretches of words."""
    words = [found.span() for found in _WORD.finditer(window.text)]
    several = -(-len(words) // WORDS_MAX) or 1
    spans = [(words[at][0], words[at : at + several][-1][1]) for at in range(0, len(words), several)]
    without = [window.text[:start] + window.text[end:] for start, end in spans]
    whole, *left = _scores(bench, surface, finding, [window.text, *without])
    falls = [log_odds(whole, LEAST_SHARE) - log_odds(score, LEAST_SHARE) for score in left]
    places = [
        Place(window.start + start, window.start + end, window.text[start:end], round(fall, 2))
        for (start, end), fall in zip(spans, falls, strict=True)
        if fall >= FALL_MIN
    ]
    carrying = sorted(places, key=lambda place: (-(place.weight or 0), place.start))[:WORDS_NAMED_MAX]
    return tuple(sorted(carrying, key=lambda place: place.start))


def _scores(bench: Bench, surface: Surface, finding: Finding, texts: Sequence[str]) -> list[float]:
    return [each.get(finding.fact, 0.0) for each in bench.scores(finding.detector, surface, texts)]
