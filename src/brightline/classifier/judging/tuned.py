# SPDX-License-Identifier: Apache-2.0
"""What tuning the judge's decoder left in a folder: what is added to it, heads, and what was said of every row.

adapter.npz     what is added (``brightline.decoder.adapter``)
tuned.json      heads, and what was said
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ConfigError

FORMAT: Final = "brightline-tuned/1"
ADAPTER: Final = "adapter.npz"
TUNED: Final = "tuned.json"
BYTES_MAX: Final = 256 * 1024 * 1024

Said = dict[str, dict[str, float]]
"""By row and fact, log-odds."""

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class TunedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Log-odds of a fact are ``states @ weights + bias``; ``weights`` float32, little-endian, base64 in the file."""

    weights: bytes
    bias: float


class Tuned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tuning left. ``held`` is what was said of rows by judges that had not seen their authors, ``test`` what
    the one that is shipped says of the test authors' rows. ``model`` and ``adapter`` are digests of files.
    """

    format: str
    model: _Digest
    layers: tuple[int, ...]
    width: int
    adapter: _Digest
    epochs: int
    seed: int
    heads: dict[str, TunedHead]
    held: Said
    test: Said


def read_tuned(folder: Path) -> Tuned:
    """Read what tuning left, and hold the adapter against it. Raises ``ConfigError``."""
    path = folder / TUNED
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ConfigError(f"{path} is larger than {BYTES_MAX} bytes")
        found = msgspec.json.decode(path.read_bytes(), type=Tuned)
        there = hashlib.sha256((folder / ADAPTER).read_bytes()).hexdigest()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{folder} does not hold what `brightline classifier judge tune` leaves: {error}") from error
    if found.format != FORMAT:
        raise ConfigError(f"{path} is {found.format[:40]!r} and not {FORMAT!r}")
    if any(len(head.weights) != 4 * len(found.layers) * found.width for head in found.heads.values()):
        raise ConfigError(f"{path} has a head that does not fit {len(found.layers)} states of {found.width} numbers")
    if there != found.adapter:
        raise ConfigError(f"{folder / ADAPTER} is not the one that {TUNED} was written with")
    return found
