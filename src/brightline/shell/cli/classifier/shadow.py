# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier shadow`` and ``quarantine``: how a candidate compares, and taking it out."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.core.screening.trial import Compared, Stage, next_stage
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.classifiers import Candidate, Step, log_step
from brightline.shell.state import StateFolder
from brightline.shell.storage.trial import Counted, read_counted

_STATE = click.argument("state", type=FOLDER_TYPE)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_STATE
@_JSON
def shadow(state: Path, as_json: bool) -> None:
    """Show how the candidate at STATE compares with the release in force, by worker and by fact: counts, no content.

    Exit codes: 0 shown; 1 the last candidate was quarantined, or by these figures this one will be; 2 there was none.
    """
    with in_force(state, SystemClock()) as (_, registry):
        candidate = registry.classifiers.candidate
        ended = registry.classifiers.ended
    if candidate is None and not ended:
        raise ConfigError("no release was on trial here; `classifier release --shadow` puts one on trial")
    shown = candidate or ended[-1]
    counted = tuple(read_counted(StateFolder(state).trial, shown.update.number, shown.stage))
    if as_json:
        click.echo(render.as_json(_value(shown, counted)))
    else:
        _print(shown, counted)
    out = any(next_stage(shown.rule, shown.stage, each.figures) is Stage.QUARANTINED for each in counted)
    if shown.stage is Stage.QUARANTINED or (candidate is not None and out):
        raise SystemExit(1)


@click.command()
@_STATE
@click.option("--reason", required=True, help="Why, in a sentence: it is logged.")
@_JSON
def quarantine(state: Path, reason: str, as_json: bool) -> None:
    """Take the candidate at STATE out. It takes no signature, because the release in force stays as it is.

    Exit codes: 0 out; 2 there is none.
    """
    with in_force(state, SystemClock()) as (settings, registry):
        candidate = registry.classifiers.candidate
        if candidate is None:
            raise ConfigError("no release is on trial here")
        counted = candidate.figures or Compared()
        step = Step(candidate.update.number, candidate.stage, Stage.QUARANTINED, counted, reason)
        record = log_step(state, settings, registry.roots.profile, step, SystemClock())
    said = {"id": candidate.update.id, "version": candidate.update.version, "record": record.place.seq}
    plain = f"{said['id']} version {said['version']} is quarantined as record {said['record']} of the registry"
    click.echo(render.as_json(said) if as_json else plain)


def _value(shown: Candidate, counted: tuple[Counted, ...]) -> dict[str, object]:
    return {
        "id": shown.update.id,
        "version": shown.update.version,
        "release": shown.update.release,
        "stage": shown.stage.value,
        "why": shown.why,
        "rule": msgspec.to_builtins(shown.rule),
        "logged": msgspec.to_builtins(shown.figures),
        "workers": msgspec.to_builtins(counted),
    }


def _print(shown: Candidate, counted: tuple[Counted, ...]) -> None:
    update, rule = shown.update, shown.rule
    why = f", because {shown.why}" if shown.why else ""
    click.echo(f"{update.id} version {update.version}: {shown.stage.value}{why}")
    click.echo(f"{rule.shadow:,} asks in shadow, then {rule.canary:,} in canaries, {rule.share:,} of 1,000 exchanges;")
    click.echo(f"of a million asks {rule.looser:,} may be looser, {rule.stricter:,} stricter, {rule.failed:,} fail")
    rows = [(each.shard, each.figures) for each in counted]
    if shown.figures is not None:
        rows.append(("as logged", shown.figures))
    columns = ["worker", "same", "stricter", "looser", "failed", "shed"]
    cells = [[name, of.same, of.stricter, of.looser, of.failed, of.shed] for name, of in rows]
    render.table("Asks compared", columns, cells)
    facts = sorted({fact for _, of in rows for fact in of.facts})
    if facts:
        cells = [[name, fact, *of.facts.get(fact, (0, 0))] for name, of in rows for fact in facts if fact in of.facts]
        render.table("Facts that differed", ["worker", "fact", "stricter", "looser"], cells)
