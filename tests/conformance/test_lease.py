# SPDX-License-Identifier: Apache-2.0
"""The lease over real sockets: on record before anything is served, and gone within two seconds of a revocation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from brightline.core.attestation.development import UNMEASURED
from brightline.core.errors import TrustError
from brightline.shell.storage.sequencer import Head
from tests.conformance.test_halt import PATIENCE_SECONDS, cli, until
from tests.harness import Running, Seconds, chunk, completion, read_records, running

REVOKE = ("--measurement", UNMEASURED, "--reason", "a drill")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("lease") / "state") as node:
        yield node


@pytest.fixture
def node(serving: Running) -> Iterator[Running]:
    serving.model.says(completion())
    yield serving
    if serving.node.registry.attestations.revoked.by_id:
        cli("attest", "reinstate", serving.root, "--reason", "a test is over")
    until(lambda: serving.node.lease.fault == "")


def code_of(node: Running) -> str:
    """The code by which an ordinary question is refused; empty if it is answered."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def leases(node: Running) -> list[dict[str, Any]]:
    return [record for record in read_records(node.root) if record["kind"] == "ATTESTED"]


def test_a_lease_is_on_record_before_the_first_exchange_and_is_not_for_production(node: Running) -> None:
    assert code_of(node) == ""
    first = read_records(node.root)[0]
    assert (first["kind"], first["profile"], first["production"]) == ("ATTESTED", "development", False)
    assert first["stated"] == {"surface": "provider_cloud", "stack_on": "yes"}
    assert first["committed"]["result"]["brightline"]["tier"] == "affirming"
    installed = json.loads(cli("attest", "status", node.root, "--json"))
    assert (installed["policy"], installed["for_production"]) == (first["policy"], False)


def test_an_auditor_verifies_again_what_was_shown(node: Running, tmp_path: Path) -> None:
    until(lambda: (node.node.publisher.published or Head(0, b"")).size > 0)
    opened = tmp_path / "disclosures.jsonl"
    cli("disclose", node.root, opened)
    asked = ("attest", "recheck", node.root / "evidence" / "gateway-0", "--disclosures", opened)
    told = json.loads(cli(*asked, "--json"))
    assert [row["outcome"] for row in told] == ["verified"] * len(told)
    assert told[0]["record"] == 0
    opened.write_bytes(b"")
    cli(*asked, code=1)


def test_one_signature_revokes_and_both_parties_reinstate(node: Running) -> None:
    before = len(leases(node))
    cli("attest", "revoke", node.root, *REVOKE, "--by", "customer-official")
    until(lambda: code_of(node) == "lease_stale")
    seen = len(node.model.seen)
    assert code_of(node) == "lease_stale"
    assert len(node.model.seen) == seen
    ready = httpx2.get(f"{node.url}/readyz")
    assert ready.status_code == 503
    assert "this node has no attestation lease" in ready.json()["missing"]
    assert len(leases(node)) == before  # no evidence that rests on it gives another
    with pytest.raises(TrustError, match="no pinned key of the provider-officer"):
        cli("attest", "reinstate", node.root, "--reason", "over", "--by", "customer-official")
    cli("attest", "reinstate", node.root, "--reason", "over")
    until(lambda: code_of(node) == "")
    assert len(leases(node)) == before + 1


def test_who_may_not_halt_may_not_revoke(node: Running) -> None:
    with pytest.raises(TrustError, match="no pinned key"):
        cli("attest", "revoke", node.root, *REVOKE, "--by", "field-engineer")


def test_a_revocation_of_something_else_stops_nothing(node: Running) -> None:
    cli("attest", "revoke", node.root, "--node", "i-0123", "--reason", "a drill")
    until(lambda: bool(node.node.registry.attestations.revoked.by_id))
    assert code_of(node) == ""


def test_a_stream_that_runs_is_cut_within_two_seconds_of_a_revocation(node: Running) -> None:
    words = [chunk(f"word {i}. ") for i in range(4000)]
    parts: list[bytes | float] = [part for word in words for part in (word, 0.05)]
    node.model.streams([*parts, chunk("", "stop"), b"data: [DONE]\n\n"])
    started, ended = threading.Event(), threading.Event()

    def listen() -> None:
        messages: Any = [{"role": "user", "content": "Tell me a story."}]
        with node.client() as client:
            try:
                for _ in client.chat.completions.create(model="m", messages=messages, stream=True):
                    started.set()
            except openai.APIError:
                pass
            ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert started.wait(PATIENCE_SECONDS)
    cli("attest", "revoke", node.root, *REVOKE)
    with Seconds() as seconds:
        assert ended.wait(PATIENCE_SECONDS)
        assert seconds.passed < 2.0
    listener.join(PATIENCE_SECONDS)
    assert node.records()[-1]["outcome"] == "cut"


def test_a_policy_that_asks_for_more_comes_into_force_and_one_that_asks_for_less_does_not(
    node: Running, tmp_path: Path
) -> None:
    policy = node.node.registry.attestations.policy
    assert policy is not None
    [entry] = policy.accept

    def written(**more: Any) -> Path:
        said = {"version": 1, "age_seconds_max": policy.age_seconds_max, **more}
        rows = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        rows += ["[[accept]]", f'name = "{entry.name}"', 'kind = "development"', 'states = ["stack_on", "surface"]']
        rows += [f'signers = ["{entry.signers[0]}"]', f'measurements = {{ program = ["{UNMEASURED}"] }}']
        path = tmp_path / "policy.toml"
        path.write_text("\n".join([*rows, 'regions = ["development"]']))
        return path

    for asks_for_less in ({"age_seconds_max": policy.age_seconds_max + 1}, {"age_seconds_max": 3_600}):
        with pytest.raises(TrustError, match="asks for less"):
            cli("attest", "policy", node.root, written(**asks_for_less), "--reason", "a drill")
    assert code_of(node) == ""
    prepared = tmp_path / "policy.json"
    file = written(deny=["i-0123"])
    cli("attest", "policy", node.root, file, "--reason", "x", "--by", "provider-officer", "--prepare", prepared)
    cli("attest", "policy", node.root, file, "--reason", "x", "--by", "customer-official", "--prepared", prepared)
    until(lambda: leases(node)[-1]["policy"] != policy.digest)
    until(lambda: code_of(node) == "")
    now = json.loads(cli("attest", "status", node.root, "--json"))
    assert now["policy"] == leases(node)[-1]["policy"] != policy.digest
