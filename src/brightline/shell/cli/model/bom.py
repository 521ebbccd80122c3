# SPDX-License-Identifier: Apache-2.0
"""``brightline model bom``: a verified model as a CycloneDX bill of materials, for those who keep such lists."""

from __future__ import annotations

from pathlib import Path

import click

from brightline import __version__
from brightline.core.admission.bom import model_bom
from brightline.core.admission.form import lint
from brightline.core.admission.training import open_training
from brightline.core.admission.weights import check_weights
from brightline.core.errors import TrustError
from brightline.core.register import DAYS_MAX_DEFAULT
from brightline.core.screening.oms import read_public_key
from brightline.core.statement import STATEMENT_BYTES_MAX
from brightline.files import read_within, write_text
from brightline.shell.cli import render
from brightline.shell.cli.model.form import day_of, read_form_file
from brightline.shell.cli.model.verify import FOLDER, KEY_BYTES_MAX, public_of
from brightline.shell.cli.pairs import pairs
from brightline.shell.cli.times import time_of
from brightline.shell.storage.model_files import model_digests, model_signature, model_size

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@FOLDER
@click.option("--key", "key", required=True, type=_FILE, help="Who signed the files (`model.sig`): P-256, PEM.")
@click.option("--name", default="", help="What the model is called; without it, the folder's name.")
@click.option("--statement", type=_FILE, help="The signed statement of safety training and evaluation.")
@click.option(
    "--signer", "signers", multiple=True, metavar="NAME=HEX", help="Who may sign it (Ed25519); repeat for more."
)
@click.option("--vvt", type=_FILE, help="The filled-in form of its verification, validation and testing.")
@click.option("--at", metavar="TIME", help="When it must hold: RFC 3339 or Unix seconds; without it, now.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where it is written; else it is printed."
)
def bom(
    folder: Path,
    key: Path,
    name: str,
    statement: Path | None,
    signers: tuple[str, ...],
    vvt: Path | None,
    at: str | None,
    out: Path | None,
) -> None:
    """Write the bill of materials (CycloneDX 1.6, JSON) of the model in FOLDER: its files, and its card.

    Only what verifies is written: the files by the signed manifest; limits and figures from a statement and a form
    that are of these files and in date. What was not given is left out.

    Exit codes: 0 written; 2 something does not verify, or bad usage.
    """
    moment = time_of(at)
    with render.progress("hashing", model_size(folder)) as done:
        found = model_digests(folder, done)
    signed = check_weights(model_signature(folder), read_public_key(read_within(key, KEY_BYTES_MAX)), found)
    training = form = None
    if statement is not None:
        accepted = {who: public_of(text) for who, text in pairs(signers, "--signer").items()}
        training, _ = open_training(read_within(statement, STATEMENT_BYTES_MAX), signed.digest, accepted, moment)
    if vvt is not None:
        form = read_form_file(vvt)
        wrong = lint(form, day_of(moment), DAYS_MAX_DEFAULT)
        if wrong or form.model != signed.digest:
            raise TrustError(
                f"{vvt} is of another model" if not wrong else f"{vvt}: {wrong[0].field}: {wrong[0].found}"
            )
    made = render.as_json(model_bom(name or folder.resolve().name, signed, training, form, moment, __version__))
    if out is None:
        click.echo(made)
    else:
        write_text(out, made + "\n")
