# SPDX-License-Identifier: Apache-2.0
"""Appeals over real sockets: others look, and no red line is lifted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from brightline.client import appeal
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
    again = json.loads(cli("appeal", "file", node.root, hold, "--reason", "once more", "--json"))
    until(lambda: listed(node, again["hold"]))
    with pytest.raises(TrustError, match="may not decide it"):
        answer(node, again["hold"], SENIORS[0])
    assert answer(node, again["hold"], SENIORS[1]).exit_code == 0


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
    assert not node.contradictions()


def refused(node: Running, words: str) -> openai.PermissionDeniedError:
    with pytest.raises(openai.PermissionDeniedError) as raised:
        node.ask(words)
    return raised.value


def asked(words: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": words}]}


def post(node: Running, about: str, body: object, key: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {key or node.key}"}
    return httpx2.post(f"{node.url}/v1/{about}/appeals", json=body, headers=headers)


def test_an_application_asks_its_official_who_signs_and_only_then_people_are_asked(node: Running) -> None:
    words = HELD + " At once."
    held_as = refused(node, words)
    hold = held(node, words)["hold"]
    assert post(node, f"holds/{hold}", {"reason": "a drill"}).json()["error"]["code"] == "nothing_to_appeal"
    for person in (FIRST, SECOND):
        answer(node, hold, person, "yes")
    until(lambda: node.node.holds.state(hold, "tests", 0).state.value == "denied")  # type: ignore[union-attr]
    before = said(node, "list", "--json").stdout
    with node.client() as client:
        wish = appeal(client, held_as, "It is <b>a drill</b>.")
        assert appeal(client, hold, "again") == wish
    assert wish["status"] == "asked"
    assert said(node, "list", "--json").stdout == before  # nobody has more to do
    (row,) = json.loads(cli("appeal", "wishes", node.root, "--json"))
    assert (row["wish"], row["about"], row["reason"]) == (wish["id"], hold, "It is <b>a drill</b>.")
    told = json.loads(cli("appeal", "file", node.root, wish["id"], "--json"))
    until(lambda: listed(node, told["hold"]))
    until(lambda: status(node, f"holds/{hold}") == "open")
    for person in SENIORS:
        assert answer(node, told["hold"], person, "no").exit_code == 0
    until(lambda: status(node, f"holds/{hold}") == "upheld")
    assert cli("appeal", "wishes", node.root, "--json").strip() == "[]"
    assert not node.contradictions()


def status(node: Running, about: str) -> str:
    told = httpx2.get(f"{node.url}/v1/{about}/appeals", headers={"authorization": f"Bearer {node.key}"}).json()
    return str(told["data"][0]["status"]) if told["data"] else ""


def test_an_application_appeals_a_refusal_with_its_request_again(node: Running) -> None:
    words, others = RL1 + " One.", RL1 + " Two."
    first, second = refused(node, words), refused(node, others)
    with node.client() as client:
        wish = appeal(client, first, "a drill", **asked(words), timeout=9)
        of_another = appeal(client, second, "a drill", **asked(words))
    told = json.loads(cli("appeal", "file", node.root, wish["id"], "--json"))
    until(lambda: listed(node, told["hold"]))
    with pytest.raises(ConfigError, match="another request"):
        cli("appeal", "file", node.root, of_another["id"])


def test_what_cannot_be_appealed_is_refused_and_nothing_is_put_down(node: Running) -> None:
    nobodys, exchange = f"holds/hold_{'0' * 24}", f"exchanges/xc_{'0' * 24}"
    before = len(node.node.registry.reviewing.wishes)
    for about, body, code in (
        (nobodys, {"reason": "x"}, "hold_not_found"),
        (nobodys, {"reason": "x", "request": {}}, "malformed_request"),
        (nobodys, {"reason": " "}, "malformed_request"),
        (nobodys, {"reason": "x", "urgent": True}, "unsupported_parameter"),
        (exchange, {"reason": "x"}, "malformed_request"),
        (exchange, {"reason": "x", "request": {"what": "ever"}}, "nothing_to_appeal"),
        (exchange, {"reason": "x", "request": asked("x" * 300_000)}, "request_too_large"),
    ):
        assert post(node, about, body).json()["error"]["code"] == code
    assert post(node, nobodys, {"reason": "x"}, key="bl_none_0").status_code == 401
    assert httpx2.delete(f"{node.url}/v1/{nobodys}/appeals").json()["error"]["code"] == "method_not_allowed"
    assert len(node.node.registry.reviewing.wishes) == before


def test_a_unit_asks_so_often_in_a_day(tmp_path: Path) -> None:
    with running(tmp_path / "state", more_toml="[review]\nappeals_per_day = 2\n") as node:
        about = [f"exchanges/xc_{number:024d}" for number in range(3)]
        body = {"reason": "a drill", "request": asked("x")}
        assert [post(node, each, body).status_code for each in (*about[:2], about[0])] == [200, 200, 200]
        too_many = post(node, about[2], body)
        assert (too_many.status_code, too_many.json()["error"]["code"]) == (429, "quota_reached")
        assert int(too_many.headers["retry-after"]) > 80_000
