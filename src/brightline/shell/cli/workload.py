# SPDX-License-Identifier: Apache-2.0
"""``brightline workload``: registrations, signed by both parties and logged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from brightline.core.errors import CallerError, ConfigError
from brightline.core.exchange.api import chat
from brightline.core.exchange.api.table import ENDPOINTS
from brightline.core.exchange.model import Tool, tool_digests
from brightline.core.quota import HOLDS_MAX, NO_QUOTA
from brightline.core.workload import Bounds, Workload
from brightline.shell.cli import render
from brightline.shell.cli.pairs import pairs
from brightline.shell.cli.register import FILE
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import DEVELOPMENT_PROTOCOL, DEVELOPMENT_VVT
from brightline.shell.install import (
    CHOICES_MAX,
    OUTPUT_TOKENS_MAX,
    REQUEST_BYTES_MAX,
    NewWorkload,
    log_registration,
    register,
    registration_facts,
)
from brightline.shell.opening import open_agreement
from brightline.shell.registry.following import Registry
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_roots

_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group()
def workload() -> None:
    """Who may call, for which unit and approved purpose."""


@workload.command()
@_STATE
@click.argument("workload_id", metavar="ID")
@click.option("--unit", required=True, help="The customer's unit that answers for it.")
@click.option("--purpose", default="", help="The approved purpose, in words; registered under ID if it is new.")
@click.option("--purpose-id", default="", help="A purpose of the register, in place of words of your own.")
@click.option("--official", required=True, help="The accountable official (an office, not a person's name).")
@click.option(
    "--authority", "authorities", multiple=True, required=True, help="The authority for it; repeat for more."
)
@click.option(
    "--fact",
    "facts",
    multiple=True,
    metavar="NAME=VALUE",
    help="A fact that the two signatures state. Without any, every fact that a registration may state is stated good.",
)
@click.option("--without", "without", multiple=True, metavar="NAME", help="Leave this fact unstated (unknown).")
@click.option("--bound", "bounds", multiple=True, metavar="KIND=TEXT", help="subjects, period, volume or data_class.")
@click.option(
    "--requests-per-minute",
    default=600,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Requests that this workload may send in a minute.",
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    metavar="ID",
    default=(DEVELOPMENT_PROTOCOL,),
    show_default=True,
    help="An oversight protocol that its facts rest on; repeat for more.",
)
@click.option(
    "--vvt",
    "vvt",
    multiple=True,
    metavar="ID",
    default=(DEVELOPMENT_VVT,),
    show_default=True,
    help="A verification record that its facts rest on; repeat for more.",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    type=click.Choice(ENDPOINTS),
    default=ENDPOINTS,
    show_default=True,
    help="What it may call; repeat for more.",
)
@click.option(
    "--tool",
    "tools",
    multiple=True,
    type=FILE,
    help="A JSON list of tools, as in a request; each is registered by the digest of its schema. Repeat for more.",
)
@click.option(
    "--data-class",
    "data_classes",
    multiple=True,
    help="A class of data that it touches; repeat for more.",
)
@click.option(
    "--request-bytes",
    default=REQUEST_BYTES_MAX,
    show_default=True,
    type=click.IntRange(1, 8_388_608),
    help="Bytes that one request may send to the model.",
)
@click.option(
    "--output-tokens",
    default=OUTPUT_TOKENS_MAX,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Tokens that one answer may be asked to have; asked of the model where a request sets no limit.",
)
@click.option(
    "--choices",
    default=CHOICES_MAX,
    show_default=True,
    type=click.IntRange(1, 8),
    help="Answers that one request may ask for.",
)
@click.option(
    "--tokens-per-minute",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1_000_000_000),
    help="Tokens of prompts and answers in a minute; 0: as many as the requests may have.",
)
@click.option(
    "--holds-per-day",
    default=0,
    show_default=True,
    type=click.IntRange(0, HOLDS_MAX),
    help="Exchanges that it may leave to people in a day (UTC); 0: as many as there are.",
)
@click.option(
    "--unit-requests-per-minute",
    default=0,
    show_default=True,
    type=click.IntRange(0, NO_QUOTA),
    help="Requests of all workloads of its unit at which it is served no more; 0: what the agreement says.",
)
@click.option(
    "--unit-tokens-per-minute",
    default=0,
    show_default=True,
    type=click.IntRange(0, NO_QUOTA),
    help="The same in tokens of prompts and answers.",
)
@click.option(
    "--unit-holds-per-day",
    default=0,
    show_default=True,
    type=click.IntRange(0, HOLDS_MAX),
    help="The same in exchanges that are left to people in a day (UTC).",
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="Days until it expires.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(
    state: Path,
    workload_id: str,
    unit: str,
    purpose: str,
    purpose_id: str,
    official: str,
    authorities: tuple[str, ...],
    facts: tuple[str, ...],
    without: tuple[str, ...],
    bounds: tuple[str, ...],
    requests_per_minute: int,
    tokens_per_minute: int,
    holds_per_day: int,
    unit_requests_per_minute: int,
    unit_tokens_per_minute: int,
    unit_holds_per_day: int,
    protocols: tuple[str, ...],
    vvt: tuple[str, ...],
    endpoints: tuple[str, ...],
    tools: tuple[Path, ...],
    data_classes: tuple[str, ...],
    request_bytes: int,
    output_tokens: int,
    choices: int,
    days: int,
    as_json: bool,
) -> None:
    """Register a workload and print its key, once.

    An ID that is registered is registered anew: its earlier key is refused from then on.
    """
    if not purpose and not purpose_id:
        raise ConfigError("a workload has a purpose: give --purpose in words, or --purpose-id of the register")
    settings = load_settings(state)
    agreement = open_agreement(settings)
    stated = pairs(facts, "--fact") or registration_facts(agreement)
    for name in without:
        if name not in stated:
            raise ConfigError(f"--without {name}: nothing states that fact")
        del stated[name]
    try:
        declared = msgspec.convert(pairs(bounds, "--bound"), Bounds)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--bound takes one of {', '.join(Bounds.__struct_fields__)}: {error}") from error
    new = NewWorkload(
        id=workload_id,
        unit=unit,
        purpose=purpose,
        official=official,
        authority=authorities,
        facts=stated,
        bounds=declared,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        holds_per_day=holds_per_day,
        unit_requests_per_minute=unit_requests_per_minute,
        unit_tokens_per_minute=unit_tokens_per_minute,
        unit_holds_per_day=unit_holds_per_day,
        days=days,
        purpose_id=purpose_id,
        protocols=protocols,
        vvt=vvt,
        endpoints=endpoints,
        tools=_tools(tools),
        data_classes=data_classes,
        request_bytes_max=request_bytes,
        output_tokens_max=output_tokens,
        choices_max=choices,
    )
    replaced = any(found.id == workload_id and not found.registration.revoked for found in _registered(state))
    key, record = register(state, settings, agreement, new, SystemClock())
    if as_json:
        done = {"workload": workload_id, "key": key, "record": record.place.seq, "replaced": replaced}
        click.echo(render.as_json(done))
        return
    click.echo(f"registered {workload_id} as record {record.place.seq} of the registry; signed by both parties")
    if replaced:
        click.echo(f"this takes the place of how {workload_id} was registered before; the key of then is refused now")
    click.echo(f"API key (shown once): {key}")


@workload.command("list")
@_STATE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(state: Path, as_json: bool) -> None:
    """List the workloads that the log registers."""
    rows = [_row(found) for found in _registered(state)]
    if as_json:
        click.echo(render.as_json(rows))
        return
    render.table("Workloads", ["id", "unit", "purpose", "expires", "state"], [list(row.values()) for row in rows])


@workload.command()
@_STATE
@click.argument("workload_id", metavar="ID")
def revoke(state: Path, workload_id: str) -> None:
    """Revoke a workload: its key is refused from the next second on. It cannot be undone; register anew."""
    settings = load_settings(state)
    for found in _registered(state):
        if found.id == workload_id:
            revoked = msgspec.structs.replace(found.registration, revoked=True)
            record = log_registration(state, settings, open_agreement(settings), revoked, SystemClock())
            click.echo(f"revoked {workload_id} as record {record.place.seq} of the registry")
            return
    raise ConfigError(f"the log registers no workload {workload_id}")


def _registered(state: Path) -> list[Workload]:
    settings = load_settings(state)
    agreement = open_agreement(settings)
    registry = Registry(state, settings, read_roots(StateFolder(state).roots), agreement)
    try:
        registry.refresh()
        return list(registry.workloads.all())
    finally:
        registry.close()


def _row(found: Workload) -> dict[str, str]:
    registration = found.registration
    expires = datetime.fromtimestamp(registration.expires, UTC)
    expired = registration.expires <= SystemClock().unix()
    return {
        "id": found.id,
        "unit": found.unit,
        "purpose": registration.purpose,
        "expires": expires.date().isoformat(),
        "state": "revoked" if registration.revoked else "expired" if expired else "active",
    }


def _tools(files: tuple[Path, ...]) -> dict[str, str]:
    """Names and digests of the tools in some files. Raises ``ConfigError`` with file and place."""
    found: list[Tool] = []
    for path in files:
        with path.open("rb") as file:
            data = file.read(chat.REQUEST_LIMITS.bytes_max + 1)
        try:
            found += chat.read_tools(data)
        except CallerError as error:
            place = f" at {error.param}" if error.param else ""
            raise ConfigError(f"--tool {path}{place}: {error}") from error
    try:
        return tool_digests(found)
    except ValueError as error:
        raise ConfigError(f"--tool: {error}") from error
