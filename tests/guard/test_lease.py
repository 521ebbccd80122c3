# SPDX-License-Identifier: Apache-2.0
"""A guard's own lease: without one in force nothing goes through, what is under way is cut, and the reason is told."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.core.attestation.development import UNMEASURED, development_policy
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.lease import Revocable
from brightline.core.attestation.policy import Policy
from brightline.core.attestation.revocation import REVOCATION_FORMAT, REVOCATION_TYPE, Revocation
from brightline.core.errors import ConfigError, OperatorError, TrustError
from brightline.core.statement import sign_statement
from brightline.guard.app import Guard
from brightline.guard.lease import GuardLease
from brightline.guard.service import make_guard, open_door, open_guard
from brightline.guard.settings import AttestationSettings, ChannelSettings, GuardSettings, read_settings
from brightline.shell.channel import read_own
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving
from brightline.shell.trust.accepted import Accepted
from brightline.shell.trust.asking import ATTESTER_KEY
from brightline.shell.trust.keys import load_key, public_hex
from tests.channels import GATEWAY, GUARD, Authority
from tests.guard.attested import KEYS, Machine, in_memory_alone, sign_for
from tests.guard.models import ModelFolder
from tests.guard.test_alone import issued_now
from tests.guard.test_guard import BODY, PATH, PINNED, begun_before, post
from tests.harness import read_records

LOCAL = "http://127.0.0.1:9"
PATIENCE_SECONDS = 60.0


class Model:
    """A model that streams for as long as nobody cuts it."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cut = asyncio.Event()
        self.endless = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while self.endless:
                await send({"type": "http.response.body", "body": b"word ", "more_body": True})
                self.began.set()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            self.cut.set()
            raise
        await send({"type": "http.response.body", "body": b"{}"})


def make(folder: Path, accepts: Callable[[bytes], Policy] = development_policy, **more: Any) -> None:
    """A guard's folder for the development profile, with what both parties signed in it."""
    settings = GuardSettings("default", LOCAL, (PINNED[0].hex(),), attestation=AttestationSettings(), **more)
    make_guard(folder, settings)
    own = load_key(folder / "keys" / ATTESTER_KEY).public_key().public_bytes_raw()
    sign_for(folder, accepts(own), "development")
    begun_before(folder, int(time.time()))


@contextlib.asynccontextmanager
async def served(folder: Path, model: Any) -> AsyncIterator[tuple[Guard, str]]:
    async with open_guard(folder, SystemClock()) as guard:
        guard._model, guard._lost = model, lambda: ""  # beside it, and not where its settings say
        async with serving(guard, bind("127.0.0.1", 0)) as url:
            yield guard, url


def ready(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:  # noqa: S310 - a loopback address of ours
            said: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        said = json.loads(error.read())
    return said


async def until(looks: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not await asyncio.to_thread(looks):
        assert time.monotonic() < ends
        await asyncio.sleep(0.05)


def revoke(folder: Path) -> None:
    said = Revocation(REVOCATION_FORMAT, "0123456789abcdef", Revocable.MEASUREMENT, UNMEASURED, "a drill", 1)
    Accepted(folder, SystemClock()).take(sign_statement(said, REVOCATION_TYPE, [KEYS[1]]))


def asked(url: str) -> tuple[int, str]:
    return post(url + PATH, BODY, issued_now())


async def test_with_a_lease_it_lets_through_and_the_lease_is_on_record_before(tmp_path: Path) -> None:
    make(tmp_path)
    async with served(tmp_path, Model()) as (_, url):
        await until(lambda: ready(url)["status"] == "ok")
        assert await asyncio.to_thread(asked, url) == (200, "")
    records = read_records(tmp_path, "guard")
    assert [each["kind"] for each in records if each["kind"] in {"ATTESTED", "CONSUMED"}] == ["ATTESTED", "CONSUMED"]
    [lease] = [each for each in records if each["kind"] == "ATTESTED"]
    assert lease["keys"] == [public_hex(load_key(tmp_path / "keys" / "log"))]
    assert lease["stated"] == {"stack_on": "yes", "surface": "provider_cloud"}
    assert lease["production"] is False


async def test_a_guard_whose_machine_nobody_accepts_lets_nothing_through_and_says_why(tmp_path: Path) -> None:
    make(tmp_path, lambda _own: development_policy(b"k" * 32))
    model = Model()
    async with served(tmp_path, model) as (guard, url):
        await until(lambda: "unendorsed" in ready(url)["condition"])
        assert (await asyncio.to_thread(ready, url))["status"] == "no_lease"
        assert await asyncio.to_thread(asked, url) == (503, "guard_without_lease")
        assert guard.take_counts() == {"guard_without_lease": 1}
    assert "CONSUMED" not in {each["kind"] for each in read_records(tmp_path, "guard")}


async def test_a_revocation_ends_it_and_cuts_what_is_under_way(tmp_path: Path) -> None:
    make(tmp_path)
    model = Model()
    async with served(tmp_path, model) as (_, url):
        await until(lambda: ready(url)["status"] == "ok")
        model.endless = True

        def read() -> str:
            request = urllib.request.Request(url + PATH, BODY, {"x-brightline-pass": issued_now()})  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                    answer.read()
            except (OSError, http.client.HTTPException) as error:
                return type(error).__name__
            return ""

        reading = asyncio.create_task(asyncio.to_thread(read))
        await asyncio.wait_for(model.began.wait(), PATIENCE_SECONDS)
        await asyncio.to_thread(revoke, tmp_path)
        await asyncio.wait_for(model.cut.wait(), PATIENCE_SECONDS)
        assert await reading  # what broke off does not look whole
        assert "was revoked" in (await asyncio.to_thread(ready, url))["condition"]
        assert await asyncio.to_thread(asked, url) == (503, "guard_without_lease")


async def test_the_lease_binds_the_channels_key_and_another_key_takes_another_lease(tmp_path: Path) -> None:
    authority = Authority()
    authority.part(tmp_path / "channel", GUARD)
    make(tmp_path, channel=ChannelSettings("channel", (GATEWAY,)))

    def leases() -> list[list[str]]:
        return [each["keys"][1:] for each in read_records(tmp_path, "guard") if each["kind"] == "ATTESTED"]

    def bound() -> list[str]:
        return [read_own(tmp_path / "channel").key_digest.hex()]

    async with open_guard(tmp_path, SystemClock()):
        await until(lambda: leases() == [bound()])
        before = bound()
        authority.part(tmp_path / "channel", GUARD)
        assert bound() != before
        await until(lambda: leases() == [before, bound()])


async def test_a_new_lease_that_cannot_be_had_for_a_new_key_is_asked_for_until_it_can(tmp_path: Path) -> None:
    authority = Authority()
    authority.part(tmp_path / "channel", GUARD)
    make(tmp_path, channel=ChannelSettings("channel", (GATEWAY,)))
    async with open_guard(tmp_path, SystemClock()) as guard:
        await until(lambda: guard._unleased == "")
        assert isinstance(guard._lease, GuardLease)
        attester = guard._lease.keeper.attester
        asked = 0

        class Silent:
            name, production = attester.name, attester.production

            async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
                nonlocal asked
                asked += 1
                refuse(Fault.UNENDORSED, "nobody answers")

        guard._lease.keeper.attester = Silent()
        authority.part(tmp_path / "channel", GUARD)
        await until(lambda: asked > 1)
        assert "another key" in guard._unleased
        guard._lease.keeper.attester = attester
        await until(lambda: guard._unleased == "")


def test_a_guard_for_production_shows_what_it_is_or_does_not_start(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    folder = tmp_path / "guard"
    Authority().part(folder / "channel", GUARD)
    made = GuardSettings(
        "default",
        "http://model",
        (PINNED[0].hex(),),
        profile="production",
        model=ModelFolder(folder, time.time()).settings,
        model_socket=str(tmp_path / "no.sock"),
        channel=ChannelSettings("channel", (GATEWAY,)),
        attestation=machine.settings,
    )
    make_guard(folder, made)

    async def leased() -> list[dict[str, Any]]:
        async with open_guard(folder, SystemClock()) as guard:
            assert open_door(folder, read_settings(folder), guard, SystemClock()).channel is not None
            await until(lambda: any(each["kind"] == "ATTESTED" for each in read_records(folder, "guard")))
            assert guard._unleased == ""
        return [each for each in read_records(folder, "guard") if each["kind"] == "ATTESTED"]

    with pytest.raises(TrustError, match="log, tenant lies in clear"):
        asyncio.run(leased())
    with in_memory_alone(folder / "keys"):
        with pytest.raises(OperatorError, match=r"trust\.json"):
            asyncio.run(leased())
        sign_for(folder, development_policy(b"k" * 32), "development")
        with pytest.raises(ConfigError, match="roots for 'development'"):
            asyncio.run(leased())
        sign_for(folder, machine.policy())
        [lease, *_] = asyncio.run(leased())
    assert (lease["production"], lease["profile"]) == (True, "production")
    assert lease["stated"] == {"stack_on": "yes", "surface": "provider_cloud"}
    bare = msgspec.structs.replace(made, attestation=AttestationSettings())
    make_guard(tmp_path / "bare", bare)
    with pytest.raises(ConfigError, match=r"\[attestation\]"):
        read_settings(tmp_path / "bare")
