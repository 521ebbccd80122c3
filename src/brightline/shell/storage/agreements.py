# SPDX-License-Identifier: Apache-2.0
"""The agreements that an installation holds: one folder for each, named by its digest, never changed once it is there.

    <state>/agreements/<64 hex digits>/agreement.toml, the prose, update.json (a later version), proof/ (kept proofs)

A folder appears whole, by a rename, so that a crash leaves none or all of it. What it is called is believed only after
its bytes gave the same digest.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import TrustError
from brightline.shell import shipped
from brightline.shell.storage.durable import HeldDirectory

PROOF: Final = "proof"
_DIGEST: Final = re.compile(r"\Asha256:([0-9a-f]{64})\Z")


class AgreementStore:
    """Agreements by digest, below one folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def folder(self, digest: str) -> Path:
        """Where an agreement lies. Raises ``TrustError`` for what is no digest."""
        found = _DIGEST.match(digest)
        if found is None:
            raise TrustError(f"{digest[:80]!r} is no digest of an agreement")
        return self._directory / found[1]

    def holds(self, digest: str) -> bool:
        """Whether the agreement is there."""
        return self.folder(digest).is_dir()

    def read(self, digest: str) -> Agreement:
        """Load an agreement and check that it is the one that was asked for.

        Raises ``AgreementError`` if it does not load, ``TrustError`` if a byte of it is another.
        """
        agreement = shipped.read_agreement(self.folder(digest))
        if agreement.digest != digest:
            raise TrustError(f"{self.folder(digest)} holds {agreement.digest}; a byte of it was changed")
        return agreement

    def put(self, agreement: Agreement, files: Mapping[str, bytes]) -> Path:
        """Keep an agreement. ``files`` are relative paths with one folder at most; an agreement that is there stays.

        Raises ``OSError``.
        """
        target = self.folder(agreement.digest)
        if target.is_dir():
            return target
        self._directory.mkdir(mode=0o700, exist_ok=True)
        incoming = self._directory / f".incoming-{secrets.token_hex(8)}"
        try:
            for name, data in files.items():
                path = incoming / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            incoming.rename(target)
            directory = HeldDirectory.create(self._directory)
            try:
                directory.sync()
            finally:
                directory.close()
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return target


def agreement_files(folder: Path, agreement: Agreement) -> dict[str, bytes]:
    """The files that make an agreement: what its digest is over, and the reviews of its encoding beside it."""
    read = shipped.folder_reader(folder)
    files = {"agreement.toml": read("agreement.toml"), agreement.prose: read(agreement.prose)}
    return files | {name: read(name) for name in agreement.reviews if (folder / name).is_file()}
