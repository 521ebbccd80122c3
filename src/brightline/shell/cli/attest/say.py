# SPDX-License-Identifier: Apache-2.0
"""How the commands print what evidence says and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from brightline.core.attestation.appraise import Appraisal, Tier
from brightline.core.attestation.claims import Claims, Debug, Kind
from brightline.core.errors import EvidenceRefused
from brightline.shell.cli import render


def say_refused(kind: Kind, error: EvidenceRefused, *, as_json: bool) -> None:
    """The fault, by name."""
    if as_json:
        own = {"tier": Tier.CONTRAINDICATED.value, "kind": kind.value, "fault": error.fault, "message": error.said}
        click.echo(render.as_json({"brightline_result": own}))
        return
    click.echo(render.plain(f"Refused ({kind}): {error.fault}: {error.said}"))


def say_claims(claims: Claims) -> None:
    """What was verified, as a table."""
    rows: list[tuple[str, object]] = [("issuer", claims.issuer or "nobody vouches for the key")]
    rows += [(name, _time(when)) for name, when in (("made", claims.made), ("holds until", claims.until)) if when]
    rows += [("nonce", nonce.hex()) for nonce in claims.nonces]
    rows += [(name, data.hex()) for name, data in (("key", claims.key), ("data", claims.data)) if data]
    if claims.debug is not Debug.UNSAID:
        rows.append(("debug", claims.debug.eat))
    rows += [(name, text) for name, text in (("product", claims.product), ("instance", claims.instance)) if text]
    if claims.place is not None:
        place = claims.place
        rows.append(("place", " ".join(filter(None, (place.provider, place.region, place.zone, place.account)))))
    if claims.tcb is not None:
        rows += [(f"tcb {name}", value) for name, value in claims.tcb.parts]
        if claims.tcb.status:
            rows.append(("tcb status", f"{claims.tcb.status}, list {claims.tcb.evaluation}"))
    if claims.counters is not None:
        counters = claims.counters
        rows.append(("counters", f"{counters.resets}.{counters.restarts}.{counters.clock}"))
    rows += [(name, value) for name, value in (*claims.conditions, *claims.measurements) if value.strip("0")]
    render.table(f"Evidence of kind {claims.kind}", ["what", "value"], rows)


def say_appraisal(appraisal: Appraisal, *, as_json: bool) -> None:
    """What was accepted, what was refused and why, and the facts."""
    if as_json:
        click.echo(render.as_json(appraisal.eat()))
        return
    rows = [(claims.kind, "accepted", f"by {name!r}") for name, claims in appraisal.accepted]
    rows += [
        (each.kind, each.fault, each.message + (f" (entry {each.entry!r})" if each.entry else ""))
        for each in appraisal.refused
    ]
    render.table(f"Appraisal: {appraisal.tier}", ["evidence", "outcome", "why"], rows)
    render.table("Facts", ["fact", "value"], list(appraisal.facts))
    for note in appraisal.notes:
        click.echo(f"Note: {render.plain(note)}.")
    if appraisal.tier is Tier.AFFIRMING:
        click.echo(f"Holds until {_time(appraisal.until)} at the latest. Policy {appraisal.policy}.")


def _time(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
