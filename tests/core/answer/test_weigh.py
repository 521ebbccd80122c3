# SPDX-License-Identifier: Apache-2.0
"""Every answer rests on its evidence: break a piece, and exactly the claims that need it open; nothing gets better."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.answer.evidence import EVIDENCE, NOT_MADE, TOPICS
from brightline.core.answer.model import Answer, Evidence, Found, Question, Status
from brightline.core.answer.questions import BEYOND, QUESTIONS
from brightline.core.answer.weigh import PENDING, answer, worst
from brightline.core.evidence.audit_findings import Topic

PARTIES = ("Provider A", "Customer B")
MADE: Mapping[str, Evidence] = {kind.id: msgspec.structs.replace(kind, made=True) for kind in EVIDENCE.values()}
EVERYTHING = {kind: Found(Status.SHOWN, "shown") for kind in EVIDENCE}
BROKEN = (Status.OPEN, Status.CONTRADICTED)

each_question = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())


def answered(question: Question, found: Mapping[str, Found], kinds: Mapping[str, Evidence] = MADE) -> Answer:
    return answer(question, found, PARTIES, kinds=kinds)


def statuses(made: Answer) -> dict[str, Status]:
    return {claim.claim.id: claim.status for claim in made.claims}


# ---- the tables --------------------------------------------------------------------------------------------------


def test_every_kind_of_evidence_is_needed_and_every_need_is_a_kind() -> None:
    needed = {need for question in QUESTIONS.values() for claim in question.claims for need in claim.needs}
    assert needed == set(EVIDENCE)


def test_no_claim_of_the_verifier_can_be_contradicted_without_an_answer_that_says_so() -> None:
    assert set(TOPICS.values()) == set(Topic)


def test_every_claim_needs_something_that_cannot_be_left_out() -> None:
    for question in QUESTIONS.values():
        for claim in question.claims:
            assert any(not EVIDENCE[need].optional for need in claim.needs), claim.id
            assert len(set(claim.needs)) == len(claim.needs)
        assert len({claim.id for claim in question.claims}) == len(question.claims)
    assert not QUESTIONS.keys() & BEYOND.keys()


def test_the_questions_name_no_party() -> None:
    asked = [question.asks.format(provider="P", customer="C") for question in QUESTIONS.values()]
    assert not [words for words in asked if "OpenAI" in words or "Department" in words or "{" in words]


# ---- pending -----------------------------------------------------------------------------------------------------


def test_on_mass_surveillance_the_answer_is_pending_and_says_what_is_missing() -> None:
    made = answer(QUESTIONS["surveillance"], {}, PARTIES)
    assert made.status is Status.PENDING
    assert made.headline == PENDING == "Answer pending…"
    needed = {need for claim in made.question.claims for need in claim.needs if not EVIDENCE[need].optional}
    assert {one.evidence.id for one in made.missing} == needed
    assert all(one.evidence.closes and one.found.detail for one in made.missing)


def test_it_waits_for_seven_things() -> None:
    names = [claim.id for claim in QUESTIONS["surveillance"].claims]
    assert names == [
        "E1-definition",
        "E2-completeness",
        "E3-recall",
        "E4-subjects",
        "E5-proofs",
        "E6-review",
        "E7-limits",
    ]


@pytest.mark.parametrize("kind", [kind for kind in EVIDENCE.values() if not kind.made], ids=lambda kind: kind.id)
def test_what_nothing_makes_is_open_whatever_is_said_of_it(kind: Evidence) -> None:
    needing = [question for question in QUESTIONS.values() if any(kind.id in claim.needs for claim in question.claims)]
    assert needing
    for question in needing:
        made = answer(question, EVERYTHING, PARTIES)
        assert made.status in {Status.OPEN, Status.PENDING}
        assert NOT_MADE in {one.found.detail for one in made.missing if one.evidence.id == kind.id}


def test_it_leaves_pending_only_with_every_single_piece() -> None:
    question = QUESTIONS["surveillance"]
    assert answered(question, EVERYTHING).status is Status.SHOWN
    for claim in question.claims:
        for need in claim.needs:
            left = {kind: one for kind, one in EVERYTHING.items() if kind != need}
            pending = answered(question, left)
            if EVIDENCE[need].optional:
                assert pending.status is Status.SHOWN
            else:
                assert (pending.status, pending.headline) == (Status.PENDING, PENDING), need


def test_a_contradiction_does_not_hide_behind_pending() -> None:
    against = EVERYTHING | {"guarded": Found(Status.CONTRADICTED, "a token that nobody issued")}
    made = answer(QUESTIONS["surveillance"], against, PARTIES)
    assert made.status is Status.CONTRADICTED
    assert made.headline.startswith(f"{PENDING} The evidence speaks against 1 of the 7 claims")


# ---- all questions --------------------------------------------------------------------------------------------------


@each_question
def test_with_everything_shown_it_is_shown_and_with_nothing_it_is_not(question: Question) -> None:
    assert answered(question, EVERYTHING).status is Status.SHOWN
    assert answered(question, {}).status in {Status.OPEN, Status.PENDING}


@each_question
@pytest.mark.parametrize("found", [EVERYTHING, {}], ids=["everything", "nothing"])
def test_no_answer_is_a_bare_yes_or_no(question: Question, found: Mapping[str, Found]) -> None:
    headline = answered(question, found).headline
    assert headline.split()[0].strip(".,!").lower() not in {"no", "yes"}
    assert headline == PENDING or len(headline.split()) > 4


@each_question
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_piece_opens_exactly_the_claims_that_need_it(question: Question, broken: Status) -> None:
    for kind in EVIDENCE:
        made = answered(question, EVERYTHING | {kind: Found(broken, "broken")})
        for claim in made.claims:
            needs = kind in claim.claim.needs
            assert claim.status is (broken if needs else Status.SHOWN), (kind, claim.claim.id)
            assert [one.evidence.id for one in claim.missing] == ([kind] if needs else [])


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(list(QUESTIONS.values())),
    st.dictionaries(st.sampled_from(list(EVIDENCE)), st.sampled_from([Status.SHOWN, *BROKEN])),
    st.sampled_from(list(EVIDENCE)),
    st.sampled_from(BROKEN),
)
def test_worse_evidence_never_makes_a_claim_better(
    question: Question, found: dict[str, Status], kind: str, worse: Status
) -> None:
    rank = [Status.SHOWN, Status.OPEN, Status.CONTRADICTED]
    before = {name: Found(status, "") for name, status in found.items()}
    if kind in found and rank.index(worse) < rank.index(found[kind]):
        return
    was, now = statuses(answered(question, before)), statuses(answered(question, before | {kind: Found(worse, "")}))
    assert all(rank.index(now[claim]) >= rank.index(was[claim]) for claim in was)


def test_silence_shows_nothing() -> None:
    assert worst([]) is Status.OPEN
    assert worst([Status.SHOWN, Status.PENDING]) is Status.OPEN
