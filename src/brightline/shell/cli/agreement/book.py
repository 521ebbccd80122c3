# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement book`` and ``oscal``: an agreement for people to read, and for compliance tools."""

from __future__ import annotations

import enum
import json
from pathlib import Path

import click
import msgspec

from brightline.core.agreement.assess import ClauseFinding, findings_of, observe
from brightline.core.agreement.book import Evidence, Signature, make_book
from brightline.core.agreement.book_markdown import to_markdown
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.oscal import Json, assessment_results, catalog, component_definition
from brightline.core.errors import ConfigError
from brightline.shell import shipped
from brightline.shell.book.evidence import count_evidence
from brightline.shell.book.html import to_html
from brightline.shell.book.signatures import verified_signatures
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_roots

_FILE = click.Path(dir_okay=False, path_type=Path)


class Kind(enum.StrEnum):
    """The OSCAL models that are written."""

    CATALOG = "catalog"
    COMPONENT_DEFINITION = "component-definition"
    ASSESSMENT_RESULTS = "assessment-results"


@click.command()
@FOLDER
@click.option("--state", type=FOLDER_TYPE, help="State folder, or published evidence: count what each clause decided.")
@click.option("--roots", type=_FILE, help="Pinned public keys (trust.json), to verify who signed the encoding.")
@click.option("--format", "form", type=click.Choice(["html", "markdown"]), default="html", show_default=True)
@click.option("--out", type=_FILE, help="The file to be made; without it, stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print the book as one JSON object.")
def book(
    folder: Path | None, state: Path | None, roots: Path | None, form: str, out: Path | None, as_json: bool
) -> None:
    """Write the clause book: each clause with its words, formula, controls, examples, evidence and signatures."""
    place = folder or shipped.shipped_agreement()
    found = shipped.read_agreement(place)
    evidence = _evidence(state, found)
    made = make_book(found, evidence=evidence, signatures=_signatures(place, found, state, roots))
    if as_json:
        text = render.as_json(msgspec.to_builtins(made))
    else:
        text = to_html(made) if form == "html" else to_markdown(made)
    _give(text, out)
    if out is not None:
        click.echo(f"{out}: {len(made.clauses)} clauses of {found.id}, version {found.version}")


@click.command()
@FOLDER
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in Kind]), help="The OSCAL model.")
@click.option("--at", "at", metavar="TIME", help="The time to write, RFC 3339 in UTC; without it, now.")
@click.option("--out", type=_FILE, help="The file to be made; without it, stdout.")
@click.option("--json", "as_json", is_flag=True, help="With --out: print what was written as one JSON object.")
def oscal(folder: Path | None, kind: str, at: str | None, out: Path | None, as_json: bool) -> None:
    """Write an agreement as OSCAL 1.2 JSON. The same agreement and time give the same bytes.

    assessment-results runs every worked example and proves every standing theorem now.

    Exit codes: 0 written; 1 written, and a clause is not satisfied; 2 bad usage or agreement.
    """
    found = shipped.read_agreement(folder or shipped.shipped_agreement())
    now = _time(at)
    document, findings = _document(found, Kind(kind), now, now if at else "")
    _give(json.dumps(document, indent=2, ensure_ascii=False), out)
    open_clauses = [finding.clause for finding in findings if not finding.satisfied]
    if out is not None and as_json:
        click.echo(render.as_json({"file": str(out), "kind": kind, "not_satisfied": open_clauses}))
    elif out is not None:
        click.echo(f"{out}: {kind} of {found.id}, version {found.version}")
    for finding in findings:
        if not finding.satisfied:
            click.echo(render.plain(f"not satisfied: {finding.clause}: {finding.why}"), err=True)
    if open_clauses:
        raise SystemExit(1)


def _document(found: Agreement, kind: Kind, at: str, end: str) -> tuple[Json, tuple[ClauseFinding, ...]]:
    if kind is Kind.CATALOG:
        return catalog(found, at), ()
    if kind is Kind.COMPONENT_DEFINITION:
        return component_definition(found, at), ()
    observations = observe(found, at)
    findings = findings_of(found, observations)
    return assessment_results(found, findings, observations, at, end or SystemClock().utc_now()), findings


def _time(given: str | None) -> str:
    if given is None:
        return SystemClock().utc_now()
    try:
        return _utc(given)
    except ValueError as error:
        raise ConfigError(f"--at {given!r}: write a time such as 2026-11-25T12:00:00Z") from error


def _utc(given: str) -> str:
    """RFC 3339 in UTC as OSCAL takes it. Raises ``ValueError``."""
    from datetime import UTC, datetime

    read = datetime.fromisoformat(given)
    if read.tzinfo is None:
        raise ValueError("a time without a zone")
    return read.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _evidence(state: Path | None, found: Agreement) -> Evidence | None:
    return None if state is None else count_evidence(state, found)


def _signatures(place: Path, found: Agreement, state: Path | None, roots: Path | None) -> tuple[Signature, ...]:
    """Verified with the keys that are given, or those of the state folder; with neither, nobody is said to sign."""
    if roots is None and state is not None and StateFolder(state).roots.is_file():
        roots = StateFolder(state).roots
    if roots is None:
        return ()
    return verified_signatures(found, shipped.folder_reader(place), read_roots(roots), SystemClock().unix())


def _give(text: str, out: Path | None) -> None:
    """To stdout, or into a file that is not there yet. Raises ``ConfigError``: nothing is written over."""
    if out is None:
        click.echo(text.removesuffix("\n"))
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else text + "\n")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from error
