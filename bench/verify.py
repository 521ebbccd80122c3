# SPDX-License-Identifier: Apache-2.0
"""How many records a second the verifier reads on one core, against what hashing and parsing alone would take.

    python bench/verify.py [--quick] [--out FOLDER]

Prints a table; with ``--out`` also writes results.json. One process, one thread. The log is made once, like that of a
gateway that mostly answers, with its keys' own signatures; ``README.md`` says what is measured and on what.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.audit_memory import LogMemory
from brightline.core.evidence.audit_visit import Visit, head_of
from brightline.verify.arguments import read_agreements
from brightline.verify.examine import verify_evidence
from brightline.verify.sample.ledger import Files, Ledger
from brightline.verify.sample.site import GATEWAY, LEASED, Site, honest_site

NEW_SHARE: Final = 100  # of the log, one part in so many is new on the second visit


class Measured(msgspec.Struct, frozen=True):
    """One way of reading the log; ``seconds`` is the median of the runs, ``best`` the shortest."""

    what: str
    records: int
    seconds: float
    best: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


class Results(msgspec.Struct, frozen=True):
    """Everything that one run measured. ``leaf_bytes`` is the mean."""

    python: str
    processors: int
    quick: bool
    leaf_bytes: float
    measured: tuple[Measured, ...]


@click.command()
@click.option("--quick", is_flag=True, help="A small log; for CI.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for results.json.")
def main(quick: bool, out: Path | None) -> None:
    """Measure how fast a published log is verified."""
    count, runs = (20_000, 3) if quick else (100_000, 7)
    click.echo(f"writing {count:,} records", err=True)
    agreement = next(iter(read_agreements(())))
    ledger = _ledger(agreement, count)
    results = Results(
        python=platform.python_version(),
        processors=os.cpu_count() or 0,
        quick=quick,
        leaf_bytes=sum(len(ledger.leaf(index)) for index in range(count)) / count,
        measured=tuple(_measure(ledger, agreement, count, runs)),
    )
    _print(results)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def _ledger(agreement: Agreement, count: int) -> Ledger:
    """A log of ``count`` records: of seven exchanges four are answered, two refused and one is held."""
    site: Site = honest_site(1, agreement)
    number = 0
    while len(site.gateway.records) < count:
        if number % LEASED == 0:
            site.attested()  # as a gateway does it: renewed before it is over
        exchange = f"ex_{number:026d}"  # as long as a gateway's ids
        acts = (site.answered, site.answered, site.refused, site.answered, site.refused, site.answered, site.held)
        acts[number % 7](exchange)
        number += 1
    del site.gateway.records[count:]
    return site.gateway


# ---- what is measured ----------------------------------------------------------------------------------------------


def _measure(ledger: Ledger, agreement: Agreement, count: int, runs: int) -> list[Measured]:
    published = ledger.published()
    leaves = [ledger.leaf(index) for index in range(count)]
    disclosures = {line.seq: line.disclosures for line in ledger.disclosed()}
    keys = [ledger.signer.verifier]
    earlier = _visited(ledger, count - count // NEW_SHARE)

    def whole() -> ShardReport:
        return audit_shard(GATEWAY, published, keys)

    def replayed() -> ShardReport:
        return audit_shard(GATEWAY, published, keys, disclosures=disclosures, agreements=[agreement])

    def again() -> ShardReport:
        return audit_shard(GATEWAY, published, keys, visit=Visit([head_of(earlier)], earlier))

    rows = [
        _timed("limit: SHA-256 of the leaf, JSON parse", count, runs, lambda: _hash_and_parse(leaves)),
        _timed("verified, files in memory", count, runs, lambda: _believed(whole())),
    ]
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / GATEWAY
        _write(folder, published)
        rows.append(_timed("verified, from a folder", count, runs, lambda: _believed(*verify_evidence(folder))))
    rows.append(_timed("with disclosures: decided again", count, max(1, runs // 3), lambda: _believed(replayed())))
    rows.append(_timed(f"second visit, 1/{NEW_SHARE} new: of all", count, runs, lambda: _believed(again())))
    return rows


def _hash_and_parse(leaves: Sequence[bytes]) -> None:
    for leaf in leaves:
        hashlib.sha256(b"\x00" + leaf).digest()
        json.loads(leaf)


def _believed(report: ShardReport) -> None:
    """The answers are checked: an audit that finds fault with an honest log measures nothing."""
    if report.contradicted:
        click.echo(f"not what is known to be so: {report.contradictions[0]}", err=True)
        sys.exit(1)


def _visited(ledger: Ledger, size: int) -> LogMemory:
    visit = Visit()
    audit_shard(GATEWAY, ledger.published(size), [ledger.signer.verifier], visit=visit)
    if visit.keep is None:
        click.echo("the earlier visit believed nothing", err=True)
        sys.exit(1)
    return visit.keep()


def _write(folder: Path, published: Files) -> None:
    for path, data in published.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _timed(what: str, records: int, runs: int, act: Callable[[], object]) -> Measured:
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    click.echo(f"  {what}: done", err=True)
    return Measured(what, records, sorted(seconds)[runs // 2], min(seconds))


# ---- what is shown -------------------------------------------------------------------------------------------------


def _print(results: Results) -> None:
    click.echo(f"Python {results.python}, {results.processors} processors, {results.leaf_bytes:.0f} bytes a leaf\n")
    click.echo(f"{'one core':<44}{'records/s':>12}{'best':>12}{'µs each':>10}")
    for row in results.measured:
        best = row.records / row.best
        click.echo(f"{row.what:<44}{row.rate:>12,.0f}{best:>12,.0f}{1e6 / row.rate:>10.2f}")


if __name__ == "__main__":
    main()
