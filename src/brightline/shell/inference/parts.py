# SPDX-License-Identifier: Apache-2.0
"""Files of weights, found in a folder or beside an installed package and believed by digest; nothing is imported."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import Part

PART_BYTES_MAX: Final = 2 * 1024**3


def read_part(part: Part, folders: Sequence[Path]) -> bytes:
    """The bytes of a part, from the first place that has it. Raises ``ReleaseError`` unless they are those pinned."""
    places = [folder / part.file for folder in folders] + list(_in_package(part))
    for place in places:
        if place.is_file():
            if place.stat().st_size > PART_BYTES_MAX:
                raise ReleaseError(f"{place} is larger than {PART_BYTES_MAX} bytes")
            data = place.read_bytes()
            found = hashlib.sha256(data).hexdigest()
            if found != part.sha256:
                raise ReleaseError(f"{place} has digest {found}; the release pins {part.sha256}")
            return data
    looked = ", ".join(str(place.parent) for place in places)
    wanted = f"; install {part.package}, or put it there" if part.package else ""
    raise ReleaseError(f"{part.file} is in none of {looked}{wanted}")


def _in_package(part: Part) -> Iterator[Path]:
    """Where an installed package has the file; nothing of it is imported."""
    if not part.package:
        return
    try:
        files = importlib.metadata.files(part.package) or ()
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == part.file:
            yield Path(str(file.locate()))
