# SPDX-License-Identifier: Apache-2.0
"""The rows of a file as names and values: JSON lines, a JSON list, a table, or lines of text. Bounded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from brightline.core.errors import ConfigError

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
ROWS_MAX: Final = 500_000
TEXT_CHARS_MAX: Final = 1_000_000


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, each as names and values. Raises ``ConfigError``."""
    suffix = path.suffix.lower()
    text = _read(path)
    number = 0
    for number, row in enumerate(_records(path, suffix, text), 1):
        if number > ROWS_MAX:
            raise ConfigError(f"{path} has more than {ROWS_MAX:,} rows")
        yield row
    if not number:
        raise ConfigError(f"{path} holds no rows")


def _records(path: Path, suffix: str, text: str) -> Iterator[dict[str, Any]]:
    match suffix:
        case ".jsonl" | ".ndjson":
            for number, line in enumerate(text.split("\n"), 1):
                if line.strip():
                    yield object_of(json_of(line, f"{path}, line {number}"), f"{path}, line {number}")
        case ".json":
            values = json_of(text, str(path))
            if not isinstance(values, list):
                raise ConfigError(f"{path} is no list of objects")
            for number, value in enumerate(values, 1):
                yield object_of(value, f"{path}, row {number}")
        case ".csv" | ".tsv":
            yield from _table(path, text, "\t" if suffix == ".tsv" else ",")
        case ".txt":
            yield from ({"text": line} for line in text.split("\n") if line.strip())
        case _:
            raise ConfigError(f"{path}: rows are read from .jsonl, .json, .csv, .tsv and .txt")


def _table(path: Path, text: str, between: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(TEXT_CHARS_MAX)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=between, strict=True):
            if None in row or None in row.values():
                raise ConfigError(f"{path}: a row has more or fewer cells than the head line")
            yield row
    except csv.Error as error:
        raise ConfigError(f"{path} is no table: {error}") from error


def json_of(text: str, where: str) -> Any:
    """A value from JSON text. Raises ``ConfigError`` that names the place."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: no JSON: {error}") from error


def object_of(value: Any, where: str) -> dict[str, Any]:
    """The value, which must be an object. Raises ``ConfigError`` that names the place."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: no object")
    return value


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX:,} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8: {error}") from error
