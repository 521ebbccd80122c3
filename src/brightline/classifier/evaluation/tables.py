# SPDX-License-Identifier: Apache-2.0
"""An evaluation for a terminal: aligned tables, worst first."""

from __future__ import annotations

from collections.abc import Sequence

import click

from brightline.classifier.evaluation.evaluation import WRONGFUL, Benign, Evaded, Evaluation, Question, Slice
from brightline.classifier.evaluation.probe import LINES
from brightline.core.screening.figures import Rate
from brightline.terminal import table

NONE = "n/a"
FACTS_SHOWN = 3


def print_evaluation(evaluation: Evaluation) -> None:
    """Print all of it to stdout."""
    off = f", without {', '.join(evaluation.without)}" if evaluation.without else ""
    click.echo(f"{evaluation.release}{off}: {sum(rows.rows for rows in evaluation.rows):,} rows")
    click.echo(evaluation.release_note)
    if evaluation.questions:
        _print_questions(evaluation.questions)
    for question in evaluation.questions:
        if question.name in LINES or len(evaluation.questions) == 1:
            _print_question(question)
    if evaluation.benign:
        _print_benign(evaluation)


def share(rate: Rate | None, *, interval: bool = True) -> str:
    """A share in percent with its interval, and n/a of none."""
    if rate is None or rate.share is None:
        return NONE
    digits = 2 if rate.of >= 2_000 else 1
    text = f"{100 * rate.share:.{digits}f}"
    return f"{text} ({100 * rate.low:.{digits}f}–{100 * rate.high:.{digits}f})" if interval else text


def area(value: float | None) -> str:
    """An area under the curve."""
    return NONE if value is None else f"{value:.3f}"


def minutes(one: Benign, a_case: float | None) -> str:
    """What 1,000 such requests take of people, who look at each that is held, if it is known what a case takes."""
    return NONE if a_case is None or one.held.share is None else f"{1_000 * one.held.share * a_case:.1f}"


def percent(wrongful: float) -> str:
    """A share of false positives, as a head of a column."""
    return f"{100 * wrongful:g} %"


def least_first(evasions: Sequence[Evaded]) -> list[Evaded]:
    """Least caught first; those of which nothing crosses come last."""
    return sorted(evasions, key=lambda one: (one.caught.share is None, one.caught.share or 0, one.name))


def _print_questions(questions: Sequence[Question]) -> None:
    table(
        "at the shipped thresholds, in percent (95 %); caught is yes or unknown, wrong is of what crosses nothing",
        ["question", "positives", "yes", "caught", "neighbours", "wrong: yes", "wrong: caught", "AUROC"],
        [
            [
                one.name,
                one.whole.caught.of,
                share(one.whole.outright),
                share(one.whole.caught),
                one.whole.wrongful.of,
                share(one.whole.wrongful_outright),
                share(one.whole.wrongful),
                area(one.whole.area),
            ]
            for one in questions
        ],
    )
    table(
        "pairs, and recall at these false positives: of hard neighbours | of the worst benign corpus, in percent",
        ["question", "pairs both right", "in order", *map(percent, WRONGFUL), *(f"| {percent(w)}" for w in WRONGFUL)],
        [
            [
                one.name,
                share(one.pairs.right),
                share(one.pairs.in_order),
                *_row([found.recall for found in one.recall]),
                *_row([found.recall for found in one.recall_worst]),
            ]
            for one in questions
        ],
    )


def _row(rates: Sequence[Rate]) -> list[str]:
    return [share(rate, interval=False) for rate in rates] or [NONE] * len(WRONGFUL)


def _print_question(question: Question) -> None:
    for title, slices in (
        ("corpora, worst first", question.sources),
        ("surfaces", question.surfaces),
        ("languages", question.languages),
    ):
        _print_slices(f"{question.name}: {title}", slices)
    table(
        f"{question.name}: what is true, and what was said",
        ["true", *next(iter(question.said.values()))],
        [[truth, *said.values()] for truth, said in question.said.items()],
    )
    if question.drill:
        table(
            f"{question.name}: one layer off, and what the others still catch",
            ["off", "yes", "caught", "wrong"],
            [["–", share(question.whole.outright), share(question.whole.caught), share(question.whole.wrongful)]]
            + [[one.layer, share(one.outright), share(one.caught), share(one.wrongful)] for one in question.drill],
        )
    if question.evasions:
        table(
            f"{question.name}: in disguise, least caught first",
            ["disguise", "caught", "plain", "wrong", "plain"],
            [
                [one.name, share(one.caught), share(one.plain), share(one.wrongful), share(one.plain_wrongful)]
                for one in least_first(question.evasions)
            ],
        )
    if question.held_out:
        table(
            f"{question.name}: each corpus at the threshold that the others set",
            ["corpus", "wanted", "wrongful", "recall"],
            [
                [one.source, percent(one.wrongful_wanted), share(one.wrongful), share(one.recall)]
                for one in question.held_out
            ],
        )


def _print_slices(title: str, slices: Sequence[Slice]) -> None:
    judged = any(one.caught_unsettled for one in slices)
    table(
        title,
        [
            *("", "yes rows", "yes", "caught", *(("no judge",) if judged else ())),
            *("no rows", "wrong", "AUROC", "at 0.5 %", "| 0.5 %"),
        ],
        [
            [
                one.name,
                one.caught.of,
                share(one.outright),
                share(one.caught),
                *([share(one.caught_unsettled)] if judged else []),
                one.wrongful.of,
                share(one.wrongful),
                area(one.area),
                share(one.by_score[1] if one.by_score else None, interval=False),
                share(one.by_score_worst[1] if one.by_score_worst else None, interval=False),
            ]
            for one in slices
        ],
    )


def _print_benign(evaluation: Evaluation) -> None:
    whole = (evaluation.benign_together,) if evaluation.benign_together else ()
    table(
        "rows that cross nothing, worst first: stopped and held in percent, and at most so many with 95 % confidence",
        [
            "corpus",
            "rows",
            "stopped",
            "at most",
            "held",
            "at most",
            *(["judge asked", "held without it"] if evaluation.judge else []),
            "minutes of 1,000",
            "unjudged",
        ],
        [_benign(one, evaluation) for one in (*evaluation.benign, *whole)],
    )
    if reasons := [_reasons(one) for one in evaluation.benign if one.facts]:
        table("why: what was said of these rows", ["corpus", "red lines: yes / unknown", "not good"], reasons)


def _benign(one: Benign, evaluation: Evaluation) -> list[str]:
    judged = [share(one.asked, interval=False), share(one.held_unsettled, interval=False)] if evaluation.judge else []
    return [
        one.name,
        f"{one.rows:,}",
        share(one.stopped, interval=False),
        f"{100 * one.stopped_at_most:.2f}",
        share(one.held, interval=False),
        f"{100 * one.held_at_most:.2f}",
        *judged,
        minutes(one, evaluation.minutes_a_case),
        str(one.unjudged),
    ]


def _reasons(one: Benign) -> list[str]:
    return [
        one.name,
        ", ".join(
            f"{line} {said['yes']} / {said['unknown']}" for line, said in one.lines.items() if any(said.values())
        ),
        ", ".join(f"{fact}: {count}" for fact, count in list(one.facts.items())[:FACTS_SHOWN]),
    ]
