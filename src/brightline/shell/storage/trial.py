# SPDX-License-Identifier: Apache-2.0
"""What each worker counted of a candidate release so far, in a file of its own, for a command to show. Counts alone.

Nothing is decided by these files: where a candidate goes stands in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.screening.trial import Compared, Stage

FILE_BYTES_MAX: Final = 262_144


class Counted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one worker: which statement, in which stage, and the figures."""

    shard: str
    number: int
    stage: Stage
    figures: Compared


def write_counted(folder: Path, counted: Counted) -> None:
    """Write a worker's file anew. Raises ``OSError``."""
    folder.mkdir(mode=0o700, exist_ok=True)
    incoming = folder / f".{counted.shard}"
    incoming.write_bytes(msgspec.json.encode(counted))
    incoming.replace(folder / f"{counted.shard}.json")


def read_counted(folder: Path, number: int, stage: Stage) -> Iterator[Counted]:
    """What workers counted of this statement in this stage; a file that does not read says nothing."""
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as file:
                counted = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=Counted)
        except (OSError, UnicodeDecodeError, msgspec.DecodeError):
            continue
        if (counted.number, counted.stage) == (number, stage):
            yield counted
