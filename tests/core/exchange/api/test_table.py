# SPDX-License-Identifier: Apache-2.0
"""The APIs that are served: each is one module of one shape, and other rooms know none of them by name."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec
import pytest

from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import APIS, BY_ROUTE, ENDPOINT_MODELS, ENDPOINTS
from brightline.core.workload import admit
from tests.playbooks.playbook import WORKLOAD

SOURCE = Path(__file__).resolve().parents[4] / "src" / "brightline"
ROOMS = [*sorted((SOURCE / "shell" / "gateway").glob("*.py")), *sorted((SOURCE / "core" / "enforcement").glob("*.py"))]


def test_no_two_apis_share_a_name_a_route_or_an_endpoint() -> None:
    for said in ("NAME", "ROUTE", "ENDPOINT"):
        values = [getattr(api, said) for api in APIS]
        assert len(set(values)) == len(values) > 0, said
    assert set(BY_ROUTE.values()) == set(APIS)
    assert ENDPOINT_MODELS in ENDPOINTS
    assert len(set(ENDPOINTS)) == len(ENDPOINTS) == len(APIS) + 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_can_be_registered_alone(endpoint: str) -> None:
    registration = msgspec.structs.replace(WORKLOAD.registration, endpoints=(endpoint,))
    assert admit(registration).registration.endpoints == (endpoint,)


@pytest.mark.parametrize("api", APIS, ids=lambda api: str(api.NAME))
def test_what_is_sent_names_no_free_form_field_that_is_not_a_field(api: Api) -> None:
    assert api.SERVER.NAMES.free_form <= api.SERVER.NAMES.fields


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_gateway_and_the_machine_know_no_api_by_name(room: Path) -> None:
    allowed = {"brightline.core.exchange.api.protocol", "brightline.core.exchange.api.table"}
    for node in ast.walk(ast.parse(room.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("brightline.core.exchange"):
            named = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            of_apis = {name for name in named if name and name.startswith("brightline.core.exchange.api.")}
            known = {name for name in of_apis if not any(name.startswith(one) for one in allowed)}
            assert not known, room.name
            assert "brightline.core.exchange.chat_server" not in named
