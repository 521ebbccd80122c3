# SPDX-License-Identifier: Apache-2.0
"""``brightline delivery key``, ``begin``, ``add``, ``sign``, ``publish``, ``rotate``, ``status``: the ceremony.

TUF is imported late: no other command needs it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from brightline.core.errors import ConfigError, TrustError
from brightline.core.screening.parcel import APPROVAL_FORMAT, OFFER_FORMAT, Approval, Offer, statement_digest
from brightline.core.screening.update import UPDATE_TYPE, Kind, ReleaseUpdate
from brightline.core.statement import unverified_payload
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.delivery.plan import read_plan
from brightline.shell.storage.releases import release_files
from brightline.shell.trust.keys import load_key, make_key, public_hex

if TYPE_CHECKING:
    from brightline.shell.delivery.repository import Repository

PLAN_FILE: Final = "plan.toml"
_REPOSITORY = click.argument("repository", type=FOLDER_TYPE)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_MEANS: Final = {
    "root": "who holds which role, and how many of them must sign",
    "targets": "that releases are the provider's to offer and the customer's to approve",
    "provider": "which releases the provider offers",
    "customer": "which release the customer approved",
}


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_JSON
def key(file: Path, as_json: bool) -> None:
    """Make the key of one holder in FILE, which nobody else may read, and print its public half for the plan."""
    public = public_hex(make_key(file))
    click.echo(render.as_json({"file": str(file), "public": public}) if as_json else public)


@click.command()
@click.argument("repository", type=click.Path(path_type=Path))
@click.argument("plan", type=_FILE)
def begin(repository: Path, plan: Path) -> None:
    """Begin a REPOSITORY after PLAN (TOML): every role with its holders, its threshold and its days.

    What is staged must be signed by its holders, then published.
    """
    from brightline.shell.delivery.repository import Repository

    Repository(repository, read_plan(plan)).begin(SystemClock().unix())
    shutil.copyfile(plan, repository / PLAN_FILE)
    _next(repository)


@click.command()
@_REPOSITORY
@click.argument("plan", type=_FILE)
def rotate(repository: Path, plan: Path) -> None:
    """Stage a new root after another PLAN: holders who come, go or change keys. Those of the last root sign it too."""
    from brightline.shell.delivery.repository import Repository

    Repository(repository, read_plan(plan)).rotate(SystemClock().unix())
    shutil.copyfile(plan, repository / PLAN_FILE)
    _next(repository)


@click.command()
@_REPOSITORY
@click.option("--release", "folder", type=FOLDER_TYPE, help="The release's folder; a rollback has none.")
@click.option("--prepared", type=FOLDER_TYPE, required=True, help="What was prepared for it, signed by everybody.")
def add(repository: Path, folder: Path | None, prepared: Path) -> None:
    """Stage a release that everybody signed: the provider's offer of it, and the customer's approval.

    Exit codes: 0 staged; 2 files that do not fit together.
    """
    opened = _open(repository)
    statement = _read(prepared / "update.json")
    update: ReleaseUpdate = unverified_payload(statement, UPDATE_TYPE, ReleaseUpdate)
    if (folder is None) != (update.kind is Kind.ROLLBACK):
        raise ConfigError("give --release FOLDER for a release, and none for a rollback")
    files = release_files(folder) if folder is not None else {}
    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{update.id}-v{update.version}-{update.number}")
    offer = Offer(OFFER_FORMAT, name, update.version, update.release, tuple(files))
    approval = Approval(APPROVAL_FORMAT, name, update.release, statement_digest(statement))
    offered: dict[str, Path | bytes] = {f"classifiers/{name}/{file}": path for file, path in files.items()}
    if files:
        offered[f"outcomes/{name}/outcomes.json"] = prepared / "outcomes.json"
    offered["classifiers/current.json"] = msgspec.json.encode(offer)
    now = SystemClock().unix()
    opened.stage_files("provider", offered, now)
    approved: dict[str, Path | bytes] = {
        f"approvals/{name}/update.json": statement,
        "approvals/current.json": msgspec.json.encode(approval),
    }
    opened.stage_files("customer", approved, now)
    click.echo(f"staged {name}: {len(offered)} files of the provider, {len(approved)} of the customer")
    _next(repository)


@click.command()
@_REPOSITORY
@click.option("--key", "path", required=True, type=_FILE, help="A PEM key.")
@click.option("--yes", is_flag=True, help="Do not ask before each signature.")
def sign(repository: Path, path: Path, yes: bool) -> None:
    """Sign what is staged for the roles of this key, after saying what each signature means."""
    opened, secret = _open(repository), load_key(path)
    roles = opened.to_sign(secret)
    if not roles:
        click.echo("nothing is staged that this key could sign, or it has signed already")
        return
    for role in roles:
        state = next(state for state in opened.states() if state.role == role)
        click.echo(f"{role} version {state.staged}: {_MEANS[role]}")
        click.echo(f"  signed by {', '.join(state.signed) or 'nobody yet'}; it takes {state.threshold}")
        if yes or click.confirm(f"  sign {role} version {state.staged}?"):
            opened.sign([role], secret)
            click.echo(f"  signed {role}")
    _next(repository)


@click.command()
@_REPOSITORY
@click.option(
    "--key", "paths", multiple=True, required=True, type=_FILE, help="A key of snapshot or timestamp; repeat."
)
def publish(repository: Path, paths: tuple[Path, ...]) -> None:
    """Publish what is staged and signed, with a new snapshot and timestamp; without anything staged, those alone.

    Run it before the timestamp expires: a site that finds no fresh one refuses, because it may be kept from news.

    Exit codes: 0 published; 2 a threshold is not met, and nothing was published.
    """
    published = _open(repository).publish([load_key(path) for path in paths], SystemClock().unix())
    click.echo(f"published {', '.join((*published, 'snapshot', 'timestamp'))}")


@click.command()
@_REPOSITORY
@_JSON
def status(repository: Path, as_json: bool) -> None:
    """List the roles: what is published and until when it is fresh, what is staged and who has signed it."""
    states = _open(repository).states()
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(states)))
        return
    rows = [
        [
            state.role,
            state.version or "–",
            state.expires or "–",
            state.staged or "–",
            f"{len(state.signed)} of {state.threshold}" if state.staged else "–",
            ", ".join(f"{name} ✓" if name in state.signed else name for name in state.holders),
        ]
        for state in states
    ]
    render.table("Roles", ["role", "published", "fresh until", "staged", "signed", "holders"], rows)


def _open(repository: Path) -> Repository:
    from brightline.shell.delivery.repository import Repository

    return Repository(repository, read_plan(repository / PLAN_FILE))


def _next(repository: Path) -> None:
    """Say what is still to be done."""
    for state in _open(repository).states():
        if state.staged and len(state.signed) < state.threshold:
            missing = [name for name in state.holders if name not in state.signed]
            more = state.threshold - len(state.signed)
            click.echo(f"{state.role} version {state.staged} takes {more} more of: {', '.join(missing)}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error
