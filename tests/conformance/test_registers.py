# SPDX-License-Identifier: Apache-2.0
"""The registers over real sockets: what is not registered goes no further, what is retired carries nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.facts import Register
from brightline.core.register import Entry
from brightline.core.screening.finding import Judgement, Segment
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import DEVELOPMENT_PROTOCOL, DEVELOPMENT_VVT, record_demand, register_entry
from brightline.shell.registry.entries import retired
from tests.harness import JudgedBy, Running, add_workload, registered, running, within_two_seconds
from tests.registers import demand, vvt

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look something up.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}
USER: list[Any] = [{"role": "user", "content": "List three fruits."}]
AT_SEA = "Plan the waypoints of the unmanned boat for tonight's patrol."


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state", tools=[TOOL]) as served:
        yield served


class Counting:
    """The node's own detectors, and how often they were asked."""

    def __init__(self, node: Running) -> None:
        self._inner = node.node.judges.current.screeners
        self.asked = 0

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        self.asked += 1
        return self._inner.judge_now(segments)

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        return await self._inner.judge(segments)  # asked for what was too much to judge at once


def counting(node: Running) -> Counting:
    counted = Counting(node)
    node.node.app._judges = JudgedBy(counted)
    return counted


def clauses(node: Running, prompt: str = "List three fruits.", key: str = "") -> list[str]:
    """The clauses that deny or hold; none if it is permitted."""
    try:
        with node.client(key) as client:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
    except openai.PermissionDeniedError as error:
        body: Any = error.body
        return [clause["id"] for clause in body["brightline"]["clauses"]]
    return []


def log(node: Running, entry: Entry) -> None:
    register_entry(node.root, load_settings(node.root), node.node.agreement, entry, SystemClock())


def current(node: Running, register: Register, entry_id: str) -> Entry:
    found = node.node.registry.registers.book.get(register, entry_id)
    assert found is not None
    return found


def retire(node: Running, register: Register, entry_id: str) -> None:
    log(node, retired(current(node, register, entry_id), SystemClock().unix()))


# ---- closed lists, before any detector -----------------------------------------------------------------------------


def changed(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**TOOL["function"], **function}}


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [changed(name="launch")]}, "tools[0].function.name"),
        ({"tools": [TOOL, changed(description="Look somebody up.")]}, "tools[1].function"),
        ({"tools": [changed(parameters={"type": "object"})]}, "tools[0].function"),
        ({"max_tokens": 4_097}, "max_tokens"),
        ({"max_completion_tokens": 1_000_000}, "max_completion_tokens"),
        ({"messages": [{"role": "user", "content": "fruit " * 200_000}]}, "messages"),
    ],
)
def test_what_is_not_registered_is_refused_before_any_detector_ran(
    node: Running, asked: dict[str, Any], param: str
) -> None:
    counted = counting(node)
    with node.client() as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(**{"model": "m", "messages": USER, **asked})
    body: Any = caught.value.body
    assert (caught.value.code, caught.value.param) == ("outside_registration", param)
    assert "register" in body["brightline"]["next_step"]
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert counted.asked == 0
    assert node.model.seen == []
    assert node.kinds() == ["ATTEMPT", "OUTCOME:refused"]
    outcome = node.records()[-1]
    assert (outcome["class"], outcome["verdict"], outcome["clauses"]) == ("registration", "none", [])


def test_what_is_registered_is_screened_and_served(node: Running) -> None:
    counted = counting(node)
    assert node.ask(tools=[TOOL], max_tokens=4_096).choices[0].message.content == "Fine."
    assert counted.asked == 2


def test_where_a_caller_sets_no_limit_the_model_is_asked_for_the_registered_one(node: Running) -> None:
    node.ask()
    node.ask(max_completion_tokens=7)
    assert [(sent.get("max_tokens"), sent.get("max_completion_tokens")) for sent in node.model.seen] == [
        (4_096, None),
        (None, 7),
    ]


def test_a_workload_calls_the_endpoints_that_it_is_registered_for_and_no_others(node: Running) -> None:
    settings, agreement = load_settings(node.root), node.node.agreement
    lists = add_workload(node.root, settings, agreement, "lists", endpoints=("models",))
    asks = add_workload(node.root, settings, agreement, "asks", endpoints=("chat.completions",))
    within_two_seconds(lambda: node.node.registry.workloads.get("asks") is not None)
    with node.client(lists) as client:
        assert [model.id for model in client.models.list()] == ["m"]
        with pytest.raises(openai.PermissionDeniedError, match="not registered for this endpoint"):
            client.chat.completions.create(model="m", messages=USER)
    with node.client(asks) as client:
        assert client.chat.completions.create(model="m", messages=USER).choices[0].message.content == "Fine."
        with pytest.raises(openai.PermissionDeniedError, match="not registered for this endpoint"):
            client.models.list()


def test_another_workload_may_not_use_the_tools_of_the_first(node: Running) -> None:
    key = add_workload(node.root, load_settings(node.root), node.node.agreement, "second")
    within_two_seconds(lambda: node.node.registry.workloads.get("second") is not None)
    with node.client(key) as client, pytest.raises(openai.PermissionDeniedError, match="not registered"):
        client.chat.completions.create(model="m", messages=USER, tools=[TOOL])  # type: ignore[list-item]


# ---- what is retired or out of date --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("register", "entry_id", "prompt", "clause"),
    [
        (Register.PROTOCOL, DEVELOPMENT_PROTOCOL, "List three fruits.", "L1a"),
        (Register.PURPOSE, "tests", "List three fruits.", "L1"),
        (Register.VVT, DEVELOPMENT_VVT, AT_SEA, "L4"),
    ],
)
def test_a_retired_entry_stops_its_permits_within_two_seconds(
    node: Running, register: Register, entry_id: str, prompt: str, clause: str
) -> None:
    assert clauses(node, prompt) == []
    retire(node, register, entry_id)
    within_two_seconds(lambda: clauses(node, prompt) == [clause])
    later = retired(current(node, register, entry_id), SystemClock().unix())
    # A later version that both parties sign brings it back: nothing but their signatures does.
    log(node, type(later)(**{name: getattr(later, name) for name in later.__struct_fields__} | {"retired": False}))
    within_two_seconds(lambda: clauses(node, prompt) == [])


def test_an_expired_verification_denies_an_autonomous_system_in_operation(node: Running) -> None:
    now = SystemClock().unix()
    log(node, vvt(issued=now - 1, expires=now + 600))
    key = add_workload(node.root, load_settings(node.root), node.node.agreement, "at-sea", vvt=("convoy-planner",))
    within_two_seconds(lambda: node.node.registry.workloads.get("at-sea") is not None)
    assert clauses(node, AT_SEA, key) == []
    now = SystemClock().unix()
    log(node, vvt(version=2, issued=now - 1, expires=now + 3))
    time.sleep(max(0.0, now + 3.1 - time.time()))
    within_two_seconds(lambda: current(node, Register.VVT, "convoy-planner").version == 2)
    assert clauses(node, AT_SEA, key) == ["L4"]
    assert node.records()[-1]["committed"]["facts"]["vvt_current"] == "unknown"
    assert clauses(node, "List three fruits.", key) == []


def test_a_book_that_an_exchange_took_does_not_change_under_it(node: Running) -> None:
    book = node.node.registry.registers.book
    retire(node, Register.PROTOCOL, DEVELOPMENT_PROTOCOL)
    within_two_seconds(lambda: node.node.registry.registers.book is not book)
    assert book.in_date(Register.PROTOCOL, DEVELOPMENT_PROTOCOL, SystemClock().unix())


def test_editing_the_database_brings_nothing_back(node: Running) -> None:
    retire(node, Register.PROTOCOL, DEVELOPMENT_PROTOCOL)
    within_two_seconds(lambda: clauses(node) == ["L1a"])
    database = sqlite3.connect(node.root / "workloads.sqlite")
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert tables == ["workload"]  # no register has a cache
    database.execute("UPDATE workload SET purpose = 'anything', expires = 9999999999, envelope = ?", [b"{}"])
    database.commit()
    database.close()
    node.node.registry.workloads.forget()
    assert clauses(node) == ["L1a"]


# ---- demands -------------------------------------------------------------------------------------------------------


def test_a_demand_is_on_record_and_changes_no_verdict(node: Running) -> None:
    before = node.node.registry.registers.book
    prompts = ("List three fruits.", AT_SEA)
    were = [clauses(node, prompt) for prompt in prompts]
    settings = load_settings(node.root)
    made = demand(received=1, issued=SystemClock().unix())
    record = record_demand(node.root, settings, node.node.agreement, made, SystemClock())
    within_two_seconds(lambda: bool(node.node.registry.demands.all()))
    assert node.node.registry.demands.all() == ((made, record.place.seq),)
    assert (record.draft.public["demanded"], record.draft.public["changed"]) == ("switch_off", False)
    assert made.text not in str(record.draft.public)
    assert [clauses(node, prompt) for prompt in prompts] == were
    assert node.node.registry.registers.book is before


def test_the_harness_registers_a_tool_as_the_gateway_reads_it() -> None:
    assert registered([TOOL]) == registered([{**TOOL, "function": dict(reversed(TOOL["function"].items()))}])
