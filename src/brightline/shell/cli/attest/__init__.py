# SPDX-License-Identifier: Apache-2.0
"""``brightline attest``: what machines say about themselves, verified and appraised; and what counts of it here.

What verifies is imported when a command runs: certificates cost every other command a twentieth of a second.
"""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.attestation.claims import Kind


@click.group()
def attest() -> None:
    """Evidence of a machine's maker or operator: is it authentic, is it good enough, and what follows from it."""


@attest.command()
@click.argument("evidence", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", required=True, type=click.Choice([each.value for each in Kind]), help="What EVIDENCE is.")
@click.option("--with", "parts", metavar="NAME=FILE", multiple=True, help="What belongs to it; once for each part.")
@click.option("--at", metavar="TIME", help="When to verify: RFC 3339 or Unix seconds; without it, now.")
@click.option("--nonce", metavar="HEX", help="The nonce that it must carry.")
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Appraise it as well.")
@click.option("--roots", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Roots in place of ours.")
@click.option("--json", "as_json", is_flag=True, help="Print an EAT claims set (RFC 9711) as JSON.")
def verify(
    evidence: Path,
    kind: str,
    parts: tuple[str, ...],
    at: str | None,
    nonce: str | None,
    policy: Path | None,
    roots: Path | None,
    as_json: bool,
) -> None:
    """Verify EVIDENCE of one kind: its form, its chain to a pinned root, its signature, its time.

    Evidence of a machine in debug mode is refused. With --nonce it must carry that nonce; without it, a copy from any
    time within its certificates' passes, and the result says so. With --policy it is appraised as well.

    A quote by a key for which nobody vouches is shown, and is not authentic; a policy may name that key.

    Exit codes: 0 authentic, and accepted where there is a policy; 1 refused, with the fault by name; 2 bad usage.
    """
    from brightline.shell.cli.attest.verify import run

    run(evidence, kind, parts, at, nonce, policy, roots, as_json=as_json)


@attest.command()
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What is accepted."
)
@click.option("--nonce", required=True, metavar="HEX", help="The nonce that each piece must carry: 16 bytes or more.")
@click.option("--key", metavar="HEX", help="A key that one piece must bind.")
@click.option("--after", metavar="COUNTERS", help="The TPM's counters when it was last seen: RESETS.RESTARTS.CLOCK.")
@click.option("--at", metavar="TIME", help="When to appraise: RFC 3339 or Unix seconds; without it, now.")
@click.option("--roots", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Roots in place of ours.")
@click.option("--json", "as_json", is_flag=True, help="Print an EAT claims set (RFC 9711) as JSON.")
def appraise(
    manifest: Path,
    policy: Path,
    nonce: str,
    key: str | None,
    after: str | None,
    at: str | None,
    roots: Path | None,
    as_json: bool,
) -> None:
    """Verify every piece of evidence that MANIFEST names, appraise them together, and say which facts follow.

    MANIFEST is TOML: a table `[[evidence]]` for each piece with `kind`, `file` and, where the kind takes some, `parts`
    by name; files lie beside it. One piece that is refused refuses all.

    Exit codes: 0 accepted, and both facts have their good value; 1 refused, or a fact stays unknown; 2 bad usage.
    """
    from brightline.shell.cli.attest.appraise import run

    run(manifest, policy, nonce, key, after, at, roots, as_json=as_json)


@attest.command()
@click.argument("before", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("after", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(before: Path, after: Path, as_json: bool) -> None:
    """Say in what the policy AFTER accepts evidence that BEFORE refuses, and the digests of both, for who signs them.

    What is compared is what is written: two entries of BEFORE that only together cover one of AFTER are not seen to.

    Exit codes: 0 AFTER is no looser; 1 it is, or may be; 2 one of them is no policy.
    """
    from brightline.shell.cli.attest.compare import run

    run(before, after, as_json=as_json)


_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_FILE = click.Path(dir_okay=False, path_type=Path)
_THERE = click.Path(exists=True, dir_okay=False, path_type=Path)
_REASON = click.option("--reason", required=True, help="Why, in words; it is logged, opened to few.")
_KEY = click.option("--key", "keys", multiple=True, type=_THERE, help="A private key to sign with; once for each.")
_BY = click.option("--by", "holders", multiple=True, metavar="HOLDER", help="Who signs; without it one of each party.")
_PREPARE = click.option("--prepare", type=_FILE, help="Log nothing: write it, signed so far, for the other party.")
_PREPARED = click.option("--prepared", type=_THERE, help="What the other party has signed; sign it too, and log it.")
_COPY = click.option(
    "--copy",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write it to FILE too, for a key broker or a guard.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@attest.command()
@_STATE
@click.option("--measurement", metavar="HEX", help="A value, whatever register it stands in.")
@click.option("--issuer", metavar="ISSUER", help="Who vouches, or a key that signs by itself, as policies name it.")
@click.option("--node", metavar="NAME", help="A machine, by the name that evidence gives it.")
@_REASON
@click.option("--by", "holder", default="", metavar="HOLDER", help="Who signs; without it the provider's officer.")
@_KEY
@_COPY
@_JSON
def revoke(
    state: Path,
    measurement: str | None,
    issuer: str | None,
    node: str | None,
    reason: str,
    holder: str,
    keys: tuple[Path, ...],
    copy: Path | None,
    as_json: bool,
) -> None:
    """Revoke a measurement, an issuer or a node at once. One signature of either party is enough.

    Within two seconds every node whose lease rests on it refuses, and running streams are cut. Those who may halt may.
    """
    from brightline.core.attestation.lease import Revocable
    from brightline.shell.cli.attest.signed import revoke as run

    given = [
        (what, value) for what, value in zip(Revocable, (measurement, issuer, node), strict=True) if value is not None
    ]
    if len(given) != 1:
        raise click.UsageError("give one of --measurement, --issuer and --node")
    [(what, value)] = given
    run(state, what, value, reason, holder, keys, as_json=as_json, copy=copy)


@attest.command()
@_STATE
@click.option("--revocation", "ids", multiple=True, metavar="ID", help="What is over; without it all in force.")
@_REASON
@_BY
@_KEY
@_PREPARE
@_PREPARED
@_COPY
@_JSON
def reinstate(
    state: Path,
    ids: tuple[str, ...],
    reason: str,
    holders: tuple[str, ...],
    keys: tuple[Path, ...],
    prepare: Path | None,
    prepared: Path | None,
    copy: Path | None,
    as_json: bool,
) -> None:
    """Take back what was revoked. The provider's officer and the customer's official both sign."""
    from brightline.shell.cli.attest.signed import reinstate as run

    run(state, ids, reason, holders, keys, prepare, prepared, as_json=as_json, copy=copy)


@attest.command("policy")
@_STATE
@click.argument("file", type=_THERE)
@_REASON
@_BY
@_KEY
@_PREPARE
@_PREPARED
@_COPY
@_JSON
def policy_(
    state: Path,
    file: Path,
    reason: str,
    holders: tuple[str, ...],
    keys: tuple[Path, ...],
    prepare: Path | None,
    prepared: Path | None,
    copy: Path | None,
    as_json: bool,
) -> None:
    """Put the policy of FILE in force in the place of the one before it. Both parties sign.

    One that asks for less in anything is refused, whoever signed: only another installation may.
    """
    from brightline.shell.cli.attest.signed import put_in_force

    put_in_force(state, file, reason, holders, keys, prepare, prepared, as_json=as_json, copy=copy)


@attest.command()
@_STATE
@_JSON
def status(state: Path, as_json: bool) -> None:
    """Say which policy is in force and what is revoked. Exit codes: 0 there is a policy; 1 nothing is accepted."""
    from brightline.shell.cli.attest.signed import status as run

    run(state, as_json=as_json)


@attest.command()
@click.argument("log")
@click.option(
    "--disclosures", required=True, type=_THERE, help="What opens records, as `brightline disclose` writes it."
)
@click.option("--policy", "ruled", type=_THERE, help="The policy that the leases rest on: appraise under it as well.")
@click.option("--roots", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Roots in place of ours.")
@_JSON
def recheck(log: str, disclosures: Path, ruled: Path | None, roots: Path | None, as_json: bool) -> None:
    """Verify again what was shown for the leases of LOG (a folder, or an address), at the time of each record.

    Of a key broker's log it is what was shown for the keys that it handed over.

    The challenge is made again from the record, so nothing is believed of the node but that this is its record: that
    the log is what was signed, and by whose key, says `brightline verify`.

    Exit codes: 0 all that was opened verifies; 1 something does not, or nothing was opened; 2 bad usage.
    """
    from brightline.shell.cli.attest.recheck import run

    run(log, disclosures, ruled, roots, as_json=as_json)
