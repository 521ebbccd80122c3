# SPDX-License-Identifier: Apache-2.0
"""Reads what a classifier release states of its misses. The digest in each record is over these very bytes.

Nothing of a detector is read or run: whoever asks needs no classifier. A release that a gateway loads is checked far
more strictly (``core/screening/release.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.answer.from_release import Measured, Stated
from brightline.core.errors import ReleaseError
from brightline.core.toml import TomlError, read_toml
from brightline.folders import shipped_releases

RELEASE_BYTES_MAX: Final = 262_144

_Count = Annotated[int, Meta(ge=0)]


class _Silence(msgspec.Struct, frozen=True):
    detector: str
    fact: str
    misses: _Count
    positives: Annotated[int, Meta(ge=1)]
    corpus: str


class _Cascade(msgspec.Struct, frozen=True):
    first: str
    misses: _Count
    positives: Annotated[int, Meta(ge=1)]
    corpus: str


class _File(msgspec.Struct, frozen=True):
    id: str
    silence: tuple[_Silence, ...] = ()
    cascade: tuple[_Cascade, ...] = ()


def read_releases(folders: Sequence[Path]) -> list[Measured]:
    """The releases in these folders; of none, those that travel with the package. Raises ``ReleaseError``."""
    return [read_measured(folder) for folder in folders or shipped_releases().values()]


def read_measured(folder: Path) -> Measured:
    """What the release in a folder states of itself. Raises ``ReleaseError``."""
    place = folder / "release.toml"
    try:
        with place.open("rb") as file:
            data = file.read(RELEASE_BYTES_MAX + 1)
        read = read_toml(data, _File, RELEASE_BYTES_MAX)
    except (OSError, TomlError) as error:
        raise ReleaseError(f"{place} does not read as a release: {error}") from error
    rows: list[_Silence | _Cascade] = [*read.silence, *read.cascade]
    if any(row.misses > row.positives for row in rows):
        raise ReleaseError(f"{place} states more misses than cases")
    return Measured(
        id=read.id,
        digest="sha256:" + hashlib.sha256(data).hexdigest(),
        where=str(place),
        stated=tuple(Stated(row.detector, row.fact, row.misses, row.positives, row.corpus) for row in read.silence),
        slips=tuple(Stated(row.first, "", row.misses, row.positives, row.corpus) for row in read.cascade),
    )
