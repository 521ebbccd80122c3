# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier release`` and ``rollback``: another release, or an earlier one, comes into force."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NoReturn

import click
import msgspec

from brightline.classifier.pinned import read_pinned
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError
from brightline.core.evidence.record import DurableRecord
from brightline.core.screening.gate import FILE_BYTES_MAX, Ratcheted
from brightline.core.screening.trial import Rule
from brightline.core.screening.update import SIGNERS, UPDATE_TYPE, Kind, ReleaseUpdate
from brightline.core.statement import sign_statement
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.cli.pairs import pairs
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.releasing import UPDATE_FILE, Proposed, bring_into_force, propose, propose_rollback
from brightline.shell.state import StateFolder
from brightline.shell.storage.releases import OUTCOMES_FILE
from brightline.shell.trust.keys import load_key

NAMED_MAX: Final = 20
DIGITS_MIN: Final = 8
_PER_MILLION: Final = click.IntRange(0, 1_000_000)
_STATE = click.argument("state", type=FOLDER_TYPE)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_BY = click.option("--by", "holders", multiple=True, metavar="HOLDER", help="Sign with this holder's key; repeat.")
_PREPARE = click.option(
    "--prepare",
    type=click.Path(path_type=Path),
    help="Write the unsigned statement into this folder, and stop. Signers then use `classifier approve`.",
)
_PREPARED = click.option("--prepared", type=FOLDER_TYPE, help="A folder from --prepare, signed: bring it into force.")
_REASON = click.option("--reason", default="", help="Why, in a sentence: part of what is signed.")


@click.command()
@_STATE
@click.argument("folder", type=FOLDER_TYPE)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A folder or file of pinned cases (*.jsonl); repeat for more. Those of the last statement must be there.",
)
@click.option("--emergency", is_flag=True, help="It only tightens: two safety people of the provider sign it.")
@click.option(
    "--concede",
    "concessions",
    multiple=True,
    metavar="FACT=SHARE",
    help="Accept this share of wrongful stops on the worst corpus, although it is more than now; repeat.",
)
@click.option(
    "--shadow",
    type=click.IntRange(0, 1_000_000_000),
    help="Put it on trial: so many asks of one worker compared without effect, before it tightens any exchange.",
)
@click.option(
    "--canary",
    type=click.IntRange(0, 1_000_000_000),
    default=1_000,
    show_default=True,
    help="Of a trial: so many asks of one worker in canaries, of which the stricter holds, before it is in force.",
)
@click.option(
    "--share",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="Of a trial: how many of a thousand exchanges are canaries.",
)
@click.option(
    "--most",
    type=(_PER_MILLION, _PER_MILLION, _PER_MILLION),
    default=(0, 1_000, 1_000),
    show_default=True,
    metavar="LOOSER STRICTER FAILED",
    help="Of a trial: of a million asks so many may be less strict, stricter, or not answered; else 0, 1000, 1000.",
)
@click.option(
    "--signer",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key (PEM) that signed the files with `classifier sign`; nodes check each before they load any.",
)
@_REASON
@_BY
@_PREPARE
@_PREPARED
@_JSON
def release(
    state: Path,
    folder: Path,
    corpora: tuple[Path, ...],
    emergency: bool,
    concessions: tuple[str, ...],
    shadow: int | None,
    canary: int,
    share: int,
    most: tuple[int, int, int],
    signer: Path | None,
    reason: str,
    holders: tuple[str, ...],
    prepare: Path | None,
    prepared: Path | None,
    as_json: bool,
) -> None:
    """Hold the release in FOLDER against the one in force at STATE, case by case, and bring it into force.

    A running gateway loads it beside the old one and goes over between two exchanges. With --shadow it is first on
    trial beside the old one, and goes on, or out, by the rule that these options state and everybody signs. What is
    refused changes nothing.

    Exit codes: 0 in force (or prepared); 1 refused, with the cases; 2 bad usage, files or signatures.
    """
    _one_of(holders, prepare, prepared)
    if prepared is not None:
        _bring(state, folder, _read(prepared / OUTCOMES_FILE), _read(prepared / UPDATE_FILE), as_json)
        return
    if emergency and shadow is not None:
        raise ConfigError("an emergency is in force at once: it has no trial")
    if not corpora or not reason:
        raise ConfigError("give --corpus, with the pinned cases, and --reason")
    kind = Kind.EMERGENCY if emergency else Kind.RELEASE
    pinned = read_pinned(corpora)
    clock = SystemClock()
    bar = render.progress("asking both releases", len(pinned.cases))
    with in_force(state, clock) as (settings, registry), bar as on_done:
        proposed = propose(
            registry,
            folder,
            pinned,
            kind,
            reason,
            clock,
            conceded=_shares(concessions),
            trial=None if shadow is None else Rule(shadow, canary, share, *most),
            signer="" if signer is None else _read(signer).decode("ascii", "replace"),
            weights=settings.inference.weights,
            on_done=on_done,
        )
    if proposed.refusals:
        _refused(proposed, as_json)
    if prepare is not None:
        _write(prepare, proposed.update, proposed.outcomes, as_json)
        return
    _bring(state, folder, proposed.outcomes, _signed(state, proposed.update, holders), as_json, proposed.ratcheted)


@click.command()
@_STATE
@click.argument("digest", default="")
@_REASON
@_BY
@_PREPARE
@_PREPARED
@_JSON
def rollback(
    state: Path,
    digest: str,
    reason: str,
    holders: tuple[str, ...],
    prepare: Path | None,
    prepared: Path | None,
    as_json: bool,
) -> None:
    """Go back at STATE to the release with this DIGEST, which was in force before: both organisations sign it.

    The beginning of a digest is enough, as `classifier releases` shows it.

    Exit codes: 0 in force (or prepared); 2 bad usage or signatures, or a release that was never in force.
    """
    _one_of(holders, prepare, prepared)
    if prepared is not None:
        _bring(state, prepared, b"", _read(prepared / UPDATE_FILE), as_json)
        return
    if not digest or not reason:
        raise ConfigError("give the digest of the release to go back to, and --reason")
    with in_force(state, SystemClock()) as (_, registry):
        update = propose_rollback(registry, _whole(digest, registry.classifiers.place.was), reason, SystemClock())
    if prepare is not None:
        _write(prepare, update, b"", as_json)
        return
    _bring(state, state, b"", _signed(state, update, holders), as_json)


# ---- folders -------------------------------------------------------------------------------------------------------


def _whole(digest: str, known: Collection[str]) -> str:
    """The digest of which this is the beginning, if one was in force here. Raises ``ConfigError`` if several were."""
    wanted = digest.removeprefix("sha256:")
    found = [each for each in known if len(wanted) >= DIGITS_MIN and each.removeprefix("sha256:").startswith(wanted)]
    if len(found) > 1:
        raise ConfigError(f"{digest} is the beginning of {len(found)} digests; give more of it")
    return found[0] if found else digest


def _one_of(holders: Sequence[str], prepare: Path | None, prepared: Path | None) -> None:
    if sum((bool(holders), prepare is not None, prepared is not None)) != 1:
        raise ConfigError("give one of --by HOLDER, --prepare FOLDER and --prepared FOLDER")


def _shares(concessions: Sequence[str]) -> dict[str, float]:
    found = {}
    for fact, text in pairs(concessions, "--concede").items():
        try:
            found[fact] = float(text)
        except ValueError:
            raise ConfigError(f"--concede takes a share from 0 to 1; found {text!r}") from None
        if not 0 <= found[fact] <= 1:
            raise ConfigError(f"--concede takes a share from 0 to 1; found {text!r}")
    return found


def _signed(state: Path, update: ReleaseUpdate, holders: Sequence[str]) -> bytes:
    keys = [load_key(StateFolder(state).key(holder)) for holder in holders]
    return sign_statement(update, UPDATE_TYPE, keys)


def _read(path: Path) -> bytes:
    """Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _write(folder: Path, update: ReleaseUpdate, outcomes: bytes, as_json: bool) -> None:
    """Raises ``ConfigError``: nothing of anybody's is written over."""
    try:
        folder.mkdir(parents=True)
        (folder / UPDATE_FILE).write_bytes(sign_statement(update, UPDATE_TYPE, ()))
        (folder / OUTCOMES_FILE).write_bytes(outcomes)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    if as_json:
        click.echo(render.as_json({**_told(update), "prepared": str(folder)}))
        return
    click.echo(f"prepared in {folder}; every signer now runs: brightline classifier approve {folder} --key FILE")
    for need in SIGNERS[update.kind]:
        click.echo(f"  it takes {need.holders} of {need.role}")


# ---- what is said --------------------------------------------------------------------------------------------------


def _bring(
    state: Path, folder: Path, outcomes: bytes, envelope: bytes, as_json: bool, found: Ratcheted | None = None
) -> None:
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        record = bring_into_force(state, settings, registry, folder, outcomes, envelope, clock)
        candidate = registry.classifiers.candidate
        said = candidate.update if candidate is not None else registry.classifiers.history[-1].update
    _in_force(said, record, found, as_json)


def _told(update: ReleaseUpdate) -> dict[str, JsonValue]:
    return {"does": update.kind.value, "id": update.id, "version": update.version, "release": update.release}


def _refused(proposed: Proposed, as_json: bool) -> NoReturn:
    if as_json:
        lost = msgspec.to_builtins(proposed.ratcheted.lost)
        said = {**_told(proposed.update), "in_force": False, "refused": list(proposed.refusals), "lost": lost}
        click.echo(render.as_json(said))
    else:
        update = proposed.update
        click.echo(f"refused: {update.id} version {update.version} does not come into force; nothing was changed")
        for reason in proposed.refusals[:NAMED_MAX]:
            click.echo(f"  - {render.plain(reason)}")
        if len(proposed.refusals) > NAMED_MAX:
            click.echo(f"  and {len(proposed.refusals) - NAMED_MAX} more; --json lists all")
    raise SystemExit(1)


def _in_force(update: ReleaseUpdate, record: DurableRecord, found: Ratcheted | None, as_json: bool) -> None:
    if as_json:
        said = {**_told(update), "in_force": update.trial is None, "record": record.place.seq}
        click.echo(render.as_json({**said, "figures": msgspec.to_builtins(found.figures) if found else []}))
        return
    stands = "in force" if update.trial is None else "on trial"
    click.echo(f"{update.id} version {update.version} is {stands} as record {record.place.seq} of the registry")
    if found is not None and found.figures:
        rows = [
            [
                each.fact,
                each.positives,
                " → ".join(map(str, each.stopped)),
                " → ".join(map(str, each.denied)),
                " → ".join(f"{worst.rate:.2%}" for worst in each.worst_stopped),
                each.worst_stopped[1].corpus,
            ]
            for each in found.figures
        ]
        render.table("pinned cases", ["fact", "bad", "stopped", "denied", "wrongful at worst", "where"], rows)
