# SPDX-License-Identifier: Apache-2.0
"""Every text leaf of what is sent and of what comes back, and the map that proves it.

The request side walks the bytes that *will be sent*, read back, so no leaf can be forgotten by a field list: strings,
object keys that are not names of the API, JSON inside strings (tool-call arguments), and runs of numbers that may
encode text. The reply side lists each channel of each choice. On top come the *joined views*: a term split over
parts, messages and names is whole again there.

The map (path, surface, length and digest of each leaf) is digested into the record, as a committed field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from brightline.core.canonical import INTEGER_MAX, JsonValue, plain_bytes
from brightline.core.errors import CallerError, MalformedRequest
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, ToolCall, WireNames
from brightline.core.exchange.vectors import whole_numbers
from brightline.core.screening.finding import Segment, Surface

LEAVES_MAX: Final = 20_000
CHARS_MAX: Final = 2_000_000
_NUMBERS: Final = frozenset({int, float})
NUMBERS_MIN: Final = 4  # fewer numbers than this spell no word
EXCHANGE_VIEW_CHARS: Final = 4_096
TOKEN_CONTEXT_BYTES: Final = 256

# A tool call in an answer: the text of its arguments, below which the model chooses the keys.
_FREE: Final = WireNames(frozenset())  # every key is chosen by whoever wrote it
_CALL_NAMES: Final = WireNames(frozenset({"arguments"}), frozenset({"arguments"}))
_NAME: Final = re.compile(r"[a-z_]+")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")


class Coverage(msgspec.Struct, frozen=True):
    """``segments`` are what a detector must judge; ``digest`` stands for the whole map."""

    segments: tuple[Segment, ...]
    digest: str


def cover_request(wire: bytes, exchange: Exchange, names: WireNames) -> Coverage:
    """Cover an upstream request: the very bytes that will be sent, read back. ``names`` are those of its API.

    Raises ``MalformedRequest`` if it has too many leaves.
    """
    sent = strict_json.parse(wire, strict_json.Limits())
    leaves = list(_walk(sent, "", names))
    calls = [call for turn in exchange.turns for call in turn.calls]
    leaves += [_call_leaf(call, f"call[{i}]") for i, call in enumerate(calls)]
    spoken: list[str] = []
    for turn in exchange.turns:
        spoken += [part for part in (turn.name, turn.reasoning, *turn.texts, turn.refusal) if part]
        spoken += [part for call in turn.calls for part in (call.name, call.arguments) if part]
    leaves += _joined(spoken, "joined:messages", Surface.INPUT)
    offered = [part for tool in exchange.tools for part in (tool.name, tool.description) if part]
    leaves += _joined(offered, "joined:tools", Surface.INPUT)
    for name, part in sent.items() if isinstance(sent, dict) else ():
        if not isinstance(part, dict | list):
            continue  # no text, or one alone: nothing to be read in one go
        texts = list(_texts(part, names))
        if len(texts) > 1 and texts not in (spoken, offered):
            leaves += _joined(texts, f"joined:{name}.all", Surface.INPUT)
    leaves += _beside(exchange)
    return _covered(leaves)


def _beside(exchange: Exchange) -> Iterator[Segment]:
    """What a caller puts on a request and no model is sent: judged all the same, alone and read in one go."""
    if exchange.metadata:
        yield from _walk({**exchange.metadata}, "metadata", _FREE)
    for name, text in exchange.labels.items():
        yield Segment(name, Surface.INPUT, text)
        yield from _inner_json(text, name, Surface.INPUT)
    labels = list(exchange.labels.values())
    yield from _joined(
        [*(part for pair in exchange.metadata.items() for part in pair if part), *labels],
        "joined:metadata",
        Surface.INPUT,
    )
    yield from _joined(list(exchange.metadata), "joined:metadata.keys", Surface.INPUT)
    yield from _joined([*exchange.metadata.values(), *labels], "joined:metadata.values", Surface.INPUT)


def goes_to_no_model(path: str, exchange: Exchange) -> bool:
    """Whether a segment of a request is of what a caller put on it and no model is sent."""
    name = _NAME.match(path.removeprefix("joined:"))
    return name is not None and (name[0] == "metadata" or name[0] in exchange.labels)


def cover_reply(reply: Reply, exchange: Exchange) -> Coverage:
    """Cover a whole answer: each channel of each choice, the calls, the joined views and the exchange view.

    Raises ``MalformedRequest`` if it has too many leaves (the caller of this turns it into the upstream's fault).
    """
    leaves: list[Segment] = []
    for choice in reply.choices:
        leaves += _choice_leaves(choice)
        spoken = [part for part in (choice.reasoning, choice.text, choice.refusal) if part]
        spoken += [part for call in choice.calls for part in (call.name, call.arguments)]
        leaves += _joined(spoken, f"joined:choices[{choice.index}]", Surface.OUTPUT)
        leaves.append(exchange_view(exchange, "\n".join(spoken), choice.index))
        leaves += _alternatives(choice)
    texts = [choice.text for choice in reply.choices if choice.text]
    leaves += _joined(texts, "joined:choices", Surface.OUTPUT)
    for i, vector in enumerate(reply.vectors):
        leaves += _numbers(whole_numbers(vector), f"vectors[{i}]", Surface.OUTPUT)
    return _covered(leaves, reply.vectors)


def exchange_view(exchange: Exchange, answer: str, choice: int) -> Segment:
    """The answer read together with what was asked: the last words of the last turn, then the answer."""
    asked = "\n".join(exchange.turns[-1].texts)[-EXCHANGE_VIEW_CHARS:]
    return Segment(f"exchange[{choice}]", Surface.OUTPUT, f"{asked}\n{answer[-EXCHANGE_VIEW_CHARS:]}")


def _choice_leaves(choice: ReplyChoice) -> Iterator[Segment]:
    place = f"choices[{choice.index}]"
    channels = {"reasoning": choice.reasoning, "content": choice.text, "refusal": choice.refusal}
    for name, text in channels.items():
        if text:
            yield Segment(f"{place}.{name}", Surface.OUTPUT, text)
            yield from _inner_json(text, f"{place}.{name}", Surface.OUTPUT)
    for i, call in enumerate(choice.calls):
        yield Segment(f"{place}.tool_calls[{i}].name", Surface.TOOL_CALL, call.name)
        yield from _walk({"arguments": call.arguments}, f"{place}.tool_calls[{i}]", _CALL_NAMES, output=True)
        yield _call_leaf(call, f"{place}.tool_calls[{i}]")


def _alternatives(choice: ReplyChoice) -> Iterator[Segment]:
    """Each alternative token behind the text before it; those of one place together, and those of one rank.

    The tokens that were said are cut out of the text, which is a leaf already. Chances are numbers like others.
    """
    place = f"choices[{choice.index}].logprobs"
    ranks: list[list[str]] = []
    before = b""
    for i, token in enumerate(choice.tokens):
        texts = [one.data.decode(errors="replace") for one in token.alternatives]
        for rank, one in enumerate(token.alternatives):
            yield Segment(f"{place}[{i}].top[{rank}]", Surface.OUTPUT, (before + one.data).decode(errors="replace"))
            if rank == len(ranks):
                ranks.append([])
            ranks[rank].append(texts[rank])
        yield from _joined(texts, f"{place}[{i}].top", Surface.OUTPUT)
        yield from _numbers([-one.logprob for one in token.alternatives], f"{place}[{i}].top", Surface.OUTPUT)
        before = (before + token.data)[-TOKEN_CONTEXT_BYTES:]
    for rank, texts in enumerate(ranks):
        yield from _joined(texts, f"{place}.top[{rank}]", Surface.OUTPUT)
    yield from _numbers([-token.logprob for token in choice.tokens], place, Surface.OUTPUT)


def _call_leaf(call: ToolCall, place: str) -> Segment:
    """A call as one line: the words of its name, its name, its arguments."""
    words = " ".join(_WORDS.findall(call.name)).lower()
    return Segment(f"{place}:call", Surface.TOOL_CALL, f"{words} {call.name} {call.arguments}")


def _walk(value: JsonValue, path: str, names: WireNames, *, output: bool = False) -> Iterator[Segment]:
    surface = Surface.TOOL_CALL if output else Surface.INPUT
    if isinstance(value, str):
        if value:
            yield Segment(path, surface, value)
            yield from _inner_json(value, path, surface)
    elif isinstance(value, dict):
        for key, child in value.items():
            name = key[:40].replace("#", "_")  # it is ours, and tells what was taken out of a leaf
            if key not in names.fields:
                yield Segment(f"{path}.{name}#key", surface, key)
            below = f"{path}.{name}" if path else name
            opens = key in names.free_form
            yield from _walk(child, below, _FREE if opens else names, output=output)
            if opens:
                yield from _as_one(child, below, surface)
        yield from _numbers(value.values(), path, surface)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _walk(child, f"{path}[{i}]", names, output=output)
        yield from _numbers(value, path, surface)


def _inner_json(text: str, path: str, surface: Surface) -> Iterator[Segment]:
    """JSON inside a string (tool-call arguments): its escapes hide text from whoever reads the outer string."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return
    try:
        inner = strict_json.parse(text.encode(), strict_json.Limits())
    except CallerError:
        return  # not JSON: the string itself is already a leaf
    for segment in _walk(inner, f"{path}#", _FREE):
        yield msgspec.structs.replace(segment, surface=surface)
    yield from _as_one(inner, f"{path}#", surface)
    yield from _joined(list(_texts(inner, _FREE)), f"{path}#texts", surface)


def _numbers(values: Iterable[JsonValue], path: str, surface: Surface) -> Iterator[Segment]:
    """Whole numbers as a text; ``104.0`` is one too, because a model reads it so."""
    if len(numbered := [value for value in values if type(value) in _NUMBERS]) < NUMBERS_MIN:
        return
    numbers = [int(value) for value in numbered if _is_whole(value)]  # type: ignore[arg-type]  # they are numbers
    if len(numbers) >= NUMBERS_MIN:
        yield Segment(f"{path}#numbers", surface, " ".join(map(str, numbers)))


def _is_whole(value: float) -> bool:
    return abs(value) <= INTEGER_MAX and value == int(value)  # beyond that no character has a number


def _as_one(value: JsonValue, path: str, surface: Surface) -> Iterator[Segment]:
    """What a free-form value spreads over its places: names, and numbers in arrays within arrays."""
    yield from _joined(list(_keys(value)), f"{path}#keys", surface)
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if any(isinstance(child, dict | list) for child in children):
        yield from _numbers(_flat(value), f"{path}#nested", surface)


def _flat(value: JsonValue) -> Iterator[JsonValue]:
    """Every value without children, in the order of the text."""
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _flat(child)
    else:
        yield value


def _keys(value: JsonValue) -> Iterator[str]:
    """Every name in a free-form value, in the order of the text."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from _keys(child)
    elif isinstance(value, list):
        for child in value:
            yield from _keys(child)


def _texts(value: JsonValue, names: WireNames) -> Iterator[str]:
    """Every text that is not a word of the API, in the order of the text."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            if key not in names.closed:
                yield from _texts(child, _FREE if key in names.free_form else names)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child, names)


def _joined(parts: list[str], path: str, surface: Surface) -> Iterator[Segment]:
    """Several parts as one text, once run together and once with spaces: a model reads them in one go."""
    if len(parts) > 1:
        yield Segment(f"{path}#together", surface, "".join(parts))
        yield Segment(f"{path}#spaced", surface, " ".join(parts))


def _covered(leaves: list[Segment], vectors: tuple[bytes, ...] = ()) -> Coverage:
    if len(leaves) > LEAVES_MAX or sum(len(leaf.text) for leaf in leaves) > 3 * CHARS_MAX:
        raise MalformedRequest(f"more than {LEAVES_MAX} leaves or {3 * CHARS_MAX} characters of text in one exchange")
    # Texts and small numbers in lists, so that the way for what is plain gives the same digest.
    rows: list[JsonValue] = [
        [leaf.path, leaf.surface.value, len(leaf.text), hashlib.sha256(leaf.text.encode()).hexdigest()]
        for leaf in leaves
    ]
    rows += [
        [f"vectors[{i}]", "vector", len(vector), hashlib.sha256(vector).hexdigest()]
        for i, vector in enumerate(vectors)
    ]
    return Coverage(tuple(leaves), "sha256:" + hashlib.sha256(plain_bytes(rows)).hexdigest())
