# SPDX-License-Identifier: Apache-2.0
"""More than a node can do: whole requests are shed, whoever asks for little is served, and nothing goes unscreened."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from brightline.shell.config import load_settings
from brightline.shell.opening import open_agreement
from tests.harness import HELD, NO_TLS, RL1, Running, add_workload, chunk, running

SLOW: list[bytes | float] = [0.15, chunk("Fine."), chunk("", "stop"), b"data: [DONE]\n\n"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("overload") / "state"
    with running(root, exchanges_max=2, unsent_max=1, waiting_max=3, wait_seconds=5.0) as node:
        yield node


def another(node: Running, name: str, unit: str, **more: Any) -> str:
    """The key of one more workload, as soon as the node knows of it."""
    settings = load_settings(node.root)
    key = add_workload(node.root, settings, open_agreement(settings), name, unit=unit, **more)
    while node.node.registry.workloads.get(name) is None:
        time.sleep(0.05)
    return key


def ask(node: Running, key: str, text: str = "List three fruits.", streamed: bool = True) -> httpx2.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": streamed}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{node.url}/v1/chat/completions", json=body, headers=headers, timeout=30, verify=NO_TLS)


def listed(node: Running) -> httpx2.Response:
    """The models, as the workload of the flood sees them."""
    headers = {"authorization": f"Bearer {node.key}"}
    return httpx2.get(f"{node.url}/v1/models", headers=headers, timeout=30, verify=NO_TLS)


def test_a_flood_sheds_itself_whole_and_another_unit_is_served(node: Running) -> None:
    small = another(node, "small", "unit-2")
    node.model.streams(SLOW)
    stop = threading.Event()

    def flood(asks: str) -> list[httpx2.Response]:
        answers = []
        while not stop.is_set():
            answers.append(ask(node, node.key, asks))
            time.sleep(0.01)
        return answers

    with ThreadPoolExecutor(16) as pool:
        floods = [pool.submit(flood, RL1 if i % 3 == 0 else "List three fruits.") for i in range(16)]
        try:
            time.sleep(0.3)
            assert ask(node, small).status_code == 200
            # The socket sheds by the name that a key claims, whenever that name has as many as it may; so a false key
            # in the flood's name is then not even looked at,
            false = [ask(node, "bl_tests_" + "0" * 64).status_code for _ in range(20)]
            assert 503 in false
            assert set(false) <= {401, 503}
            assert [listed(node).status_code for _ in range(20)] == [200] * 20  # whoever only reads takes no place
            # and one in the name of somebody who asks for little sheds nobody.
            assert ask(node, "bl_small_" + "0" * 64).status_code == 401
            assert ask(node, small).status_code == 200
        finally:
            stop.set()  # also after a failure: the pool waits for all of them, and they would ask for ever
        answers = [answer for each in floods for answer in each.result(30)]
    by_status = Counter(answer.status_code for answer in answers)
    assert set(by_status) <= {200, 403, 503}
    assert by_status[503] > 3
    assert by_status[200] > 3
    for answer in answers:
        if answer.status_code == 503:
            assert answer.json()["error"]["code"] == "overloaded"
            assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("2", "true")
    # What was not shed was screened as ever: as many passed as were sent, and no red line was.
    kinds = node.kinds()
    assert kinds.count("PASS") == len(node.model.seen) == by_status[200] + 2
    assert kinds.count("OUTCOME:refused") == by_status[403]
    assert RL1 not in str(node.model.seen)
    assert kinds.count("ATTEMPT") == by_status[200] + by_status[403] + 2  # who was shed cost no record
    assert node.node.admission.take_counts()["overloaded"] == by_status[503] + false.count(503)


def test_a_quota_is_a_429_that_says_when(node: Running) -> None:
    node.model.answers(node.model._fine)
    key = another(node, "few", "unit-3", requests_per_minute=1)
    assert ask(node, key, streamed=False).status_code == 200
    answer = ask(node, key, streamed=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_reached")
    assert "registered for 1 requests a minute" in answer.json()["error"]["message"]
    assert 50 <= int(answer.headers["retry-after"]) <= 61  # a minute, and what it is counted in


def test_tokens_are_a_quota_of_the_registration(node: Running) -> None:
    node.model.answers(node.model._fine)  # which says that it used five
    key = another(node, "words", "unit-4", tokens_per_minute=6)
    assert [ask(node, key, streamed=False).status_code for _ in range(3)] == [200, 200, 429]


def test_a_unit_gets_no_more_by_a_second_workload(node: Running) -> None:
    node.model.answers(node.model._fine)
    first = another(node, "one-of-two", "unit-6", unit_requests_per_minute=2)
    second = another(node, "two-of-two", "unit-6", unit_requests_per_minute=2)
    assert [ask(node, key, streamed=False).status_code for key in (first, second)] == [200, 200]
    answer = ask(node, second, streamed=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_reached")
    assert "this unit may have 2 requests a minute" in answer.json()["error"]["message"]


def test_what_is_left_to_people_is_a_quota_and_the_same_question_counts_once(node: Running) -> None:
    node.model.answers(node.model._fine)
    key = another(node, "asks-people", "unit-7", holds_per_day=2)
    held = [ask(node, key, HELD, streamed=False) for _ in range(3)]
    assert {answer.json()["error"]["code"] for answer in held} == {"held_for_review"}
    assert ask(node, key, HELD + " Now.", streamed=False).json()["error"]["code"] == "held_for_review"
    answer = ask(node, key, streamed=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_reached")
    assert "2 holds a day" in answer.json()["error"]["message"]


def test_what_a_model_server_does_not_count_is_estimated(node: Running) -> None:
    node.model.streams([chunk("word " * 100), chunk("", "stop"), b"data: [DONE]\n\n"])
    key = another(node, "guessed", "unit-5", tokens_per_minute=100)
    assert [ask(node, key).status_code for _ in range(2)] == [200, 429]
