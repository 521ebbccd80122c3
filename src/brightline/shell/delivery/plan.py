# SPDX-License-Identifier: Apache-2.0
"""The roles of a delivery repository: who holds them, how many must sign, for how long what they sign is fresh.

    root        who holds which role; offline, several people (TUF 1.0 section 2.1.1)
    targets     delegates to the two organisations, and to nobody else; offline (2.1.2)
    provider    the releases that are offered: classifiers/*, outcomes/*
    customer    what the customer approved of them: approvals/*
    snapshot    which versions belong together (2.1.3)
    timestamp   that this is still the newest; its expiry is for how long a site can be kept from news (2.1.4)

Each file is delegated to one role by one way: no two delegations meet ("diamonds", python-tuf advisory 2978).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within

FORMAT: Final = "brightline-delivery/1"
FILE_BYTES_MAX: Final = 262_144
TOP_LEVEL: Final = ("root", "targets", "snapshot", "timestamp")
ORGANISATIONS: Final = {
    "provider": ("classifiers/*", "classifiers/*/*", "outcomes/*/*"),
    "customer": ("approvals/*", "approvals/*/*"),
}


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person or an office, and a raw Ed25519 public key in hex."""

    holder: Annotated[str, Meta(min_length=1, max_length=120)]
    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class RolePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One role: how many of its holders must sign, and for how many days what they signed is fresh."""

    threshold: Annotated[int, Meta(ge=1, le=50)]
    days: Annotated[int, Meta(ge=1, le=3_650)]
    keys: tuple[Holder, ...]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All roles."""

    format: str
    root: RolePlan
    targets: RolePlan
    snapshot: RolePlan
    timestamp: RolePlan
    provider: RolePlan
    customer: RolePlan

    def role(self, name: str) -> RolePlan:
        """The plan of a role."""
        found: RolePlan = getattr(self, name)
        return found


ROLES: Final = (*TOP_LEVEL, *ORGANISATIONS)


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises ``ConfigError``."""
    try:
        plan = read_toml(read_within(path, FILE_BYTES_MAX), Plan, FILE_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} is no plan: {error}") from error
    if plan.format != FORMAT:
        raise ConfigError(f"{path} has format {plan.format[:40]!r}; expected {FORMAT!r}")
    for name in ROLES:
        _check(path, name, plan.role(name))
    mine, theirs = ({key.public for key in plan.role(name).keys} for name in ORGANISATIONS)
    if mine & theirs:
        raise ConfigError(f"{path}: one key for both organisations: nobody signs for the other")
    return plan


def _check(path: Path, name: str, role: RolePlan) -> None:
    if len({key.public for key in role.keys}) != len(role.keys) or len({key.holder for key in role.keys}) != len(
        role.keys
    ):
        raise ConfigError(f"{path}: {name} names a key or a holder twice")
    if len(role.keys) < role.threshold:
        raise ConfigError(f"{path}: {name} takes {role.threshold} signatures and has {len(role.keys)} holders")
