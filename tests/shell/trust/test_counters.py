# SPDX-License-Identifier: Apache-2.0
"""A TPM's counters are remembered in the log: one that went back gets no lease, also after a restart of its node."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from brightline.core.attestation.claims import Counters, Kind
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.lease import Node
from brightline.core.attestation.quote import TpmEvidence, verify_quote
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.lease import LeaseKeeper
from tests.core.attestation.forge import AT, make_key, public, quote, signed
from tests.core.attestation.policies import entry, policy
from tests.shell.trust.test_attestation import Clock
from tests.shell.trust.test_lease import VOCABULARY

REGISTERS = b"".join(bytes([index + 1]) * 32 for index in range(8))
TENANT = b"t" * 32


class Tpm:
    """An attester whose counters a test sets."""

    name = "a TPM"
    production = False

    def __init__(self) -> None:
        self.key = make_key(ec.SECP256R1())
        self.counters = Counters(2, 1, 9)

    async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
        """A quote over the challenge."""
        return (self.evidence(challenge),)

    def evidence(self, challenge: bytes) -> Evidence:
        now = self.counters
        attest = quote(REGISTERS, extra=challenge, counters=(now.resets, now.restarts, now.clock))
        parts = {"signature": signed(attest, self.key), "registers": REGISTERS, "key": public(self.key)}
        return Evidence(Kind.TPM, attest, parts)


class Machine:
    """A log, a TPM and who keeps a lease; started anew as often as a test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tpm = Tpm()
        given = self.tpm.evidence(b"n" * 32)
        claims = verify_quote(TpmEvidence(attest=given.main, **given.parts), (), AT)
        self.policy = policy(entry(claims, "stack_on"))
        self.signer = "sha256:" + hashlib.sha256(claims.signer).hexdigest()

    def start(self) -> tuple[Sequencer, LeaseKeeper]:
        clock = Clock()
        vault = Vault(self.root / "vault", TENANT)
        log = Sequencer.open(self.root / "wal", "s", "development", clock, vault=vault, published=None)
        node = Node("development", (b"k",), "sha256:a", "sha256:r")
        keeper = LeaseKeeper(
            self.tpm,
            lambda: node,
            lambda: self.policy,
            frozenset,
            (),
            lambda: VOCABULARY,
            log,
            clock,
            log.counters,
        )
        return log, keeper

    def renews(self, *steps: Counters) -> list[str]:
        """Start, ask for a lease at each of these, and stop: what was said against each."""
        log, keeper = self.start()
        found = []
        try:
            for each in steps:
                self.tpm.counters = each
                found.append("" if asyncio.run(keeper.renew()) else keeper._refused)
        finally:
            log.close()
        return found


@pytest.mark.parametrize("later", [Counters(2, 1, 9), Counters(2, 1, 8), Counters(2, 0, 100), Counters(1, 5, 100)])
def test_counters_that_went_back_are_seen_after_a_restart(tmp_path: Path, later: Counters) -> None:
    machine = Machine(tmp_path)
    assert machine.renews(Counters(2, 1, 9)) == [""]
    (said,) = machine.renews(later)
    assert said.startswith(Fault.WENT_BACK)
    assert machine.renews(Counters(2, 1, 10), Counters(3, 0, 0)) == ["", ""]
    log, _ = machine.start()
    assert log.counters == {machine.signer: Counters(3, 0, 0)}  # the last that a lease rests on
    log.close()


def test_what_was_refused_is_not_remembered_and_another_key_is_another_tpm(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    first, refused, again = machine.renews(Counters(2, 1, 9), Counters(1, 0, 0), Counters(2, 1, 10))
    assert (first, again) == ("", "")
    assert refused.startswith(Fault.WENT_BACK)
    other = Machine(tmp_path)  # with another key, over the same log
    assert other.renews(Counters(0, 0, 1)) == [""]
