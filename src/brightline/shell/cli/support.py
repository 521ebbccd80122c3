# SPDX-License-Identifier: Apache-2.0
"""``brightline support``: what a field engineer takes along, without a word of anybody's."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.files import write_private
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
    write_private(out, f"{render.as_json(told)}\n".encode())
    problems = told["problems"]
    click.echo(f"{out}: {len(told['shards'])} shards, {len(problems)} problems")
    for each in problems:
        click.echo(f"{each['what']}: {each['error']} {each['place']}".rstrip(), err=True)
    raise SystemExit(1 if problems else 0)
