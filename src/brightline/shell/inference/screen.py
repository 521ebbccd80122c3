# SPDX-License-Identifier: Apache-2.0
"""Screening without a gateway: what the detectors of a release say of a request or an answer, and the facts of it.

For those who look at traffic that somebody else served, or that was. What registration, attestation and people would
have stated is taken as good, so that what is seen is what the detectors alone make of it. Nothing is enforced here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ReleaseError
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.coverage import cover_reply, cover_request
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.facts import Facts, Source, Statement
from brightline.core.screening.finding import Finding, Judgement, Segment
from brightline.core.screening.judge import JudgeFile
from brightline.core.screening.release import Release, of_the_batch, raised_segments, statements_from
from brightline.core.screening.remote import RemoteJudge
from brightline.core.screening.segment import cut
from brightline.core.screening.settle import as_segments, check_asked, open_questions
from brightline.shell import shipped
from brightline.shell.inference.kinds import Definition, Judge, check, define, judge_of, judgement_of

MakesJudge = Callable[[Definition, str, Path, str], Judge]

log = logging.getLogger("brightline.screening")


class Judged(msgspec.Struct, frozen=True):
    """What all detectors said of one batch of segments."""

    segments: tuple[Segment, ...]
    judgements: tuple[Judgement, ...]

    @property
    def rules(self) -> frozenset[str]:
        """The rules that matched."""
        return frozenset(finding.rule for judgement in self.judgements for finding in judgement.findings)

    def without(self, rule: str) -> Judged:
        """The same, had this rule not matched."""
        return self.keep(lambda finding: finding.rule != rule)

    def unsettled(self, judge: str) -> Judged:
        """The same, had this judge not answered."""
        return Judged(self.segments, tuple(each for each in self.judgements if each.detector != judge))

    def keep(self, wanted: Callable[[Finding], bool]) -> Judged:
        """The same, had only these findings been made."""
        return Judged(
            self.segments,
            tuple(
                msgspec.structs.replace(each, findings=tuple(filter(wanted, each.findings)))
                for each in self.judgements
            ),
        )


class Screen:
    """The detectors of one release, in the thread of whoever asks."""

    def __init__(self, agreement: Agreement, folder: Path, weights: str = "", make: MakesJudge = judge_of) -> None:
        """``folder`` is the release's; ``make`` lets whoever measures listen to what judges say.

        Raises ``ReleaseError``.
        """
        self._agreement = agreement
        self.release: Release = shipped.read_release(folder, agreement.vocabulary)
        self._judges: list[tuple[str, str, Judge]] = []
        read = shipped.folder_reader(folder)
        for required in self.release.detectors:
            definition = define(required.kind, read(required.path), required.path)
            check(definition, agreement.vocabulary, required.path)
            judge = make(definition, required.id, folder, weights)
            self._judges.append((required.id, f"sha256:{required.sha256}", judge))
        self._judge = self._open_judge(folder, weights, make)
        self._others = tuple(
            Statement(spec.name, spec.good, source, "taken as good")
            for spec in agreement.vocabulary.specs
            for source in sorted(spec.set_by - {Source.DETECTOR, Source.PATTERN})
            if not spec.set_by & {Source.DETECTOR}
        )

    def request(self, api: Api, exchange: Exchange) -> Judged:
        """Judge a request as the gateway does: the bytes that would be sent.

        Raises ``CallerError``, or ``ScreeningUnavailable`` if a detector fails.
        """
        ours = api.SERVER.write_request(exchange, exchange.model)
        return self.judged(cover_request(ours.body, exchange, api.SERVER.NAMES).segments)

    def answer(self, exchange: Exchange, reply: Reply) -> Judged:
        """Judge a whole answer.

        Raises ``CallerError`` if it has too many places, ``ScreeningUnavailable`` if a detector fails.
        """
        return self.judged(cover_reply(reply, exchange).segments)

    def facts(self, judged: Iterable[Judged]) -> Facts:
        """What is known after these. Raises ``ScreeningUnavailable``."""
        statements = [
            statement for each in judged for statement in statements_from(self.release, each.segments, each.judgements)
        ]
        return self._agreement.vocabulary.join((*self._others, *statements))

    def judged(self, leaves: Iterable[Segment]) -> Judged:
        """Judge leaves as they are, cut into segments. Raises ``ScreeningUnavailable`` if a detector fails."""
        segments = cut(leaves, self.release.windows)
        found: dict[str, Judgement] = {}
        for detector, digest, judge in sorted(self._judges, key=lambda one: bool(self.release.before(one[0]))):
            if not (first := self.release.before(detector)):
                found[detector] = judgement_of(judge, detector, digest, segments)
                continue
            raised = found[first].raised
            answer = judgement_of(judge, detector, digest, raised_segments(segments, raised))
            found[detector] = of_the_batch(answer, raised)
        judgements = tuple(found.values())
        return Judged(segments, judgements + self._settling(segments, judgements))

    @property
    def judge(self) -> str:
        """The judge that is asked; empty if there is none, or its model is not there."""
        return self.release.judge.id if self.release.judge is not None and self._judge is not None else ""

    def _open_judge(self, folder: Path, weights: str, make: MakesJudge) -> Judge | None:
        """The judge; none where its model or its engine is not there: what it would settle stays open then."""
        required = self.release.judge
        if required is None:
            return None
        definition = define(required.kind, shipped.folder_reader(folder)(required.path), required.path)
        check(definition, self._agreement.vocabulary, required.path)
        if isinstance(definition, JudgeFile | RemoteJudge):
            check_asked(self.release.settlements, definition.facts, required.path)
        try:
            return make(definition, required.id, folder, weights)
        except (ReleaseError, ImportError) as error:
            log.warning("the judge is not asked: %s", error)
            return None

    def _settling(self, segments: tuple[Segment, ...], judgements: tuple[Judgement, ...]) -> tuple[Judgement, ...]:
        required = self.release.judge
        questions = open_questions(self.release.settlements, judgements)
        if required is None or self._judge is None or not questions:
            return ()
        asked = as_segments(questions, segments, judgements)
        return (judgement_of(self._judge, required.id, f"sha256:{required.sha256}", asked),) if asked else ()
