# SPDX-License-Identifier: Apache-2.0
"""``python -m brightline.answer``: the same command where nothing of a gateway is installed."""

from __future__ import annotations

import sys

import click

from brightline.answer.command import answer
from brightline.core.errors import BrightlineError
from brightline.terminal import plain


def main() -> None:
    """Run the command. Every error of ours becomes two lines on stderr and exit code 2."""
    try:
        answer.main(prog_name="python -m brightline.answer", standalone_mode=True)
    except BrightlineError as error:
        click.echo(f"brightline: {plain(error)}\n  next: {error.next_step}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
