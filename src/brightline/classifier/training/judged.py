# SPDX-License-Identifier: Apache-2.0
"""What a judge said of many texts, kept in a file: the slow part of distilling, done once.

JSON lines, packed if the name ends in ``.gz``. The first line says which judge said it and of what; each other line
has a text's id, the beginning of the digest of the exchange that was read, and log-odds by fact. The same input gives
the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.classifier.corpus import FACTS, Row
from brightline.classifier.judging.features import exchange_of
from brightline.core.errors import ConfigError
from brightline.files import write_whole

FORMAT: Final = "brightline-judged/1"
BYTES_MAX: Final = 512 * 1024 * 1024  # unpacked
ENTRIES_MAX: Final = 2_000_000
LOG_ODDS_MAX: Final = 1_000.0
PLACES: Final = 2
DIGEST_CHARS: Final = 16
MAKE: Final = "`brightline classifier judge score` makes it anew"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. ``model``, ``adapter`` and ``judge`` are digests of files, empty where there is none; ``corpus``
    is that of all texts that were to be read, as :func:`corpus_of` counts it.
    """

    format: str
    model: str
    adapter: str
    corpus: str
    facts: tuple[str, ...]
    judge: str = ""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was said of one text: log-odds by fact."""

    id: str
    digest: str
    said: dict[str, float]


class Judged(msgspec.Struct, frozen=True):
    """A file that was read: by id, what was said. ``digest`` is that of its bytes."""

    header: Header
    digest: str
    entries: dict[str, Entry]

    def of(self, row: Row) -> Mapping[str, float] | None:
        """What was said of a row; nothing if it was not read. Raises ``ConfigError`` if it read otherwise then."""
        found = self.entries.get(row.id)
        if found is None:
            return None
        if found.digest != digest_of(row):
            raise ConfigError(f"what the judge said of {row.id!r} was said of another text: {MAKE}")
        return found.said


def digest_of(row: Row) -> str:
    """The beginning of the digest of a row as a judge reads it."""
    return hashlib.sha256(exchange_of(row).encode()).hexdigest()[:DIGEST_CHARS]


def entry_of(row: Row, said: Mapping[str, float]) -> Entry:
    """The line for a row of which this was said."""
    return Entry(row.id, digest_of(row), {fact: round(float(of), PLACES) for fact, of in said.items()})


def corpus_of(rows: Iterable[Row]) -> str:
    """A digest over the ids and exchanges of rows, in whichever order."""
    each = sorted(f"{row.id} {digest_of(row)}" for row in rows)
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def write_judged(path: Path, header: Header, entries: Iterable[Entry]) -> None:
    """Write a file, sorted by id. It stands there whole or not at all. Raises ``ConfigError``."""
    found = sorted(entries, key=lambda entry: entry.id)
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in (header, *found))
    if path.suffix == ".gz":
        data = gzip.compress(data, 9, mtime=0)
    write_whole(path, data)


def read_judged(path: Path) -> Judged:
    """Read a file. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            packed = file.read(BYTES_MAX + 1)
        data = _unpacked(packed) if path.suffix == ".gz" else packed
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if max(len(packed), len(data)) > BYTES_MAX:
        raise ConfigError(f"{path} is larger than {BYTES_MAX} bytes")
    return judged_of(data, str(path), hashlib.sha256(packed).hexdigest())


def judged_of(data: bytes, path: str, digest: str) -> Judged:
    """What such lines say; ``path`` is where they are from. Raises ``ConfigError``."""
    first, _, rest = data.partition(b"\n")
    try:
        header = msgspec.json.decode(first, type=Header)
        found = msgspec.json.Decoder(Entry).decode_lines(rest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} does not hold what a judge said: {error}; {MAKE}") from error
    if header.format != FORMAT:
        raise ConfigError(f"{path} is {header.format!r} and not {FORMAT!r}: {MAKE}")
    if len(found) > ENTRIES_MAX:
        raise ConfigError(f"{path} has more than {ENTRIES_MAX} texts")
    entries: dict[str, Entry] = {}
    known = frozenset(header.facts) & FACTS
    for entry in found:
        if entry.id in entries:
            raise ConfigError(f"{path}: {entry.id!r} is there twice")
        if not entry.said or entry.said.keys() - known:
            raise ConfigError(f"{path}: of {entry.id!r} no fact is said, or one that its first line does not name")
        if any(abs(of) > LOG_ODDS_MAX for of in entry.said.values()):
            raise ConfigError(f"{path}: what is said of {entry.id!r} are no log-odds")
        entries[entry.id] = entry
    return Judged(header, digest, entries)


def _unpacked(packed: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        return file.read(BYTES_MAX + 1)
