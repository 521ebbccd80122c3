# SPDX-License-Identifier: Apache-2.0
"""``brightline verify``: the auditor's command. Offline; it opens no state folder and needs no gateway.

Exit codes: 0 nothing is contradicted, 1 something is, 2 the question cannot be answered. A file *of the log* that does
not read is a finding; a file *of the auditor's* (key, receipt, disclosures, agreement) that does not read is exit 2.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.audit import Guarded, ShardReport, audit_shard
from brightline.core.evidence.audit_findings import Finding, Status
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.policy import Policy, PolicyError
from brightline.core.evidence.receipt import RECEIPT_CHARS_MAX, Receipt, read_receipt
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import Disclosed, export_disclosures

POLICY_BYTES_MAX: Final = 65_536
LINE_BYTES_MAX: Final = 4 * 1024 * 1024  # one line of disclosures; the private log's frames have at most 1 MiB
SHOWN_MAX: Final = 20  # findings of a kind on a page; --json has more
_STYLE: Final = {Status.PROVEN: "green", Status.CONTRADICTED: "bold red", Status.NOT_SHOWN: "yellow"}


class PublishedFolder:
    """The public folder of one shard on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterator[str]:
        """Every file below it; linked folders are not followed."""
        for base, folders, names in os.walk(self._root):
            folders.sort()
            for name in sorted(names):
                yield Path(base, name).relative_to(self._root).as_posix()

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError``."""
        try:
            # Not blocking: a pipe in the place of a file must not hold the auditor for ever.
            fd = os.open(self._root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise UnreadableError("this is not a file")
                data = file.read(bytes_max + 1)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                raise UnreadableError("this file is missing") from error
            raise UnreadableError(f"this file cannot be read ({error.strerror})") from error
        if len(data) > bytes_max:
            raise UnreadableError(f"this file has more than the {bytes_max} bytes that it may have")
        return data

    def claimed(self) -> tuple[str, int]:
        """Origin and size that the checkpoint states of itself, unverified; empty and 0 if it does not read."""
        try:
            origin, size = self.read("checkpoint", 4_096).decode().split("\n")[:2]
            return origin, int(size) if size.isdecimal() and len(size) < 19 else 0
        except (UnreadableError, ValueError):
            return "", 0


@click.command()
@click.argument("evidence", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="VKEY|FILE", help="Verifier key of a log; repeat for more.")
@click.option(
    "--disclosures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What opens the records, from `brightline disclose`: each decision is then made again.",
)
@click.option(
    "--agreement",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with agreement.toml; repeat for each version. Without it, the one that is shipped.",
)
@click.option(
    "--guard",
    "guards",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The published log of a guard beside the model; repeat for more. Both sides of the books are compared.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A witness policy (tlog-policy) of your own: which cosignatures are believed.",
)
@click.option(
    "--receipt", "receipts", multiple=True, metavar="TEXT|FILE", help="A receipt to look up; repeat for more."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def verify(
    evidence: Path,
    keys: tuple[str, ...],
    disclosures: Path | None,
    folders: tuple[Path, ...],
    guards: tuple[Path, ...],
    policy: Path | None,
    receipts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Verify the published evidence in EVIDENCE, recount it, and say what it shows.

    EVIDENCE holds one folder for each shard, or is one shard.

    Exit codes: 0 nothing is contradicted; 1 something is; 2 bad usage or unreadable.
    """
    given = [read_receipt_argument(text) for text in receipts]
    reports = verify_evidence(evidence, keys, disclosures, folders, given, guards, policy)
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
    count = export_disclosures(state / "wal", open_vault(StateFolder(state)), out)
    click.echo(f"wrote the disclosures of {count} records to {out}")


def verify_evidence(
    evidence: Path,
    vkeys: Sequence[str] = (),
    disclosures: Path | None = None,
    agreement_folders: Sequence[Path] = (),
    receipts: Sequence[Receipt] = (),
    guards: Sequence[Path] = (),
    policy: Path | None = None,
) -> list[ShardReport]:
    """Audit every shard below a folder. Raises ``OperatorError`` for what the auditor gave and cannot be read."""
    shards = _shards_below(evidence)
    keys = [_key(vkey) for vkey in vkeys]
    agreements: list[Agreement] = []
    if disclosures is not None:
        agreements = [shipped.read_agreement(path) for path in agreement_folders or (shipped.shipped_agreement(),)]
    with DisclosureFile(disclosures) if disclosures else contextlib.nullcontext() as opened:
        policies = [] if policy is None else [read_policy(policy)]
        books = TokenBooks()
        one_sided, other_side = Guarded(books, guards=bool(guards)), Guarded(books, guards=True, is_guard=True)
        reports = [_audit(folder, keys, opened, agreements, receipts, one_sided, policies) for folder in shards]
        guard_logs = [log for guard in guards for log in _shards_below(guard)]
        for place, folder in enumerate(guard_logs, 1):
            told = other_side if place == len(guard_logs) else one_sided
            reports.append(_audit(folder, keys, None, (), (), told, policies))
    _refuse_doubtful_use(keys, receipts, reports)
    return reports


def _shards_below(folder: Path) -> list[Path]:
    shards = [folder] if _is_shard(folder) else sorted(path for path in folder.iterdir() if _is_shard(path))
    if not shards:
        raise ConfigError(f"{folder} holds no log")
    return shards


def _audit(
    folder: Path,
    keys: Sequence[VerifierKey],
    opened: DisclosureFile | None,
    agreements: Sequence[Agreement],
    receipts: Sequence[Receipt],
    tokens: Guarded,
    policies: Sequence[Policy],
) -> ShardReport:
    published = PublishedFolder(folder)
    origin, size = published.claimed()
    name = folder.resolve().name
    shard = _shard_of(origin, name)
    with render.progress(f"verifying {name}", size) as tell:
        return audit_shard(
            name,
            published,
            keys,
            disclosures=opened.of(shard) if opened else None,
            agreements=agreements,
            receipts=[receipt for receipt in receipts if receipt.shard == shard],
            progress=tell,
            tokens=tokens,
            policies=policies,
        )


def read_policy(path: Path) -> Policy:
    """The auditor's witness policy. Raises ``ConfigError``."""
    try:
        return Policy.parse(path.read_bytes()[: POLICY_BYTES_MAX + 1])
    except (OSError, PolicyError) as error:
        raise ConfigError(f"{path} is no witness policy: {error}") from error


def read_receipt_argument(text: str) -> Receipt:
    """A receipt given as text or as the name of a file. Raises ``ConfigError``."""
    try:
        if _names_a_file(text):
            with Path(text).open(encoding="utf-8") as file:
                return read_receipt(file.read(RECEIPT_CHARS_MAX + 1))
        return read_receipt(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--receipt: {error}") from error


def show(report: ShardReport) -> None:
    """Print one report as tables."""
    from rich.text import Text

    rows: list[list[object]] = [
        [Text(claim.status.value, style=_STYLE[claim.status]), claim.name, claim.detail] for claim in report.claims
    ]
    render.table(f"{report.shard}: {report.size:,} records", ["verdict", "claim", "why"], rows)
    _list("!", report.contradictions)
    _list("·", report.notes)
    counted = report.recount
    found = [
        ("outcome", counted.by_outcome),
        ("refused because", {name: count for name, count in counted.by_class.items() if name != "none"}),
        ("verdict", counted.by_verdict),
        ("clause", counted.by_clause),
        ("agreement", counted.by_agreement),
        ("release", counted.by_release),
        ("boot epoch", counted.by_epoch),
        ("without a record", counted.without_record),
    ]
    table = [
        [title, name, f"{count:,}"]
        for title, tally in found
        for name, count in sorted(tally.items(), key=lambda pair: -pair[1])
        if count
    ]
    if table:
        table.append(["bytes", "released", f"{counted.released_bytes:,}"])
        render.table("recount", ["of", "value", "counted"], table)


# ---- what is said, and what is read ---------------------------------------------------------------------------------


def _list(mark: str, found: Sequence[Finding]) -> None:
    for finding in found[:SHOWN_MAX]:
        click.echo(render.plain(f"  {mark} {finding.place}: {finding.message}"))
    if len(found) > SHOWN_MAX:
        click.echo(f"  {mark} and {len(found) - SHOWN_MAX:,} more (--json has them)")


def _is_shard(path: Path) -> bool:
    """A shard without its checkpoint is still one: that it is missing must be found, not overlooked."""
    return (path / "tile").is_dir() or any((path / name).exists() for name in ("checkpoint", "log.vkey"))


def _key(text: str) -> VerifierKey:
    """A key as text, or from the file that holds it. Raises ``TrustError``."""
    try:
        if _names_a_file(text):
            with Path(text).open(encoding="utf-8") as file:
                return VerifierKey.parse(file.read(1_000))
        return VerifierKey.parse(text)
    except (OSError, ValueError) as error:
        raise TrustError(f"--key: {error}") from error


def _names_a_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name: a receipt in its header form
        return False


def _shard_of(origin: str, folder: str) -> str:
    return origin.rpartition("/")[2] or folder


def _refuse_doubtful_use(
    keys: Sequence[VerifierKey], receipts: Sequence[Receipt], reports: Sequence[ShardReport]
) -> None:
    """What belongs to no log here would seem to have been verified; a log given twice would be counted twice."""
    origins = [report.origin for report in reports if report.origin]
    if len(set(origins)) != len(origins):
        raise ConfigError("two folders hold the same log, which would be counted twice")
    if any(report.contradicted for report in reports):
        return  # that is the answer; the rest may follow from it
    for key in keys:
        if key.name not in origins:
            raise ConfigError(f"--key {key.name}: there is no such log here")
    shards = {_shard_of(report.origin, report.shard) for report in reports}
    for receipt in receipts:
        if receipt.shard not in shards:
            raise ConfigError(f"--receipt: there is no log of shard {receipt.shard[:64]!r} here")


class DisclosureFile:
    """JSON lines as ``brightline disclose`` writes them. Only the offsets of the lines are held in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[str, dict[int, int]] = {}
        number = offset = 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        try:
            while line := self._file.readline(LINE_BYTES_MAX):
                number += 1
                row = msgspec.json.decode(line, type=Disclosed)
                if self._offsets.setdefault(row.shard, {}).setdefault(row.seq, offset) != offset:
                    self._file.close()
                    raise ConfigError(f"{path}, line {number}: record {row.seq} was opened before")
                offset += len(line)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._file.close()
            raise ConfigError(f"{path}, line {number}: no disclosures: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._file.close()

    def of(self, shard: str) -> Mapping[int, Sequence[str]]:
        """What opens the records of a shard, by their number."""
        return _ShardDisclosures(self, self._offsets.get(shard, {}))

    def line_at(self, offset: int) -> Disclosed:
        """The line that begins there. Raises ``ConfigError`` if the file changed in the meantime."""
        try:
            self._file.seek(offset)
            return msgspec.json.decode(self._file.readline(LINE_BYTES_MAX), type=Disclosed)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{self._path} changed while it was read: {error}") from error


class _ShardDisclosures(Mapping[int, Sequence[str]]):
    """The disclosures of one shard, each read when it is asked for."""

    def __init__(self, file: DisclosureFile, offsets: Mapping[int, int]) -> None:
        self._file = file
        self._offsets = offsets

    def __getitem__(self, seq: int) -> Sequence[str]:
        return self._file.line_at(self._offsets[seq]).disclosures

    def __iter__(self) -> Iterator[int]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)
