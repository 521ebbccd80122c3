# SPDX-License-Identifier: Apache-2.0
"""Reviewers with a queue, in the terminal, over real logs: the queue gives, a decision rests on a claim that holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brightline.core.errors import LeaseLost
from brightline.core.review.decision import sign_decision
from tests.harness import HELD, Running, held, running
from tests.shell.cli.in_process import run

FIRST, SECOND, THIRD = (f"provider-cleared-reviewer-{n}" for n in (1, 2, 3))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    more = '[review]\nqueue_url = "sqlite:///queue.sqlite"\n'
    with running(tmp_path / "state", more_toml=more) as node:
        run("review", "migrate", node.root)
        yield node


def claim(node: Running, person: str, code: int = 0) -> Any:
    return json.loads(run("review", "claim", node.root, "--as", person, "--json", code=code).stdout)


def decide(node: Running, hold: str, person: str, *more: str, code: int = 0) -> str:
    given = "--answer", "weapon_direct=no", "--reason", "read, and it is not"
    said = run("review", "decide", node.root, hold, "--as", person, *given, *more, code=code)
    return said.stdout + said.stderr


def test_the_queue_gives_cases_and_what_is_decided_was_claimed(node: Running) -> None:
    holds = {held(node, HELD), held(node, HELD + " Now.")}
    given = claim(node, FIRST)
    first = given["hold"]
    (second,) = holds - {first}
    assert claim(node, FIRST) == given
    assert claim(node, SECOND)["hold"] == second
    assert "has not claimed" in decide(node, second, FIRST, code=2)
    assert "has not claimed" in decide(node, second, THIRD, code=2)
    assert "open" in decide(node, first, FIRST, "--token", str(given["token"]))
    shown = json.loads(run("review", "queue", node.root, "--json").stdout)
    by_hold = {case["hold"]: case for case in shown["cases"]}
    assert (by_hold[first]["claimed_by"], by_hold[first]["answered"]) == ("", 1)
    assert (by_hold[second]["claimed_by"], by_hold[second]["severity"]) == (SECOND, "critical")
    run("review", "skip", node.root, "--as", SECOND, "--reason", "I know them")
    assert claim(node, SECOND)["hold"] == first
    assert "released" in decide(node, first, SECOND)
    assert claim(node, SECOND, code=1) is None
    (left,) = json.loads(run("review", "queue", node.root, "--json").stdout)["cases"]
    assert left["hold"] == second


def test_a_lease_that_is_lost_in_mid_decision_logs_nothing(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = held(node, HELD)
    before = claim(node, FIRST)
    signing = "brightline.shell.registry.decisions.sign_decision"

    def slowly(*arguments: Any) -> bytes:
        """While FIRST signs, their claim is let go, and SECOND is given the case."""
        monkeypatch.setattr(signing, sign_decision)
        run("review", "skip", node.root, "--as", FIRST, "--reason", "cannot go on")
        assert claim(node, SECOND)["hold"] == hold
        return sign_decision(*arguments)

    monkeypatch.setattr(signing, slowly)
    assert "is over" in decide(node, hold, FIRST, code=2)
    assert json.loads(run("review", "show", node.root, hold, "--json").stdout)["answers"] == {}
    assert "is over" in decide(node, hold, FIRST, "--token", str(before["token"]), code=2)
    assert "open" in decide(node, hold, SECOND)


def test_without_a_queue_or_its_tables_the_commands_say_so_and_deciding_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        hold = held(node, HELD)
        for command in (("queue",), ("claim", "--as", FIRST), ("migrate",)):
            assert "review.queue_url" in run("review", command[0], node.root, *command[1:], code=2).stderr
        assert "open" in decide(node, hold, FIRST)
        settings = node.root / "brightline.toml"
        settings.write_text(settings.read_text() + '[review]\nqueue_url = "sqlite:///queue.sqlite"\n')
        assert "brightline review migrate" in run("review", "queue", node.root, code=2).stderr


def test_lease_lost_is_a_conflict_and_says_what_to_do() -> None:
    assert (LeaseLost.status, LeaseLost.code) == (409, "lease_lost")
    assert "Claim again" in LeaseLost.next_step


def test_many_are_denied_at_once_each_by_a_decision_of_its_own_and_never_released(node: Running) -> None:
    first, second, third = (held(node, f"{HELD} {n}") for n in range(3))
    picked = "deny", node.root, first, second, "--as", FIRST, "--reason", "all of one plan"
    assert "Holds to deny" in run("review", *picked, answers="n\n", code=1).stdout
    said = json.loads(run("review", *picked, "--yes", "--json").stdout)
    assert {(row["hold"], row["state"]) for row in said} == {(first, "open"), (second, "open")}
    assert len({row["record"] for row in said}) == 2
    every = "deny", node.root, "--unit", "unit-1", "--as", SECOND, "--reason", "all of one plan", "--yes"
    stated = run("review", *every).stdout
    assert all(f"{hold}: denied" in stated for hold in (first, second))
    assert f"{third}: open" in stated
    assert "asks" in run("review", *every, code=2).stderr  # nothing is left to say for this person
    for nothing in ((), ("--unit", "another")):
        assert run("review", "deny", node.root, *nothing, "--as", THIRD, "--reason", "x", "--yes", code=2).stderr
    assert "roster" in run("review", "deny", node.root, first, "--as", "x", "--reason", "x", "--yes", code=2).stderr
    assert {case["hold"] for case in json.loads(run("review", "queue", node.root, "--json").stdout)["cases"]} == {
        third
    }
