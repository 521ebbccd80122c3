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
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, ConfigError, TrustError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange, exchange_digest
from brightline.core.review.appeals import (
    APPEAL_FORMAT,
    APPEAL_SECONDS,
    APPEAL_SIGNERS,
    APPEAL_TYPE,
    Appeal,
    Filed,
    case_of_appeal,
    case_of_refusal,
    may_be_appealed,
    state_of,
)
from brightline.core.review.case import Case, case_value
from brightline.core.review.content import content_bytes
from brightline.core.review.sampling import Permitted, questions_of, sampled_case
from brightline.core.statement import sign_statement
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.development import HOLDERS
from brightline.shell.keyring import open_vault
from brightline.shell.opening import in_force
from brightline.shell.registry.following import Registry
from brightline.shell.registry.reader import open_frame
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.review.desk import Desk
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk, shards_in
from brightline.shell.trust.keys import load_key, load_secret

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
@click.option("--reason", required=True, help="Why, in words; committed, and shown to nobody but an auditor.")
@click.option("--request", "path", type=_FILE, help="Of a refusal: the request again (the JSON body of a chat).")
@click.option(
    "--by", "holder", default="", metavar="HOLDER", help="Who signs; without it the official of development."
)
@click.option("--key", type=_FILE, help="A private key that lies elsewhere (PEM).")
@_JSON
def file_(
    state: Path, about: str, reason: str, path: Path | None, holder: str, key: Path | None, as_json: bool
) -> None:
    """Appeal the denied hold ABOUT, or the exchange ABOUT that the agreement refused. An official signs.

    Others than those who decided are asked the same questions. Their answers are facts and approvals, and the
    agreement decides again: an approval that was refused may be given; a fact that was answered bad stays bad.
    """
    clock = SystemClock()
    if holder and key:
        raise ConfigError("give --by HOLDER or --key FILE")
    folder = StateFolder(state)
    signer = load_key(key or folder.key(holder or HOLDERS[APPEAL_SIGNERS[0].role][0]))
    with in_force(state, clock) as (settings, registry):
        said = Appeal(APPEAL_FORMAT, secrets.token_hex(16), about, reason, clock.unix())
        seconds = rules_of(registry.releases.current).appeal_seconds or APPEAL_SECONDS
        if path is None:
            opened, exchange, shard = _of_hold(state, registry, said, seconds, clock.unix())
        else:
            opened, exchange, shard = _of_refusal(folder, registry, said, path, seconds, clock.unix())
        case, content = opened
        envelope = sign_statement(said, APPEAL_TYPE, [signer])
        committed: dict[str, JsonValue] = {
            "statement": envelope.decode(),
            "case": case_value(case),
            "content": content.decode(),
            "exchange": exchange,
            "shard": shard,
        }
        public: dict[str, JsonValue] = {"appeal": said.id, "hold": case.hold, "expires": case.expires}
        record = log_review(state, settings, registry.roots.profile, What.APPEALED, public, committed, clock)
        registry.refresh()
        if why := registry.reviewing.ignored.get(record.place.seq):
            raise TrustError(f"record {record.place.seq} is no appeal: {why}")
    told = {"appeal": said.id, "hold": case.hold, "decide_by": _time(case.expires), "record": record.place.seq}
    if as_json:
        click.echo(render.as_json(told))
        return
    click.echo(f"appeal {said.id}: others look at it as {case.hold}, by {_time(case.expires)}")


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


def _of_hold(
    state: Path, registry: Registry, said: Appeal, seconds: int, now: int
) -> tuple[tuple[Case, bytes], str, str]:
    desk = Desk(state, registry.decisions.docket)
    found = desk.find(said.about)
    if not may_be_appealed(found.tried):
        raise ConfigError(f"{said.about[:80]!r}: people have not denied it")
    content = content_bytes(desk.content(found))
    return (case_of_appeal(said, found.tried, now, seconds), content), found.exchange, found.shard


def _of_refusal(
    folder: StateFolder, registry: Registry, said: Appeal, path: Path, seconds: int, now: int
) -> tuple[tuple[Case, bytes], str, str]:
    """The case of a refusal, whose request the official brings again."""
    with path.open("rb") as file:
        body = file.read(REQUEST_BYTES_MAX)
    try:
        request: Exchange = chat.read_request(body)
    except CallerError as error:
        raise ConfigError(f"{path} is no request of a chat: {error}") from error
    vault = open_vault(folder)
    for shard in shards_in(folder.wal):
        if shard == REGISTRY_SHARD:
            continue
        keys = vault.reader(shard)
        frames = [each for each in frames_on_disk(folder.wal, shard) if each.exchange == said.about]
        ended = [each for each in frames if each.kind is RecordKind.OUTCOME]
        if not frames or not ended:
            continue
        try:
            attempt, outcome = open_frame(frames[0], keys), open_frame(ended[0], keys)
        except KeyDestroyed as error:
            raise ConfigError(f"what opens exchange {said.about} was destroyed") from error
        if outcome.public.get("class") != "policy":
            raise ConfigError(f"exchange {said.about} was not refused by the agreement")
        if attempt.opened.get("exchange_digest") != exchange_digest(request):
            raise ConfigError(f"{path} is another request than the one of exchange {said.about}")
        workload = str(attempt.opened.get("workload", ""))
        known = registry.workloads.get(workload)
        official = "" if known is None else known.registration.official
        release = str(outcome.public.get("release", ""))
        who = Permitted(said.about, workload, str(attempt.opened.get("unit", "")), official, release, now)
        agreement = registry.releases.current
        case, content = sampled_case(who, agreement, request, None, load_secret(folder.key("hold")))
        return (case_of_refusal(said, case, questions_of(agreement), now, seconds), content), said.about, shard
    raise ConfigError(f"no exchange {said.about[:80]!r} has ended in the logs of this folder")


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M")
