# SPDX-License-Identifier: Apache-2.0
"""A solver's finding is decided again, made small, and said in words; what does not replay is none."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.clause import Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import parse
from brightline.core.agreement.counterexample import replay_no_weaker, replay_theorem
from brightline.core.agreement.encoding import Model
from brightline.core.agreement.smtlib import no_weaker
from tests.core.agreement.solving import model_of
from tests.core.agreement.test_smtlib import (
    ASKED,
    BASELINE,
    CANDIDATE,
    FALSE,
    GRANT,
    RED,
    SEAL,
    SOUND,
    named,
    with_clauses,
)


def test_a_red_line_that_went_is_shown_by_one_bad_fact_in_words() -> None:
    weaker = with_clauses(SEAL, GRANT, ASKED)
    script = no_weaker(weaker, SOUND)[1]
    found = replay_no_weaker(script, model_of(script), weaker, SOUND)
    assert found is not None
    assert found.words == (
        "a request with harm = yes and everything else good, with no approvals, is denied (RED) by the baseline and "
        "permitted (GRANT) by version 1"
    )
    assert (found.first_verdict, found.second_verdict) == (Verdict.PERMIT, Verdict.DENY)


def test_fewer_approvals_are_shown_with_just_enough_of_them() -> None:
    weaker = with_clauses(RED, SEAL, GRANT, msgspec.structs.replace(ASKED, that=parse("approvals.first >= 1")))
    script = no_weaker(weaker, SOUND)[0]
    found = replay_no_weaker(script, model_of(script), weaker, SOUND)
    assert found is not None
    assert "with 1 approval of first, is held for people (ASK) by the baseline" in found.words


def test_a_renamed_fact_is_said_in_the_words_of_the_baseline() -> None:
    script = no_weaker(CANDIDATE, BASELINE)[0]
    found = replay_no_weaker(script, model_of(script), CANDIDATE, BASELINE)
    assert found is not None
    assert found.words.startswith("a request with harm = yes and everything else good, with no approvals, is held")
    assert found.first.facts["safe"] == "yes"


def test_a_finding_that_the_evaluator_does_not_confirm_is_none() -> None:
    script = no_weaker(SOUND, SOUND)[0]
    good = Model({f"{spec.name}.good": True for spec in SOUND.vocabulary.specs})
    assert replay_no_weaker(script, good, SOUND, SOUND) is None


def test_a_finding_about_what_cannot_come_about_is_none() -> None:
    script = no_weaker(CANDIDATE, BASELINE)[0]
    said = Model({"candidate safe.good": True, "baseline safe.unknown": True, "lawful.good": True})
    assert replay_no_weaker(script, said, CANDIDATE, BASELINE) is None


@pytest.mark.parametrize("start", [name for name in FALSE if name not in ("LIVE", "examples")])
def test_each_theorem_that_does_not_hold_is_shown_by_a_request(start: str) -> None:
    script = named(FALSE[start], start)
    found = replay_theorem(script, model_of(script), FALSE[start])
    assert found is not None
    assert found.words.startswith("a request with ")
    # Of an agreement for which the theorem holds, the same request shows nothing.
    assert replay_theorem(script, model_of(script), SOUND) is None


def test_a_registration_that_lifts_a_red_line_is_shown_by_the_request_with_it_and_without() -> None:
    script = named(FALSE["T5"], "T5")
    found = replay_theorem(script, model_of(script), FALSE["T5"])
    assert found is not None
    assert "lawful = " in found.words
    assert found.words.endswith("is permitted (GRANT)")
    assert found.second_verdict is Verdict.PERMIT


def test_a_permit_without_any_purpose_is_shown_as_it_is() -> None:
    detected = with_clauses(SEAL, Clause("GRANT", ClauseKind.GRANT, ("q",), parse("risky == 'no'")))
    script = named(detected, "T4")
    found = replay_theorem(script, model_of(script), detected)
    assert found is not None
    assert found.words == "a request with every fact good, with no approvals, is permitted (GRANT)"
