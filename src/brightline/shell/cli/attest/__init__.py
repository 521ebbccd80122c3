# SPDX-License-Identifier: Apache-2.0
"""``brightline attest``: what machines say about themselves, verified and appraised from files.

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
