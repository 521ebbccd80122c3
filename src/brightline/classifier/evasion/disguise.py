# SPDX-License-Identifier: Apache-2.0
"""What a disguise is, and how it is put on a text or on a row of a corpus. A disguised row keeps its label.

Pure and deterministic: the same text, disguise and seed give the same result on every machine.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from brightline.classifier.corpus import Message, Row, RowSurface

LEAF_CHARS_MIN: Final = 12
"""What is shorter in the arguments of a call is an id, a date or a place, which nobody disguises."""

TextWay = Callable[[str, random.Random], str]
TurnsWay = Callable[[str, random.Random], tuple[Message, ...]]


class Undone(enum.StrEnum):
    """Who answers a disguise."""

    VIEWS = "views"
    """The views of ``core/screening`` read it back, so that every detector sees the plain words."""
    CLASSIFIERS = "classifiers"
    """The words stay, or change beyond any decoding: what it means is for the classifiers to see."""


class Evasion(msgspec.Struct, frozen=True):
    """One disguise. ``number`` is its class (1 to 66); some classes have several.

    Exactly one of ``text`` and ``turns`` is there: a disguise of words, or one that spreads them over a conversation.
    """

    id: str
    number: int
    does: str
    undone: Undone
    everywhere: bool = False
    """Whether each message and string is disguised, or only the longest, which the others are left around."""
    text: TextWay | None = None
    turns: TurnsWay | None = None

    @property
    def surfaces(self) -> frozenset[RowSurface]:
        """Where it applies. Only what was one prompt can be spread over turns."""
        return frozenset(RowSurface) if self.text else frozenset({RowSurface.PROMPT})

    def apply(self, text: str, seed: int) -> str:
        """Disguise a text. One that has nothing to disguise (other letters, too short) comes back as it was.

        A disguise by turns gives what those who read the whole conversation as one text are shown.
        """
        chance = _chance(self.id, seed)
        if self.text is not None:
            return self.text(text, chance)
        return "\n".join(message.content for message in self.turns(text, chance)) if self.turns else text

    def on(self, row: Row, seed: int) -> Row:
        """Disguise a row: its text, its messages, or the longer strings of its call. Its facts stay.

        ``id`` and ``pair`` get the name of the disguise, so that disguised pairs are pairs. Raises ``ValueError`` for
        a surface that the disguise does not have.
        """
        if row.surface not in self.surfaces:
            raise ValueError(f"{self.id} is no disguise of a {row.surface.value}")
        pair = f"{row.pair}~{self.id}" if row.pair else ""
        named = msgspec.structs.replace(row, id=f"{row.id}~{self.id}", pair=pair)
        if self.turns is not None:
            turns = self.turns(row.text, _chance(self.id, seed))
            return msgspec.structs.replace(named, surface=RowSurface.CONVERSATION, text="", messages=turns)
        if row.messages:
            chosen = self._chosen([message.content for message in row.messages])
            messages = tuple(
                Message(
                    message.role, self.apply(message.content, seed) if message.content in chosen else message.content
                )
                for message in row.messages
            )
            return msgspec.structs.replace(named, messages=messages)
        if row.tool_call is not None:
            chosen = self._chosen([leaf for leaf in _strings(row.tool_call.arguments) if len(leaf) >= LEAF_CHARS_MIN])
            arguments = self._leaves(row.tool_call.arguments, chosen, seed)
            call = msgspec.structs.replace(row.tool_call, arguments=arguments)
            return msgspec.structs.replace(named, tool_call=call)
        return msgspec.structs.replace(named, text=self.apply(row.text, seed))

    def _chosen(self, texts: list[str]) -> frozenset[str]:
        return frozenset(texts if self.everywhere else [max(texts, key=len)] if texts else [])

    def _leaves(self, value: Any, chosen: frozenset[str], seed: int) -> Any:
        if isinstance(value, str):
            return self.apply(value, seed) if value in chosen else value
        if isinstance(value, list):
            return [self._leaves(item, chosen, seed) for item in value]
        if isinstance(value, dict):
            return {name: self._leaves(item, chosen, seed) for name, item in value.items()}
        return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


class OnTheWire(msgspec.Struct, frozen=True):
    """A class that no text has: it exists in bytes, fields or events only. ``tests`` are what cover it."""

    number: int
    does: str
    tests: tuple[str, ...]


_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz")


def _chance(name: str, seed: int) -> random.Random:
    return random.Random(f"{name}/{seed}")  # noqa: S311 - to be made again, not to be secret


def some_letters(text: str, chance: random.Random, share: float, change: Callable[[str], str]) -> str:
    """Change this share of the ASCII letters of a text, at least one of each word of four letters or more."""
    words = []
    for word in text.split(" "):
        letters = [at for at, char in enumerate(word) if char.lower() in _LETTERS]
        chosen = {at for at in letters if chance.random() < share}
        if len(letters) >= 4 and not chosen:
            chosen = {chance.choice(letters)}
        words.append("".join(change(char) if at in chosen else char for at, char in enumerate(word)))
    return " ".join(words)
