# SPDX-License-Identifier: Apache-2.0
"""What the commands print: aligned tables, JSON, a bar while long work goes on. Colour only on a terminal.

It lies below every room that has commands, so that the gateway's and the auditor's look alike and neither needs the
other. Rich is imported late. Results go to stdout, progress to stderr, so that a pipe carries the result alone. What
is printed may come from a hostile log: no text is read as markup, and no control character reaches a terminal.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH: Final = 120


def plain(text: object) -> str:
    """Text as one line without control characters."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def printable(value: object) -> object:
    """What a page prints of a value: no control character of anybody's reaches it; what is no text is left alone."""
    return plain(value) if type(value) is str and not value.isprintable() else value


def minute(unix: int) -> str:
    """A moment in Unix seconds, to the minute."""
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(seconds: int) -> str:
    """How long that is, in minutes, or in hours and minutes."""
    if seconds < 3_600:
        return f"{max(0, seconds) // 60} min"
    return f"{seconds // 3_600} h {seconds % 3_600 // 60} min"


def console(*, stderr: bool = False) -> Console:
    """A console for stdout or stderr. Where nobody looks at a terminal, lines are as long as they need."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        width = max(PLAIN_WIDTH, shutil.get_terminal_size().columns)
        made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)
    return made


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print an aligned table to stdout. A cell is a ``rich.text.Text`` or anything that has a text."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(plain(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(Text(column), overflow="fold")
    for row in rows:
        made.add_row(*[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row])
    console().print(made)


def as_json(value: Any) -> str:
    """A value as indented JSON, for ``--json``."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while long work goes on; nothing where nobody looks at a terminal.

    Yields a function that is told how much of ``total`` is done.
    """
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain(what), total=total)
        yield lambda done: bar.update(task, completed=done)
