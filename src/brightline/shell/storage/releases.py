# SPDX-License-Identifier: Apache-2.0
"""The classifier releases that an installation holds, and what they said of the pinned cases.

    <state>/releases/<64 hex digits>/    release.toml and every file beside it
    <state>/outcomes/<64 hex digits>/    outcomes.json

The release that the installation names lies where the settings say, or travels with the package; each later one is
kept here. A digest is believed only after the bytes gave it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from brightline.core.errors import ReleaseError, TrustError
from brightline.core.facts import Vocabulary
from brightline.core.screening.gate import FILE_BYTES_MAX
from brightline.core.screening.release import Release
from brightline.shell import shipped
from brightline.shell.config import Settings
from brightline.shell.state import StateFolder
from brightline.shell.storage.kept import KeptFolders

FILES_MAX: Final = 200
RELEASE_BYTES_MAX: Final = 8 * 1024**3
OUTCOMES_FILE: Final = "outcomes.json"


def release_folder(settings: Settings) -> Path:
    """The folder of the release that the settings name, or of the one that is shipped."""
    folder = settings.agreement.release
    return Path(folder) if folder else shipped.shipped_release()


class ReleaseStore:
    """Releases by digest."""

    def __init__(self, state: StateFolder, settings: Settings) -> None:
        self._releases = KeptFolders(state.releases, "a classifier release")
        self._outcomes = KeptFolders(state.outcomes, "a file of outcomes")
        self._named = release_folder(settings)

    def folder(self, digest: str) -> Path:
        """Where a release lies: kept here, or else where the settings say. Raises ``TrustError`` for no digest."""
        return self._releases.folder(digest) if self._releases.holds(digest) else self._named

    def read(self, digest: str, vocabulary: Vocabulary) -> Release:
        """Load a release and the files that it pins.

        Raises ``ReleaseError`` if it does not load, ``TrustError`` if it is not here or a byte of it is another.
        """
        folder = self.folder(digest)
        release = shipped.read_release(folder, vocabulary)
        if release.digest != digest:
            raise TrustError(f"release {digest} is not here; {folder} holds {release.digest}")
        return release

    def put(self, release: Release, folder: Path, check: Callable[[Path], None]) -> Path:
        """Keep a release with every file of its folder. ``check`` raises if what is kept is not what was looked at.

        Raises ``ReleaseError``, ``OSError``.
        """
        return self._releases.put(release.digest, dict(release_files(folder)), check)

    def outcomes(self, digest: str) -> bytes:
        """What was said of the pinned cases. Raises ``TrustError`` if it is not here, or a byte of it is another."""
        return _read_outcomes(self._outcomes.folder(digest), digest)

    def put_outcomes(self, data: bytes) -> str:
        """Keep what was said; returns its digest. Raises ``TrustError`` as :meth:`outcomes` does, ``OSError``."""
        digest = outcomes_digest(data)

        def check(folder: Path) -> None:
            _read_outcomes(folder, digest)

        self._outcomes.put(digest, {OUTCOMES_FILE: data}, check)
        return digest


def _read_outcomes(folder: Path, digest: str) -> bytes:
    path = folder / OUTCOMES_FILE
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error
    if outcomes_digest(data) != digest:
        raise TrustError(f"{path} has another digest; a byte of it was changed")
    return data


def outcomes_digest(data: bytes) -> str:
    """By what a file of outcomes is named."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def release_files(folder: Path) -> dict[str, Path]:
    """Every file of a release's folder, by name. Raises ``ReleaseError`` for a folder in it, a link, or too much."""
    found = {}
    total = 0
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise ReleaseError(f"{path} is no plain file; a release is a folder of plain files")
        total += path.stat().st_size
        found[path.name] = path
    if len(found) > FILES_MAX or total > RELEASE_BYTES_MAX:
        raise ReleaseError(f"{folder} has {len(found)} files with {total} bytes; at most {FILES_MAX} and 8 GiB")
    return found
