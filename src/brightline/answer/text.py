# SPDX-License-Identifier: Apache-2.0
"""Answers for a terminal: the question, how it stands, each claim with what it rests on, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from brightline.core.answer.bounds import in_words
from brightline.core.answer.drawing import MARKS
from brightline.core.answer.model import Answer, ClaimAnswer, Dossier, Status
from brightline.core.answer.questions import LIMITS
from brightline.terminal import console, plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_STYLE: Final = {
    Status.SHOWN: "green",
    Status.OPEN: "yellow",
    Status.PENDING: "yellow",
    Status.CONTRADICTED: "bold red",
}
_DIGEST_CHARS: Final = 19  # of a digest: its kind and twelve digits; --json has all


def show(dossier: Dossier) -> None:
    """Print the answers: one of them whole, several in short."""
    out = console()
    whole = len(dossier.answers) == 1
    period = f"{dossier.period[0][:19]} to {dossier.period[1][:19]}" if dossier.period[0] else "no time on record"
    lines: list[RenderableType] = [
        _words(f"{dossier.agreement}, {dossier.exchanges:,} requests on record, {period}", "dim")
    ]
    for answer in dossier.answers:
        lines += ["", *(_whole(answer) if whole else _short(answer))]
    if dossier.beyond:
        lines += ["", _words("also asked, and no matter of evidence", "bold")]
        lines += [_indented(_words(f"{asks} {why}")) for asks, why in dossier.beyond]
    lines += ["", _words("what no answer here can see", "bold")]
    lines += [_indented(_words(f"· {limit}")) for limit in LIMITS]
    if not whole:
        lines += [
            "",
            _words("Each of them whole, with evidence, bounds and cases: name the question before EVIDENCE."),
        ]
    with out.capture() as captured:
        for line in lines:
            out.print(line)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _short(answer: Answer) -> list[RenderableType]:
    lines = _head(answer)
    for claim in answer.claims:
        lines.append(_indented(_says(claim)))
    if answer.against:
        against = ", ".join(one.evidence.id for one in answer.against)
        lines.append(_indented(_words(f"what speaks against it: {against}", _STYLE[Status.CONTRADICTED])))
    if answer.missing:
        lines.append(_indented(_words(f"missing: {', '.join(one.evidence.id for one in answer.missing)}", "dim")))
    return lines


def _head(answer: Answer) -> list[RenderableType]:
    headline = _words(f"{MARKS[answer.status]} {answer.status}  ", _STYLE[answer.status])
    headline.append(plain(answer.headline), style="bold")
    return [_words(f"{answer.question.id}: {answer.asks}", "bold"), headline]


def _whole(answer: Answer) -> list[RenderableType]:
    lines = _head(answer)
    if answer.posted and answer.posted != answer.headline:
        lines.append(_indented(_words(f"the text itself says: “{answer.posted}”", "dim")))
    lines += ["", _words(answer.question.strategy, "italic")]
    for claim in answer.claims:
        lines += _claim(claim)
    bounds = [in_words(one) for claim in answer.claims for weighed in claim.weighed for one in weighed.found.bounds]
    if bounds:
        lines += ["", _words("bounds", "bold")]
        lines += [_indented(_words(one)) for one in dict.fromkeys(bounds)]
    if answer.cases:
        lines += ["", _words("cases: outcomes that name a clause", "bold")]
        for case in answer.cases:
            counted = ", ".join(f"{count:,} {verdict}" for verdict, count in case.verdicts) or "none"
            first = f"; first at {', '.join(case.places)}" if case.places else ""
            lines.append(_indented(_words(f"{case.clause}: {counted}{first}")))
    if answer.against:
        lines += ["", _words("what speaks against it", "bold")]
        for one in answer.against:
            lines.append(_indented(_words(f"{one.evidence.id}: {one.evidence.says}")))
            lines.append(_indented(_words(one.found.detail, _STYLE[Status.CONTRADICTED]), 4))
    if answer.missing:
        lines += ["", _words("missing", "bold")]
        for one in answer.missing:
            lines.append(_indented(_words(f"{one.evidence.id}: {one.evidence.says}")))
            lines.append(_indented(_words(f"{one.found.detail}. Who could give it: {one.evidence.closes}", "dim"), 4))
    return lines


def _claim(claim: ClaimAnswer) -> list[RenderableType]:
    lines: list[RenderableType] = [_indented(_says(claim))]
    for one in claim.weighed:
        rests = _words(f"{MARKS[one.found.status]} ", _STYLE[one.found.status])
        rests.append(f"{one.evidence.id}: ")
        rests.append(plain(one.found.detail), style="dim")
        for pin in one.found.pins[:1]:
            rests.append(plain(f"  {pin.digest[:_DIGEST_CHARS]} {pin.where}"), style="dim")
        lines.append(_indented(rests, 6))
    lines += [_indented(_words(f"· not shown: {limit}", "dim"), 6) for limit in claim.claim.limits]
    return lines


def _says(claim: ClaimAnswer) -> RenderableType:
    """The status, and beside it the claim, whose lines stay there."""
    from rich.table import Table

    made = Table.grid()
    made.add_column(width=16)
    made.add_column(overflow="fold")
    made.add_row(_words(f"{MARKS[claim.status]} {claim.status}", _STYLE[claim.status]), _words(claim.claim.says))
    return made


def _words(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(plain(text), style=style)


def _indented(text: RenderableType, by: int = 2) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, by), expand=False)
