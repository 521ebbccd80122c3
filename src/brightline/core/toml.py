# SPDX-License-Identifier: Apache-2.0
"""TOML, read in one way everywhere: within a bound, and with one kind of error for whatever is wrong with it.

Files that people write are TOML: agreements, releases, policies, settings. The parser of the standard library raises
four kinds of errors, one of them only for a number of thousands of digits; a reader that knew three would end a
process by a file. A reader catches ``TomlError`` and says in its own words what the file should have been.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

Table: TypeAlias = dict[str, Any]

_T = TypeVar("_T")
_PLACE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")


class TomlError(ValueError):
    """What is wrong, what mends it, and line and column where they are known."""

    def __init__(self, said: str, mend: str, at: tuple[int, int] | None = None) -> None:
        super().__init__(said if at is None else f"{said} (at line {at[0]}, column {at[1]})")
        self.said = said
        self.mend = mend
        self.at = at


def parse_toml(data: bytes, longest: int) -> Table:
    """The tables of a file of at most so many bytes. Raises ``TomlError`` and nothing else."""
    if len(data) > longest:
        raise TomlError(f"it has {len(data)} bytes; at most {longest} are read", "shorten the file")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise TomlError(f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        at = (int(found[1]), int(found[2])) if found else None
        raise TomlError(_PLACE.sub("", str(error)), "correct the TOML", at) from error
    except RecursionError as error:
        raise TomlError("nested too deep", "flatten the file") from error
    except ValueError as error:
        raise TomlError(f"a value cannot be read: {error}", "write a shorter number") from error


def read_toml(data: bytes, shape: type[_T], longest: int) -> _T:
    """A file as a typed value. Raises ``TomlError``, also for a key or a value that the type does not have."""
    tables = parse_toml(data, longest)
    try:
        return msgspec.convert(tables, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise TomlError(str(error), "correct or remove the key") from error
