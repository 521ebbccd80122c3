# SPDX-License-Identifier: Apache-2.0
"""A judge settles unknowns that the release lets it settle, nothing else; without a sound answer nothing changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment, Surface
from brightline.core.screening.release import Release, load_release, statements_from
from brightline.core.screening.settle import (
    QUESTIONS_MAX,
    TEXTS_MAX,
    Question,
    Settlement,
    as_segments,
    open_questions,
)
from brightline.core.screening.tighten import Files, looser
from brightline.shell import shipped

VOCABULARY = shipped.read_agreement(shipped.shipped_agreement()).vocabulary
FILE = b"what the judge is"
DIGEST = hashlib.sha256(FILE).hexdigest()
SETTLED = """
[judge]
id = "judge"
kind = "judge"
path = "judge.json"
sha256 = "{digest}"

[[settle]]
after = "rules"
fact = "mass_domestic"
value = "no"
misses = 3
positives = 100
wrongful = 1
neighbours = 100
corpus = "the test authors"
"""


def toml(more: str) -> bytes:
    folder = shipped.shipped_release()
    plain = (folder / "release.toml").read_text("utf-8")
    return (plain + more).encode()


def read(path: str) -> bytes:
    return FILE if path == "judge.json" else (shipped.shipped_release() / path).read_bytes()


def release(more: str = SETTLED.format(digest=DIGEST)) -> Release:
    return load_release(toml(more), read, VOCABULARY)


RELEASE = release()
RULES = f"sha256:{RELEASE.detectors[0].sha256}"
ASKED = (Segment("a", Surface.INPUT, "one"), Segment("b", Surface.INPUT, "two"))


def found(fact: str, value: str, segment: int = 0, view: str = "text", detector: str = "rules") -> Finding:
    return Finding(detector, fact, value, f"rule-{fact}", segment, view, 0.7)


def said(*findings: Finding) -> Judgement:
    return Judgement("rules", RULES, 2, findings)


def answer(*findings: Finding, judged: int = 1, digest: str = f"sha256:{DIGEST}") -> Judgement:
    return Judgement("judge", digest, judged, findings)


def stated(*judgements: Judgement, of: Release = RELEASE) -> dict[str, str]:
    """Each fact that detectors may set and what they make of it."""
    return dict(VOCABULARY.join(statements_from(of, ASKED, judgements)).items())


OPEN = said(found("mass_domestic", UNKNOWN))


def test_where_the_judge_finds_nothing_the_unknown_becomes_no() -> None:
    assert stated(OPEN)["mass_domestic"] == UNKNOWN
    assert stated(OPEN, answer())["mass_domestic"] == "no"


@pytest.mark.parametrize("value", ["yes", UNKNOWN])
def test_what_the_judge_finds_stands_in_the_place_of_the_unknown(value: str) -> None:
    assert stated(OPEN, answer(found("mass_domestic", value, detector="judge")))["mass_domestic"] == value


@pytest.mark.parametrize(
    "odd",
    [
        answer(judged=2),
        answer(judged=0),
        answer(digest="sha256:another"),
        answer(found("mass_domestic", "yes", 1, detector="judge")),
        answer(found("mass_domestic", "yes", -1, detector="judge")),
        answer(found("weapon_direct", "yes", detector="judge")),
        answer(found("mass_domestic", "yes", detector="rules")),
        answer(*[found("mass_domestic", value, detector="judge") for value in ("yes", UNKNOWN)]),
        answer(msgspec.structs.replace(found("mass_domestic", "yes", detector="judge"), score=float("nan"))),
        answer(msgspec.structs.replace(found("mass_domestic", "yes", detector="judge"), score=1.5)),
    ],
)
def test_an_odd_answer_is_none_and_the_unknown_stays(odd: Judgement) -> None:
    assert stated(OPEN, odd)["mass_domestic"] == UNKNOWN
    assert stated(OPEN, answer(), answer())["mass_domestic"] == UNKNOWN


def test_nothing_is_asked_where_the_answer_could_not_matter() -> None:
    settlements = RELEASE.settlements
    assert open_questions(settlements, [OPEN]) == (Question(0, "text", ("mass_domestic",), (0.7,)),)
    assert open_questions(settlements, [said()]) == ()
    assert open_questions(settlements, [said(found("weapon_direct", UNKNOWN))]) == ()
    worse = said(found("mass_domestic", UNKNOWN), found("mass_domestic", "yes", 1))
    assert open_questions(settlements, [worse]) == ()
    other = Judgement("encoder", "sha256:2", 2, (found("mass_domestic", UNKNOWN, 1, detector="encoder"),))
    assert open_questions(settlements, [OPEN, other]) == (), "one whom the judge may not settle leaves it unknown too"
    many = said(*[found("mass_domestic", UNKNOWN, i) for i in range(QUESTIONS_MAX + 1)])
    assert open_questions(settlements, [many]) == ()


def test_of_few_texts_many_readings_are_asked_about_and_of_many_texts_none() -> None:
    """A text near a line has a dozen readings that say the same; what costs is what differs."""
    asked = [Segment(f"messages[{i}].content", Surface.INPUT, f"text {i}") for i in range(TEXTS_MAX + 1)]
    questions = [Question(i, "text", ("mass_domestic",), (0.7,)) for i in range(TEXTS_MAX + 1)]
    copies = [Question(0, "folded", ("mass_domestic",), (0.7,)), Question(1, "folded", ("mass_domestic",), (0.7,))]
    assert len(as_segments([*questions[:-1], *copies], asked, [])) == TEXTS_MAX + 2
    assert as_segments(questions, asked, []) == ()


def test_a_question_says_how_sure_whoever_left_it_open_was_at_its_surest() -> None:
    scored = [msgspec.structs.replace(found("mass_domestic", UNKNOWN), score=score) for score in (0.2, 0.6, 0.4)]
    [question] = open_questions(RELEASE.settlements, [said(*scored)])
    assert question.leanings == (0.6,)
    [segment] = as_segments([question], ASKED, [])
    assert (segment.open, segment.leanings) == (("mass_domestic",), (0.6,))


def test_readings_are_asked_in_a_fixed_order_and_as_the_detector_read_them() -> None:
    asked = (Segment("a", Surface.INPUT, "Follow  EVERYBODY"), Segment("b", Surface.OUTPUT, "cGxhaW4gd29yZHM="))
    findings = (found("mass_domestic", UNKNOWN, 1, "base64"), found("mass_domestic", UNKNOWN, 0, "folded"))
    judgement = msgspec.structs.replace(said(*findings), raised=(Raised(1, "base64", "plain words"),))
    questions = open_questions(RELEASE.settlements, [judgement])
    segments = as_segments(questions, asked, [judgement])
    assert [(one.text, one.view, one.open) for one in segments] == [
        ("Follow  EVERYBODY", "folded", ("mass_domestic",)),
        ("plain words", "base64", ("mass_domestic",)),
    ]
    disguised = (Segment("a", Surface.INPUT, "F\u200bollow everybody"),)
    one = as_segments((Question(0, "folded", ("mass_domestic",), (0.7,)),), disguised, [])
    assert one[0].text == "follow everybody", "what was hidden from others is not shown to the judge as it was hidden"
    with pytest.raises(LookupError):
        as_segments((Question(0, "rot47", ("mass_domestic",), (0.7,)),), disguised, [])


@pytest.mark.parametrize(
    ("text", "view", "shown"),
    [
        ("Rack-4: the well-known list, see OR 2.", "words", "Rack-4: the well-known list, see OR 2."),
        ("Rack-4: the well-known list, see OR 2.", "joined-letters", "Rack-4: the well-known list, see OR 2."),
        ("f o l l o w every body", "joined-letters", "follow every body"),
        ("follow every body", "reversed", "ydob yreve wollof"),
    ],
)
def test_of_a_near_copy_the_judge_is_shown_the_text_as_it_stands(text: str, view: str, shown: str) -> None:
    asked = (Segment("a", Surface.INPUT, text),)
    [one] = as_segments((Question(0, view, ("mass_domestic",), (0.7,)),), asked, [])
    assert (one.text, one.view) == (shown, view)


FINDINGS = st.lists(
    st.builds(
        found,
        st.sampled_from(["mass_domestic", "weapon_direct"]),
        st.sampled_from(["yes", UNKNOWN]),
        st.integers(0, 1),
        st.sampled_from(["text", "folded"]),
    ),
    max_size=6,
)
ANSWERS = st.lists(
    st.builds(
        found,
        st.just("mass_domestic"),
        st.sampled_from(["yes", UNKNOWN]),
        st.integers(0, 3),
        st.just("text"),
        st.just("judge"),
    ),
    max_size=4,
)


@given(FINDINGS, ANSWERS, st.integers(0, 4))
def test_whatever_a_judge_says_only_an_unknown_that_it_may_settle_changes(
    findings: Sequence[Finding], answers: Sequence[Finding], judged: int
) -> None:
    before = stated(said(*findings))
    after = stated(said(*findings), answer(*answers, judged=judged))
    changed = {fact for fact in before if before[fact] != after[fact]}
    assert changed <= {"mass_domestic"}
    assert not changed or before["mass_domestic"] == UNKNOWN


def settle(**other: Any) -> str:
    given = {"after": "rules", "fact": "mass_domestic", "value": "no", "misses": 3, "positives": 9, "wrongful": 1}
    given |= {"neighbours": 9, "corpus": "c"} | other
    judge = SETTLED.format(digest=DIGEST).split("[[settle]]")[0]
    return (
        judge
        + "[[settle]]\n"
        + "\n".join(f"{key} = {msgspec.json.encode(value).decode()}" for key, value in given.items())
    )


@pytest.mark.parametrize(
    "wrong",
    [
        settle(after="encoder"),
        settle(value="yes"),
        settle(value="unknown"),
        settle(misses=10),
        settle(wrongful=10),
        settle(positives=0),
        settle(corpus=""),
        SETTLED.format(digest="0" * 64),
        SETTLED.format(digest=DIGEST).split("[[settle]]")[0],
        "[[settle]]" + SETTLED.split("[[settle]]")[1],
        SETTLED.format(digest=DIGEST).replace('id = "judge"', 'id = "rules"'),
        SETTLED.format(digest=DIGEST).replace('kind = "judge"', 'kind = "rules"'),
        SETTLED.format(digest=DIGEST).replace("[judge]", "[[detector]]").split("[[settle]]")[0],
        settle() + "\n" + "[[settle]]" + settle().split("[[settle]]")[1],
    ],
)
def test_a_release_that_says_it_wrongly_does_not_load(wrong: str) -> None:
    with pytest.raises(ReleaseError):
        release(wrong)


def test_an_emergency_adds_no_judge_and_may_take_one_away() -> None:
    without, other = release(""), msgspec.structs.replace(RELEASE, settlements=(*RELEASE.settlements, second()))
    assert looser(Files(RELEASE, read), Files(without, read)) == ()
    assert looser(Files(without, read), Files(RELEASE, read)) != ()
    assert looser(Files(RELEASE, read), Files(other, read)) == ("a judge would settle weapon_direct after rules",)
    assert RELEASE.judge is not None
    changed = msgspec.structs.replace(RELEASE, judge=msgspec.structs.replace(RELEASE.judge, sha256="0" * 64))
    assert looser(Files(RELEASE, read), Files(changed, read)) == ("its judge is another",)


def second() -> Settlement:
    return Settlement("rules", "weapon_direct", "no", 0, 1, 0, 1, "c")
