# SPDX-License-Identifier: Apache-2.0
"""The evaluation as one HTML page: it loads nothing, runs nothing, and prints. Worst first.

Names come from files of anybody, so every text is escaped by the template engine, and the page's own policy (Content
Security Policy Level 3, section 3.3, in a ``meta`` element) allows one style sheet by its hash and nothing else.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment

from brightline import __version__
from brightline.classifier.evaluation import drawing
from brightline.classifier.evaluation.evaluation import WRONGFUL, Evaluation
from brightline.classifier.evaluation.probe import LINES
from brightline.classifier.evaluation.tables import FACTS_SHOWN, area, least_first, minutes, percent, share
from brightline.pages import document_style_of, environment, policy_of
from brightline.terminal import printable

TEMPLATE: Final = "evaluation.html.j2"
STYLE: Final = "evaluation.css"


def to_html(evaluation: Evaluation) -> str:
    """The page. The same evaluation gives the same bytes."""
    style = _style()
    lines = [question for question in evaluation.questions if question.name in LINES]
    drawn = lines or list(evaluation.questions)[:1]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            evaluation=evaluation,
            lines=drawn,
            facts=[question for question in evaluation.questions if question not in drawn],
            charts=[drawing.recall_chart(question) for question in drawn],
            low=drawing.low_chart(drawn) if any(question.curve for question in drawn) else None,
            learning=drawing.learning_chart(evaluation.learning) if evaluation.learning else None,
            rates=WRONGFUL,
            style=style,
            policy=policy_of(style),
            version=__version__,
        )
    )


@cache
def _environment() -> Environment:
    made = environment("brightline.classifier.evaluation", printable)
    made.globals |= {"share": share, "area": area, "percent": percent, "least_first": least_first, "minutes": minutes}
    made.globals |= {"whisker": drawing.whisker, "sheet": drawing, "facts_shown": FACTS_SHOWN}
    return made


@cache
def _style() -> str:
    return document_style_of(_environment(), STYLE)
