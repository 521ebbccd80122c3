# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page for people who read no formats: it loads nothing, runs nothing, and prints.

What stands in a log may come from anybody, so every text is escaped by the template engine, and the page's own policy
(Content Security Policy Level 3, section 3.3, in a ``meta`` element) allows one style sheet by its hash and nothing
else. It says first what is contradicted and where, then what is not shown and who could show it, then what is proven.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec
from jinja2 import Environment

from brightline import __version__
from brightline.core.evidence.audit import Claim, ShardReport, Status
from brightline.core.evidence.audit_findings import Topic
from brightline.pages import document_style_of, environment, policy_of
from brightline.terminal import printable
from brightline.verify.limits import LIMITS
from brightline.verify.recounted import rows_of

TEMPLATE: Final = "report.html.j2"
STYLE: Final = "report.css"
LISTED_MAX: Final = 100  # findings of a kind for each log; --json has more

_MARKS: Final = {Status.PROVEN: "✓", Status.CONTRADICTED: "✕", Status.NOT_SHOWN: "?"}
_CLASSES: Final = {Status.PROVEN: "proven", Status.CONTRADICTED: "contradicted", Status.NOT_SHOWN: "not-shown"}
_WHO: Final = {
    Topic.REPLAYS.value: "the operator, who discloses records to a cleared auditor (--disclosures)",
    Topic.RECEIPTS.value: "the operator, once the record is published; the caller, who keeps the receipt",
    Topic.WITNESSED.value: "witnesses that you trust yourself (--policy), your earlier visit (--memory)",
    Topic.GUARDED.value: "whoever runs the model server, with the log of its guard (--guard)",
}
_WHO_ELSE: Final = "the operator, with the whole log as it was signed"


class Telling(msgspec.Struct, frozen=True):
    """What the page says of the examination itself: what was looked at, when (a date in words), and the command."""

    evidence: tuple[str, ...]
    made: str
    command: str
    pinned: bool


class _Missing(msgspec.Struct, frozen=True):
    """A claim that is not shown, in which log, why, and who could show it."""

    log: str
    claim: Claim
    who: str


def to_html(reports: Sequence[ShardReport], telling: Telling) -> str:
    """The report as an HTML document. The same arguments give the same page."""
    style = _style()
    against = [(report, finding) for report in reports for finding in report.contradictions]
    missing = [
        _Missing(report.shard, claim, _WHO.get(claim.name, _WHO_ELSE))
        for report in reports
        for claim in report.claims
        if claim.status is Status.NOT_SHOWN
    ]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            reports=reports,
            telling=telling,
            against=against,
            missing=missing,
            proven=sum(claim.status is Status.PROVEN for report in reports for claim in report.claims),
            limits=LIMITS,
            style=style,
            policy=policy_of(style),
            version=__version__,
            listed_max=LISTED_MAX,
        )
    )


@cache
def _environment() -> Environment:
    made = environment("brightline.verify", printable)
    made.globals["mark"] = _MARKS
    made.globals["kind"] = _CLASSES
    made.globals["recount"] = rows_of
    return made


@cache
def _style() -> str:
    return document_style_of(_environment(), STYLE)
