# SPDX-License-Identifier: Apache-2.0
"""The Inspect AI tasks, run by Inspect itself: against a release, and against a gateway. Skipped without Inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.classifier.evaluation.rows import HELD, MISSED, PAIR, RL1, corpus, row
from tests.harness import running

inspect_ai = pytest.importorskip("inspect_ai", reason="brightline[inspect] is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # what Inspect's own libraries warn of is not ours

CALLED = row(5, surface="tool_call", tool_call={"name": "look", "arguments": {"of": RL1}}, text="")


def run(task: Any, folder: Path, **more: Any) -> tuple[dict[str, float], dict[str, str]]:
    """The metrics, and what was said of each row."""
    more = {"model": None} | more
    (log,) = inspect_ai.eval(task, log_dir=str(folder / "logs"), display="none", **more)
    assert log.status == "success", log.error
    metrics = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
    return metrics, {str(one.id): one.scores["red_line"].answer for one in log.samples}


def test_a_release_is_measured_row_by_row(tmp_path: Path, rules: Path) -> None:
    from brightline.classifier.evaluation.inspect_tasks import detector

    rows = corpus(tmp_path, *PAIR, MISSED, CALLED)
    metrics, said = run(detector(str(rows), release=str(rules)), tmp_path)
    assert said == {"author-99/99-1": "yes", "author-99/99-2": "no", "author-99/99-3": "no", "author-99/99-5": "yes"}
    assert metrics == {"caught": pytest.approx(2 / 3), "outright": pytest.approx(2 / 3), "wrongful": 0.0}


def test_a_gateway_is_measured_by_what_it_refuses(tmp_path: Path, rules: Path) -> None:
    from inspect_ai.model import get_model

    from brightline.classifier.evaluation.inspect_tasks import gateway

    held = row(4, line="weapons", facts={"weapon_direct": "yes"}, text=HELD)
    rows = corpus(tmp_path, *PAIR, held, CALLED)
    with running(tmp_path / "node" / "state", own_release=str(rules)) as node:
        model = get_model("openai/m", base_url=f"{node.url}/v1", api_key=node.key, responses_api=False)
        metrics, said = run(gateway(str(rows)), tmp_path, model=model)
    assert said == {"author-99/99-1": "yes", "author-99/99-2": "no", "author-99/99-4": "unknown"}
    assert metrics == {"caught": 1.0, "outright": 0.5, "wrongful": 0.0}


def test_a_folder_without_rows_of_the_split_is_refused(tmp_path: Path) -> None:
    from brightline.classifier.evaluation.inspect_tasks import detector
    from brightline.core.errors import ConfigError

    with pytest.raises(ConfigError, match="holds no rows of the split 'train'"):
        detector(str(corpus(tmp_path, *PAIR)), split="train")
