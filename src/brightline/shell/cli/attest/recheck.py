# SPDX-License-Identifier: Apache-2.0
"""``brightline attest recheck``: the evidence behind a log's leases, verified again from what was disclosed of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.attestation.recheck import Recorded, recheck
from brightline.core.errors import ConfigError, EvidenceRefused
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.disclosure import DisclosureError, match
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.evidence.tile import TILE_WIDTH, entries_path, unpack_entries
from brightline.shell.cli import render
from brightline.shell.cli.attest.given import policy_of, roots_of
from brightline.verify.arguments import DisclosureFile
from brightline.verify.sources import Log, claimed, logs_at

REFUSED: Final = "refused"  # a KEYS record of nothing that was handed over
BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (65_535 + 2)


class _Header(msgspec.Struct, frozen=True):
    kind: RecordKind
    seq: int
    time: str
    commitments: tuple[str, ...]
    what: str = ""


class _Row(msgspec.Struct, frozen=True):
    shard: str
    record: int
    outcome: str  # verified, not opened, or the fault
    said: str


def run(log: str, disclosures: Path, policy: Path | None, roots: Path | None, *, as_json: bool) -> None:
    """See ``brightline attest recheck --help``. Raises ``SystemExit`` with 1 unless all that was opened verifies."""
    ruled, pinned = policy_of(policy) if policy is not None else None, roots_of(roots)
    rows: list[_Row] = []
    with DisclosureFile(disclosures) as opened:
        for each in logs_at(log):
            given = opened.of(each.name)
            for header, leaf in _attested(each):
                try:
                    fields = match(header.commitments, given.get(header.seq, ()))
                    if "shown" not in fields:
                        rows.append(_Row(each.name, header.seq, "not opened", "nobody disclosed what was shown"))
                        continue
                    record = msgspec.json.decode(leaf, type=Recorded)
                    claims = recheck(record, fields, pinned, unix_of(header.time), ruled)
                except EvidenceRefused as error:
                    rows.append(_Row(each.name, header.seq, error.fault, error.said))
                except (DisclosureError, msgspec.DecodeError, ValueError) as error:
                    rows.append(_Row(each.name, header.seq, "malformed", str(error)[:200]))
                else:
                    rows.append(_Row(each.name, header.seq, "verified", ", ".join(claim.kind for claim in claims)))
            each.published.close()
    _say(rows, as_json=as_json)
    if not rows or {row.outcome for row in rows} - {"verified", "not opened"} or not _verified(rows):
        raise SystemExit(1)


def _say(rows: Sequence[_Row], *, as_json: bool) -> None:
    if as_json:
        click.echo(render.as_json([msgspec.to_builtins(row) for row in rows]))
        return
    table = [(row.shard, row.record, row.outcome, row.said) for row in rows]
    render.table("Leases, and what was shown for them", ["shard", "record", "outcome", "evidence, or why not"], table)
    click.echo(f"{_verified(rows)} of {len(rows)} leases rest on evidence that verifies at its time.")


def _verified(rows: Sequence[_Row]) -> int:
    return sum(row.outcome == "verified" for row in rows)


def _attested(log: Log) -> Iterator[tuple[_Header, bytes]]:
    """The ATTESTED and KEYS records of a log as published; that it is what was signed is for ``brightline verify``."""
    _, size = claimed(log.published)
    for first in range(0, size, TILE_WIDTH):
        path = entries_path(first // TILE_WIDTH, min(TILE_WIDTH, size - first))
        try:
            leaves = unpack_entries(log.published.read(path, BUNDLE_BYTES_MAX))
        except (UnreadableError, ValueError) as error:
            raise ConfigError(f"{log.place}: {path}: {error}") from error
        for leaf in leaves:
            if b'"kind":"ATTESTED"' in leaf or b'"kind":"KEYS"' in leaf:
                try:
                    header = msgspec.json.decode(leaf, type=_Header)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise ConfigError(f"{log.place}: {path}: {error}") from error
                if header.what != REFUSED:
                    yield header, leaf
