# SPDX-License-Identifier: Apache-2.0
"""``python -m brightline.verify``: the auditor's command where nothing of the gateway is installed."""

from __future__ import annotations

import sys

import click

from brightline.core.errors import BrightlineError
from brightline.terminal import plain
from brightline.verify.command import verify


def main() -> None:
    """Run the command. Every error of ours becomes two lines on stderr and exit code 2."""
    try:
        verify.main(prog_name="python -m brightline.verify", standalone_mode=True)
    except BrightlineError as error:
        click.echo(f"brightline: {plain(error)}\n  next: {error.next_step}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
