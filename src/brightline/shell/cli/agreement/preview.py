# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement preview``: what an agreement would do to last month's traffic, before it is in force."""

from __future__ import annotations

from html import escape
from pathlib import Path

import click
import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.preview import Change, Preview
from brightline.core.agreement.preview import preview as decide_all
from brightline.core.errors import ConfigError
from brightline.files import write_text
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE, open_at
from brightline.shell.traffic import Traffic

BAR_CELLS = 40
ROWS_MAX = 30
_INK = {"permit": "#2e7d32", "hold": "#b26a00", "deny": "#b3261e", "unavailable": "#6a3f9c", "none": "#8a8a8a"}


@click.command()
@click.argument("new", type=FOLDER_TYPE)
@click.option("--current", type=FOLDER_TYPE, help="The agreement in force; without it, the one that is shipped.")
@click.option("--no-current", is_flag=True, help="No agreement is in force: what would this one have done?")
@click.option(
    "--traffic",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines: facts, an export of `brightline disclose`, or chat requests.",
)
@click.option("--release", type=FOLDER_TYPE, help="The release that screens requests; without it, the shipped one.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write the plot as SVG into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def preview(
    new: Path,
    current: Path | None,
    no_current: bool,
    traffic: Path,
    release: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Run the agreement in NEW and the one in force over the same traffic, and list what changes.

    Nothing is enforced or recorded. A line that cannot be read is named and left out; exit code 2 if none can be.
    """
    if no_current and current is not None:
        raise ConfigError("give --current or --no-current, not both")
    candidate = shipped.read_agreement(new)
    in_force = () if no_current else (open_at(current),)
    reader = Traffic(traffic, (*in_force, candidate)[0], candidate, release or shipped.shipped_release())
    with render.progress(f"deciding {traffic.name}", reader.size) as tell:
        found = decide_all(candidate, in_force, reader.read(tell))
    if not found.total:
        named = "; ".join(f"line {bad.number}: {bad.why}" for bad in reader.bad[:3])
        raise ConfigError(f"{traffic} holds no exchange that can be read{': ' if named else ''}{named}")
    if plot is not None:
        write_text(plot, svg(candidate, in_force, found))
    if as_json:
        bad = {"left_out": reader.bad_count, "bad_lines": msgspec.to_builtins(reader.bad)}
        click.echo(render.as_json({**msgspec.to_builtins(found), "changed": found.changed, **bad}))
        return
    _show(candidate, in_force, found)
    for bad_line in reader.bad:
        click.echo(f"left out: line {bad_line.number}: {render.plain(bad_line.why)}", err=True)
    if reader.bad_count > len(reader.bad):
        click.echo(f"left out: {reader.bad_count - len(reader.bad)} lines more", err=True)


def _show(candidate: Agreement, in_force: tuple[Agreement, ...], found: Preview) -> None:
    beside = f"beside {in_force[0].id} version {in_force[0].version}" if in_force else "beside no agreement"
    title = f"{candidate.id} version {candidate.version} over {found.total:,} exchanges, {beside}"
    most = max(*found.before.values(), *found.after.values())
    rows = []
    for verdict in [*Verdict]:
        before, after = found.before.get(verdict.value, 0), found.after.get(verdict.value, 0)
        if before or after:
            rows.append([verdict.value, f"{before:,}" if in_force else "", f"{after:,}", _bar(after, most)])
    render.table(title, ["verdict", "now", "then", ""], rows)
    if found.by_clause:
        clauses = [[name, f"{count:,}", _bar(count, most)] for name, count in found.by_clause.items()]
        render.table("What stops them then", ["clause", "exchanges", ""], clauses[:ROWS_MAX])
    if not found.changes:
        click.echo("nothing would change")
        return
    changes = [_row(candidate, change) for change in found.changes[:ROWS_MAX]]
    words = "would be decided otherwise" if in_force else "would not have been permitted"
    columns = ["unit", "now", "then", "by", "count", "for example"]
    render.table(f"{found.changed:,} of {found.total:,} {words}", columns, changes)
    if len(found.changes) > ROWS_MAX:
        click.echo(f"and {len(found.changes) - ROWS_MAX:,} kinds more; --json has them all")


def _row(candidate: Agreement, change: Change) -> list[str]:
    good = {spec.name: spec.good for spec in candidate.vocabulary.specs}
    odd = [f"{name}={value}" for name, value in change.example.items() if value != good[name]]
    return [change.unit, change.before, change.after, ", ".join(change.clauses), f"{change.count:,}", ", ".join(odd)]


def _bar(count: int, most: int) -> str:
    return "█" * max(round(count / most * BAR_CELLS), 1 if count else 0)


def svg(candidate: Agreement, in_force: tuple[Agreement, ...], found: Preview) -> str:
    """The counts as bars: verdicts now and then, then what stops them."""
    rows: list[tuple[str, int, str]] = []
    for verdict in [*Verdict]:
        if in_force:
            rows.append((f"{verdict.value}, now", found.before.get(verdict.value, 0), "#9aa0a6"))
        rows.append((f"{verdict.value}, then", found.after.get(verdict.value, 0), _INK[verdict.value]))
    rows += [(name, count, "#455a64") for name, count in list(found.by_clause.items())[:ROWS_MAX]]
    rows = [row for row in rows if row[1]]
    most = max(count for _, count, _ in rows)
    height = 60 + 22 * len(rows)
    title = escape(f"{candidate.id} version {candidate.version} over {found.total:,} exchanges")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{title}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="16" y="28" font-size="15" font-weight="bold">{title}</text>',
    ]
    for place, (name, count, ink) in enumerate(rows):
        y = 48 + 22 * place
        width = max(round(count / most * 480), 1)
        lines += [
            f'<text x="176" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="184" y="{y}" width="{width}" height="16" fill="{ink}"/>',
            f'<text x="{190 + width}" y="{y + 13}">{count:,}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
