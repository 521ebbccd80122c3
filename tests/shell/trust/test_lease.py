# SPDX-License-Identifier: Apache-2.0
"""Keeping a lease: nothing is in force before it is on record, and what fails extends nothing. And who is asked."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from brightline.core.attestation.claims import Kind
from brightline.core.attestation.development import UNMEASURED, development_policy
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.lease import Loss, Node, Revocable, name_of
from brightline.core.attestation.policy import Policy
from brightline.core.errors import EvidenceRefused, EvidenceUnavailable, TrustError
from brightline.core.evidence.record import Draft, DurableRecord, Place, mint_durable
from brightline.core.facts import FactSpec, Source, Vocabulary
from brightline.shell.config import AttestationSettings
from brightline.shell.state import StateFolder
from brightline.shell.trust.asking import ATTESTER_KEY, CommandAttester, DevelopmentAttester
from brightline.shell.trust.attesters import open_attester
from brightline.shell.trust.keys import make_key
from brightline.shell.trust.lease import LOOK_SECONDS, LeaseKeeper
from tests.shell.trust.test_attestation import Clock

VOCABULARY = Vocabulary((FactSpec("stack_on", "yes", set_by=frozenset({Source.ATTESTATION})),))


class Records:
    """A log in memory, which fails if a test says so."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.broken = False

    async def append(self, draft: Draft) -> DurableRecord:
        if self.broken:
            raise EvidenceUnavailable("the disk is gone")
        self.drafts.append(draft)
        return mint_durable(draft, Place("s", 1, len(self.drafts), "", "development"), b"")


class World:
    """A keeper, and all that it rests on."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        key = make_key(folder / ATTESTER_KEY)
        self.policy: Policy | None = development_policy(key.public_key().public_bytes_raw())
        self.revoked: frozenset[str] = frozenset()
        self.records = Records()
        self.node = Node("development", (b"k",), "sha256:a", "sha256:r")
        self.keeper = LeaseKeeper(
            DevelopmentAttester(folder / ATTESTER_KEY, self.clock),
            lambda: self.node,
            lambda: self.policy,
            lambda: self.revoked,
            (),
            lambda: VOCABULARY,
            self.records,
            self.clock,
            {},
        )

    def renew(self) -> bool:
        return asyncio.run(self.keeper.renew())

    @property
    def stated(self) -> list[str]:
        return [said.value for said in self.keeper.statements()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_before_one_was_taken_nothing_is_stated(world: World) -> None:
    assert (world.stated, world.keeper.fault) == ([], Loss.NONE)


def test_one_that_was_taken_is_on_record_and_states_what_it_shows(world: World) -> None:
    assert world.renew()
    assert (world.stated, world.keeper.fault) == (["yes"], "")
    [draft] = world.records.drafts
    assert (draft.kind, draft.public["production"]) == ("ATTESTED", False)
    assert "attests nothing" in str(draft.public["attester"])


def test_one_that_cannot_be_recorded_is_not_in_force(world: World) -> None:
    world.records.broken = True
    assert not world.renew()
    assert world.stated == []
    assert "the disk is gone" in world.keeper.fault


def test_each_renewal_asks_with_another_nonce(world: World) -> None:
    assert world.renew()
    assert world.renew()
    first, second = (draft.public["nonce"] for draft in world.records.drafts)
    assert first != second


def test_without_a_policy_nothing_is_accepted(world: World) -> None:
    world.policy = None
    assert not world.renew()
    assert "no attestation policy" in world.keeper.fault


def test_a_renewal_that_fails_extends_nothing(world: World) -> None:
    assert world.renew()
    world.clock.pass_(200)
    world.records.broken = True
    assert not world.renew()
    assert world.stated == ["yes"]
    world.clock.pass_(100)
    assert world.stated == []
    assert world.keeper.fault.startswith(Loss.EXPIRED)


def test_a_renewal_in_time_goes_on(world: World) -> None:
    assert world.renew()
    world.clock.pass_(299)
    assert world.renew()
    world.clock.pass_(299)
    assert world.stated == ["yes"]


def test_a_clock_that_steps_ends_it_for_good_and_a_new_one_can_be_had(world: World) -> None:
    assert world.renew()
    world.clock.wall += 3_600
    assert (world.stated, world.keeper.fault) == ([], Loss.CLOCK)
    world.clock.wall -= 3_600
    assert world.stated == []  # it does not come back with the clock
    assert world.renew()
    assert world.stated == ["yes"]


def test_a_revocation_ends_it_at_once_and_no_new_one_is_had_meanwhile(world: World) -> None:
    assert world.renew()
    world.revoked = frozenset({name_of(Revocable.MEASUREMENT, UNMEASURED)})
    assert (world.stated, world.keeper.fault) == ([], Loss.REVOKED)
    assert not world.renew()
    assert len(world.records.drafts) == 1
    world.revoked = frozenset()
    assert world.renew()


def test_another_policy_ends_it_and_the_next_one_rests_on_that(world: World) -> None:
    assert world.renew()
    assert world.policy is not None
    world.policy = msgspec.structs.replace(world.policy, deny=("i-1",))
    assert (world.stated, world.keeper.fault) == ([], Loss.POLICY)
    assert world.renew()
    assert world.records.drafts[-1].public["policy"] == world.policy.digest


def test_it_is_kept_without_end_and_taken_again_once_it_is_lost(world: World) -> None:
    async def stated() -> None:
        async with asyncio.timeout(60):
            while not world.stated:  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.01)

    async def going() -> None:
        keeping = asyncio.create_task(world.keeper.keep())
        try:
            await stated()
            world.clock.wall += 3_600
            assert world.stated == []
            await stated()
        finally:
            keeping.cancel()

    asyncio.run(going())
    assert len(world.records.drafts) == 2


def test_one_that_somebody_else_renewed_meanwhile_is_not_renewed_again_at_once(world: World) -> None:
    async def going() -> None:
        assert await world.keeper.renew()
        keeping = asyncio.create_task(world.keeper.keep())
        try:
            await asyncio.sleep(0)
            assert await world.keeper.renew()
            await asyncio.sleep(3 * LOOK_SECONDS)  # the keeper looks, and sees that there is another
        finally:
            keeping.cancel()

    asyncio.run(going())
    assert len(world.records.drafts) == 2


def test_of_two_renewals_at_once_the_one_that_was_asked_for_last_is_in_force(world: World) -> None:
    slow = asyncio.Event()

    class Waits(Records):
        async def append(self, draft: Draft) -> DurableRecord:
            if not self.drafts:
                self.drafts.append(draft)
                await slow.wait()
                self.drafts.pop()
            return await super().append(draft)

    world.keeper._records = Waits()

    async def going() -> None:
        first = asyncio.create_task(world.keeper.renew())
        while not world.keeper._records.drafts:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        world.node = msgspec.structs.replace(world.node, keys=(b"another",))
        second = asyncio.create_task(world.keeper.renew())
        await asyncio.sleep(0.2)
        slow.set()
        assert await first
        assert await second

    asyncio.run(going())
    assert world.keeper.lease is not None
    assert world.keeper.lease.node.keys == (b"another",)


# ---- who is asked ----------------------------------------------------------------------------------------------


def test_a_production_profile_does_without_an_attester_that_attests_nothing(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"set attestation\.command"):
        open_attester(StateFolder(tmp_path), AttestationSettings(), "production", Clock())
    asked = open_attester(StateFolder(tmp_path), AttestationSettings(command="/bin/evidence"), "production", Clock())
    assert asked.production


def program(folder: Path, text: str) -> str:
    path = folder / "evidence"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def asked(command: str, seconds: float = 30.0) -> tuple[Evidence, ...]:
    return asyncio.run(CommandAttester(command, seconds).attest(b"challenge"))


def test_a_command_is_given_the_challenge_and_prints_evidence(tmp_path: Path) -> None:
    said = '{"evidence": [{"kind": "tpm", "main": "%s", "parts": {"signature": "QUI="}}]}'
    command = program(tmp_path, f'printf \'{said}\' "$(printf %s "$1" | base64)"')
    assert asked(command) == (Evidence(Kind.TPM, b"challenge", {"signature": b"AB"}),)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("exit 3", "malformed"),
        ("echo nonsense", "malformed"),
        ("echo '{\"evidence\": []}'", "malformed"),
        ('echo \'{"evidence": [{"kind": "tpm", "main": "!"}]}\'', "malformed"),
        ('echo \'{"evidence": [{"kind": "magic", "main": ""}]}\'', "malformed"),
        ("head -c 1200000 /dev/zero", "too-large"),
    ],
)
def test_a_command_that_fails_or_prints_something_else_is_no_evidence(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(EvidenceRefused) as caught:
        asked(program(tmp_path, text))
    assert caught.value.fault == fault


def test_a_command_that_hangs_is_killed(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRefused, match="within"):
        asked(program(tmp_path, "exec sleep 600"), seconds=0.05)


def test_what_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRefused, match="within"):
        asked(program(tmp_path, "sleep 600 & exit 0"), seconds=0.05)


def test_a_command_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRefused, match="cannot be started"):
        asked(str(tmp_path / "nothing"))


def test_a_command_sees_none_of_our_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    command = program(tmp_path, 'test -z "$OPENAI_API_KEY" || exit 9; exit 8')
    with pytest.raises(EvidenceRefused, match="exit code 8"):
        asked(command)
