# SPDX-License-Identifier: Apache-2.0
"""``brightline sample``: writes evidence to try the verifier on, honest and forged."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError
from brightline.verify.arguments import read_agreements
from brightline.verify.sample.frauds import ARGUMENTS, COMMAND, FRAUDS, HONEST, Fraud, Means
from brightline.verify.sample.site import honest_site

NOTE: Final = "WHAT-WAS-DONE.txt"


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31), help="Of keys, salts and ids.")
def sample(out: Path, seed: int) -> None:
    """Write sample evidence to OUT: an honest site, and one folder for each thing that an operator could try.

    Each folder says in WHAT-WAS-DONE.txt what was done, how to verify it, and who catches it. The same seed gives the
    same bytes. The keys in it are known to everybody.
    """
    made = write_sample(out, seed)
    click.echo(f"wrote {len(made)} folders to {out}; begin with {out / HONEST.name / NOTE}")


def write_sample(out: Path, seed: int) -> list[Path]:
    """Write the honest site and one folder for each fraud. Raises ``ConfigError`` if something is there already."""
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty; take another folder")
    return [write_one(out / fraud.name, fraud, seed) for fraud in (HONEST, *FRAUDS)]


def write_one(folder: Path, fraud: Fraud, seed: int) -> Path:
    """Write one site after one fraud."""
    agreement = next(iter(read_agreements(())))
    site = honest_site(seed, agreement)
    fraud.commit(site)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}") from error
    site.write(folder)
    (folder / NOTE).write_text(_note(fraud), "utf-8")
    return folder


def _note(fraud: Fraud) -> str:
    lines = [fraud.deed, "", "In this folder, the log by itself:", f"  {shlex.join(COMMAND)}", ""]
    lines += ["and with what an auditor may have in hand:"]
    lines += [f"  {means.value}: {shlex.join(ARGUMENTS[means])}" for means in Means if ARGUMENTS[means]]
    lines += ["", "What comes out otherwise than at the honest site:"]
    lines += [f"  with {means.value}: {status.value}, {topic.value}" for means, topic, status in fraud.effects]
    if not fraud.effects:
        lines += ["  nothing"]
    if fraud.others:
        lines += ["", f"Who else would show it: {fraud.others}."]
    return "\n".join(lines) + "\n"
