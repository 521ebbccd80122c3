# SPDX-License-Identifier: Apache-2.0
"""The report for a terminal: one table of claims for each log, what was found, and the recount."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Finding, Status
from brightline.terminal import plain, table
from brightline.verify.recounted import rows_of

SHOWN_MAX: Final = 20  # findings of a kind on a page; --json has more
_STYLE: Final = {Status.PROVEN: "green", Status.CONTRADICTED: "bold red", Status.NOT_SHOWN: "yellow"}


def show(report: ShardReport) -> None:
    """Print one report as tables."""
    from rich.text import Text

    rows: list[list[object]] = [
        [Text(claim.status.value, style=_STYLE[claim.status]), claim.name, claim.detail] for claim in report.claims
    ]
    table(f"{report.shard}: {report.size:,} records", ["verdict", "claim", "why"], rows)
    if report.earlier:
        click.echo(
            f"  · records before {report.earlier:,} were read on an earlier visit and not again; the log extends them"
            if not report.contradicted
            else f"  · records before {report.earlier:,} were read on an earlier visit and not again"
        )
    _list("!", report.contradictions)
    _list("·", report.notes)
    counted = rows_of(report.recount)
    if counted:
        table("recount", ["of", "value", "counted"], counted)


def _list(mark: str, found: Sequence[Finding]) -> None:
    for finding in found[:SHOWN_MAX]:
        click.echo(plain(f"  {mark} {finding.place}: {finding.message}"))
    if len(found) > SHOWN_MAX:
        click.echo(f"  {mark} and {len(found) - SHOWN_MAX:,} more (--json has them)")
