# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier explain``: which stage, view, window and words decided about a text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import RowSurface
from brightline.classifier.evaluation.chosen import chosen
from brightline.classifier.evaluation.explaining import Explanation, Place, Why, explain
from brightline.classifier.evaluation.probe import Probe, shown
from brightline.classifier.evaluation.records import TEXT_CHARS_MAX, json_of
from brightline.core.errors import BrightlineError, ConfigError
from brightline.shell.shipped import AGREEMENT, RELEASE
from brightline.terminal import as_json, plain, table

SURFACES: Final = [RowSurface.PROMPT.value, RowSurface.OUTPUT.value, RowSurface.TOOL_CALL.value]
AROUND: Final = 24  # characters before and after what matched


@click.command("explain")
@click.argument("text", required=False)
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Or this file.")
@click.option("--surface", type=click.Choice(SURFACES), default="prompt", show_default=True, help="Where it is met.")
@click.option("--asked", default="", help="What an output or a tool call answers.")
@click.option(
    "--release", default=RELEASE, show_default=True, help="A shipped release by name, or a release's folder."
)
@click.option("--agreement", default=AGREEMENT, show_default=True, help="A shipped agreement by name, or a folder.")
@click.option("--weights", default="", help="A folder with the encoder's parts, if they are not beside the release.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def explain_command(
    text: str | None,
    path: Path | None,
    surface: str,
    asked: str,
    release: str,
    agreement: str,
    weights: str,
    json_wanted: bool,
) -> None:
    """Explain what a release and the agreement make of TEXT, of --file, or of standard input (no TEXT, or `-`).

    Told are the verdict with its clauses, the facts that are not good, and each finding: the stage, the view of the
    text, the window, and the words. Of a rule these are the places of its patterns; of a detector with scores the
    words without which the log-odds of the window fall most. A tool call is JSON with name and arguments.

    Exit codes: 0 explained, whatever the verdict; 2 bad usage, or no verdict.
    """
    if text not in (None, "-") and path is not None:
        raise click.UsageError("name TEXT or --file")
    words = path.read_text("utf-8") if path else sys.stdin.read() if text in (None, "-") else str(text)
    if not words.strip() or len(words) > TEXT_CHARS_MAX:
        raise ConfigError(f"there is nothing to explain, or more than {TEXT_CHARS_MAX:,} characters")
    bench = chosen(agreement, release, weights)
    try:
        found = explain(bench, shown(_probe(words, surface, asked)))
    except BrightlineError as error:
        raise ConfigError(f"there is no verdict to explain: {error}") from error
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(found)))
    else:
        _print(found)


def _probe(words: str, surface: str, asked: str) -> Probe:
    if surface != RowSurface.TOOL_CALL:
        return Probe("1", "asked", {}, RowSurface(surface), asked=asked, text=words)
    value = json_of(words, "the tool call")
    try:
        return msgspec.convert(
            {"id": "1", "source": "asked", "truths": {}, "surface": surface, "asked": asked, "tool_call": value}, Probe
        )
    except msgspec.ValidationError as error:
        raise ConfigError(f"a tool call is JSON with name and arguments: {error}") from error


def _print(found: Explanation) -> None:
    said = ", ".join(f"{line} {value}" for line, value in found.lines.items())
    click.echo(f"{found.verdict} under {found.release}: {said}")
    for clause in found.clauses if found.verdict != "permit" else ():
        click.echo(f"  {clause.id}: “{plain(clause.quote)}”")
    if found.facts:
        click.echo("not good: " + ", ".join(f"{fact} {value}" for fact, value in found.facts.items()))
    if found.findings:
        table(
            "what was found",
            ["stage", "fact", "says", "because of", "score", "at", "view"],
            [[why.stage, why.fact, why.value, why.rule, _score(why), why.path, why.view] for why in found.findings],
        )
        for why in found.findings:
            click.echo(f"{why.rule}: {_marked(why)}")
    else:
        click.echo("nothing was found")
    if found.near:
        table(
            "scores that set nothing",
            ["stage", "fact", "score", "unknown from"],
            [[near.stage, near.fact, f"{near.score:.3f}", f"{near.unknown:.3f}"] for near in found.near],
        )


def _score(why: Why) -> str:
    return "–" if why.score is None else f"{why.score:.3f} (unknown {why.unknown:.3f}, yes {why.yes:.3f})"


def _marked(why: Why) -> str:
    """The window, with what decided in brackets; of a word also by how much the log-odds fall without it."""
    text, start = why.window.text, why.window.start
    parts: list[str] = []
    at = 0
    if not why.words:
        return plain(_short(text, last=True))
    for place in _apart(why.words):
        first, last = max(at, place.start - start), place.end - start
        parts += [_short(text[at:first], first=not parts), f"[{text[first:last]}{_weight(place)}]"]
        at = last
    return plain("".join([*parts, _short(text[at:], last=True)]))


def _apart(places: tuple[Place, ...]) -> list[Place]:
    """Places in order, without those that lie within one before."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if not kept or place.end > kept[-1].end:
            kept.append(place)
    return kept


def _weight(place: Place) -> str:
    return "" if place.weight is None else f" {place.weight:.1f}"


def _short(text: str, *, first: bool = False, last: bool = False) -> str:
    if len(text) <= 3 * AROUND:
        return text
    if first:
        return f"…{text[-AROUND:]}"
    return f"{text[:AROUND]}…" if last else f"{text[:AROUND]} … {text[-AROUND:]}"
