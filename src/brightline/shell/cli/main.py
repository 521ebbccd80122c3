# SPDX-License-Identifier: Apache-2.0
"""``brightline``: the commands. Exit codes: 0 done, 1 bad news, 2 the question or the installation is wrong.

A command is imported when it is asked for: all of them together take over a second, and each alone a fraction.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

import click

from brightline import __version__
from brightline.terminal import run

WHERE: Final[Mapping[str, str]] = {
    "agreement": "brightline.shell.cli.agreement:agreement",
    "answer": "brightline.answer.command:answer",
    "appeal": "brightline.shell.cli.appeal:appeal",
    "attest": "brightline.shell.cli.attest:attest",
    "broker": "brightline.shell.cli.broker:broker",
    "bundle": "brightline.verify.bundle:bundle",
    "canary": "brightline.verify.canary.command:canary",
    "channel": "brightline.shell.cli.channel:channel",
    "classifier": "brightline.shell.cli.of_classifier:classifier",
    "console": "brightline.shell.cli.console:console",
    "delivery": "brightline.shell.cli.delivery:delivery",
    "demand": "brightline.shell.cli.demand:demand",
    "disclose": "brightline.shell.cli.disclose:disclose",
    "guard": "brightline.guard.__main__:guard",
    "halt": "brightline.shell.cli.halt:halt",
    "halts": "brightline.shell.cli.halt:halts",
    "hunt": "brightline.shell.cli.hunt:hunt",
    "import": "brightline.shell.cli.import_:import_",
    "init": "brightline.shell.cli.gateway:init",
    "key": "brightline.shell.cli.gateway:key",
    "keys": "brightline.shell.cli.keys:keys",
    "log": "brightline.shell.cli.log:log",
    "misbehaviour": "brightline.verify.misbehaviour:misbehaviour",
    "model": "brightline.shell.cli.model:model",
    "observe": "brightline.observe.__main__:observe",
    "open": "brightline.shell.cli.open:open_",
    "patterns": "brightline.shell.cli.patterns:patterns",
    "preflight": "brightline.shell.cli.preflight:preflight",
    "protocol": "brightline.shell.cli.register:protocol",
    "purpose": "brightline.shell.cli.register:purpose",
    "receipt": "brightline.verify.receipt:receipt",
    "resume": "brightline.shell.cli.halt:resume",
    "retention": "brightline.shell.cli.retention:retention",
    "review": "brightline.shell.cli.of_review:review",
    "sample": "brightline.verify.sample.command:sample",
    "serve": "brightline.shell.cli.gateway:serve",
    "shard": "brightline.shell.cli.shard:shard",
    "standing": "brightline.shell.cli.standing:standing",
    "support": "brightline.shell.cli.support:support",
    "verify": "brightline.verify.command:verify",
    "vvt": "brightline.shell.cli.register:vvt",
    "witness": "brightline.shell.cli.witness:witness",
    "workload": "brightline.shell.cli.workload:workload",
}
"""Where each command is."""


class Commands(click.Group):
    """The group of all commands, each imported when somebody asks for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted(WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; ``None`` if there is none."""
        return command_of(cmd_name) if cmd_name in WHERE else None


def command_of(name: str) -> click.Command:
    """Import a command. Raises ``KeyError`` for a name that is none."""
    module, _, attribute = WHERE[name].partition(":")
    found: Any = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, click.Command)  # noqa: S101 - what the table names is one; a test goes through it
    return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="brightline")
def brightline() -> None:
    """The safety stack that makes a model deployment agreement true and checkable.

    Exit codes: 0 done; 1 bad news (a contradiction, an example that does not come out); 2 bad usage or installation.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run a command, and end with its exit code."""
    run(brightline, arguments)
