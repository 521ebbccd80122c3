# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement lint``, ``merge`` and ``review``: what a text lacks, two texts in one, and who has looked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.lint import Remark, errors_of
from brightline.core.agreement.lint import lint as find_remarks
from brightline.core.agreement.merge import Side
from brightline.core.agreement.merge import merge as merge_sides
from brightline.core.agreement.review import REVIEW_TYPE, Reviews, encoding_review, reviews_of
from brightline.core.errors import AgreementError, ConfigError
from brightline.core.statement import Party, sign_statement
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, FOLDER_TYPE, open_at
from brightline.shell.clock import SystemClock
from brightline.shell.trust.installation import read_roots
from brightline.shell.trust.keys import load_key

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@FOLDER
@click.option("--roots", type=_FILE, help="Pinned public keys (trust.json), to verify the reviews of the encoding.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint(folder: Path | None, roots: Path | None, strict: bool, as_json: bool) -> None:
    """Say what an agreement that loads still lacks."""
    place = folder or shipped.shipped_agreement()
    found = open_at(place)
    read = shipped.folder_reader(place)
    remarks = find_remarks(found, read(found.prose).decode(), reviews=_reviews(found, read, roots))
    errors = len(errors_of(remarks))
    warnings = len(remarks) - errors
    if as_json:
        said = {"agreement": found.id, "digest": found.digest, "errors": errors, "warnings": warnings}
        click.echo(render.as_json({**said, "remarks": msgspec.to_builtins(remarks)}))
    else:
        _print(found, remarks, errors, warnings)
    if errors or (strict and warnings):
        raise SystemExit(1)


def _print(found: Agreement, remarks: tuple[Remark, ...], errors: int, warnings: int) -> None:
    for remark in remarks:
        click.echo(f"{remark.severity:<7}  {render.plain(remark.place)}: {render.plain(remark.message)}")
    if remarks:
        click.echo("mend:")
    for mend in dict.fromkeys(remark.mend for remark in remarks):
        click.echo(f"  {render.plain(mend)}")
    click.echo(f"{found.id}: {errors} errors, {warnings} warnings in {len(found.clauses)} clauses")


def _reviews(found: Agreement, read: Callable[[str], bytes], roots: Path | None) -> Reviews | None:
    if roots is None:
        return None
    try:
        envelopes = {name: read(name) for name in found.reviews}
    except OSError as error:
        raise AgreementError(f"a review cannot be read: {error}", "encoding_review", "put the file there") from error
    return reviews_of(found, envelopes, read_roots(roots), SystemClock().unix())


@click.command()
@click.argument("a", type=FOLDER_TYPE)
@click.argument("b", type=FOLDER_TYPE)
@click.option("--id", "new_id", required=True, metavar="ID", help="The id of the new agreement.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder to be made.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def merge(a: Path, b: Path, new_id: str, out: Path, as_json: bool) -> None:
    """Make one agreement of two that is no weaker than either."""
    merged = merge_sides(_side(a), _side(b), new_id)
    _write_new(out / "agreement.toml", merged.toml.encode())
    _write_new(out / merged.agreement.prose, merged.prose.encode())
    if as_json:
        said = {"agreement": merged.agreement.id, "digest": merged.agreement.digest, "folder": str(out)}
        click.echo(render.as_json({**said, "stricter_examples": list(merged.notes)}))
        return
    click.echo(f"{merged.agreement.id}: {len(merged.agreement.clauses)} clauses in {out}")
    if merged.notes:
        click.echo("stricter than where they come from:")
    for note in merged.notes:
        click.echo(f"  {render.plain(note)}")


def _side(folder: Path) -> Side:
    agreement = shipped.read_agreement(folder)
    return Side(agreement, shipped.folder_reader(folder)(agreement.prose).decode())


@click.command()
@FOLDER
@click.option(
    "--party", required=True, type=click.Choice([party.value for party in Party]), help="Whose people looked."
)
@click.option("--key", "keys", required=True, multiple=True, type=_FILE, help="A private key (PEM); repeat for more.")
@click.option("--holder", required=True, metavar="NAME", help="The office that looked; never a person's name.")
@click.option("--clause", "clauses", multiple=True, metavar="ID", help="A clause that was reviewed; without it, all.")
@click.option("--out", required=True, type=_FILE, help="The file to be made.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def review(
    folder: Path | None,
    party: str,
    keys: tuple[Path, ...],
    holder: str,
    clauses: tuple[str, ...],
    out: Path,
    as_json: bool,
) -> None:
    """Sign, for one party, that the formulas say what the quotes say."""
    found = open_at(folder)
    said = encoding_review(found, Party(party), holder, clauses, SystemClock().unix())
    _write_new(out, sign_statement(said, REVIEW_TYPE, [load_key(key) for key in keys]))
    if as_json:
        click.echo(render.as_json({"file": str(out), **msgspec.to_builtins(said)}))
        return
    click.echo(f"{out}: {len(said.clauses)} clauses of {found.id} reviewed for the {party}, encoding {said.encoding}")
    click.echo("put it beside agreement.toml and name it under encoding_review")


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises ``ConfigError``: nothing of anybody's is written over."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
