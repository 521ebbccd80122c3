# SPDX-License-Identifier: Apache-2.0
"""Responses: whatever can carry words, in a request or an answer, is judged, refused, or stays here.

The same walk over the wire types as for chat (``test_chat.py``). The half that speaks to the model server is shared,
so of answers only what this API writes of them is tried here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import pytest

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange import chat_server
from brightline.core.exchange.api import responses
from brightline.core.exchange.model import Exchange
from tests.coverage.deciding import INNOCENT, MARK, Desk, texts_of
from tests.coverage.places import CARRIERS, objects, places, planted

DESK: Final = Desk(responses)
ITEM_ID: Final = "msg_" + "0" * 32
BASES: Final[list[dict[str, Any]]] = [
    {"model": "m", "input": "Hello."},
    {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello."}]}]},
    {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Hello."},
            {
                "type": "message",
                "role": "assistant",
                "id": ITEM_ID,
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "So.", "annotations": []},
                    {"type": "refusal", "refusal": "No."},
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_" + "0" * 32,
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "Hm."}],
            },
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Short."}]},
            {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"who": "Ada"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "found"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "more"}]},
        ],
        "tools": [{"type": "function", "name": "look_up", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "look_up"},
        "text": {"format": {"type": "json_schema", "name": "form", "schema": {"type": "object"}}},
        "metadata": {"a": "b", "c": "d"},
        "user": "ada",
        "safety_identifier": "id-1",
        "prompt_cache_key": "key-1",
        "stream": True,
    },
]
PLACES: Final = places(responses.REQUEST)
NO_FREE_WORDS: Final = {
    "model": "only the name of an admitted model; the upstream's own name for it is sent",
    "input.[].type": "a closed list",
    "input.[].id": "a prefix and hexadecimal digits, sent nowhere",
    "input.[].status": "a closed list",
    "input.[].role": "a closed list",
    "input.[].content.[].type": "a closed list",
    "input.[].output.[].type": "a closed list",
    "input.[].output.[].refusal": "an output has no refusal",
    "input.[].summary.[].type": "a closed list",
    "input.[].summary.[].refusal": "a summary has no refusal",
    "service_tier": "a closed list, sent nowhere",
    **{
        f"input.[].{member}.[].{name}.[]": "an empty list"
        for member in ("content", "output", "summary")
        for name in ("annotations", "logprobs")
    },
    "tools.[].type": "a closed list",
    "tool_choice": "a closed list",
    "tool_choice.type": "a closed list",
    "text.format.type": "a closed list",
    "reasoning.effort": "a closed list",
    "reasoning.summary": "a closed list",
    "truncation": "a closed list",
    "include.[]": "an empty list",
}
"""Places that take a text by their type, but none of the sender's own."""


def named(place: tuple[str, ...]) -> str:
    return ".".join(place) or "$"


def accepted(bodies: Iterable[Any]) -> list[Any]:
    """The bodies that the gateway reads."""
    return [body for body in bodies if isinstance(DESK.read(body), Exchange)]


def denied(body: Any) -> bool:
    decided = DESK.request(body)
    return decided is not None and decided.verdict == "deny" and decided.asked == []


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_whatever_carries_words_in_a_request_is_judged_or_refused(place: tuple[str, ...]) -> None:
    for carrier in CARRIERS.values():
        for body in accepted(planted(BASES, responses.REQUEST, place, carrier(MARK))):
            if body["model"] == "m":
                assert denied(body), body


@pytest.mark.parametrize("place", objects(responses.REQUEST), ids=named)
def test_a_name_that_the_api_does_not_have_is_refused_wherever_it_stands(place: tuple[str, ...]) -> None:
    for name in (MARK, "guardrails", "_"):
        bodies = list(planted(BASES, responses.REQUEST, (*place, name), "x"))
        assert bodies
        assert accepted(bodies) == []


def test_every_place_takes_free_words_and_judges_them_or_is_known_to_take_none() -> None:
    """Else a place that refuses every text, an innocent one too, would pass the test above without being tried."""
    judged = {
        named(place)
        for place in PLACES
        if any(map(denied, accepted(planted(BASES, responses.REQUEST, place, MARK))))
        and accepted(planted(BASES, responses.REQUEST, place, INNOCENT))
    }
    texts = {named(place) for place in PLACES if takes_text(place)}
    assert texts - judged == set(NO_FREE_WORDS)


def takes_text(place: tuple[str, ...]) -> bool:
    """Whether the wire type has a text at this place, whatever the API makes of it."""
    for body in planted(BASES, responses.REQUEST, place, INNOCENT):
        try:
            msgspec.convert(body, responses.REQUEST, strict=True)
        except msgspec.ValidationError:
            continue
        return True
    return False


def spoken(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of this value that take free words, in the order in which they stand."""
    if isinstance(value, str):
        return [path] if path[-1] not in {"role", "type", "id", "status"} else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in members for found in spoken(child, (*path, key))]


NEIGHBOURS: Final = [
    *itertools.pairwise([("instructions",), *spoken(BASES[2]["input"], ("input",))]),
    *itertools.pairwise(
        [
            *spoken(BASES[2]["metadata"], ("metadata",)),
            *((name,) for name in ("user", "safety_identifier", "prompt_cache_key")),
        ]
    ),
]


@pytest.mark.parametrize(("first", "second"), NEIGHBOURS, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("cut", [3, 6, 7], ids=["in a word", "after a word", "after the blank"])
def test_words_that_are_split_over_neighbouring_places_are_judged(
    first: tuple[Any, ...], second: tuple[Any, ...], cut: int
) -> None:
    body = json.loads(json.dumps(BASES[2]))
    for path, words in ((first, MARK[:cut]), (second, MARK[cut:])):
        at = body
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = words
    assert denied(body)


# ---- answers -----------------------------------------------------------------------------------------------------

ASKED: Final = DESK.read({**BASES[2], "stream": False})
STREAMED: Final = DESK.read(BASES[2])
CALL: Final = {"index": 0, "id": "u1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
REPLY: Final[dict[str, Any]] = {
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Fine.", "reasoning": "Hm.", "tool_calls": [CALL]},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
REPLY_PLACES: Final = places(chat_server._OutReply)


@pytest.mark.parametrize("place", REPLY_PLACES, ids=named)
def test_whatever_carries_words_in_an_answer_is_judged_or_stays_here(place: tuple[str, ...]) -> None:
    assert isinstance(ASKED, Exchange)
    for carrier in CARRIERS.values():
        for body in planted([REPLY], chat_server._OutReply, place, carrier(MARK)):
            try:
                chat_server.read_reply(msgspec.json.encode(body), ASKED)
            except UpstreamFailed:
                continue  # nothing of it goes on
            decided = DESK.reply(ASKED, body)
            assert decided.verdict == "deny" or MARK not in texts_of(decided.sent), body
            assert MARK not in texts_of(decided.sent)


DELTAS: Final[dict[str, Any]] = {
    "reasoning": lambda words: {"reasoning_content": words},
    "text": lambda words: {"content": words},
    "refusal": lambda words: {"refusal": words},
    "name of a call": lambda words: {"tool_calls": [{"index": 0, "function": {"name": words}}]},
    "arguments of a call": lambda words: {"tool_calls": [{"index": 0, "function": {"arguments": words}}]},
}


@pytest.mark.parametrize("cut", [1, 3, 6, 7])
@pytest.mark.parametrize("channel", DELTAS)
def test_words_in_pieces_over_the_events_of_a_stream_are_judged(channel: str, cut: int) -> None:
    assert isinstance(STREAMED, Exchange)
    words = f"So it goes. {MARK} and on."
    pieces = [words[start : start + cut] for start in range(0, len(words), cut)]
    events = [json.dumps({"choices": [{"index": 0, "delta": DELTAS[channel](piece)}]}) for piece in pieces]
    end = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    decided = DESK.stream(STREAMED, [*events, end, "[DONE]"])
    assert decided.verdict == "deny"
    assert MARK not in texts_of(decided.sent)


def test_what_is_marked_nowhere_is_answered() -> None:
    """Else everything above might be denied for another reason."""
    assert isinstance(ASKED, Exchange)
    assert isinstance(STREAMED, Exchange)
    assert DESK.request(BASES[2]) is None
    assert "Fine." in texts_of(DESK.reply(ASKED, REPLY).sent)
    end = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    decided = DESK.stream(
        STREAMED, [json.dumps({"choices": [{"index": 0, "delta": {"content": "So."}}]}), end, "[DONE]"]
    )
    assert "So." in texts_of(decided.sent)
