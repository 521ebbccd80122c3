# SPDX-License-Identifier: Apache-2.0
"""Standing over real sockets: what people order takes effect within two seconds, everywhere, and survives restarts."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.errors import EvidenceDamaged
from brightline.core.expectation import Figures
from brightline.core.standing import Standing
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.keyring import open_vault
from brightline.shell.opening import open_in_force
from brightline.shell.serve import bind, serving
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk
from brightline.wiring import open_node
from tests.harness import RL1, Loop, Running, Seconds, chunk, read_records, running, sdk
from tests.shell.cli.in_process import run

EFFECT_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
UNIT = "unit-1"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state") as node:
        yield node


def refused_with(node: Running) -> str:
    """The code by which an ordinary question is refused; empty if it is answered."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def seconds_until(node: Running, code: str) -> float:
    with Seconds() as seconds:
        while refused_with(node) != code:
            assert seconds.passed < 10
        return seconds.passed


def test_a_suspension_takes_effect_within_two_seconds_and_a_reinstatement_as_well(node: Running) -> None:
    node.ask()
    run("standing", "suspend", node.root, UNIT, "--reason", "a drill")
    assert seconds_until(node, "unit_suspended") < EFFECT_SECONDS
    seen = len(node.model.seen)
    assert refused_with(node) == "unit_suspended"
    assert len(node.model.seen) == seen
    # Of this one, which nothing had permitted a moment before.
    outcome = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (outcome["outcome"], outcome["class"], outcome["verdict"]) == ("refused", "suspended", "none")
    run("standing", "reinstate", node.root, UNIT, "--reason", "cured")
    assert seconds_until(node, "") < EFFECT_SECONDS


def test_a_stream_that_runs_is_cut_within_two_seconds(node: Running) -> None:
    words = [chunk(f"word {i}. ") for i in range(400)]
    parts: list[bytes | float] = [part for word in words for part in (word, 0.05)]
    node.model.streams([*parts, chunk("", "stop"), b"data: [DONE]\n\n"])
    ended: list[float] = []
    started = threading.Event()

    def listen() -> None:
        with node.client() as client, contextlib.suppress(openai.APIError):
            messages: Any = [{"role": "user", "content": "Tell me a story."}]
            for _ in client.chat.completions.create(model="m", messages=messages, stream=True):
                started.set()
        ended.append(seconds.passed)

    listener = threading.Thread(target=listen)
    with Seconds() as seconds:
        listener.start()
        assert started.wait(PATIENCE_SECONDS)
        run("standing", "suspend", node.root, UNIT, "--reason", "a drill")
        logged = seconds.passed
        listener.join(PATIENCE_SECONDS)
    assert ended[0] - logged < EFFECT_SECONDS
    outcome = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (outcome["outcome"], outcome["class"]) == ("cut", "suspended")


def test_every_process_that_follows_the_registry_sees_it_within_two_seconds(node: Running) -> None:
    others = [open_in_force(node.root, load_settings(node.root), SystemClock()) for _ in range(4)]
    try:
        run("standing", "suspend", node.root, UNIT, "--reason", "a drill")
        for other in others:
            other.refresh()
            assert other.standings.book.effective(UNIT).standing is Standing.SUSPENDED
    finally:
        for other in others:
            other.close()


def test_it_survives_a_restart_and_an_old_or_deleted_database(tmp_path: Path) -> None:
    root = tmp_path / "state"
    with running(root) as node:
        old = (root / "workloads.sqlite").read_bytes()
        run("standing", "suspend", root, UNIT, "--reason", "a drill")
        key = node.key
    for database in (old, b""):
        for leftover in root.glob("workloads.sqlite*"):
            leftover.unlink()
        if database:
            (root / "workloads.sqlite").write_bytes(database)
        assert _code_after_restart(root, key) == "unit_suspended"


@pytest.mark.parametrize("put_back", ["an older one", "none"])
def test_it_survives_a_checkpoint_that_is_put_back_or_deleted(tmp_path: Path, put_back: str) -> None:
    root = tmp_path / "state"
    checkpoint = root / "evidence" / "registry" / "checkpoint"
    with running(root) as node:
        old = checkpoint.read_bytes()
        run("standing", "suspend", root, UNIT, "--reason", "a drill")
        key = node.key
    assert checkpoint.read_bytes() != old
    checkpoint.write_bytes(old) if put_back == "an older one" else checkpoint.unlink()
    assert _code_after_restart(root, key) == "unit_suspended"
    run("standing", "reinstate", root, UNIT, "--reason", "cured")  # the next writer goes on from the private log
    assert _code_after_restart(root, key) == "upstream_failed"  # that is: it was sent on


@pytest.mark.parametrize("with_checkpoint", [False, True])
def test_a_private_log_that_is_put_back_behind_what_was_published_does_not_start(
    tmp_path: Path, with_checkpoint: bool
) -> None:
    root = tmp_path / "state"
    with running(root):
        pass
    checkpoint = root / "evidence" / "registry" / "checkpoint"
    [segment] = (root / "wal" / "registry").glob("*.wal")
    old, old_checkpoint = segment.read_bytes(), checkpoint.read_bytes()
    run("standing", "suspend", root, UNIT, "--reason", "a drill")
    assert len(segment.read_bytes()) > len(old)
    segment.write_bytes(old)
    if with_checkpoint:
        checkpoint.write_bytes(old_checkpoint)
    with pytest.raises(EvidenceDamaged, match="tiles hold" if with_checkpoint else "are published, the log holds"):
        _code_after_restart(root, "any key")


def test_a_checkpoint_that_goes_back_under_a_running_node_stops_service_until_it_is_mended(node: Running) -> None:
    checkpoint = node.root / "evidence" / "registry" / "checkpoint"
    old = checkpoint.read_bytes()
    run("standing", "suspend", node.root, UNIT, "--reason", "a drill")
    seconds_until(node, "unit_suspended")
    run("standing", "reinstate", node.root, UNIT, "--reason", "cured")
    seconds_until(node, "")
    newest = checkpoint.read_bytes()
    for put_back in (old, None):
        if put_back is None:
            checkpoint.unlink()
        else:
            checkpoint.write_bytes(put_back)
        seconds_until(node, "evidence_unavailable")
        checkpoint.write_bytes(newest)
        seconds_until(node, "")


def _code_after_restart(root: Path, key: str) -> str:
    loop, stack = Loop(), contextlib.AsyncExitStack()

    async def serve_again() -> str:
        settings = load_settings(root)
        opened = await stack.enter_async_context(open_node(root, SystemClock()))
        return await stack.enter_async_context(serving(opened.app, bind("127.0.0.1", settings.listen.port)))

    try:
        url = loop.call(serve_again())
        with sdk(url, key) as client:
            try:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello."}])
            except openai.APIStatusError as error:
                return str(error.code)
        return ""
    finally:
        loop.call(stack.aclose())
        loop.close()


def test_termination_takes_two_named_officers_and_cannot_be_undone(node: Running) -> None:
    run("standing", "suspend", node.root, UNIT, "--reason", "a drill")
    assert "--by HOLDER --by HOLDER" in run("standing", "terminate", node.root, UNIT, "--reason", "x", code=2).stderr
    by_one = ("--by", "provider-officer", "--by", "provider-officer")
    assert "takes 2 persons" in run("standing", "terminate", node.root, UNIT, "--reason", "x", *by_one, code=2).stderr
    wrong = ("--by", "provider-officer", "--by", "field-engineer")
    run("standing", "terminate", node.root, UNIT, "--reason", "x", *wrong, code=2)
    by_two = ("--by", "provider-officer", "--by", "provider-officer-2")
    run("standing", "terminate", node.root, UNIT, "--reason", "breach", *by_two)
    assert seconds_until(node, "invalid_api_key") < EFFECT_SECONDS  # its keys are revoked
    for way_back in ("reinstate", "uphold-appeal", "withdraw-notice"):
        said = run("standing", way_back, node.root, UNIT, "--reason", "please", code=2).stderr
        assert "cannot happen to a unit that is terminated" in said
    terminated = [record for record in read_records(node.root, "registry") if record["kind"] == "STANDING"][-1]
    assert (terminated["standing"], set(terminated["sealed"])) == ("terminated", {"gateway-0", "heads", "registry"})
    assert "unit" not in {*terminated} - {"commitments"}


def test_the_agreement_as_a_whole_stands_for_every_unit(node: Running) -> None:
    run("standing", "suspend", node.root, "--agreement", "--reason", "a drill")
    assert seconds_until(node, "unit_suspended") < EFFECT_SECONDS


# ---- the watch ----------------------------------------------------------------------------------------------


def deny(node: Running, number: int) -> None:
    with contextlib.suppress(openai.PermissionDeniedError):
        node.ask(f"{RL1} Begin with county number {number}.")


def counted_until(node: Running, requests: int) -> Figures:
    """What is counted once the gateway has put away the last exchange: it answers first and counts then."""
    begun = time.monotonic()
    while node.node.watch.figures(UNIT).requests < requests:
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.01)
    time.sleep(0.05)
    return node.node.watch.figures(UNIT)


def test_what_is_denied_again_and_again_is_a_pattern_and_the_unit_waits_for_people(node: Running) -> None:
    for number in range(40):
        deny(node, number)
        if node.node.standing_of(UNIT).held:
            break
    assert seconds_until(node, "unit_held") < EFFECT_SECONDS
    (found,) = [record for record in read_records(node.root, "registry") if record["kind"] == "STANDING"]
    assert (found["happened"], found["standing"], found["held"]) == ("pattern found", "noticed", True)
    assert found["committed"]["unit"] == UNIT
    assert int(found["committed"]["figures"]["denies"]) < 40
    assert "cleared review by" in run("standing", "show", node.root, UNIT).stdout
    run("standing", "clear-pattern", node.root, UNIT, "--reason", "an exercise of ours")
    assert seconds_until(node, "") < EFFECT_SECONDS


def test_the_same_request_again_and_again_is_one_deny(node: Running) -> None:
    for _ in range(40):
        deny(node, 1)
    assert counted_until(node, 1).denies == 1
    assert refused_with(node) == ""


def test_outages_refusals_and_malformed_requests_count_neither_way(node: Running) -> None:
    node.ask()
    node.model.sends(b"not json")
    with pytest.raises(openai.APIStatusError):
        node.ask()
    with pytest.raises(openai.BadRequestError):
        node.ask(extra_body={"unknown_field": 1})
    with pytest.raises(openai.PermissionDeniedError):
        node.ask("Which of these three vehicles should we strike first? Recommend one for the officer.")
    figures = counted_until(node, 1)
    assert (figures.denies, figures.requests) == (0, 1)


def test_the_counts_are_rebuilt_from_the_log(node: Running) -> None:
    for number in range(5):
        deny(node, number)
    node.ask()
    before = counted_until(node, 6)
    node.node.watch._units.clear()
    frames = frames_on_disk(node.root / "wal", "gateway-0")
    keys = open_vault(StateFolder(node.root)).reader("gateway-0")
    counted = node.node.watch.rebuild(frames, SystemClock().unix(), keys.peek)
    after = node.node.watch.figures(UNIT)
    assert counted == 6
    assert (after.denies, after.requests) == (before.denies, before.requests) == (5, 6)


def test_confirmed_denies_are_a_pattern_of_their_own(node: Running) -> None:
    for number in range(3):
        deny(node, number)
    exchanges = [record["exchange"] for record in node.records() if record["kind"] == "ATTEMPT"]
    said = [
        run("standing", "confirm", node.root, UNIT, "--exchange", exchange, "--reason", "real", "--json").stdout
        for exchange in exchanges
    ]
    assert [json.loads(each)["held"] for each in said] == [False, False, True]
    assert seconds_until(node, "unit_held") < EFFECT_SECONDS
