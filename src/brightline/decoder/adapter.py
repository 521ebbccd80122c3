# SPDX-License-Identifier: Apache-2.0
"""What a decoder learned besides its published weights: for some of its weights, a product of two small matrices.

    adapter.npz                 a NumPy archive, float16, no other dimension or type
    blk.LAYER.PART.a            shape (rank, inputs); layers count from 0, and parts are called as in GGUF
    blk.LAYER.PART.b            shape (outputs, rank), its scale multiplied in

A weight ``W`` becomes ``W + b @ a`` before the decoder is built, so that an adapter takes no time when it runs. Such a
file is read by its layout, byte for byte: no header is believed, nothing is unpickled, and its size is bounded packed
and unpacked.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from brightline.core.errors import ReleaseError
from brightline.decoder.gguf import Tensor

BYTES_MAX: Final = 64 * 1024 * 1024  # of the file, and of what it unpacks to
PARTS: Final = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_NAME: Final = re.compile(rf"(?P<weight>blk\.(?:0|[1-9]\d{{0,2}})\.(?:{'|'.join(PARTS)}))\.(?P<half>[ab])\.npy")
_ARRAY: Final = re.compile(  # NEP 1, version 1.0, as every NumPy writes it; two bytes say how long the header is
    rb"\x93NUMPY\x01\x00..\{'descr': '<f2', 'fortran_order': (False|True), "
    rb"'shape': \(([1-9]\d{0,5}), ([1-9]\d{0,5})\), \} *\n",
    re.DOTALL,
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that an archive can say
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OverflowError,
    ValueError,
    RuntimeError,
    OSError,
)


class Adapter(msgspec.Struct, frozen=True):
    """By the name of a weight, as ``blk.0.attn_q``: its halves a and b."""

    halves: Mapping[str, tuple[Any, Any]]

    @classmethod
    def read(cls, source: Path | bytes) -> Adapter:
        """Read a file, or its bytes. Raises ``ReleaseError`` for whatever is not one in every respect."""
        try:
            data = source if isinstance(source, bytes) else _bytes(source)
            if len(data) > BYTES_MAX:
                raise ReleaseError(f"an adapter has more than {BYTES_MAX} bytes")
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                arrays = dict(_arrays(archive))
        except _BROKEN as error:
            raise ReleaseError(f"an adapter that does not read: {error}") from error
        halves = {}
        for name in dict.fromkeys(weight for weight, _ in arrays):
            a, b = arrays.get((name, "a")), arrays.get((name, "b"))
            if a is None or b is None or a.shape[0] != b.shape[1]:
                raise ReleaseError(f"an adapter whose halves of {name} do not belong together")
            halves[name] = a, b
        if not halves:
            raise ReleaseError("an adapter that changes nothing")
        return cls(halves)

    def write(self, path: Path) -> None:
        """Write a file, the same bytes for the same numbers. Raises ``ReleaseError`` for what would not be read."""
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            for name, halves in sorted(self.halves.items()):
                for half, numbers in zip("ab", halves, strict=True):
                    array = io.BytesIO()
                    np.save(array, np.ascontiguousarray(numbers, "<f2"), allow_pickle=False)
                    archive.writestr(zipfile.ZipInfo(f"{name}.{half}.npy", _EPOCH), array.getvalue())
        self.read(held.getvalue())
        path.write_bytes(held.getvalue())

    def must_fit(self, tensors: Mapping[str, Tensor], layers: int) -> None:
        """Raises ``ReleaseError`` unless each is a weight of the first ``layers`` layers, and of its shape."""
        for name, (a, b) in self.halves.items():
            tensor = tensors.get(f"{name}.weight")
            if tensor is None or int(name.split(".")[1]) >= layers:
                raise ReleaseError(f"the adapter changes {name}, which is not among the {layers} layers that are read")
            if (b.shape[0], a.shape[1]) != (tensor.rows, tensor.width):
                raise ReleaseError(
                    f"the adapter changes {name} as {b.shape[0]} by {a.shape[1]} numbers; "
                    f"the model has {tensor.rows} by {tensor.width}"
                )

    def delta(self, name: str) -> Any | None:
        """What is added to a weight, float32 and the caller's own; ``None`` if it stays as it is."""
        if name not in self.halves:
            return None
        a, b = self.halves[name]
        return b.astype(np.float32) @ a.astype(np.float32)


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)


def _arrays(archive: zipfile.ZipFile) -> Iterator[tuple[tuple[str, str], Any]]:
    """By weight and half. No member is unpacked further than its size, nor any before all sizes are added up."""
    members = archive.infolist()
    if sum(member.file_size for member in members) > BYTES_MAX:
        raise ReleaseError(f"an adapter unpacks to more than {BYTES_MAX} bytes")
    if len({member.filename for member in members}) != len(members):
        raise ReleaseError("an adapter holds two arrays of one name")
    for member in members:
        named = _NAME.fullmatch(member.filename)
        if named is None or member.compress_type not in _PACKED:
            raise ReleaseError(f"an adapter changes no {member.filename[:80]!r}")
        with archive.open(member) as file:
            yield (named["weight"], named["half"]), _array(member.filename, file.read(member.file_size))


def _array(name: str, data: bytes) -> Any:
    said = _ARRAY.match(data)
    if said is None:
        raise ReleaseError(f"{name} is no array of two dimensions in float16")
    order, rows, width = said[1], int(said[2]), int(said[3])
    if said.end() != 10 + int.from_bytes(data[8:10], "little") or len(data) != said.end() + 2 * rows * width:
        raise ReleaseError(f"{name} is not as long as it says")
    numbers = np.frombuffer(data, "<f2", offset=said.end())
    if not np.isfinite(numbers).all():
        raise ReleaseError(f"{name} holds what is no number")
    return numbers.reshape((rows, width), order="F" if order == b"True" else "C")
