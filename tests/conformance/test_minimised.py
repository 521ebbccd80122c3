# SPDX-License-Identifier: Apache-2.0
"""A minimised purpose over real sockets: what identifies U.S. persons does not leave, whole or in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Running, chunk, completion, running
from tests.shell.cli.in_process import run

ANSWER = "Maria Jensen lives in Oslo; her SSN is 078-05-1120. Call (415) 555-0132. She is a U.S. citizen."
LEAVES = "[US person 1] lives in Oslo; her SSN is [SSN 1]. Call [phone 1]. She is a U.S. citizen."
PURPOSE = (
    *("--words", "tests of the gateway", "--official", "an office", "--authority", "USC-4A", "--basis", "as cited"),
    "--foreign-intelligence",
)


def minimise(root: Path) -> None:
    """A later version of the purpose of the tests."""
    run("purpose", "add", root, "tests", *PURPOSE, "--minimised")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("minimised") / "state", prepare=minimise) as node:
        yield node


def outcome(node: Running) -> dict[str, Any]:
    last = [each for each in node.records() if each["kind"] == "OUTCOME"][-1]
    committed: dict[str, Any] = last["committed"]
    return {**committed["minimised"], "outcome": last["outcome"], "released": last["released_bytes"]}


def test_a_whole_answer_leaves_masked_and_the_record_says_how_much_was(node: Running) -> None:
    node.model.says(completion(ANSWER))
    assert node.ask("Where is she?").choices[0].message.content == LEAVES
    found = outcome(node)
    assert (found["count"], found["kinds"]) == (3, {"SSN": 1, "US person": 1, "phone": 1})
    assert found["digest"].startswith("sha256:")
    assert found["released"] == len(LEAVES)


@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_stream_leaves_masked_whatever_the_chunks_in_which_it_came(node: Running, size: int) -> None:
    node.model.says(completion(ANSWER))
    node.ask("Where is she?")
    whole = outcome(node)
    pieces = [chunk(ANSWER[at : at + size]) for at in range(0, len(ANSWER), size)]
    node.model.streams([*pieces, chunk("", "stop"), b"data: [DONE]\n\n"])
    with node.client() as client:
        messages: Any = [{"role": "user", "content": "Where is she?"}]
        with client.chat.completions.create(model="m", messages=messages, stream=True) as stream:
            said = "".join(choice.delta.content or "" for part in stream for choice in part.choices)
    assert said == LEAVES
    assert outcome(node) == whole


def test_the_arguments_of_a_tool_call_leave_masked(node: Running) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "note", "arguments": '{"ssn":"078-05-1120"}'}}
    node.model.says(completion("", "tool_calls", tool_calls=[call]))
    answer = node.ask("Note it.").choices[0].message
    assert answer.tool_calls[0].function.arguments == '{"ssn": "[SSN 1]"}'


def test_an_answer_that_has_nothing_to_mask_leaves_as_it_came_and_the_record_says_so(node: Running) -> None:
    node.model.says(completion("Figs, dates, plums."))
    assert node.ask("List three fruits.").choices[0].message.content == "Figs, dates, plums."
    assert (outcome(node)["count"], outcome(node)["outcome"]) == (0, "completed")
    assert node.contradictions() == []


def test_a_purpose_that_is_not_minimised_has_its_answers_as_they_came(tmp_path: Path) -> None:
    with running(tmp_path / "state") as plain:
        plain.model.says(completion(ANSWER))
        assert plain.ask("Where is she?").choices[0].message.content == ANSWER
        assert "minimised" not in plain.records()[-1]["committed"]
