# SPDX-License-Identifier: Apache-2.0
"""The halt switch over real sockets: one signature stops, two start again, and it survives what a database forgets.

One gateway serves for most of these tests; each begins with nothing halted.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from click.testing import CliRunner

from brightline.core.errors import TrustError
from brightline.core.evidence.audit import HALTED, Status
from brightline.shell.cli.main import brightline
from brightline.verify.examine import verify_evidence
from tests.harness import Running, add_workload, chunk, completion, read_records, running, running_again

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("halt") / "state") as node:
        yield node


@pytest.fixture
def node(serving: Running) -> Iterator[Running]:
    serving.model.says(completion())
    yield serving
    if serving.node.registry.halts.book.halts:
        cli("resume", serving.root, "--reason", "a test is over")
    until(lambda: not serving.node.registry.halts.book.halts)


def cli(*arguments: str | Path, code: int = 0) -> str:
    """What a command of this program prints."""
    done = CliRunner().invoke(brightline, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def until(happened: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.02)


def code_of(node: Running, key: str = "") -> str:
    """The code by which an ordinary question is refused; empty if it is answered."""
    try:
        with node.client(key) as client:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "List three fruits."}])
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def test_one_signature_halts_and_one_party_alone_does_not_resume(node: Running) -> None:
    holder = "customer-official"
    cli("halt", node.root, "--reason", "a drill", "--by", holder)
    until(lambda: code_of(node) == "halted")
    seen = len(node.model.seen)
    with pytest.raises(TrustError, match="no pinned key of the provider-officer"):
        cli("resume", node.root, "--reason", "over", "--by", holder)
    assert code_of(node) == "halted"
    assert len(node.model.seen) == seen
    outcome = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (outcome["outcome"], outcome["class"], outcome["verdict"]) == ("refused", "halted", "none")
    assert holder in cli("halts", node.root, "--json", code=1)
    cli("resume", node.root, "--reason", "over")
    until(lambda: code_of(node) == "")
    assert "Nothing is halted" in cli("halts", node.root)


def test_a_field_engineer_halts_nothing_and_a_mistyped_name_stops_nobody(node: Running) -> None:
    with pytest.raises(TrustError, match="no pinned key"):
        cli("halt", node.root, "--reason", "a drill", "--by", "field-engineer")
    for what in ("--unit", "--model"):
        with pytest.raises(Exception, match="there is no"):
            cli("halt", node.root, what, "unit-l", "--reason", "a drill")
    assert cli("halts", node.root, "--json") == "[]\n"


def test_a_stream_that_runs_ends_as_filtered_while_it_is_read(node: Running) -> None:
    words = [chunk(f"word {i}. ") for i in range(4000)]
    parts: list[bytes | float] = [part for word in words for part in (word, 0.05)]
    node.model.streams([*parts, chunk("", "stop"), b"data: [DONE]\n\n"])
    finishes: list[str | None] = []
    started = threading.Event()

    def listen() -> None:
        messages: Any = [{"role": "user", "content": "Tell me a story."}]
        with node.client() as client:
            for part in client.chat.completions.create(model="m", messages=messages, stream=True):
                started.set()
                finishes.append(part.choices[0].finish_reason)

    listener = threading.Thread(target=listen)
    listener.start()
    assert started.wait(PATIENCE_SECONDS)
    cli("halt", node.root, "--reason", "a drill")
    listener.join(PATIENCE_SECONDS)
    assert finishes[-1] == "content_filter"
    assert len(finishes) < len(words) // 4
    outcome = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (outcome["outcome"], outcome["class"]) == ("cut", "halted")


def test_a_halt_of_a_unit_or_of_a_model_stops_nothing_else(node: Running) -> None:
    other = add_workload(node.root, node.node.settings, node.node.agreement, "another", unit="unit-2")
    until(lambda: code_of(node, other) == "")
    cli("halt", node.root, "--unit", "unit-2", "--reason", "a drill")
    until(lambda: code_of(node, other) == "halted")
    assert code_of(node) == ""
    assert httpx2.get(f"{node.url}/readyz").status_code == 200
    cli("halt", node.root, "--model", "m", "--reason", "a drill")
    until(lambda: code_of(node) == "halted")
    assert "people have halted every model" in httpx2.get(f"{node.url}/readyz").text
    halts = {each["scope"]: each["halt"] for each in json.loads(cli("halts", node.root, "--json", code=1))}
    cli("resume", node.root, "--halt", halts["model"], "--reason", "over")
    until(lambda: code_of(node) == "")
    assert code_of(node, other) == "halted"
    leaves = [record for record in read_records(node.root, "registry") if record["kind"] == "HALT"][-3:]
    assert [leaf.get("scope") for leaf in leaves] == ["unit", "model", None]
    assert "unit-2" not in json.dumps([{**leaf, "committed": None} for leaf in leaves])


def test_each_party_signs_at_a_place_of_its_own(node: Running, tmp_path: Path) -> None:
    cli("halt", node.root, "--reason", "a drill")
    statement = tmp_path / "resume.json"
    official = node.root / "keys" / "customer-official"
    cli("resume", node.root, "--reason", "over", "--by", "provider-officer", "--prepare", statement)
    assert cli("halts", node.root, code=1)
    cli("resume", node.root, "--reason", "over", "--prepared", statement, "--key", official)
    until(lambda: code_of(node) == "")
    cli("halt", node.root, "--reason", "another drill")
    with pytest.raises(TrustError, match="none of the halts"):
        cli("resume", node.root, "--reason", "kept back", "--prepared", statement, "--key", official)


def test_the_verifier_names_the_halts_that_it_cannot_compare(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        assert code_of(node) == ""
        cli("halt", node.root, "--model", "m", "--reason", "a drill")
        until(lambda: code_of(node) == "halted")
    claims = {report.shard: {c.name: c for c in report.claims} for report in verify_evidence(node.root / "evidence")}
    assert claims["gateway-0"][HALTED].status is Status.NOT_SHOWN
    assert "committed" in claims["gateway-0"][HALTED].detail
    assert HALTED not in claims["registry"]
    for leftover in node.root.glob("workloads.sqlite*"):  # a cache, and no home of a halt
        leftover.unlink()
    with running_again(node.root, node.key) as again:
        assert code_of(again) == "halted"
