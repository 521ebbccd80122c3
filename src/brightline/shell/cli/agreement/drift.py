# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement drift``: have the laws that an agreement pins changed since?"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

import click
import msgspec
from msgspec import Meta

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.drift import Held, watch
from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, FOLDER_TYPE, open_at
from brightline.shell.clock import SystemClock

INDEX: Final = "texts.toml"
UNCHANGED: Final = "unchanged: the agreement follows each text as it was pinned"
TEXT_BYTES_MAX: Final = 64 * 1024 * 1024
INDEX_BYTES_MAX: Final = 1024 * 1024


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``texts.toml`` may say of one text."""

    edition: datetime.date | None = None
    status: Literal["in force", "repealed", "lapsed"] = "in force"
    lapses: datetime.date | None = None
    reissued_as: Annotated[str, Meta(max_length=300)] = ""


@click.command()
@FOLDER
@click.option(
    "--texts",
    required=True,
    type=FOLDER_TYPE,
    help="Folder with the texts that you hold, each named by its authority's id, and perhaps a texts.toml.",
)
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The day to compare with; without it, today.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def drift(folder: Path | None, texts: Path, today: datetime.datetime | None, as_json: bool) -> None:
    """Compare the texts of laws that you hold with what the agreement pins. Reports, and changes nothing.

    texts.toml may say of each id: edition, status (in force, repealed, lapsed), lapses, reissued_as.

    Exit codes: 0 nothing drifted; 1 something did; 2 bad usage or files.
    """
    found = open_at(folder)
    day = today.date() if today else datetime.datetime.fromtimestamp(SystemClock().unix(), datetime.UTC).date()
    findings = watch(found, _held(texts, found), day)
    if as_json:
        rows = [{**msgspec.to_builtins(each), "drifted": each.drifted} for each in findings]
        said = {"agreement": found.digest, "today": str(day), "decisions": UNCHANGED, "authorities": rows}
        click.echo(render.as_json(said))
    else:
        table = [[each.authority, each.drift.value, each.words, ", ".join(each.clauses)] for each in findings]
        render.table(
            f"{found.id}: authorities as of {day}", ["authority", "finding", "what was found", "cited by"], table
        )
        click.echo(f"Decisions are {UNCHANGED}.")
    if any(each.drifted for each in findings):
        raise SystemExit(1)


def _held(folder: Path, found: Agreement) -> dict[str, Held]:
    """The texts in a folder, by authority. Raises ``ConfigError``."""
    known = _index(folder)
    ids = {authority.id for authority in found.authorities}
    for name in known:
        if name not in ids:
            raise ConfigError(f"{folder / INDEX}: {name} is no authority of this agreement; it has {sorted(ids)}")
    held: dict[str, Held] = {}
    for authority in sorted(ids):
        files = sorted(path for path in folder.iterdir() if path.stem == authority and path.is_file())
        if len(files) > 1:
            raise ConfigError(f"{folder} holds {len(files)} texts for {authority}; keep one")
        about = known.get(authority, _Known())
        if files or authority in known:
            held[authority] = Held(
                sha256=_digest(files[0]) if files else "",
                edition=(about.edition,) if about.edition else (),
                status=about.status,
                lapses=(about.lapses,) if about.lapses else (),
                reissued_as=about.reissued_as,
            )
    return held


def _index(folder: Path) -> dict[str, _Known]:
    path = folder / INDEX
    if not path.is_file():
        return {}
    try:
        return read_toml(read_within(path, INDEX_BYTES_MAX), dict[str, _Known], INDEX_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} does not read: {error}") from error


def _digest(path: Path) -> str:
    try:
        if path.stat().st_size > TEXT_BYTES_MAX:
            raise ConfigError(f"{path} exceeds {TEXT_BYTES_MAX} bytes")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
