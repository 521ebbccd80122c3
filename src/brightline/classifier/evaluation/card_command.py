# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier card``: the model card that follows from an evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import msgspec

from brightline.classifier.evaluation.card import card_of, to_markdown
from brightline.classifier.evaluation.evaluation import FILE_BYTES_MAX, read_evaluation
from brightline.core.errors import ConfigError
from brightline.terminal import as_json


@click.command("card")
@click.argument("evaluation", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write card.md, card.json and evaluation.json here.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def card_command(evaluation: Path, into: Path | None, json_wanted: bool) -> None:
    """Print the model card of what EVALUATION measured, a file that `evaluate --out` wrote.

    It says what is caught, with intervals, by red line, language and surface; wrongful stops and holds with upper
    bounds; the share of rows that models wrote; and as known failures every goal that is missed. With --into a
    release's own folder it must be the release that was measured.

    Exit codes: 0 written; 2 bad usage, no evaluation, or one of another release.
    """
    if evaluation.stat().st_size > FILE_BYTES_MAX:
        raise ConfigError(f"{evaluation} is larger than {FILE_BYTES_MAX:,} bytes")
    measured = read_evaluation(evaluation.read_bytes(), str(evaluation))
    card = card_of(measured)
    if into is not None:
        _check_release(into, card.release_digest)
        into.mkdir(parents=True, exist_ok=True)
        (into / "evaluation.json").write_bytes(msgspec.json.encode(measured) + b"\n")
        (into / "card.md").write_text(to_markdown(card), "utf-8")
        (into / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(card)))
    elif into is None:
        click.echo(to_markdown(card), nl=False)


def _check_release(folder: Path, digest: str) -> None:
    """A card lies beside the release that was measured, or beside none. Raises ``ConfigError``."""
    release = folder / "release.toml"
    if not release.is_file():
        return
    found = "sha256:" + hashlib.sha256(release.read_bytes()).hexdigest()
    if found != digest:
        raise ConfigError(f"{folder} holds the release {found}; what was measured is {digest}")
