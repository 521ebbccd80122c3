# SPDX-License-Identifier: Apache-2.0
"""``brightline model form`` and ``model lint``: the VV&T form, and what is wrong with one that was filled in."""

from __future__ import annotations

import hashlib
import shlex
from datetime import UTC, date, datetime
from pathlib import Path

import click
import msgspec

from brightline.core.admission.form import FORM_BYTES_MAX, TEMPLATE, Form, Problem, lint, read_form
from brightline.core.register import DAYS_MAX_DEFAULT
from brightline.shell.cli import render
from brightline.shell.cli.times import time_of

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CHUNK_BYTES = 1 << 20


@click.command()
def form() -> None:
    """Print an empty form (TOML) for the verification, validation and testing of one system."""
    click.echo(TEMPLATE, nl=False)


@click.command("lint")
@click.argument("file", type=_FILE)
@click.option("--test-set", type=_FILE, help="The test set: its digest must be the one of the form.")
@click.option(
    "--days-max",
    default=DAYS_MAX_DEFAULT,
    show_default=True,
    type=click.IntRange(1, 3_660),
    help="How long the agreement lets a record be in date (`vvt_days_max`).",
)
@click.option("--at", metavar="TIME", help="When it is read: RFC 3339 or Unix seconds; without it, now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def lint_command(file: Path, test_set: Path | None, days_max: int, at: str | None, as_json: bool) -> None:
    """Say what is wrong with a filled-in VV&T form: blanks, vagueness, figures that are missing, dates, digests.

    A form without fault is printed as the command that registers it.

    Exit codes: 0 nothing is wrong; 1 something is; 2 it is no form.
    """
    found = read_form_file(file)
    problems = lint(found, day_of(time_of(at)), days_max) + _of_test_set(found, test_set)
    if as_json:
        click.echo(render.as_json([msgspec.to_builtins(each) for each in problems]))
    elif problems:
        rows = [(each.field, each.found, each.mend) for each in problems]
        render.table(f"What is wrong with {file.name}", ["field", "what is wrong", "what to do"], rows)
    else:
        click.echo("Nothing is wrong with its form. To register it:")
        click.echo(_command(found))
    if problems:
        raise SystemExit(1)


def read_form_file(path: Path) -> Form:
    """Raises ``ConfigError``."""
    with path.open("rb") as file:
        return read_form(file.read(FORM_BYTES_MAX + 1), str(path))


def day_of(moment: float) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(moment, UTC).date()


def _of_test_set(found: Form, path: Path | None) -> tuple[Problem, ...]:
    if path is None:
        return ()
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hashed.update(chunk)
    if found.test_set_digest == f"sha256:{hashed.hexdigest()}":
        return ()
    return (Problem("test_set_digest", f"{path.name} has another digest", f"write sha256:{hashed.hexdigest()}"),)


def _command(found: Form) -> str:
    """What registers the form; its file of tests is for the person to name."""
    words = ["brightline", "vvt", "add", "STATE", found.id, "--system", found.system, "--system-version", found.model]
    words += [
        "--environment",
        f"{found.environment} Used in: {found.environment_of_use} Differences: {found.differences}",
    ]
    words += ["--test-set", found.test_set, "--test-set-file", "TEST-SET", "--results", found.results]
    for each in found.figure:
        words += ["--figure", f"{each.name}={each.value}"]
    words += ["--person", found.person, "--owner", found.owner, "--days", str((found.expires - found.tested).days)]
    return " ".join(render.plain(shlex.quote(word)) for word in words)
