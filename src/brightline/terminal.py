# SPDX-License-Identifier: Apache-2.0
"""What the commands print, and how they end: aligned tables, JSON, a bar while long work goes on. Colour only on a
terminal.

It lies below every room that has commands, so that the gateway's and the auditor's look alike and neither needs the
other. Rich is imported late. Results go to stdout, progress to stderr, so that a pipe carries the result alone. What
is printed may come from a hostile log: no text is read as markup, and no control character reaches a terminal.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from brightline.core.errors import BrightlineError, ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PLAIN_WIDTH: Final = 120
WHOLE_MAX: Final = 40  # cells: an id that is to be copied; a digest is longer, and folded
LEFT_MIN: Final = 6  # cells that each column keeps before another one is spared from folding
GAP: Final = 3  # between two columns


def run(command: click.Command, arguments: Sequence[str] | None = None, name: str | None = None) -> NoReturn:
    """Run a command. Every error of ours, or of a file, becomes two lines on stderr and exit code 2.

    So does a fault of the program, with its trace before: exit code 1 is bad news, and a fault tells none.
    """
    for stream in (sys.stdout, sys.stderr):  # where the locale has no sign for a letter, its number is printed
        if isinstance(stream, io.TextIOWrapper) and not _prints_all(stream.encoding):
            stream.reconfigure(errors="backslashreplace")
    try:
        command.main(None if arguments is None else [*arguments], prog_name=name, standalone_mode=True)
    except BrightlineError as error:
        say_error(error)
    except OSError as error:  # a disk that is full or read-only, a folder that is none
        said = (error.filename, error.strerror or error)
        say_error(ConfigError(": ".join(str(each) for each in said if each)))
    except Exception:  # noqa: BLE001 - said aloud, and ended with 2: a fault is no verdict
        traceback.print_exc()
        click.echo("brightline: a fault of this program; it says nothing of what was asked", err=True)
    sys.exit(2)


def say_error(error: BrightlineError) -> None:
    """Say on stderr what is wrong and what to do."""
    click.echo(f"brightline: {plain(error)}\n  next: {error.next_step}", err=True)


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
    """A console for stdout or stderr. Where nobody looks at a terminal, lines have at least ``PLAIN_WIDTH`` cells."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        width = max(PLAIN_WIDTH, shutil.get_terminal_size().columns)
        made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)
    return made


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print an aligned table to stdout. A cell is a ``rich.text.Text`` or anything that has a text.

    Ids are not broken over lines while there is room, so that they can be copied and searched for. In a pipe no line
    ends with spaces.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = console()
    cells = [[cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row] for row in rows]
    heads = [Text(column) for column in columns]
    made = Table(title=Text(plain(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head, whole in zip(heads, _whole([heads, *cells], out.width), strict=True):
        made.add_column(head, overflow="fold", no_wrap=whole)
    for row in cells:
        made.add_row(*row)
    if out.is_terminal:
        out.print(made)
        return
    with out.capture() as printed:
        out.print(made)
    click.echo("\n".join(line.rstrip() for line in printed.get().rstrip("\n").split("\n")))


def _whole(rows: Sequence[Sequence[Text]], width: int) -> list[bool]:
    """Of each column, whether it is one of ids that the width lets stand on one line, from the left on."""
    columns = [[row[place] for row in rows if place < len(row)] for place in range(len(rows[0]))]
    longest = [max(cell.cell_len for cell in column) for column in columns]
    left = width - GAP * len(columns) - sum(min(each, LEFT_MIN) for each in longest)
    found = []
    for column, each in zip(columns, longest, strict=True):
        more = max(0, each - LEFT_MIN)
        found.append(more <= left and each <= WHOLE_MAX and all(" " not in cell.plain for cell in column[1:]))
        left -= more if found[-1] else 0
    return found


def as_json(value: Any) -> str:
    """A value as indented JSON, for ``--json``; only ASCII where the locale cannot print more."""
    return json.dumps(value, indent=2, ensure_ascii=not _prints_all(sys.stdout.encoding))


def _prints_all(encoding: str) -> bool:
    return encoding.lower().replace("-", "") == "utf8"


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
