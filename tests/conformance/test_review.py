# SPDX-License-Identifier: Apache-2.0
"""People in the loop, over real sockets: the SDK is held, two persons answer, the same request goes through.

What machines cannot settle, people settle with facts; nobody can override the agreement, and an answer counts for the
words, the workload and the terms that it was given for.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from click.testing import CliRunner, Result

from brightline.client import hold_of, wait_for
from brightline.core.errors import BrightlineError, ConfigError, TrustError
from brightline.core.evidence.audit import PEOPLE, Topic
from brightline.core.review.decision import FORMAT, Answer, ReviewerDecision, sign_decision
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import draft_of
from brightline.shell.registry.log import append_to_registry
from brightline.shell.review.desk import Desk
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from tests.harness import HELD, NO_TLS, RL1, Running, add_workload, running, running_again, within_two_seconds
from tests.shell.cli.in_process import run

FIRST, SECOND, THIRD = (f"provider-cleared-reviewer-{n}" for n in (1, 2, 3))
CUSTOMER = "customer-decider-reviewer-1"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("review") / "state", more_toml="[review]\nwaiting_max = 1\n") as node:
        yield node


def said(node: Running, *arguments: str) -> Result:
    """One command of the terminal. What it refuses is raised."""
    done = CliRunner().invoke(brightline, ["review", arguments[0], str(node.root), *arguments[1:]])
    if isinstance(done.exception, BrightlineError):
        raise done.exception
    return done


def held(node: Running, words: str, key: str = "") -> dict[str, Any]:
    """Ask, be held, and return what the refusal says."""
    with pytest.raises(openai.PermissionDeniedError) as refused, node.client(key) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": words}])
    body: Any = refused.value.body
    assert body["code"] == "held_for_review"
    assert refused.value.response.headers["x-should-retry"] == "false"
    told: dict[str, Any] = body["brightline"]
    return told


def polled(node: Running, hold: str, key: str = "", **headers: str) -> httpx2.Response:
    authorization = {"authorization": f"Bearer {key or node.key}"}
    return httpx2.get(f"{node.url}/v1/holds/{hold}", headers={**authorization, **headers}, timeout=30, verify=NO_TLS)


def questions(node: Running, hold: str) -> list[str]:
    shown = json.loads(said(node, "show", hold, "--json").stdout)
    return [question["name"] for question in shown["questions"]]


def answer(node: Running, hold: str, person: str, value: str = "no") -> Result:
    """One person gives all answers that the hold asks for."""
    given = [part for name in questions(node, hold) for part in ("--answer", f"{name}={value}")]
    return said(node, "decide", hold, "--as", person, *given, "--reason", "read, and it is not")


def released(node: Running, words: str) -> dict[str, Any]:
    """Hold these words, have two people answer, ask again; return the OUTCOME of what went through."""
    hold = held(node, words)["hold"]
    answer(node, hold, FIRST)
    answer(node, hold, SECOND)
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")
    assert node.ask(words).choices[0].message.content == "Fine."
    return next(
        record
        for record in reversed(node.records())
        if record.get("outcome") == "completed" and record["committed"].get("holds") == [hold]
    )


def test_two_people_answer_and_the_same_request_goes_through_while_new_words_are_held(node: Running) -> None:
    hold = held(node, HELD)["hold"]
    assert polled(node, hold).json()["status"] == "open"
    assert hold in said(node, "list").stdout
    assert answer(node, hold, FIRST).exit_code == 0
    assert held(node, HELD)["hold"] == hold  # one of two is not enough, and it is the same hold
    assert polled(node, hold).json()["status"] == "open"
    assert answer(node, hold, SECOND).exit_code == 0
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")
    assert node.ask(HELD).choices[0].message.content == "Fine."
    outcome = node.records()[-1]
    assert (outcome["outcome"], outcome["committed"]["holds"]) == ("completed", [hold])
    assert held(node, HELD.replace("three", "four"))["hold"] != hold
    assert hold not in said(node, "list").stdout


def test_who_waits_for_people_hears_as_soon_as_they_have_decided(node: Running) -> None:
    hold = held(node, HELD + " Now.")["hold"]
    heard: list[str] = []

    def wait() -> None:
        heard.append(polled(node, hold, prefer="wait=25").json()["status"])

    waiting = threading.Thread(target=wait)
    waiting.start()
    answer(node, hold, FIRST)
    answer(node, hold, THIRD)
    waiting.join(40)
    assert heard == ["released"]


def test_who_leaves_while_people_are_asked_leaves_the_place_to_another(node: Running) -> None:
    hold = held(node, HELD + " Later.")["hold"]
    request = (
        f"GET /v1/holds/{hold} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {node.key}\r\nprefer: wait=60\r\n\r\n"
    )
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(request.encode())
        within_two_seconds(lambda: polled(node, hold, prefer="wait=1").status_code == 429)
    within_two_seconds(lambda: polled(node, hold, prefer="wait=1").status_code == 200)


def test_an_application_waits_with_the_sdk_that_it_has(node: Running) -> None:
    words = HELD + " Soon."
    request: Any = {"model": "m", "messages": [{"role": "user", "content": words}]}
    with node.client() as client:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(**request)
        assert wait_for(client, refused.value, seconds=0) == "open"
        hold = hold_of(refused.value)
        for person in (FIRST, SECOND):
            answer(node, hold, person)
        assert wait_for(client, refused.value, seconds=20) == "released"
        assert client.chat.completions.create(**request).choices[0].message.content == "Fine."
        with pytest.raises(openai.PermissionDeniedError) as denied:
            client.chat.completions.create(**{**request, "messages": [{"role": "user", "content": RL1}]})
        assert wait_for(client, denied.value, seconds=20) == ""


def test_a_fact_that_people_say_is_so_denies_for_good(node: Running) -> None:
    hold = held(node, HELD + " Quickly.")["hold"]
    answer(node, hold, FIRST, "yes")
    answer(node, hold, SECOND, "yes")
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "denied")
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(HELD + " Quickly.")
    assert refused.value.code == "denied_by_agreement"


def test_where_two_disagree_a_third_decides(node: Running) -> None:
    hold = held(node, HELD + " Please.")["hold"]
    answer(node, hold, FIRST, "no")
    answer(node, hold, SECOND, "yes")
    shown = json.loads(said(node, "show", hold, "--json").stdout)
    assert (shown["state"], shown["answers"], shown["wanted"]) == ("open", {}, ["provider_cleared"])
    answer(node, hold, THIRD, "no")
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")


def test_one_person_counts_once_and_an_office_never_for_another(node: Running) -> None:
    hold = held(node, HELD + " Again.")["hold"]
    assert answer(node, hold, FIRST).exit_code == 0
    with pytest.raises(TrustError, match="one person counts once"):
        answer(node, hold, FIRST)
    with pytest.raises(TrustError, match="not for customer_decider to answer"):
        answer(node, hold, CUSTOMER)
    assert polled(node, hold).json()["status"] == "open"


def test_an_answer_counts_for_its_workload_and_nobody_else_sees_the_hold(node: Running) -> None:
    settings = node.node.settings
    key = add_workload(node.root, settings, node.node.agreement, "others")
    hold = held(node, HELD + " Today.")["hold"]
    answer(node, hold, FIRST)
    answer(node, hold, SECOND)
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")
    assert held(node, HELD + " Today.", key)["hold"] != hold
    assert polled(node, hold, key).status_code == 404
    assert polled(node, hold, key).json()["error"]["code"] == "hold_not_found"


def test_the_red_line_cannot_be_asked_about_and_no_answer_lifts_it(node: Running) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(RL1)
    assert refused.value.code == "denied_by_agreement"
    body: Any = refused.value.body
    assert "hold" not in body["brightline"]
    hold = held(node, HELD + " " + HELD)["hold"]
    answer(node, hold, FIRST)
    answer(node, hold, SECOND)
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")
    with pytest.raises(openai.PermissionDeniedError):
        node.ask(HELD + " " + HELD + " " + RL1)


def test_what_nobody_signed_or_somebody_else_signed_changes_nothing(node: Running) -> None:
    """Written into the registry itself, past every command, by whoever can write there."""
    hold = held(node, HELD + " Tonight.")["hold"]
    folder, clock = StateFolder(node.root), SystemClock()
    with in_force(node.root, clock) as (settings, registry):
        opened = Desk(node.root, registry.decisions.docket).find(hold)
        answers = tuple(Answer(question.subject, question.name, "no", "because") for question in opened.case.questions)
        for person, signer in ((FIRST, SECOND), (SECOND, FIRST), ("nobody", FIRST)):
            decision = ReviewerDecision(FORMAT, opened.case, person, answers, secrets.token_hex(16), clock.unix())
            envelope = sign_decision(decision, load_key(folder.key(signer)))
            draft = draft_of(decision, "provider_cleared", envelope)
            append_to_registry(node.root, settings, "development", clock, draft)
    within_two_seconds(lambda: len(node.node.registry.decisions.ignored) >= 3)
    assert polled(node, hold).json()["status"] == "open"


def test_the_decisions_stand_in_the_registry_and_the_evidence_holds(node: Running) -> None:
    released(node, HELD + " In the evening.")
    exchange = next(record for record in reversed(node.records()) if record["kind"] == "HOLD")
    opened = CliRunner().invoke(brightline, ["open", str(node.root), exchange["exchange"]])
    assert opened.exit_code == 0, opened.output
    node.loop.call(node.node.state_period())
    assert not node.contradictions()


def test_a_released_exchange_replays_to_the_same_verdict(node: Running) -> None:
    exchange = released(node, HELD + " At dawn.")["exchange"]
    opened = CliRunner().invoke(brightline, ["open", str(node.root), exchange])
    assert opened.exit_code == 0, opened.output
    assert "otherwise" not in opened.output


def test_what_hostile_words_would_do_to_a_terminal_is_drawn_and_the_first_answer_is_blind(node: Running) -> None:
    words = HELD + " \u202e\u001b[31m\u200b"
    hold = held(node, words)["hold"]
    answer(node, hold, FIRST)
    shown = said(node, "show", hold[:12]).stdout
    assert "⟨U+202E⟩⟨U+001B⟩[31m⟨U+200B⟩" in shown
    assert not {"\u202e", "\u001b", "\u200b"} & set(shown)
    assert "by 1 person" in shown
    assert "weapon_direct" in shown
    assert "provider_cleared" in shown
    assert "no: these words may be served" in shown
    with pytest.raises(ConfigError, match="no such hold"):
        said(node, "show", "hold_ffffffff")
    with pytest.raises(ConfigError, match="asks about weapon_direct"):
        said(node, "decide", hold, "--as", SECOND, "--answer", "release=yes", "--reason", "please")
    with pytest.raises(ConfigError, match="not on the roster"):
        said(node, "decide", hold, "--as", "nobody", "--answer", "weapon_direct=no", "--reason", "please")
    assert all(person in said(node, "roster").stdout for person in (FIRST, SECOND, THIRD, CUSTOMER))


def test_a_unit_cannot_fill_the_desk(tmp_path: Path) -> None:
    with running(tmp_path / "state", more_toml="[review]\nholds_per_unit = 2\n") as node:
        for n in range(2):
            held(node, f"{HELD} {n}")
        with pytest.raises(openai.RateLimitError) as refused:
            node.ask(f"{HELD} 2")
        assert refused.value.code == "quota_reached"
        held(node, f"{HELD} 1")  # what is open already is still told
        assert node.ask().choices[0].message.content == "Fine."


def test_holds_and_answers_are_known_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        hold = held(node, HELD)["hold"]
        other = held(node, HELD + " Now.")["hold"]
        answer(node, hold, FIRST)
        answer(node, hold, SECOND)
    with running_again(node.root, node.key) as node:
        assert polled(node, hold).json()["status"] == "released"
        assert polled(node, other).json()["status"] == "open"
        assert held(node, HELD + " Now.")["hold"] == other
        with pytest.raises(openai.APIStatusError) as refused:
            node.ask(HELD)
        assert refused.value.code == "upstream_failed"  # that is: it was sent on


def test_the_figures_count_what_the_logs_say_and_show_no_words(node: Running) -> None:
    hold = held(node, HELD + " A figure.")["hold"]
    answer(node, hold, FIRST)
    answer(node, hold, SECOND, "yes")
    answer(node, hold, THIRD)
    found = json.loads(said(node, "figures", "--json").stdout)
    assert found["volume"]["by_verdict"]["hold"] >= 1
    assert found["decisions"]["seconds"]["of"] >= 1
    overturned = {each["reviewer"]: each["answers"] for each in found["overturned"]}
    assert overturned[SECOND]["hits"] >= 1
    pairs = {(each["one"], each["other"]): each for each in found["agreed"]["pairs"]}
    assert pairs[FIRST, SECOND]["alike"] < pairs[FIRST, SECOND]["questions"]
    shown = said(node, "figures").stdout
    assert "Krippendorff" in shown
    assert "vehicles" not in shown


def test_what_was_released_is_counted_again_from_what_people_signed(tmp_path: Path) -> None:
    """By a node of its own: in the registry of the others stands what somebody else signed."""
    with running(tmp_path / "state") as node:
        released(node, HELD + " Counted again.")
        node.publish()
        run("disclose", node.root, tmp_path / "opened")
        parties = ("--installation", node.root / "installation.json", "--parties", node.root / "trust.json")
        told = run("verify", node.root / "evidence", "--disclosures", tmp_path / "opened", *parties, "--json")
    reports = json.loads(told.stdout)
    assert [each["contradictions"] for each in reports if each["contradictions"]] == []
    claims = [claim for each in reports for claim in each["claims"]]
    assert {claim["status"] for claim in claims if claim["name"] in (Topic.HELD.value, PEOPLE)} == {"PROVEN"}
