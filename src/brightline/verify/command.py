# SPDX-License-Identifier: Apache-2.0
"""``brightline verify``: the auditor's command. It opens no state folder and needs no gateway.

Exit codes: 0 nothing is contradicted, 1 something is, 2 the question cannot be answered. A file *of the log* that does
not read is a finding; a file *of the auditor's* (key, receipt, disclosures, agreement) that does not read is exit 2,
and so is a server that does not answer.
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from brightline.files import write_text
from brightline.terminal import as_json, plain
from brightline.verify.arguments import read_receipt_argument
from brightline.verify.convict import write_all
from brightline.verify.examine import Examined, Question, examine
from brightline.verify.memory import write_memory
from brightline.verify.page import Telling, to_html
from brightline.verify.text import show


@click.command()
@click.argument("evidence", nargs=-1, required=True)
@click.option("--key", "keys", multiple=True, metavar="VKEY|FILE", help="Verifier key of a log; repeat for more.")
@click.option(
    "--disclosures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What opens the records, from `brightline disclose`: each decision is then made again.",
)
@click.option(
    "--agreement",
    "agreements",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with agreement.toml; repeat for each version. With disclosures and without it, the shipped ones.",
)
@click.option(
    "--installation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The installation that both parties signed: who is on the roster. With --parties and --disclosures.",
)
@click.option(
    "--parties",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The parties' keys (trust.json), by which the installation and enrolments are believed.",
)
@click.option(
    "--guard",
    "guards",
    multiple=True,
    metavar="DIRECTORY|URL",
    help="The published log of a guard beside the model; repeat for more. Both sides of the books are compared.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A witness policy (tlog-policy) of your own: which cosignatures are believed.",
)
@click.option(
    "--receipt", "receipts", multiple=True, metavar="TEXT|FILE", help="A receipt to look up; repeat for more."
)
@click.option(
    "--seen",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint of the log that was seen elsewhere; repeat for more. The log must extend it.",
)
@click.option(
    "--memory",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep here what was verified; the next run reads only what is new, and proves that nothing before changed.",
)
@click.option(
    "--misbehaviour",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for files that convict a log by its own signatures: `brightline misbehaviour` checks them.",
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report as one HTML page."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON array.")
def verify(
    evidence: tuple[str, ...],
    keys: tuple[str, ...],
    disclosures: Path | None,
    agreements: tuple[Path, ...],
    installation: Path | None,
    parties: Path | None,
    guards: tuple[str, ...],
    policy: Path | None,
    receipts: tuple[str, ...],
    seen: tuple[Path, ...],
    memory: Path | None,
    misbehaviour: Path | None,
    html: Path | None,
    json_wanted: bool,
) -> None:
    """Verify the published evidence at each EVIDENCE, recount it, and say what it shows.

    EVIDENCE is a folder that holds one folder for each shard, one shard's folder, or the address (http, https) of one.

    Exit codes: 0 nothing is contradicted; 1 something is; 2 bad usage, unreadable, or a server that does not answer.
    """
    question = Question(
        evidence=evidence,
        keys=keys,
        disclosures=disclosures,
        agreements=agreements,
        receipts=tuple(map(read_receipt_argument, receipts)),
        guards=guards,
        policy=policy,
        seen=seen,
        memory=memory,
        installation=installation,
        parties=parties,
    )
    examined = examine(question)
    reports = examined.reports
    convicting = [] if misbehaviour is None else write_all(misbehaviour, examined.misbehaviour)
    if memory is not None and examined.kept is not None:
        write_memory(memory, examined.kept)
    if html is not None:
        write_text(html, to_html(reports, _telling(question, receipts)))
    if json_wanted:
        click.echo(as_json([json.loads(msgspec.json.encode(report)) for report in reports]))
    else:
        for report in reports:
            show(report)
        if not keys:
            click.echo("keys: taken from the folder itself. This shows that it is whole, not whose it is; give --key.")
        _say_what_was_kept(examined, memory, convicting)
    if any(report.contradicted for report in reports):
        raise SystemExit(1)


def _say_what_was_kept(examined: Examined, memory: Path | None, convicting: list[Path]) -> None:
    if examined.anew:
        click.echo(plain(f"memory: everything was read anew, because {examined.anew}."))
    if memory is not None:
        done = "kept for the next run" if examined.kept is not None else "left as it was: not everything was believed"
        click.echo(f"memory: {memory} {done}.")
    for path in convicting:
        click.echo(f"misbehaviour: {path}")


def _telling(question: Question, receipts: tuple[str, ...]) -> Telling:
    now = datetime.now(UTC)
    return Telling(
        evidence=(*question.evidence, *question.guards),
        made=f"{now.day} {now:%B %Y, %H:%M} UTC",
        command=_command(question, receipts),
        pinned=bool(question.keys),
    )


def _command(question: Question, receipts: tuple[str, ...]) -> str:
    """The command that asks the same again."""
    words = ["brightline", "verify", *question.evidence]
    for option, values in (
        ("--key", question.keys),
        ("--disclosures", [question.disclosures] if question.disclosures else []),
        ("--agreement", question.agreements),
        ("--installation", [question.installation] if question.installation else []),
        ("--parties", [question.parties] if question.parties else []),
        ("--guard", question.guards),
        ("--policy", [question.policy] if question.policy else []),
        ("--receipt", receipts),
        ("--seen", question.seen),
    ):
        for value in values:
            words += [option, str(value)]
    return shlex.join(words)
