# SPDX-License-Identifier: Apache-2.0
"""The agreements that an installation holds: one folder for each, named by its digest, never changed once it is there.

    <state>/agreements/<64 hex digits>/agreement.toml, the prose, update.json (a later version), proof/ (kept proofs)

What an agreement's folder is called is believed only after its bytes gave the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import TrustError
from brightline.shell import shipped
from brightline.shell.storage.kept import KeptFolders

PROOF: Final = "proof"


class AgreementStore:
    """Agreements by digest, below one folder."""

    def __init__(self, directory: Path) -> None:
        self._kept = KeptFolders(directory, "an agreement")

    def folder(self, digest: str) -> Path:
        """Where an agreement lies. Raises ``TrustError`` for what is no digest of an agreement."""
        return self._kept.folder(digest)

    def holds(self, digest: str) -> bool:
        """Whether the agreement is there."""
        return self._kept.holds(digest)

    def read(self, digest: str) -> Agreement:
        """Load an agreement and check that it is the one that was asked for.

        Raises ``AgreementError`` if it does not load, ``TrustError`` if a byte of it is another.
        """
        return _read(self.folder(digest), digest)

    def put(self, agreement: Agreement, files: Mapping[str, bytes]) -> Path:
        """Keep an agreement. ``files`` are relative paths with one folder at most; an agreement that is there stays.

        Raises ``AgreementError`` or ``TrustError`` if these files, or those that are there, are not it: its folder was
        written to since it was read. Raises ``OSError``.
        """

        def check(folder: Path) -> None:
            _read(folder, agreement.digest)

        return self._kept.put(agreement.digest, files, check)


def _read(folder: Path, digest: str) -> Agreement:
    agreement = shipped.read_agreement(folder)
    if agreement.digest != digest:
        raise TrustError(f"{folder} holds {agreement.digest}; a byte of it was changed")
    return agreement


def agreement_files(folder: Path, agreement: Agreement) -> dict[str, bytes]:
    """The files that make an agreement: what its digest is over, and the reviews of its encoding beside it."""
    read = shipped.folder_reader(folder)
    files = {"agreement.toml": read("agreement.toml"), agreement.prose: read(agreement.prose)}
    return files | {name: read(name) for name in agreement.reviews if (folder / name).is_file()}
