# SPDX-License-Identifier: Apache-2.0
"""What the judge's decoder makes of the rows of the corpora, kept in a folder: the slow part, done once.

    ROWS.jsonl      which rows, in the order in which they were read, and the digest of what was read
    ROWS.f16        for each: the states of its questions, if they are wanted, then the mean of the exchange, float16
    adapter.npz     what the decoder was read with besides its weights, if anything

The order is by lot from the rows' own names, spread evenly over authors and lines with pairs kept together, the test
authors a little ahead, and long rows of training, which cost several others, behind: whatever is there when time is up
is a sample of the whole. Reading goes on where it ended.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from brightline.classifier.constitutions import constitution
from brightline.classifier.corpus import Corpus, Line, Row, RowSurface
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Part
from brightline.core.screening.finding import Surface
from brightline.core.screening.prompt import SPEAKER, Constitution, definitions, question

if TYPE_CHECKING:
    from brightline.decoder.asking import Asker

ASKED: Final = {
    Line.SURVEILLANCE: ("mass_domestic",),
    Line.WEAPONS: ("weapon_direct",),
    Line.DECISIONS: ("high_stakes", "acts_alone", "social_scoring"),
}
ABOUT: Final = "about.json"
ADAPTER: Final = "adapter.npz"
TOKENS_MAX: Final = 512
TEST_AHEAD: Final = 1.6
NEIGHBOURS_AHEAD: Final = 6.0
LONG_CHARS: Final = 600
LONG_BEHIND: Final = 1 / 3
_SPEAKER: Final = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


class Entry(msgspec.Struct, frozen=True):
    """A row that was read: ``read`` is how many questions and the digest of its exchange, ``tokens`` its length."""

    id: str
    read: str
    tokens: int

    @property
    def questions(self) -> int:
        """How many questions' states are there."""
        return int(self.read.partition(":")[0])

    @property
    def digest(self) -> str:
        """The digest of the exchange."""
        return self.read.partition(":")[2]


def exchange_of(row: Row) -> str:
    """A row as the judge reads it: who said what."""
    before = f"User: {row.asked}\n" if row.asked else ""
    if row.messages:
        return before + "\n".join(f"{_SPEAKER[one.role]}: {one.content}" for one in row.messages)
    if row.tool_call is not None:
        lead = f"{row.text}\n" if row.text else ""
        return f"{before}{lead}{SPEAKER[Surface.TOOL_CALL]}{row.judged}"
    speaker = {RowSurface.OUTPUT: SPEAKER[Surface.OUTPUT], RowSurface.LOOP: "Machine: "}.get(row.surface)
    return f"{before}{speaker or SPEAKER[Surface.INPUT]}{row.text}"


def corpus_name(rows: Sequence[Row]) -> str:
    """What they are called: how many, and a digest over what each of them says."""
    each = sorted(f"{row.id} {hashlib.sha256(exchange_of(row).encode()).hexdigest()}" for row in rows)
    return f"{len(rows)} rows of test authors, sha256:{hashlib.sha256(chr(10).join(each).encode()).hexdigest()}"


def in_order(corpora: Sequence[Corpus], neighbours: Sequence[Corpus] = ()) -> list[Row]:
    """All rows in the order of reading; ``neighbours`` are everyday texts, which are few and come well ahead."""
    early = {corpus.author.author for corpus in neighbours}
    strata: dict[tuple[str, Line], dict[str, list[Row]]] = defaultdict(dict)
    tested = {corpus.author.author for corpus in corpora if corpus.author.split == "test"}
    for corpus in (*corpora, *neighbours):
        for row in corpus.rows:
            unit = row.pair or row.id
            strata[corpus.author.author, row.line].setdefault(unit, []).append(row)
    placed = []
    for (author, line), units in strata.items():
        names = sorted(units, key=_lot)
        for rank, name in enumerate(names):
            long = max(len(exchange_of(row)) for row in units[name]) > LONG_CHARS
            ahead = TEST_AHEAD if author in tested else LONG_BEHIND if long else 1.0
            ahead = NEIGHBOURS_AHEAD if author in early else ahead
            placed.append(((rank + 0.5) / len(names) / ahead, author, line.value, name))
    return [row for _, author, line, name in sorted(placed) for row in strata[author, Line(line)][name]]


def views() -> dict[Line, tuple[Constitution, ...]]:
    """The definitions and questions under which the rows of each line are read."""
    return {line: tuple(constitution(fact) for fact in facts) for line, facts in ASKED.items()}


class Store:
    """A folder of features of one decoder, with one adapter or none, under one set of definitions."""

    def __init__(
        self, folder: Path, weights: str, layers: Sequence[int], width: int, adapter: bytes | None = None
    ) -> None:
        """``weights`` is the digest of the model's file, ``adapter`` the bytes of its adapter's, which are kept here.

        Raises ``ConfigError`` if the folder holds something else.
        """
        part = None if adapter is None else Part(ADAPTER, hashlib.sha256(adapter).hexdigest())
        of = [
            weights,
            list(layers),
            TOKENS_MAX,
            [[definitions(view), [question(one) for one in view]] for view in views().values()],
            *([part.sha256] if part else []),
        ]
        key = hashlib.sha256(json.dumps(of).encode()).hexdigest()
        self.shape = (len(layers), width)
        self.layers = tuple(layers)
        self.weights = weights
        self.adapter = part
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        about = folder / ABOUT
        wanted = {"key": key, "weights": weights, "layers": list(layers), "width": width}
        if part is not None:
            wanted["adapter"] = part.sha256
        if not about.exists():
            if adapter is not None:
                (folder / ADAPTER).write_bytes(adapter)
            about.write_text(json.dumps(wanted) + "\n")
        if json.loads(about.read_text()) != wanted:
            raise ConfigError(f"{folder} holds what another model, or the same under other definitions, made of rows")

    @classmethod
    def open(cls, folder: Path) -> Store:
        """The store that is in a folder. Raises ``ConfigError`` if there is none under today's definitions."""
        try:
            about = json.loads((folder / ABOUT).read_text())
            adapter = (folder / ADAPTER).read_bytes() if "adapter" in about else None
            return cls(folder, about["weights"], about["layers"], about["width"], adapter)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{folder} holds no states: `brightline classifier judge read` makes them") from error

    def load(self) -> dict[str, tuple[Entry, Any]]:
        """By a row's id: what was read, and shape (questions + 1, layers, width)."""
        found = {}
        for index in sorted(self._folder.glob("rows-*.jsonl")):
            entries = _entries(index.read_bytes())
            numbers = np.fromfile(index.with_suffix(".f16"), np.float16)
            at = 0
            for entry in entries:
                size = (entry.questions + 1) * self.shape[0] * self.shape[1]
                if at + size > len(numbers):
                    break
                found[entry.id] = entry, numbers[at : at + size].reshape(-1, *self.shape)
                at += size
        return found

    def read(self, rows: Sequence[Row], asker: Asker, part: int, parts: int, questions: bool = False) -> Iterator[int]:
        """Read what is not there yet, one part of the rows, and give the tokens of each. Goes on where it ended.

        The states behind the questions are a fifth of the work, and the shipped heads do not read them.
        """
        index = self._folder / f"rows-{part}-{parts}.jsonl"
        states = index.with_suffix(".f16")
        known = {name: entry.digest for name, (entry, _) in self.load().items()}
        mend(index, states, self.shape)
        kept = {line: asker.keep(view) for line, view in views().items()}
        units = list(dict.fromkeys(row.pair or row.id for row in rows))
        mine = {unit for number, unit in enumerate(units) if number % parts == part - 1}
        with index.open("ab") as names, states.open("ab") as numbers:
            for row in rows:
                text = exchange_of(row)
                digest = hashlib.sha256(text.encode()).hexdigest()[:32]
                if (row.pair or row.id) not in mine or known.get(row.id) == digest:
                    continue
                tokens = asker.tokens(text)[:TOKENS_MAX]
                last, mean = asker.states(tokens, kept[row.line], questions)
                numbers.write(_half(np.concatenate([last, mean[None]])).tobytes())
                numbers.flush()
                names.write(msgspec.json.encode(Entry(row.id, f"{len(last)}:{digest}", len(tokens))) + b"\n")
                names.flush()
                yield len(tokens)


def mend(index: Path, states: Path, shape: tuple[int, int]) -> None:
    """Cut off what a reading that was ended left half written."""
    if not index.exists():
        return
    whole = index.read_bytes()
    whole = whole[: whole.rfind(b"\n") + 1]
    index.write_bytes(whole)
    size = sum((entry.questions + 1) * shape[0] * shape[1] * 2 for entry in _entries(whole))
    with states.open("ab") as file:
        file.truncate(size)


def _entries(lines: bytes) -> list[Entry]:
    """Those that are written to their end."""
    whole = lines[: lines.rfind(b"\n") + 1]
    return [msgspec.json.decode(line, type=Entry) for line in whole.splitlines()]


def _half(numbers: Any) -> Any:
    limit = np.finfo(np.float16).max
    return np.clip(numbers, -limit, limit).astype(np.float16)


def _lot(name: str) -> str:
    return hashlib.sha256(f"brightline/{name}".encode()).hexdigest()
