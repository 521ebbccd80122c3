# SPDX-License-Identifier: Apache-2.0
"""``brightline review enrol``, ``withdraw``, ``countersign`` and ``enter``: the roster after the installation.

In the development profile both parties' keys are in the state folder and sign here. Elsewhere a statement is written
out (``--out``), each party looks at it and signs it where its key is (``countersign``), and it is entered.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError, TrustError
from brightline.core.register import DAY_SECONDS
from brightline.core.review.enrolment import (
    ENROLMENT_SIGNERS,
    ENROLMENT_TYPE,
    FORMAT,
    MADE_FORMAT,
    Enrolment,
    MadePasskey,
    check_enrolment,
    code_digest,
    fingerprint,
)
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance, ClearedPerson, Credential, CredentialKind
from brightline.core.statement import add_signature, sign_statement, unverified_payload
from brightline.files import read_within, write_whole
from brightline.shell.cli import render
from brightline.shell.cli.register import AS_JSON, FILE, STATE
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.development import development_keys
from brightline.shell.opening import in_force
from brightline.shell.registry.enrolments import log_enrolment
from brightline.shell.registry.following import Registry
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key, make_key, public_hex
from brightline.terminal import minute

CODE_BYTES: Final = 20
FILE_BYTES_MAX: Final = 65_536
_PERSON: Final = click.argument("person", metavar="PERSON")
_REASON: Final = click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
_YES: Final = click.option("--yes", is_flag=True, help="Sign without being asked.")
_OUT: Final = click.option(
    "--out",
    type=click.Path(exists=False, path_type=Path),
    help="Write the statement here for both parties to sign, and log nothing.",
)


@click.command()
@STATE
@_PERSON
@click.option("--office", default="", help="The office of the agreement that the person answers for.")
@click.option("--organisation", default="", help="A word for who employs them.")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), help="Repeat for more."
)
@click.option("--days", type=click.IntRange(1, 3_660), help="Days until the clearance ends.")
@click.option("--level", type=click.IntRange(0, 9), help="Level of the clearance.")
@click.option("--compartment", "compartments", multiple=True, help="A compartment of the clearance; repeat for all.")
@click.option("--invite", is_flag=True, help="Give the person a one-time code, with which they make a passkey.")
@click.option("--code-days", default=2, show_default=True, type=click.IntRange(1, 7), help="Days that a code is good.")
@click.option("--passkey", "made", type=FILE, help="Sign in the passkey of this file, which the console wrote.")
@click.option("--software-key", is_flag=True, help="Make a key in the state folder; in development alone.")
@click.option("--drop", "dropped", multiple=True, metavar="CREDENTIAL", help="Take this credential off; repeat.")
@_REASON
@_YES
@_OUT
@AS_JSON
def enrol(
    state: Path,
    person: str,
    office: str,
    organisation: str,
    roles: tuple[str, ...],
    days: int | None,
    level: int | None,
    compartments: tuple[str, ...],
    invite: bool,
    code_days: int,
    made: Path | None,
    software_key: bool,
    dropped: tuple[str, ...],
    reason: str,
    yes: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Put PERSON on the roster, or change their entry: what is not given stays as it is. Both parties sign.

    With --invite a code is shown once. The person opens /enrol on the console with it and makes a passkey; then
    --passkey signs that in, after you have compared its fingerprint with the person.
    """
    clock = SystemClock()
    now = clock.unix()
    with in_force(state, clock) as (settings, registry):
        book = registry.enrolments.book
        listed = book.listed.get(person)
        before = None if listed is None else listed.person
        if before is None and not office:
            raise ConfigError(f"{person[:80]!r} is not on the roster; a new person needs --office")
        if days is None and before is None:
            raise ConfigError("a new person needs --days, until the clearance ends")
        if office and office not in {each.id for each in registry.releases.current.offices}:
            raise ConfigError(f"the agreement knows no office {office[:80]!r}")
        entry = before or ClearedPerson(person, office, 0)
        passkey = None if made is None else _read_made(made, person)
        after = ClearedPerson(
            id=person,
            office=office or entry.office,
            cleared_until=entry.cleared_until if days is None else now + days * DAY_SECONDS,
            organisation=organisation or entry.organisation,
            credentials=_credentials(entry, dropped, passkey),
            roles=tuple(Role(role) for role in roles) or entry.roles,
            clearance=Clearance(
                entry.clearance.level if level is None else level, compartments or entry.clearance.compartments
            ),
        )
        if software_key:
            key = public_hex(make_key(StateFolder(state).key(person)))
            new = Credential(CredentialKind.KEY, f"{person}-key-{book.next_version(person)}", key)
            after = msgspec.structs.replace(after, credentials=(*after.credentials, new))
        code = _new_code() if invite else ""
        said = Enrolment(
            format=FORMAT,
            person=after,
            version=book.next_version(person),
            withdrawn=False,
            reason=reason,
            issued=now,
            code_digest=code_digest(person, code) if code else "",
            code_until=now + code_days * DAY_SECONDS if code else 0,
            code="" if passkey is None else passkey.code,
        )
        told: dict[str, JsonValue] = {"code": code, "code_until": said.code_until} if code else {}
        _sign(state, settings, registry, said, before, out, told, yes=yes, as_json=as_json)
    if made is not None and out is None:
        made.unlink(missing_ok=True)


@click.command()
@STATE
@_PERSON
@_REASON
@_YES
@_OUT
@AS_JSON
def withdraw(state: Path, person: str, reason: str, yes: bool, out: Path | None, as_json: bool) -> None:
    """Take PERSON off the roster, at once: their sessions end, and they sign nothing more. Both parties sign.

    What they answered counts no more in holds that are still open, as far as it would release; what they answered that
    would deny still counts, and what was decided stays decided.
    """
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        book = registry.enrolments.book
        if person not in book.roster:
            raise ConfigError(f"{person[:80]!r} is not on the roster; `brightline review roster` lists who is")
        said = Enrolment(
            format=FORMAT,
            person=book.roster[person],
            version=book.next_version(person),
            withdrawn=True,
            reason=reason,
            issued=clock.unix(),
        )
        _sign(state, settings, registry, said, said.person, out, {}, yes=yes, as_json=as_json)


@click.command()
@click.argument("statement", metavar="FILE", type=FILE)
@click.option("--key", required=True, type=FILE, help="Your private key.")
@_YES
def countersign(statement: Path, key: Path, yes: bool) -> None:
    """Say what an enrolment in FILE is, and sign it with one party's key.

    Exit codes: 0 signed; 1 not signed; 2 bad usage, file or key.
    """
    envelope = read_within(statement, FILE_BYTES_MAX)
    said: Enrolment = unverified_payload(envelope, ENROLMENT_TYPE, Enrolment)
    check_enrolment(said)
    _show(said, None)
    if not yes:
        click.confirm("sign this?", abort=True)
    write_whole(statement, add_signature(envelope, ENROLMENT_TYPE, load_key(key)))
    click.echo(f"signed {statement}")


@click.command()
@STATE
@click.argument("statement", metavar="FILE", type=FILE)
@AS_JSON
def enter(state: Path, statement: Path, as_json: bool) -> None:
    """Log an enrolment that both parties signed; it is in force at once, in every gateway that follows the log."""
    with in_force(state, SystemClock()) as (settings, registry):
        envelope = read_within(statement, FILE_BYTES_MAX)
        said: Enrolment = unverified_payload(envelope, ENROLMENT_TYPE, Enrolment)
        _log(state, settings, registry, said, envelope, {}, as_json=as_json)


# ---- what several of them do ---------------------------------------------------------------------------------------


def _sign(
    state: Path,
    settings: Settings,
    registry: Registry,
    said: Enrolment,
    before: ClearedPerson | None,
    out: Path | None,
    told: dict[str, JsonValue],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    check_enrolment(said)
    if not as_json:
        _show(said, before)
    if out is not None:
        out.write_bytes(sign_statement(said, ENROLMENT_TYPE, ()))
        if as_json:
            click.echo(render.as_json({"written": str(out), **told}))
        else:
            click.echo(f"{out}: both parties look at it and sign it with `brightline review countersign`")
            _say_code(told)
        return
    if not yes:
        if as_json:
            raise ConfigError("with --json nothing is asked: give --yes")
        click.confirm("sign this for both parties, with the keys of this folder?", abort=True)
    envelope = sign_statement(said, ENROLMENT_TYPE, development_keys(state, ENROLMENT_SIGNERS))
    _log(state, settings, registry, said, envelope, told, as_json=as_json)


def _log(
    state: Path,
    settings: Settings,
    registry: Registry,
    said: Enrolment,
    envelope: bytes,
    told: dict[str, JsonValue],
    *,
    as_json: bool,
) -> None:
    agreement = registry.releases.current
    record = log_enrolment(state, settings, registry.enrolments, agreement, registry.roots, envelope, SystemClock())
    registry.refresh()
    if why := registry.enrolments.ignored.get(record.place.seq):
        raise TrustError(f"record {record.place.seq} changed nothing, somebody was faster: {why}")
    if as_json:
        answer: dict[str, JsonValue] = {
            "person": said.person.id,
            "version": said.version,
            "withdrawn": said.withdrawn,
            "record": record.place.seq,
        }
        click.echo(render.as_json(answer | told))
        return
    what = "withdrawn" if said.withdrawn else f"on the roster, version {said.version}"
    click.echo(f"{said.person.id} is {what} (record {record.place.seq} of the registry)")
    _say_code(told)


def _say_code(told: dict[str, JsonValue]) -> None:
    if "code" in told:
        click.echo(f"one-time code, shown once, to be given to this person alone: {told['code']}")


def _show(said: Enrolment, before: ClearedPerson | None) -> None:
    """What a signature would stand for, beside what was."""
    after = said.person

    def row(name: str, was: str, now: str) -> list[object]:
        return [name, now if not was or was == now else f"{now}   (was: {was})"]

    rows: list[list[object]] = [["what", "WITHDRAWN, at once" if said.withdrawn else f"entry, version {said.version}"]]
    then = _lines(before) if before is not None else {}
    rows += [row(name, then.get(name, ""), value) for name, value in _lines(after).items()]
    if said.code_digest:
        rows.append(["invited", f"to make one passkey, until {minute(said.code_until)}"])
    if said.code:
        rows.append(["passkey", "made with the one-time code; compare its fingerprint with the person"])
    rows.append(["why", said.reason])
    render.table(f"Enrolment of {after.id}", ["", ""], rows)


def _lines(person: ClearedPerson) -> dict[str, str]:
    clearance = person.clearance
    return {
        "office": person.office,
        "organisation": person.organisation or "–",
        "roles": ", ".join(person.roles),
        "cleared until": minute(person.cleared_until),
        "clearance": f"level {clearance.level}" + "".join(f", {name}" for name in clearance.compartments),
        "signs with": "; ".join(f"{each.kind.value} {fingerprint(each)}" for each in person.credentials) or "nothing",
    }


def _credentials(entry: ClearedPerson, dropped: Sequence[str], passkey: MadePasskey | None) -> tuple[Credential, ...]:
    unknown = set(dropped) - {each.id for each in entry.credentials}
    if unknown:
        raise ConfigError(f"{entry.id} has no credential {sorted(unknown)[0][:80]!r}")
    kept = tuple(each for each in entry.credentials if each.id not in dropped)
    return kept if passkey is None else (*kept, passkey.credential)


def _read_made(path: Path, person: str) -> MadePasskey:
    try:
        made = msgspec.json.decode(read_within(path, FILE_BYTES_MAX), type=MadePasskey, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} holds no passkey that the console wrote: {error}") from error
    if made.format != MADE_FORMAT or made.person != person:
        raise ConfigError(f"{path} holds a passkey of {made.person[:80]!r}, or of another format")
    return made


def _new_code() -> str:
    """160 random bits in eight groups of four letters and digits."""
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
