# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement compare``, ``gaps`` and ``theorems``: what an agreement refuses, alone and beside others."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.compare import Cover, Sides, Strength, red_lines_of
from brightline.core.agreement.compare import compare as compare_agreements
from brightline.core.agreement.gaps import RedLine, gap_report
from brightline.core.agreement.theorems import check_theorems, inert
from brightline.core.errors import ConfigError
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, open_at

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")

_SAYS = {
    Strength.STRONGER: "{a} is stronger than {b}: it refuses everything that {b} refuses, and more",
    Strength.WEAKER: "{a} is weaker than {b}: {b} refuses everything that {a} refuses, and more",
    Strength.EQUAL: "{a} and {b} refuse the same requests",
    Strength.INCOMPARABLE: "{a} and {b} are incomparable: each refuses something that the other permits",
}


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@_JSON
def compare(first: str, second: str, as_json: bool) -> None:
    """Say whether agreement A is stronger, weaker, equal or incomparable to B, clause by clause and in all.

    A and B are folders, or names of agreements that are shipped. Exact for all facts and approvals, without a solver.
    """
    a, b = _named(first), _named(second)
    sides = compare_agreements(a, b)
    if as_json:
        click.echo(render.as_json(_said(a, b, sides)))
        return
    _cover_table(f"What {b.id} refuses, and whether {a.id} refuses it", b, sides.first_covers)
    _cover_table(f"What {a.id} refuses, and whether {b.id} refuses it", a, sides.second_covers)
    click.echo(_SAYS[sides.what].format(a=a.id, b=b.id) + ".")
    for covers in (sides.first_covers, sides.second_covers):
        for row in covers:
            for witness in row.witness:
                click.echo(f"  {row.clause}: {render.plain(witness.words)}")
    for who, rows in ((a.id, sides.first_looser), (b.id, sides.second_looser)):
        for looser in rows:
            click.echo(
                f"  who, looser in {who}: {render.plain(looser.path)}: {looser.candidate} (not {looser.baseline})"
            )


@click.command()
@FOLDER
@_JSON
def gaps(folder: Path | None, as_json: bool) -> None:
    """Does the contract language alone imply each red line? Show a request for each that it does not."""
    found = open_at(folder)
    report = gap_report(found)
    if as_json:
        rows = [{**msgspec.to_builtins(line), "implied": line.implied} for line in report]
        click.echo(render.as_json({"agreement": found.id, "digest": found.digest, "red_lines": rows}))
        return
    click.echo(f"{found.id}: does the contract language alone imply each red line?\n")
    for line in report:
        _show_line(line)
    click.echo("This rests on the encoding of the clauses; read it together with `brightline agreement book`.")


@click.command()
@FOLDER
@_JSON
def theorems(folder: Path | None, as_json: bool) -> None:
    """List what is proved of an agreement at each load, for all facts and approvals. Exit code 1 if one fails."""
    found = open_at(folder)
    proved = check_theorems(found)
    idle = inert(found)
    if as_json:
        rows = [{**msgspec.to_builtins(theorem), "holds": theorem.holds} for theorem in proved]
        click.echo(render.as_json({"agreement": found.id, "theorems": rows, "inert": list(idle)}))
    else:
        rows_ = [[each.id, "holds" if each.holds else "FAILS", each.against or each.says] for each in proved]
        render.table(f"{found.id}: standing theorems", ["", "", "theorem"], rows_)
        if idle:
            click.echo(f"inert (the other clauses refuse all that these refuse): {', '.join(idle)}")
    if not all(theorem.holds for theorem in proved):
        raise SystemExit(1)


def _named(name: str) -> Agreement:
    """A folder, or a shipped agreement by its name. Raises ``ConfigError``."""
    known = shipped.shipped_agreements()
    if name in known:
        return shipped.read_agreement(known[name])
    if not Path(name).is_dir():
        raise ConfigError(f"{name} is no folder, and none of the shipped agreements: {', '.join(sorted(known))}")
    return shipped.read_agreement(Path(name))


def _cover_table(title: str, agreement: Agreement, covers: tuple[Cover, ...]) -> None:
    lines = red_lines_of(agreement)
    rows = []
    for row in covers:
        quote = "what no grant permits"
        if row.clause in {clause.id for clause in agreement.clauses}:
            quote = " … ".join(agreement.clause(row.clause).quote)
        kind = "red line" if row.clause in lines else ""
        rows.append([row.clause, kind, "yes" if row.covered else "NO", quote])
    render.table(title, ["clause", "", "refused", "words"], rows)


def _show_line(line: RedLine) -> None:
    answer = "yes" if line.implied else "no"
    click.echo(f"{line.clause}  {answer}: “{' … '.join(line.quote)}”")
    for gap in line.gaps:
        click.echo(f"      the contract permits {render.plain(gap.words)}")
        for clause, needed in gap.near:
            also = f"only if {', '.join(needed)} were not good either" if needed else "but is met by approvals"
            click.echo(f"      {clause} restricts it {also}")
    click.echo()


def _said(a: Agreement, b: Agreement, sides: Sides) -> dict[str, object]:
    return {
        "a": {"id": a.id, "digest": a.digest},
        "b": {"id": b.id, "digest": b.digest},
        "a_is": sides.what.value,
        "a_is_in_who": sides.who.value,
        "a_covers_of_b": [_cover(row) for row in sides.first_covers],
        "b_covers_of_a": [_cover(row) for row in sides.second_covers],
        "looser_in_a": [looser.words for looser in sides.first_looser],
        "looser_in_b": [looser.words for looser in sides.second_looser],
    }


def _cover(row: Cover) -> dict[str, object]:
    witness = {
        "facts": [each.request.facts.as_dict() for each in row.witness],
        "words": [each.words for each in row.witness],
    }
    return {"clause": row.clause, "covered": row.covered, **witness}
