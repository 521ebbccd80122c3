# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier judge tune``: the judge's decoder learns from the rows, instead of heads on it alone."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.classifier.corpus import read_corpora
from brightline.classifier.everyday import read_everyday
from brightline.classifier.judging.command import must_be, neighbouring, of_model, of_weights
from brightline.core.errors import ConfigError
from brightline.decoder.published import MODELS
from brightline.terminal import as_json, progress

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("corpora", type=_FOLDER)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@of_weights
@of_model
@click.option("--ask", "asked", type=_FILE, help="What `brightline classifier judge ask` wrote.")
@click.option(
    "--everyday", type=_FOLDER, help="Where everyday texts are: what is asked of them, and half of the rest."
)
@click.option("--groups", type=click.IntRange(2, 64), default=4, show_default=True, help="Groups of authors.")
@click.option("--turns", type=click.IntRange(1, 64), help="How many groups are held out in turn. [default: all]")
@click.option("--epochs", type=click.IntRange(1, 100), default=2, show_default=True)
@click.option("--seed", type=click.IntRange(0, 1_000_000), default=1, show_default=True)
@click.option(
    "--judged",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write what judges that had not seen the authors say of rows and of the pool, to distil students from.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def tune(
    corpora: Path,
    out: Path,
    weights: Path,
    name: str,
    asked: Path | None,
    everyday: Path | None,
    groups: int,
    turns: int | None,
    epochs: int,
    seed: int,
    judged: Path | None,
    json_wanted: bool,
) -> None:
    """Tune the judge's decoder on the rows of CORPORA: low-rank changes of its weights, and a head for each fact.

    `brightline classifier judge fit CORPORA OUT …` makes the judge of it. Needs brightline[train], and a GPU if it is
    not to take days. One decoder learns from all authors of the training split. Others are tuned without a group of
    authors each, and what they say of these authors' rows sets the thresholds. Each is written when it is done, and
    the next run goes on with what is not there.

    Exit codes: 0 tuned; 2 bad usage, another model's file, or too few authors.
    """
    try:
        from brightline.classifier.tuning.whole import Given, Wanted, run
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'brightline[train]'") from error
    model = next(one for one in MODELS if one.name == name)
    must_be(model, weights)
    wanted = Wanted(groups, turns or groups, epochs, seed)
    texts = read_everyday(everyday) if everyday else ()
    rows = read_corpora(corpora)
    total = sum(len(one.rows) for one in rows) * epochs * (1 + wanted.turns)
    given = Given(rows, neighbouring(asked, everyday if asked else None), texts)
    with progress("tuning: rows", total) as step:
        made, said = run(given, model, weights, wanted, out, judged, step)
    if json_wanted:
        found = {"adapter": made.adapter, "held": len(made.held), "test": len(made.test), "judged": said}
        click.echo(as_json(found))
        return
    click.echo(f"{out}: adapter {made.adapter}")
    click.echo(f"{len(made.held):,} rows of authors that were held out, {len(made.test):,} of test authors were read")
