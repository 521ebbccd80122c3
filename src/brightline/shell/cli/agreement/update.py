# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement update``, ``sign`` and ``history``: a new version, and which versions were in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.update import UPDATE_TYPE
from brightline.core.errors import ConfigError
from brightline.core.evidence.record import DurableRecord
from brightline.core.statement import STATEMENT_BYTES_MAX, add_signature, sign_statement
from brightline.files import read_within, write_whole
from brightline.shell.change import UPDATE_FILE, Examined, bring_into_force, examine, statement_of
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.opening import open_in_force
from brightline.shell.prove.bundle import bundle_files, verify_bundle
from brightline.shell.prove.proof import prove_update, scripts_for
from brightline.shell.prove.solvers import SECONDS_DEFAULT, SECONDS_MAX
from brightline.shell.registry.following import Registry
from brightline.shell.shipped import folder_reader
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import PROOF
from brightline.shell.trust.keys import load_key

_STATE = click.argument("state", type=FOLDER_TYPE)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_STATE
@click.argument("new", type=FOLDER_TYPE)
@click.option("--by", "holders", multiple=True, metavar="HOLDER", help="Sign with this holder's key; repeat for more.")
@click.option(
    "--prepare",
    type=click.Path(path_type=Path),
    help="Write proofs and the unsigned statement into this folder, and stop. Signers then use `agreement sign`.",
)
@click.option("--prepared", type=FOLDER_TYPE, help="A folder from --prepare, signed: bring it into force.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, SECONDS_MAX),
    default=SECONDS_DEFAULT,
    show_default=True,
    help="For each solver and script; later means refused.",
)
@_JSON
def update(
    state: Path,
    new: Path,
    holders: tuple[str, ...],
    prepare: Path | None,
    prepared: Path | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Prove that the version in folder NEW is no weaker than the baseline of STATE, and bring it into force.

    A running gateway goes over to it within a second, between two exchanges. What is refused changes nothing.

    Exit codes: 0 in force (or prepared); 1 refused, with the reasons; 2 bad usage, files or signatures.
    """
    if sum((bool(holders), prepare is not None, prepared is not None)) != 1:
        raise ConfigError("give one of --by HOLDER, --prepare FOLDER and --prepared FOLDER")
    settings = load_settings(state)
    registry = open_in_force(state, settings, SystemClock())
    try:
        releases = registry.releases
        examined = examine(new, releases.baseline, releases.version)
        if examined.refusals:
            _refused(examined.candidate, examined.refusals, as_json)
        if prepared is not None:
            proofs, envelope = _read_prepared(prepared, examined.candidate, examined.baseline)
        else:
            proofs = _prove(examined, seconds, as_json)
            statement = statement_of(examined.candidate, examined.baseline, proofs, SystemClock())
            keys = [load_key(StateFolder(state).key(holder)) for holder in holders]
            envelope = sign_statement(statement, UPDATE_TYPE, keys)
        if prepare is not None:
            _write_prepared(prepare, proofs, envelope)
            said = {
                "version": examined.candidate.version,
                "agreement": examined.candidate.digest,
                "prepared": str(prepare),
            }
            plain = f"prepared in {prepare}; every signer now runs: brightline agreement sign {prepare} --key FILE"
            click.echo(render.as_json(said) if as_json else plain)
            return
        clock = SystemClock()
        record = bring_into_force(state, settings, registry, new, examined.candidate, proofs, envelope, clock)
        _in_force(examined, record, as_json)
    finally:
        registry.close()


@click.command()
@click.argument("prepared", type=FOLDER_TYPE)
@click.option("--key", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A PEM key.")
def sign(prepared: Path, key: Path) -> None:
    """Sign a version that `agreement update --prepare` wrote; every signer does so once."""
    path = prepared / UPDATE_FILE
    signed = add_signature(read_within(path, STATEMENT_BYTES_MAX), UPDATE_TYPE, load_key(key))
    write_whole(path, signed)  # what others signed before is in it
    click.echo(f"signed {path}")


@click.command()
@_STATE
@_JSON
def history(state: Path, as_json: bool) -> None:
    """List the versions that were in force, and those that were signed and refused."""
    registry = open_in_force(state, load_settings(state), SystemClock())
    try:
        rows = _versions(registry)
    finally:
        registry.close()
    if as_json:
        click.echo(render.as_json(rows))
        return
    title = f"Versions of {registry.releases.baseline.id}"
    render.table(title, ["version", "state", "since", "record", "digest"], [list(row.values()) for row in rows])


def _versions(registry: Registry) -> list[dict[str, str]]:
    releases = registry.releases
    rows = [(str(releases.baseline.version), "", "", releases.baseline.digest)]
    rows += [(str(row.update.version), row.time, str(row.seq), row.update.agreement) for row in releases.history]
    out = []
    for version, since, seq, digest in rows:
        is_so = {"baseline": digest == releases.baseline.digest, "in force": digest == releases.current.digest}
        state = " and ".join(word for word, so in is_so.items() if so) or "was in force"
        out.append({"version": version, "state": state, "since": since, "record": seq, "digest": digest})
    for refused in releases.refused:
        row = {"version": str(refused.version), "state": f"refused: {refused.why}", "since": ""}
        out.append({**row, "record": str(refused.seq), "digest": refused.digest})
    return out


# ---- proofs --------------------------------------------------------------------------------------------------------


def _prove(examined: Examined, seconds: float, as_json: bool) -> Mapping[str, bytes]:
    """Ask both solvers; exit with 1 unless all three provers agree."""
    candidate, baseline = examined.candidate, examined.baseline
    scripts = len(scripts_for(candidate, baseline))
    with render.progress(f"proving {candidate.id} version {candidate.version}", scripts) as on_done:
        proof = prove_update(candidate, baseline, seconds, on_done=on_done)
    if not proof.proved:
        _refused(candidate, proof.refused, as_json)
    return bundle_files(proof)


def _read_prepared(folder: Path, candidate: Agreement, baseline: Agreement) -> tuple[Mapping[str, bytes], bytes]:
    """Proofs and envelope from a folder. Raises ``TrustError`` if they prove something else."""
    proofs = folder / PROOF
    verify_bundle(proofs, candidate.digest, baseline.digest, scripts_for(candidate, baseline))
    read = folder_reader(proofs)
    names = sorted(path.name for path in proofs.iterdir())
    return {name: read(name) for name in names}, folder_reader(folder)(UPDATE_FILE)


def _write_prepared(folder: Path, proofs: Mapping[str, bytes], envelope: bytes) -> None:
    """Raises ``ConfigError``: nothing of anybody's is written over."""
    try:
        (folder / PROOF).mkdir(parents=True)
        for name, data in proofs.items():
            (folder / PROOF / name).write_bytes(data)
        (folder / UPDATE_FILE).write_bytes(envelope)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error


# ---- what is said --------------------------------------------------------------------------------------------------


def _refused(candidate: Agreement, reasons: Sequence[str], as_json: bool) -> NoReturn:
    if as_json:
        said = {"version": candidate.version, "agreement": candidate.digest, "in_force": False}
        click.echo(render.as_json({**said, "refused": list(reasons)}))
    else:
        click.echo(
            f"refused: {candidate.id} version {candidate.version} does not come into force; nothing was changed"
        )
        for reason in reasons:
            click.echo(f"  - {render.plain(reason)}")
    raise SystemExit(1)


def _in_force(examined: Examined, record: DurableRecord, as_json: bool) -> None:
    candidate = examined.candidate
    if as_json:
        said = {"version": candidate.version, "agreement": candidate.digest, "in_force": True}
        click.echo(render.as_json({**said, "record": record.place.seq}))
        return
    points = f"{examined.comparison.points} furthest points of the baseline"
    click.echo(f"{candidate.id} version {candidate.version} is in force as record {record.place.seq} of the registry")
    click.echo(f"proved no weaker than the baseline by z3, cvc5 and the exact prover ({points})")
