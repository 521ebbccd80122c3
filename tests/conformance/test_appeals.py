# SPDX-License-Identifier: Apache-2.0
"""Appeals over real sockets: others look, and no red line is lifted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from brightline.core.errors import ConfigError, TrustError
from tests.conformance.test_halt import cli, until
from tests.conformance.test_review import FIRST, SECOND, THIRD, answer, held, said
from tests.harness import HELD, RL1, Running, running

SENIORS = ("provider-cleared-senior-1", "provider-cleared-senior-2")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("appeals") / "state") as node:
        yield node


def listed(node: Running, hold: str) -> bool:
    return hold in said(node, "list", "--json").stdout


def test_a_denied_hold_is_looked_at_by_others_than_those_who_denied_it(node: Running) -> None:
    hold = held(node, HELD)["hold"]
    with pytest.raises(TrustError, match="have not denied"):
        cli("appeal", "file", node.root, hold, "--reason", "it is a drill")
    for person in (FIRST, SECOND):
        answer(node, hold, person, "yes")
    told = json.loads(cli("appeal", "file", node.root, hold, "--reason", "it is a drill", "--json"))
    until(lambda: listed(node, told["hold"]))
    with pytest.raises(TrustError, match="no role that decides appeals"):
        answer(node, told["hold"], THIRD)
    assert answer(node, told["hold"], SENIORS[0]).exit_code == 0
    (row,) = [each for each in json.loads(cli("appeal", "list", node.root, "--json")) if each["about"] == hold]
    assert (row["state"], row["signed by"]) == ("open", "customer-official")


def test_a_refusal_is_appealed_with_its_request_and_a_red_line_stays(node: Running, tmp_path: Path) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        node.ask(RL1)
    exchange = [record for record in node.records() if record.get("class") == "policy"][-1]["exchange"]
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"model": "m", "messages": [{"role": "user", "content": RL1 + " Another."}]}))
    with pytest.raises(ConfigError, match="another request"):
        cli("appeal", "file", node.root, exchange, "--request", request, "--reason", "it is a drill")
    request.write_text(json.dumps({"model": "m", "messages": [{"role": "user", "content": RL1}]}))
    told = json.loads(
        cli("appeal", "file", node.root, exchange, "--request", request, "--reason", "it is a drill", "--json")
    )
    until(lambda: listed(node, told["hold"]))
    for person in SENIORS:
        assert answer(node, told["hold"], person, "no").exit_code == 0
    (row,) = [each for each in json.loads(cli("appeal", "list", node.root, "--json")) if each["about"] == exchange]
    assert row["state"] == "upheld"
    until(lambda: told["hold"] in {each.case.hold for each in node.node.registry.decisions.docket.cases.values()})
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(RL1)
    assert refused.value.code == "denied_by_agreement"
    assert not node.contradictions()
