# SPDX-License-Identifier: Apache-2.0
"""``brightline model``: what must hold of a model before it may be served, as far as it can be seen from files."""

from __future__ import annotations

import click

from brightline.shell.cli.model.bom import bom
from brightline.shell.cli.model.form import form, lint_command
from brightline.shell.cli.model.sign import sign
from brightline.shell.cli.model.state import state
from brightline.shell.cli.model.verify import verify


@click.group()
def model() -> None:
    """A model's files, the signed word on its safety training, and the record of its verification and testing."""


model.add_command(bom)
model.add_command(form)
model.add_command(lint_command)
model.add_command(sign)
model.add_command(state)
model.add_command(verify)
