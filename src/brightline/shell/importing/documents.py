# SPDX-License-Identifier: Apache-2.0
"""YAML of others, read safely and bounded: plain values only, no name twice, no document that unfolds without end.

Only this file knows the YAML library. Its safe loader makes no objects; what it does not bound (size, aliases that
multiply what they stand for, nesting, names that are given twice) is bounded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from brightline.core.errors import ConfigError

BYTES_MAX: Final = 512 * 1024
ALIASES_MAX: Final = 200
NODES_MAX: Final = 100_000
DEPTH_MAX: Final = 32
DOCUMENTS_MAX: Final = 2_000

_OPENS: Final = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSES: Final = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

Value = Any
"""A plain value: a mapping with names of text, a list, text, a number, a truth value or nothing."""


# libyaml's parser is ten times faster; it recurses in C, so it builds only what was looked at before.
_SAFE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE):  # type: ignore[misc, valid-type, unused-ignore]
    """The safe loader, which refuses a name twice. What merging (``<<``) copies, PyYAML 6.0.4 bounds by itself."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(names) != len(set(names)) and not getattr(node, "flattened", False):
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"line {node.start_mark.line + 1}: the name {twice[:60]!r} is given twice")
        super().flatten_mapping(node)
        node.flattened = True  # an alias comes here again, and what was merged may repeat names


def read_documents(path: Path) -> list[Value]:
    """Every document of a YAML file. Raises ``ConfigError``, which names the line and repeats no value."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > BYTES_MAX:
        raise ConfigError(f"{path} exceeds {BYTES_MAX} bytes")
    try:
        text = data.decode()
        _look_first(text)
        budget = iter(range(NODES_MAX))
        found = []
        for document in yaml.load_all(text, _Loader):
            if document is not None:
                found.append(_plain(document, budget, 0))
            if len(found) > DOCUMENTS_MAX:
                raise ConfigError(f"more than {DOCUMENTS_MAX} documents")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "somewhere"
        raise ConfigError(f"{path}, {line}: this is no YAML that is read here") from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise ConfigError(f"{path}: this is no YAML that is read here ({type(error).__name__})") from error
    return found


def _look_first(text: str) -> None:
    """Bound what is built before anything is: depth and aliases. Raises ``ConfigError``."""
    aliases = depth = 0
    for token in yaml.scan(text, _SAFE):
        aliases += isinstance(token, yaml.AliasToken)
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        if aliases > ALIASES_MAX or depth > DEPTH_MAX:
            raise ConfigError(f"more than {ALIASES_MAX} aliases, or more than {DEPTH_MAX} values within each other")


def _plain(value: Value, budget: Iterator[int], depth: int) -> Value:
    """A copy without sharing, so that what was walked is what there is. Raises ``ConfigError``."""
    if next(budget, None) is None or depth > DEPTH_MAX:
        raise ConfigError(f"more than {NODES_MAX} values, or more than {DEPTH_MAX} within each other")
    if isinstance(value, dict):
        return {str(name)[:200]: _plain(child, budget, depth + 1) for name, child in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(child, budget, depth + 1) for child in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)  # a date


def mapping(value: Value) -> dict[str, Value]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Value) -> list[Value]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Value) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def seconds(value: Value) -> float:
    """A time in seconds: a number, or a text such as ``90``, ``90s``, ``1m30s`` or ``500ms``; 0 if it is none."""
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, int | float):
        return float(value) if 0 < value < 1e9 else 0.0
    total, number = 0.0, ""
    rest = text(value).strip()[:40]
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:digits], rest[digits:]
        letters = len(rest) - len(rest.lstrip("hms"))
        unit, rest = rest[:letters] or "s", rest[letters:]
        try:
            total += float(number) * units[unit]
        except (ValueError, KeyError):
            return 0.0
    return total
