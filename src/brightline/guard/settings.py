# SPDX-License-Identifier: Apache-2.0
"""A guard's settings: ``guard.toml`` in its folder, the whole of it typed, and what each profile demands of it.

Paths are relative to the folder. Nothing here lets a model be served that is not admitted: in the production profile a
guard without a model to admit does not start, and in the development profile each record says that nothing was.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within

FILE_NAME: Final = "guard.toml"
FILE_BYTES_MAX: Final = 65_536
DEVELOPMENT: Final = "development"
PRODUCTION: Final = "production"
_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9-]{0,40}\Z")
_Path = Annotated[str, Meta(min_length=1, max_length=4_096)]
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[model]``: the files of the model, what is signed of them, and whose signatures count (``signers``, in hex).

    ``name`` is what the model server calls it; no token for another is taken.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    folder: _Path
    key: _Path
    statement: _Path
    forms: Annotated[tuple[_Path, ...], Meta(min_length=1, max_length=256)]
    probes: _Path
    signers: Annotated[dict[str, _Hex], Meta(min_length=1, max_length=64)]


class ChannelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[channel]``: a folder as ``shell/channel.py`` has it, and the SPIFFE IDs of the gateways that may speak."""

    folder: _Path
    gateways: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1, max_length=64)]


class AttestationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[attestation]``: the guard has a lease of its own, by what people signed, which lies in its folder.

    ``command`` prints evidence of this machine; empty, the development attester answers, in its profile alone.
    ``roots`` is a folder of roots in place of the vendors' that are shipped: a policy names those that count.
    """

    command: str = ""
    roots: str = ""


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``guard.toml``. ``gateways`` are raw Ed25519 public keys in hex.

    ``consumed`` is the file of used tokens, or a ``postgresql://`` URL for guards on several machines, its password in
    the file ``consumed_password_file``. ``model_socket`` is the Unix socket that the model server listens on; empty,
    it is asked at ``model_url``.
    """

    upstream: Annotated[str, Meta(min_length=1, max_length=100)]
    model_url: Annotated[str, Meta(pattern=r"^https?://")]
    gateways: Annotated[tuple[_Hex, ...], Meta(min_length=1, max_length=64)]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8001
    name: str = "guard"
    origin: str = "brightline.local"
    profile: Annotated[str, Meta(pattern=r"^(development|production)$")] = DEVELOPMENT
    consumed: Annotated[str, Meta(min_length=1, max_length=1_024)] = "consumed.sqlite"
    consumed_password_file: str = ""
    model_socket: str = ""
    model: ModelSettings | None = None
    channel: ChannelSettings | None = None
    attestation: AttestationSettings | None = None

    def __post_init__(self) -> None:
        if self.model_url.rstrip("/").endswith("/v1"):
            raise ValueError("give model_url without /v1, which each path begins with")


def read_settings(folder: Path) -> GuardSettings:
    """Read ``guard.toml``. Raises ``ConfigError``."""
    path = folder / FILE_NAME
    try:
        settings = read_toml(read_within(path, FILE_BYTES_MAX), GuardSettings, FILE_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} does not read: {error}") from error
    if not _NAME.match(settings.name):
        raise ConfigError(f"{path}: a guard's name has small letters, digits and hyphens")
    _as_the_profile_demands(settings, path)
    return settings


def _as_the_profile_demands(settings: GuardSettings, path: Path) -> None:
    """Raises ``ConfigError``: in production nothing is left out that keeps a model from being reached or changed."""
    if settings.profile != PRODUCTION:
        return
    if settings.channel is None:
        raise ConfigError(f"{path}: in the production profile a guard knows its gateways; write the table [channel]")
    if settings.attestation is None or not settings.attestation.command:
        raise ConfigError(
            f"{path}: in the production profile a guard shows what it is; write command in the table [attestation]"
        )
    if settings.model is None:
        raise ConfigError(f"{path}: in the production profile a guard admits its model; write the table [model]")
    if not settings.model_socket:
        raise ConfigError(
            f"{path}: in the production profile the model server listens on a Unix socket; write model_socket"
        )


def to_toml(settings: GuardSettings) -> str:
    """The settings as ``guard.toml`` has them: plain values first, then each table."""
    return "\n".join(_lines("", msgspec.to_builtins(settings))) + "\n"


def _lines(table: str, values: dict[str, object]) -> list[str]:
    plain = [f"{name} = {_value(value)}" for name, value in values.items() if not isinstance(value, dict | None)]
    lines = [*([f"[{table}]"] if table else []), *plain]
    for name, value in values.items():
        if isinstance(value, dict):
            lines += _lines(f"{table}.{name}" if table else name, value)
    return lines


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return msgspec.json.encode(value).decode()  # a JSON string or number is one of TOML
