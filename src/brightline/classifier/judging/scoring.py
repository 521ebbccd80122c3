# SPDX-License-Identifier: Apache-2.0
"""Having a judge say of the rows, and of the pool that they become, what it thinks: a file to train students from.

While it goes on, what was said is kept beside the file, one line after the other, in ``OUT.parts/N-M.jsonl``. Texts
come by lot from their names, so that whatever is there when time is up is a sample of the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.judging.features import ASKED, exchange_of
from brightline.classifier.training.judged import (
    FORMAT,
    Entry,
    Header,
    Judged,
    corpus_of,
    digest_of,
    entry_of,
    judged_of,
    read_judged,
    write_judged,
)
from brightline.classifier.training.pool import pool_of
from brightline.core.errors import ConfigError
from brightline.core.screening.judge import JudgeFile, load_judge_file
from brightline.shell.inference.judge import DecoderJudge

JUDGE: Final = "judge.json"


class Asked(NamedTuple):
    """A judge that can be asked: its file, the digest of that, and itself on its decoder."""

    file: JudgeFile
    digest: str
    judge: DecoderJudge

    def texts(self, corpora: Iterable[Corpus]) -> list[Row]:
        """What it is to read: the rows of the train split and what they become, where it knows their line; by lot."""
        corpora = tuple(corpora)
        rows = [row for corpus in corpora if corpus.author.split == "train" for row in corpus.rows]
        rows += [one.row for one in pool_of(corpora)]
        known = [row for row in rows if set(ASKED[row.line]) & set(self.file.facts)]
        return sorted(known, key=lambda row: hashlib.sha256(f"judged/{row.id}".encode()).digest())

    def header(self, rows: Iterable[Row]) -> Header:
        """The first line of what it says of these rows."""
        learned = msgspec.to_builtins(self.file.model).get("adapter")  # what a model learned besides its weights
        adapter = learned["sha256"] if learned else ""
        return Header(FORMAT, self.file.model.sha256, adapter, corpus_of(rows), self.file.facts, self.digest)


def judge_of(fitted: Path, weights: Path) -> Asked:
    """The judge in a folder, on a model file that need not be called as its publisher did.

    One that was fitted to stand behind students is none: what its heads say alone leans to yes (of rows that are no
    on ``social_scoring``, seven to one). Raises ``ConfigError`` or ``ReleaseError``.
    """
    data = (fitted / JUDGE).read_bytes()
    judge = load_judge_file(data, JUDGE)
    if judge.joined:
        raise ConfigError(f"the judge in {fitted} was fitted to stand behind students: fit one without --release")
    here = msgspec.structs.replace(judge, model=msgspec.structs.replace(judge.model, file=weights.name))
    return Asked(judge, hashlib.sha256(data).hexdigest(), DecoderJudge(here, "judge", (weights.parent, fitted)))


class Saying:
    """A file of what one judge says, and the parts of it that are being said."""

    def __init__(self, out: Path, header: Header) -> None:
        """Raises ``ConfigError`` if another judge said what is there."""
        self._out = out
        self._parts = out.with_name(f"{out.name}.parts")
        self._header = header
        self._parts.mkdir(parents=True, exist_ok=True)

    def there(self, rows: Iterable[Row]) -> dict[str, Entry]:
        """What was said of these rows as they are today. Raises ``ConfigError``."""
        found = dict(self._same(read_judged(self._out), self._out).entries) if self._out.exists() else {}
        for file in sorted(self._parts.glob("*.jsonl")):
            if lines := _whole(file):
                found |= self._same(judged_of(lines, str(file), ""), file).entries
        digests = {row.id: digest_of(row) for row in rows}
        return {name: entry for name, entry in found.items() if digests.get(name) == entry.digest}

    def say(self, rows: Sequence[Row], judge: DecoderJudge, part: int, parts: int) -> Iterator[int]:
        """Read what is not there yet, one part of the rows. Yields after each how many were read."""
        known = self.there(rows)
        file = self._parts / f"{part}-{parts}.jsonl"
        own = judged_of(_whole(file), str(file), "").entries if file.exists() else {}
        write_judged(file, self._header, [entry for name, entry in known.items() if own.get(name) == entry])
        new = [row for row in rows[part - 1 :: parts] if row.id not in known]
        with file.open("ab") as lines:
            for number, row in enumerate(new, 1):
                said = judge.log_odds(exchange_of(row), ASKED[row.line])
                lines.write(msgspec.json.encode(entry_of(row, said)) + b"\n")
                lines.flush()
                yield number

    def put(self, rows: Iterable[Row]) -> int:
        """Write the file of all that is there. How many texts those are. Raises ``ConfigError``."""
        found = self.there(rows)
        write_judged(self._out, self._header, found.values())
        return len(found)

    def _same(self, found: Judged, file: Path) -> Judged:
        if msgspec.structs.replace(found.header, corpus=self._header.corpus) != self._header:
            raise ConfigError(f"{file} holds what another judge said: name another file, or remove it")
        return found


def _whole(file: Path) -> bytes:
    """The lines that are written to their end: another process may be writing, or have been ended."""
    data = file.read_bytes()
    return data[: data.rfind(b"\n") + 1]
