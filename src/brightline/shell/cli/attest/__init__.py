# SPDX-License-Identifier: Apache-2.0
"""``brightline attest``: what machines say about themselves, verified and appraised from files."""

from __future__ import annotations

import click

from brightline.shell.cli.attest.appraise import appraise
from brightline.shell.cli.attest.verify import verify


@click.group()
def attest() -> None:
    """Evidence of a machine's maker or operator: is it authentic, is it good enough, and what follows from it."""


attest.add_command(verify)
attest.add_command(appraise)
