# SPDX-License-Identifier: Apache-2.0
"""An answer without what identifies persons of the United States, for a purpose that is minimised.

The whole answer is read before any of it is masked, because who is such a person may stand in its last sentence. The
same identifier has the same label everywhere, so that one can follow who is meant: ``[US person 1]``, ``[SSN 1]``.
Objects are masked member by member: where one has such a number, or says so, the names in it are masked too.

What was masked is told as a count and a digest of the places, never of the words: a digest of nine digits is found by
trying.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.errors import CallerError
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, ToolCall
from brightline.core.patterns.masks import Mask, marked_names, masks_in
from brightline.core.patterns.names import heading, spelled
from brightline.core.patterns.words import NAMED_AFTER_PERSONS

FIELD: Final = "minimised"
"""The name of the committed field."""
_NUMBERS: Final = {
    "ssn": "SSN",
    "social_security_number": "SSN",
    "itin": "SSN",
    "passport": "passport",
    "passport_number": "passport",
}
_STATUS: Final = frozenset({"us_person", "citizenship", "nationality"})
_SO: Final = frozenset({"us", "u.s.", "usa", "united states", "american", "true", "yes"})
ROWS_MAX: Final = 10_000


class Minimised(msgspec.Struct, frozen=True):
    """An answer as it leaves, how many identifiers of which kinds were masked, and the digest of where they stood."""

    reply: Reply
    kinds: dict[str, int]
    digest: str

    def fields(self) -> dict[str, JsonValue]:
        """What an OUTCOME commits to, also where nothing had to be masked: so one sees that the rule was applied."""
        kinds: dict[str, JsonValue] = dict(sorted(self.kinds.items()))
        return {FIELD: {"count": sum(self.kinds.values()), "kinds": kinds, "digest": self.digest}}


def minimised(exchange: Exchange, reply: Reply) -> Minimised:
    """Mask an answer. Pure; takes time in proportion to the request and the answer."""
    masker = _Masker()
    for turn in exchange.turns:
        masker.hear(turn.texts)
    for choice in reply.choices:
        masker.hear((choice.reasoning, choice.text, choice.refusal, *(call.arguments for call in choice.calls)))
    choices = tuple(masker.choice(choice) for choice in reply.choices)
    digest = "sha256:" + hashlib.sha256(canonical_bytes(masker.rows)).hexdigest()
    return Minimised(msgspec.structs.replace(reply, choices=choices), dict(masker.kinds), digest)


class _Masker:
    def __init__(self) -> None:
        self.rows: list[JsonValue] = []
        self.kinds: Counter[str] = Counter()
        self._marked: set[str] = set()
        self._by_word: dict[str, set[str]] = {}  # made when it is first asked, after all was heard
        self._labels: dict[tuple[str, str], str] = {}
        self._of_kind: Counter[str] = Counter()

    def hear(self, texts: Iterable[str]) -> None:
        """Note whose names these texts mark."""
        for text in texts:
            value = _parsed(text)
            if value is None:
                self._marked |= marked_names(text)
            else:
                self._hear_value(value)

    def choice(self, choice: ReplyChoice) -> ReplyChoice:
        """One choice as it leaves; without tokens if they would tell what was masked."""
        path = f"choices[{choice.index}]"
        calls = tuple(
            ToolCall(call.id, call.name, self._text(call.arguments, f"{path}.tool_calls[{number}].arguments"))
            for number, call in enumerate(choice.calls)
        )
        text = self._text(choice.text, f"{path}.content")
        return msgspec.structs.replace(
            choice,
            text=text,
            refusal=self._text(choice.refusal, f"{path}.refusal"),
            reasoning=self._text(choice.reasoning, f"{path}.reasoning"),
            calls=calls,
            tokens=choice.tokens if text == choice.text else (),
        )

    def _text(self, text: str, path: str) -> str:
        value = _parsed(text)
        if value is not None:
            masked = self._value(value, path)
            return text if masked == value else json.dumps(masked, ensure_ascii=False)
        return self._plain(text, path)

    def _plain(self, text: str, path: str) -> str:
        out: list[str] = []
        end = 0
        for mask in masks_in(text, self._marked):
            out += (text[end : mask.start], self._label(mask, path))
            end = mask.end
        return "".join((*out, text[end:])) if end else text

    def _label(self, mask: Mask, path: str) -> str:
        key = mask.kind, mask.who
        if key not in self._labels:
            self._of_kind[mask.kind] += 1
            self._labels[key] = f"[{mask.kind} {self._of_kind[mask.kind]}]"
        self.kinds[mask.kind] += 1
        if len(self.rows) < ROWS_MAX:
            self.rows.append([path, mask.start, mask.end, mask.kind])
        return self._labels[key]

    def _value(self, value: JsonValue, path: str) -> JsonValue:
        if isinstance(value, str):
            return self._plain(value, path)
        if isinstance(value, list):
            return [self._value(child, f"{path}[{number}]") for number, child in enumerate(value)]
        if not isinstance(value, dict):
            return value
        masked: dict[str, JsonValue] = {}
        for key, child in value.items():
            name = self._plain(key, f"{path}{{}}")
            while name in masked:  # two names with one label: neither member is lost
                name += "'"
            masked[name] = self._member(key, child, path)
        return masked

    def _member(self, key: str, child: JsonValue, path: str) -> JsonValue:
        place = f"{path}.{key[:64]}"
        kind = _NUMBERS.get(heading(key))
        if kind is not None and isinstance(child, str | int) and not isinstance(child, bool) and child:
            return self._label(Mask(0, len(str(child)), kind, str(child)), place)
        if isinstance(child, str) and heading(key) in NAMED_AFTER_PERSONS and self._is_marked(child):
            return self._label(Mask(0, len(child), "US person", spelled(child)), place)
        return self._value(child, place)

    def _is_marked(self, name: str) -> bool:
        """Whether all words of a name are those of one marked name."""
        if not self._by_word:
            for marked in self._marked:
                for word in marked.split(" "):
                    self._by_word.setdefault(word, set()).add(marked)
        found = [self._by_word.get(word, set()) for word in spelled(name).split(" ")]
        return bool(set.intersection(*found))

    def _hear_value(self, value: JsonValue) -> None:
        if isinstance(value, list):
            for child in value:
                self._hear_value(child)
        elif isinstance(value, str):
            self._marked |= marked_names(value)
        elif isinstance(value, dict):
            own = [
                name
                for key, child in value.items()
                if heading(key) in NAMED_AFTER_PERSONS and isinstance(child, str) and (name := spelled(child))
            ]
            if own and any(_says_so(key, child) for key, child in value.items()):
                self._marked |= {*own, " ".join(sorted({word for name in own for word in name.split(" ")}))}
            for key, child in value.items():
                self._marked |= marked_names(key)
                self._hear_value(child)


def _says_so(key: str, child: JsonValue) -> bool:
    """Whether a member of an object says that it is about a person of the United States."""
    name = heading(key)
    if name in _NUMBERS:
        return bool(child)
    if name in _STATUS:
        return str(child).strip().lower() in _SO
    return isinstance(child, str) and any(mask.kind != "e-mail" for mask in masks_in(child, ()))


def _parsed(text: str) -> JsonValue | None:
    """The object or list that a text is; ``None`` where it is neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = strict_json.parse(text.encode(), strict_json.Limits())
    except CallerError:
        return None
    return value if isinstance(value, dict | list) else None
