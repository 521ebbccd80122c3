# SPDX-License-Identifier: Apache-2.0
"""What an office lacks is said before a case waits for it in vain."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson
from brightline.core.review.staffing import missing_people, most_wanted
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
APART = msgspec.structs.replace(AGREEMENT, organisations=(("provider_cleared", 2),))
NOW = 1_000
PROVIDER, CUSTOMER = "provider_cleared", "customer_decider"


def person(name: str, office: str = PROVIDER, role: Role = Role.SENIOR_REVIEWER, until: int = 2_000) -> ClearedPerson:
    return ClearedPerson(name, office, until, "x", (), (role,))


ENOUGH = (person("a"), person("b"), person("c", CUSTOMER))


def test_the_shipped_agreement_asks_two_of_the_provider_and_one_of_the_customer() -> None:
    assert most_wanted(AGREEMENT) == {PROVIDER: 2, CUSTOMER: 1}
    assert list(missing_people(AGREEMENT, ENOUGH, NOW)) == []


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((person("a"), person("c", CUSTOMER)), ["2 must say the same, and 1 can", "2 must say the same of an appeal"]),
        ((*ENOUGH[:2],), ["1 must say the same, and 0 can", "1 must say the same of an appeal"]),
        ((person("a"), person("b", role=Role.REVIEWER), person("c", CUSTOMER)), ["and 1 may decide one"]),
        (
            (person("a"), person("b", role=Role.AUDITOR), person("c", CUSTOMER)),
            ["and 1 can decide", "and 1 may decide"],
        ),
        ((person("a"), person("b", until=NOW), person("c", CUSTOMER)), ["and 1 can decide", "and 1 may decide one"]),
    ],
)
def test_who_is_missing_is_said(there: tuple[ClearedPerson, ...], said: list[str]) -> None:
    found = list(missing_people(AGREEMENT, there, NOW))
    assert len(found) == len(said)
    assert all(words in one for one, words in zip(found, said, strict=True))


def test_of_one_organisation_where_two_are_asked_nobody_can_release_anything() -> None:
    assert list(missing_people(APART, ENOUGH, NOW)) == [
        "provider_cleared: they must be of 2 organisations, and are of 1"
    ]
    other = msgspec.structs.replace(ENOUGH[1], organisation="y")
    assert list(missing_people(APART, (ENOUGH[0], other, ENOUGH[2]), NOW)) == []
