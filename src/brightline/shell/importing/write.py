# SPDX-License-Identifier: Apache-2.0
"""From a plan to a settings file, and to the line that makes an installation of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.shell.config import Settings, check_settings
from brightline.shell.importing.plan import Model, Plan, Server

SECONDS_MAX: Final = 3_600.0
_HEAD: Final = """\
# Deployment settings of a Brightline gateway, made from a configuration of {kind}.
# Nothing here can change a verdict; docs/for-deployment-engineers.md explains each setting.
# Keys are in the environment: each key_env names the variable.

[listen]
host = "127.0.0.1"
port = 8080
"""


class Written(msgspec.Struct, frozen=True):
    """The text of ``brightline.toml``, what it says, and for each model the name of its (first) server in it."""

    toml: str
    settings: Settings
    served_by: dict[str, str]


def write_settings(plan: Plan) -> Written:
    """Write the settings. Raises ``ConfigError`` for what the settings do not take, or a plan without a model."""
    if not plan.models:
        named = "; ".join(f"{left.where}: {left.why}" for left in plan.left[:3])
        raise ConfigError(f"no model could be carried over{': ' if named else ''}{named}")
    tables: dict[str, dict[str, str | float | int]] = {}
    served_by: dict[str, str] = {}
    groups: dict[tuple[Server, ...], str] = {}
    for model in plan.models:
        if model.servers not in groups:
            groups[model.servers] = _enter(model, tables)
        served_by[model.name] = groups[model.servers]
    lines = [_HEAD.format(kind=plan.kind)]
    for name, table in tables.items():
        lines += [f"[upstream.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items()), ""]
    toml = "\n".join(lines)
    return Written(toml, check_settings({"upstream": {**tables}}, "what was read"), served_by)


def _enter(model: Model, tables: dict[str, dict[str, str | float | int]]) -> str:
    """Enter the servers of a model: the first by its host, the others as the same as it. Returns the first's name."""
    first = ""
    for server in model.servers:
        name = _free(server.url, tables)
        tables[name] = _table(server, first)
        first = first or name
    return first


def _table(server: Server, same_as: str) -> dict[str, str | float | int]:
    said: dict[str, str | float | int] = {
        "url": server.url,
        "key_env": server.key_env,
        "same_as": same_as,
        "probe_path": server.probe_path,
        "first_byte_seconds": min(server.first_byte_seconds, SECONDS_MAX),
        "total_seconds": min(server.total_seconds, SECONDS_MAX),
        "connections_max": server.connections_max,
    }
    return {name: value for name, value in said.items() if value}


def _free(url: str, taken: dict[str, dict[str, str | float | int]]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", url.partition("://")[2].lower()).strip("-")[:40] or "server"
    name, number = slug, 1
    while name in taken:
        number += 1
        name = f"{slug}-{number}"
    return name


def _toml(value: str | float) -> str:
    return msgspec.json.encode(value).decode()  # a JSON string or number is one of TOML


def init_line(plan: Plan, written: Written, state: str, settings: Path) -> str:
    """The command that makes an installation with these settings and admits these models."""
    words: Sequence[str] = ["brightline", "init", state, "--settings", str(settings)]
    for model in plan.models:
        alone = model.name == model.upstream_model and "=" not in model.name
        words = [*words, "--model", model.name if alone else f"{model.name}={model.upstream_model}"]
        if len(set(written.served_by.values())) > 1:
            words = [*words, "--served-by", f"{model.name}={written.served_by[model.name]}"]
    return shlex.join(words)
