# SPDX-License-Identifier: Apache-2.0
"""``brightline delivery``: how releases travel. One module for who keeps a repository, one for who fetches."""

from __future__ import annotations

import click

from brightline.shell.cli.delivery import fetch, keep


@click.group()
def delivery() -> None:
    """Keep a repository of classifier releases, and fetch from one."""


delivery.add_command(keep.key)
delivery.add_command(keep.begin)
delivery.add_command(keep.add)
delivery.add_command(keep.sign)
delivery.add_command(keep.publish)
delivery.add_command(keep.rotate)
delivery.add_command(keep.status)
delivery.add_command(fetch.trust)
delivery.add_command(fetch.fetch)
