# SPDX-License-Identifier: Apache-2.0
"""The watch over laws, on made-up ones: amendment, repeal, sunset and reissue are found, and nothing follows them."""

from __future__ import annotations

import datetime
import hashlib

import msgspec
import pytest

from brightline.core.agreement.clause import Authority
from brightline.core.agreement.drift import Drift, Held, watch
from brightline.shell import shipped

TEXT = b"Act A, section 1. Nobody shall be watched without a warrant.\n"
AMENDED = b"Act A, section 1. Nobody shall be watched without a reason.\n"
ENACTED, TODAY = datetime.date(2020, 1, 1), datetime.date(2026, 6, 12)


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


ACT_A = Authority("Act-A", "Act A of 2020", ENACTED, ENACTED, digest(TEXT))
ACT_B = Authority("Act-B", "Act B of 2020", ENACTED, ENACTED)
AGREEMENT = msgspec.structs.replace(
    shipped.read_agreement(shipped.shipped_agreement()), authorities=(ACT_A, ACT_B), clauses=()
)


@pytest.mark.parametrize(
    ("held", "drift"),
    [
        (Held(digest(TEXT)), Drift.UNCHANGED),
        (Held(digest(AMENDED)), Drift.AMENDED),
        (Held(digest(TEXT), edition=(datetime.date(2026, 1, 1),)), Drift.AMENDED),
        (Held(digest(TEXT), edition=(ENACTED,)), Drift.UNCHANGED),
        (Held(digest(TEXT), status="repealed"), Drift.REPEALED),
        (Held(digest(TEXT), status="lapsed"), Drift.SUNSET),
        (Held(digest(TEXT), lapses=(TODAY,)), Drift.SUNSET),
        (Held(digest(TEXT), lapses=(datetime.date(2027, 1, 1),)), Drift.SUNSET),
        (Held(digest(TEXT), reissued_as="Act C of 2026"), Drift.REISSUED),
    ],
)
def test_each_way_in_which_a_law_moves(held: Held, drift: Drift) -> None:
    finding = watch(AGREEMENT, {"Act-A": held}, TODAY)[0]
    assert finding.drift is drift
    assert finding.drifted is (drift is not Drift.UNCHANGED)


def test_a_day_that_has_come_and_one_that_will_are_told_apart() -> None:
    past = watch(AGREEMENT, {"Act-A": Held("", lapses=(TODAY,))}, TODAY)[0].words
    future = watch(AGREEMENT, {"Act-A": Held("", lapses=(datetime.date(2027, 1, 1),))}, TODAY)[0].words
    assert "it lapsed on 2026-06-12" in past
    assert "it will lapse on 2027-01-01" in future


def test_what_is_not_held_or_not_pinned_is_said_and_is_no_drift() -> None:
    missing, unpinned = watch(AGREEMENT, {"Act-B": Held(digest(TEXT))}, TODAY)
    assert (missing.drift, missing.drifted) == (Drift.MISSING, False)
    assert (unpinned.drift, unpinned.drifted) == (Drift.UNPINNED, False)
    assert digest(TEXT) in unpinned.words


def test_the_clauses_that_cite_a_law_are_named() -> None:
    whole = shipped.read_agreement(shipped.shipped_agreement())
    found = {finding.authority: finding.clauses for finding in watch(whole, {}, TODAY)}
    assert found["PCA"] == ("L7", "L7a")


def test_a_law_of_which_something_is_known_but_no_text_is_held_is_missing() -> None:
    known = {"Act-A": Held("", edition=(ENACTED,)), "Act-B": Held("")}
    assert [finding.drift for finding in watch(AGREEMENT, known, TODAY)] == [Drift.MISSING, Drift.MISSING]
    assert watch(AGREEMENT, {"Act-A": Held("", status="repealed")}, TODAY)[0].drift is Drift.REPEALED


def test_of_a_law_that_moved_in_several_ways_all_are_said_and_the_gravest_counts() -> None:
    held = Held(digest(AMENDED), (TODAY,), "repealed", (TODAY,), "Act C of 2026")
    finding = watch(AGREEMENT, {"Act-A": held}, TODAY)[0]
    assert finding.drift is Drift.REISSUED
    said = ["Act C of 2026 has taken its place", "it was repealed", "it lapsed on 2026-06-12", "of 2026-06-12; pinned"]
    places = [finding.words.index(words) for words in [*said, digest(AMENDED)]]
    assert places == sorted(places)
    sunset = watch(AGREEMENT, {"Act-A": msgspec.structs.replace(held, status="in force", reissued_as="")}, TODAY)[0]
    assert (sunset.drift, digest(AMENDED) in sunset.words) == (Drift.SUNSET, True)
