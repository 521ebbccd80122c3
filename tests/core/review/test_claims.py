# SPDX-License-Identifier: Apache-2.0
"""Who works at which case, for how long, and who may: the claim's own laws."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from brightline.core.agreement.decide import Subject
from brightline.core.errors import ClaimRefused
from brightline.core.review import claims
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.docket import Tried
from brightline.core.review.quorum import Vote
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance, ClearedPerson
from tests.core.review.test_docket import CASE, EXPIRES, OPENED

P: Final = "provider_cleared"
C: Final = "customer_decider"
FACT: Final = (Subject.FACT, "mass_domestic")
NOTHING: Final = Clearance()


def person(name: str, office: str = P, **more: object) -> ClearedPerson:
    return ClearedPerson(name, office, EXPIRES, **more)  # type: ignore[arg-type]


def tried(**votes: str) -> Tried:
    """The case of the docket's tests, with these answers about its fact."""
    case = Tried(CASE)
    case.votes[FACT] = [Vote(who, P, value) for who, value in votes.items()]
    return case


# ---- the claim --------------------------------------------------------------------------------------------------


def test_a_token_of_a_queue_that_was_made_anew_is_greater() -> None:
    assert claims.next_token(7, 100) < claims.next_token(0, 101)
    assert claims.next_token(claims.next_token(0, 100), 100) > claims.next_token(0, 100)


# ---- who may ----------------------------------------------------------------------------------------------------


def why_not(case: Tried, who: ClearedPerson, need: Clearance = NOTHING, skipped: str = "", now: int = OPENED) -> str:
    return claims.why_not(case, who, need, skipped, now)


def test_who_may_have_a_case_and_who_may_not() -> None:
    assert why_not(tried(), person("a")) == ""
    assert why_not(tried(), person("a", C)) == ""
    assert why_not(tried(), person("a", "another")) == "another is not asked"
    assert why_not(tried(), person("asked-it")) == "asked-it is recused"
    assert why_not(tried(a="no"), person("a")) == "a has answered"
    assert why_not(tried(a="no"), person("b"), skipped="b") == "b has skipped it"
    assert why_not(tried(), person("a", roles=(Role.AUDITOR,))) == "a has no role that decides"
    assert why_not(tried(), person("a"), Clearance(level=2)) == "a is not cleared for u"
    assert why_not(tried(), person("a"), now=EXPIRES) == "it is expired"
    assert why_not(tried(), ClearedPerson("a", P, OPENED)) == "the clearance of a has ended"


def test_what_two_disagree_about_is_asked_of_a_third_and_of_neither_of_the_two() -> None:
    two = tried(a="no", b="yes")
    assert [why_not(two, person(each)) for each in "abc"] == ["a has answered", "b has answered", ""]
    assert claims.barred(two) == {"asked-it": "recused", "a": "answered", "b": "answered"}


def test_who_answered_one_of_two_questions_may_go_on_with_the_other() -> None:
    both = tuple(CaseQuestion(Subject.FACT, name, ((P, 2),)) for name in ("mass_domestic", "weapon_direct"))
    case = Tried(Case(**{name: getattr(CASE, name) for name in CASE.__struct_fields__} | {"questions": both}))
    case.votes[FACT] = [Vote("a", P, "no")]
    assert [each.name for each in claims.questions_for(case, "a", P)] == ["weapon_direct"]
    assert "a" not in claims.barred(case)


def test_a_case_that_waits_for_another_organisation_is_none_for_those_of_one_that_was_heard() -> None:
    waits = Tried(msgspec.structs.replace(CASE, organisations=((P, 2),)))
    assert claims.closed_to(waits) == {(P, "")}
    waits.votes[FACT] = [Vote("a", P, "no", 0, "Acme")]
    assert claims.closed_to(waits) == {(P, ""), (P, "acme")}
    assert why_not(waits, person("b", organisation="ACME")) == "others than ACME must say the same"
    assert why_not(waits, person("b")) == "others than those of no organisation must say the same"
    assert why_not(waits, person("b", organisation="Bolt")) == ""
    assert why_not(waits, person("b", C, organisation="Acme")) == ""
    waits.votes[FACT].append(Vote("c", P, "yes", 0, "Bolt"))  # of two minds
    assert why_not(waits, person("b", organisation="Acme")) == ""


def test_answers_are_seen_by_those_who_have_answered_and_once_it_is_decided() -> None:
    two = tried(a="no", b="yes")
    assert [claims.may_see_answers(two, each, OPENED) for each in "abc"] == [True, True, False]
    assert claims.may_see_answers(two, "c", EXPIRES)
    assert claims.deciders(two) == ("a", "b")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "two\nlines", "a\u202eb"])
def test_a_skip_takes_one_plain_line(reason: str) -> None:
    with pytest.raises(ClaimRefused, match="reason"):
        claims.check_reason(reason)
    assert claims.check_reason(" I know them ") == "I know them"
