# SPDX-License-Identifier: Apache-2.0
"""Commands in this process, where starting one for each would take longer than all that they do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from brightline.core.errors import BrightlineError
from brightline.shell.cli.main import brightline


class Said(NamedTuple):
    """What a command said."""

    stdout: str
    stderr: str


def run(*arguments: str | Path, code: int = 0, answers: str = "") -> Said:
    """Run a command; an error of ours is exit code 2 and its words, as ``main`` has it."""
    done = CliRunner().invoke(brightline, [str(each) for each in arguments], input=answers)
    error = done.exception if isinstance(done.exception, BrightlineError) else None
    assert (2 if error else done.exit_code) == code, done.output + str(done.exception or "")
    return Said(done.stdout, done.stderr + str(error or ""))
