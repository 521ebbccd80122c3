# SPDX-License-Identifier: Apache-2.0
"""GGUF, read without its library: the metadata and the tensors of a model file, as numbers of 32 bits.

Layout: GGUF version 3 (``docs/gguf.md`` of ggml). Blocks: F32, F16, Q8_0, Q5_0, Q4_K, Q6_K, as ``ggml-quants.c`` lays
them out. Nothing in such a file is executed, and every length is held against the file's own before it is believed.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from brightline.core.errors import ReleaseError

MAGIC: Final = b"GGUF"
VERSION: Final = 3
ENTRIES_MAX: Final = 4_096
TENSORS_MAX: Final = 4_096
ARRAY_MAX: Final = 1_000_000
STRING_MAX: Final = 1 << 20

_SCALARS: Final = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING: Final = 8
_ARRAY: Final = 9


class Tensor(msgspec.Struct, frozen=True):
    """Where a tensor lies: ``rows`` of ``width`` numbers, blocks of ``kind``, from ``start`` in the file."""

    rows: int
    width: int
    kind: int
    start: int


class Gguf:
    """A model file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        """Read the metadata. Raises ``ReleaseError`` for what is no such file, or one with blocks that we cannot."""
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ReleaseError(f"{path} cannot be mapped: {error}") from error
        self._path = path
        self._at = 0
        try:
            self.metadata, self.tensors = self._header()
        except (struct.error, UnicodeDecodeError, KeyError, IndexError) as error:
            raise ReleaseError(f"{path} is no GGUF file of version {VERSION}: {error}") from error

    def rows(self, name: str, first: int = 0, count: int | None = None) -> Any:
        """Some rows of a tensor as float32, shape (count, width). Raises ``ReleaseError`` if there are no such."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise ReleaseError(f"{self._path} has no tensor {name}")
        count = tensor.rows - first if count is None else count
        if not 0 <= first <= first + count <= tensor.rows:
            raise ReleaseError(f"{name} has no rows {first} to {first + count}")
        numbers, size, unpack = _BLOCKS[tensor.kind]
        row_bytes = tensor.width // numbers * size
        start = tensor.start + first * row_bytes
        raw = np.frombuffer(self._data, np.uint8, count * row_bytes, start).reshape(-1, size)
        return unpack(raw).astype(np.float32, copy=False).reshape(count, tensor.width)

    def number(self, key: str) -> float:
        """A number of the metadata. Raises ``ReleaseError``."""
        value = self.metadata.get(key)
        if not isinstance(value, int | float):
            raise ReleaseError(f"{self._path} does not say {key}")
        return value

    def _header(self) -> tuple[Mapping[str, Any], Mapping[str, Tensor]]:
        if self._take(4) != MAGIC or self._scalar(4) != VERSION:
            raise ReleaseError(f"{self._path} is no GGUF file of version {VERSION}")
        tensors, entries = self._scalar(10), self._scalar(10)
        if tensors > TENSORS_MAX or entries > ENTRIES_MAX:
            raise ReleaseError(f"{self._path} has too many tensors or entries")
        metadata = {self._string(): self._value(self._scalar(4)) for _ in range(entries)}
        named = [(self._string(), self._shape(), self._scalar(4), self._scalar(10)) for _ in range(tensors)]
        alignment = int(metadata.get("general.alignment", 32))
        base = -(-self._at // alignment) * alignment
        found = {}
        for name, (width, rows), kind, offset in named:
            if kind not in _BLOCKS:
                raise ReleaseError(f"{self._path}: {name} has blocks of kind {kind}, which we do not read")
            numbers, size, _ = _BLOCKS[kind]
            end = base + offset + rows * width // numbers * size
            if width % numbers or end > len(self._data):
                raise ReleaseError(f"{self._path}: {name} does not fit the file")
            found[name] = Tensor(rows, width, kind, base + offset)
        return metadata, found

    def _shape(self) -> tuple[int, int]:
        sizes = [self._scalar(10) for _ in range(self._scalar(4))]
        if not 1 <= len(sizes) <= 2:
            raise ReleaseError(f"{self._path}: a tensor of {len(sizes)} dimensions")
        return sizes[0], sizes[1] if len(sizes) == 2 else 1

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._scalar(kind)
        of, count = self._scalar(4), self._scalar(10)
        if count > ARRAY_MAX or of == _ARRAY:
            raise ReleaseError(f"{self._path}: an array of {count} values")
        return [self._string() if of == _STRING else self._scalar(of) for _ in range(count)]

    def _string(self) -> str:
        size = self._scalar(10)
        if size > STRING_MAX:
            raise ReleaseError(f"{self._path}: a string of {size} bytes")
        return self._take(size).decode()

    def _scalar(self, kind: int) -> Any:
        layout = _SCALARS[kind]
        (value,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return value

    def _take(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        if len(data) != count:
            raise ReleaseError(f"{self._path} ends too soon")
        self._at += count
        return data


# ---- blocks: each takes (blocks, bytes of a block) and gives (blocks, numbers of a block) ---------------------------


def _f32(raw: Any) -> Any:
    return raw.view("<f4")


def _f16(raw: Any) -> Any:
    return raw.view("<f2").astype(np.float32)


def _q8_0(raw: Any) -> Any:
    return raw[:, :2].copy().view("<f2").astype(np.float32) * raw[:, 2:].view(np.int8)


def _q5_0(raw: Any) -> Any:
    scale = raw[:, :2].copy().view("<f2").astype(np.float32)
    high = np.unpackbits(raw[:, 2:6], axis=1, bitorder="little")
    low = np.concatenate([raw[:, 6:] & 15, raw[:, 6:] >> 4], axis=1)
    return scale * ((low | high << 4).astype(np.float32) - 16)


def _q4_k(raw: Any) -> Any:
    scale, least = (raw[:, at : at + 2].copy().view("<f2").astype(np.float32) for at in (0, 2))
    packed = raw[:, 4:16]
    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    scales = np.concatenate([first & 63, third & 15 | (first >> 6) << 4], axis=1)
    leasts = np.concatenate([second & 63, third >> 4 | (second >> 6) << 4], axis=1)
    halves = raw[:, 16:].reshape(-1, 4, 32)
    numbers = np.stack([halves & 15, halves >> 4], axis=2).reshape(-1, 8, 32)
    return ((scale * scales)[:, :, None] * numbers - (least * leasts)[:, :, None]).reshape(-1, 256)


def _q6_k(raw: Any) -> Any:
    low = raw[:, :128].reshape(-1, 2, 64)
    high = raw[:, 128:192].reshape(-1, 2, 32)
    four = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    two = np.stack([high >> shift & 3 for shift in (0, 2, 4, 6)], axis=2)
    numbers = (four | two << 4).astype(np.float32).reshape(-1, 16, 16) - 32
    scales = raw[:, 192:208].view(np.int8) * raw[:, 208:].copy().view("<f2").astype(np.float32)
    return (numbers * scales[:, :, None]).reshape(-1, 256)


_BLOCKS: Final[Mapping[int, tuple[int, int, Callable[[Any], Any]]]] = {  # numbers and bytes of a block
    0: (1, 4, _f32),
    1: (1, 2, _f16),
    6: (32, 22, _q5_0),
    8: (32, 34, _q8_0),
    12: (256, 144, _q4_k),
    14: (256, 210, _q6_k),
}
