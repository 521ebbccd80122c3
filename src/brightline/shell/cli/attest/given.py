# SPDX-License-Identifier: Apache-2.0
"""What both commands are given: files of evidence, a policy, roots, a time, bytes in hex."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import click
import msgspec
from msgspec import Meta

from brightline.core.attestation.chain import Root
from brightline.core.attestation.claims import Counters, Kind
from brightline.core.attestation.evidence import PART_BYTES_MAX, Evidence
from brightline.core.attestation.policy import POLICY_BYTES_MAX, Policy, read_policy
from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within
from brightline.shell.trust.roots import read_roots, shipped_roots

MANIFEST_BYTES_MAX: Final = 65_536


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    file: str
    parts: dict[str, str] = {}


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    evidence: Annotated[tuple[_Entry, ...], Meta(min_length=1, max_length=8)]


def roots_of(folder: Path | None) -> tuple[Root, ...]:
    """The shipped roots, or those of a folder. Raises ``TrustError``."""
    return read_roots(folder or shipped_roots())


def hex_of(given: str | None, option: str) -> bytes:
    """Bytes in hex; empty if nothing was given. Raises ``click.BadParameter``."""
    try:
        return bytes.fromhex(given or "")
    except ValueError:
        raise click.BadParameter(f"{option} takes bytes in hex") from None


def counters_of(given: str | None) -> Counters | None:
    """``RESETS.RESTARTS.CLOCK``. Raises ``click.BadParameter``."""
    if given is None:
        return None
    parts = given.split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise click.BadParameter("--after takes RESETS.RESTARTS.CLOCK, as --json prints them")
    return Counters(*map(int, parts))


def policy_of(path: Path) -> Policy:
    """The policy of a file. Raises ``ConfigError``."""
    return read_policy(read_within(path, POLICY_BYTES_MAX), str(path))


def evidence_of(kind: Kind, file: Path, parts: Mapping[str, Path]) -> Evidence:
    """A piece of evidence from its files. Raises ``ConfigError``."""
    read = {name: read_within(path, PART_BYTES_MAX) for name, path in parts.items()}
    return Evidence(kind, read_within(file, PART_BYTES_MAX), read)


def manifest_of(path: Path) -> tuple[Evidence, ...]:
    """All pieces that a manifest names; its files lie beside it or below. Raises ``ConfigError``."""
    try:
        manifest = read_toml(read_within(path, MANIFEST_BYTES_MAX), _Manifest, MANIFEST_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} is no list of evidence: {error}") from error
    folder = path.parent
    return tuple(
        evidence_of(entry.kind, folder / entry.file, {name: folder / part for name, part in entry.parts.items()})
        for entry in manifest.evidence
    )
