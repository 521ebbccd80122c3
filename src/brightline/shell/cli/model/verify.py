# SPDX-License-Identifier: Apache-2.0
"""``brightline model verify``: the files on the disk, the word on their training, the record of their testing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.admission.form import lint
from brightline.core.admission.training import open_training
from brightline.core.admission.weights import check_weights
from brightline.core.errors import ConfigError, TrustError
from brightline.core.register import DAYS_MAX_DEFAULT
from brightline.core.screening.oms import read_public_key
from brightline.core.statement import STATEMENT_BYTES_MAX
from brightline.files import read_within
from brightline.shell.cli import render
from brightline.shell.cli.model.form import day_of, read_form_file
from brightline.shell.cli.pairs import pairs
from brightline.shell.cli.times import time_of
from brightline.shell.storage.model_files import model_digests, model_signature, model_size

FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
KEY_BYTES_MAX: Final = 65_536
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
HOLDS: Final = "holds"
REFUSED: Final = "refused"
NOT_SHOWN: Final = "not shown"


class Condition(msgspec.Struct, frozen=True):
    """One of the three, how it stands, and why."""

    condition: str
    state: str
    why: str


@click.command()
@FOLDER
@click.option("--key", "key", required=True, type=_FILE, help="Who signed the files (`model.sig`): P-256, PEM.")
@click.option("--statement", type=_FILE, help="The signed statement of safety training and evaluation.")
@click.option(
    "--signer", "signers", multiple=True, metavar="NAME=HEX", help="Who may sign it (Ed25519); repeat for more."
)
@click.option("--vvt", type=_FILE, help="The filled-in form of its verification, validation and testing.")
@click.option("--system", default="", help="The system that will use it; the form must be of this one.")
@click.option("--environment", default="", help="Where it will be used, as the form words it.")
@click.option("--at", metavar="TIME", help="When it must hold: RFC 3339 or Unix seconds; without it, now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    folder: Path,
    key: Path,
    statement: Path | None,
    signers: tuple[str, ...],
    vvt: Path | None,
    system: str,
    environment: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Verify the model in FOLDER: every file by the signed manifest (OpenSSF Model Signing), and what is signed of it.

    A model may be served if three conditions hold. Its files are those that were signed, and hold data alone. An
    accepted signer states its safety training, for these very files, in date. The form of its verification, validation
    and testing is without fault, in date, and of this model, system and environment of use. What was not given is not
    shown. Files that were checked here are not files that a server loaded.

    Exit codes: 0 all three hold; 1 one does not, or was not shown; 2 bad usage.
    """
    accepted = {name: public_of(text) for name, text in pairs(signers, "--signer").items()}
    public = read_public_key(read_within(key, KEY_BYTES_MAX))
    moment = time_of(at)
    digest, conditions = "", []

    def weights() -> str:
        nonlocal digest
        with render.progress("hashing", model_size(folder)) as done:
            found = model_digests(folder, done)
        digest = check_weights(model_signature(folder), public, found).digest
        return f"{len(found) - 1} files, {digest}"

    def training() -> str:
        said, names = open_training(read_within(_given(statement), STATEMENT_BYTES_MAX), digest, accepted, moment)
        return f"signed by {', '.join(names)} for {said.office}, until {said.expires}"

    def testing() -> str:
        form = read_form_file(_given(vvt))
        wrong = lint(form, day_of(moment), DAYS_MAX_DEFAULT)
        if wrong:
            raise TrustError(f"{len(wrong)} faults, the first in {wrong[0].field}: {wrong[0].found}")
        for what, have, want in (
            ("model", form.model, digest),
            ("system", form.system, system),
            ("environment of use", form.environment_of_use, environment),
        ):
            if have != want:
                raise TrustError(f"the form is of another {what}: {have[:80]!r}")
        return f"{form.id}, by {form.owner}, until {form.expires}"

    conditions.append(_condition("files", weights, shown=True))
    whole = conditions[0].state == HOLDS
    conditions.append(_condition("safety training", training, shown=whole and statement is not None))
    conditions.append(_condition("verification and testing", testing, shown=whole and vvt is not None))
    _say(digest, conditions, as_json=as_json)
    if any(each.state != HOLDS for each in conditions):
        raise SystemExit(1)


def _condition(name: str, check: Callable[[], str], *, shown: bool) -> Condition:
    if not shown:
        return Condition(
            name, NOT_SHOWN, "nothing was given that shows it, or the files are not those that were signed"
        )
    try:
        return Condition(name, HOLDS, check())
    except (TrustError, ConfigError) as error:
        return Condition(name, REFUSED, str(error))


def _say(digest: str, conditions: list[Condition], *, as_json: bool) -> None:
    if as_json:
        rows = [msgspec.to_builtins(each) for each in conditions]
        click.echo(render.as_json({"digest": digest, "conditions": rows}))
        return
    rows = [(each.condition, each.state, each.why) for each in conditions]
    render.table("The model", ["condition", "state", "why"], rows)


def _given(path: Path | None) -> Path:
    if path is None:
        raise ConfigError("nothing was given")
    return path


def public_of(text: str) -> bytes:
    """A raw Ed25519 key from hex. Raises ``ConfigError``."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ConfigError(f"--signer takes NAME=HEX with a raw Ed25519 key of 32 bytes; found {text[:80]!r}")
    return raw
