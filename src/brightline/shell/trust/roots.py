# SPDX-License-Identifier: Apache-2.0
"""The vendors' roots that travel with the package, or a folder's of the same form; each is what its digest says."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.attestation.chain import Root, RootFor, read_certificates, sha256_of
from brightline.core.errors import EvidenceRefused, TrustError
from brightline.core.toml import TomlError, read_toml
from brightline.folders import FILE_BYTES_MAX, folder_reader

ROOTS_FILE: Final = "roots.toml"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    vouches_for: RootFor
    file: str
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    label: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    root: Annotated[tuple[_Row, ...], Meta(min_length=1, max_length=256)]


def shipped_roots() -> Path:
    """The folder of the roots that travel with the package."""
    return Path(str(files("brightline") / "vendor_roots"))


def read_roots(folder: Path) -> tuple[Root, ...]:
    """The roots that ``roots.toml`` names, each compared with its digest. Raises ``TrustError``."""
    where = folder / ROOTS_FILE
    read = folder_reader(folder)
    try:
        rows = read_toml(read(ROOTS_FILE), _File, FILE_BYTES_MAX).root
        texts = {row.file: read(row.file) for row in rows}
    except (OSError, TomlError) as error:
        raise TrustError(f"{where} is no list of roots: {error}") from error
    found = {}
    for name, text in texts.items():
        for block in _blocks(text):
            try:
                [certificate] = read_certificates(block, name)
            except EvidenceRefused as error:
                raise TrustError(f"{folder / name} holds no certificates: {error.said}") from error
            found[sha256_of(certificate)] = certificate
    for row in rows:
        if row.sha256 not in found:
            raise TrustError(f"{where}: no certificate in {row.file} has the digest of {row.name!r}")
    return tuple(Root(row.name, row.vouches_for, row.label, row.sha256, found[row.sha256]) for row in rows)


def _blocks(text: bytes) -> list[bytes]:
    """A file of many certificates, one by one: the bound on a chain is none on a list."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return [begin + part.partition(end)[0] + end + b"\n" for part in text.split(begin)[1:]] or [text]
