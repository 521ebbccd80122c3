# SPDX-License-Identifier: Apache-2.0
"""Until when a site knows that it has the newest word about releases: the expiry of the timestamp that it fetched by.

A timestamp counts once everything that it names was had and verified. Whoever holds the repository's server could else
hand on each new timestamp, keep back the rest for ever, and a site would take itself for up to date.

For those who serve; nothing of the delivery is imported here. A site that pinned no delivery root asks nobody. One
that pinned a root asks for good: who takes the root away, or all of the folder, makes no site fresh.

    <state>/delivery/root.json          the root that was pinned
    <state>/delivery/metadata/          what was verified last
    <state>/delivery/timestamp.json     the timestamp of the last fetch that came to its end
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from brightline.core.evidence.record import unix_of

PINNED_ROOT: Final = "root.json"
METADATA: Final = "metadata"
WHOLE: Final = "timestamp.json"
NEVER: Final = 0


class _Signed(msgspec.Struct, frozen=True):
    version: int
    expires: str


class _Metadata(msgspec.Struct, frozen=True):
    signed: _Signed


def fresh_until(delivery: Path, *, delivered: bool = False) -> int | None:
    """Unix seconds; 0 if nothing was fetched whole yet, ``None`` where no root was ever pinned.

    ``delivered``: the site's log says that a release came by the delivery.
    """
    if not (delivery / PINNED_ROOT).exists():
        return NEVER if delivered or delivery.exists() else None
    try:
        return unix_of(_read(delivery / WHOLE).expires)
    except (OSError, ValueError, msgspec.DecodeError):
        return NEVER


def verified_versions(delivery: Path) -> dict[str, int]:
    """The versions of what was verified last, by role. Raises ``OSError``, ``ValueError``."""
    return {role: _read(delivery / METADATA / f"{role}.json").version for role in ("root", "timestamp", "snapshot")}


def _read(path: Path) -> _Signed:
    return msgspec.json.decode(path.read_bytes(), type=_Metadata).signed
