# SPDX-License-Identifier: Apache-2.0
"""A TPM in software, asked over its socket: a lease by its quotes, and what is not one refused. Needs ``swtpm``."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brightline.core.attestation.development import development_policy
from brightline.core.attestation.evidence import verify
from brightline.core.errors import EvidenceRefused, TrustError
from brightline.shell.config import AttestationSettings
from brightline.shell.state import StateFolder
from brightline.shell.trust.asking import ATTESTER_KEY
from brightline.shell.trust.attesters import open_attester
from brightline.shell.trust.software_tpm import SoftwareTpmAttester, ask_tpm
from tests.harness import make_state, running
from tests.shell.trust.test_attestation import Clock
from tests.shell.trust.test_lease import World

CHALLENGE = b"c" * 32


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Path]:
    program = shutil.which("swtpm")
    if program is None:
        pytest.skip("swtpm is not installed: no TPM in software")
    folder, path = tmp_path / "tpm", tmp_path / "tpm.socket"
    folder.mkdir()
    command = [program, "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear"]
    with subprocess.Popen([*command, "--server", f"type=unixio,path={path}"], stderr=subprocess.DEVNULL) as process:
        begun = time.monotonic()
        while not path.exists():
            assert time.monotonic() - begun < 60
            time.sleep(0.01)
        try:
            yield path
        finally:
            process.kill()


def test_its_quote_verifies_and_nobody_vouches_for_its_key(tpm: Path) -> None:
    claims = verify(ask_tpm(tpm, CHALLENGE).evidence, (), 0.0)
    assert (claims.issuer, claims.nonces, claims.place) == ("", (CHALLENGE,), None)
    assert sorted(claims.measured) == [f"sha256:{index}" for index in range(8)]
    assert dict(claims.conditions)["key_restricted"] == "yes"


def test_it_has_the_same_key_each_time(tpm: Path) -> None:
    first, second = (verify(ask_tpm(tpm, CHALLENGE).evidence, (), 0.0) for _ in range(2))
    assert first.signer == second.signer
    assert second.counters is not None
    assert first.counters is not None
    assert second.counters.clock > first.counters.clock


def test_a_lease_rests_on_its_quotes_and_one_of_another_state_gives_none(tpm: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    attester = SoftwareTpmAttester(tpm, tmp_path / ATTESTER_KEY, world.clock)
    shown = verify(ask_tpm(tpm, CHALLENGE).evidence, (), 0.0)
    world.keeper.attester = attester
    assert not world.renew()  # the policy names no TPM
    public = verify(asyncio.run(attester.attest(CHALLENGE))[1], (), 0.0).signer
    world.policy = development_policy(public, shown)
    assert world.renew()
    assert world.stated == ["yes"]
    assert world.records.drafts[-1].public["stated"] == {"surface": "provider_cloud", "stack_on": "yes"}
    _extend(tpm)
    assert not world.renew()
    assert world.stated == ["yes"]  # what was shown before holds to its end
    world.clock.pass_(300)
    assert "wrong-measurement" in world.keeper.fault


def _extend(path: Path) -> None:
    """Have register 0 measure something else (TPM2_PCR_Extend; Part 3, 22.2)."""
    body = bytes.fromhex("000000000000000940000009000000000000000001000b") + b"x" * 32
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tpm:
        tpm.connect(str(path))
        tpm.sendall(bytes.fromhex("8002") + (10 + len(body)).to_bytes(4, "big") + bytes.fromhex("00000182") + body)
        assert tpm.recv(4_096)[6:10] == bytes(4)


def test_a_gateway_serves_by_it_and_says_that_it_is_not_for_production(tpm: Path, tmp_path: Path) -> None:
    more = f'[attestation]\nsoftware_tpm = "{tpm}"\n'
    with running(tmp_path / "state", more_toml=more) as node:
        assert node.ask().choices[0].message.content == "Fine."
        lease = node.node.lease.lease
        assert lease is not None
        assert lease.shown.attester == "software TPM (keys in a file)"
        assert not lease.shown.production


# ---- without one -----------------------------------------------------------------------------------------------


def test_only_the_development_profile_takes_one(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"set attestation\.command"):
        open_attester(StateFolder(tmp_path), AttestationSettings(software_tpm="/run/tpm"), "production", Clock())


def test_one_that_is_not_there_is_refused_and_a_state_folder_is_not_made_by_it(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRefused, match="does not answer"):
        ask_tpm(tmp_path / "nothing", CHALLENGE)
    more = f'[attestation]\nsoftware_tpm = "{tmp_path / "nothing"}"\n'
    with pytest.raises(EvidenceRefused, match="does not answer"):
        make_state(tmp_path / "state", "http://127.0.0.1:9", more_toml=more)
    assert not (tmp_path / "state" / "installation.json").exists()


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x80\x01", bytes.fromhex("80010000000a00000101"), bytes.fromhex("8001ffffffff00000000"), bytes(64)],
    ids=["nothing", "cut", "an error", "too much", "zeros"],
)
def test_what_answers_as_no_tpm_does_is_no_evidence(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def answers() -> None:
            asking, _ = listening.accept()
            with asking:
                asking.recv(4_096)
                asking.sendall(answer)

        thread = threading.Thread(target=answers)
        thread.start()
        with pytest.raises(EvidenceRefused):
            ask_tpm(path, CHALLENGE)
        thread.join(60)
