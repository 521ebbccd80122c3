# SPDX-License-Identifier: Apache-2.0
"""Another classifier release comes into force while the gateway serves; a weaker one does not, whoever signs it."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from aiohttp import web

from brightline.classifier.pinned import read_pinned
from brightline.core.canonical import JsonValue
from brightline.core.errors import OperatorError, ScreeningUnavailable, TrustError
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.screening.update import UPDATE_TYPE, Kind
from brightline.core.statement import sign_statement
from brightline.shell import shipped
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import HOLDERS
from brightline.shell.gateway.succession import BEHIND_SECONDS
from brightline.shell.opening import in_force
from brightline.shell.registry.classifiers import CLASSIFIER
from brightline.shell.registry.log import append_to_registry
from brightline.shell.releasing import Proposed, bring_into_force, propose, propose_rollback
from brightline.shell.state import StateFolder
from brightline.shell.storage.signed_files import load_signing_key, make_signing_key, sign_folder
from brightline.shell.trust.keys import load_key
from tests.harness import Running, chunk, completion, read_records, running
from tests.releases import (
    FIRE,
    FLOODGATE,
    GATE,
    WATCHED,
    beginning,
    finds_less,
    finds_more,
    pinned_cases,
    release,
)

BOTH = ("provider-safety-1", "customer-official")
SAFETY = ("provider-safety-1", "provider-safety-2")
PATIENCE_SECONDS = 60.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state", upstream="idle_seconds = 20.0\n", own_release=str(beginning(tmp_path))) as node:
        yield node


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    return pinned_cases(tmp_path)


def proposed(root: Path, folder: Path, pinned: Path, kind: Kind = Kind.RELEASE, **more: Any) -> Proposed:
    with in_force(root, SystemClock()) as (_, registry):
        return propose(registry, folder, read_pinned([pinned]), kind, "tests", SystemClock(), **more)


def sign(root: Path, said: msgspec.Struct, holders: tuple[str, ...]) -> bytes:
    return sign_statement(said, UPDATE_TYPE, [load_key(StateFolder(root).key(holder)) for holder in holders])


def bring(root: Path, folder: Path, pinned: Path, *holders: str, kind: Kind = Kind.RELEASE, **more: Any) -> str:
    """Sign a release with these holders' keys and bring it into force, as the command does; returns its digest."""
    said = proposed(root, folder, pinned, kind, **more)
    with in_force(root, SystemClock()) as (settings, registry):
        envelope = sign(root, said.update, holders or BOTH)
        bring_into_force(root, settings, registry, folder, said.outcomes, envelope, SystemClock())
    return said.update.release


def back(root: Path, digest: str, *holders: str) -> None:
    """Sign a rollback and log it."""
    with in_force(root, SystemClock()) as (settings, registry):
        update = propose_rollback(registry, digest, "tests", SystemClock())
        bring_into_force(root, settings, registry, root, b"", sign(root, update, holders or BOTH), SystemClock())


def force(root: Path, folder: Path, pinned: Path, kind: Kind = Kind.RELEASE) -> None:
    """Everybody who has a key signs, and somebody who can write there logs it, whatever any command says."""
    said = proposed(root, folder, pinned, kind)
    everybody = tuple(holder for holders in HOLDERS.values() for holder in holders)
    with in_force(root, SystemClock()) as (_, registry):
        store = registry.classifiers.store
        store.put(shipped.read_release(folder, registry.releases.current.vocabulary), folder, lambda _kept: None)
        store.put_outcomes(said.outcomes)
    public: dict[str, JsonValue] = {"what": CLASSIFIER, "release": said.update.release}
    committed: dict[str, JsonValue] = {"statement": sign(root, said.update, everybody).decode()}
    draft = Draft(RecordKind.RELEASE, "", public, committed)
    append_to_registry(root, load_settings(root), "development", SystemClock(), draft)


def wait_for(node: Running, digest: str) -> None:
    """Wait until new exchanges are judged by this release."""
    wait_until(lambda: node.node.release.digest == digest)


def wait_until(happened: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.01)


def test_each_exchange_is_judged_by_exactly_one_release_while_another_comes_into_force(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    stop, begun, go_on = threading.Event(), threading.Event(), threading.Event()
    failed, streamed, judged_by = list[str](), list[str](), list[str]()

    async def slow(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        if not asked["stream"]:
            return web.json_response(completion())
        begun.set()
        await asyncio.to_thread(go_on.wait, PATIENCE_SECONDS)
        return await node.model.stream_to(request, [chunk("Fine."), chunk("", "stop"), b"data: [DONE]\n\n"])

    def ask() -> None:
        with node.client() as client:
            while not stop.is_set():
                at_first = node.node.release.digest
                try:
                    messages: Any = [{"role": "user", "content": "List three fruits."}]
                    client.chat.completions.create(model="m", messages=messages)
                    judged_by.append(at_first)  # or by a later one
                except openai.APIStatusError as error:
                    failed.append(str(error))

    def stream() -> None:
        messages: Any = [{"role": "user", "content": "List three fruits."}]
        with node.client() as client:
            parts = client.chat.completions.create(model="m", messages=messages, stream=True)
            streamed.extend(part.choices[0].delta.content or "" for part in parts if part.choices)

    node.model.answers(slow)
    callers = [threading.Thread(target=work) for work in (stream, ask, ask, ask)]
    for caller in callers:
        caller.start()
    before = node.node.release.digest
    try:
        assert begun.wait(PATIENCE_SECONDS)
        wait_until(lambda: before in judged_by)
        after = bring(node.root, finds_more(tmp_path), pinned)
        wait_for(node, after)
        assert node.node.judges.count == 2  # the stream is not through yet, and is judged by what it began with
        wait_until(lambda: after in judged_by)
    finally:
        stop.set()
        go_on.set()
        for caller in callers:
            caller.join()
    assert not failed
    assert "".join(streamed) == "Fine."
    wait_until(lambda: node.node.judges.count == 1)
    digests: dict[str, set[str]] = defaultdict(set)
    ends: dict[str, list[str]] = defaultdict(list)
    for record in node.records():
        if "exchange" in record:
            digests[record["exchange"]].add(record["release"])
            ends[record["exchange"]] += [record["outcome"]] if record["kind"] == "OUTCOME" else []
    assert {len(found) for found in digests.values()} == {1}
    assert set.union(*digests.values()) == {before, after}
    assert {tuple(found) for found in ends.values()} == {("completed",)}


def test_what_the_new_release_finds_is_stopped_from_then_on_and_after_a_rollback_no_more(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    baseline = node.node.release.digest
    node.ask(FLOODGATE)
    digest = bring(node.root, finds_more(tmp_path), pinned)
    wait_for(node, digest)
    assert set(node.node.registry.classifiers.signers()) == set(BOTH)
    with pytest.raises(openai.PermissionDeniedError):
        node.ask(FLOODGATE)
    back(node.root, baseline)
    wait_for(node, baseline)
    node.ask(FLOODGATE)
    said = [record for record in read_records(node.root, "registry") if record["kind"] == "RELEASE"]
    assert [(record["does"], record["number"]) for record in said] == [("release", 1), ("rollback", 2)]
    with pytest.raises(TrustError, match="in force already"):  # not by bringing it again: it is no later version
        bring(node.root, tmp_path / "release-2", pinned)


def test_a_weaker_release_is_not_in_force_whoever_signed_and_logged_it(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    baseline = node.node.release.digest
    weaker = finds_less(tmp_path)
    found = proposed(node.root, weaker, pinned)
    assert any(lost.fact == "weapon_direct" for lost in found.ratcheted.lost)
    with pytest.raises(TrustError, match="every node would refuse it"):
        bring(node.root, weaker, pinned)
    force(node.root, weaker, pinned)
    wait_until(lambda: len(node.node.registry.classifiers.refused) == 1)
    assert node.node.registry.classifiers.refused[0].why == ("weapon_direct: p0 of pinned.jsonl was yes and is no",)
    assert node.node.registry.classifiers.current == node.node.release.digest == baseline
    assert node.node.readiness.missing() == ()


def test_two_safety_people_may_tighten_at_once_and_only_tighten(node: Running, tmp_path: Path, pinned: Path) -> None:
    digest = bring(node.root, finds_more(tmp_path), pinned, *SAFETY, kind=Kind.EMERGENCY)
    wait_for(node, digest)
    with pytest.raises(openai.PermissionDeniedError):
        node.ask(FLOODGATE)
    tuned = release(tmp_path, 3, FIRE, WATCHED, ("gate", "weapon_direct", ("floodgates?", "at once")))
    found = proposed(node.root, tuned, pinned, Kind.EMERGENCY)
    assert found.refusals == ("rules: rule gate asks for another pattern",)  # though no pinned case shows it
    force(node.root, tuned, pinned, Kind.EMERGENCY)
    wait_until(lambda: len(node.node.registry.classifiers.refused) == 1)
    assert node.node.registry.classifiers.current == digest


@pytest.mark.parametrize("holders", [SAFETY, ("customer-official",), ("provider-officer", "customer-official")])
def test_the_signature_of_one_organisation_changes_nothing(
    node: Running, tmp_path: Path, pinned: Path, holders: tuple[str, ...]
) -> None:
    before = len(read_records(node.root, "registry"))
    with pytest.raises(TrustError):
        bring(node.root, finds_more(tmp_path), pinned, *holders)
    assert len(read_records(node.root, "registry")) == before


def test_the_pinned_cases_of_the_last_statement_are_held_to_by_the_next(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    bring(node.root, finds_more(tmp_path), pinned)
    lines = pinned.read_text("utf-8").splitlines(keepends=True)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(lines[1:]), "utf-8")
    found = proposed(
        node.root, release(tmp_path, 3, FIRE, WATCHED, GATE, ("decide", "acts_alone", ("decide", "alone"))), fewer
    )
    assert found.refusals == ("1 pinned cases of the last statement are not among these",)


def test_a_release_that_cannot_be_loaded_leaves_the_old_one_judging_and_then_stops_service(
    node: Running, tmp_path: Path, pinned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = node.node.release.digest

    async def broken(digest: str) -> Any:
        raise ScreeningUnavailable("no worker is fit")

    monkeypatch.setattr(node.node.succession, "_load", broken)
    bring(node.root, finds_more(tmp_path), pinned)
    wait_until(lambda: bool(node.node.succession._why))
    node.ask()
    assert node.node.release.digest == before
    assert node.node.readiness.unfit() == ("another release is in force and cannot be loaded: no worker is fit",)
    monkeypatch.setattr(node.node.succession, "_since", time.monotonic() - BEHIND_SECONDS - 1)
    assert any("no worker is fit" in fault for fault in node.node.faults.now())
    with pytest.raises(openai.InternalServerError):
        node.ask()


def test_a_gateway_starts_with_the_release_in_force_and_not_if_a_byte_of_it_was_changed(
    tmp_path: Path, pinned: Path
) -> None:
    root = tmp_path / "state"
    with running(root, own_release=str(beginning(tmp_path))) as node:
        digest = bring(node.root, finds_more(tmp_path), pinned)
        folder = node.node.registry.classifiers.store.folder(digest)
    with in_force(root, SystemClock()) as (_, registry):
        assert registry.classifiers.current == digest
    with (folder / "rules.toml").open("a") as file:
        file.write("# one more line\n")
    with pytest.raises(OperatorError, match="rules.toml has digest"), in_force(root, SystemClock()):
        pass


def test_a_site_that_pinned_a_delivery_root_serves_only_while_the_newest_word_is_fresh(node: Running) -> None:
    delivery = StateFolder(node.root).delivery
    delivery.mkdir()
    (delivery / "root.json").write_text("pinned")
    wait_until(lambda: any("has expired" in fault for fault in node.node.faults.now()))
    with pytest.raises(openai.InternalServerError):
        node.ask()
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    timestamp = {"signed": {"version": 1, "expires": tomorrow}}
    (delivery / "timestamp.json").write_bytes(msgspec.json.encode(timestamp))
    wait_until(lambda: not node.node.faults.now())
    node.ask()


def test_a_site_whose_log_knows_of_a_delivery_is_not_fresh_without_its_folder(
    node: Running, tmp_path: Path, pinned: Path
) -> None:
    delivery = StateFolder(node.root).delivery
    (delivery / "metadata").mkdir(parents=True)
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    verified = msgspec.json.encode({"signed": {"version": 1, "expires": tomorrow}})
    for name in (
        "root.json",
        "timestamp.json",
        *(f"metadata/{role}.json" for role in ("root", "timestamp", "snapshot")),
    ):
        (delivery / name).write_bytes(verified)
    wait_for(node, bring(node.root, finds_more(tmp_path), pinned))
    node.ask()
    shutil.rmtree(delivery)
    wait_until(lambda: any("has expired" in fault for fault in node.node.faults.now()))


def test_a_signed_release_is_loaded_only_with_exactly_the_files_that_were_signed(tmp_path: Path, pinned: Path) -> None:
    root, folder = tmp_path / "state", finds_more(tmp_path)
    (folder / "card.md").write_text("What it is for.")
    public = make_signing_key(tmp_path / "key.pem")
    sign_folder(folder, load_signing_key(tmp_path / "key.pem"))
    with running(root, own_release=str(beginning(tmp_path))) as node:
        with pytest.raises(TrustError, match="names nobody who signed it"):
            bring(root, folder, pinned)
        (folder / "more.bin").write_bytes(b"more")
        with pytest.raises(TrustError, match=r"were signed by nobody: more\.bin"):
            bring(root, folder, pinned, signer=public)
        (folder / "more.bin").unlink()
        digest = bring(root, folder, pinned, signer=public)
        wait_for(node, digest)
        kept = node.node.registry.classifiers.store.folder(digest)
        (kept / "card.md").write_text("What it is not for.")  # which the release itself does not pin
        with pytest.raises(TrustError, match=r"not those that were signed: card\.md"):
            node.loop.call(node.node.in_force.load(digest))


def test_a_release_that_lies_there_unsigned_from_before_is_not_logged_as_signed(tmp_path: Path, pinned: Path) -> None:
    root, folder = tmp_path / "state", finds_more(tmp_path)
    with running(root, own_release=str(beginning(tmp_path))) as node:
        with in_force(root, SystemClock()) as (_, registry):  # somebody tried before, and then it was refused
            release = shipped.read_release(folder, registry.releases.current.vocabulary)
            registry.classifiers.store.put(release, folder, lambda _kept: None)
        public = make_signing_key(tmp_path / "key.pem")
        sign_folder(folder, load_signing_key(tmp_path / "key.pem"))
        with pytest.raises(TrustError, match=r"model\.sig cannot be read"):
            bring(root, folder, pinned, signer=public)
        assert "RELEASE" not in {record["kind"] for record in read_records(root, "registry")}
        node.ask()
        shutil.rmtree(StateFolder(root).releases / release.digest.removeprefix("sha256:"))
        wait_for(node, bring(root, folder, pinned, signer=public))
