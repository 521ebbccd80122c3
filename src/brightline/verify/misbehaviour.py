# SPDX-License-Identifier: Apache-2.0
"""``brightline misbehaviour``: checks a file that is said to convict a log, with nothing but the log's key.

Exit codes: 0 it proves what the sentence says, 1 it proves nothing, 2 it does not read.
"""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.cosignature import CosignerKey
from brightline.core.evidence.misbehaviour import (
    FILE_BYTES_MAX,
    MalformedMisbehaviour,
    check_misbehaviour,
    kind_of,
    read_misbehaviour,
)
from brightline.core.evidence.note import NoteError
from brightline.terminal import as_json, plain
from brightline.verify.arguments import read_key


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, required=True, metavar="VKEY|FILE", help="Verifier key of a log; repeat for more."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="Key of a witness; repeat for more.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def misbehaviour(file: Path, keys: tuple[str, ...], witnesses: tuple[str, ...], json_wanted: bool) -> None:
    """Check FILE, which `brightline verify --misbehaviour` wrote, and say in one sentence what it proves.

    Nothing else is needed: no log, no network, no trust in whoever hands the file over.

    Exit codes: 0 it proves what the sentence says; 1 it proves nothing; 2 bad usage or unreadable.
    """
    try:
        with file.open("rb") as opened:
            said = read_misbehaviour(opened.read(FILE_BYTES_MAX + 1))
    except (OSError, MalformedMisbehaviour) as error:
        raise ConfigError(f"{file}: {error}") from error
    checked = check_misbehaviour(said, [read_key(key) for key in keys], [_witness(key) for key in witnesses])
    if json_wanted:
        click.echo(as_json({"kind": kind_of(said), "proves": checked.proves, "sentence": checked.sentence}))
    else:
        click.echo(plain(checked.sentence))
    if not checked.proves:
        raise SystemExit(1)


def _witness(text: str) -> CosignerKey:
    try:
        return CosignerKey.parse(text)
    except NoteError as error:
        raise TrustError(f"--witness: {error}") from error
