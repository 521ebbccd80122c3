# SPDX-License-Identifier: Apache-2.0
"""Decisions by passkey over a running gateway: enrolled by both parties, signed, counted, withdrawn, and verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.core.errors import TrustError
from brightline.core.review.decision import Answer, ReviewerDecision
from brightline.core.review.enrolment import MADE_FORMAT, MadePasskey
from brightline.core.review.passkey import decision_challenge, write_assertion
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import log_decision, new_decision
from brightline.shell.review.desk import Desk
from tests.authenticator import Passkey
from tests.harness import HELD, Running, held, running, within_two_seconds
from tests.shell.cli.in_process import run

WHY = ("--reason", "a drill", "--yes", "--json")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("passkey") / "state") as node:
        yield node


def enrolled(node: Running, tmp_path: Path, person: str, key: Passkey) -> None:
    """Both parties enrol somebody, who makes a passkey with the code that they gave."""
    new = ("--office", "provider_cleared", "--days", "30", "--invite")
    code = json.loads(run("review", "enrol", node.root, person, *new, *WHY).stdout)["code"]
    file = tmp_path / person
    file.write_bytes(msgspec.json.encode(MadePasskey(MADE_FORMAT, person, code, key.credential, 1)))
    run("review", "enrol", node.root, person, "--passkey", file, *WHY)


def decide(node: Running, hold: str, person: str, key: Passkey, **how: Any) -> ReviewerDecision:
    """One person answers all questions with a passkey; whatever is refused is raised."""
    clock = SystemClock()
    with in_force(node.root, clock) as (settings, registry):
        opened = Desk(node.root, registry.decisions.docket).find(hold)
        answers = tuple(Answer(each.subject, each.name, "no", "read, and it is not") for each in opened.case.questions)
        decision = new_decision(opened.case, person, answers, clock, f"{opened.shard}/{opened.seq}")
        given = key.get(decision_challenge(decision), **how)
        signed = write_assertion(decision, given)
        log_decision(node.root, settings, "development", registry.decisions, signed, clock)
    return decision


def status(node: Running, hold: str) -> str:
    state = node.node.holds.state(hold, "tests", SystemClock().unix())
    return "" if state is None else state.state.value


def test_two_people_enrolled_while_it_serves_release_by_passkey_and_the_request_goes_through(
    node: Running, tmp_path: Path
) -> None:
    one, two = Passkey(21), Passkey(22, "EdDSA", counter=None)
    enrolled(node, tmp_path, "p-21", one)
    enrolled(node, tmp_path, "p-22", two)
    hold = held(node, HELD)
    decide(node, hold, "p-21", one)
    with pytest.raises(TrustError, match="one person counts once"):
        decide(node, hold, "p-21", one)
    decide(node, hold, "p-22", two)
    within_two_seconds(lambda: status(node, hold) == "released")
    assert node.ask(HELD).choices[0].message.content == "Fine."
    node.loop.call(node.node.state_period())
    assert not node.contradictions()


def test_a_withdrawn_person_decides_nothing_and_what_they_said_counts_no_more(node: Running, tmp_path: Path) -> None:
    one, two, three = Passkey(31), Passkey(32), Passkey(33)
    for name, key in (("p-31", one), ("p-32", two), ("p-33", three)):
        enrolled(node, tmp_path, name, key)
    hold = held(node, HELD + " Now.")
    decide(node, hold, "p-31", one)
    run("review", "withdraw", node.root, "p-31", *WHY)
    with pytest.raises(TrustError, match="not on the roster"):
        decide(node, hold, "p-31", one)
    decide(node, hold, "p-32", two)
    within_two_seconds(lambda: len(node.node.registry.decisions.docket.cases) > 0)
    assert status(node, hold) == "open"  # one of two: the first counts no more
    decide(node, hold, "p-33", three)
    within_two_seconds(lambda: status(node, hold) == "released")


def test_a_passkey_on_another_page_or_without_its_user_decides_nothing(node: Running, tmp_path: Path) -> None:
    key = Passkey(41)
    enrolled(node, tmp_path, "p-41", key)
    hold = held(node, HELD + " Soon.")
    for how, why in (({"origin": "https://evil.example"}, "pinned origins"), ({"flags": 1}, "not verified")):
        with pytest.raises(TrustError, match=why):
            decide(node, hold, "p-41", key, **how)
