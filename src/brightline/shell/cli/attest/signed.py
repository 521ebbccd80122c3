# SPDX-License-Identifier: Apache-2.0
"""``brightline attest revoke``, ``reinstate``, ``policy`` and ``status``: what counts, as people signed it.

One person revokes, both parties reinstate and both put a policy in force; each party can sign at a place of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.attestation.lease import Revocable
from brightline.core.attestation.policy import POLICY_BYTES_MAX, read_policy
from brightline.core.attestation.ratchet import looser
from brightline.core.attestation.revocation import (
    EFFECT_SECONDS,
    POLICY_FORMAT,
    POLICY_TYPE,
    REINSTATEMENT_FORMAT,
    REINSTATEMENT_TYPE,
    REVOCATION_FORMAT,
    REVOCATION_TYPE,
    PolicyUpdate,
    Reinstatement,
    Revocation,
)
from brightline.core.errors import ConfigError, TrustError
from brightline.core.statement import BOTH_PARTIES, add_signature, sign_statement
from brightline.files import read_within, write_private
from brightline.shell.cli import render
from brightline.shell.cli.signing import load_signers, signed_so_far
from brightline.shell.clock import SystemClock
from brightline.shell.development import PROVIDER_KEY
from brightline.shell.opening import in_force
from brightline.shell.registry.attestations import log_policy, log_reinstatement, log_revocation


def revoke(
    state: Path,
    what: Revocable,
    value: str,
    reason: str,
    holder: str,
    keys: Sequence[Path],
    *,
    as_json: bool,
    copy: Path | None = None,
) -> None:
    """See ``brightline attest revoke --help``."""
    if holder and keys:
        raise ConfigError("give --by HOLDER or --key FILE")
    clock = SystemClock()
    signers = load_signers(state, () if keys else (holder or PROVIDER_KEY,), keys)
    with in_force(state, clock) as (settings, registry):
        said = Revocation(REVOCATION_FORMAT, secrets.token_hex(16), what, value, reason, clock.unix())
        envelope = sign_statement(said, REVOCATION_TYPE, signers)
        record = log_revocation(state, settings, registry.attestations, registry.roots, envelope, clock)
    _copy(envelope, copy)
    if as_json:
        click.echo(render.as_json({**_row(said), "record": record.place.seq}))
        return
    click.echo(f"revoked: {what} {value} (revocation {said.id}, record {record.place.seq} of the registry)")
    click.echo(f"Every node whose lease rests on it refuses within {EFFECT_SECONDS} seconds.")
    click.echo("Both parties take it back: brightline attest reinstate")


def reinstate(
    state: Path,
    ids: Sequence[str],
    reason: str,
    holders: Sequence[str],
    keys: Sequence[Path],
    prepare: Path | None,
    prepared: Path | None,
    *,
    as_json: bool,
    copy: Path | None = None,
) -> None:
    """See ``brightline attest reinstate --help``."""
    clock = SystemClock()

    def new(signers: Sequence[Ed25519PrivateKey]) -> bytes:
        stand = registry.attestations.revoked.by_id
        if unknown := [each for each in ids if each not in stand]:
            raise ConfigError(f"no revocation {unknown[0][:80]!r} is in force; `brightline attest status` lists them")
        named = tuple(ids) or tuple(stand)
        if not named:
            raise ConfigError("nothing is revoked")
        said = Reinstatement(REINSTATEMENT_FORMAT, secrets.token_hex(16), named, reason, clock.unix())
        return sign_statement(said, REINSTATEMENT_TYPE, signers)

    with in_force(state, clock) as (settings, registry):
        add = partial(_add, REINSTATEMENT_TYPE)
        envelope = signed_so_far(state, BOTH_PARTIES, new, add, holders, keys, prepare, prepared)
        if prepare is not None:
            _told_prepared(prepare, as_json=as_json)
            return
        record = log_reinstatement(state, settings, registry.attestations, registry.roots, envelope, clock)
        _copy(envelope, copy)
        registry.refresh()
        left = list(registry.attestations.revoked.by_id.values())
    if as_json:
        click.echo(render.as_json({"record": record.place.seq, "revoked": [_row(each) for each in left]}))
        return
    click.echo(f"reinstated (record {record.place.seq} of the registry); {len(left)} revocations stay in force")


def put_in_force(
    state: Path,
    file: Path,
    reason: str,
    holders: Sequence[str],
    keys: Sequence[Path],
    prepare: Path | None,
    prepared: Path | None,
    *,
    as_json: bool,
    copy: Path | None = None,
) -> None:
    """See ``brightline attest policy --help``."""
    clock = SystemClock()
    policy = read_policy(read_within(file, POLICY_BYTES_MAX), str(file))

    def new(signers: Sequence[Ed25519PrivateKey]) -> bytes:
        before = registry.attestations.policy
        if before is None:
            raise TrustError("the installation that both parties signed has no policy that another could follow")
        if found := looser(before, policy):
            raise TrustError(f"the policy asks for less: {found[0]}; only another installation may")
        said = PolicyUpdate(POLICY_FORMAT, policy, before.digest, reason, clock.unix())
        return sign_statement(said, POLICY_TYPE, signers)

    with in_force(state, clock) as (settings, registry):
        add = partial(_add, POLICY_TYPE)
        envelope = signed_so_far(state, BOTH_PARTIES, new, add, holders, keys, prepare, prepared)
        if prepare is not None:
            _told_prepared(prepare, as_json=as_json)
            return
        record = log_policy(state, settings, registry.attestations, registry.roots, envelope, clock)
    _copy(envelope, copy)
    if as_json:
        click.echo(render.as_json({"record": record.place.seq, "policy": policy.digest}))
        return
    click.echo(f"in force: {policy.digest} (record {record.place.seq} of the registry)")
    click.echo("Leases that rest on the policy before it end at once; each node asks for a new one.")


def status(state: Path, *, as_json: bool) -> None:
    """See ``brightline attest status --help``. Raises ``SystemExit`` with 1 if nothing is accepted."""
    with in_force(state, SystemClock()) as (_, registry):
        policy, revoked = registry.attestations.policy, list(registry.attestations.revoked.by_id.values())
    if as_json:
        found = {"policy": policy and policy.digest, "for_production": policy is not None and policy.for_production}
        click.echo(render.as_json({**found, "revoked": [_row(each) for each in revoked]}))
    elif policy is None:
        click.echo("The installation has no attestation policy: no machine is accepted, and nothing is served.")
    else:
        warning = "" if policy.for_production else " — NOT FOR PRODUCTION: it accepts what attests nothing"
        click.echo(f"policy {policy.digest}{warning}")
        rows: list[list[object]] = [
            [entry.name, entry.kind, ", ".join(entry.states), ", ".join(entry.regions)] for entry in policy.accept
        ]
        render.table("Accepted", ["entry", "kind", "states", "regions"], rows)
        if revoked:
            rows = [[each.id, each.what, each.value, each.reason] for each in revoked]
            render.table("Revoked", ["revocation", "what", "value", "reason"], rows)
    if policy is None:
        raise SystemExit(1)


def _copy(envelope: bytes, copy: Path | None) -> None:
    """Write what was signed and logged once more, for those who have no registry: a key broker, a guard."""
    if copy is not None:
        write_private(copy, envelope)


def _add(kind: str, envelope: bytes, key: Ed25519PrivateKey) -> bytes:
    return add_signature(envelope, kind, key)


def _told_prepared(prepare: Path, *, as_json: bool) -> None:
    plain = f"signed so far in {prepare}; the other party signs it too, with --prepared {prepare}"
    click.echo(render.as_json({"prepared": str(prepare)}) if as_json else plain)


def _row(said: Revocation) -> dict[str, object]:
    return {"revocation": said.id, "what": said.what.value, "value": said.value, "reason": said.reason}
