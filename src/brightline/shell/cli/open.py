# SPDX-License-Identifier: Apache-2.0
"""``brightline open``: one record, or one exchange, opened for a cleared auditor, shown and replayed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from brightline.core.agreement.clause import DECIDED, Agreement
from brightline.core.canonical import JsonValue
from brightline.core.enforcement.replay import (
    Step,
    read_approvals,
    read_facts,
    read_findings,
    read_tightened,
    replay_facts,
    replay_verdict,
)
from brightline.core.errors import ConfigError, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.disclosure import Disclosed, open_disclosure
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.shred import Because, Shredded, read_shredded
from brightline.core.screening.release import Release
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.cli.register import AS_JSON, STATE
from brightline.shell.config import Settings, load_settings
from brightline.shell.inference.kinds import Said, define, sayings
from brightline.shell.install import agreement_folder
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.releases import ReleaseStore
from brightline.shell.storage.wal import frames_on_disk, shards_in

_HEADER: Final = ("v", "kind", "shard", "epoch", "seq", "time", "profile", "exchange", "commitments")


class OpenedRecord(msgspec.Struct, frozen=True):
    """One record as it is shown. ``destroyed`` says why it does not open; empty if it does."""

    shard: str
    seq: int
    kind: RecordKind
    time: str
    public: Mapping[str, JsonValue]
    fields: Mapping[str, JsonValue]
    disclosures: tuple[str, ...]
    destroyed: str = ""


@click.command("open")
@STATE
@click.argument("record")
@click.option("--field", "fields", multiple=True, metavar="NAME", help="Open this field alone; repeat for more.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what opens it, and nothing more, for `brightline verify --disclosures` (0600).",
)
@AS_JSON
def open_(state: Path, record: str, fields: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Open RECORD of STATE, show it, and make its decision again.

    RECORD is an exchange id, or SHARD/NUMBER. The same facts through the same agreement, and the same findings through
    the same release, must give what was recorded; where not, it is said where.

    Exit codes: 0 opened, and as recorded; 1 something came out otherwise, or what opened it is destroyed; 2 no such
    record, or the folder does not read.
    """
    folder, settings = StateFolder(state), load_settings(state)
    opened = _open(folder, record)
    steps = _Replays(folder, settings).of(opened) if not fields else {}
    shown = [_only(each, fields) for each in opened] if fields else opened
    if out is not None:
        _write(out, shown)
    if as_json:
        click.echo(render.as_json([_as_value(each, steps.get(each.seq, ())) for each in shown]))
    else:
        for each in shown:
            _show(each, steps.get(each.seq, ()))
        if out is not None:
            click.echo(f"wrote what opens {len(shown)} records to {out}")
    if any(each.destroyed for each in opened) or any(step.differs for made in steps.values() for step in made):
        raise SystemExit(1)


# ---- opening -------------------------------------------------------------------------------------------------------


def _open(folder: StateFolder, record: str) -> list[OpenedRecord]:
    """Every record of an exchange, or one. Raises ``ConfigError`` if there is none."""
    shard, _, number = record.partition("/")
    if number:
        if not number.isdecimal():
            raise ConfigError(f"{record[:80]!r}: a record is SHARD/NUMBER, like gateway-0/17")
        seq = int(number)
        found = _of_shard(folder, shard, lambda frame: frame.seq == seq)
    else:
        found = [
            each
            for shard in shards_in(folder.wal)
            for each in _of_shard(folder, shard, lambda frame: frame.exchange == record)
        ]
    if not found:
        raise ConfigError(f"no record {record[:80]!r} is in the logs of this folder")
    return found


def _of_shard(folder: StateFolder, shard: str, wanted: Callable[[Frame], bool]) -> list[OpenedRecord]:
    keys = open_vault(folder).reader(shard)
    found: list[Frame] = []
    shredded: list[tuple[int, Shredded]] = []
    for frame in frames_on_disk(folder.wal, shard):
        if wanted(frame):
            found.append(frame)
        if frame.kind is RecordKind.SHRED and (said := read_shredded(frame.leaf)) is not None:
            shredded.append((frame.seq, said))
    out = []
    for frame in found:
        public: dict[str, JsonValue] = msgspec.json.decode(frame.leaf)
        fields: Mapping[str, JsonValue] = {}
        disclosures: tuple[str, ...] = ()
        destroyed = ""
        try:
            contents = keys.open(frame)
            fields, disclosures = contents.fields, contents.disclosures
        except KeyDestroyed:
            destroyed = _why_destroyed(frame.seq, shredded)
        told = {name: value for name, value in public.items() if name not in _HEADER}
        time = str(public["time"])
        out.append(OpenedRecord(shard, frame.seq, frame.kind, time, told, fields, disclosures, destroyed))
    return out


def _why_destroyed(seq: int, shredded: Sequence[tuple[int, Shredded]]) -> str:
    for at, said in shredded:
        if any(first <= seq <= last for first, last in said.ranges):
            why = {
                Because.EXPIRED: "its time ran out",
                Because.AGED: "content is kept no longer for its purpose",
                Because.ORDERED: f"both parties ordered it, registry record {said.order}",
            }[said.because]
            return f"what opened it was destroyed: record {at} says so ({why})"
    return "what opened it was destroyed, and no SHRED record says so"


def _only(record: OpenedRecord, names: Sequence[str]) -> OpenedRecord:
    """The record with these fields alone. Raises ``ConfigError`` if it has none of them."""
    fields = {name: value for name, value in record.fields.items() if name in names}
    disclosures = tuple(each for each in record.disclosures if open_disclosure(each).name in names)
    return msgspec.structs.replace(record, fields=fields, disclosures=disclosures)


def _write(out: Path, records: Sequence[OpenedRecord]) -> None:
    lines = [Disclosed(each.shard, each.seq, each.disclosures) for each in records if each.disclosures]
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    try:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)
            file.write(data)
    except OSError as error:
        raise OperatorError(f"cannot write {out}: {error.strerror}") from error


# ---- replaying -----------------------------------------------------------------------------------------------------


class _Replays:
    """Makes decisions again, with the agreements and the release that this installation holds."""

    def __init__(self, folder: StateFolder, settings: Settings) -> None:
        self._store = AgreementStore(folder.agreements)
        self._releases = ReleaseStore(folder, settings)
        self._settings = settings

    def of(self, records: Sequence[OpenedRecord]) -> dict[int, tuple[Step, ...]]:
        """The steps of each record that states a decision, by its number."""
        return {
            each.seq: self._steps(each)
            for each in records
            if not each.destroyed and each.public.get("verdict") in DECIDED and "facts" in each.fields
        }

    def _steps(self, record: OpenedRecord) -> tuple[Step, ...]:
        agreement, release = self._agreement(str(record.public["agreement"])), self._release(record)
        try:
            facts = read_facts(record.fields["facts"])
            findings = read_findings(record.fields.get("findings", []))
            approvals = read_approvals(record.fields.get("approvals", {}))
            settled = read_facts(record.fields.get("settled", {}))
            clauses = msgspec.convert(record.public.get("clauses", []), tuple[str, ...])
            tightened = read_tightened(record.fields.get("beside"))
        except ValueError as error:
            return (Step("the record's facts", (f"they do not read: {error}",)),)
        if agreement is None:
            return (Step("the facts through the agreement", ("this installation does not hold that agreement",)),)
        steps = [replay_verdict(agreement, facts, str(record.public["verdict"]), clauses, approvals)]
        if release is None:
            return (
                *steps,
                Step("the findings through the release", ("this installation does not hold that release",)),
            )
        return (*steps, replay_facts(agreement, release[0], release[1], facts, findings, tightened, settled.view))

    def _agreement(self, digest: str) -> Agreement | None:
        if self._store.holds(digest):
            return self._store.read(digest)
        named = shipped.read_agreement(agreement_folder(self._settings))
        return named if named.digest == digest else None

    def _release(self, record: OpenedRecord) -> tuple[Release, tuple[Said, ...]] | None:
        agreement = self._agreement(str(record.public["agreement"]))
        if agreement is None:
            return None
        folder = self._releases.folder(str(record.public.get("release")))
        release = shipped.read_release(folder, agreement.vocabulary)
        if release.digest != record.public.get("release"):
            return None
        read = shipped.folder_reader(folder)
        defined = [define(each.kind, read(each.path), each.path) for each in release.detectors]
        return release, tuple(said for definition in defined for said in sayings(definition))


# ---- showing -------------------------------------------------------------------------------------------------------


def _show(record: OpenedRecord, steps: Sequence[Step]) -> None:
    from rich.text import Text

    rows: list[list[object]] = [["public", name, _text(value)] for name, value in record.public.items()]
    for name, value in record.fields.items():
        rows += _statement(value) if name == "statement" else [["opened", name, _text(value)]]
    if record.destroyed:
        rows.append(["opened", Text("nothing", style="yellow"), record.destroyed])
    for step in steps:
        style = "bold red" if step.differs else "green"
        rows.append(["replayed", step.what, Text("otherwise" if step.differs else "as recorded", style=style)])
        rows += [["", "", Text(render.plain(why), style=style)] for why in step.differs]
    render.table(f"{record.kind.value}, {record.shard}/{record.seq}, {record.time}", ["", "what", "value"], rows)


class _Signature(msgspec.Struct, frozen=True):
    keyid: str


class _Envelope(msgspec.Struct, frozen=True):
    payload: bytes  # msgspec reads base64
    signatures: tuple[_Signature, ...]


def _statement(value: JsonValue) -> list[list[object]]:
    """What a signed statement says, for a person; who may sign what was checked when it was logged."""
    try:
        envelope = msgspec.json.decode(str(value), type=_Envelope)
        said: dict[str, JsonValue] = msgspec.json.decode(envelope.payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [["opened", "statement", _text(value)]]
    keys = ", ".join(f"{each.keyid[:12]}…" for each in envelope.signatures)
    rows: list[list[object]] = [["signed", name, _text(each)] for name, each in said.items()]
    return [*rows, ["signed", "(by the keys)", keys]]


def _text(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(each)}" for name, each in value.items())
    return json.dumps(value, ensure_ascii=False)


def _as_value(record: OpenedRecord, steps: Sequence[Step]) -> JsonValue:
    value: dict[str, JsonValue] = msgspec.to_builtins(record)
    return {**value, "replayed": [msgspec.to_builtins(step) for step in steps]}
