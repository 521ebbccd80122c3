# SPDX-License-Identifier: Apache-2.0
"""The items of a conversation, as Responses has them, made turns: what a model thinks, says and calls is one turn.

Each item has the members of its type and no others, and only text is carried. Two items may become one turn and never
the other way round, so whatever is judged of a turn is what was sent, in its order.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from brightline.core.errors import MalformedRequest, UnsupportedField
from brightline.core.exchange.api.reading import CALLS_MAX, PARTS_MAX, In, bounded
from brightline.core.exchange.model import Role, ToolCall, Turn

ITEMS: Final = frozenset({"message", "function_call", "function_call_output", "reasoning"})
PARTS: Final = frozenset({"input_text", "output_text", "refusal", "reasoning_text", "summary_text"})
_SAID: Final = frozenset({"input_text", "output_text", "refusal"})
_STATUSES: Final = frozenset({"in_progress", "completed", "incomplete"})
_ROLES: Final = {role.value: role for role in (Role.USER, Role.ASSISTANT, Role.SYSTEM, Role.DEVELOPER)}
# An item's id is dropped. It may hold nothing but what servers give: a prefix and a number.
_ITEM_ID: Final = re.compile(r"[a-z]{1,8}_[0-9a-f]{16,64}")


# Of any type, with the members of all of them; each is checked against its type.
class Part(In, frozen=True):
    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class Item(In, frozen=True):
    type: str = "message"
    id: str | None = None
    status: str | None = None
    role: str | None = None
    content: str | list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Part] | None = None
    summary: list[Part] | None = None
    encrypted_content: None = None


def take_item(turns: list[Turn], item: Item, place: str) -> None:
    """Make the item a turn, or a part of the one before: what a model thinks, says and calls is one turn."""
    _check_item(item, place)
    match item.type:
        case "message":
            turn, before = _message(item, place), turns[-1] if turns else None
            if before is not None and turn.role is Role.ASSISTANT and _only_thought(before):
                turns[-1] = msgspec.structs.replace(turn, reasoning=before.reasoning)
            else:
                turns.append(turn)
        case "function_call":
            call = ToolCall(item.call_id or "", item.name or "", item.arguments or "")
            if turns and turns[-1].role is Role.ASSISTANT:
                before = turns[-1]
                bounded(len(before.calls) + 1, 0, CALLS_MAX, f"{place}.type")
                turns[-1] = msgspec.structs.replace(before, calls=(*before.calls, call))
            else:
                turns.append(Turn(Role.ASSISTANT, calls=(call,)))
        case "function_call_output":
            texts, _ = _texts(item.output, frozenset({"input_text"}), f"{place}.output")
            turns.append(Turn(Role.TOOL, texts, len(texts) > 1, answers_call=item.call_id or ""))
        case "reasoning":
            if thought := _thought(item, place):
                turns.append(Turn(Role.ASSISTANT, reasoning=thought))


def _only_thought(turn: Turn) -> bool:
    return bool(turn.reasoning) and turn == Turn(Role.ASSISTANT, reasoning=turn.reasoning)


def _thought(item: Item, place: str) -> str:
    """The one text of a reasoning. Several would be run together, and be judged as another text than was sent."""
    if isinstance(item.content, str):
        raise MalformedRequest("the content of a reasoning is a list of parts", f"{place}.content")
    texts: list[str] = []
    for parts, kind, where in ((item.summary, "summary_text", "summary"), (item.content, "reasoning_text", "content")):
        if parts:
            texts += _texts(parts, frozenset({kind}), f"{place}.{where}")[0]
    if len(texts) > 1:
        raise UnsupportedField("a reasoning has one text here, in its summary or in its content", f"{place}.content")
    return "".join(texts)


_NEEDED: Final = {
    "message": frozenset({"role", "content"}),
    "function_call": frozenset({"call_id", "name", "arguments"}),
    "function_call_output": frozenset({"call_id", "output"}),
    "reasoning": frozenset({"summary"}),
}
_OPTIONAL: Final = {"reasoning": frozenset({"content"})}
_COMMON: Final = frozenset({"type", "id", "status"})


def _check_item(item: Item, place: str) -> None:
    """An item has the members of its type, and no others. Raises ``CallerError``."""
    needed = _NEEDED[item.type]
    for name in item.__struct_fields__:
        given = getattr(item, name) is not None
        if name in needed and not given:
            raise MalformedRequest(f"`{place}.{name}` is required and missing", f"{place}.{name}")
        if given and name not in needed | _OPTIONAL.get(item.type, frozenset()) | _COMMON:
            raise UnsupportedField(f"`{place}.{name}` is no member of such an item", f"{place}.{name}")
    if item.id is not None and not _ITEM_ID.fullmatch(item.id):
        raise MalformedRequest(
            "an id is a prefix and hexadecimal digits, as it was given; or leave it out", f"{place}.id"
        )
    if item.status is not None and item.status not in _STATUSES:
        raise MalformedRequest(f"expected one of {', '.join(sorted(_STATUSES))}", f"{place}.status")
    if item.call_id == "":
        raise MalformedRequest("a call has an id", f"{place}.call_id")


def _message(item: Item, place: str) -> Turn:
    role = _ROLES.get(item.role or "")
    if role is None:
        raise MalformedRequest(f"unknown role; expected one of {', '.join(sorted(_ROLES))}", f"{place}.role")
    kinds = _SAID if role is Role.ASSISTANT else frozenset({"input_text"})
    texts, refusal = _texts(item.content, kinds, f"{place}.content")
    return Turn(role, texts, len(texts) > 1, refusal=refusal)


def _texts(content: str | list[Part] | None, kinds: frozenset[str], place: str) -> tuple[tuple[str, ...], str]:
    """Texts and refusal of a content. One text is carried as a text, whichever way it was written."""
    if not isinstance(content, list):
        return (content or "",), ""
    bounded(len(content), 1, PARTS_MAX, place)
    texts: list[str] = []
    refusal = ""
    for i, part in enumerate(content):
        where = f"{place}[{i}]"
        if part.type not in kinds:
            raise MalformedRequest("this type of part does not belong here", f"{where}.type")
        for name in ("annotations", "logprobs"):
            if getattr(part, name):
                raise UnsupportedField(
                    f"send back the text without its {name}: they are not judged", f"{where}.{name}"
                )
        if part.type != "refusal" and part.text is not None and part.refusal is None:
            texts.append(part.text)
        elif part.type == "refusal" and part.refusal and part.text is None and not refusal:
            refusal = part.refusal
        else:
            raise MalformedRequest("a part has its text, or its refusal, and nothing else", where)
    return tuple(texts), refusal
