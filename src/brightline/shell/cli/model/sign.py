# SPDX-License-Identifier: Apache-2.0
"""``brightline model sign``: sign a VV&T form, or probes, for the guard that admits the model."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.admission.form import FORM_BYTES_MAX, read_form
from brightline.core.admission.paper import FORM_TYPE, PAPER_BYTES_MAX, PROBES_TYPE
from brightline.core.admission.probes import read_probes
from brightline.core.statement import sign_payload
from brightline.files import read_within, write_new
from brightline.shell.trust.keys import load_key

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("kind", type=click.Choice(["form", "probes"]))
@click.argument("file", type=_FILE)
@click.option("--key", required=True, type=_FILE, help="The Ed25519 key that signs it (PEM, its owner's alone).")
@click.option("--out", required=True, type=_OUT, help="The signed file; it must not be there yet.")
def sign(kind: str, file: Path, key: Path, out: Path) -> None:
    """Sign a filled-in VV&T form, or a set of probes, as the guard that admits the model asks for it.

    The file is signed as it is (DSSE), and must read as what it is said to be. Run `model lint` on a form before.

    Exit codes: 0 signed; 2 something given cannot be read or is not allowed.
    """
    if kind == "form":
        text = read_within(file, FORM_BYTES_MAX)
        read_form(text, str(file))
        signed = sign_payload(text, FORM_TYPE, [load_key(key)])
    else:
        text = read_within(file, PAPER_BYTES_MAX // 2)
        read_probes(text)
        signed = sign_payload(text, PROBES_TYPE, [load_key(key)])
    write_new(out, signed)
    click.echo(f"{out} is {file.name}, signed")
