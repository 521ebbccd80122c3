# SPDX-License-Identifier: Apache-2.0
"""A broker's settings, ``broker.toml`` in its folder: where it listens, how its log is called, where it is found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within

FILE_NAME: Final = "broker.toml"
FILE_BYTES_MAX: Final = 65_536
_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9-]{0,40}\Z")


class BrokerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``broker.toml``. ``url`` is where nodes find it; the profile is that of its pinned roots."""

    url: Annotated[str, Meta(pattern=r"^https?://[^/?#]+$")]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8010
    name: str = "broker"
    origin: str = "brightline.local"


def read_settings(folder: Path) -> BrokerSettings:
    """Read ``broker.toml``. Raises ``ConfigError``."""
    path = folder / FILE_NAME
    try:
        settings = read_toml(read_within(path, FILE_BYTES_MAX), BrokerSettings, FILE_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} does not read: {error}") from error
    if not _NAME.match(settings.name):
        raise ConfigError(f"{path}: a broker's name has small letters, digits and hyphens")
    return settings


def to_toml(settings: BrokerSettings) -> str:
    """The settings as ``broker.toml`` has them. A JSON string or number is one of TOML."""
    values = msgspec.to_builtins(settings)
    return "".join(f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in values.items())
