# SPDX-License-Identifier: Apache-2.0
"""Commands in this process, where starting one for each would take longer than all that they do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from brightline.core.errors import BrightlineError
from brightline.shell.cli.main import brightline
from brightline.terminal import plain


class Said(NamedTuple):
    """What a command said."""

    stdout: str
    stderr: str


def run(*arguments: str | Path, code: int = 0, answers: str = "") -> Said:
    """Run a command; an error of ours is exit code 2 and its words, as ``main`` has it. Any other error is raised."""
    done = CliRunner().invoke(brightline, [str(each) for each in arguments], input=answers)
    error = done.exception if isinstance(done.exception, BrightlineError) else None
    if done.exception is not None and error is None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert (2 if error else done.exit_code) == code, done.output + str(done.exception or "")
    words = f"brightline: {plain(error)}\n  next: {error.next_step}\n" if error else ""
    return Said(done.stdout, done.stderr + words)
