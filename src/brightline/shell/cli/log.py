# SPDX-License-Identifier: Apache-2.0
"""``brightline log``: a published log served over HTTP, and proofs taken out of one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.merkle import ProofError
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.proving import RETRY_SECONDS, NotCosigned, NotPublished, prove_record, read_heads
from brightline.shell.cli import render
from brightline.shell.logserver.serve import serving_logs
from brightline.shell.serve import bind, until_signalled
from brightline.verify.arguments import read_policy
from brightline.verify.receipt import opened_log, write_proof


@click.group()
def log() -> None:
    """Serve a published log, and take proofs out of it. Neither needs a key or a gateway."""


@log.command()
@click.argument("evidence", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8091, show_default=True, type=click.IntRange(0, 65_535), help="0: a free one.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A witness policy (tlog-policy), so that the pages can name witnesses and verify what they say.",
)
def serve(evidence: Path, host: str, port: int, policy: Path | None) -> None:
    """Serve EVIDENCE over HTTP until interrupted: the files of the logs, their proofs, and pages to look at them.

    EVIDENCE is a published folder: that of one log, or the one that holds them.
    """
    asyncio.run(_serve(evidence, host, port, None if policy is None else read_policy(policy)))


async def _serve(evidence: Path, host: str, port: int, policy: Policy | None) -> None:
    async with serving_logs(evidence, bind(host, port), policy) as url:
        click.echo(f"logs at {url}/")
        await until_signalled()
        click.echo("draining", err=True)


@log.command()
@click.argument("evidence")
@click.argument("shard")
@click.argument("index", type=click.IntRange(0, 2**63 - 2))
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .tlog-proof to write."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def proof(evidence: str, shard: str, index: int, out: Path, as_json: bool) -> None:
    """Write the proof (C2SP tlog-proof) that record INDEX stands in the log SHARD at EVIDENCE, a folder or an address.

    It holds the checkpoint that witnesses cosigned last, or the log's own where it has no witnesses. Nothing in it is
    verified but that it leads to that checkpoint's root: `brightline receipt check` verifies it.

    Exit codes: 0 written; 1 there is none, now or at all; 2 bad usage, unreadable, or a server that does not answer.
    """
    try:
        with opened_log(evidence, shard) as found:
            heads = read_heads(found.published)
            head = heads.in_place(index)
            made = prove_record(found.published, heads, head, index)
    except (NotCosigned, NotPublished) as error:
        _say(as_json, {"written": False, "sentence": f"{error}; try again in {RETRY_SECONDS} seconds"})
        raise SystemExit(1) from error
    except (UnreadableError, ProofError) as error:
        _say(as_json, {"written": False, "sentence": f"this log gives no proof of record {index}: {error}"})
        raise SystemExit(1) from error
    write_proof(out, made)
    size, cosigned = head.checkpoint.size, head is heads.cosigned
    who = "the log and its witnesses" if cosigned else "the log alone"
    sentence = f"{out}: record {index} among the first {size}, as {who} signed"
    _say(as_json, {"written": True, "sentence": sentence, "index": index, "size": size, "cosigned": cosigned})


def _say(as_json: bool, said: dict[str, object]) -> None:
    click.echo(render.as_json(said) if as_json else render.plain(said["sentence"]))
