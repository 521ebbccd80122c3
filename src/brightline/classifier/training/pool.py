# SPDX-License-Identifier: Apache-2.0
"""The unlabelled pool: what rows become with a part left out, ended early or put in another order.

Nobody has labelled these texts. A judge that reads the definitions says what they are, and students learn from what
it said (``training/judged.py``). Everything is made of the rows themselves and chosen by lot from their names, so that
the same rows give the same pool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from brightline.classifier.corpus import Corpus, Row
from brightline.core.screening.segment import SENTENCE_END

VARIANTS_MAX: Final = 5  # of one row
WITHOUT_MAX: Final = 3  # of these, how many leave one part out
BEGINNING_MIN: Final = 0.4  # of a text, in characters


class Pooled(msgspec.Struct, frozen=True):
    """A text of the pool. ``author`` wrote the row that it was made of.

    ``row`` has the text and who said it; it has no facts, so that nobody takes over a label that may no longer hold.
    """

    id: str
    author: str
    row: Row


class Sentence(NamedTuple):
    """A sentence, and the blanks behind it."""

    text: str
    gap: str


def pool_of(corpora: Iterable[Corpus]) -> list[Pooled]:
    """What the rows of the train split become; nothing that any row says already, whoever wrote it."""
    corpora = tuple(corpora)
    written = {_letters(row) for corpus in corpora for row in corpus.rows}
    return [
        Pooled(row.id, corpus.author.author, row)
        for corpus in corpora
        if corpus.author.split == "train"
        for one in corpus.rows
        for row in _variants(one, written)
    ]


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text, in any of the corpora's scripts. A number at the head of a line is none by itself."""
    found: list[Sentence] = []
    begun = 0
    text = text.strip()
    for end in (*(match.end() for match in SENTENCE_END.finditer(text)), len(text)):
        whole = text[begun:end]
        if any(map(str.isalpha, whole)):
            said = whole.strip()
            before, _, behind = whole.partition(said)
            if found:
                found[-1] = Sentence(found[-1].text, found[-1].gap + before)
            found.append(Sentence(said, behind))
            begun = end
    if found and (rest := text[begun:]):
        found[-1] = Sentence(found[-1].text + found[-1].gap + rest, "")
    return found


def _variants(row: Row, written: set[str]) -> Iterator[Row]:
    """At most ``VARIANTS_MAX``, none of which says what is ``written`` or what another says."""
    seen = set(written)
    candidates = _of_call(row) if row.tool_call else _of_messages(row) if row.messages else _of_text(row)
    taken: dict[str, int] = {}
    for kind, number, changes in candidates:
        most = WITHOUT_MAX if kind == "without" else 1
        made = msgspec.structs.replace(
            row, id=f"{row.id}~{kind}-{number}", facts={}, pair="", factor="", reason="", **changes
        )
        if taken.get(kind, 0) < most and sum(taken.values()) < VARIANTS_MAX and _letters(made) not in seen:
            taken[kind] = taken.get(kind, 0) + 1
            seen.add(_letters(made))
            yield made


def _letters(row: Row) -> str:
    """What a row says, without its blanks."""
    return "".join(row.words.split())


_Candidates = Iterator[tuple[str, int, dict[str, Any]]]  # a kind, a number, and what is changed


def _of_text(row: Row) -> _Candidates:
    found = sentences(row.text)
    if len(found) < 2:
        return
    for number in _by_lot(row, "without", range(len(found))):
        yield "without", number, {"text": _joined(_left_out(found, number))}
    for number in _by_lot(row, "until", _beginnings([one.text for one in found])):
        yield "until", number, {"text": _joined(found[:number])}
    if len(found) > 2:
        for number in _by_lot(row, "turned", range(len(found) - 1)):
            one, other = found[number : number + 2]
            turned = [Sentence(other.text, one.gap or _blank(one, other)), Sentence(one.text, other.gap)]
            yield "turned", number, {"text": _joined([*found[:number], *turned, *found[number + 2 :]])}


def _of_messages(row: Row) -> _Candidates:
    said = row.messages
    if len(said) < 2:
        return
    for number in _by_lot(row, "without", range(len(said))):
        yield "without", number, {"messages": (*said[:number], *said[number + 1 :])}
    for number in _by_lot(row, "until", _beginnings([one.content for one in said])):
        yield "until", number, {"messages": said[:number]}


def _of_call(row: Row) -> _Candidates:
    call = row.tool_call
    if call is None:
        return
    paths = list(_members(call.arguments))
    for number in _by_lot(row, "without", range(len(paths))):
        arguments = _without(call.arguments, paths[number])
        yield "without", number, {"tool_call": msgspec.structs.replace(call, arguments=arguments)}


def _members(value: Any) -> Iterator[tuple[str | int, ...]]:
    """The ways to the members of objects that have two or more."""
    if isinstance(value, dict):
        inner: Iterable[tuple[str | int, Any]] = value.items()
        if len(value) > 1:
            yield from ((name,) for name in value)
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        return
    for name, of in inner:
        yield from ((name, *way) for way in _members(of))


def _without(value: Any, way: Sequence[str | int]) -> Any:
    first, *rest = way
    if isinstance(value, dict):
        if not rest:
            return {name: of for name, of in value.items() if name != first}
        return {name: _without(of, rest) if name == first else of for name, of in value.items()}
    return [_without(of, rest) if number == first else of for number, of in enumerate(value)]


def _beginnings(parts: Sequence[str]) -> list[int]:
    """After how many parts one may stop: not the last, and not before ``BEGINNING_MIN`` of all is said."""
    sizes = [len(part) for part in parts]
    return [count for count in range(1, len(parts)) if sum(sizes[:count]) >= BEGINNING_MIN * sum(sizes)]


def _left_out(found: Sequence[Sentence], number: int) -> list[Sentence]:
    """Without one sentence; where a line ended behind it, one still does."""
    before, gone = list(found[:number]), found[number]
    if before and "\n" in gone.gap:
        before[-1] = Sentence(before[-1].text, gone.gap)
    return [*before, *found[number + 1 :]]


def _joined(found: Sequence[Sentence]) -> str:
    return "".join(one.text + one.gap for one in found).strip()


def _blank(one: Sentence, other: Sentence) -> str:
    """What stands between two sentences that change places, where the text does without blanks."""
    return "" if one.text[-1] in "。！？।" and other.text[-1] in "。！？।" else " "


def _by_lot(row: Row, kind: str, numbers: Iterable[int]) -> list[int]:
    return sorted(numbers, key=lambda number: hashlib.sha256(f"{row.id}/{kind}/{number}".encode()).digest())
