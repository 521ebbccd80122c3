# SPDX-License-Identifier: Apache-2.0
"""What a broker hands over, to whom, and what is refused by name; and what an agent takes for an answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.broker.handing import RECORDED_PER_MINUTE
from brightline.core.attestation.development import UNMEASURED
from brightline.core.attestation.handing import Asked
from brightline.core.attestation.lease import Revocable
from brightline.core.attestation.revocation import (
    REVOCATION_FORMAT,
    REVOCATION_TYPE,
    Revocation,
)
from brightline.core.errors import KeysRefused, TrustError, Unreachable
from brightline.core.statement import sign_statement
from brightline.shell.clock import SystemClock
from brightline.shell.trust.accepted import Accepted
from brightline.shell.trust.agent import CHALLENGE_PATH, KEYS_PATH, KeyAgent, Post, post_to
from brightline.shell.trust.agent_socket import ask_agent
from brightline.shell.trust.asking import DevelopmentAttester
from brightline.shell.trust.keys import load_key, make_key
from brightline.shell.trust.sealed import require_sealed, sealed_path
from tests.broker.brokers import SEALED, agent_for, broker_for, seal_all, served
from tests.harness import make_state, read_records
from tests.shell.cli.in_process import run
from tests.shell.trust.test_attestation import Clock


class Place:
    """A state folder whose keys are sealed, and its broker's folder: copies, for one test."""

    def __init__(self, state: Path, broker: Path, people: Path) -> None:
        self.state = state
        self.broker = broker
        self.people = people

    def revocation(
        self, value: str = UNMEASURED, by: str = "provider-officer", name: str = "0123456789abcdef"
    ) -> bytes:
        said = Revocation(REVOCATION_FORMAT, name, Revocable.MEASUREMENT, value, "a drill", 1)
        return sign_statement(said, REVOCATION_TYPE, [load_key(self.people / "keys" / by)])

    def said(self) -> list[dict[str, Any]]:
        return [each for each in read_records(self.broker, "broker") if each["kind"] == "KEYS"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    tmp = tmp_path_factory.mktemp("made")
    make_state(tmp / "state", "http://127.0.0.1:9")
    broker_for(tmp / "broker", tmp / "state")
    seal_all(tmp / "state", tmp / "broker", tmp)
    return Place(tmp / "state", tmp / "broker", tmp / "state")


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    for folder in (made.state, made.broker):
        shutil.copytree(folder, tmp_path / folder.name)
    return Place(tmp_path / "state", tmp_path / "broker", made.state)


class Between:
    """Somebody between an agent and its broker: sees what passes, and changes it if a test says so."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.asked: list[bytes] = []
        self.answers: list[bytes] = []
        self.changes: Callable[[bytes], bytes] = lambda body: body
        self.replays: bytes | None = None

    def __call__(self, path: str, body: bytes) -> bytes:
        if path == KEYS_PATH:
            body = self.changes(body)
            self.asked.append(body)
            if self.replays is not None:
                return self.replays
        answer = self._post(path, body)
        if path == KEYS_PATH:
            self.answers.append(answer)
        return answer


def held(agent: KeyAgent) -> tuple[str, ...]:
    return agent.names


def story(place: Place, told: Callable[[KeyAgent, Between, Any], Coroutine[Any, Any, None]], **more: Any) -> None:
    """A broker that is served, an agent that has asked nothing yet, and who is between them."""

    async def whole() -> None:
        async with served(place.broker) as (handing, url):
            between = Between(post_to(url))
            await told(agent_for(place.state, between, **more), between, handing)

    asyncio.run(whole())


def test_an_accepted_node_is_handed_all_its_keys_and_each_time_it_is_on_record(place: Place) -> None:
    async def told(agent: KeyAgent, _between: Between, _handing: Any) -> None:
        await agent.renew()
        assert held(agent) == SEALED
        await agent.renew()
        async with agent.listening():
            key = await asyncio.to_thread(load_key, place.state / "keys" / "token")
            sealed = json.loads(sealed_path(place.state / "keys" / "token").read_bytes())
            assert key.public_key().public_bytes_raw().hex() == sealed["public"]
            with pytest.raises(TrustError, match="there is no sealed key"):
                await asyncio.to_thread(ask_agent, place.state / "keys", "attester")

    story(place, told)
    run("disclose", place.broker, place.broker / "opened.jsonl")
    asked = ("attest", "recheck", place.broker / "evidence" / "broker", "--disclosures", place.broker / "opened.jsonl")
    assert [row["outcome"] for row in json.loads(run(*asked, "--json").stdout)] == ["verified", "verified"]
    first, second = place.said()
    assert first["nonce"] != second["nonce"]
    assert first["recipient"] != second["recipient"]
    assert first["stated"] == {"stack_on": "yes", "surface": "provider_cloud"}
    assert first["production"] is False
    assert first["committed"]["result"]["brightline"]["tier"] == "affirming"


def test_what_was_asked_before_is_refused(place: Place) -> None:
    async def told(agent: KeyAgent, between: Between, _handing: Any) -> None:
        await agent.renew()
        [before] = between.asked
        with pytest.raises(KeysRefused, match="unknown-nonce"):  # the very same bytes
            await asyncio.to_thread(between, KEYS_PATH, before)
        nonce = json.loads(await asyncio.to_thread(between, CHALLENGE_PATH, b""))["nonce"]
        stale = msgspec.structs.replace(msgspec.json.decode(before, type=Asked), nonce=nonce)
        with pytest.raises(KeysRefused, match="wrong-nonce"):  # the evidence of before, and a fresh nonce
            await asyncio.to_thread(between, KEYS_PATH, msgspec.json.encode(stale))

    story(place, told)
    assert [(each["what"], each.get("fault")) for each in place.said()] == [
        ("handed", None),
        ("refused", "wrong-nonce"),
    ]


def test_an_answer_of_before_opens_nothing(place: Place) -> None:
    async def told(agent: KeyAgent, between: Between, _handing: Any) -> None:
        await agent.renew()
        [between.replays] = between.answers
        await agent.renew()
        assert held(agent) == ()
        assert "answers another question" in agent.why

    story(place, told)


def test_who_stands_between_cannot_have_keys_wrapped_to_himself(place: Place) -> None:
    async def told(agent: KeyAgent, between: Between, _handing: Any) -> None:
        def mine(body: bytes) -> bytes:
            asked = msgspec.json.decode(body, type=Asked)
            return msgspec.json.encode(msgspec.structs.replace(asked, recipient="09" + "00" * 31))

        between.changes = mine
        await agent.renew()
        assert (held(agent), agent.why.partition(":")[0]) == ((), "wrong-nonce")  # the evidence binds the recipient
        assert between.answers == []

    story(place, told)


@pytest.mark.parametrize(
    ("member", "value", "fault"),
    [
        ("installation", "sha256:" + "00" * 32, "another-installation"),
        ("format", "brightline-keys-asked/2", "malformed"),
        ("evidence", (), "malformed"),
        ("keys", (), "malformed"),
    ],
)
def test_what_is_asked_otherwise_is_refused_by_name(place: Place, member: str, value: Any, fault: str) -> None:
    async def told(agent: KeyAgent, between: Between, handing: Any) -> None:
        between.changes = lambda body: json.dumps({**json.loads(body), member: value}).encode()
        await agent.renew()
        assert (held(agent), agent.why.partition(":")[0]) == ((), fault)
        assert handing.take_counts() == {fault: 1}

    story(place, told)


def test_a_machine_that_the_policy_does_not_name_gets_nothing_and_is_on_record_ten_times_a_minute(
    place: Place, tmp_path: Path
) -> None:
    make_key(tmp_path / "another")

    async def told(agent: KeyAgent, _between: Between, handing: Any) -> None:
        for _ in range(RECORDED_PER_MINUTE + 3):
            await agent.renew()
        assert (held(agent), agent.why.partition(":")[0]) == ((), "unendorsed")
        assert handing.take_counts() == {"unendorsed": RECORDED_PER_MINUTE + 3}

    story(place, told, attester=DevelopmentAttester(tmp_path / "another", SystemClock()))
    assert [(each["what"], each["fault"]) for each in place.said()] == [
        ("refused", "unendorsed")
    ] * RECORDED_PER_MINUTE


def test_a_node_that_was_revoked_gets_nothing_more_and_forgets_what_it_held(place: Place, tmp_path: Path) -> None:
    (tmp_path / "revocation").write_bytes(place.revocation())

    async def told(agent: KeyAgent, _between: Between, _handing: Any) -> None:
        await agent.renew()
        assert held(agent) == SEALED
        await asyncio.to_thread(run, "broker", "take", place.broker, tmp_path / "revocation")
        while held(agent):  # within a second: the broker looks twice in it
            await asyncio.sleep(0.05)
            await agent.renew()
        said = agent.why
        assert said.startswith("denied: what the lease rests on was revoked")
        with pytest.raises(KeysRefused, match="denied"):
            await agent.key("token")

    story(place, told)
    assert place.said()[-1]["fault"] == "denied"


def test_a_statement_that_nobody_who_may_signed_is_not_taken(place: Place, tmp_path: Path) -> None:
    (tmp_path / "revocation").write_bytes(place.revocation(by="field-engineer"))
    run("broker", "take", place.broker, tmp_path / "revocation", code=2)
    (tmp_path / "revocation").write_bytes(place.revocation())
    run("broker", "take", place.broker, tmp_path / "revocation")
    run("broker", "take", place.broker, tmp_path / "revocation", code=2)  # it counts once


def test_where_a_statement_was_taken_away_nothing_is_accepted(place: Place) -> None:
    clock = Clock()
    clock.wall = SystemClock().unix()
    accepted = Accepted(place.broker, clock)
    accepted.take(place.revocation())
    assert accepted.revoked
    [taken] = (place.broker / "statements").iterdir()
    taken.unlink()
    clock.pass_(1)
    assert accepted.policy is None
    assert "after 1" in accepted.fault
    assert accepted.revoked  # and what was revoked stays so


class _Meeting(Clock):
    """A clock at which two who ask it meet, if nothing keeps one of them away for a second."""

    def __init__(self, wall: int) -> None:
        super().__init__()
        self.wall = wall
        self.both: threading.Barrier | None = None

    def unix(self) -> int:
        if self.both is not None:
            with contextlib.suppress(threading.BrokenBarrierError):
                self.both.wait(1)
        return super().unix()


def test_of_two_who_take_a_statement_at_once_each_is_counted(place: Place) -> None:
    now = SystemClock().unix()
    clocks = [_Meeting(now), _Meeting(now + 1)]
    takers = [Accepted(place.broker, clock) for clock in clocks]  # both have seen that there is none
    statements = [place.revocation(), place.revocation(f"{'1' * 8}{UNMEASURED[8:]}", name="fedcba9876543210")]
    clocks[0].both = clocks[1].both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        taken = list(threads.map(lambda taker, said: taker.take(said), takers, statements))
    assert taken == [REVOCATION_TYPE] * 2
    again = Accepted(place.broker, SystemClock())
    assert (again.fault, again.policy is None, len(again.revoked)) == ("", False, 2)


def test_an_answer_that_another_signed_is_none(place: Place) -> None:
    (place.broker / "keys" / "log").unlink()
    make_key(place.broker / "keys" / "log")

    async def told(agent: KeyAgent, _between: Between, _handing: Any) -> None:
        await agent.renew()
        assert held(agent) == ()
        assert "did not sign" in agent.why

    story(place, told)


def test_a_key_under_another_name_does_not_open(place: Place) -> None:
    token = sealed_path(place.state / "keys" / "token")
    sealed = json.loads(token.read_bytes())
    token.unlink()
    moved = sealed_path(place.state / "keys" / "log-other")
    moved.write_text(json.dumps({**sealed, "name": "log-other"}), "utf-8")

    async def told(agent: KeyAgent, _between: Between, _handing: Any) -> None:
        await agent.renew()
        assert (held(agent), agent.why.partition(":")[0]) == ((), "not-sealed-to-it")

    story(place, told)


def test_a_key_that_is_not_what_its_file_says_is_refused(place: Place) -> None:
    token = sealed_path(place.state / "keys" / "token")
    token.write_text(json.dumps({**json.loads(token.read_bytes()), "public": "ab" * 32}), "utf-8")

    async def told(agent: KeyAgent, _between: Between, _handing: Any) -> None:
        await agent.renew()
        assert held(agent) == ()
        assert "another public half" in agent.why

    story(place, told)
    assert place.said()[-1]["what"] == "refused"  # nothing is on record as the signer of what it does not sign


def test_a_broker_that_is_away_ends_nothing_before_its_time(place: Place) -> None:
    clock = Clock()
    clock.wall = SystemClock().unix()

    async def told(agent: KeyAgent, between: Between, _handing: Any) -> None:
        await agent.renew()
        assert held(agent) == SEALED

        def away(_body: bytes) -> bytes:
            raise Unreachable("nobody answers")

        between.changes = away
        await agent.renew()
        assert held(agent) == SEALED
        clock.pass_(301)  # so long the policy lets evidence be old
        assert held(agent) == ()

    story(place, told, clock=clock, attester=DevelopmentAttester(place.state / "keys" / "attester", SystemClock()))


def test_one_agent_listens_for_a_folder(place: Place) -> None:
    async def told(agent: KeyAgent, between: Between, _handing: Any) -> None:
        async with agent.listening():
            with pytest.raises(TrustError, match="another key agent"):
                async with agent_for(place.state, between).listening():
                    pass
        with pytest.raises(TrustError, match="no key agent answers"):
            await asyncio.to_thread(ask_agent, place.state / "keys", "token")

    story(place, told)


def test_outside_development_a_key_in_clear_keeps_a_node_from_starting(place: Place) -> None:
    home = place.state / "keys"
    require_sealed(home, "production")  # people's keys are none of the node's
    make_key(home / "log-more")
    assert sealed_path(home / "log-more").exists()
    (home / "log-clear").write_text("any", "utf-8")
    require_sealed(home, "development")
    with pytest.raises(TrustError, match="log-clear lies in clear"):
        require_sealed(home, "production")
