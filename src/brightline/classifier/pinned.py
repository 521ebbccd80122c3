# SPDX-License-Identifier: Apache-2.0
"""The pinned cases: rows with labels that every later release is held to, from corpora and from a release's probes.

Each case is known by a digest of what is judged and how it is labelled, so that neither can be changed unseen; the
corpus as a whole by the digest of all of them, in whatever files and order they lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.classifier.corpus import RowSurface, Value, read_corpus
from brightline.core.canonical import canonical_bytes
from brightline.core.errors import ConfigError
from brightline.core.screening.finding import Surface

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_SURFACES: Final = {RowSurface.OUTPUT: Surface.OUTPUT, RowSurface.TOOL_CALL: Surface.TOOL_CALL}


class PinnedCase(msgspec.Struct, frozen=True):
    """One case. ``digest`` is 32 hex digits; ``corpus`` names its author or file; ``labels`` are facts."""

    digest: str
    name: str
    corpus: str
    surface: Surface
    text: str
    labels: dict[str, Value]


class Pinned(msgspec.Struct, frozen=True):
    """All pinned cases, each once, and the digest of them."""

    digest: str
    cases: tuple[PinnedCase, ...]


class _Probe(msgspec.Struct, frozen=True):
    """A row of a release's probes; it has further members."""

    id: str
    surface: Surface
    text: str
    facts: dict[str, Value]


def read_pinned(places: Sequence[Path]) -> Pinned:
    """Read every ``*.jsonl`` of these folders and files. Raises ``ConfigError``."""
    cases: dict[str, PinnedCase] = {}
    for place in places:
        paths = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
        if not paths:
            raise ConfigError(f"{place} holds no corpus (*.jsonl)")
        for path in paths:
            for case in _read(path):
                cases.setdefault(case.digest, case)
    return Pinned(corpus_digest(cases), tuple(cases[digest] for digest in sorted(cases)))


def corpus_digest(digests: Iterable[str]) -> str:
    """The digest of a set of cases, ``sha256:<hex>``."""
    return "sha256:" + hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def _read(path: Path) -> Iterator[PinnedCase]:
    try:
        with path.open("rb") as file:
            first = file.readline(1_000_000)
        if b'"author"' in first and b'"split"' in first:
            corpus = read_corpus(path)
            for row in corpus.rows:
                surface = _SURFACES.get(row.surface, Surface.INPUT)
                yield _case(row.id, corpus.author.author, surface, row.judged, row.facts)
            return
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                probe = msgspec.json.decode(line, type=_Probe)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"{path}, line {number}: {error}") from error
            yield _case(probe.id, path.name, probe.surface, probe.text, probe.facts)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _case(name: str, corpus: str, surface: Surface, text: str, labels: dict[str, Value]) -> PinnedCase:
    whole = canonical_bytes({"surface": surface.value, "text": text, "labels": dict(labels)})
    return PinnedCase(hashlib.sha256(whole).hexdigest()[:32], name, corpus, surface, text, labels)
