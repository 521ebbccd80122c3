# SPDX-License-Identifier: Apache-2.0
"""Rows of any file become probes: our corpora as they are, others through a map of their columns.

``.jsonl``, ``.ndjson`` and ``.json`` (a list of objects), ``.csv`` and ``.tsv`` with a head line, ``.txt`` with one
text on each line. What is wrong is said with the file, the line and the column; nothing is guessed of a label.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.classifier import everyday
from brightline.classifier.corpus import FACTS, Call, Line, Message, RowSurface, Value, read_corpus
from brightline.classifier.evaluation.probe import LINES, Probe, Source, of_row
from brightline.classifier.evaluation.records import TEXT_CHARS_MAX, json_of, object_of, records
from brightline.core.errors import ConfigError

FIXED: Final = "="
TEXT_COLUMNS: Final = ("text", "prompt", "instruction", "question", "turns", "messages", "input")
YES_WORDS: Final = frozenset({"yes", "true", "1"})
NO_WORDS: Final = frozenset({"no", "false", "0"})
UNKNOWN_WORDS: Final = frozenset({"unknown"})
_HEAD: Final = frozenset(everyday.Source.__struct_fields__)
ROLES: Final = frozenset({"system", "user", "assistant", "tool"})


class Columns(msgspec.Struct, frozen=True):
    """Which column holds what; empty: none. For surface, language and question, ``=VALUE`` says it of all rows.

    ``yes`` and ``unknown`` are the values of the label's column that mean so; with ``yes`` given, all others are no.
    """

    text: str = ""
    asked: str = ""
    messages: str = ""
    tool_call: str = ""
    label: str = ""
    yes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    pair: str = ""
    surface: str = ""
    lang: str = ""
    question: str = ""

    @property
    def given(self) -> bool:
        """Whether any column is named."""
        return any(value for value in msgspec.structs.astuple(self))


def read_source(path: Path, columns: Columns, name: str = "") -> Source:
    """Read a file whose rows are labelled: a corpus of ours, or any other with its columns. Raises ``ConfigError``."""
    if is_corpus(path):
        corpus = read_corpus(path)
        name = name or corpus.author.author
        return Source(name, tuple(of_row(row, name) for row in corpus.rows), _digest(path), corpus.author)
    if not columns.label or not columns.question:
        raise ConfigError(f"{path} is no corpus of ours: name its columns, with --label and one of --line and --fact")
    if not (columns.text or columns.messages or columns.tool_call):
        raise ConfigError(f"{path} is no corpus of ours: name --text, --messages or --tool-call")
    name = name or path.stem
    probes = tuple(
        _probe(row, columns, f"{path}, row {number}", f"{name}#{number}", name)
        for number, row in enumerate(records(path), 1)
    )
    return _source(path, name, probes)


def read_benign(path: Path, name: str = "", column: str = "", surface: str = "") -> Source:
    """Read a file in which nothing crosses a line: of a corpus of ours the rows that are no, of others all.

    A first line of everyday text that names its corpus is no row. Without a column the first of the usual names is
    taken. Raises ``ConfigError``.
    """
    if is_corpus(path):
        corpus = read_corpus(path)
        name = name or corpus.author.author
        rows = tuple(of_row(row, name) for row in corpus.rows if row.label == "no")
        return Source(name, rows, _digest(path), corpus.author)
    if surface not in {"", RowSurface.PROMPT, RowSurface.OUTPUT}:
        raise ConfigError(f"{path}: benign rows are prompts or outputs, not {surface[:40]!r}")
    name = name or path.stem
    probes = tuple(
        _benign(row, name, number, column, surface, f"{path}, row {number}")
        for number, row in enumerate(records(path), 1)
        if number > 1 or not row.keys() >= _HEAD
    )
    return Source(name, probes, _digest(path))


def _benign(row: Mapping[str, Any], name: str, number: int, column: str, surface: str, where: str) -> Probe:
    found = column or next((one for one in TEXT_COLUMNS if row.get(one)), "")
    if not found:
        raise ConfigError(f"{where}: none of its columns ({_named(row)}) is {', '.join(TEXT_COLUMNS)}; name one")
    value = _cell(row, found, where)
    if isinstance(value, list) and value and all(isinstance(turn, str) for turn in value):
        value = [{"role": "user", "content": turn} for turn in value]
    many = isinstance(value, list)
    return Probe(
        id=f"{name}#{number}",
        source=name,
        truths=dict.fromkeys(LINES, "no"),
        surface=RowSurface.CONVERSATION if many else RowSurface(surface or RowSurface.PROMPT),
        text="" if many else _text(value, found, where),
        messages=_messages(value, where) if many else (),
    )


def is_corpus(path: Path) -> bool:
    """Whether the file is a corpus of ours: its first line names an author."""
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline(64 * 1024))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"author", "persona", "split"} <= first.keys()


def _probe(row: Mapping[str, Any], columns: Columns, where: str, row_id: str, source: str) -> Probe:
    call = _call(row, columns.tool_call, where) if columns.tool_call else None
    messages = _messages(_cell(row, columns.messages, where), where) if columns.messages else ()
    text = _text(_cell(row, columns.text, where), columns.text, where) if columns.text else ""
    if call is None and not messages and not text.strip():
        raise ConfigError(f"{where}: it says nothing in the columns that were named")
    usual = RowSurface.TOOL_CALL if call else RowSurface.CONVERSATION if messages else RowSurface.PROMPT
    surface = _said(row, columns.surface, where, usual.value)
    question = _said(row, columns.question, where, "")
    if surface not in set(RowSurface):
        raise ConfigError(f"{where}: surface {surface[:40]!r}; expected one of {', '.join(RowSurface)}")
    if question not in {*LINES, *FACTS}:
        raise ConfigError(f"{where}: {question[:40]!r} is no red line ({', '.join(LINES)}) and no fact")
    return Probe(
        id=row_id,
        source=source,
        truths={question: _label(row, columns, where)},
        surface=RowSurface(surface),
        lang=_said(row, columns.lang, where, ""),
        pair=_said(row, columns.pair, where, ""),
        asked=_text(_cell(row, columns.asked, where), columns.asked, where) if columns.asked else "",
        text=text,
        messages=messages,
        tool_call=call,
    )


def _label(row: Mapping[str, Any], columns: Columns, where: str) -> Value:
    value = _word(_cell(row, columns.label, where))
    if value in map(str.lower, columns.unknown):
        return "unknown"
    if columns.yes:
        return "yes" if value in map(str.lower, columns.yes) else "no"
    if value in YES_WORDS:
        return "yes"
    if value in NO_WORDS:
        return "no"
    if value in UNKNOWN_WORDS:
        return "unknown"
    raise ConfigError(f"{where}: the label is {value[:40]!r}; say with --yes which values mean that it crosses")


def _said(row: Mapping[str, Any], column: str, where: str, otherwise: str) -> str:
    """What a column says, or ``=VALUE`` of all rows, or one of the words of lines and surfaces."""
    if not column:
        return otherwise
    if column.startswith(FIXED):
        return column.removeprefix(FIXED)
    if column not in row and column in {*Line, *RowSurface}:
        return column
    value = _cell(row, column, where)
    return "" if value is None else str(value)


def _call(row: Mapping[str, Any], column: str, where: str) -> Call | None:
    value = _cell(row, column, where)
    if value in (None, "", {}):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{where}: {column!r} is no JSON: {error}") from error
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]  # as chat APIs write it
    if isinstance(value, dict) and isinstance(value.get("arguments"), str):
        value = {**value, "arguments": json_of(value["arguments"] or "{}", f"{where}, {column}")}
    named = {key: value[key] for key in ("name", "arguments") if key in value} if isinstance(value, dict) else value
    try:
        return msgspec.convert(named, Call)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {column!r} is no tool call (name, arguments): {error}") from error


def _messages(value: Any, where: str) -> tuple[Message, ...]:
    if isinstance(value, str):
        value = json_of(value, where) if value.strip() else []
    if not isinstance(value, list):
        raise ConfigError(f"{where}: messages are a list of role and content")
    return tuple(_message(one, where) for one in value)


def _message(value: Any, where: str) -> Message:
    one = object_of(value, where)
    content = one.get("content")
    if isinstance(content, list):  # parts, as chat APIs write them
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    role = {"developer": "system", "human": "user", "function": "tool"}.get(str(one.get("role")), one.get("role"))
    if role not in ROLES or not isinstance(content, str):
        raise ConfigError(f"{where}: a message has a role ({', '.join(sorted(ROLES))}) and a content in words")
    return msgspec.convert({"role": role, "content": content}, Message)


def _text(value: Any, column: str, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {column!r} is no text")
    if len(value) > TEXT_CHARS_MAX:
        raise ConfigError(f"{where}: {column!r} is longer than {TEXT_CHARS_MAX:,} characters")
    return value


def _cell(row: Mapping[str, Any], column: str, where: str) -> Any:
    if column not in row:
        raise ConfigError(f"{where}: there is no column {column[:40]!r}; it has {_named(row)}")
    return row[column]


def _named(row: Mapping[str, Any]) -> str:
    return ", ".join(str(name)[:40] for name in list(row)[:20])


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip().lower()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _source(path: Path, name: str, probes: Sequence[Probe]) -> Source:
    return Source(name, tuple(probes), _digest(path))
