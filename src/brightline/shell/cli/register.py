# SPDX-License-Identifier: Apache-2.0
"""``brightline purpose``, ``protocol`` and ``vvt``: the registers, signed by both parties and logged.

In the development profile both parties' keys are in the state folder and sign here. What is retired stops the permits
that rest on it within two seconds, in every gateway that follows the log.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from brightline.core.agreement.limits import days_max
from brightline.core.errors import ConfigError
from brightline.core.evidence.record import DurableRecord
from brightline.core.facts import Register
from brightline.core.register import (
    BOUND_WORDS,
    CONTENT_DAYS_LIMIT,
    COUNTED_DAYS_MAX,
    COUNTED_MAX,
    DAY_SECONDS,
    KINDS,
    Entry,
    Figure,
    ProtocolEntry,
    PurposeBounds,
    PurposeEntry,
    VvtEntry,
    kind_of,
    text_digest,
)
from brightline.shell.cli import render
from brightline.shell.cli.pairs import pairs
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import register_entry
from brightline.shell.install import reading
from brightline.shell.opening import open_agreement
from brightline.shell.registry.entries import retired

STATE: Final = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
_ID: Final = click.argument("entry_id", metavar="ID")
_COUNTED: Final = click.IntRange(0, COUNTED_MAX)
_DAYS: Final = click.option(
    "--days", default=90, show_default=True, type=click.IntRange(1, 3_660), help="Days until it expires."
)


def _owner(default: str) -> str:
    return f"The office that answers for the entry. {default}"


@click.group()
def purpose() -> None:
    """Approved purposes: words, official, authorities, legal basis, data classes, bounds."""


@purpose.command("add")
@STATE
@_ID
@click.option("--words", required=True, help="The purpose, in words.")
@click.option("--official", required=True, help="The accountable official (an office, not a person's name).")
@click.option("--authority", "authorities", multiple=True, required=True, help="An authority for it; repeat for more.")
@click.option("--basis", required=True, help="How the authorities carry the purpose, in words.")
@click.option("--data-class", "data_classes", multiple=True, help="A class of data it may touch; repeat for more.")
@click.option("--bound", "bounds", multiple=True, metavar="KIND=TEXT", help="subjects, period or volume.")
@click.option("--subjects-max", type=_COUNTED, default=0, help="So many people may be touched; 0: not counted.")
@click.option("--requests-max", type=_COUNTED, default=0, help="So many requests may touch anybody; 0: not counted.")
@click.option(
    "--in-days", type=click.IntRange(1, COUNTED_DAYS_MAX), default=30, show_default=True, help="Within so many days."
)
@click.option("--minimised", is_flag=True, help="What identifies U.S. persons is masked in answers.")
@click.option(
    "--content-days",
    type=click.IntRange(0, CONTENT_DAYS_LIMIT),
    default=0,
    help="What people look at is destroyed after so many days; 0: as the agreement says.",
)
@click.option("--foreign-intelligence", is_flag=True, help="This is a defined foreign-intelligence purpose.")
@click.option("--owner", default="", help=_owner("Without it: the official."))
@_DAYS
@AS_JSON
def add_purpose(
    state: Path,
    entry_id: str,
    words: str,
    official: str,
    authorities: tuple[str, ...],
    basis: str,
    data_classes: tuple[str, ...],
    bounds: tuple[str, ...],
    subjects_max: int,
    requests_max: int,
    in_days: int,
    minimised: bool,
    content_days: int,
    foreign_intelligence: bool,
    owner: str,
    days: int,
    as_json: bool,
) -> None:
    """Register a purpose, or a later version of one."""
    declared = pairs(bounds, "--bound")
    unknown = declared.keys() - set(BOUND_WORDS)
    if unknown:
        raise ConfigError(f"--bound takes subjects, period and volume; found {', '.join(sorted(unknown))}")
    version, now = _next_version(state, Register.PURPOSE, entry_id), SystemClock().unix()
    entry = PurposeEntry(
        format=KINDS[Register.PURPOSE].format,
        id=entry_id,
        version=version,
        issued=now - 1,
        expires=now - 1 + days * DAY_SECONDS,
        retired=False,
        owner=owner or official,
        words=words,
        official=official,
        authorities=authorities,
        legal_basis=basis,
        data_classes=data_classes,
        bounds=PurposeBounds(
            subjects=declared.get("subjects", ""),
            period=declared.get("period", ""),
            volume=declared.get("volume", ""),
            subjects_max=subjects_max,
            requests_max=requests_max,
            days=in_days if subjects_max or requests_max else 0,
            minimised=minimised,
            content_days=content_days,
        ),
        foreign_intelligence=foreign_intelligence,
    )
    _say_added(entry, _log(state, entry), as_json)


@click.group()
def protocol() -> None:
    """Safety and oversight protocols, each with an owner and an expiry."""


@protocol.command("add")
@STATE
@_ID
@click.option("--title", required=True, help="What the protocol is called.")
@click.option("--text", "text", required=True, type=FILE, help="The file with its text; its digest is registered.")
@click.option("--owner", required=True, help=_owner(""))
@_DAYS
@AS_JSON
def add_protocol(state: Path, entry_id: str, title: str, text: Path, owner: str, days: int, as_json: bool) -> None:
    """Register a protocol, or a later version of one."""
    version, now = _next_version(state, Register.PROTOCOL, entry_id), SystemClock().unix()
    entry = ProtocolEntry(
        format=KINDS[Register.PROTOCOL].format,
        id=entry_id,
        version=version,
        issued=now - 1,
        expires=now - 1 + days * DAY_SECONDS,
        retired=False,
        owner=owner,
        title=title,
        text_digest=file_digest(text, "--text"),
    )
    _say_added(entry, _log(state, entry), as_json)


@click.group()
def vvt() -> None:
    """Verification, validation and testing: records that say what was tested, where, with what, and by whom."""


@vvt.command("add")
@STATE
@_ID
@click.option("--system", required=True, help="The system that was tested.")
@click.option("--system-version", required=True, help="Its version: a model's digest, or name and version.")
@click.option("--environment", required=True, help="Where it was tested, as it will be used.")
@click.option("--test-set", required=True, help="What the test set is called.")
@click.option("--test-set-file", required=True, type=FILE, help="The test set; its digest is registered.")
@click.option("--results", required=True, help="What came of it, in words.")
@click.option("--figure", "figures", multiple=True, required=True, metavar="NAME=VALUE", help="A measured figure.")
@click.option("--person", required=True, help="The opaque id of the accountable person; never a name.")
@click.option("--owner", default="", help=_owner("Without it: the person."))
@_DAYS
@AS_JSON
def add_vvt(
    state: Path,
    entry_id: str,
    system: str,
    system_version: str,
    environment: str,
    test_set: str,
    test_set_file: Path,
    results: str,
    figures: tuple[str, ...],
    person: str,
    owner: str,
    days: int,
    as_json: bool,
) -> None:
    """Register a verification record, or a later version of one. It says all of this or does not register."""
    version, now = _next_version(state, Register.VVT, entry_id), SystemClock().unix()
    entry = VvtEntry(
        format=KINDS[Register.VVT].format,
        id=entry_id,
        version=version,
        issued=now - 1,
        expires=now - 1 + days * DAY_SECONDS,
        retired=False,
        owner=owner or person,
        system=system,
        system_version=system_version,
        environment=environment,
        test_set=test_set,
        test_set_digest=file_digest(test_set_file, "--test-set-file"),
        results=results,
        figures=tuple(Figure(name, value) for name, value in pairs(figures, "--figure").items()),
        person=person,
    )
    _say_added(entry, _log(state, entry), as_json)


# ---- what is the same for all three --------------------------------------------------------------------------------


def _list_command(register: Register) -> click.Command:
    title = KINDS[register].title

    @click.command("list", help=f"List the {title}s that the log registers, each in its latest version.")
    @STATE
    @AS_JSON
    def list_(state: Path, as_json: bool) -> None:
        rows = _rows(state, register)
        if as_json:
            click.echo(render.as_json(rows))
            return
        columns = ["id", "version", "says", "owner", "expires", "state", "record"]
        render.table(f"{title[0].upper()}{title[1:]}s", columns, [[row[name] for name in columns] for row in rows])

    return list_


def _retire_command(register: Register) -> click.Command:
    title = KINDS[register].title

    @click.command(
        "retire",
        help=f"Retire a {title}: within two seconds nothing rests on it any more. A later version brings it back.",
    )
    @STATE
    @_ID
    @AS_JSON
    def retire(state: Path, entry_id: str, as_json: bool) -> None:
        settings = load_settings(state)
        with reading(state, settings, open_agreement(settings)) as registry:
            current = registry.registers.book.get(register, entry_id)
        if current is None:
            raise ConfigError(f"the log registers no {title} {entry_id}")
        if current.retired:
            raise ConfigError(f"{title} {entry_id} was retired already, with version {current.version}")
        later = retired(current, SystemClock().unix())
        record = _log(state, later)
        if as_json:
            click.echo(render.as_json({"id": entry_id, "version": later.version, "record": record.place.seq}))
            return
        click.echo(f"retired {title} {entry_id} as record {record.place.seq} of the registry: version {later.version}")
        click.echo("gateways follow within 2 s; from then on no permit rests on it")

    return retire


for _group, _register in ((purpose, Register.PURPOSE), (protocol, Register.PROTOCOL), (vvt, Register.VVT)):
    _group.add_command(_list_command(_register))
    _group.add_command(_retire_command(_register))


def file_digest(path: Path, option: str) -> str:
    """The digest of a file of at most 16 MiB. Raises ``ConfigError``."""
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if not data or len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{option}: {path} is {'empty' if not data else f'larger than {FILE_BYTES_MAX} bytes'}")
    return text_digest(data)


def _next_version(state: Path, register: Register, entry_id: str) -> int:
    settings = load_settings(state)
    with reading(state, settings, open_agreement(settings)) as registry:
        current = registry.registers.book.get(register, entry_id)
    return 1 if current is None else current.version + 1


def _log(state: Path, entry: Entry) -> DurableRecord:
    settings = load_settings(state)
    return register_entry(state, settings, open_agreement(settings), entry, SystemClock())


def _say_added(entry: Entry, record: DurableRecord, as_json: bool) -> None:
    if as_json:
        click.echo(render.as_json({"id": entry.id, "version": entry.version, "record": record.place.seq}))
        return
    title = kind_of(entry).title
    signed = "provider-safety and customer-official" if isinstance(entry, VvtEntry) else "both parties"
    click.echo(
        f"registered {title} {entry.id}, version {entry.version}, as record {record.place.seq} of the registry; "
        f"signed by {signed}"
    )
    click.echo(f"in date until {_day(entry.expires)}; a workload rests on it once its registration names it")


def _rows(state: Path, register: Register) -> list[dict[str, object]]:
    settings = load_settings(state)
    now = SystemClock().unix()
    with reading(state, settings, open_agreement(settings)) as registry:
        book = registry.registers.book.under(days_max(registry.releases.current))
        return [
            {
                "id": entry.id,
                "version": entry.version,
                "says": _says(entry),
                "owner": entry.owner,
                "expires": _day(book.ends(entry)),
                "state": book.state(entry, now).value,
                "record": registry.registers.seq(register, entry.id),
            }
            for entry in book.of(register)
        ]


def _says(entry: Entry) -> str:
    if isinstance(entry, PurposeEntry):
        return entry.words
    return entry.title if isinstance(entry, ProtocolEntry) else f"{entry.system}, {entry.system_version}"


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).date().isoformat()
