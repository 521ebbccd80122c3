# SPDX-License-Identifier: Apache-2.0
"""A decision from the terminal that a passkey signs: handed to the console, whose page the browser shows."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError, TrustError
from brightline.core.ports import Clock
from brightline.core.review.decision import Answer
from brightline.core.review.roster import CredentialKind
from brightline.shell.registry.following import Registry
from brightline.shell.review.desk import OpenedCase
from brightline.shell.review.handing import HANDED_FORMAT, HANDED_SECONDS, Handed, handed_over
from brightline.shell.state import StateFolder

PAUSE_SECONDS: Final = 0.25


def signed_in_console(
    state: Path, registry: Registry, opened: OpenedCase, person: str, answers: tuple[Answer, ...], clock: Clock
) -> int:
    """Wait until this person has signed these answers in the console; the number of the registry's record.

    Prints the address to standard error, and opens it where somebody looks at a terminal. Raises ``ConfigError`` where
    passkeys cannot sign, ``TrustError`` if nobody signed in time.
    """
    relying, known = registry.review.passkeys, registry.roster.get(person)
    if relying is None or known is None:
        raise ConfigError("the parties pinned no origin for passkeys; sign with --key")
    if not any(each.kind is CredentialKind.PASSKEY for each in known.credentials):
        raise ConfigError(f"{person[:80]} has no passkey on the roster; one is made on the console's page /enrol")
    case = opened.case
    until = clock.unix() + HANDED_SECONDS
    handed = Handed(HANDED_FORMAT, person, case.hold, case.digest, answers, until)
    with handed_over(StateFolder(state), handed) as name:
        address = f"{relying.origins[0]}/handed/{name}"
        click.echo(f"sign on the console, within {HANDED_SECONDS // 60} minutes: {address}", err=True)
        if sys.stderr.isatty():
            click.launch(address)
        while not _answered(registry, case.digest, person, answers):
            if clock.unix() >= until:
                raise TrustError("nobody signed in time; nothing was decided")
            time.sleep(PAUSE_SECONDS)
            registry.refresh()
    return registry.decisions.since(0)[case.digest]


def _answered(registry: Registry, case: str, person: str, answers: tuple[Answer, ...]) -> bool:
    """Whether what this person was to answer is answered, by them or by others."""
    tried = registry.decisions.docket.of_case(case)
    if tried is None:
        return False
    asked = {(answer.subject, answer.name) for answer in answers}
    theirs = {key for key, votes in tried.votes.items() if any(vote.person == person for vote in votes)}
    if asked <= theirs:
        return True
    if tried.resolved or asked <= tried.answers.keys():
        raise TrustError("others decided it first; nothing of yours was signed")
    return False
