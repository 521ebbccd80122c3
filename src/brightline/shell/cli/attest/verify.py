# SPDX-License-Identifier: Apache-2.0
"""``brightline attest verify``: one piece of evidence, at a time, with a nonce, under a policy where one is given."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.attestation.appraise import Tier, appraise
from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.demands import Challenge, check_nonce, check_not_debug
from brightline.core.attestation.evidence import verify as verify_evidence
from brightline.core.errors import EvidenceRefused
from brightline.shell.cli import render
from brightline.shell.cli.attest.given import evidence_of, hex_of, policy_of, roots_of
from brightline.shell.cli.attest.say import say_appraisal, say_claims, say_refused
from brightline.shell.cli.times import time_of


def run(
    evidence: Path,
    kind: str,
    parts: tuple[str, ...],
    at: str | None,
    nonce: str | None,
    policy: Path | None,
    roots: Path | None,
    *,
    as_json: bool,
) -> None:
    """See ``brightline attest verify --help``. Raises ``SystemExit`` with 1 if it is refused."""
    moment, wanted = time_of(at), hex_of(nonce, "--nonce")
    if policy is not None and not wanted:
        raise click.UsageError("--policy needs --nonce: evidence of any time is accepted by no policy")
    ruled = policy_of(policy) if policy is not None else None
    pinned, piece = roots_of(roots), evidence_of(Kind(kind), evidence, _parts(parts))
    try:
        claims = verify_evidence(piece, pinned, moment)
        check_not_debug(claims)
        if wanted:
            check_nonce(claims, wanted)
    except EvidenceRefused as error:
        say_refused(Kind(kind), error, as_json=as_json)
        raise SystemExit(1) from None
    if ruled is None:
        _say(claims, bool(wanted), as_json=as_json)
        return
    appraisal = appraise([claims], ruled, _challenge(wanted), moment)
    say_appraisal(appraisal, as_json=as_json)
    if appraisal.tier is not Tier.AFFIRMING:
        raise SystemExit(1)


def _say(claims: Claims, fresh: bool, *, as_json: bool) -> None:
    """Print what was verified. Raises ``SystemExit`` with 1 if nobody vouches for the key."""
    if as_json:
        tier = Tier.WARNING if claims.issuer else Tier.NONE
        own = {"tier": tier.value, "nonce_compared": fresh}
        click.echo(render.as_json({**claims.eat(), "brightline_result": own}))
    else:
        say_claims(claims)
        click.echo(_verdict(claims, fresh))
    if not claims.issuer:
        raise SystemExit(1)


def _verdict(claims: Claims, fresh: bool) -> str:
    if not claims.issuer:
        return "Signed by the key that came with it, and nobody vouches for that key: anybody could have made this."
    copied = "" if fresh else "No nonce was compared: it may be a copy from another time. "
    return f"Authentic. {copied}Whether it is good enough is for a policy (--policy)."


def _challenge(nonce: bytes) -> Challenge:
    try:
        return Challenge(nonce)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _parts(given: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for each in given:
        name, sign, path = each.partition("=")
        if not sign or not name or not path or name in found:
            raise click.BadParameter("--with takes NAME=FILE, each name once")
        found[name] = Path(path)
    return found
