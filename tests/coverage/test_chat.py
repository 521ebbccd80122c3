# SPDX-License-Identifier: Apache-2.0
"""Chat: whatever can carry words, in a request or an answer, plain or streamed, is judged, refused, or stays here.

The places are those of the wire types themselves (``places.py``), so a field that is added tomorrow is covered by
these tests as they are. What is pinned is only what must not happen silently: that a place takes no free words.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange import chat_server
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange
from tests.coverage.deciding import INNOCENT, MARK, Decided, Desk, texts_of
from tests.coverage.places import CARRIERS, ELEMENT, objects, places, planted

DESK: Final = Desk(chat)

CALL: Final = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"who": "Ada"}'}}
TOOL: Final = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
BASES: Final[list[dict[str, Any]]] = [
    {"model": "m", "messages": [{"role": "user", "content": "Hello."}]},
    {"model": "m", "messages": [{"role": "system", "content": [{"type": "text", "text": "Hello."}]}]},
    {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "So.", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "look_up"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "form", "schema": {"type": "object"}}},
        "metadata": {"a": "b", "c": "d"},
        "user": "ada",
        "safety_identifier": "id-1",
        "prompt_cache_key": "key-1",
        "stream": True,
    },
]
PLACES: Final = places(chat._Request)
LABELS: Final = ("user", "safety_identifier", "prompt_cache_key")
NO_FREE_WORDS: Final = {
    "model": "only the name of an admitted model; the upstream's own name for it is sent",
    "messages.[].role": "a closed list",
    "messages.[].content.[].type": "a closed list",
    "messages.[].tool_calls.[].type": "a closed list",
    "tools.[].type": "a closed list",
    "tool_choice.type": "a closed list",
    "response_format.type": "a closed list",
    "reasoning_effort": "a closed list",
    "service_tier": "a closed list",
    "tool_choice": "a closed list",
}
"""Places that take a text, but none of the sender's own. A place that takes any text must not stand here."""


def named(place: tuple[str, ...]) -> str:
    return ".".join(place) or "$"


def accepted(bodies: Iterator[Any]) -> list[Any]:
    """The bodies that the gateway reads; one way of putting words there is enough."""
    return [body for body in bodies if isinstance(DESK.read(body), Exchange)]


# ---- requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_whatever_carries_words_in_a_request_is_judged_or_refused(place: tuple[str, ...]) -> None:
    for carrier in CARRIERS.values():
        for body in accepted(planted(BASES, chat._Request, place, carrier(MARK))):
            decided = DESK.request(body)
            assert decided is not None, body
            assert decided.asked == []
            if decided.why != "malformed":  # an unknown model
                assert decided.verdict == "deny", body


@pytest.mark.parametrize("place", objects(chat._Request), ids=named)
def test_a_name_that_the_api_does_not_have_is_refused_wherever_it_stands(place: tuple[str, ...]) -> None:
    for name in (MARK, "guardrails", "extra_body", "_"):
        bodies = list(planted(BASES, chat._Request, (*place, name), "x"))
        assert bodies
        assert accepted(iter(bodies)) == []


def test_every_place_takes_free_words_and_judges_them_or_is_known_to_take_none() -> None:
    """Else a place that refuses every text, an innocent one too, would pass the test above without being tried."""
    judged = {
        named(place)
        for place in PLACES
        if accepted(planted(BASES, chat._Request, place, INNOCENT))
        and any(map(_denied, accepted(planted(BASES, chat._Request, place, MARK))))
    }
    texts = {named(place) for place in PLACES if _takes_text(place)}
    assert texts - judged == set(NO_FREE_WORDS)


def test_what_is_put_on_a_request_goes_to_no_model() -> None:
    body = {**BASES[0], "metadata": {"ticket": INNOCENT}, **dict.fromkeys(LABELS, INNOCENT)}
    assert DESK.wire_of(body) == DESK.wire_of(BASES[0])


def _denied(body: Any) -> bool:
    decided = DESK.request(body)
    return decided is not None and decided.verdict == "deny" and decided.asked == []


def _takes_text(place: tuple[str, ...]) -> bool:
    """Whether the wire type has a text at this place, whatever the API makes of it."""
    bodies = list(planted(BASES, chat._Request, place, INNOCENT))
    for body in bodies:
        try:
            msgspec.convert(body, chat._Request, strict=True)
        except msgspec.ValidationError:
            continue
        return True
    return False


def spoken(body: Any) -> list[tuple[str, ...]]:
    """The places below ``messages`` of this body that take free words, in the order in which they stand."""
    found = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            for key, child in value.items():
                walk(child, (*path, key))
        elif isinstance(value, list):
            for i, child in enumerate(value):
                walk(child, (*path, i))
        elif isinstance(value, str) and path[-1] not in {"role", "type"}:
            found.append(path)

    walk(body["messages"], ("messages",))
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *itertools.pairwise(spoken(BASES[2])),
        *itertools.pairwise([("metadata", "a"), ("metadata", "c"), *((name,) for name in LABELS)]),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
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
    decided = DESK.request(body)
    assert decided is not None
    assert decided.verdict == "deny"


# ---- no switch ---------------------------------------------------------------------------------------------------

SWITCHES: Final[tuple[Any, ...]] = (
    True,
    False,
    None,
    0,
    1,
    -1,
    0.5,
    "off",
    "none",
    "developer",
    [],
    {},
    ["off"],
    {"type": "off"},
)
DENIED: Final[dict[str, Any]] = {
    **BASES[2],
    "messages": [{"role": "user", "content": MARK}, *BASES[2]["messages"], {"role": "user", "content": MARK}],
}


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_no_value_of_any_field_lets_through_what_is_denied(place: tuple[str, ...]) -> None:
    """The mark stands in two messages, so that no value which replaces one of them takes it away."""
    for value in SWITCHES:
        for body in accepted(planted([DENIED], chat._Request, place, value)):
            decided = DESK.request(body)
            assert decided is not None
            assert decided.verdict == "deny" or decided.why == "malformed"


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_no_value_of_any_field_lets_an_answer_through_that_is_denied(place: tuple[str, ...]) -> None:
    marked = {"choices": [{"index": 0, "message": {"content": f"So: {MARK}."}, "finish_reason": "stop"}]}
    for value in SWITCHES:
        for body in accepted(planted([BASES[2]], chat._Request, place, value)):
            exchange = DESK.read(body)
            assert isinstance(exchange, Exchange)
            if exchange.model != "m":
                continue
            if exchange.streamed:
                halves = (content("So: quagga"), content(" ledger."))
                decided = DESK.stream(exchange, streamed(*halves, choices=exchange.choices))
            else:
                decided = DESK.reply(exchange, marked)
            assert decided.verdict == "deny", body
            assert not said_by(decided, MARK)


# ---- plain answers -----------------------------------------------------------------------------------------------

LOGPROBS: Final = {"logprobs": True, "top_logprobs": 2, "max_completion_tokens": 100}
ASKED: Final = DESK.read(
    {"model": "m", "messages": [{"role": "user", "content": "Hello."}], "tools": [TOOL], "n": 2, **LOGPROBS}
)
STREAMED: Final = DESK.read(
    {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello."}],
        "tools": [TOOL],
        "n": 2,
        "stream": True,
        **LOGPROBS,
    }
)
OUT_CALL: Final = {"index": 0, "id": "u1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


def said(*tokens: str) -> list[dict[str, Any]]:
    """A list of tokens, each with two alternatives."""
    others = [{"token": other, "logprob": -2.5, "bytes": None} for other in ("x", "y")]
    return [{"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": others} for token in tokens]


REPLIES: Final[list[dict[str, Any]]] = [
    {
        "id": "up",
        "object": "chat.completion",
        "created": 1,
        "model": "up-m",
        "system_fingerprint": "fp",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "reasoning_content": "Hm.", "content": "Fine."},
                "logprobs": {"content": said("Fi", "ne.")},
                "finish_reason": "stop",
            },
            {
                "index": 1,
                "message": {"role": "assistant", "content": None, "tool_calls": [OUT_CALL, OUT_CALL | {"index": 1}]},
                "finish_reason": "tool_calls",
            },
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    },
    {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}]},
]
MORE_OF_A_REPLY: Final = [
    *[(name,) for name in ("id", "object", "created", "model", "system_fingerprint", "service_tier", "error")],
    *[(name,) for name in ("prompt_logprobs", "prompt_token_ids", "kv_transfer_params", "metadata", "x")],
    *[("choices", ELEMENT, name) for name in ("stop_reason", "token_ids", "x")],
    *[("choices", ELEMENT, "message", name) for name in ("role", "name", "audio", "annotations", "function_call")],
    *[("choices", ELEMENT, "message", name) for name in ("reasoning_details", "thinking", "x")],
    *[("choices", ELEMENT, "message", "tool_calls", ELEMENT, name) for name in ("type", "custom", "x")],
    ("usage", "x"),
    ("usage", "prompt_tokens_details"),
]
"""What OpenAI's API, vLLM, SGLang and llama.cpp answer beyond what is read here, and names that nobody has."""
REPLY_PLACES: Final = places(chat_server._OutReply)
CARRIED: Final = {
    "choices.[].message.content",
    "choices.[].message.reasoning_content",
    "choices.[].message.reasoning",
    "choices.[].message.refusal",
    "choices.[].logprobs.content.[].top_logprobs.[].token",
    "choices.[].message.tool_calls.[].function.name",
    "choices.[].message.tool_calls.[].function.arguments",
}


def understood(reply: Any) -> bool:
    """Whether an answer of the upstream is read at all."""
    assert isinstance(ASKED, Exchange)
    try:
        chat_server.read_reply(msgspec.json.encode(reply), ASKED)
    except UpstreamFailed:
        return False
    return True


def said_by(decided: Decided, words: str) -> bool:
    """Whether the client was sent the words, or a part of them that says enough, in any of the carriers' shapes."""
    sent = decided.sent.decode()
    numbers = json.dumps(list(words.encode())[:6])[1:-1]
    encoded = CARRIERS["a text in base64"](words)
    return any(
        part in sent for part in (words[:9], json.dumps(words[:9])[1:-1], numbers, numbers.replace(" ", ""), encoded)
    )


@pytest.mark.parametrize("carrier", CARRIERS)
def test_whatever_carries_words_beside_what_is_read_of_an_answer_stays_here(carrier: str) -> None:
    assert isinstance(ASKED, Exchange)
    body = REPLIES[0]
    for place in MORE_OF_A_REPLY:
        body = list(planted([body], chat_server._OutReply, place, CARRIERS[carrier](MARK)))[-1]
    decided = DESK.reply(ASKED, body)
    assert decided.kind == "completed"
    assert "Fine." in texts_of(decided.sent)
    assert not said_by(decided, MARK)


@pytest.mark.parametrize("place", REPLY_PLACES, ids=named)
def test_whatever_carries_words_in_an_answer_is_judged_or_stays_here(place: tuple[str, ...]) -> None:
    assert isinstance(ASKED, Exchange)
    for carrier in CARRIERS.values():
        for body in planted(REPLIES, chat_server._OutReply, place, carrier(MARK)):
            if not understood(body):
                continue  # the upstream failed: nothing of it goes on
            decided = DESK.reply(ASKED, body)
            assert not said_by(decided, MARK), body
            assert decided.kind == "completed" or decided.verdict == "deny"


@pytest.mark.parametrize("place", ["content", "refusal", "reasoning"])
def test_an_answer_that_is_json_is_read_as_one_text_as_well(place: str) -> None:
    """What stands in JSON within other words is read as it stands there."""
    assert isinstance(ASKED, Exchange)
    for pieces in ([MARK[:5], MARK[5:]], {"a": MARK[:5], "b": [MARK[5:]]}, [{MARK[:7]: 1}, {MARK[7:]: 2}]):
        choice = {"index": 0, "message": {place: json.dumps(pieces)}, "finish_reason": "stop"}
        assert DESK.reply(ASKED, {"choices": [choice]}).verdict == "deny", pieces


def test_what_an_answer_carries_is_known() -> None:
    """Else an answer of which nothing is passed on would pass the test above."""
    assert isinstance(ASKED, Exchange)
    carried = set()
    for place in REPLY_PLACES:
        for body in planted(REPLIES, chat_server._OutReply, place, INNOCENT):
            if INNOCENT in DESK.reply(ASKED, body).sent.decode():
                carried.add(named(place))
    assert carried == CARRIED


# ---- streamed answers --------------------------------------------------------------------------------------------


def streamed(*parts: dict[str, Any], choices: int = 2, **more: Any) -> list[str]:
    """Events with one part of choice 0 each, then the ends of all choices."""
    events = [{"choices": [{"index": 0, **part}], **more} for part in parts]
    ends: list[dict[str, Any]] = [
        {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]} for index in range(choices)
    ]
    return [*map(json.dumps, [*events, *ends]), "[DONE]"]


def content(text: str) -> dict[str, Any]:
    """A part that says this, and tells it a second time as tokens."""
    return {"delta": {"content": text}, "logprobs": {"content": said(text)}}


def fragments(words: str, cut: int) -> list[str]:
    return [words[start : start + cut] for start in range(0, len(words), cut)]


def part_with(place: tuple[str, ...], value: Any, base: dict[str, Any]) -> dict[str, Any]:
    """A part of a choice with the value at a place."""
    made = next(planted([{"choices": [{"index": 0, **base}]}], chat_server._OutReply, place, value))
    part: dict[str, Any] = made["choices"][0]
    return part


PART_PLACES: Final = [
    place
    for place in REPLY_PLACES
    if place[:2] == ("choices", ELEMENT) and len(place) > 2 and place[2] not in ("message", "index", "finish_reason")
]
DELTA_MORE: Final = [("choices", ELEMENT, "delta", *place[3:]) for place in MORE_OF_A_REPLY if "message" in place]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_whatever_carries_words_beside_what_is_read_of_a_stream_stays_here(carrier: str) -> None:
    assert isinstance(STREAMED, Exchange)
    value = CARRIERS[carrier](MARK)
    delta = {place[3]: value for place in DELTA_MORE if len(place) == 4}
    more = {place[0]: value for place in MORE_OF_A_REPLY if len(place) == 1}
    decided = DESK.stream(STREAMED, streamed(content("So. "), {"delta": delta, "x": value}, **more))
    assert decided.kind == "completed"
    assert "So. " in texts_of(decided.sent)
    assert not said_by(decided, MARK)


@pytest.mark.parametrize("place", PART_PLACES, ids=named)
def test_whatever_carries_words_in_a_stream_is_judged_or_stays_here(place: tuple[str, ...]) -> None:
    assert isinstance(STREAMED, Exchange)
    for carrier in CARRIERS.values():
        part = part_with(place, carrier(MARK), content("it goes."))
        decided = DESK.stream(STREAMED, streamed(content("So "), part, content(" On.")))
        assert not said_by(decided, MARK), place


def test_what_a_stream_carries_is_what_an_answer_carries() -> None:
    assert isinstance(STREAMED, Exchange)
    carried = set()
    for place in PART_PLACES:
        part = part_with(place, INNOCENT, content("it goes."))
        if INNOCENT in texts_of(DESK.stream(STREAMED, streamed(part)).sent):
            carried.add(named(place).replace(".delta", ".message"))
    assert carried == CARRIED


@pytest.mark.parametrize("cut", [1, 3, 6, 7])
@pytest.mark.parametrize("place", [place for place in PART_PLACES if place[-1] != ELEMENT], ids=named)
def test_words_in_pieces_over_the_events_of_a_stream_are_judged_or_stay_here(place: tuple[str, ...], cut: int) -> None:
    assert isinstance(STREAMED, Exchange)
    pieces = fragments(f"So it goes. {MARK} and on.", cut)
    parts = [part_with(place, piece, {} if "delta" in place else content("so ")) for piece in pieces]
    decided = DESK.stream(STREAMED, streamed(*parts))
    assert MARK not in texts_of(decided.sent)
    if decided.kind == "completed":
        assert "it goes" not in texts_of(decided.sent)


@pytest.mark.parametrize("cut", [3, 6, 7])
@pytest.mark.parametrize("long", [0, 2_000])
def test_words_that_begin_in_the_reasoning_and_end_in_the_answer_are_judged(cut: int, long: int) -> None:
    """However much follows, no half of them has left: the end of the reasoning waits for what comes after it."""
    assert isinstance(STREAMED, Exchange)
    thought = [*fragments("hm " * (long // 3), 60), ("hm " * 30 + MARK[:cut])[-60:]]
    answer = [(MARK[cut:] + " so" * 30)[:60], *fragments(" so" * (long // 3), 60)]
    parts = [{"delta": {"reasoning": one}} for one in thought] + [{"delta": {"content": one}} for one in answer]
    decided = DESK.stream(STREAMED, streamed(*parts))
    assert decided.verdict == "deny"
    assert MARK[:cut] not in texts_of(decided.sent).replace("hm ", "")
    assert MARK[cut:] not in texts_of(decided.sent)


def test_the_reasoning_has_left_before_the_answer_begins() -> None:
    assert isinstance(STREAMED, Exchange)
    parts = [{"delta": {"reasoning_content": "hm " * 20}} for _ in range(20)]
    parts += [{"delta": {"content": "so " * 20}} for _ in range(20)]
    decided = DESK.stream(STREAMED, streamed(*parts))
    assert decided.kind == "completed"
    assert texts_of(decided.sent).rfind("hm ") < texts_of(decided.sent).find("so ")
