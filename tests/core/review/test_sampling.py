# SPDX-License-Identifier: Apache-2.0
"""Drawing at random: at the rate that was said, so that anybody can draw again, and settling nothing."""

from __future__ import annotations

import hashlib

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.exchange import strict_json
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange, asked_digest, exchange_digest
from brightline.core.review.case import CaseState
from brightline.core.review.decision import FORMAT, Answer, ReviewerDecision
from brightline.core.review.docket import Docket
from brightline.core.review.draw import MILLION, Drawable, commitment, draw_again, is_drawn, month_key, month_of
from brightline.core.review.life import CaseKind
from brightline.core.review.roster import ClearedPerson
from brightline.core.review.sampling import Permitted, case_drafts, questions_of, sampled_case
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
HOLD_KEY = bytes(range(32))
MONTH = "2026-11"
KEY = month_key(HOLD_KEY, MONTH)
PERMITTED = Permitted("xc_1", "tests", "unit-1", ("an office",), "sha256:release", 1_800_000_000)


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4)).digest()


def request() -> Exchange:
    body = {"model": "m", "messages": [{"role": "user", "content": "List three fruits."}]}
    return chat.read_request(strict_json.encode(body))


def test_the_month_is_that_of_the_record() -> None:
    assert month_of("2026-11-30T23:59:59.999Z") == MONTH


def test_a_months_key_says_nothing_of_another_and_is_what_was_committed_to() -> None:
    assert month_key(HOLD_KEY, "2026-12") != KEY != HOLD_KEY
    assert commitment(KEY) == hashlib.sha256(KEY).hexdigest()


def test_about_as_many_are_drawn_as_was_said() -> None:
    drawn = sum(is_drawn(KEY, leaf(number), 50_000) for number in range(20_000))
    assert 850 < drawn < 1_150  # 1,000 are expected; this far off is six deviations


@given(leaf_hash=st.binary(min_size=32, max_size=32), lower=st.integers(0, MILLION), more=st.integers(0, MILLION))
def test_all_none_and_whatever_is_drawn_at_a_rate_is_drawn_at_a_higher_one(
    leaf_hash: bytes, lower: int, more: int
) -> None:
    assert not is_drawn(KEY, leaf_hash, 0)
    assert is_drawn(KEY, leaf_hash, MILLION)
    assert not is_drawn(KEY, leaf_hash, lower) or is_drawn(KEY, leaf_hash, min(MILLION, lower + more))


def test_who_draws_again_finds_what_was_left_out() -> None:
    drawables = [Drawable(f"xc_{n}", MONTH, leaf(n), 200_000) for n in range(100)]
    due = [each.exchange for each in drawables if is_drawn(KEY, each.leaf_hash, 200_000)]
    assert 5 < len(due) < 40
    kept = frozenset(due[1:])
    other = Drawable("xc_other", "2026-12", leaf(0), MILLION)  # of a month whose key nobody knows
    (found,) = draw_again({MONTH: KEY}, [*drawables, other], kept)
    assert (found.permitted, found.due, found.missing) == (100, len(due), (due[0],))
    (found,) = draw_again({MONTH: KEY}, drawables, frozenset(due))
    assert found.missing == ()


def test_it_asks_for_each_fact_of_a_red_line_of_as_many_people() -> None:
    asked = {question.name: question.quorum for question in questions_of(AGREEMENT)}
    assert asked.keys() == {"mass_domestic", "weapon_direct", "social_scoring", "acts_alone", "high_stakes"}
    assert set(asked.values()) == {(("provider_cleared", 2),)}


def test_it_shows_the_whole_exchange_and_nothing_to_lean_on() -> None:
    case, content = sampled_case(PERMITTED, AGREEMENT, request(), None, HOLD_KEY)
    assert b"List three fruits." in content
    assert b'"findings":[]' in content
    first, *more = case_drafts(case, content, "xc_1", CaseKind.SAMPLED)
    assert not more
    assert first.committed["kind"] == "sampled"
    assert "sampled" not in str(first.public)
    assert "unit-1" not in str(first.public)


def test_whatever_people_answer_settles_nothing_for_anybody() -> None:
    case, _ = sampled_case(PERMITTED, AGREEMENT, request(), None, HOLD_KEY)
    docket = Docket()
    for number in range(2):
        person = ClearedPerson(f"p{number}", "provider_cleared", case.expires + 1)
        answers = tuple(Answer(question.subject, question.name, "no", "read") for question in case.questions)
        decision = ReviewerDecision(FORMAT, case, person.id, answers, "0" * 32, case.opened)
        docket.enter(decision, person, case.opened, AGREEMENT.vocabulary, 1_000)
    assert [tried.state(case.opened) for tried in docket.cases.values()] == [CaseState.RELEASED]
    settled = docket.answers("tests", AGREEMENT.digest, "sha256:release")
    for digest in (exchange_digest(request()), asked_digest(request())):
        assert settled.of_whole(digest, case.opened) == {}
    assert case.exchange_digest not in {exchange_digest(request()), asked_digest(request())}
    assert not any(question.marks for question in case.questions)


def test_who_may_not_look_is_who_would_not_decide_a_hold() -> None:
    permitted = msgspec.structs.replace(PERMITTED, recused=("who-trained", "an office", "an office"))
    case, _ = sampled_case(permitted, AGREEMENT, request(), None, HOLD_KEY)
    assert case.recused == ("an office", "who-trained")


def test_a_case_of_a_sample_reads_like_one_that_is_held() -> None:
    case, _ = sampled_case(PERMITTED, AGREEMENT, request(), None, HOLD_KEY)
    assert len(case.hold) == len("hold_") + 24
    assert not {"sampled", "kind"} & msgspec.structs.asdict(case).keys()
