# SPDX-License-Identifier: Apache-2.0
"""What the pieces of a text add to the heads of an encoder: words and runs of bytes that a vocabulary does not know.

A file (``brightline-pieces/1``) has a line with the format, a line of JSON, and for each fact one signed byte for each
of 2^bits hashed pieces (``hashing.py``). To the log-odds of a fact comes the sum over the different pieces of a text,
over the root of their number, and a constant.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError

FORMAT: Final = b"brightline-pieces/1"
FILE_BYTES_MAX: Final = 32 * 1024 * 1024
TEXT_BYTES_MAX: Final = 8_000  # what stands further on is left to the encoder's windows


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fact: what a byte weighs, and the constant."""

    fact: str
    scale: Annotated[float, Meta(gt=0)]
    bias: float


class PiecesHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of JSON: the tables follow in the order of the columns."""

    bits: Annotated[int, Meta(ge=10, le=22)]
    column: tuple[Column, ...]


class PieceHeads(msgspec.Struct, frozen=True):
    """The tables of all columns, one after the other."""

    header: PiecesHeader
    tables: bytes


def load_pieces(data: bytes, name: str, facts: tuple[str, ...]) -> PieceHeads:
    """Read a file that must have these facts, in this order. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"{name}: longer than {FILE_BYTES_MAX} bytes")
    form, _, rest = data.partition(b"\n")
    line, _, tables = rest.partition(b"\n")
    if form != FORMAT:
        raise ReleaseError(f"{name}: format {form[:40]!r}; expected {FORMAT!r}")
    try:
        header = msgspec.json.decode(line, type=PiecesHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"{name}: {error}") from error
    if tuple(column.fact for column in header.column) != facts:
        raise ReleaseError(f"{name}: its facts are not those of the encoder's heads")
    if not all(math.isfinite(column.scale) and math.isfinite(column.bias) for column in header.column):
        raise ReleaseError(f"{name}: a number is none")
    if len(tables) != len(facts) << header.bits:
        raise ReleaseError(f"{name}: {len(tables)} weights; expected {len(facts) << header.bits}")
    return PieceHeads(header, tables)


def write_pieces(heads: PieceHeads) -> bytes:
    """The file."""
    return b"\n".join((FORMAT, msgspec.json.encode(heads.header), heads.tables))
