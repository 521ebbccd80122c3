# SPDX-License-Identifier: Apache-2.0
"""Tokens with their chances: they spell the judged text or are not there; alternatives are judged in their place."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import CallerError, UpstreamFailed
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange, Token
from brightline.core.exchange.tokens import ALTERNATIVES_MAX, TOKEN_BYTES_MAX, WireToken, read_tokens, spelling
from tests.coverage.deciding import MARK, Decided, Desk, texts_of

DESK = Desk(chat)
ASKING: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Hello."}],
    "logprobs": True,
    "top_logprobs": 20,
    "max_completion_tokens": 100,
}


def asked(**more: Any) -> Exchange:
    exchange = DESK.read({**ASKING, **more})
    assert isinstance(exchange, Exchange)
    return exchange


def token(text: str, *others: str, **more: Any) -> dict[str, Any]:
    return {
        "token": text,
        "logprob": -0.25,
        "top_logprobs": [{"token": one, "logprob": -1.5} for one in others],
        **more,
    }


def answered(text: str, tokens: list[dict[str, Any]], **message: Any) -> Decided:
    choice = {"index": 0, "message": {"content": text, **message}, "finish_reason": "stop"}
    return DESK.reply(asked(), {"choices": [{**choice, "logprobs": {"content": tokens}}]})


def told(decided: Decided) -> Any:
    """The tokens that the client was sent."""
    return json.loads(decided.sent)["choices"][0]["logprobs"]


def texts(logprobs: Any) -> list[str]:
    return [one["token"] for one in logprobs["content"]]


# ---- what is said ------------------------------------------------------------------------------------------------


def test_the_tokens_of_an_answer_are_passed_on_with_their_chances() -> None:
    logprobs = told(answered("Fine.", [token("Fi", "Ba", "So"), token("ne.", "x")]))
    assert texts(logprobs) == ["Fi", "ne."]
    assert logprobs["refusal"] is None
    first = logprobs["content"][0]
    assert (first["logprob"], first["bytes"]) == (-0.25, list(b"Fi"))
    assert [one["token"] for one in first["top_logprobs"]] == ["Ba", "So"]
    assert first["top_logprobs"][0]["bytes"] == list(b"Ba")


@pytest.mark.parametrize(
    "tokens",
    [["Bad", "."], ["Fine", "!"], ["F", "in"], [], ["xFi", "ne."], [MARK]],
    ids=["another", "nearly", "too short", "none", "not from a token on", "a mark"],
)
def test_a_list_that_says_what_the_answer_does_not_is_dropped_whole(tokens: list[str]) -> None:
    decided = answered("Fine.", [token(one) for one in tokens])
    assert decided.kind == "completed"
    assert told(decided) is None
    assert texts_of(decided.sent).count(MARK) == 0


def test_what_the_list_has_beyond_the_answer_is_left_out() -> None:
    tokens = [token(one) for one in ("<think>", "Fine.", "</think>", "\n\n", "Fi", "ne.", "<|im_end|>", MARK)]
    assert texts(told(answered("Fine.", tokens, reasoning_content="Fine."))) == ["Fi", "ne."]


def test_a_token_that_the_answer_ends_in_is_cut_with_it() -> None:
    """A stop text may end in the middle of a token; the rest of it was never said."""
    assert texts(told(answered("Fine", [token("Fi"), token(f"ne {MARK}")]))) == ["Fi", "ne"]


def test_bytes_are_the_whole_of_a_token_and_its_text_is_written_from_them() -> None:
    """A list in which text and bytes differ says one thing to a program and another to a reader."""
    halves = ["é".encode()[:1], "é".encode()[1:]]
    tokens = [token(MARK, bytes=list(half)) for half in halves]
    logprobs = told(answered("é", tokens))
    assert [one["bytes"] for one in logprobs["content"]] == [list(half) for half in halves]
    assert MARK not in texts(logprobs)


def test_nothing_is_passed_on_that_was_not_asked_for() -> None:
    exchange = asked(logprobs=False, top_logprobs=0)
    choice = {"message": {"content": "Fine."}, "logprobs": {"content": [token("Fine.", MARK)]}}
    decided = DESK.reply(exchange, {"choices": [choice]})
    assert decided.kind == "completed"
    assert told(decided) is None
    choice = {"message": {"content": "Fine."}, "logprobs": {"content": [token("Fine.", "a", "b", "c", MARK)]}}
    more = told(DESK.reply(asked(top_logprobs=3), {"choices": [choice]}))
    assert [one["token"] for one in more["content"][0]["top_logprobs"]] == ["a", "b", "c"]


data = st.binary(max_size=4)


@given(st.lists(data, max_size=8), st.text(st.characters(codec="utf-8"), max_size=8), st.booleans())
def test_whatever_the_list_says_what_is_passed_on_spells_the_answer_or_is_nothing(
    listed: list[bytes], text: str, standing: bool
) -> None:
    if standing:
        text = b"".join(listed).decode(errors="ignore")[:6]
    spelled = spelling(tuple(Token(one, -1.0) for one in listed), text)
    assert b"".join(one.data for one in spelled) in (b"", text.encode())
    assert all(one.data for one in spelled)


def test_a_long_list_of_the_same_takes_no_longer_than_any_other() -> None:
    """Two hundred thousand bytes in which the answer nearly stands at every place; quadratic, this would not end."""
    tokens = tuple(Token(b"a", -1.0) for _ in range(200_000))
    assert spelling(tokens, "a" * 99_999 + "b") == ()
    assert len(spelling(tokens, "a" * 99_999)) == 99_999


# ---- alternatives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tokens",
    [
        [token("Fine", MARK), token(".")],
        [token("Fine", "a"), token(".", "b", MARK)],
        [token("Fine", "quagga", " ledger"), token(".")],
        [token("Fine", "a", "quagga"), token(".", "b", " ledger")],
        [token("Fine", "a", "quag"), token(".", "b", "ga ledger")],
        [
            token("Fine"),
            token(".", "x", bytes=list(b"."), top_logprobs=[{"token": "x", "bytes": list(MARK.encode())}]),
        ],
        [
            token("Fine", top_logprobs=[{"token": "x", "logprob": -float(n)} for n in MARK.encode()]),
            token("."),
        ],
    ],
    ids=["whole", "of a lower rank", "over one place", "over a rank", "in a word", "as bytes", "as chances"],
)
def test_a_mark_in_the_alternatives_is_judged(tokens: list[dict[str, Any]]) -> None:
    decided = answered("Fine.", tokens)
    assert decided.verdict == "deny"
    assert decided.sent == b""


def test_an_alternative_that_ends_what_the_answer_began_is_judged() -> None:
    tokens = [token("The quagga"), token(" herd.", " ledger.", " pack.")]
    assert answered("The quagga herd.", tokens).verdict == "deny"
    tokens = [token("The quagga"), token(" herd.", " flock.", " pack.")]
    assert answered("The quagga herd.", tokens).kind == "completed"


def test_the_chances_of_the_tokens_are_numbers_like_others() -> None:
    tokens = [{"token": "a", "logprob": -float(number)} for number in MARK.encode()]
    assert answered("a" * len(tokens), tokens).verdict == "deny"


@pytest.mark.parametrize(
    "wrong",
    [
        {"bytes": [256]},
        {"bytes": [-1]},
        {"token": "x" * (TOKEN_BYTES_MAX + 1)},
        {"logprob": "x"},
        {"top_logprobs": [{"logprob": -1}]},
    ],
    ids=str,
)
def test_a_token_that_is_none_is_the_upstreams_failure(wrong: dict[str, Any]) -> None:
    assert answered("Fine.", [token("Fine.") | wrong]).kind == "upstream_failed"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_chance_is_a_finite_number(value: float) -> None:
    with pytest.raises(UpstreamFailed):
        read_tokens([WireToken("x", value)], 0)


@pytest.mark.parametrize(("value", "told_as"), [(0.5, 0.0), (-1e300, -9_999.0), (-0.123456789, -0.123457)])
def test_a_chance_is_written_as_one(value: float, told_as: float) -> None:
    assert read_tokens([WireToken("x", value)], 0)[0].logprob == told_as


# ---- bounds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"top_logprobs": 20, "max_completion_tokens": 100}, True),
        ({"top_logprobs": 20, "max_completion_tokens": 101}, False),
        ({"top_logprobs": 20, "max_tokens": 100, "max_completion_tokens": 5_000}, True),
        ({"n": 8, "top_logprobs": 5, "max_completion_tokens": 51}, False),
        ({"max_completion_tokens": None}, False),
        ({"top_logprobs": 21}, False),
        ({"top_logprobs": -1}, False),
        ({"logprobs": False}, False),
        ({"logprobs": False, "top_logprobs": 0}, True),
        ({"top_logprobs": 0, "max_completion_tokens": None}, True),
    ],
    ids=str,
)
def test_as_many_alternatives_may_be_asked_for_as_can_be_judged(more: dict[str, Any], taken: bool) -> None:
    read = DESK.read({**ASKING, **more})
    assert isinstance(read, Exchange) == taken
    if isinstance(read, CallerError):
        assert read.param == "top_logprobs"


def test_more_alternatives_than_can_be_judged_are_the_upstreams_failure() -> None:
    tokens = [token("a", "x", "y", "z")] * (ALTERNATIVES_MAX // 3 + 1)
    assert answered("a" * len(tokens), tokens).kind == "upstream_failed"
    assert answered("a" * len(tokens), tokens[:-1]).kind == "completed"  # its list is too short, and is dropped


# ---- streams -----------------------------------------------------------------------------------------------------


def test_the_tokens_of_a_stream_leave_with_its_end_when_all_of_it_is_judged() -> None:
    pieces = ["So it goes. " * 10] * 10
    parts = [
        {"choices": [{"index": 0, "delta": {"content": one}, "logprobs": {"content": [token(one, "x")]}}]}
        for one in pieces
    ]
    end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    decided = DESK.stream(asked(stream=True), [*map(json.dumps, [*parts, end]), "[DONE]"])
    events = [json.loads(line[6:]) for line in decided.sent.decode().split("\n") if line.startswith("data: {")]
    logprobs = [event["choices"][0]["logprobs"] for event in events]
    assert len(events) > 3
    assert logprobs[:-1] == [None] * (len(events) - 1)
    assert texts(logprobs[-1]) == pieces


def test_a_mark_in_the_alternatives_of_a_stream_ends_it_before_they_leave() -> None:
    part = {"choices": [{"index": 0, "delta": {"content": "So."}, "logprobs": {"content": [token("So.", MARK)]}}]}
    end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    decided = DESK.stream(asked(stream=True), [*map(json.dumps, [part, end]), "[DONE]"])
    assert decided.verdict == "deny"
    assert MARK not in texts_of(decided.sent)
