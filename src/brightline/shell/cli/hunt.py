# SPDX-License-Identifier: Apache-2.0
"""``brightline hunt``: sealed records screened again with another release; what was found, signed and on record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError
from brightline.core.hunt.found import Disposition
from brightline.core.hunt.plan import SHARD_RECORDS, SHARD_RECORDS_MAX
from brightline.shell.cli import render
from brightline.shell.cli.signing import load_signers
from brightline.shell.cli.times import time_of
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.development import HOLDERS
from brightline.shell.hunt import onray, recording, running
from brightline.shell.hunt.completeness import check_published
from brightline.shell.hunt.examining import screen_of
from brightline.shell.hunt.folder import Job, make_hunt, open_hunt
from brightline.shell.hunt.planning import Logs, Span, Terms, make_plan, published_records
from brightline.shell.hunt.reporting import Reported, changes, counted, report_of, write_reports
from brightline.shell.hunt.work import Standing
from brightline.shell.install import agreement_folder
from brightline.shell.opening import in_force
from brightline.shell.registry.log import log_signer
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore

FINDINGS_SHOWN: Final = 20
_STATE: Final = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_HUNT: Final = click.argument("folder", metavar="HUNT", type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def hunt() -> None:
    """Look again at sealed records with another classifier release. Nothing on record is changed."""


@hunt.command()
@_STATE
@click.argument("folder", metavar="HUNT", type=click.Path(path_type=Path))
@click.option("--release", type=_FOLDER, help="The folder of a release; without it, the one in force.")
@click.option("--weights", type=_FOLDER, help="Where weights of detectors or a judge lie, if not with the release.")
@click.option("--log", "logs", multiple=True, metavar="SHARD", help="Only this log; repeat for more. Else all.")
@click.option("--since", help="From the first record at this time on: RFC 3339 or Unix seconds.")
@click.option("--until", help="To before the first record at this time.")
@click.option(
    "--shard-records",
    default=SHARD_RECORDS,
    show_default=True,
    type=click.IntRange(1, SHARD_RECORDS_MAX),
    help="Records of one shard, at most.",
)
@_JSON
def plan(
    state: Path,
    folder: Path,
    release: Path | None,
    weights: Path | None,
    logs: tuple[str, ...],
    since: str | None,
    until: str | None,
    shard_records: int,
    as_json: bool,
) -> None:
    """Plan a hunt in a new folder HUNT: which published records, cut into shards, with which release.

    Each log is read whole and must hash to its published root. Nothing is opened.

    Exit codes: 0 planned; 2 nothing is covered, or a log is not the published one.
    """
    span = Span(int(time_of(since)) if since else 0, int(time_of(until)) if until else 0)
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        agreement = registry.releases.current
        classifiers = registry.classifiers
        chosen = release or classifiers.store.folder(classifiers.current)
        of_agreement = _agreement_folder(state, settings, agreement)
    screen = screen_of(agreement, chosen, str(weights or ""))
    terms = Terms(agreement.digest, screen.release.digest, screen.release.id, screen.judge)
    where = StateFolder(state)
    here = Logs(
        where.wal,
        where.evidence(settings.evidence.directory),
        lambda shard: log_signer(where, settings, shard).verifier,
    )
    with render.progress("reading the logs", published_records(here, logs)) as tell:
        made = make_plan(here, logs, terms, clock.unix(), span, shard_records, tell)
    places = [str(each.resolve()) for each in (state, of_agreement, chosen)]
    job = Job(places[0], places[1], places[2], str(weights.resolve()) if weights else "")
    digest = make_hunt(folder, made, job)
    cases = sum(len(shard.cases) for shard in made.shards)
    told = {"hunt": digest, "records": made.records, "shards": len(made.shards), "cases": cases}
    if as_json:
        click.echo(render.as_json({**told, "release": made.release, "judge": made.judge}))
        return
    rows = [[log.origin, f"{log.start:,}", f"{log.end - 1:,}", f"{log.end - log.start:,}"] for log in made.logs]
    render.table(f"A hunt with {made.release_id}", ["log", "from record", "to record", "records"], rows)
    click.echo(f"{made.records:,} records with {cases:,} cases in {len(made.shards):,} shards: {digest}")
    click.echo(f"next: brightline hunt run {folder}")


@hunt.command()
@_HUNT
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, running.WORKERS_MAX),
    help="Processes that share the work; on Ray, actors.",
)
@click.option("--ray", "on_ray", is_flag=True, help="Run on Ray; needs the extra `ray` and an enclave. See the docs.")
@click.option("--ray-address", default="", metavar="HOST:PORT", help="A cluster that runs already; else one is made.")
@click.option("--ray-token", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its token's file.")
@_JSON
def run(folder: Path, workers: int, on_ray: bool, ray_address: str, ray_token: Path | None, as_json: bool) -> None:
    """Run a hunt, or go on with one: every shard that has no result yet.

    A shard whose process ended is taken by another one. The result is the same however it is run.

    Exit codes: 0 every shard has its result; 2 something kept it from that.
    """
    opened, clock = open_hunt(folder), SystemClock()
    if (ray_address or ray_token) and not on_ray:
        raise ConfigError("--ray-address and --ray-token belong to --ray")
    with render.progress("looking at shards", len(opened.plan.shards)) as tell:
        if on_ray:
            onray.run_on_ray(folder, opened, workers, onray.Cluster(ray_address, ray_token), tell, clock)
        elif workers == 1:
            running.run_here(folder, opened, tell, clock)
        else:
            running.run_with(folder, opened, workers, tell, clock)
    _tell(report_of(folder, opened), as_json)


@hunt.command()
@_HUNT
@_JSON
def status(folder: Path, as_json: bool) -> None:
    """Say how far a hunt is.

    Exit codes: 0 every shard has its result; 1 not yet; 2 this is no hunt.
    """
    opened = open_hunt(folder)
    standing = Standing(len(opened.plan.shards), 0, 0)
    if running.was_begun(folder, opened):
        work = running.open_work(folder, opened)
        try:
            standing = work.standing(SystemClock().unix())
        finally:
            work.close()
    if as_json:
        click.echo(render.as_json({"hunt": opened.hunt, **msgspec.to_builtins(standing)}))
    else:
        click.echo(f"{standing.done:,} of {standing.shards:,} shards are done; {standing.held:,} are looked at now")
    raise SystemExit(0 if standing.done == standing.shards else 1)


@hunt.command()
@_HUNT
@_JSON
def report(folder: Path, as_json: bool) -> None:
    """Write the report of a hunt: report.json, report.md and report.html in HUNT.

    Every record must be counted once, and each shard read as it was planned; else there is no report.

    Exit codes: 0 nothing was found; 1 something was; 2 there is no report yet, or it does not add up.
    """
    opened = open_hunt(folder)
    reported = report_of(folder, opened)
    written = write_reports(folder, reported, opened.plan)
    _tell(reported, as_json)
    if not as_json:
        click.echo(f"written: {', '.join(map(str, written))}")
    raise SystemExit(1 if reported.report.found else 0)


@hunt.command()
@_STATE
@_HUNT
@click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
@click.option("--by", "holders", multiple=True, help="Who signs, of the keys in STATE; else one of the safety people.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A key that lies elsewhere.",
)
@_JSON
def record(
    state: Path, folder: Path, reason: str, holders: tuple[str, ...], keys: tuple[Path, ...], as_json: bool
) -> None:
    """Sign what a hunt found and put it on record, as HUNT records of the registry. Goes on where it was stopped.

    The provider's safety people sign. What was covered is public; what was found is committed.

    Exit codes: 0 it is on record; 2 it is not, and the message says why.
    """
    from brightline.core.hunt.statement import SIGNERS

    opened, clock = open_hunt(folder), SystemClock()
    reported = report_of(folder, opened)
    if not holders and not keys:
        holders = tuple(holder for need in SIGNERS for holder in HOLDERS[need.role][: need.holders])
    with in_force(state, clock) as (settings, registry):
        signers = load_signers(state, holders, keys)
        envelope = recording.sign_hunt(opened.plan, reported.report, reason, signers, clock)
        seqs = recording.record_hunt(
            state, settings, registry.roots, opened.plan, reported.report, reported.results, envelope, clock
        )
    told: dict[str, Any] = {"hunt": opened.hunt, "report": reported.digest, "records": list(seqs)}
    if as_json:
        click.echo(render.as_json(told))
        return
    numbers = f"record {seqs[0]}" if len(seqs) == 1 else f"records {seqs[0]} to {seqs[-1]}"
    click.echo(f"on record: {numbers} of the registry, {len(reported.report.found):,} findings, {reported.digest}")


@hunt.command()
@_STATE
@_HUNT
@_JSON
def check(state: Path, folder: Path, as_json: bool) -> None:
    """Check a hunt: no gap, no overlap, the published logs, and what is on record of it.

    The plan is made anew from the logs as they are published; each record must lie in exactly one shard, and each
    shard's records must be those that were looked at. Then the records of the registry must be signed and say this.

    Exit codes: 0 all of it holds; 2 it does not, and the message says what.
    """
    opened, clock = open_hunt(folder), SystemClock()
    reported = report_of(folder, opened)
    with in_force(state, clock) as (settings, registry):
        where = StateFolder(state)
        evidence = where.evidence(settings.evidence.directory)
        with render.progress("hashing what was covered", opened.plan.records) as tell:
            check_published(opened.plan, evidence, lambda shard: log_signer(where, settings, shard).verifier, tell)
        there = recording.on_record(state, opened.hunt)
        signers = recording.check_record(there, opened.plan, reported.report, reported.results, registry.roots)
    told: dict[str, Any] = {
        "hunt": opened.hunt,
        "report": reported.digest,
        "records": opened.plan.records,
        "signed_by": list(signers),
    }
    if as_json:
        click.echo(render.as_json(told))
        return
    click.echo(f"{opened.plan.records:,} records of {len(opened.plan.logs):,} logs were looked at once each")
    click.echo(f"{len(there):,} records of the registry say so, signed by {', '.join(signers)}: {reported.digest}")


# ---- what several of them do ---------------------------------------------------------------------------------------


def _agreement_folder(state: Path, settings: Settings, agreement: Agreement) -> Path:
    store = AgreementStore(StateFolder(state).agreements)
    return store.folder(agreement.digest) if store.holds(agreement.digest) else agreement_folder(settings)


def _tell(reported: Reported, as_json: bool) -> None:
    found = reported.report
    if as_json:
        whole: dict[str, Any] = msgspec.to_builtins(found)
        click.echo(render.as_json({"report": reported.digest, **whole}))
        return
    rows: Sequence[Sequence[object]] = [[words, f"{count:,}"] for words, count in counted(found)]
    render.table(f"{found.records:,} records, each once", ["what became of them", "records"], rows)
    if found.found:
        rows = [
            [f"{each.log}/{each.seq}", f"{each.verdict_was or 'not known'} → {each.verdict_now}", changes(each)]
            for each in found.found[:FINDINGS_SHOWN]
        ]
        render.table("Worse than on record", ["record", "verdict", "facts"], rows)
    examined = found.counts.get(Disposition.EXAMINED, 0)
    click.echo(f"{len(found.found):,} findings in {examined:,} of {found.cases:,} cases: {reported.digest}")
