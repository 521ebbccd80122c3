# SPDX-License-Identifier: Apache-2.0
"""Fetching a release at a site: TUF verifies what is there, then both organisations must mean the same release.

    1. root, timestamp, snapshot, targets and both delegations are verified, from the root that was pinned here
    2. nothing is older than what this site has seen, nor than what its log says that it had seen
    3. the provider's offer and the customer's approval name the same release and statement
    4. every file is fetched with its signed length and digest, into a folder of its own
    5. only then its timestamp says until when this site is up to date (``fresh.py``)

What is fetched is not in force: ``brightline classifier release --prepared`` does that, and checks everything again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater

from brightline.core.errors import ConfigError, TrustError, Unreachable
from brightline.core.screening.parcel import Approval, Offer, check_agreed, read_approval, read_offer
from brightline.files import write_whole
from brightline.shell.delivery.fetchers import FolderFetcher, HttpFetcher
from brightline.shell.delivery.fresh import METADATA, PINNED_ROOT, WHOLE, verified_versions

RELEASE_BYTES_MAX: Final = 8 * 1024**3
OFFER: Final = "classifiers/current.json"
APPROVAL: Final = "approvals/current.json"
UPDATE: Final = "update.json"
OUTCOMES: Final = "outcomes.json"


class Fetched(msgspec.Struct, frozen=True):
    """What came: the offer and its approval, and the versions that were verified."""

    offer: Offer
    approval: Approval
    versions: Mapping[str, int]


def pin_root(delivery: Path, data: bytes) -> None:
    """Pin the root that a site begins with. Raises ``TrustError`` if one is pinned already."""
    if (delivery / PINNED_ROOT).exists():
        raise TrustError(f"{delivery / PINNED_ROOT} is pinned already; a new root is fetched, not pinned")
    delivery.mkdir(mode=0o700, exist_ok=True)
    (delivery / PINNED_ROOT).write_bytes(data)


def fetch(delivery: Path, source: str, to: Path, floor: Mapping[str, int]) -> Fetched:
    """Fetch what is current into ``to``: ``release/`` and ``prepared/``.

    ``source`` is a folder or an address; ``floor`` holds the versions that the site's log says were verified before.
    Raises ``TrustError`` for whatever is not as it was signed, ``Unreachable`` if it cannot be had, ``ReleaseError``
    if what was signed does not read, ``ConfigError`` if no root is pinned or ``to`` is there.
    """
    try:
        bootstrap = (delivery / PINNED_ROOT).read_bytes()
        (delivery / METADATA).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be used: {error.strerror}") from error
    with _in_words(), _arriving(to.with_name(f".{to.name}.incoming")) as incoming:
        found = _fetch(_updater(delivery, source, bootstrap), delivery, incoming, floor)
        incoming.rename(to)
        write_whole(delivery / WHOLE, (delivery / METADATA / WHOLE).read_bytes())  # 5
    return found


@contextmanager
def _arriving(folder: Path) -> Iterator[Path]:
    """A folder for what is on its way, empty, of this process alone, and gone in the end.

    One that is there already is of a process that fetches now, or of one that was killed: the lock tells.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder} is in use: another process fetches there") from error
        try:
            for left in folder.iterdir():  # by who was killed
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _fetch(updater: Updater, delivery: Path, to: Path, floor: Mapping[str, int]) -> Fetched:
    updater.refresh()  # 1
    versions = verified_versions(delivery)
    for role, least in sorted(floor.items(), reverse=True):  # 2
        if versions.get(role, 0) < least:
            raise TrustError(f"{role} version {versions.get(role, 0)} is older than {least}, which this site had")
    offer = read_offer(_bytes(updater, OFFER, to))
    approval = read_approval(_bytes(updater, APPROVAL, to))
    statement = _bytes(updater, f"approvals/{approval.name}/{UPDATE}", to)
    check_agreed(offer, approval, statement)  # 3
    _files(updater, offer, to)  # 4
    (to / "prepared" / UPDATE).write_bytes(statement)
    return Fetched(offer, approval, versions)


def _updater(delivery: Path, source: str, bootstrap: bytes) -> Updater:
    local = str(delivery / METADATA)
    if source.startswith(("http://", "https://")):
        base = source.rstrip("/")
        return Updater(local, f"{base}/metadata", None, f"{base}/targets", HttpFetcher(), bootstrap=bootstrap)
    fetcher = FolderFetcher(Path(source))
    return Updater(local, "metadata", None, "targets", fetcher, bootstrap=bootstrap)


def _files(updater: Updater, offer: Offer, to: Path) -> None:
    wanted = {f"classifiers/{offer.name}/{name}": to / "release" / name for name in offer.files}
    if wanted:
        wanted[f"outcomes/{offer.name}/{OUTCOMES}"] = to / "prepared" / OUTCOMES
    for folder in ("release", "prepared"):
        (to / folder).mkdir()
    found = {path: _info(updater, path) for path in wanted}
    total = sum(info.length for info in found.values())
    if total > RELEASE_BYTES_MAX:
        raise TrustError(f"the release has {total} bytes; at most {RELEASE_BYTES_MAX}")
    for path, info in found.items():
        updater.download_target(info, str(wanted[path]))


def _info(updater: Updater, path: str) -> TargetFile:
    info = updater.get_targetinfo(path)
    if info is None:
        raise TrustError(f"{path} is not among what was signed")
    return info


def _bytes(updater: Updater, path: str, to: Path) -> bytes:
    incoming = to / ".incoming"
    updater.download_target(_info(updater, path), str(incoming))
    data = incoming.read_bytes()
    incoming.unlink()
    return data


@contextmanager
def _in_words() -> Iterator[None]:
    """Every way in which TUF refuses, in words of ours."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise TrustError(f"expired, so that nobody can tell whether there is something newer: {error}") from error
    except BadVersionNumberError as error:
        raise TrustError(f"older than what was seen, or of versions that do not belong together: {error}") from error
    except UnsignedMetadataError as error:
        raise TrustError(f"too few of those who must have signed it: {error}") from error
    except (LengthOrHashMismatchError, DownloadLengthMismatchError) as error:
        raise TrustError(f"other bytes than were signed: {error}") from error
    except RepositoryError as error:
        raise TrustError(f"the repository does not hold together: {error}") from error
    except SlowRetrievalError as error:
        raise Unreachable(f"it cannot be had in time: {error}") from error
    except DownloadError as error:
        raise Unreachable(f"it cannot be had: {error}") from error
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be used: {error.strerror}") from error
