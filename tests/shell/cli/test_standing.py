# SPDX-License-Identifier: Apache-2.0
"""``brightline standing`` as a person runs it: what each order does, what it refuses, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.harness import RL1, Running, running
from tests.shell.cli.in_process import run
from tests.shell.cli.test_commands import ADD

UNIT = "planning office"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    run("init", root, "--model", "m=upstream-m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    run("workload", "add", root, "office", *ADD)
    return root


def say(state: Path, command: str, *more: str, unit: str = UNIT) -> dict[str, Any]:
    scope = (unit,) if unit else ("--agreement",)
    reason = () if command == "show" else ("--reason", "a drill")
    said: dict[str, Any] = json.loads(run("standing", command, state, *scope, *reason, *more, "--json").stdout)
    return said


def refused(state: Path, command: str, *more: str, unit: str = UNIT) -> str:
    return run("standing", command, state, unit, "--reason", "a drill", *more, code=2).stderr


def test_a_unit_goes_down_the_ladder_and_nothing_brings_it_back(state: Path) -> None:
    shown = say(state, "show")
    assert (shown["standing"], shown["serves"], shown["history"]) == ("active", True, [])
    assert say(state, "notice")["cure_until"]
    assert say(state, "show")["serves"]
    assert say(state, "withdraw-notice")["standing"] == "active"
    assert say(state, "suspend")["signed_by"] == ["provider-officer"]
    assert say(state, "appeal")["appealed"]
    assert say(state, "uphold-appeal")["standing"] == "active"
    say(state, "suspend")
    assert say(state, "reinstate")["signed_by"] == ["provider-officer", "customer-official"]
    say(state, "suspend")
    by_two = ("--by", "provider-officer", "--by", "provider-officer-2")
    ended = say(state, "terminate", *by_two)
    assert (ended["standing"], ended["cure_until"]) == ("terminated", None)
    assert ended["appeal_until"]
    shown = say(state, "show")
    assert (shown["serves"], len(shown["history"])) == (False, 9)
    for way_back in ("reinstate", "notice", "suspend"):
        assert "cannot happen to a unit that is terminated" in refused(state, way_back)


def test_termination_wants_two_named_officers(state: Path) -> None:
    say(state, "suspend")
    assert "--by HOLDER --by HOLDER" in refused(state, "terminate")
    assert "takes 2 persons" in refused(state, "terminate", "--by", "provider-officer")
    assert "takes 2 persons" in refused(state, "terminate", "--by", "provider-officer", "--by", "customer-official")
    assert say(state, "show")["standing"] == "suspended"


def test_what_is_not_open_cannot_be_ended(state: Path) -> None:
    say(state, "notice")
    assert "no pattern is open" in refused(state, "clear-pattern")
    assert "no pattern is open" in refused(state, "confirm-pattern")
    assert "nobody has appealed" in refused(state, "uphold-appeal")


def test_a_unit_that_was_mistyped_is_not_suspended_in_silence(state: Path) -> None:
    assert f"no workload is registered for a unit 'planing office'; units: {UNIT}" in refused(
        state, "suspend", unit="planing office"
    )
    assert run("standing", "show", state, "planing office", code=2).stdout == ""
    assert "name one unit" in run("standing", "suspend", state, "--reason", "x", code=2).stderr


def test_the_agreement_as_a_whole_stands_before_every_unit(state: Path) -> None:
    said = say(state, "suspend", unit="")
    assert (said["unit"], said["scope"], said["standing"]) == (None, "agreement", "suspended")
    shown = say(state, "show")
    assert (shown["standing"], shown["serves"]) == ("active", False)


def test_the_list_is_a_table_of_everybody(state: Path) -> None:
    say(state, "suspend")
    rows = {row["unit"]: row for row in json.loads(run("standing", "list", state, "--json").stdout)}
    assert {name: row["standing"] for name, row in rows.items()} == {None: "active", UNIT: "suspended"}
    printed = run("standing", "list", state).stdout
    assert "(the agreement)" in printed
    assert "cure by" in printed


def test_an_order_says_what_follows_and_until_when(state: Path) -> None:
    printed = run("standing", "suspend", state, UNIT, "--reason", "a drill").stdout.splitlines()
    assert printed[0].startswith(f"{UNIT}: suspended (record ")
    assert [line.split(" by ")[0].strip() for line in printed[1:]] == ["cure", "appeal"]
    shown = run("standing", "show", state, UNIT).stdout
    assert "(not served)" in shown
    assert "provider-officer" in shown


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state") as node:
        yield node


def test_only_a_deny_of_the_unit_that_is_in_the_log_can_be_confirmed(node: Running) -> None:
    node.ask()
    with pytest.raises(openai.PermissionDeniedError, match="RL-1"):
        node.ask(RL1)
    fine, denied = [record["exchange"] for record in node.records() if record["kind"] == "ATTEMPT"]
    assert "was not denied by the agreement" in refused(node.root, "confirm", "--exchange", fine, unit="unit-1")
    assert "no exchange 'xc_0' is in the logs" in refused(node.root, "confirm", "--exchange", "xc_0", unit="unit-1")
    run("workload", "add", node.root, "office", *ADD)
    assert f"is not one of {UNIT}" in refused(node.root, "confirm", "--exchange", denied)
    said = say(node.root, "confirm", "--exchange", denied, unit="unit-1")
    assert (said["confirmed"], said["standing"], said["signed_by"]) == ([denied], "active", ["provider-cleared-1"])
