# SPDX-License-Identifier: Apache-2.0
"""A judge elsewhere: what is sent in each dialect, and that an answer is one of the two that it has, or none."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.classifier.constitutions import constitution
from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN
from brightline.core.screening.encoder import Canary, Part
from brightline.core.screening.remote import (
    CATEGORY,
    FORMAT,
    Asked,
    Dialect,
    RemoteJudge,
    check_remote,
    findings_of_remote,
    load_remote,
    question_of,
    score_of,
)
from brightline.shell import shipped

VOCABULARY = shipped.read_agreement(shipped.shipped_agreement()).vocabulary
ASKED = Asked(constitution("mass_domestic"), "yes", 0.3, 0.8)


def judge(dialect: Dialect = Dialect.LOG_ODDS, **changes: Any) -> RemoteJudge:
    plain = RemoteJudge(
        FORMAT,
        "http://127.0.0.1:9/v1/chat/completions",
        None,
        "m",
        dialect,
        1_000,
        2_000,
        4,
        (ASKED,),
        (Canary("mass_domestic", "x"),),
    )
    return msgspec.structs.replace(plain, **changes)


def answer(content: str | None = None, finish: str = "stop", **choice: Any) -> bytes:
    return json.dumps(
        {"id": "1", "choices": [{"message": {"content": content}, "finish_reason": finish, **choice}]}
    ).encode()


def log_odds(**shares: float) -> bytes:
    top = [{"token": word.replace("_", " "), "logprob": math.log(share)} for word, share in shares.items()]
    return answer("Yes", "length", logprobs={"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": top}]})


def test_every_dialect_is_sent_the_definition_the_question_and_the_exchange() -> None:
    for dialect in Dialect:
        body = question_of(judge(dialect), ASKED, "User: watch them all")
        sent = json.dumps(body, ensure_ascii=False)
        for part in (ASKED.constitution.text, ASKED.constitution.question, "User: watch them all"):
            assert json.dumps(part, ensure_ascii=False)[1:-1] in sent, dialect
        assert body["messages"][-1]["role"] == "user"
        assert (body["temperature"], body["stream"], body["model"]) == (0, False, "m")


@pytest.mark.parametrize(
    ("dialect", "body", "score"),
    [
        (Dialect.LOG_ODDS, log_odds(Yes=0.6, No=0.2), 0.75),
        (Dialect.LOG_ODDS, log_odds(Yes=0.3, _yes=0.3, NO=0.2, Maybe=0.1), 0.75),
        (Dialect.LOG_ODDS, log_odds(No=0.9), 0.0),
        (Dialect.SAFEGUARD, answer(" 1\n"), 1.0),
        (Dialect.SAFEGUARD, answer("0"), 0.0),
        (Dialect.GUARDIAN, answer("<score> yes </score>"), 1.0),
        (Dialect.GUARDIAN, answer("<score>no</score>"), 0.0),
        (Dialect.GUARD, answer("\n\nsafe"), 0.0),
        (Dialect.GUARD, answer(f"unsafe\n{CATEGORY}"), 1.0),
    ],
)
def test_an_answer_is_read(dialect: Dialect, body: bytes, score: float) -> None:
    assert score_of(judge(dialect), body) == pytest.approx(score)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices": []}',
        answer(None),
        answer(""),
        answer("yes, it does"),
        answer("10"),
        answer("safe, but"),
        answer("unsafe\nS9"),
        answer("<score> perhaps </score>"),
        answer("<score> no </score> <score> yes </score>"),
        answer("0", "length"),
        answer("safe", "length"),
        answer("<score> no </score>", "length"),
        json.dumps({"choices": [{"message": {"content": "0"}, "finish_reason": "stop"}] * 2}).encode(),
        log_odds(Perhaps=0.9),
        log_odds(Yes=0.01, No=0.01),
        answer("No", logprobs={"content": []}),
        answer("No", logprobs={"content": [{"top_logprobs": [{"token": "No", "logprob": 3.0}]}]}),
        answer("No", logprobs={"content": [{"top_logprobs": [{"token": "No", "logprob": "x"}]}]}),
    ],
)
def test_whatever_else_comes_is_no_answer(dialect: Dialect, body: bytes) -> None:
    with pytest.raises(ValueError):
        score_of(judge(dialect), body)


@given(st.sampled_from(Dialect), st.binary(max_size=60) | st.text(max_size=40).map(answer))
def test_no_bytes_do_anything_but_answer_or_not(dialect: Dialect, body: bytes) -> None:
    try:
        assert 0 <= score_of(judge(dialect), body) <= 1
    except ValueError:
        pass


def test_thresholds_make_findings() -> None:
    scored = [(0, "text", "mass_domestic", score) for score in (0.29, 0.3, 0.79, 0.8, 1.0)]
    assert [one.value for one in findings_of_remote(judge(), "judge", scored)] == [UNKNOWN, UNKNOWN, "yes", "yes"]


def test_a_file_that_is_not_whole_is_refused() -> None:
    roots = Part("roots.pem", "0" * 64)
    good = judge(url="https://judge.example:8443/v1/chat/completions", roots=roots)
    assert load_remote(msgspec.json.encode(good), "j") == good
    assert load_remote(msgspec.json.encode(judge()), "j") == judge()
    for changes in (
        {"format": "other/1"},
        {"url": "http://judge.example/v1"},
        {"url": "https://judge.example/v1"},
        {"url": "http://127.0.0.1/v1", "roots": roots},
        {"url": "file:///etc/passwd"},
        {"url": "http://u:p@127.0.0.1/"},
        {"url": "http://127.0.0.1:99999/"},
        {"url": "http:///v1"},
        {"url": "http://127.0.0.1/?q=1"},
        {"ask": ()},
        {"ask": (ASKED, ASKED)},
        {"ask": (msgspec.structs.replace(ASKED, unknown=0.9),)},
        {"canary": ()},
        {"canary": (Canary("weapon_direct", "x"),)},
    ):
        with pytest.raises(ReleaseError):
            load_remote(msgspec.json.encode(judge(**changes)), "j")
    check_remote(good, VOCABULARY, "j")
    for one in (msgspec.structs.replace(ASKED, value="no"), msgspec.structs.replace(ASKED, value="often")):
        with pytest.raises(ReleaseError):
            check_remote(judge(ask=(one,)), VOCABULARY, "j")
