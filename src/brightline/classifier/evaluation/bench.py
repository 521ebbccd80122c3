# SPDX-License-Identifier: Apache-2.0
"""A release on the bench: each probe goes through its very detectors and its join of facts, as a request would.

``Screen`` judges, as for an observer: our own bytes to a model, every leaf and joined view, each view of it, and facts
by the release's entitlements; what registration, attestation and people would state is taken as good. Beside it the
bench listens to the scores of those detectors that have any, also below their thresholds.

Layers are switched off here and nowhere else: what depended on one is left out of what was found, and the facts are
joined again; a judge that is off settles nothing. A first stage that is left out raises everything; the drill, which
asks what is caught while a layer is blind, has it raise nothing. A deployment has no such switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.classifier.evaluation.probe import Probe, Shown, shown
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import decide
from brightline.core.errors import CallerError, ScreeningUnavailable
from brightline.core.exchange.api import chat
from brightline.core.facts import Facts
from brightline.core.screening.encoder import Encoder
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.ngrams import NGrams, readings_of
from brightline.core.screening.rules import RuleSet
from brightline.core.screening.toolcall import CallRules
from brightline.core.screening.views import PLAIN_VIEWS
from brightline.shell.inference.kinds import Definition, Judge, judge_of
from brightline.shell.inference.screen import Judged, Screen

VIEWS: Final = "views"
TOOL_CALL_RULES: Final = "tool-call rules"
UNJUDGED: Final = "unjudged"
_AS_IT_IS: Final = "folded"
_FLOOR: Final = 1e-300  # below every score that is one
_CEILING: Final = 1 - 2**-53


class Answer(msgspec.Struct, frozen=True):
    """What a release made of a probe.

    ``facts`` and ``verdict`` are what a request would get, everything else being good. ``scores`` has, for facts that
    some detector scores, the highest; ``without`` the facts that are left when a layer is off. A probe that is refused
    before there is a verdict (503, or too large for any API) is ``unjudged`` and has no facts. ``unsettled`` is the
    verdict had the judge not been there, empty where there is none; ``asked`` says whether it was asked at all.
    """

    facts: Mapping[str, str]
    verdict: str
    scores: Mapping[str, float]
    without: Mapping[str, Mapping[str, str]]
    unsettled: str = ""
    asked: bool = False


class Bench:
    """One release, in the thread of whoever asks."""

    def __init__(
        self, agreement: Agreement, folder: Path, weights: str = "", without: frozenset[str] = frozenset()
    ) -> None:
        """``folder`` is the release's; what depends on the layers ``without`` is never found.

        Raises ``ReleaseError``, or ``ValueError`` for a layer that this release has not.
        """
        self.agreement = agreement
        self.folder = folder
        self._heard = _Heard(without)
        self._screen = Screen(agreement, folder, weights, self._heard.judge)
        self.release = self._screen.release
        detectors = [required.id for required in self.release.detectors]
        tools = (TOOL_CALL_RULES,) if self._heard.tool_call_rules else ()
        self._judge = self._screen.judge
        self.layers = (VIEWS, *tools, *detectors, *([self._judge] if self._judge else []))
        self.judge_id = "" if self._judge in without else self._judge
        self.scored = frozenset(fact for _, fact in self._heard.bounds)
        if strange := without - set(self.layers):
            raise ValueError(f"{min(strange)!r} is no layer of {self.release.id}; it has {', '.join(self.layers)}")
        self._off = without

    def show(self, probe: Probe) -> Answer:
        """Show a probe to the release. Raises nothing: what is refused is an answer too."""
        try:
            judged, scores = self.judge(shown(probe))
        except (ScreeningUnavailable, CallerError):
            return Answer({}, UNJUDGED, {}, {})
        whole = self.facts_without(judged, self._off)
        decision = decide(self.agreement, self.joined(self._left(judged, self._off)), {})
        unsettled, asked = "", False
        if self.judge_id:
            alone = self.joined(self._left(judged, self._off | {self.judge_id}))
            unsettled = decide(self.agreement, alone, {}).verdict.value
            asked = any(said.detector == self.judge_id for each in judged for said in each.judgements)
        drilled = (layer for layer in self.layers if layer not in self._off)
        left = {layer: self.facts_without(judged, self._off | {layer} | self._behind(layer)) for layer in drilled}
        scored = self._combined(judged, scores)
        return Answer(whole, decision.verdict.value, scored, left, unsettled, asked)

    def judge(self, seen: Shown) -> tuple[tuple[Judged, ...], tuple[Finding, ...]]:
        """What the detectors found, and every score that was heard, its value as the thresholds give it or empty.

        Raises ``ScreeningUnavailable``, and ``CallerError`` for an exchange that no API would take.
        """
        self._heard.scores.clear()
        judged = [self._screen.request(chat, seen.exchange)]
        if seen.reply is not None:
            judged.append(self._screen.answer(seen.exchange, seen.reply))
        return tuple(judged), tuple(self._heard.scores)

    def bounds(self, detector: str, fact: str) -> tuple[float, float] | None:
        """From which score a detector says unknown, and from which more; ``None`` where it has no scores."""
        found = self._heard.bounds.get((detector, fact))
        return (found.unknown, found.yes) if found else None

    def scores(self, detector: str, surface: Surface, texts: Sequence[str]) -> list[dict[str, float]]:
        """What one detector scores each text as the one reading that it is. Raises whatever the detector raises."""
        self._heard.scores.clear()
        self._heard.judges[detector]([Segment("text", surface, text, view=_AS_IT_IS) for text in texts])
        found: list[dict[str, float]] = [{} for _ in texts]
        for score in self._heard.scores:
            best = found[score.segment]
            best[score.fact] = max(best.get(score.fact, 0.0), score.score)
        return found

    def joined(self, judged: Iterable[Judged]) -> Facts:
        """The facts of what was found. Raises ``ScreeningUnavailable``."""
        return self._screen.facts(judged)

    def facts_without(self, judged: Iterable[Judged], layers: frozenset[str]) -> dict[str, str]:
        """The facts of what was found, were these layers off. Silence means what the release says it means."""
        return dict(self._screen.facts(self._left(judged, layers)).items())

    def _behind(self, layer: str) -> frozenset[str]:
        """What is asked about nothing once this layer raises nothing."""
        return frozenset(cascade.then for cascade in self.release.cascades if cascade.first == layer)

    def _left(self, judged: Iterable[Judged], layers: frozenset[str]) -> Iterator[Judged]:
        for each in judged:
            heard = each.unsettled(self._judge) if self._judge in layers else each
            yield heard.keep(lambda finding: not self._layers_of(finding) & layers) if layers else each

    def _layers_of(self, finding: Finding) -> set[str]:
        """What has to be there for this to be found."""
        needed = {finding.detector}
        if finding.view not in PLAIN_VIEWS:
            needed.add(VIEWS)
        if finding.rule in self._heard.tool_call_rules:
            needed.add(TOOL_CALL_RULES)
        return needed

    def _combined(self, judged: Sequence[Judged], scores: Iterable[Finding]) -> dict[str, float]:
        """The highest score of each fact that some detector scores.

        What a detector without scores finds ranks with the best where it says yes, and where it says unknown with what
        would just be unknown: so the curve is that of the whole release, as its thresholds would be moved.
        """
        best: dict[str, float] = {}
        for finding in scores:
            if not self._layers_of(finding) & self._off:
                best[finding.fact] = max(best.get(finding.fact, 0.0), finding.score)
        for each in self._left(judged, self._off):
            for finding in (finding for judgement in each.judgements for finding in judgement.findings):
                if (finding.detector, finding.fact) in self._heard.bounds or finding.fact not in self.scored:
                    continue
                said = self._heard.unknown_of(finding.fact) if finding.value == "unknown" else 1.0
                best[finding.fact] = max(best.get(finding.fact, 0.0), said)
        if self._judge and self._judge not in self._off:
            settled = self.facts_without(judged, self._off)
            best = {fact: self._as_settled(fact, score, settled[fact]) for fact, score in best.items()}
        return {fact: best.get(fact, 0.0) for fact in sorted(self.scored)}

    def _as_settled(self, fact: str, score: float, value: str) -> float:
        """A score that would be told, and that the judge settled as good, ranks below all that is told."""
        unknown = self._heard.unknown_of(fact)
        good = value == self.agreement.vocabulary.spec(fact).good
        return unknown * score if good and score >= unknown else score


class _Bounds(msgspec.Struct, frozen=True):
    """The thresholds of a head, and what it says beyond the second."""

    unknown: float
    yes: float
    value: str


class _Heard:
    """Makes judges that find what they would find, and remember every score on the way."""

    def __init__(self, off: frozenset[str]) -> None:
        """A first stage among ``off`` raises everything, so that the stage behind it is asked about all."""
        self._off = off
        self.scores: list[Finding] = []
        self.bounds: dict[tuple[str, str], _Bounds] = {}
        self.judges: dict[str, Judge] = {}
        self.tool_call_rules: frozenset[str] = frozenset()

    def unknown_of(self, fact: str) -> float:
        """The lowest score of a fact that is told at all."""
        return min(bounds.unknown for (_, scored), bounds in self.bounds.items() if scored == fact)

    def judge(self, definition: Definition, detector: str, folder: Path, weights: str) -> Judge:
        """As ``kinds.judge_of``, but with the thresholds of heads taken here."""
        if isinstance(definition, RuleSet):
            bound = {rule.id for rule in definition.rules if set(rule.surfaces) == {Surface.TOOL_CALL}}
            self.tool_call_rules |= bound
        if isinstance(definition, CallRules):
            self.tool_call_rules |= {rule.id for rule in definition.file.rule}
        if isinstance(definition, NGrams) and detector in self._off:
            return readings_of
        if not isinstance(definition, Encoder):
            return judge_of(definition, detector, folder, weights)
        bounds = {head.fact: _Bounds(head.unknown, head.yes, head.value) for head in definition.head}
        self.bounds |= {(detector, fact): each for fact, each in bounds.items()}
        wide = tuple(msgspec.structs.replace(head, unknown=_FLOOR, yes=_CEILING) for head in definition.head)
        heads = {head.fact: head for head in definition.head}
        inner = judge_of(msgspec.structs.replace(definition, head=wide, near=0.0), detector, folder, weights)

        def listen(segments: Sequence[Segment]) -> Sequence[Finding]:
            found = []
            for score in inner(segments):
                assert isinstance(score, Finding)  # noqa: S101 - nothing is near where every score is told
                bound = bounds[score.fact]
                unknown = definition.unknown_from(heads[score.fact], segments[score.segment], score.view)
                value = bound.value if score.score >= bound.yes else "unknown" if score.score >= unknown else ""
                heard = msgspec.structs.replace(score, value=value)
                self.scores.append(heard)
                if value:
                    found.append(heard)
            return found

        self.judges[detector] = listen
        return listen
