# SPDX-License-Identifier: Apache-2.0
"""Answers as Markdown: for reports, mails and diffs. Every text is escaped so that it stays text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brightline.core.agreement.book_markdown import code, escape
from brightline.core.answer.bounds import in_words
from brightline.core.answer.model import Answer, Case, ClaimAnswer, Dossier
from brightline.core.answer.questions import LIMITS


def to_markdown(dossier: Dossier, made: str, command: str) -> str:
    """The whole dossier. ``made`` is a date in words; ``command`` asks the same again."""
    lines = [
        "# What the evidence answers",
        "",
        f"Agreement {code(dossier.agreement)}, {code(dossier.digest)}. {dossier.exchanges:,} requests on record"
        + (f", {dossier.period[0]} to {dossier.period[1]}" if dossier.period[0] else "")
        + f". Made {escape(made)}.",
        "",
    ]
    for answer in dossier.answers:
        lines += _answer(answer)
    if dossier.beyond:
        lines += ["## Also asked, and no matter of evidence", ""]
        lines += [f"- {escape(asks)} {escape(why)}" for asks, why in dossier.beyond]
        lines.append("")
    lines += ["## What no answer here can see", "", *[f"- {escape(limit)}" for limit in LIMITS], ""]
    lines += ["## How to repeat it", "", code(command), ""]
    return "\n".join(lines)


def _answer(answer: Answer) -> Iterator[str]:
    yield from [f"## {escape(answer.asks)}", "", f"**{answer.status}.** {escape(answer.headline)}", ""]
    if answer.posted and answer.posted != answer.headline:
        yield from [f"> The text itself says: “{escape(answer.posted)}”", ""]
    yield from [escape(answer.question.strategy), ""]
    for claim in answer.claims:
        yield from _claim(claim)
    if answer.against:
        yield from ["", "What speaks against it:", ""]
        for one in answer.against:
            yield f"- {code(one.evidence.id)} {escape(one.evidence.says)}: {escape(one.found.detail)}"
    if answer.missing:
        yield from ["", "Missing:", ""]
        for one in answer.missing:
            why = f"{escape(one.evidence.says)}: {escape(one.found.detail)}"
            yield f"- {code(one.evidence.id)} {why}. Who could give it: {escape(one.evidence.closes)}"
    yield from _bounds(answer)
    if answer.cases:
        yield from ["", "| clause | its words | outcomes that name it | first places |", "| --- | --- | --- | --- |"]
        yield from map(_case, answer.cases)
    yield ""


def _claim(claim: ClaimAnswer) -> Iterator[str]:
    yield f"- **{claim.status}** {escape(claim.claim.says)}"
    for one in claim.weighed:
        pins = "".join(f"; {code(pin.digest)} {escape(pin.what)} at {code(pin.where)}" for pin in one.found.pins[:1])
        yield f"  - {one.found.status} {code(one.evidence.id)} {escape(one.found.detail)}{pins}"
    for limit in claim.claim.limits:
        yield f"  - NOT SHOWN {escape(limit)}"


def _bounds(answer: Answer) -> Iterator[str]:
    bounds = list(
        dict.fromkeys(in_words(one) for claim in answer.claims for w in claim.weighed for one in w.found.bounds)
    )
    if bounds:
        yield from ["", "Bounds:", "", *[f"- {escape(one)}" for one in bounds]]


def _case(case: Case) -> str:
    counted = ", ".join(f"{count:,} {verdict}" for verdict, count in case.verdicts) or "none"
    return f"| {escape(case.clause)} | {escape(case.quote)} | {counted} | {_places(case.places)} |"


def _places(places: Sequence[str]) -> str:
    return escape("; ".join(places)) or "–"
