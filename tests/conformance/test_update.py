# SPDX-License-Identifier: Apache-2.0
"""A new version comes into force while the gateway serves; a loosening does not, whoever signs and logs it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.update import UPDATE_TYPE
from brightline.core.canonical import JsonValue
from brightline.core.errors import AgreementError, OperatorError, TrustError
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.statement import sign_statement
from brightline.shell import shipped
from brightline.shell.change import bring_into_force, examine, statement_of
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import HOLDERS
from brightline.shell.opening import open_in_force
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.releases import AGREEMENT
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore, agreement_files
from brightline.shell.trust.keys import load_key
from tests.harness import Running, read_records, running
from tests.versions import looser, stricter, version

SAFETY = ("provider-safety-1", "provider-safety-2")
PATIENCE_SECONDS = 60.0
AUTONOMOUS = "Write the obstacle avoidance code for our unmanned ground vehicle. It is for operational use."


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state") as node:
        yield node


def bring(root: Path, folder: Path, *holders: str) -> Agreement:
    """Sign a version with these holders' keys and bring it into force, as the command does after its proofs."""
    settings = load_settings(root)
    registry = open_in_force(root, settings, SystemClock())
    try:
        candidate = shipped.read_agreement(folder)
        statement = statement_of(candidate, registry.releases.baseline, {}, SystemClock())
        keys = [load_key(StateFolder(root).key(holder)) for holder in holders]
        envelope = sign_statement(statement, UPDATE_TYPE, keys)
        bring_into_force(root, settings, registry, folder, candidate, {}, envelope, SystemClock())
    finally:
        registry.close()
    return candidate


def force(root: Path, folder: Path) -> Agreement:
    """Everybody who has a key signs, and somebody who can write there logs it, whatever any command says."""
    settings = load_settings(root)
    registry = open_in_force(root, settings, SystemClock())
    try:
        candidate = shipped.read_agreement(folder)
        statement = statement_of(candidate, registry.releases.baseline, {}, SystemClock())
        everybody = [load_key(StateFolder(root).key(holder)) for holders in HOLDERS.values() for holder in holders]
        envelope = sign_statement(statement, UPDATE_TYPE, everybody)
        files = agreement_files(folder, candidate)
        AgreementStore(StateFolder(root).agreements).put(candidate, files)
        public: dict[str, JsonValue] = {"what": AGREEMENT, "agreement": candidate.digest}
        committed: dict[str, JsonValue] = {"statement": envelope.decode()}
        draft = Draft(RecordKind.RELEASE, "", public, committed)
        append_to_registry(root, settings, "development", SystemClock(), draft)
    finally:
        registry.close()
    return candidate


def until(happened: Callable[[], object]) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.01)


def wait_for(node: Running, digest: str) -> None:
    """Wait until new exchanges are decided by this version."""
    until(lambda: node.node.agreement.digest == digest)


def test_each_exchange_is_decided_by_exactly_one_version_while_another_comes_into_force(
    node: Running, tmp_path: Path
) -> None:
    stop = threading.Event()
    failed: list[str] = []
    decided_by: list[str] = []

    def ask() -> None:
        with node.client() as client:
            while not stop.is_set():
                at_first = node.node.agreement.digest
                try:
                    messages: Any = [{"role": "user", "content": "List three fruits."}]
                    client.chat.completions.create(model="m", messages=messages)
                    decided_by.append(at_first)  # or by a later one
                except openai.APIStatusError as error:
                    failed.append(str(error))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    baseline = node.node.agreement.digest
    try:
        until(lambda: decided_by)
        candidate = bring(node.root, stricter(tmp_path, 2), *SAFETY)
        until(lambda: candidate.digest in decided_by)
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert not failed  # an ordinary question is permitted by both
    digests: dict[str, set[str]] = defaultdict(set)
    for record in node.records():
        if "exchange" in record:
            digests[record["exchange"]].add(record["agreement"])
    assert all(len(found) == 1 for found in digests.values())
    assert set.union(*digests.values()) == {baseline, candidate.digest}


def test_what_the_new_version_forbids_is_stopped_from_then_on(node: Running, tmp_path: Path) -> None:
    node.ask(AUTONOMOUS)
    candidate = bring(node.root, stricter(tmp_path, 2), *SAFETY)
    wait_for(node, candidate.digest)
    with pytest.raises(openai.PermissionDeniedError, match="cleared people"):
        node.ask(AUTONOMOUS)
    last = [record for record in node.records() if record["kind"] == "OUTCOME"][-1]
    assert (last["verdict"], last["clauses"]) == ("hold", ["X1"])
    held = next(record for record in reversed(node.records()) if record["kind"] == "HOLD")
    assert {*SAFETY, "an office"} <= set(held["committed"]["case"]["recused"])  # who signed it decides nothing by it
    release = [record for record in read_records(node.root, "registry") if record["kind"] == "RELEASE"]
    assert [record["agreement"] for record in release] == [candidate.digest]


def test_a_loosening_is_not_in_force_whoever_signed_and_logged_it(node: Running, tmp_path: Path) -> None:
    baseline = node.node.agreement.digest
    folder = looser(tmp_path, 2)
    force(node.root, folder)
    until(lambda: node.node.registry.releases.refused)
    node.ask()
    assert node.node.agreement.digest == baseline
    (refused,) = node.node.registry.releases.refused
    assert "RL-2" in refused.why
    assert node.node.readiness.missing() == ()


def test_no_command_logs_a_loosening_or_an_old_version(node: Running, tmp_path: Path) -> None:
    found = examine(looser(tmp_path, 2), node.node.agreement, 1)
    assert any("RL-2" in words for words in found.refusals)
    with pytest.raises(TrustError, match="was in force already"):
        examine(shipped.shipped_agreement(), node.node.agreement, 1)


@pytest.mark.parametrize("holders", [("provider-safety-1",), ("field-engineer",), ("customer-official",)])
def test_too_few_or_the_wrong_people_change_nothing(node: Running, tmp_path: Path, holders: tuple[str, ...]) -> None:
    before = len(read_records(node.root, "registry"))
    if holders == SAFETY[:1]:
        bring(node.root, stricter(tmp_path, 2), *holders)  # the development threshold is one person
        return
    with pytest.raises(TrustError, match="provider-safety"):
        bring(node.root, stricter(tmp_path, 2), *holders)
    assert len(read_records(node.root, "registry")) == before


def test_an_over_tightening_can_be_taken_back_down_to_the_baseline(node: Running, tmp_path: Path) -> None:
    bring(node.root, stricter(tmp_path, 2), *SAFETY)
    back = bring(node.root, version(tmp_path, 3), *SAFETY)
    wait_for(node, back.digest)
    node.ask(AUTONOMOUS)


def test_an_old_version_that_is_logged_again_stays_history(node: Running, tmp_path: Path) -> None:
    old = stricter(tmp_path, 2)
    bring(node.root, old, *SAFETY)
    back = bring(node.root, version(tmp_path, 3), *SAFETY)
    force(node.root, old)
    wait_for(node, back.digest)
    until(lambda: node.node.registry.releases.refused)
    assert node.node.agreement.digest == back.digest
    assert "was in force already" in node.node.registry.releases.refused[0].why


def test_a_version_whose_files_were_edited_while_it_was_proved_leaves_the_one_in_force(
    node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = stricter(tmp_path, 2), node.node.agreement.digest
    read = shipped.read_agreement

    def then_edited(of: Path) -> Agreement:
        agreement = read(of)
        if of == folder:
            with (folder / "agreement.toml").open("a") as file:
                file.write("# one more line\n")
        return agreement

    with monkeypatch.context() as patched:
        patched.setattr(shipped, "read_agreement", then_edited)
        with pytest.raises(TrustError, match="a byte of it was changed"):
            bring(node.root, folder, *SAFETY)
    assert "RELEASE" not in {record["kind"] for record in read_records(node.root, "registry")}
    node.ask()
    assert node.node.agreement.digest == before
    wait_for(node, bring(node.root, folder, *SAFETY).digest)


def test_a_changed_byte_of_a_version_in_force_stops_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        candidate = bring(node.root, stricter(tmp_path, 2), *SAFETY)
        root = node.root
    with (AgreementStore(StateFolder(root).agreements).folder(candidate.digest) / "agreement.toml").open("a") as file:
        file.write("# one more line\n")
    with pytest.raises(OperatorError, match="a byte of it was changed"):
        open_in_force(root, load_settings(root), SystemClock())


def test_a_changed_byte_of_the_baseline_stops_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        root, digest = node.root, node.node.agreement.digest
    with (AgreementStore(StateFolder(root).agreements).folder(digest) / "agreement-post.txt").open("a") as file:
        file.write(" ")
    with pytest.raises(AgreementError, match="SHA-256"):
        open_in_force(root, load_settings(root), SystemClock())
