# SPDX-License-Identifier: Apache-2.0
"""Until when a site knows that it has the newest word about releases: the expiry of the last timestamp it verified.

For those who serve; nothing of the delivery is imported here. A site that pinned no delivery root asks nobody.

    <state>/delivery/root.json          the root that was pinned
    <state>/delivery/metadata/          what was verified last
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from brightline.core.evidence.record import unix_of

PINNED_ROOT: Final = "root.json"
METADATA: Final = "metadata"
NEVER: Final = 0


class _Signed(msgspec.Struct, frozen=True):
    version: int
    expires: str


class _Metadata(msgspec.Struct, frozen=True):
    signed: _Signed


def fresh_until(delivery: Path) -> int | None:
    """Unix seconds; 0 if nothing was fetched yet, ``None`` where no root is pinned."""
    if not (delivery / PINNED_ROOT).exists():
        return None
    try:
        return unix_of(_read(delivery, "timestamp").expires)
    except (OSError, ValueError, msgspec.DecodeError):
        return NEVER


def verified_versions(delivery: Path) -> dict[str, int]:
    """The versions of what was verified last, by role. Raises ``OSError``, ``ValueError``."""
    return {role: _read(delivery, role).version for role in ("root", "timestamp", "snapshot")}


def _read(delivery: Path, role: str) -> _Signed:
    return msgspec.json.decode((delivery / METADATA / f"{role}.json").read_bytes(), type=_Metadata).signed
