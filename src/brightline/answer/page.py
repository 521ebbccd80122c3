# SPDX-License-Identifier: Apache-2.0
"""Answers as one HTML page: it loads nothing and runs nothing. The question and how it stands come first.

Each argument is drawn (``core/answer/drawing.py``) and told in words below the drawing, with every digest. What a log
or a file says is text on the page and no more, as in the evidence report.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from jinja2 import Environment

from brightline import __version__
from brightline.core.answer import drawing
from brightline.core.answer.bounds import in_words
from brightline.core.answer.model import Dossier, Status
from brightline.core.answer.questions import LIMITS
from brightline.pages import document_style_of, environment, policy_of
from brightline.terminal import printable

TEMPLATE: Final = "answer.html.j2"
STYLE: Final = "answer.css"

_CLASSES: Final = {status: status.value.lower() for status in Status}


def to_html(dossier: Dossier, made: str, command: str) -> str:
    """The page. ``made`` is a date in words. The same arguments give the same page."""
    style = _style()
    statuses = [answer.status for answer in dossier.answers]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            dossier=dossier,
            diagrams=[drawing.draw(answer) for answer in dossier.answers],
            counted=[(status, statuses.count(status)) for status in Status if status in statuses],
            made=made,
            command=command,
            limits=LIMITS,
            style=style,
            policy=policy_of(style),
            version=__version__,
        )
    )


@cache
def _environment() -> Environment:
    made = environment("brightline.answer", printable)
    made.globals |= {"mark": drawing.MARKS, "kind": _CLASSES, "in_words": in_words, "sheet": drawing}
    return made


@cache
def _style() -> str:
    return document_style_of(_environment(), STYLE)
