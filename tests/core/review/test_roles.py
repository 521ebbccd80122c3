# SPDX-License-Identifier: Apache-2.0
"""The table of who may do what: every role is in it, and those who repair or look on loosen nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import brightline
from brightline.core.errors import TrustError
from brightline.core.review.roles import ALONE, LOOSENS, MAY, May, Role, check_roles, may


def test_every_role_is_in_the_table_and_every_act_is_somebodys() -> None:
    assert set(MAY) == set(Role)
    assert frozenset().union(*MAY.values()) == frozenset(May)


def test_every_act_of_the_table_is_asked_for_somewhere() -> None:
    """A right that no code asks for says something that is not so."""
    source = Path(brightline.__file__).parent
    table = source / "core" / "review" / "roles.py"
    asked = {
        found
        for file in source.rglob("*.py")
        if file != table
        for found in re.findall(r"\bMay\.([A-Z_]+)\b", file.read_text("utf-8"))
    }
    assert asked == {act.name for act in May}


@pytest.mark.parametrize("role", sorted(ALONE))
def test_who_repairs_or_looks_on_can_loosen_nothing(role: Role) -> None:
    assert not MAY[role] & LOOSENS
    for other in Role:
        if other is not role:
            with pytest.raises(TrustError, match="no role beside it"):
                check_roles("p", (role, other))


def test_a_field_engineer_sees_no_words() -> None:
    assert not MAY[Role.FIELD_ENGINEER] & {May.READ_CASE, May.REVEAL, May.DECIDE, May.READ_RECORDS}


def test_only_reviewers_decide_and_only_senior_ones_decide_appeals() -> None:
    assert {role for role in Role if may([role], May.DECIDE)} == {Role.REVIEWER, Role.SENIOR_REVIEWER}
    assert {role for role in Role if may([role], May.DECIDE_APPEAL)} == {Role.SENIOR_REVIEWER}


def test_who_has_no_role_may_do_nothing_and_who_has_several_may_do_what_any_may() -> None:
    assert not any(may((), act) for act in May)
    both = (Role.REVIEWER, Role.OFFICER)
    check_roles("p", both)
    assert may(both, May.DECIDE)
    assert may(both, May.RESUME)
    with pytest.raises(TrustError, match="twice"):
        check_roles("p", (Role.REVIEWER, Role.REVIEWER))


def test_nobody_may_release() -> None:
    assert not [act for act in May if "release" in act.value or "override" in act.value]
