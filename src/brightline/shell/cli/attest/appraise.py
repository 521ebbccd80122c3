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
from brightline.shell.cli.attest.given import counters_of, hex_of, manifest_of, policy_of, roots_of
from brightline.shell.cli.attest.say import say_appraisal, say_refused
from brightline.shell.cli.times import time_of


def run(
    manifest: Path,
    policy: Path,
    nonce: str,
    key: str | None,
    after: str | None,
    at: str | None,
    roots: Path | None,
    *,
    as_json: bool,
) -> None:
    """See ``brightline attest appraise --help``. Raises ``SystemExit`` with 1 if a fact is not good."""
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
