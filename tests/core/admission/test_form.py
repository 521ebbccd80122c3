# SPDX-License-Identifier: Apache-2.0
"""The VV&T form: the template is full of faults, a filled-in one has none, and each thing that is wrong is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from brightline.core.admission.form import TEMPLATE, Figure, Form, lint, read_form
from brightline.core.errors import ConfigError

TODAY = date(2026, 3, 1)
FILLED = Form(
    form=1,
    id="convoy-routing-2026-02",
    system="convoy routing",
    model="sha256:" + "ab" * 32,
    environment="Two depots, 40 real vehicles on closed roads, rain on 9 of 21 days, GPS jammed on 3 days.",
    environment_of_use="Depots of the northern district, public roads, all weather, GPS may be jammed.",
    differences="Roads were closed to others; a week on public roads with a driver who could take over followed.",
    test_set="convoy set 7",
    test_set_digest="sha256:" + "cd" * 32,
    results="Of 1,200 routes 7 failed: 4 ended at a closed bridge, 3 took more than twice the time.",
    person="p-4711",
    owner="office of test and evaluation",
    tested=date(2026, 2, 20),
    expires=date(2026, 8, 20),
    figure=(Figure("cases", "1200"), Figure("routes that failed", "7")),
)


def fields(**changed: Any) -> list[str]:
    return [each.field for each in lint(msgspec.structs.replace(FILLED, **changed), TODAY, 366)]


def test_a_form_that_says_everything_has_no_fault() -> None:
    assert lint(FILLED, TODAY, 366) == ()


def test_the_template_is_a_form_and_nothing_of_it_passes() -> None:
    found = {each.field for each in lint(read_form(TEMPLATE.encode(), "template"), TODAY, 366)}
    assert {"id", "system", "model", "environment", "environment_of_use", "differences", "test_set"} <= found
    assert {"test_set_digest", "results", "person", "owner", "figure"} <= found


@pytest.mark.parametrize(
    "name", ["id", "system", "environment", "differences", "test_set", "results", "person", "owner"]
)
@pytest.mark.parametrize("blank", ["", "  ", "…", "TODO: later", "tbd", "n/a", "<fill in>"])
def test_a_blank_anywhere_is_named(name: str, blank: str) -> None:
    assert name in fields(**{name: blank})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (
            {"results": "It went well and everybody was content with it, in every respect and on every day of it."},
            "results",
        ),
        ({"results": "7 of 1200"}, "results"),
        ({"environment": "a yard"}, "environment"),
        ({"environment_of_use": "roads"}, "environment_of_use"),
        ({"differences": "none"}, "differences"),
        ({"model": "convoy-7b"}, "model"),
        ({"model": "sha256:" + "AB" * 32}, "model"),
        ({"test_set_digest": "ab" * 32}, "test_set_digest"),
        ({"person": "Ann Example"}, "person"),
        ({"person": "ann@example.com"}, "person"),
        ({"id": "convoy routing"}, "id"),
        ({"id": "a" * 65}, "id"),
        ({"figure": ()}, "figure"),
        ({"figure": FILLED.figure[:1]}, "figure"),
        ({"figure": FILLED.figure[1:]}, "figure"),
        ({"figure": (*FILLED.figure, FILLED.figure[1])}, "figure"),
        ({"figure": (Figure("cases", "many"), FILLED.figure[1])}, "figure"),
        ({"figure": (Figure("cases", "0"), FILLED.figure[1])}, "figure"),
        ({"figure": (FILLED.figure[0], Figure("routes that failed", "few"))}, "figure 'routes that failed'"),
        ({"tested": date(2026, 3, 2)}, "tested"),
        ({"expires": date(2026, 2, 20)}, "expires"),
        ({"expires": date(2027, 2, 22)}, "expires"),
        ({"tested": date(2025, 9, 1), "expires": TODAY}, "expires"),
    ],
    ids=str,
)
def test_each_fault_is_named_in_its_field(changed: dict[str, Any], field: str) -> None:
    assert field in fields(**changed)


def test_how_long_a_form_may_be_in_date_is_the_agreements() -> None:
    assert lint(FILLED, TODAY, 181) == ()
    assert [each.field for each in lint(FILLED, TODAY, 180)] == ["expires"]


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"form = 2", b"form = 1", TEMPLATE.encode() + b"surplus = 1", b"#" * 70_000]
)
def test_what_is_no_form_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError):
        read_form(text, "it")
