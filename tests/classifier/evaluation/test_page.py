# SPDX-License-Identifier: Apache-2.0
"""The page of an evaluation: worst first, every name escaped, nothing loaded and nothing run; curves that say so."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import msgspec
import pytest

from brightline.classifier.evaluation import drawing
from brightline.classifier.evaluation.evaluation import (
    FORMAT,
    Benign,
    Evaded,
    Evaluation,
    LearningPoint,
    Rows,
    read_learning,
)
from brightline.classifier.evaluation.measuring import Judged, measure
from brightline.classifier.evaluation.page import to_html
from brightline.core.errors import ConfigError
from brightline.core.screening.figures import rate
from tests.classifier.evaluation.test_measuring import judged
from tests.verify.test_page import _Page

HOSTILE = "<script>alert(1)</script>\x1b[2J"
ROWS = [
    *(judged("yes", "no", 0.3 + i / 100, source="fine", pair=str(i)) for i in range(40)),
    *(judged("no", "no", i / 100, source="fine", pair=str(i)) for i in range(40)),
    judged("no", "yes", 0.9, {"views": "no"}, source=HOSTILE, lang=HOSTILE),
]
BENIGN = Benign(
    "law & order", 100, rate(1, 100), rate(2, 100), 0.05, 0.06, 0, {"weapons": {"yes": 1, "unknown": 0}}, {}
)


def evaluation(judged_rows: list[Judged] = ROWS, **changes: Any) -> Evaluation:
    question = measure("weapons", judged_rows, [("law", judged_rows[40:80])], held_out=True)
    evaded = (
        Evaded("worn", rate(0, 2), rate(2, 2), rate(0, 2), rate(0, 2)),
        Evaded("none cross", rate(0, 0), rate(0, 0), rate(0, 2), rate(0, 2)),
        Evaded("seen through", rate(2, 2), rate(2, 2), rate(0, 2), rate(0, 2)),
    )
    made = Evaluation(
        format=FORMAT,
        release="three-rules",
        release_digest="sha256:00",
        release_note=HOSTILE,
        agreement="sha256:01",
        layers=("views", "rules"),
        without=(),
        scored=("weapon_direct",),
        rows=(Rows("fine", "02", 81, "model", HOSTILE, "test"),),
        benign_rows=(),
        questions=(msgspec.structs.replace(question, evasions=evaded),),
        benign=(BENIGN,),
        benign_together=BENIGN,
        by_models=0.5,
        learning=(LearningPoint(100, {"AUROC": 0.6}), LearningPoint(1_000, {"AUROC": 0.8})),
    )
    return msgspec.structs.replace(made, **changes)


def words(made: Evaluation) -> str:
    return " ".join(_Page(to_html(made)).text.split())


def test_what_files_say_is_text_and_the_page_loads_and_runs_nothing() -> None:
    page = to_html(evaluation())
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    tags = _Page(page).tags
    assert {name for name, _ in tags} & {"script", "img", "link", "iframe", "form", "object"} == set()
    assert not [attributes for _, attributes in tags if {"style", "src"} & attributes.keys()]
    assert not [value for _, attributes in tags for name, value in attributes.items() if name.startswith("on")]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in tags)


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    page = to_html(evaluation())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in page


def test_the_same_evaluation_gives_the_same_page() -> None:
    assert to_html(evaluation()) == to_html(evaluation())


def test_the_worst_comes_first_and_every_part_is_there() -> None:
    text = words(evaluation())
    corpora = text.split("Corpora worst first")[1]
    assert corpora.index("alert(1)") < corpora.index("fine")
    for part in ("What is caught", "What is stopped wrongly", "law & order", "One layer off", "In disguise", "wanted"):
        assert part in text
    disguises = text.split("In disguise")[1]
    assert disguises.index("worn") < disguises.index("seen through") < disguises.index("none cross")
    assert "models wrote 50 %" in text
    assert "Recall at these false positives on the worst benign corpus" in text
    assert "measured without views" in words(evaluation(without=("views",)))


def test_without_scores_there_are_dots_and_no_curves_and_it_says_so() -> None:
    rows = [judged("yes", "yes"), judged("no", "no")]
    page = to_html(evaluation(rows))
    assert "No detector of this release gives scores" in page
    assert 'class="stroke stroke-1" d="M44' not in page.split("Learning curve</h2>")[0]
    assert 'class="dot dot-yes"' in page


def test_a_curve_is_drawn_where_its_points_are() -> None:
    question = evaluation().questions[0]
    chart = drawing.recall_chart(question)
    (stroke,) = chart.strokes
    steps = [[float(place) for place in step.split()] for step in stroke.path[1:].split(" L")]
    left, right = drawing.LEFT, drawing.WIDTH - drawing.RIGHT
    top, bottom = drawing.TOP, drawing.HEIGHT - drawing.BOTTOM
    assert steps[0] == [left, bottom], "nothing counts above every score"
    assert steps[-1] == [right, top], "everything counts below every score"
    assert all(left <= x <= right and top <= y <= bottom for x, y in steps)
    assert [tick.at for tick in chart.xs] == pytest.approx([44.0, 144.7, 245.3, 346.0], abs=0.05)
    low = drawing.low_chart([question])
    end = low.strokes[0].path.rpartition("L")[2].split()
    assert float(end[0]) == right, "the curve goes on to the edge"


def test_an_interval_is_drawn_around_its_share_and_of_none_there_is_none() -> None:
    found = drawing.whisker(rate(1, 4))
    assert found is not None
    assert found.low < found.at < found.high
    assert found.at == 25.0
    assert drawing.whisker(rate(0, 0)) is None


def test_a_learning_curve_grows_with_the_logarithm_of_the_rows() -> None:
    points = [LearningPoint(rows, {"AUROC": 0.5}) for rows in (1_000, 10, 100)]
    chart = drawing.learning_chart(points)
    xs = [tick.at for tick in chart.xs]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert drawing.learning_chart(points[:1]).strokes[0].path


@pytest.mark.parametrize("data", [b"[]", b"{}", b'[{"rows": 1, "figures": {"AUROC": 1.5}}]', b"["])
def test_what_is_no_learning_curve_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="learning curve"):
        read_learning(data, "curve.json")
