# SPDX-License-Identifier: Apache-2.0
"""``brightline support``: what a field engineer takes along, without a word of anybody's."""

from __future__ import annotations

import os
from pathlib import Path

import click

from brightline.core.errors import ConfigError
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.support import support_bundle


@click.group()
def support() -> None:
    """For field engineers, who repair and can loosen nothing."""


@support.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def bundle(state: Path, out: Path) -> None:
    """Write what is here to OUT, one JSON file to read before it is sent: numbers, digests, versions, what is damaged.

    No content, no secret, no name of a unit, workload or person; text in the settings is told as set or not.

    Exit codes: 0 nothing is damaged; 1 something is, and the file says what; 2 there is no installation.
    """
    told = support_bundle(state, SystemClock())
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(render.as_json(told) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from error
    problems = told["problems"]
    click.echo(f"{out}: {len(told['shards'])} shards, {len(problems)} problems")
    for each in problems:
        click.echo(f"{each['what']}: {each['error']} {each['place']}".rstrip(), err=True)
    raise SystemExit(1 if problems else 0)
