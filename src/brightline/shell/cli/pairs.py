# SPDX-License-Identifier: Apache-2.0
"""Options of the form NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from brightline.core.errors import ConfigError


def pairs(values: Sequence[str], option: str) -> dict[str, str]:
    """Read NAME=VALUE options. Raises ``ConfigError`` for one that is none, or a name that is given twice."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name or not rest:
            raise ConfigError(f"{option} takes NAME=VALUE; found {value!r}")
        if name in found:
            raise ConfigError(f"{option} {name} is given twice")
        found[name] = rest
    return found
