# SPDX-License-Identifier: Apache-2.0
"""What an agreement shows is decided and proved of it here, and only of versions that a record names."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, RungState
from brightline.core.agreement.review import REVIEW_TYPE, Reviews, reviews_of
from brightline.core.answer.from_agreement import of_agreements
from brightline.core.answer.model import Found, Status
from brightline.core.statement import Party, SigningRole, sign_statement
from brightline.folders import read_agreement, shipped_agreements
from tests.core.agreement.test_review import KEYS, NOW, ROOTS, review_by

SHIPPED = {name: read_agreement(folder) for name, folder in shipped_agreements().items()}
DOW = SHIPPED["dow-2026-02-27"]
AT = "2026-11-26T10:00:00Z"
OTHER = "sha256:" + "0" * 64


def found(*given: Agreement, ruled: dict[str, int] | None = None, reviews: Reviews | None = None) -> dict[str, Found]:
    named = {agreement.digest: 10 for agreement in given} if ruled is None else ruled
    read = {} if reviews is None else {agreement.digest: reviews for agreement in given}
    return of_agreements({f"folder-{n}": agreement for n, agreement in enumerate(given)}, named, read, AT)


def without(clause: str, agreement: Agreement = DOW) -> Agreement:
    """The agreement without a clause: what a party that cheats would put in force."""
    left = tuple(each for each in agreement.clauses if each.id != clause)
    return msgspec.structs.replace(agreement, clauses=left, digest=f"sha256:{clause:0>64}")


def test_of_the_shipped_agreement_everything_that_it_can_show_is_shown() -> None:
    shown = found(DOW)
    assert {kind for kind, one in shown.items() if one.status is not Status.SHOWN} == {"thresholds"}  # it has none
    assert shown["refuses-weapons"].detail.startswith("denied by RL-2, with 99 approvals")
    assert "RL-1" in shown["refuses-surveillance"].detail
    assert "14 days to mend" in shown["ladder"].detail
    assert all(one.pins for one in shown.values())
    assert "reviewed" not in shown


@pytest.mark.parametrize(
    ("clause", "kinds"),
    [
        ("RL-1", {"refuses-surveillance"}),
        ("L6", {"refuses-monitoring"}),
        ("D1", {"refuses-elsewhere", "proofs"}),
        ("P1", {"needs-people", "proofs"}),
    ],
)
def test_a_clause_that_is_gone_contradicts_what_rests_on_it_and_nothing_else(clause: str, kinds: set[str]) -> None:
    shown = found(without(clause))
    assert {kind for kind, one in shown.items() if one.status is Status.CONTRADICTED} == kinds
    assert {one.status for kind, one in shown.items() if kind not in {*kinds, "thresholds"}} == {Status.SHOWN}


def test_the_contract_language_alone_does_not_refuse_weapons() -> None:
    assert found(without("RL-2"))["refuses-weapons"].status is Status.CONTRADICTED
    assert found(without("L2"))["refuses-weapons"].status is Status.SHOWN


def test_a_version_that_is_weaker_than_the_first_is_contradicted() -> None:
    weaker = msgspec.structs.replace(without("RL-1"), version=2)
    shown = found(DOW, weaker)
    assert shown["no-weaker"].status is Status.CONTRADICTED
    assert "RL-1 is gone" in shown["no-weaker"].detail
    same = msgspec.structs.replace(DOW, version=2, digest=OTHER)
    assert found(DOW, same)["no-weaker"].status is Status.SHOWN
    alone = found(same)["no-weaker"]
    assert (alone.status, "the first version of dow-2026-02-27 is not here" in alone.detail) == (Status.OPEN, True)


def test_a_version_that_decided_and_is_not_here_leaves_it_open() -> None:
    shown = found(DOW, ruled={DOW.digest: 10, OTHER: 3})
    opened = {kind for kind, one in shown.items() if one.status is Status.OPEN}
    assert opened == {"agreement", "one-agreement", "thresholds"}
    assert shown["agreement"].detail == f"3 exchanges were decided by {OTHER}, which is not here"


def test_one_that_decided_nothing_shows_nothing() -> None:
    assert {one.status for one in found(DOW, ruled={}).values()} == {Status.OPEN}
    assert {one.status for one in found(DOW, ruled={OTHER: 1}).values()} == {Status.OPEN}


def test_two_agreements_that_decided_are_named() -> None:
    shown = found(DOW, SHIPPED["two-red-lines-2026"])
    assert shown["one-agreement"].status is Status.OPEN
    assert "dow-2026-02-27, two-red-lines-2026" in shown["one-agreement"].detail


def test_an_agreement_that_does_not_speak_of_something_leaves_it_open() -> None:
    shown = found(SHIPPED["two-red-lines-2026"])
    assert shown["refuses-weapons"].status is Status.SHOWN
    assert shown["refuses-elsewhere"].detail == "two-red-lines-2026 version 1 knows no fact surface"
    assert shown["pinned-law"].detail == "two-red-lines-2026 version 1 rests on no law, so none can lift it"
    assert shown["ladder"].status is Status.OPEN


def test_a_ladder_without_a_rung_is_open() -> None:
    short = msgspec.structs.replace(
        DOW, ladder=tuple(rung for rung in DOW.ladder if rung.state is not RungState.CONFIRMED)
    )
    assert found(short)["ladder"].detail == "dow-2026-02-27 version 1 says nothing of confirmed"


def test_the_formulas_are_reviewed_once_both_parties_signed_all_of_them() -> None:
    def signed(*wanted: tuple[Party, SigningRole, tuple[str, ...]]) -> Found:
        envelopes = {
            f"{party}.json": sign_statement(review_by(party, *clauses), REVIEW_TYPE, [KEYS[role]])
            for party, role, clauses in wanted
        }
        return found(DOW, reviews=reviews_of(DOW, envelopes, ROOTS, NOW))["reviewed"]

    ours = (Party.PROVIDER, SigningRole.PROVIDER_SAFETY, ())
    theirs = (Party.CUSTOMER, SigningRole.CUSTOMER_OFFICIAL, ())
    assert signed(ours, theirs).status is Status.SHOWN
    assert signed(ours).detail.startswith("the customer has not signed")
    part = (Party.CUSTOMER, SigningRole.CUSTOMER_OFFICIAL, ("RL-1", "RL-2"))
    assert signed(ours, part).status is Status.OPEN
