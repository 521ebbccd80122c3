# SPDX-License-Identifier: Apache-2.0
"""Everyday text: what crosses no red line, to train on and to set thresholds beyond; how its files are read.

One file for each corpus, JSON lines. The first line says what it is, where it comes from and under which licence. A
corpus of *other harm* holds requests that are bad and are none of our lines: they are ``no`` here as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import msgspec

from brightline.core.errors import ConfigError

FILE_BYTES_MAX: Final = 64 * 1024 * 1024


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of a file."""

    corpus: str
    kind: Literal["everyday", "other harm"]
    origin: str
    licence: str


class Everyday(msgspec.Struct, frozen=True):
    """The texts of one corpus."""

    source: Source
    texts: tuple[str, ...]

    @property
    def learned(self) -> tuple[str, ...]:
        """Every second text: what is learned from."""
        return self.texts[::2]

    @property
    def kept(self) -> tuple[str, ...]:
        """The others: what sets thresholds."""
        return self.texts[1::2]


class _Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


def read_everyday(folder: Path) -> tuple[Everyday, ...]:
    """Read every corpus of a folder, by name. Raises ``ConfigError``."""
    found = tuple(_read(path) for path in sorted(folder.glob("*.jsonl")))
    if not found:
        raise ConfigError(f"{folder} holds no everyday text (*.jsonl)")
    return found


def _read(path: Path) -> Everyday:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        first, *lines = path.read_bytes().splitlines()
        source = msgspec.json.decode(first, type=Source)
        texts = tuple(msgspec.json.decode(line, type=_Text).text for line in lines)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path}: a first line that names the corpus, then texts: {error}") from error
    return Everyday(source, texts)
