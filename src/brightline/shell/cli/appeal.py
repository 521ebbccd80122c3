# SPDX-License-Identifier: Apache-2.0
"""``brightline appeal``: an official of the customer asks that others look at what was decided."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from brightline.core.agreement.ladder import rules_of
from brightline.core.errors import ConfigError
from brightline.core.review.appeals import (
    APPEAL_FORMAT,
    APPEAL_SECONDS,
    APPEAL_SIGNERS,
    APPEAL_TYPE,
    Appeal,
    Filed,
    WishState,
    state_of,
    wish_state,
)
from brightline.core.statement import sign_statement
from brightline.files import read_within
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.development import HOLDERS
from brightline.shell.opening import in_force
from brightline.shell.registry.following import Registry
from brightline.shell.review.appealing import log_appeal, wished
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

REQUEST_BYTES_MAX: Final = 16 * 1024 * 1024
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def appeal() -> None:
    """Appeals against what people or the agreement decided, to people who did not decide it."""


@appeal.command("file")
@_STATE
@click.argument("about")
@click.option(
    "--reason", default="", help="Why, in words; committed, and shown to nobody but an auditor. Of a wish: its own."
)
@click.option("--request", "path", type=_FILE, help="Of a refusal: the request again (the JSON body of a chat).")
@click.option(
    "--by", "holder", default="", metavar="HOLDER", help="Who signs; without it the official of development."
)
@click.option("--key", type=_FILE, help="A private key that lies elsewhere (PEM).")
@_JSON
def file_(
    state: Path, about: str, reason: str, path: Path | None, holder: str, key: Path | None, as_json: bool
) -> None:
    """Appeal the denied hold ABOUT, the exchange ABOUT that the agreement refused, or what the wish ABOUT is about.

    An official signs.

    Others than those who decided are asked the same questions. Their answers are facts and approvals, and the
    agreement decides again: an approval that was refused may be given; a fact that was answered bad stays bad.
    """
    clock = SystemClock()
    if holder and key:
        raise ConfigError("give --by HOLDER or --key FILE")
    signer = load_key(key or StateFolder(state).key(holder or HOLDERS[APPEAL_SIGNERS[0].role][0]))
    body = None if path is None else read_within(path, REQUEST_BYTES_MAX)
    with in_force(state, clock) as (settings, registry):
        wish = wished(registry, about)
        if wish is not None:
            about, reason = wish.about, reason or wish.reason
        if not reason.strip():
            raise ConfigError("an appeal says why: --reason")
        name = "" if wish is None else wish.id
        said = Appeal(APPEAL_FORMAT, secrets.token_hex(16), about, reason, clock.unix(), name)
        case, record = log_appeal(state, settings, registry, sign_statement(said, APPEAL_TYPE, [signer]), clock, body)
    told = {"appeal": said.id, "hold": case.hold, "decide_by": _time(case.expires), "record": record.place.seq}
    if as_json:
        click.echo(render.as_json(told))
        return
    click.echo(f"appeal {said.id}: others look at it as {case.hold}, by {_time(case.expires)}")


@appeal.command()
@_STATE
@click.option("--all", "everything", is_flag=True, help="Also those that were appealed, or not in time.")
@_JSON
def wishes(state: Path, everything: bool, as_json: bool) -> None:
    """List what workloads ask their official to appeal: of what, when, and why in their words.

    Nobody looks at any of it until an official files it: `brightline appeal file STATE WISH`.
    """
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        agreement = registry.releases.current
        seconds = rules_of(agreement).appeal_seconds or APPEAL_SECONDS
        filed, docket = registry.reviewing.appeals, registry.decisions.docket
        found = [
            (each, wish_state(each, filed, docket, agreement.vocabulary, seconds, now))
            for each in registry.reviewing.wishes.values()
        ]
    rows = [
        {
            "wish": each.id,
            "about": each.about,
            "state": stands.value,
            "workload": each.workload,
            "unit": each.unit,
            "asked": _time(each.unix),
            "sign by": _time(each.unix + seconds),
            "reason": each.reason,
        }
        for each, stands in found
        if everything or stands is WishState.ASKED
    ]
    if as_json:
        click.echo(render.as_json(rows))
        return
    columns = ["wish", "about", "state", "workload", "asked", "sign by", "reason"]
    render.table("Wishes", columns, [[row[column] for column in columns] for row in rows])


@appeal.command("list")
@_STATE
@_JSON
def list_(state: Path, as_json: bool) -> None:
    """List the appeals: what each is about, who signed it, until when it is to be decided, and how it stands."""
    now = SystemClock().unix()
    with in_force(state, SystemClock()) as (_, registry):
        rows = [_row(each, registry, now) for each in registry.reviewing.appeals]
    if as_json:
        click.echo(render.as_json(rows))
        return
    columns = ["about", "state", "filed", "decide by", "signed by", "looked at as"]
    render.table("Appeals", columns, [[row[column] for column in columns] for row in rows])


def _row(filed: Filed, registry: Registry, now: int) -> Mapping[str, str]:
    vocabulary = registry.releases.current.vocabulary
    return {
        "appeal": filed.appeal.id,
        "about": filed.appeal.about,
        "state": state_of(filed, registry.decisions.docket, vocabulary, now).value,
        "filed": _time(filed.unix),
        "decide by": _time(filed.case.expires),
        "signed by": ", ".join(filed.signers),
        "looked at as": filed.case.hold,
    }


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M")
