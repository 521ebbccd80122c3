# SPDX-License-Identifier: Apache-2.0
"""Rows of which a judge says otherwise than their authors: which are listed, in which order, and which are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from brightline.classifier.corpus import read_corpora
from brightline.classifier.training.judged import FORMAT, Header, entry_of, write_judged
from brightline.core.errors import ConfigError
from brightline.shell.cli.main import brightline
from tests.classifier.evaluation.rows import MISSED, PAIR, TARGETS, corpus

FACTS = ("mass_domestic", "weapon_direct")


def judged(folder: Path, said: dict[str, dict[str, float]]) -> Path:
    """What a judge said of the rows in a folder, by their ids."""
    found = {row.id: row for one in read_corpora(folder) for row in one.rows}
    write_judged(
        folder / "said.jsonl.gz",
        Header(FORMAT, "m", "", "c", FACTS),
        (entry_of(found[i], of) for i, of in said.items()),
    )
    return folder / "said.jsonl.gz"


def test_the_surest_of_those_that_say_the_opposite_come_first_and_nothing_else_comes(tmp_path: Path) -> None:
    corpus(tmp_path, *PAIR, MISSED, TARGETS)
    said = {  # the first is yes, the second no; the third yes; of the fourth the author cannot tell
        "99-1": {"mass_domestic": -2.0},
        "99-2": {"mass_domestic": 900.0},
        "99-3": {"mass_domestic": 3.0},
        "99-4": {"weapon_direct": 5.0},
    }
    told = [str(tmp_path), str(judged(tmp_path, said))]
    done = CliRunner().invoke(brightline, ["classifier", "judge", "doubts", *told, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(one["id"], one["label"], one["said"]) for one in found["doubts"]] == [
        ("99-2", "no", 900.0),
        ("99-1", "yes", -2.0),
    ]
    assert found["compared"] == {"author-99": 3}
    shown = CliRunner().invoke(brightline, ["classifier", "judge", "doubts", *told, "--show", "1"]).stdout
    assert "99-2: mass_domestic is no, and the judge says yes with 100.0%, pair p (population or none)" in shown
    assert "99-1" not in shown


def test_what_was_not_read_is_not_compared_and_what_changed_since_is_refused(tmp_path: Path) -> None:
    corpus(tmp_path, *PAIR)
    path = judged(tmp_path, {"99-1": {"mass_domestic": -2.0}})
    run = ["classifier", "judge", "doubts", str(tmp_path), str(path)]
    assert json.loads(CliRunner().invoke(brightline, [*run, "--json"]).stdout)["compared"] == {"author-99": 1}
    corpus(tmp_path, PAIR[0] | {"text": "Follow nobody."}, PAIR[1])
    with pytest.raises(ConfigError, match="of another text"):
        CliRunner().invoke(brightline, run, catch_exceptions=False)


def test_a_row_says_its_words_in_one_line(tmp_path: Path) -> None:
    corpus(tmp_path, PAIR[0] | {"text": "Follow every\nresident."}, PAIR[1])
    path = judged(tmp_path, {"99-1": {"mass_domestic": -2.0}})
    shown = CliRunner().invoke(brightline, ["classifier", "judge", "doubts", str(tmp_path), str(path)]).stdout
    assert "  Follow every resident." in shown
