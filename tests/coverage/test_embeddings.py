# SPDX-License-Identifier: Apache-2.0
"""Embeddings: every input is judged, whatever carries words is judged or refused, and vectors are numbers alone."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any, Final

import pytest

from brightline.core.errors import CallerError, UnsupportedField
from brightline.core.exchange import embeddings_server
from brightline.core.exchange.api import embeddings
from brightline.core.exchange.model import Exchange
from tests.coverage.deciding import INNOCENT, MARK, Decided, Desk
from tests.coverage.places import CARRIERS, objects, places, planted

DESK: Final = Desk(embeddings)
BASES: Final[list[dict[str, Any]]] = [
    {"model": "m", "input": "Hello."},
    {"model": "m", "input": ["Hello.", "There."], "encoding_format": "base64", "dimensions": 3, "user": "ada"},
]
PLACES: Final = places(embeddings.REQUEST)
NO_FREE_WORDS: Final = {
    "model": "only the name of an admitted model; the upstream's own name for it is sent",
    "encoding_format": "a closed list",
}


def named(place: tuple[str, ...]) -> str:
    return ".".join(place) or "$"


def accepted(place: tuple[str, ...], value: Any) -> list[Any]:
    bodies = planted(BASES, embeddings.REQUEST, place, value)
    return [body for body in bodies if isinstance(DESK.read(body), Exchange)]


# ---- requests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES, ids=named)
def test_whatever_carries_words_in_a_request_is_judged_or_refused(place: tuple[str, ...]) -> None:
    for carrier in CARRIERS.values():
        for body in accepted(place, carrier(MARK)):
            decided = DESK.request(body)
            assert decided is not None, body
            assert decided.asked == []
            assert decided.verdict == "deny" or decided.why == "malformed"


def test_every_place_takes_free_words_and_judges_them_or_is_known_to_take_none() -> None:
    def judges(body: Any) -> bool:
        decided = DESK.request(body)
        return decided is not None and decided.verdict == "deny"

    taking = {
        named(place)
        for place in PLACES
        for shape in (str, lambda text: [text])
        if accepted(place, shape(INNOCENT)) and any(map(judges, accepted(place, shape(MARK))))
    }
    assert taking == {"input", "input.[]", "user"}
    assert {named(place) for place in PLACES} - taking == {*NO_FREE_WORDS, "input.[].[]", "dimensions"}


@pytest.mark.parametrize("place", objects(embeddings.REQUEST), ids=named)
@pytest.mark.parametrize("name", [MARK, "metadata", "guardrails", "input_type", "truncate_prompt_tokens"])
def test_a_name_that_the_api_does_not_have_is_refused(place: tuple[str, ...], name: str) -> None:
    assert accepted((*place, name), "x") == []


@pytest.mark.parametrize("cut", [3, 6, 7])
def test_words_that_are_split_over_inputs_are_judged(cut: int) -> None:
    decided = DESK.request({"model": "m", "input": [MARK[:cut], MARK[cut:]]})
    assert decided is not None
    assert decided.verdict == "deny"


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]], list(MARK.encode()), ["x", 1]], ids=str)
def test_token_ids_are_refused_with_the_reason(tokens: list[Any]) -> None:
    error = DESK.read({"model": "m", "input": tokens})
    assert isinstance(error, UnsupportedField)
    assert error.param.startswith("input[")
    assert "text" in str(error)


@pytest.mark.parametrize(
    "more",
    [
        {"input": ""},
        {"input": []},
        {"input": ["x", ""]},
        {"input": ["x"] * (embeddings.INPUTS_MAX + 1)},
        {"dimensions": 0},
        {"dimensions": 100_000},
        {"encoding_format": "int8"},
        {"model": ""},
    ],
    ids=lambda more: str(more)[:40],
)
def test_what_is_out_of_bounds_is_refused_with_its_place(more: dict[str, Any]) -> None:
    error = DESK.read({"model": "m", "input": "x", **more})
    assert isinstance(error, CallerError)
    assert error.param.startswith(next(iter(more)))


def test_the_server_is_asked_in_our_own_words() -> None:
    assert json.loads(DESK.wire_of(BASES[1])) == {
        "model": "upstream-m",
        "input": ["Hello.", "There."],
        "encoding_format": "base64",
        "dimensions": 3,
    }


# ---- answers -----------------------------------------------------------------------------------------------------

VECTORS: Final = ([0.5, -0.25, 1.0], [0.125, 0.0, -2.5])


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def rows(*embeddings: Any) -> list[dict[str, Any]]:
    return [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(embeddings)]


def answer(data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"object": "list", "model": "up", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}, **more}


def decided(reply: Any, **asked: Any) -> Decided:
    exchange = DESK.read({**BASES[1], **asked})
    assert isinstance(exchange, Exchange)
    return DESK.reply(exchange, reply)


AS_NUMBERS: Final = answer(rows(*VECTORS))
AS_BASE64: Final = answer(rows(*(packed(*vector) for vector in VECTORS)))


@pytest.mark.parametrize("reply", [AS_NUMBERS, AS_BASE64], ids=["numbers", "base64"])
@pytest.mark.parametrize("form", ["float", "base64", None])
def test_vectors_come_in_the_form_that_was_asked_for_whatever_the_server_writes(reply: Any, form: str | None) -> None:
    sent = json.loads(decided(reply, encoding_format=form).sent)
    assert sent == {
        "object": "list",
        "data": rows(*(packed(*vector) if form == "base64" else vector for vector in VECTORS)),
        "model": "m",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


def test_rows_may_come_in_any_order() -> None:
    sent = json.loads(decided(answer(AS_NUMBERS["data"][::-1]), encoding_format="float").sent)
    assert [row["embedding"] for row in sent["data"]] == list(VECTORS)


@pytest.mark.parametrize(
    "data",
    [
        rows(VECTORS[0]),
        rows(*VECTORS, VECTORS[0]),
        [*rows(VECTORS[0]), *rows(VECTORS[1])],
        [{"index": index, "embedding": VECTORS[0]} for index in (0, 2)],
        rows([0.5, 0.5], [0.5, 0.5]),
        rows([0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]),
        rows([0.5, 0.5, 1e30], VECTORS[1]),
        rows(packed(0.5, 0.5, float("inf")), VECTORS[1]),
        rows("not base64!!", VECTORS[1]),
        rows([0.5, 0.5, "x"], VECTORS[1]),
        rows({"a": 1}, VECTORS[1]),
        rows([], []),
        [],
    ],
    ids=[
        *["too few", "too many", "twice the same", "a gap", "other dimensions", "two lengths", "too large"],
        *["not finite", "no base64", "no number", "an object", "empty", "nothing"],
    ],
)
def test_what_is_no_answer_is_the_upstreams_failure(data: list[dict[str, Any]]) -> None:
    assert decided(answer(data)).kind == "upstream_failed"


def test_vectors_of_one_answer_are_of_one_length() -> None:
    assert decided(answer(rows([0.5], [0.5, 0.5])), dimensions=None).kind == "upstream_failed"


CARRIED: Final[dict[str, Callable[[str], Any]]] = {
    **CARRIERS,
    "bytes in base64": lambda words: base64.b64encode(words.ljust(12).encode()[:12]).decode(),
}


@pytest.mark.parametrize("carrier", CARRIED)
def test_no_words_come_back_in_an_answer(carrier: str) -> None:
    """Nothing of an answer is text; numbers that spell are read as numbers are everywhere."""
    value = CARRIED[carrier](MARK)
    for place in [*places(embeddings_server._OutReply), ("id",), ("data", "[]", "object"), ("data", "[]", "x")]:
        for reply in planted([AS_NUMBERS, AS_BASE64], embeddings_server._OutReply, place, value):
            out = decided(reply, dimensions=None, encoding_format="float")
            assert MARK[:6] not in out.sent.decode()
            assert "113,117,97" not in out.sent.decode().replace(".0", "").replace(" ", "")
            assert packed(*VECTORS[0]) not in out.sent.decode()


def test_numbers_that_spell_are_judged() -> None:
    spelled = [float(byte) for byte in MARK.encode()]
    for form in (spelled, packed(*spelled)):
        out = decided(answer(rows(form, form)), dimensions=None)
        assert out.verdict == "deny"
        assert out.sent == b""


def test_the_digests_of_vectors_are_in_what_is_recorded() -> None:
    """A vector is no leaf, but the map and the chain stand for it."""
    exchange = DESK.read(BASES[0])
    assert isinstance(exchange, Exchange)
    one = DESK.recorded(exchange, answer(rows([0.5, 0.25])))
    other = DESK.recorded(exchange, answer(rows([0.5, 0.125])))
    for name in ("coverage", "chain"):
        assert one[name] != other[name]
    assert one["released_bytes"] == 8
