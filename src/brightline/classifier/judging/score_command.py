# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier judge score``: what a judge says of rows and of what they become, to train students from."""

from __future__ import annotations

import time
from pathlib import Path

import click

from brightline.classifier.corpus import read_corpora
from brightline.classifier.judging.command import EXTRA, for_minutes, in_parts, of_weights, part_of
from brightline.core.errors import ConfigError
from brightline.terminal import as_json, progress


@click.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@of_weights
@click.option(
    "--fitted",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Where `brightline classifier judge fit` wrote the judge, without --release.",
)
@in_parts
@for_minutes
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def score(
    corpora: Path,
    out: Path,
    weights: Path,
    fitted: Path,
    part: str,
    minutes: float | None,
    json_wanted: bool,
) -> None:
    """Have a judge read the training rows of CORPORA and the texts that they become, and write into OUT what it says.

    `brightline classifier train --judged OUT` learns from it. This is slow and done once: about a second a text on one
    core with the 1.5 B model, and a row becomes nearly four more. It goes on where it ended, and keeps in OUT.parts
    what it goes on from, which may be removed in the end. If OUT ends in .gz it is packed. Texts come by lot, so that
    what is there when you stop is a sample. Of rows or texts that changed since, it reads those alone.

    A judge that was fitted with --release, as the shipped one, is refused: its log-odds mean what they say only beside
    the scores of its students.

    Exit codes: 0 all is read, or the minutes are over; 2 bad usage, another model's file, a judge that is refused, or
    an OUT of another judge.
    """
    number, count = part_of(part)
    try:
        from brightline.classifier.judging.scoring import Saying, judge_of
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    asked = judge_of(fitted, weights)
    rows = asked.texts(read_corpora(corpora))
    saying = Saying(out, asked.header(rows))
    until = None if minutes is None else time.monotonic() + 60 * minutes
    done = 0
    there = len(saying.there(rows))
    with progress("asking the judge", (len(rows) - there) // count) as step:
        for done in saying.say(rows, asked.judge, number, count):
            step(done)
            if until is not None and time.monotonic() > until:
                break
    there = saying.put(rows)
    if json_wanted:
        click.echo(as_json({"read": done, "there": there, "texts": len(rows)}))
    else:
        click.echo(f"read {done:,} texts; {there:,} of {len(rows):,} are there")
