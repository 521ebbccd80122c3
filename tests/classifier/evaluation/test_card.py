# SPDX-License-Identifier: Apache-2.0
"""The model card follows from the evaluation: bounds, and every goal that is missed as a known failure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from brightline.classifier.evaluation.card import LIMITS, Card, card_of, to_markdown
from brightline.classifier.evaluation.evaluation import Drilled, Evaluation, read_evaluation
from brightline.classifier.evaluation.measuring import measure
from brightline.core.errors import ConfigError
from brightline.core.screening.figures import rate
from brightline.shell.cli.main import brightline
from brightline.shell.shipped import shipped_release
from tests.classifier.evaluation.test_measuring import judged
from tests.classifier.evaluation.test_page import BENIGN, HOSTILE, evaluation

SHIPPED = sorted(path for path in shipped_release().parent.iterdir() if (path / "release.toml").is_file())

GOOD_ROWS = [
    row
    for i in range(60)
    for row in (
        judged("yes", "yes", 0.9, pair=str(i)),
        judged("no", "no", 0.1, pair=str(i)),
    )
]


def good(**changes: Any) -> Evaluation:
    """A release that misses no goal."""
    question = measure("weapons", GOOD_ROWS, [("law", GOOD_ROWS[1::2])])
    calm = msgspec.structs.replace(BENIGN, stopped=rate(0, 100), held=rate(0, 100))
    sound: dict[str, Any] = {"questions": (question,), "benign": (calm,), "benign_together": calm}
    return msgspec.structs.replace(evaluation(), **sound | changes)


def with_question(**changes: Any) -> Evaluation:
    made = good()
    return msgspec.structs.replace(made, questions=(msgspec.structs.replace(made.questions[0], **changes),))


def known(made: Evaluation) -> str:
    return " ".join(card_of(made).failures)


def test_a_release_that_misses_nothing_has_no_known_failure_and_still_its_limits() -> None:
    card = card_of(good())
    assert card.failures == ()
    assert "None is known; that is no proof." in to_markdown(card)
    assert card.limits == LIMITS


def test_every_goal_that_is_missed_is_a_known_failure() -> None:
    made = good()
    question = made.questions[0]
    low = msgspec.structs.replace(question.recall_worst[1], recall=rate(80, 100))
    assert "recall is 80.0 (71.1–86.7) % at 0.5 % false positives on law" in known(
        with_question(recall_worst=(question.recall_worst[0], low, *question.recall_worst[2:]))
    )
    assert "minimal pairs are both right" in known(
        with_question(pairs=msgspec.structs.replace(question.pairs, right=rate(8, 10)))
    )
    assert "in disguise as worn." in known(with_question(evasions=evaluation().questions[0].evasions))
    assert "law & order 1.0 (0.2–5.4) % of benign rows are stopped" in known(good(benign=(BENIGN,)))
    assert "law & order 2.0 (0.6–7.0) % of benign rows are held" in known(good(benign=(BENIGN,)))
    assert "nothing is known of wrongful stops" in known(good(benign=()))
    assert "measured without rules" in known(good(without=("rules",)))
    assert "No detector gives scores" in known(good(scored=()))


def test_facts_layers_and_disguises_are_known_failures_too() -> None:
    line = good().questions[0]
    found = msgspec.structs.replace(line.whole, caught=rate(4, 533))
    fact = msgspec.structs.replace(line, name="autonomous_use", whole=found)
    whole = msgspec.structs.replace(line.whole, caught=rate(80, 100))
    drill = (Drilled("encoder", rate(3, 100), rate(0, 100), rate(0, 100)), Drilled("views", *[rate(70, 100)] * 3))
    weak = msgspec.structs.replace(line, whole=whole, drill=drill, evasions=())
    made = good(questions=(weak, fact), facts=("autonomous_use", "intel_activity"))
    text = known(made)
    assert "weapons: with encoder blind 3.0 (1.0–8.5) % are caught: nothing else finds the rest" in text
    assert "with views blind" not in text
    assert "No disguise was measured" in text
    assert "autonomous_use: 0.8 (0.3–1.9) % of the rows of which it is true are caught" in text
    assert "No row says whether intel_activity is true" in text
    assert "| `autonomous_use` | 0.8 (0.3–1.9) |" in to_markdown(card_of(made))
    before = msgspec.structs.replace(made, facts=())
    assert "blind" not in known(before), "an evaluation that does not name the facts has the card that it had"
    assert "## Facts" not in to_markdown(card_of(before))


def test_what_is_clearly_worse_than_the_whole_is_named_and_what_may_be_chance_is_not() -> None:
    rows = [*GOOD_ROWS * 3, *(judged("yes", "no", 0.9, lang="sw") for _ in range(40))]
    rows += [judged("no", "yes", 0.1, source="bad") for _ in range(10)]
    rows += [judged("yes", said, 0.9, lang="pt") for said in ("yes", "no") for _ in range(4)]
    made = measure("weapons", rows, ())
    text = known(good(questions=(made,)))
    assert "of the language sw only 0.0 (0.0–8.8) % are caught" in text
    assert "of the corpus bad 100.0" in text
    assert "fewer than 30 crossing rows in pt" in text
    assert "of the language pt" not in text


def test_the_card_has_bounds_files_and_the_share_that_models_wrote() -> None:
    card = card_of(evaluation())
    text = to_markdown(card)
    assert card.files == {"fine": "02"}
    assert card.written_by_models == 0.5
    assert "| labelled rows written by models | 50 % |" in text
    assert "| law & order | 100 | 1.0 (0.2–5.4) | 5.00 | 2.0 (0.6–7.0) | 6.00 |" in text
    assert "0.5 % of law" in text


def test_what_people_take_is_told_where_somebody_said_what_a_case_takes() -> None:
    assert "minutes" not in to_markdown(card_of(evaluation())).lower()
    text = to_markdown(card_of(evaluation(minutes_a_case=2.0)))
    assert "| law & order | 100 | 1.0 (0.2–5.4) | 5.00 | 2.0 (0.6–7.0) | 6.00 | 40.0 |" in text
    assert "at 2 for each that is held" in text


def test_a_name_of_a_file_writes_no_markup_and_ends_no_cell() -> None:
    text = to_markdown(card_of(evaluation(release_note=HOSTILE, rows=(), benign_rows=())))
    assert "<script" not in text
    assert "\x1b" not in text
    columns = msgspec.structs.replace(BENIGN, name="a|b")
    assert "| a\\|b |" in to_markdown(card_of(evaluation(benign=(columns,))))


def test_the_command_writes_both_files_and_refuses_what_is_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(msgspec.json.encode(evaluation()))
    run = CliRunner().invoke
    done = run(brightline, ["classifier", "card", str(tmp_path / "e.json"), "--into", str(tmp_path / "card")])
    assert done.exit_code == 0, done.output
    written = msgspec.json.decode((tmp_path / "card" / "card.json").read_bytes(), type=Card)
    assert written == card_of(evaluation())
    assert (tmp_path / "card" / "card.md").read_text("utf-8") == to_markdown(written)
    told = run(brightline, ["classifier", "card", str(tmp_path / "e.json"), "--json"])
    assert json.loads(told.stdout)["release"] == "three-rules"
    assert read_evaluation((tmp_path / "card" / "evaluation.json").read_bytes(), "e") == evaluation()
    (tmp_path / "e.json").write_bytes(b"{}")
    assert isinstance(run(brightline, ["classifier", "card", str(tmp_path / "e.json")]).exception, ConfigError)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_each_shipped_release_lies_beside_its_own_evaluation_and_the_card_that_follows_from_it(folder: Path) -> None:
    again = "measure it again, and `brightline classifier card EVALUATION --into` its folder"
    measured = read_evaluation((folder / "evaluation.json").read_bytes(), "evaluation.json")
    assert measured.release == folder.name
    assert measured.release_digest == digest_of(folder / "release.toml"), again
    assert not measured.without
    assert {one.name for one in measured.rows} >= {"author-t1", "author-t2", "author-t3", "author-t4", "author-t5"}
    assert all(one.split == "test" for one in measured.rows), "nothing that a release was trained on"
    assert msgspec.json.decode((folder / "card.json").read_bytes(), type=Card) == card_of(measured)
    assert (folder / "card.md").read_text("utf-8") == to_markdown(card_of(measured)), again


def digest_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_card_of_another_release_is_not_laid_beside_this_one(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_bytes(msgspec.json.encode(evaluation()))
    (tmp_path / "release.toml").write_text("id = 'another'\n", "utf-8")
    done = CliRunner().invoke(brightline, ["classifier", "card", str(tmp_path / "e.json"), "--into", str(tmp_path)])
    assert "what was measured is" in str(done.exception)
    assert not (tmp_path / "card.md").exists()
    (tmp_path / "release.toml").write_bytes(b"same")
    ours = msgspec.structs.replace(evaluation(), release_digest=digest_of(tmp_path / "release.toml"))
    (tmp_path / "e.json").write_bytes(msgspec.json.encode(ours))
    done = CliRunner().invoke(brightline, ["classifier", "card", str(tmp_path / "e.json"), "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output
