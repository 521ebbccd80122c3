# SPDX-License-Identifier: Apache-2.0
"""A release on trial in a gateway that serves: shadow, canary, live, or out, by the rule that was signed with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.errors import TrustError
from brightline.core.screening.trial import Compared, Rule, Stage
from brightline.core.screening.update import Kind
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.registry.classifiers import Step, log_step
from tests.conformance.test_release import SAFETY, bring, proposed, wait_for, wait_until
from tests.harness import Running, read_records, running
from tests.releases import FLOODGATE, WATCHED, beginning, finds_more, pinned_cases, release
from tests.shell.cli.in_process import run

MILLION = 1_000_000
TIGHTENS = Rule(shadow=3, canary=3, share=1_000, looser=0, stricter=MILLION, failed=0)
ANY = Rule(shadow=2, canary=10_000, share=1_000, looser=MILLION, stricter=MILLION, failed=MILLION)
ORDINARY = "List three fruits."
DRONE = "The drone may fire."


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state", own_release=str(beginning(tmp_path))) as node:
        yield node


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    return pinned_cases(tmp_path)


def misses(tmp_path: Path) -> Path:
    """A release that finds every pinned case, and not what the first one finds besides."""
    return release(tmp_path, 2, ("fire", "weapon_direct", ("drone", "fire", "at will")), WATCHED)


def stage(node: Running) -> Stage | None:
    trial = node.node.judges.trial
    return None if trial is None else trial.stage


def denied(node: Running, prompt: str) -> bool:
    try:
        node.ask(prompt)
    except openai.PermissionDeniedError:
        return True
    return False


def ask_until(node: Running, wanted: Stage | None) -> None:
    begun = time.monotonic()
    while stage(node) is not wanted:
        assert time.monotonic() - begun < 60
        node.ask(ORDINARY)


def steps(node: Running) -> list[dict[str, Any]]:
    return [record for record in read_records(node.root, "registry") if record.get("what") == "classifier-stage"]


def test_from_shadow_over_canaries_to_live(node: Running, tmp_path: Path, pinned: Path) -> None:
    before = node.node.release.digest
    digest = bring(node.root, finds_more(tmp_path), pinned, trial=TIGHTENS)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    assert not denied(node, FLOODGATE)  # without effect
    ask_until(node, Stage.CANARY)
    assert node.node.release.digest == before
    assert denied(node, FLOODGATE)  # the stricter of both holds
    canary = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (canary["release"], canary["committed"]["beside"]) == (
        before,
        {"release": digest, "facts": {"weapon_direct": "yes"}},
    )
    opened = run("open", node.root, f"gateway-0/{canary['seq']}", "--json").stdout
    assert {each["what"]: each["differs"] for each in json.loads(opened)[0]["replayed"]} == {
        "the facts through the agreement": [],
        "the findings through the release": [],
    }
    ask_until(node, None)
    wait_for(node, digest)
    assert denied(node, FLOODGATE)
    said = steps(node)
    assert [(record["before"], record["stage"]) for record in said] == [("shadow", "canary"), ("canary", "live")]
    assert said[0]["figures"]["facts"] == {"weapon_direct": [2, 0]}  # the question, and the answer read after it
    assert all(record["committed"] == {} for record in said)
    digests = {record["exchange"]: record["release"] for record in node.records() if "exchange" in record}
    assert set(digests.values()) == {before, digest}


def test_a_candidate_that_says_less_than_it_may_is_quarantined_without_anybody(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    before = node.node.release.digest
    bring(node.root, misses(tmp_path), pinned, trial=TIGHTENS)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    assert denied(node, DRONE)
    wait_until(lambda: stage(node) is None and bool(node.node.registry.classifiers.ended))
    (ended,) = node.node.registry.classifiers.ended
    assert (ended.stage, ended.why) == (
        Stage.QUARANTINED,
        "1 of 1 asks were judged less strictly, where 0 of a million may",
    )
    assert node.node.release.digest == before
    shown = json.loads(run("classifier", "shadow", node.root, "--json", code=1).stdout)
    assert (shown["stage"], shown["logged"]["looser"]) == ("quarantined", 1)
    last = json.loads(run("classifier", "releases", node.root, "--json").stdout)[-1]
    assert last["state"] == f"quarantined: {ended.why}"


def test_a_canary_loosens_nothing_whatever_its_rule_lets(node: Running, tmp_path: Path, pinned: Path) -> None:
    bring(node.root, misses(tmp_path), pinned, trial=ANY)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    ask_until(node, Stage.CANARY)
    assert denied(node, DRONE)
    trial = node.node.judges.trial
    assert trial is not None
    assert trial.figures.looser == 1
    wait_until(lambda: shown_facts(node) == [{"weapon_direct": [0, 1]}])


def shown_facts(node: Running) -> list[dict[str, list[int]]]:
    """What each worker has written down so far of the facts in which the candidate differs."""
    shown = json.loads(run("classifier", "shadow", node.root, "--json").stdout)
    return [each["figures"]["facts"] for each in shown["workers"]]


def test_nobody_has_a_candidate_go_on_against_its_rule(node: Running, tmp_path: Path, pinned: Path) -> None:
    before = node.node.release.digest
    bring(node.root, finds_more(tmp_path), pinned, trial=ANY)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    settings = load_settings(node.root)
    for step in (
        Step(1, Stage.SHADOW, Stage.LIVE, Compared(same=100_000)),
        Step(1, Stage.CANARY, Stage.LIVE, Compared(same=100_000)),
        Step(1, Stage.SHADOW, Stage.CANARY, Compared(same=1)),
        Step(2, Stage.SHADOW, Stage.CANARY, Compared(same=100)),
    ):
        log_step(node.root, settings, "development", step, SystemClock())
    node.loop.call(_refresh(node))
    assert stage(node) is Stage.SHADOW
    assert node.node.registry.classifiers.current == before


async def _refresh(node: Running) -> None:
    node.node.follow()


def test_people_take_a_candidate_out_without_a_signature(node: Running, tmp_path: Path, pinned: Path) -> None:
    bring(node.root, finds_more(tmp_path), pinned, trial=ANY)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    assert "is quarantined as record" in run("classifier", "quarantine", node.root, "--reason", "not now").stdout
    wait_until(lambda: (stage(node), node.node.judges.count) == (None, 1))
    assert "no release is on trial" in run("classifier", "quarantine", node.root, "--reason", "x", code=2).stderr


def test_an_emergency_ends_a_trial(node: Running, tmp_path: Path, pinned: Path) -> None:
    bring(node.root, misses(tmp_path), pinned, trial=ANY)
    wait_until(lambda: stage(node) is Stage.SHADOW)
    digest = bring(node.root, finds_more(tmp_path, 3), pinned, *SAFETY, kind=Kind.EMERGENCY)
    wait_for(node, digest)
    wait_until(lambda: (stage(node), node.node.judges.count) == (None, 1))
    assert [each.why for each in node.node.registry.classifiers.ended] == ["another statement followed"]


def test_an_emergency_has_no_trial(node: Running, tmp_path: Path, pinned: Path) -> None:
    with pytest.raises(TrustError, match="it has no trial"):
        bring(node.root, finds_more(tmp_path), pinned, *SAFETY, kind=Kind.EMERGENCY, trial=ANY)
    said = proposed(node.root, finds_more(tmp_path / "other"), pinned, trial=TIGHTENS)
    assert said.update.trial == TIGHTENS


def test_a_candidate_that_cannot_be_loaded_is_out(node: Running, tmp_path: Path, pinned: Path) -> None:
    folder = finds_more(tmp_path)

    async def broken(digest: str) -> Any:
        raise TrustError("its weights are not here")

    node.node.succession._load = broken
    bring(node.root, folder, pinned, trial=ANY)
    wait_until(lambda: bool(node.node.registry.classifiers.ended))
    assert node.node.registry.classifiers.ended[0].why == "it cannot be loaded: its weights are not here"
    node.ask(ORDINARY)


def test_an_emergency_does_not_wait_for_a_candidate_that_loads(node: Running, tmp_path: Path, pinned: Path) -> None:
    load, loading, go_on, slow = node.node.succession._load, threading.Event(), threading.Event(), misses(tmp_path)
    digest = f"sha256:{hashlib.sha256((slow / 'release.toml').read_bytes()).hexdigest()}"

    async def slowly(wanted: str) -> Any:
        if wanted == digest:
            loading.set()
            await asyncio.to_thread(go_on.wait, 60)
        return await load(wanted)

    node.node.succession._load = slowly
    bring(node.root, slow, pinned, trial=ANY)
    assert loading.wait(60)
    emergency = bring(node.root, finds_more(tmp_path, 3), pinned, *SAFETY, kind=Kind.EMERGENCY)
    wait_for(node, emergency)
    go_on.set()
    wait_until(lambda: node.node.succession._coming is None)
    wait_until(lambda: (stage(node), node.node.judges.count) == (None, 1))
