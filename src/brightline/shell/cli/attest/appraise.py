# SPDX-License-Identifier: Apache-2.0
"""``brightline attest appraise``: all evidence of one machine against a policy, and the facts that follow."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.attestation.appraise import GOOD
from brightline.core.attestation.appraise import appraise as appraise_claims
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.evidence import verify
from brightline.core.errors import EvidenceRefused
from brightline.shell.cli.attest.given import counters_of, hex_of, manifest_of, policy_of, roots_of, time_of
from brightline.shell.cli.attest.say import say_appraisal, say_refused


@click.command()
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
    moment, ruled, pinned = time_of(at), policy_of(policy), roots_of(roots)
    try:
        challenge = Challenge(hex_of(nonce, "--nonce"), hex_of(key, "--key"), counters_of(after))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    claims = []
    for piece in manifest_of(manifest):
        try:
            claims.append(verify(piece, pinned, moment))
        except EvidenceRefused as error:
            say_refused(piece.kind, error, as_json=as_json)
            raise SystemExit(1) from None
    appraisal = appraise_claims(claims, ruled, challenge, moment)
    say_appraisal(appraisal, as_json=as_json)
    if dict(appraisal.facts) != GOOD:
        raise SystemExit(1)
