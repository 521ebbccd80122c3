# SPDX-License-Identifier: Apache-2.0
"""The report of a hunt: assembled from the results, written as JSON, and told to people as Markdown and as a page.

The JSON is what is signed and compared. The two others say the same and nothing more; a page loads nothing and runs
nothing. All of them name positions, facts and rules, and nobody's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment

from brightline import __version__
from brightline.core.errors import ConfigError, HuntBroken
from brightline.core.hunt.found import (
    Disposition,
    Found,
    Report,
    ShardResult,
    assemble,
    digest_of,
    report_bytes,
)
from brightline.core.hunt.plan import Plan
from brightline.files import read_within, write_text
from brightline.pages import document_style_of, environment, policy_of
from brightline.shell.hunt.folder import HuntFolder, Opened
from brightline.shell.hunt.running import open_work, was_begun
from brightline.terminal import plain, printable

TEMPLATE: Final = "hunt.html.j2"
STYLE: Final = "hunt.css"
REPORT_BYTES_MAX: Final = 1 << 30
LISTED_MAX: Final = 500

IN_WORDS: Final[Mapping[str, str]] = {
    Disposition.EXAMINED: "cases opened and screened again",
    Disposition.CONTINUED: "further parts of cases",
    Disposition.NO_CONTENT: "records that hold no content: nothing was ever kept",
    Disposition.SEEDED: "items with known answers, made for reviewers",
    Disposition.EXPIRED: "cases whose keys were destroyed because their time ran out",
    Disposition.ORDERED: "cases whose keys were destroyed because both parties signed for it",
    Disposition.AGED: "cases whose content is kept no longer for their purpose",
    Disposition.SINCE: "cases whose keys were destroyed after the plan was made",
    Disposition.UNFINISHED: "cases whose content does not end within what is covered",
    Disposition.UNREADABLE: "cases whose content does not read as an exchange",
    Disposition.UNJUDGED: "cases that a detector did not judge",
}
"""What became of records, in words."""


class Reported(msgspec.Struct, frozen=True):
    """A report with the results that it is made of, and its digest."""

    report: Report
    results: tuple[ShardResult, ...]
    digest: str


def report_of(root: Path, opened: Opened) -> Reported:
    """Assemble the report from the work. Raises ``HuntBroken`` while something is missing, or does not add up."""
    if not was_begun(root, opened):
        raise ConfigError("nothing of it was run yet; `brightline hunt run` does")
    work = open_work(root, opened)
    try:
        results = work.results()
    finally:
        work.close()
    report = assemble(opened.plan, opened.hunt, results)
    read = tuple(msgspec.json.decode(each, type=ShardResult) for each in results)
    return Reported(report, read, digest_of(report_bytes(report)))


def write_reports(root: Path, reported: Reported, plan: Plan) -> tuple[Path, ...]:
    """Write the three of them. Raises ``HuntBroken`` if another report lies there, ``ConfigError``."""
    folder, data = HuntFolder(root), report_bytes(reported.report)
    if folder.report().exists() and read_within(folder.report(), REPORT_BYTES_MAX) != data:
        raise HuntBroken(f"{folder.report()} is another report of this hunt")
    texts = {"json": data.decode(), "md": to_markdown(reported, plan), "html": to_html(reported, plan)}
    for ending, text in texts.items():
        write_text(folder.report(ending), text)
        try:
            folder.report(ending).chmod(0o600)
        except OSError as error:
            raise ConfigError(f"{folder.report(ending)}: {error.strerror}") from error
    return tuple(map(folder.report, texts))


def day(unix: int) -> str:
    """A moment to the minute; a dash for no bound."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC") if unix else "–"


def changes(found: Found) -> str:
    """The facts of a finding, then and now."""
    return ", ".join(f"{each.fact}: {each.was or 'not known'} → {each.now}" for each in found.facts)


def counted(report: Report) -> list[tuple[str, int]]:
    """What became of the records, in words, in the order of the dispositions."""
    return [(IN_WORDS[each], report.counts[each]) for each in Disposition if report.counts.get(each)]


def to_markdown(reported: Reported, plan: Plan) -> str:
    """The report as Markdown."""
    report = reported.report
    lines = [
        f"# Hunt with {_cell(report.release_id)}",
        "",
        f"{len(report.found):,} findings in {report.counts.get(Disposition.EXAMINED, 0):,} of {report.cases:,} cases; "
        f"{report.records:,} records covered, each once.",
        "",
        f"- hunt: `{report.hunt}`",
        f"- report: `{reported.digest}`",
        f"- release: `{report.release}`" + (f", judge {_cell(report.judge)}" if report.judge else ", no judge"),
        f"- agreement: `{report.agreement}`",
        f"- from {day(plan.since)} to {day(plan.until)}",
        "",
        "| log | from record | to record | root there |",
        "|---|---:|---:|---|",
        *(f"| {_cell(log.origin)} | {log.start} | {log.end - 1} | `{log.root}` |" for log in report.logs),
        "",
        "| records | what became of them |",
        "|---:|---|",
        *(f"| {count:,} | {words} |" for words, count in counted(report)),
        "",
        "| record | verdict then → now | facts then → now | by |",
        "|---|---|---|---|",
        *(
            f"| {_cell(each.log)}/{each.seq} | {each.verdict_was or 'not known'} → {each.verdict_now} "
            f"| {_cell(changes(each))} | {_cell(', '.join(each.rules))} |"
            for each in report.found[:LISTED_MAX]
        ),
    ]
    if len(report.found) > LISTED_MAX:
        lines.append(f"\n{len(report.found) - LISTED_MAX:,} more stand in report.json.")
    if report.left:
        lines += ["", "Not looked at, and nothing on record says why:", ""]
        lines += [f"- {_cell(each.log)}/{each.seq}: {IN_WORDS[each.why]}" for each in report.left[:LISTED_MAX]]
    return "\n".join(lines) + "\n"


def to_html(reported: Reported, plan: Plan) -> str:
    """The report as a page. The same hunt gives the same bytes."""
    style = document_style_of(_environment(), STYLE)
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            report=reported.report,
            digest=reported.digest,
            plan=plan,
            counted=counted(reported.report),
            examined=reported.report.counts.get(Disposition.EXAMINED, 0),
            listed_max=LISTED_MAX,
            in_words=IN_WORDS,
            style=style,
            policy=policy_of(style),
            version=__version__,
        )
    )


@cache
def _environment() -> Environment:
    made = environment("brightline.shell.hunt", printable)
    made.filters |= {"day": day, "changes": changes}
    return made


def _cell(text: str) -> str:
    """A name in a table of Markdown: it cannot end the cell, nor begin markup of its own."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in plain(text))
