# SPDX-License-Identifier: Apache-2.0
"""Settings and clock: losing one while a gateway serves stops service, with the reason, until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from brightline.core.readiness import Condition
from brightline.shell.still import BEHIND_SECONDS, Still
from tests.conformance.test_halt import until
from tests.harness import Running, running
from tests.shell.trust.test_attestation import Clock

TOML = '[listen]\nport = 0\n[upstream.default]\nurl = "http://127.0.0.1:9"\n'


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("still") / "state") as node:
        yield node


def refused(node: Running) -> tuple[int, str]:
    """Status and code of an ordinary question that is refused; the reason is for ``/readyz`` and the log."""
    with pytest.raises(openai.APIStatusError) as caught:
        node.ask()
    body: Any = caught.value.body
    return caught.value.status_code, body["code"]


def missing(node: Running) -> list[str]:
    said: list[str] = httpx2.get(f"{node.url}/readyz").json().get("missing", [])
    return said


def test_a_clock_that_is_behind_itself_is_not_believed_until_it_has_caught_up(tmp_path: Path) -> None:
    (tmp_path / "brightline.toml").write_text(TOML, "utf-8")
    clock = Clock()
    still = Still(tmp_path, clock)
    clock.pass_(60)
    assert still.faults == ()
    clock.wall -= BEHIND_SECONDS
    assert still.faults == ()
    clock.wall -= 1
    assert still.clock == f"the clock was set back: it is {BEHIND_SECONDS + 1} seconds behind"
    clock.pass_(1)
    assert still.faults == ()


def test_settings_that_do_not_read_any_more_are_told_and_others_that_do_are_not(tmp_path: Path) -> None:
    toml = tmp_path / "brightline.toml"
    toml.write_text(TOML, "utf-8")
    still = Still(tmp_path, Clock())
    for text, fault in ((TOML + "[unknown]\n", True), (TOML + "\n", False), ("port =", True)):
        toml.write_text(text, "utf-8")
        asyncio.run(still.look())
        assert bool(still.settings) is fault
    toml.unlink()
    asyncio.run(still.look())
    assert still.faults == ("the settings do not read",)


def test_settings_that_are_lost_stop_service_and_it_returns_with_them(node: Running) -> None:
    toml = node.root / "brightline.toml"
    text = toml.read_text("utf-8")
    toml.write_text(text + "[nonsense]\n", "utf-8")
    until(lambda: "the settings do not read" in missing(node))
    assert refused(node) == (503, "evidence_unavailable")
    [check] = [each for each in node.node.readiness.checks() if not each.holds]
    assert (check.condition, "nonsense" in check.detail[0]) == (Condition.SETTINGS, True)
    toml.write_text(text, "utf-8")
    until(lambda: not missing(node))
    assert node.ask().choices[0].message.content == "Fine."
