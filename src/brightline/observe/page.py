# SPDX-License-Identifier: Apache-2.0
"""What an observer saw, as one HTML page for people: it loads nothing, runs nothing, and prints."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

from jinja2 import Environment

from brightline import __version__
from brightline.observe.report import VERDICTS, Report
from brightline.pages import document_style_of, environment, policy_of
from brightline.terminal import printable

TEMPLATE: Final = "observed.html.j2"
STYLE: Final = "observed.css"
LISTED_MAX: Final = 100
# A mark before each word, so that nobody needs colours to tell them apart.
MARKS: Final = {"permit": "✓", "hold": "‖", "deny": "✕", "unavailable": "∅", "none": "–"}
IN_WORDS: Final = {
    "permit": "would have been answered",
    "hold": "would have waited for cleared people",
    "deny": "would have been refused, and nobody could release it",
    "unavailable": "could not be judged",
    "none": "would not have been read: refused as a request",
}
NOT_LOOKED_AT: Final = {
    "another_call": "calls of LiteLLM to an API that is not served here",
    "another_method": "requests that were no POST",
    "another_route": "requests to routes that are not served here",
    "encoded": "compressed bodies",
    "line_full": "came faster than they were looked at",
    "not_framed": "bytes that were no request",
    "not_whole": "bodies that did not arrive whole",
    "not_written": "could not be written down",
    "stopped": "came while nobody looked any more",
    "too_large": "larger than is read here",
    "too_many": "more in one message than is read",
    "unreadable": "neither an exchange nor a payload that is known here",
}
"""What is counted without a record, in words."""


def to_html(report: Report) -> str:
    """The report as an HTML document. The same report gives the same page."""
    style = _style()
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            report=report,
            style=style,
            policy=policy_of(style),
            version=__version__,
            verdicts=[verdict for verdict in VERDICTS if verdict in report.verdicts],
        )
    )


def share(count: int, total: int) -> str:
    """A count in a thousand."""
    return f"{1000 * count / total:,.1f} ‰" if total else "–"


def day(unix: int) -> str:
    """A time in words."""
    return datetime.fromtimestamp(unix, UTC).strftime("%d %B %Y, %H:%M UTC")


@cache
def _environment() -> Environment:
    made = environment("brightline.observe", printable)
    made.filters["day"] = day
    made.globals |= {
        "mark": MARKS,
        "in_words": IN_WORDS,
        "reason": NOT_LOOKED_AT,
        "share": share,
        "listed_max": LISTED_MAX,
    }
    return made


@cache
def _style() -> str:
    return document_style_of(_environment(), STYLE)
