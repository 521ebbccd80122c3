# SPDX-License-Identifier: Apache-2.0
"""A gateway whose keys lie sealed: it serves with what its key agent holds, and no disk ever has them in clear."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from brightline.core.errors import TrustError
from brightline.shell.trust.keys import load_key, load_secret
from brightline.verify.examine import verify_evidence
from tests.broker.brokers import SEALED, broker_for, held, seal_all
from tests.conformance.test_halt import cli
from tests.harness import read_records, running

SECRETS = ("hold", "tenant")


def spellings(home: Path) -> list[bytes]:
    """Each key that lies in clear, in every form in which a program writes one."""
    found: list[bytes] = []
    for name in SEALED:
        if name in SECRETS:
            raw = load_secret(home / name)
        else:
            key = load_key(home / name)
            raw = key.private_bytes_raw()
            der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            found.append(b64encode(der))
        found += [raw, raw.hex().encode(), raw.hex().upper().encode(), b64encode(raw).rstrip(b"=")]
    return found


def on_disk(root: Path, spelled: list[bytes]) -> set[str]:
    """The files below a folder that hold one of these."""
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) > 20
    return {path.name for path in files for data in [path.read_bytes()] if any(each in data for each in spelled)}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_a_gateway_serves_with_keys_that_no_disk_has(tmp_path: Path, stack: ExitStack) -> None:
    state, broker = tmp_path / "state", tmp_path / "broker"
    spelled: list[bytes] = []

    def sealed(root: Path) -> None:
        spelled.extend(spellings(root / "keys"))
        assert on_disk(root, spelled) == set(SEALED)  # the look finds what is there
        broker_for(broker, root)
        seal_all(root, broker, tmp_path)
        assert on_disk(root, spelled) == set()
        with pytest.raises(TrustError, match="no key agent answers"):
            load_key(root / "keys" / "token")
        stack.enter_context(held(root, broker))

    with running(state, prepare=sealed) as node:
        assert node.ask().choices[0].message.content == "Fine."
        cli("halt", state, "--reason", "a drill")  # a command has its keys from the agent as well
        cli("resume", state, "--reason", "over")
        cli("shard", "add", state, "gateway-9")
        assert not (state / "keys" / "log-gateway-9").exists()
        node.publish()
        assert on_disk(tmp_path, spelled) == set()
        lease = read_records(state)[0]
        assert json.loads(cli("preflight", state, "--json", code=0))["ready"]
        cli("keys", "list", state)
    assert on_disk(tmp_path, spelled) == set()
    stack.close()  # the broker's log ends with what it handed over
    said = [each for each in read_records(broker, "broker") if each["kind"] == "KEYS"]
    assert [each["what"] for each in said] == ["handed", "handed"]  # all of them, and the new shard's with them
    assert set(lease["keys"]) <= set(said[0]["signs"])
    assert said[0]["names"] == list(SEALED)
    [report] = verify_evidence(broker / "evidence")
    assert not report.contradictions
    with pytest.raises(TrustError, match="no key agent answers"):
        load_key(state / "keys" / "token")
