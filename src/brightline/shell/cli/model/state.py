# SPDX-License-Identifier: Apache-2.0
"""``brightline model state``: sign that a model was trained for safety and evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from brightline.core.admission.training import Training, state_training
from brightline.core.errors import ConfigError
from brightline.core.screening.oms import read_public_key, signed_files
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within, write_new
from brightline.shell.cli.model.verify import FOLDER, KEY_BYTES_MAX
from brightline.shell.storage.model_files import model_signature
from brightline.shell.trust.keys import load_key

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TRAINING_BYTES_MAX: Final = 65_536


@click.command()
@FOLDER
@click.option("--manifest-key", "manifest_key", required=True, type=_FILE, help="Who signed the files: P-256, PEM.")
@click.option("--training", "training", required=True, type=_FILE, help="What is stated (TOML).")
@click.option(
    "--key", "key", required=True, type=_FILE, help="The Ed25519 key that signs it (PEM, its owner's alone)."
)
@click.option("--out", "out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The statement.")
def state(folder: Path, manifest_key: Path, training: Path, key: Path, out: Path) -> None:
    """Sign a statement of safety training and evaluation for the model in FOLDER, by the digest of its manifest.

    It is an in-toto statement (v1) in a DSSE envelope. The TOML has `training`, `limits`, `office`, `issued` and
    `expires` (RFC 3339, in UTC), and for each suite a table `[[evaluations]]`: `name`, `suite` (its digest) and
    `results`.

    Exit codes: 0 signed; 2 something given cannot be read or is not allowed.
    """
    signed = signed_files(model_signature(folder), read_public_key(read_within(manifest_key, KEY_BYTES_MAX)))
    try:
        said = read_toml(read_within(training, TRAINING_BYTES_MAX), Training, TRAINING_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{training} states no training: {error}") from error
    envelope = state_training(folder.resolve().name, signed.digest, said, load_key(key))
    write_new(out, envelope)
    click.echo(f"{out} states the training of {signed.digest}, until {said.expires}")
