# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement``: read an agreement, ask it questions, prove and change it. One module for each command."""

from __future__ import annotations

import click

from brightline.shell.cli.agreement import book, compare, drift, lint, look, preview, prove, update


@click.group()
def agreement() -> None:
    """Read an agreement and ask it questions."""


agreement.add_command(look.table)
agreement.add_command(look.try_)
agreement.add_command(lint.lint)
agreement.add_command(lint.merge)
agreement.add_command(lint.review)
agreement.add_command(prove.prove)
agreement.add_command(update.update)
agreement.add_command(update.sign)
agreement.add_command(update.history)
agreement.add_command(compare.compare)
agreement.add_command(compare.gaps)
agreement.add_command(compare.theorems)
agreement.add_command(book.book)
agreement.add_command(book.oscal)
agreement.add_command(preview.preview)
agreement.add_command(drift.drift)
