# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier card``: the model card that follows from an evaluation."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from brightline.classifier.evaluation.card import card_of, to_markdown
from brightline.classifier.evaluation.evaluation import FILE_BYTES_MAX, read_evaluation
from brightline.core.errors import ConfigError
from brightline.terminal import as_json


@click.command("card")
@click.argument("evaluation", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Write card.md and card.json here.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def card_command(evaluation: Path, into: Path | None, json_wanted: bool) -> None:
    """Print the model card of what EVALUATION measured, a file that `evaluate --out` wrote.

    It says what is caught, with intervals, by red line, language and surface; wrongful stops and holds with upper
    bounds; the share of rows that models wrote; and as known failures every goal that is missed.

    Exit codes: 0 written; 2 bad usage, or no evaluation.
    """
    if evaluation.stat().st_size > FILE_BYTES_MAX:
        raise ConfigError(f"{evaluation} is larger than {FILE_BYTES_MAX:,} bytes")
    card = card_of(read_evaluation(evaluation.read_bytes(), str(evaluation)))
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        (into / "card.md").write_text(to_markdown(card), "utf-8")
        (into / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(card)))
    elif into is None:
        click.echo(to_markdown(card), nl=False)
