# SPDX-License-Identifier: Apache-2.0
"""What the commands print: aligned tables, JSON, errors in two lines. Colour only on a terminal; rich comes late.

Tables and results go to stdout, progress and errors to stderr, so that a pipe carries the result alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from brightline.core.errors import BrightlineError

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH: Final = 120


def console(*, stderr: bool = False) -> Console:
    """A console for stdout or stderr. Where nobody looks at a terminal, lines are as long as they need."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, highlight=False, width=max(PLAIN_WIDTH, shutil.get_terminal_size().columns))
    return made


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print an aligned table to stdout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*[cell if isinstance(cell, Text) else str(cell) for cell in row])
    console().print(made)


def as_json(value: Any) -> str:
    """A value as indented JSON, for ``--json``."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def say_error(error: BrightlineError) -> None:
    """Say on stderr what is wrong and what to do."""
    click.echo(f"brightline: {error}\n  next: {error.next_step}", err=True)


def banner(url: str, profile: str, agreement: str, release: str, note: str) -> str:
    """What a node says of itself when it starts to serve."""
    warning = "" if profile == "production" else f" — {profile.upper()} profile: not for production"
    return f"Brightline serves {url}/v1{warning}\nagreement {agreement}, release {release}: {note}"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show on stderr that long work goes on; say nothing where nobody looks at a terminal."""
    shown = console(stderr=True)
    if not shown.is_terminal:
        yield
        return
    with shown.status(what):
        yield
