# SPDX-License-Identifier: Apache-2.0
"""The parsed file of an agreement, and where in it each key stands: so that an error names file, line and column.

Nothing here knows what an agreement is.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from brightline.core.errors import AgreementError
from brightline.core.toml import Table, TomlError, parse_toml

FILE_BYTES_MAX: Final = 1024 * 1024

_T = TypeVar("_T")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY: Final = re.compile(r"(\s*)([A-Za-z0-9_-]+)\s*=")


class TomlFile:
    """The parsed file, and where in it each key stands, for errors.

    Places come from a scan by lines that knows headers and bare keys at the beginning of a line. It may miss
    one (in a string of several lines, a quoted key); then the error names the table around it.
    """

    def __init__(self, toml_bytes: bytes, name: str) -> None:
        self.name = name
        try:
            self.tree: Table = parse_toml(toml_bytes, FILE_BYTES_MAX)
        except TomlError as error:
            where = f"{name}:{error.at[0]}:{error.at[1]}" if error.at else name
            raise AgreementError(error.said, where, error.mend) from error
        self.text = toml_bytes.decode()
        self._at = _places(self.text)

    def read(self, value: object, shape: type[_T], path: str) -> _T:
        """Return the value in the shape, or say at which key it has another."""
        try:
            return msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            message, _, at = str(error).partition(" - at `$")
            message = message.removeprefix("Object contains ").removeprefix("Object ")
            inner = path + at.removesuffix("`").replace("[...]", "")
            unknown = re.search(r"unknown field `([^`]*)`", message)
            key = f"{inner}.{unknown[1]}" if unknown else inner
            found = f"{key.lstrip('.')}: {message}" if key else message
            raise self.error(key.lstrip("."), found, "correct or remove the key") from error

    def error(self, path: str, message: str, mend: str) -> AgreementError:
        return AgreementError(message, self.where(path), mend)

    def where(self, path: str) -> str:
        """``file:line:column`` of a key, or of what is around it as far as known."""
        at = self._offset(path)
        return self.name if at < 0 else self._line_column(at)

    def where_in(self, path: str, value: str, column: int) -> str:
        """``file:line:column`` of a column (from 1) of a string that stands at a key."""
        begin = self._offset(path)
        end = min((at for at in self._at.values() if at > begin), default=len(self.text))
        at = self.text.find(value, begin, end) if begin >= 0 else -1
        return self.where(path) if at < 0 else self._line_column(at + column - 1)

    def _offset(self, path: str) -> int:
        while path:
            if path in self._at:
                return self._at[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return -1

    def _line_column(self, at: int) -> str:
        begin = self.text.rfind("\n", 0, at) + 1
        return f"{self.name}:{self.text.count(chr(10), 0, at) + 1}:{at - begin + 1}"


def _places(text: str) -> dict[str, int]:
    places: dict[str, int] = {}
    seen: dict[str, int] = {}
    table, at = "", 0
    for line in text.splitlines(keepends=True):
        if header := _HEADER.match(line):
            table = header[2]
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = f"{table}[{seen[table]}]"
            places.setdefault(table, at + header.start(1))
        elif key := _KEY.match(line):
            places.setdefault(f"{table}.{key[2]}".lstrip("."), at + key.start(2))
        at += len(line)
    return places
