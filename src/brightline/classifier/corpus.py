# SPDX-License-Identifier: Apache-2.0
"""Hand-written rows: what they may hold, how they are read, and what label a row has on each red line.

One file for each author, JSON lines. The first line says who wrote it and for which split; authors never saw each
other's rows, so that a split by file holds out author and setting. A row is labelled with facts, not with verdicts,
and says in a few words why. A *minimal pair* is two or three rows that differ in one factor and in their facts.
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from brightline.core.errors import ConfigError
from brightline.files import write_new

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
BAD_ROWS_NAMED_MAX: Final = 20

Value = Literal["yes", "no", "unknown"]


class Line(enum.StrEnum):
    """The red line that a row was written for."""

    SURVEILLANCE = "surveillance"
    WEAPONS = "weapons"
    DECISIONS = "decisions"


class RowSurface(enum.StrEnum):
    """Where the text of a row would be met. ``loop`` is machine to machine."""

    PROMPT = "prompt"
    OUTPUT = "output"
    TOOL_CALL = "tool_call"
    CONVERSATION = "conversation"
    LOOP = "loop"


class Author(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a file. ``kind`` says whether a person or a model wrote its rows, or a grammar made them.

    Rows that were written for facts beside the red lines name these facts (``about``); all others are for their lines.
    """

    author: str
    kind: Literal["person", "model", "grammar"]
    persona: str
    split: Literal["train", "test"]
    about: tuple[str, ...] = ()


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call as an agent would emit it."""

    name: str
    arguments: dict[str, Any]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. ``asked`` is the request that an output answers; ``text`` before a tool call is what led to it."""

    id: str
    line: Line
    facts: dict[str, Value]
    surface: RowSurface
    lang: str
    setting: str
    reason: str
    pair: str = ""
    factor: str = ""
    text: str = ""
    asked: str = ""
    messages: tuple[Message, ...] = ()
    tool_call: Call | None = None

    @property
    def judged(self) -> str:
        """What a detector is shown of it."""
        if self.messages:
            return "\n".join(message.content for message in self.messages)
        if self.tool_call is None:
            return self.text
        arguments = json.dumps(self.tool_call.arguments, ensure_ascii=False)
        return f"{self.tool_call.name} {arguments}"

    @property
    def words(self) -> str:
        """Everything that stands in it."""
        return "\n".join(part for part in (self.asked, self.text if self.tool_call else "", self.judged) if part)

    @property
    def label(self) -> Value:
        """Whether its red line is crossed."""
        return crossed(self.line, self.facts)

    def labelled(self, fact: str) -> str:
        """Its label on a fact, empty where it has none; without a fact, whether its red line is crossed."""
        return self.facts.get(fact, "") if fact else self.label


class Corpus(msgspec.Struct, frozen=True):
    """The rows of one author."""

    author: Author
    rows: tuple[Row, ...]


_FACT: Final[Mapping[Line, str]] = {Line.SURVEILLANCE: "mass_domestic", Line.WEAPONS: "weapon_direct"}
_DECISIONS: Final = ("social_scoring", "high_stakes", "acts_alone")
FACTS: Final = frozenset(
    {
        *_FACT.values(),
        *_DECISIONS,
        "private_info",
        "us_person",
        "monitoring",
        "intel_activity",
        "law_enforcement",
        "autonomous_use",
        "operational",
    }
)


def crossed(line: Line, facts: Mapping[str, Value]) -> Value:
    """Whether facts cross a red line (RL-1 to RL-3). Raises ``KeyError`` for a fact of the line that is not there."""
    if line is not Line.DECISIONS:
        return facts[_FACT[line]]
    scoring, stakes, alone = (facts[name] for name in _DECISIONS)
    if scoring == "yes" or (stakes == "yes" and alone == "yes"):
        return "yes"
    open_ = scoring == "unknown" or (stakes != "no" and alone != "no")
    return "unknown" if open_ else "no"


def facts_of(line: Line) -> tuple[str, ...]:
    """The facts that decide about a red line."""
    return _DECISIONS if line is Line.DECISIONS else (_FACT[line],)


def read_corpora(folder: Path) -> tuple[Corpus, ...]:
    """Read every author's file of a folder, by name. Raises ``ConfigError``."""
    corpora = tuple(read_corpus(path) for path in sorted(folder.glob("*.jsonl")))
    if not corpora:
        raise ConfigError(f"{folder} holds no corpus (*.jsonl)")
    twice = [name for name, count in Counter(row.id for corpus in corpora for row in corpus.rows).items() if count > 1]
    if twice:
        raise ConfigError(f"{folder}: row {twice[0]!r} is there twice")
    return corpora


def read_corpus(path: Path) -> Corpus:
    """Read one author's file. Raises ``ConfigError`` naming the rows that are wrong."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        first, *lines = path.read_bytes().splitlines()
        author = msgspec.json.decode(first, type=Author)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path}: the first line names its author: {error}") from error
    rows: list[Row] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, 2):
        try:
            row = msgspec.json.decode(line, type=Row)
            wrong += [f"line {number}, {row.id}: {why}" for why in _objections(row)]
            rows.append(row)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            wrong.append(f"line {number}: {error}")
    wrong += list(_pairs_that_are_none(rows))
    if wrong:
        more = f"; and {len(wrong) - BAD_ROWS_NAMED_MAX} more" if len(wrong) > BAD_ROWS_NAMED_MAX else ""
        raise ConfigError(f"{path}: " + "; ".join(wrong[:BAD_ROWS_NAMED_MAX]) + more)
    return Corpus(author, tuple(rows))


def write_corpus(path: Path, corpus: Corpus) -> None:
    """Write rows as ``read_corpus`` reads them into a new file; what is empty is left out. Raises ``ConfigError``."""
    lines = [msgspec.json.encode({name: value for name, value in msgspec.to_builtins(corpus.author).items() if value})]
    lines += [
        msgspec.json.encode({name: value for name, value in msgspec.to_builtins(row).items() if value})
        for row in corpus.rows
    ]
    write_new(path, b"\n".join(lines) + b"\n")


def _objections(row: Row) -> Iterator[str]:
    if unknown := row.facts.keys() - FACTS:
        yield f"no fact is called {min(unknown)!r}"
    for fact in facts_of(row.line):
        if fact not in row.facts:
            yield f"a row on {row.line.value} labels {fact}"
    if not row.judged.strip():
        yield "it says nothing"
    if row.surface is RowSurface.CONVERSATION and not row.messages:
        yield "a conversation has messages"
    if (row.surface is RowSurface.TOOL_CALL) != (row.tool_call is not None):
        yield "a tool call has one, and nothing else has"
    if not row.reason.strip() or not row.setting.strip():
        yield "it names its setting and why it has its label"
    if bool(row.pair) != bool(row.factor):
        yield "a pair names its factor"


def _pairs_that_are_none(rows: Sequence[Row]) -> Iterator[str]:
    pairs: dict[str, list[Row]] = {}
    for row in rows:
        if row.pair:
            pairs.setdefault(row.pair, []).append(row)
    for name, members in pairs.items():
        if len(members) < 2 or all(member.facts == members[0].facts for member in members):
            yield f"pair {name}: two rows or more, which differ in their facts"
    seen: dict[str, str] = {}
    for row in rows:
        if (first := seen.setdefault(row.words, row.id)) != row.id:
            yield f"{row.id} says the same as {first}"
