# SPDX-License-Identifier: Apache-2.0
"""An evaluation from end to end: sources in, an ``Evaluation`` out. Long work tells how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from brightline.classifier.corpus import Author
from brightline.classifier.evaluation.bench import Bench
from brightline.classifier.evaluation.crew import Chosen, show_all
from brightline.classifier.evaluation.evading import disguised, evaded
from brightline.classifier.evaluation.evaluation import FORMAT, Evaluation, LearningPoint, Rows
from brightline.classifier.evaluation.measuring import (
    TOGETHER,
    Judged,
    benign_worst_first,
    measure,
    measure_benign,
    questions_of,
)
from brightline.classifier.evaluation.probe import LINES, Source
from brightline.core.facts import Source as SetBy
from brightline.terminal import progress


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for beyond the rows: so many of each kind in every disguise, and leave-one-source-out.

    A case for people is reckoned at ``minutes``.
    """

    evasions: int = 0
    held_out: bool = False
    learning: tuple[LearningPoint, ...] = ()
    without: tuple[str, ...] = ()
    workers: int = 1
    one_in: int = 1
    minutes: float | None = None


def evaluate(
    bench: Bench, chosen: Chosen, sources: Sequence[Source], benign: Sequence[Source], wanted: Wanted
) -> Evaluation:
    """Show everything to the release, and measure. The same files give the same evaluation.

    ``chosen`` is what was put on the bench, for those processes that share the work. Raises ``ConfigError``.
    """
    probes = [probe for source in sources for probe in source.probes]
    costumes = disguised(probes, wanted.evasions) if wanted.evasions else ()
    everything = [*probes, *(probe for source in benign for probe in source.probes), *(one.probe for one in costumes)]
    with progress("judging rows", len(everything)) as tell:
        answers = show_all(bench, chosen, everything, wanted.workers, tell)
    found = iter([Judged(probe, answer) for probe, answer in zip(everything, answers, strict=True)])
    judged = list(islice(found, len(probes)))
    everyday = [(source.name, list(islice(found, len(source.probes)))) for source in benign]
    worn = list(zip(costumes, found, strict=True))
    questions = [
        measure(name, judged, everyday if name in LINES else (), held_out=wanted.held_out, judge=bench.judge_id)
        for name in questions_of(probes)
    ]
    good = {spec.name: spec.good for spec in bench.agreement.vocabulary.specs}
    with_judge = bool(bench.judge_id)
    ordinary = benign_worst_first(measure_benign(name, rows, good, with_judge=with_judge) for name, rows in everyday)
    together = [one for _, rows in everyday for one in rows]
    return Evaluation(
        format=FORMAT,
        release=bench.release.id,
        release_digest=bench.release.digest,
        release_note=bench.release.note,
        agreement=bench.agreement.digest,
        layers=bench.layers,
        without=wanted.without,
        scored=tuple(sorted(bench.scored)),
        rows=tuple(map(_rows, sources)),
        benign_rows=tuple(map(_rows, benign)),
        questions=tuple(
            msgspec.structs.replace(one, evasions=evaded(one.name, judged, worn)) if one.name in LINES else one
            for one in questions
        ),
        benign=ordinary,
        benign_together=measure_benign(TOGETHER, together, good, with_judge=with_judge) if together else None,
        by_models=_by_models(sources),
        learning=wanted.learning,
        one_in=wanted.one_in,
        judge=bench.judge_id,
        minutes_a_case=wanted.minutes,
        facts=tuple(spec.name for spec in bench.agreement.vocabulary.specs if SetBy.DETECTOR in spec.set_by),
    )


def _rows(source: Source) -> Rows:
    author: Author | None = source.author
    if author is None:
        return Rows(source.name, source.sha256, len(source.probes))
    return Rows(source.name, source.sha256, len(source.probes), author.kind, author.persona, author.split)


def _by_models(sources: Sequence[Source]) -> float | None:
    """The share of the rows that models wrote, of those of which it is said who wrote them."""
    known = [source for source in sources if source.author is not None]
    of = sum(len(source.probes) for source in known)
    written = sum(len(source.probes) for source in known if source.author and source.author.kind != "person")
    return written / of if of else None
