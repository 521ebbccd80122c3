# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier approve``: a signer reads what was prepared, may score it again, and signs."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.classifier.pinned import read_pinned
from brightline.core.errors import ConfigError, TrustError
from brightline.core.screening.gate import read_outcomes
from brightline.core.screening.update import SIGNERS, UPDATE_TYPE, Kind, ReleaseUpdate
from brightline.core.statement import add_signature, unverified_payload
from brightline.files import write_whole
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.releasing import UPDATE_FILE, propose
from brightline.shell.storage.releases import OUTCOMES_FILE, outcomes_digest
from brightline.shell.trust.keys import load_key


@click.command()
@click.argument("prepared", type=FOLDER_TYPE)
@click.option("--key", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A PEM key.")
@click.option("--yes", is_flag=True, help="Do not ask before signing.")
@click.option("--state", type=FOLDER_TYPE, help="To score it again first: a state folder with the same in force.")
@click.option("--release", "folder", type=FOLDER_TYPE, help="To score it again first: the release's folder.")
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="To score it again first: your own copy of the pinned cases; repeat.",
)
def approve(
    prepared: Path, key: Path, yes: bool, state: Path | None, folder: Path | None, corpora: tuple[Path, ...]
) -> None:
    """Say what was prepared, and sign it with one signer's key.

    With a state folder, a release and pinned cases of your own, every case is scored again first, and only the same
    outcomes are signed.

    Exit codes: 0 signed; 1 not signed; 2 bad usage, files or keys, or outcomes that are not the same.
    """
    path = prepared / UPDATE_FILE
    envelope = _read(path)
    update = unverified_payload(envelope, UPDATE_TYPE, ReleaseUpdate)
    _say(update, prepared)
    if state is not None and folder is not None and corpora:
        _score_again(update, state, folder, corpora)
    elif state is not None or folder is not None or corpora:
        raise ConfigError("to score it again, give --state, --release and --corpus")
    if not yes:
        click.confirm("sign this?", abort=True)
    write_whole(path, add_signature(envelope, UPDATE_TYPE, load_key(key)))
    click.echo(f"signed {path}")


def _say(update: ReleaseUpdate, prepared: Path) -> None:
    """What a signature would stand for, in lines."""
    if update.kind is not Kind.ROLLBACK:
        outcomes = _read(prepared / OUTCOMES_FILE)
        if outcomes_digest(outcomes) != update.outcomes:
            raise TrustError(f"{prepared / OUTCOMES_FILE} is not the one that the statement names")
        cases = len(read_outcomes(outcomes).cases)
        held = f"on {cases} pinned cases, {update.corpus}"
    else:
        held = "as it was in force before"
    rows = [
        ["what", f"{update.kind.value} {update.number}: {update.id} version {update.version}"],
        ["release", update.release],
        ["replaces", update.replaces],
        ["held", held],
        ["reason", update.reason],
        ["signed by", ", ".join(f"{need.holders} of {need.role}" for need in SIGNERS[update.kind])],
    ]
    if update.conceded:
        shares = ", ".join(f"{fact} {share:.2%}" for fact, share in sorted(update.conceded.items()))
        rows.append(["conceded", f"wrongful stops on the worst corpus up to: {shares}"])
    if update.trial is not None:
        rule = update.trial
        canaries = f"{rule.canary:,} in canaries, {rule.share:,} of 1,000 exchanges"
        most = f"of a million {rule.looser:,} looser, {rule.stricter:,} stricter, {rule.failed:,} failed"
        rows += [["trial", f"{rule.shadow:,} asks in shadow, {canaries}"], ["at most", most]]
    if update.signer:
        rows.append(["files by", update.signer.replace("\n", " ")])
    render.table("To be signed", ["", ""], rows)


def _score_again(update: ReleaseUpdate, state: Path, folder: Path, corpora: tuple[Path, ...]) -> None:
    """Raises ``TrustError`` unless the outcomes are the same, byte for byte."""
    if update.kind is Kind.ROLLBACK:
        raise ConfigError("a rollback was scored when it came into force the first time")
    pinned, clock = read_pinned(corpora), SystemClock()
    bar = render.progress("asking both releases", len(pinned.cases))
    with in_force(state, clock) as (settings, registry), bar as on_done:
        again = propose(
            registry,
            folder,
            pinned,
            update.kind,
            update.reason,
            clock,
            conceded=update.conceded,
            trial=update.trial,
            signer=update.signer,
            weights=settings.inference.weights,
            on_done=on_done,
        )
    if again.update.corpus != update.corpus:
        raise TrustError(f"your pinned cases are {again.update.corpus}; the statement names {update.corpus}")
    if again.update.outcomes != update.outcomes:
        raise TrustError("scored again, the outcomes are others than those that would be signed")
    if again.refusals:
        raise TrustError(f"every node would refuse it: {again.refusals[0]}")
    click.echo(f"scored again: {len(pinned.cases)} cases, the same outcomes")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
