# SPDX-License-Identifier: Apache-2.0
"""``brightline verify``: the auditor's command. Offline; it opens no state folder and needs no gateway.

Exit codes: 0 nothing is contradicted, 1 something is, 2 the question cannot be answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.audit import ShardReport, Status, audit_shard
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.core.evidence.receipt import Receipt, read_receipt
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.storage.publisher import Disclosed, export_disclosures

FILE_BYTES_MAX: Final = 32 * 1024 * 1024
_STYLE: Final = {Status.PROVEN: "green", Status.CONTRADICTED: "bold red", Status.NOT_SHOWN: "yellow"}


class PublishedFolder:
    """The public folder of one shard on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterable[str]:
        """Every file below it; links are not followed."""
        for path in self._root.rglob("*"):
            if path.is_file() or path.is_symlink():
                yield path.relative_to(self._root).as_posix()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None``. A file that is too large is cut, and then differs from what was signed."""
        try:
            with (self._root / path).open("rb") as file:
                return file.read(FILE_BYTES_MAX)
        except OSError:
            return None


@click.command()
@click.argument("evidence", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="VKEY", help="Verifier key of a shard's log; repeat for more.")
@click.option(
    "--disclosures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What opens the records, from `brightline disclose`: each decision is then replayed.",
)
@click.option(
    "--agreement",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with agreement.toml; without it, the one that is shipped.",
)
@click.option(
    "--receipt", "receipts", multiple=True, metavar="TEXT|FILE", help="A receipt to look up; repeat for more."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    evidence: Path,
    keys: tuple[str, ...],
    disclosures: Path | None,
    folder: Path | None,
    receipts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Verify the published evidence in EVIDENCE, and recount it.

    Exit codes: 0 nothing is contradicted; 1 something is; 2 bad usage or unreadable.
    """
    given = [read_receipt_argument(text) for text in receipts]
    reports = verify_evidence(evidence, keys, disclosures, folder, given)
    if as_json:
        click.echo(render.as_json([json.loads(msgspec.json.encode(report)) for report in reports]))
    else:
        for report in reports:
            show(report)
        if not keys:
            click.echo("keys: taken from the folder itself. This shows that it is whole, not whose it is; give --key.")
    if any(report.contradicted for report in reports):
        raise SystemExit(1)


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def disclose(state: Path, out: Path) -> None:
    """Write what opens every record of STATE to OUT, for a cleared auditor. The file is private (0600)."""
    count = export_disclosures(state / "wal", out)
    click.echo(f"wrote the disclosures of {count} records to {out}")


def verify_evidence(
    evidence: Path,
    vkeys: tuple[str, ...] = (),
    disclosures: Path | None = None,
    agreement_folder: Path | None = None,
    receipts: list[Receipt] | None = None,
) -> list[ShardReport]:
    """Audit every shard below a folder. Raises ``OperatorError`` for what cannot be read."""
    shards = [evidence] if (evidence / "checkpoint").exists() else sorted(p for p in evidence.iterdir() if p.is_dir())
    if not shards:
        raise ConfigError(f"{evidence} holds no log")
    agreement: Agreement | None = None
    opened: dict[str, dict[int, tuple[str, ...]]] | None = None
    if disclosures is not None:
        agreement = shipped.read_agreement(agreement_folder or shipped.shipped_agreement())
        opened = _read_disclosures(disclosures)
    reports = []
    for shard in shards:
        name = shard.resolve().name
        keys = _keys(vkeys) or _own_key(shard)
        mine = [receipt for receipt in receipts or [] if receipt.shard == name]
        given = None if opened is None else opened.get(name, {})
        with render.progress(f"verifying {name}"):
            reports.append(
                audit_shard(name, PublishedFolder(shard), keys, disclosures=given, agreement=agreement, receipts=mine)
            )
    return reports


def read_receipt_argument(text: str) -> Receipt:
    """A receipt given as text or as the name of a file. Raises ``ConfigError``."""
    path = Path(text)
    try:
        if len(text) < 1_000 and path.is_file():
            text = path.read_text("utf-8")
        return read_receipt(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--receipt: {error}") from error


def _keys(vkeys: tuple[str, ...]) -> list[VerifierKey]:
    try:
        return [VerifierKey.parse(vkey) for vkey in vkeys]
    except NoteError as error:
        raise TrustError(f"--key: {error}") from error


def _own_key(shard: Path) -> list[VerifierKey]:
    path = shard / "log.vkey"
    try:
        return [VerifierKey.parse(path.read_text("utf-8"))]
    except OSError as error:
        raise TrustError(f"{path} is missing; give the log's key with --key") from error
    except (UnicodeDecodeError, NoteError) as error:
        raise TrustError(f"{path} holds no verifier key ({error}); give the log's key with --key") from error


def _read_disclosures(path: Path) -> dict[str, dict[int, tuple[str, ...]]]:
    out: dict[str, dict[int, tuple[str, ...]]] = {}
    number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                row = msgspec.json.decode(line, type=Disclosed)
                out.setdefault(row.shard, {})[row.seq] = row.disclosures
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}, line {number}: no disclosures: {error}") from error
    return out


def show(report: ShardReport) -> None:
    """Print one report as tables."""
    from rich.text import Text

    rows: list[list[Any]] = [
        [Text(claim.status.value, style=_STYLE[claim.status]), claim.name, claim.detail] for claim in report.claims
    ]
    render.table(f"{report.shard}: {report.size} records", ["verdict", "claim", "what was looked at"], rows)
    for row in report.contradictions[:20]:
        click.echo(f"  ! {row.place}: {row.message}")
    if len(report.contradictions) > 20:
        click.echo(f"  ! and {len(report.contradictions) - 20} more (--json shows all)")
    for note in report.notes[:20]:
        click.echo(f"  · {note}")
    counts = report.recount
    if counts.attempts:
        table = [
            [title, ", ".join(f"{word} {number}" for word, number in sorted(found.items(), key=lambda x: -x[1]))]
            for title, found in (
                ("outcome", counts.by_outcome),
                ("refused because", {k: v for k, v in counts.by_class.items() if k != "none"}),
                ("verdict", counts.by_verdict),
                ("clause", counts.by_clause),
                ("boot epoch", counts.by_epoch),
            )
            if found
        ]
        render.table("recount", ["of", "counted"], table)
