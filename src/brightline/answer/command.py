# SPDX-License-Identifier: Apache-2.0
"""``brightline answer``: what people ask of a deployment, answered from the same evidence that ``verify`` reads.

Exit codes: 0 every question that was asked is answered with everything shown; 1 something is open or pending; 3 the
evidence contradicts a claim; 2 the question cannot be answered. A contradiction has a code of its own, because a
pending answer is the usual state of things and no alarm.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.answer.gather import Asking, gather
from brightline.answer.page import to_html
from brightline.answer.text import show
from brightline.core.answer.markdown import to_markdown
from brightline.core.answer.model import Dossier, Status
from brightline.core.answer.oscal import assessment_results
from brightline.core.answer.questions import QUESTIONS
from brightline.files import write_text
from brightline.terminal import as_json
from brightline.verify.arguments import read_receipt_argument
from brightline.verify.examine import Question

_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[QUESTION] EVIDENCE...")
@click.option("--key", "keys", multiple=True, metavar="VKEY|FILE", help="Verifier key of a log; repeat for more.")
@click.option("--disclosures", type=_FILE, help="What opens the records: each decision is then made again.")
@click.option(
    "--agreement",
    "agreements",
    multiple=True,
    type=_FOLDER,
    help="Folder with agreement.toml; repeat for each version. Without it, those that are shipped.",
)
@click.option(
    "--release",
    "releases",
    multiple=True,
    type=_FOLDER,
    help="Folder with release.toml of a classifier release; repeat for more. Without it, those that are shipped.",
)
@click.option(
    "--guard", "guards", multiple=True, metavar="DIRECTORY|URL", help="The published log of a guard; repeat for more."
)
@click.option("--policy", type=_FILE, help="A witness policy of your own: which cosignatures are believed.")
@click.option("--parties", type=_FILE, help="The parties' keys (trust.json): who signed formulas and installation.")
@click.option("--installation", type=_FILE, help="The installation that both signed: who is on the roster.")
@click.option(
    "--receipt", "receipts", multiple=True, metavar="TEXT|FILE", help="A receipt to look up; repeat for more."
)
@click.option("--canaries", type=_FILE, help="Canaries that you sent, as `brightline canary` keeps them.")
@click.option("--seen", multiple=True, type=_FILE, help="A checkpoint that was seen elsewhere; repeat for more.")
@click.option("--html", type=_OUT, help="Also write the answers as one HTML page, with a diagram of each argument.")
@click.option("--markdown", type=_OUT, help="Also write them as Markdown.")
@click.option("--oscal", type=_OUT, help="Also write them as OSCAL assessment results, JSON.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
def answer(
    words: tuple[str, ...],
    keys: tuple[str, ...],
    disclosures: Path | None,
    agreements: tuple[Path, ...],
    releases: tuple[Path, ...],
    guards: tuple[str, ...],
    policy: Path | None,
    parties: Path | None,
    installation: Path | None,
    receipts: tuple[str, ...],
    canaries: Path | None,
    seen: tuple[Path, ...],
    html: Path | None,
    markdown: Path | None,
    oscal: Path | None,
    json_wanted: bool,
) -> None:
    """Answer what people ask of a deployment from the published evidence at each EVIDENCE, offline.

    QUESTION is weapons, surveillance, decisions, compelled, without-stack, violation, law-change or enforceable;
    without it, all of them, in short. EVIDENCE is what `brightline verify` takes: folders or addresses of logs.

    Each answer says what it claims, by which argument, on which evidence with its digest, within which bounds, and
    what is not shown. On mass surveillance the answer is pending until everything on its list is shown.

    Exit codes: 0 everything that was asked is shown; 1 something is open or pending; 2 bad usage, unreadable, or a
    server that does not answer; 3 the evidence contradicts a claim.
    """
    asked = (words[0],) if words[0] in QUESTIONS else tuple(QUESTIONS)
    evidence = words[1:] if words[0] in QUESTIONS else words
    if not evidence:
        raise click.UsageError(f"{words[0]} is asked of no evidence; name a folder or an address of logs after it")
    question = Question(
        evidence=evidence,
        keys=keys,
        disclosures=disclosures,
        agreements=agreements,
        receipts=tuple(map(read_receipt_argument, receipts)),
        guards=guards,
        policy=policy,
        seen=seen,
        installation=installation,
        parties=parties if installation is not None else None,
    )
    now = datetime.now(UTC)
    asking = Asking(questions=asked, evidence=question, releases=releases, roots=parties, canaries=canaries)
    dossier = gather(asking, now)
    given = {"--key": keys, "--disclosures": [disclosures], "--agreement": agreements, "--release": releases}
    given |= {"--guard": guards, "--policy": [policy], "--receipt": receipts}
    given |= {"--parties": [parties], "--installation": [installation]}
    given |= {"--canaries": [canaries], "--seen": seen}
    command = _command(words, given)
    made = f"{now.day} {now:%B %Y, %H:%M} UTC"
    if html is not None:
        write_text(html, to_html(dossier, made, command))
    if markdown is not None:
        write_text(markdown, to_markdown(dossier, made, command))
    if oscal is not None:
        write_text(oscal, as_json(assessment_results(dossier, f"{now:%Y-%m-%dT%H:%M:%SZ}")) + "\n")
    if json_wanted:
        click.echo(as_json(json.loads(msgspec.json.encode(dossier))))
    else:
        show(dossier)
    if code := exit_code(dossier):
        raise SystemExit(code)


def exit_code(dossier: Dossier) -> int:
    """3 if anything is contradicted, 1 if anything is not shown, else 0."""
    statuses = {answer.status for answer in dossier.answers}
    if Status.CONTRADICTED in statuses:
        return 3
    return 0 if statuses == {Status.SHOWN} else 1


def _command(words: tuple[str, ...], given: Mapping[str, object]) -> str:
    """The command that asks the same again."""
    said = ["brightline", "answer", *words]
    for option, values in given.items():
        for value in values if isinstance(values, list | tuple) else ():
            if value is not None:
                said += [option, str(value)]
    return shlex.join(said)
