# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier releases``: which release judges, since when, and which came before it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from brightline.core.screening.trial import Stage
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.classifiers import Candidate
from brightline.shell.registry.following import Registry

DIGITS: Final = 12


@click.command()
@click.argument("state", type=FOLDER_TYPE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def releases(state: Path, as_json: bool) -> None:
    """List the releases that were in force at STATE, and the statements that were signed and refused."""
    with in_force(state, SystemClock()) as (_, registry):
        rows = _history(registry)
    if as_json:
        click.echo(render.as_json(rows))
        return
    columns = ["number", "does", "release", "state", "since", "signed by", "digest"]
    render.table("Classifier releases", columns, [_line(row) for row in rows])


def _line(row: dict[str, str]) -> list[str]:
    """A row as it fits a terminal: the digest by its beginning, which `classifier rollback` takes as well."""
    since = row["since"].partition(".")[0].replace("T", " ")
    name, digest = f"{row['id']} version {row['version']}", row["digest"].removeprefix("sha256:")[:DIGITS]
    return [row["number"], row["does"], name, row["state"], since, row["signed_by"], digest]


def _history(registry: Registry) -> list[dict[str, str]]:
    classifiers = registry.classifiers
    place, vocabulary = classifiers.place, registry.releases.current.vocabulary
    first = classifiers.history[0].update.replaces if classifiers.history else place.current
    baseline = classifiers.store.read(first, vocabulary)
    rows = [_row("", "installation", baseline.id, baseline.version, first, "", "", "")]
    for each in classifiers.history:
        said = each.update
        by = ", ".join(holder for _, holder in each.signers)
        rows.append(
            _row(str(said.number), said.kind.value, said.id, said.version, said.release, each.time, str(each.seq), by)
        )
    rows[-1]["state"] = "in force"
    if classifiers.candidate is not None:
        rows.append(_on_trial(classifiers.candidate))
    rows += [_on_trial(each) for each in classifiers.ended if each.stage is Stage.QUARANTINED]
    for refused in classifiers.refused:
        said = refused.update
        row = _row(str(said.number), said.kind.value, said.id, said.version, said.release, "", str(refused.seq), "")
        rows.append({**row, "state": f"refused: {refused.why[0]}"})
    return rows


def _on_trial(candidate: Candidate) -> dict[str, str]:
    said = candidate.update
    row = _row(str(said.number), said.kind.value, said.id, said.version, said.release, "", str(candidate.since), "")
    return {**row, "state": candidate.stage.value + (f": {candidate.why}" if candidate.why else "")}


def _row(
    number: str, does: str, name: str, version: int, digest: str, since: str, record: str, by: str
) -> dict[str, str]:
    return {
        "number": number,
        "does": does,
        "id": name,
        "version": str(version),
        "state": "was in force",
        "since": since,
        "record": record,
        "digest": digest,
        "signed_by": by,
    }
