# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier key`` and ``sign``: whoever made the weights signs every file of a release."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.storage.signed_files import load_signing_key, make_signing_key, sign_folder


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def key(file: Path, as_json: bool) -> None:
    """Make a key for signing models in FILE, which nobody else may read, and print its public half (PEM)."""
    public = make_signing_key(file)
    click.echo(render.as_json({"file": str(file), "public": public}) if as_json else public, nl=as_json)


@click.command()
@click.argument("folder", type=FOLDER_TYPE)
@click.option(
    "--key", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM."
)
def sign(folder: Path, path: Path) -> None:
    """Sign every file of the release in FOLDER: OpenSSF Model Signing v1.0, model.sig. Do it last: none may follow.

    The statement that brings it into force names the key (`classifier release --signer`), and every node then checks
    every file before it loads one.
    """
    click.echo(f"signed {sign_folder(folder, load_signing_key(path))}")
