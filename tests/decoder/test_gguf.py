# SPDX-License-Identifier: Apache-2.0
"""Model files are read as their format says, block by block, and what is no such file is refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brightline.core.errors import ReleaseError
from brightline.decoder.gguf import Gguf
from tests import tiny_decoder


def _half(data: bytes) -> float:
    return float(np.frombuffer(data, "<f2")[0])


def q8_0(block: bytes) -> list[float]:
    return [_half(block[:2]) * number for number in struct.unpack("<32b", block[2:])]


def q5_0(block: bytes) -> list[float]:
    (high,) = struct.unpack("<I", block[2:6])
    found = [0.0] * 32
    for j in range(16):
        found[j] = _half(block[:2]) * ((block[6 + j] & 15 | (high >> j & 1) << 4) - 16)
        found[j + 16] = _half(block[:2]) * ((block[6 + j] >> 4 | (high >> (j + 16) & 1) << 4) - 16)
    return found


def q4_k(block: bytes) -> list[float]:
    scale, least, packed, numbers = _half(block[:2]), _half(block[2:4]), block[4:16], block[16:]
    found = []
    for j in range(8):
        if j < 4:
            s, m = packed[j] & 63, packed[j + 4] & 63
        else:
            s = packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4
            m = packed[j + 4] >> 4 | (packed[j] >> 6) << 4
        chunk = numbers[32 * (j // 2) : 32 * (j // 2 + 1)]
        found += [scale * s * (byte >> 4 if j % 2 else byte & 15) - least * m for byte in chunk]
    return found


def q6_k(block: bytes) -> list[float]:
    low, high, scales = block[:128], block[128:192], struct.unpack("<16b", block[192:208])
    found = [0.0] * 256
    for half in range(2):
        for i in range(32):
            two = high[32 * half + i]
            four = low[64 * half + i], low[64 * half + 32 + i]
            for k, bits in enumerate((four[0] & 15, four[1] & 15, four[0] >> 4, four[1] >> 4)):
                at = 128 * half + 32 * k + i
                found[at] = _half(block[208:]) * scales[at // 16] * ((bits | (two >> 2 * k & 3) << 4) - 32)
    return found


@pytest.mark.parametrize(
    ("kind", "numbers", "size", "slow"),
    [(8, 32, 34, q8_0), (6, 32, 22, q5_0), (12, 256, 144, q4_k), (14, 256, 210, q6_k)],
)
def test_each_kind_of_block_is_unpacked_as_its_format_says(
    tmp_path: Path, kind: int, numbers: int, size: int, slow: Any
) -> None:
    dice = np.random.default_rng(kind)
    scales = {8: (0,), 6: (0,), 12: (0, 2), 14: (208,)}[kind]
    blocks = dice.integers(0, 256, (6, size), dtype=np.uint8)
    for at in scales:
        blocks[:, at : at + 2] = dice.uniform(-2, 2, (6, 1)).astype("<f2").view(np.uint8)
    tiny_decoder.write(tmp_path / "one.gguf", held={"t": (kind, blocks.tobytes(), 3, 2 * numbers)})
    file = Gguf(tmp_path / "one.gguf")
    expected = np.array([slow(block.tobytes()) for block in blocks], np.float64).reshape(3, 2 * numbers)
    np.testing.assert_allclose(file.rows("t"), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(file.rows("t", 1, 1), expected[1:2], rtol=1e-5, atol=1e-5)


def test_what_the_file_says_of_itself_is_read(tmp_path: Path) -> None:
    tiny_decoder.write(tmp_path / "tiny.gguf")
    file = Gguf(tmp_path / "tiny.gguf")
    assert file.metadata["general.architecture"] == "qwen2"
    assert file.number("qwen2.block_count") == tiny_decoder.LAYERS
    np.testing.assert_array_equal(file.rows("blk.1.attn_q.weight"), tiny_decoder.tensors()["blk.1.attn_q.weight"])
    with pytest.raises(ReleaseError):
        file.rows("nothing")
    with pytest.raises(ReleaseError):
        file.rows("output_norm.weight", 1, 1)
    with pytest.raises(ReleaseError):
        file.number("general.architecture")


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    tiny_decoder.write(tmp_path / "tiny.gguf")
    whole = (tmp_path / "tiny.gguf").read_bytes()
    for end in (0, 3, 4, 10, 24, 200, 3_000, len(whole) // 2, len(whole) - 64):
        (tmp_path / "cut.gguf").write_bytes(whole[:end])
        with pytest.raises(ReleaseError):
            Gguf(tmp_path / "cut.gguf")


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"GGUX"),
        (4, struct.pack("<I", 2)),
        (8, struct.pack("<Q", 1 << 40)),
        (16, struct.pack("<Q", 1 << 40)),
        (24, struct.pack("<Q", 1 << 60)),
    ],
)
def test_a_length_is_not_believed(tmp_path: Path, at: int, value: bytes) -> None:
    tiny_decoder.write(tmp_path / "tiny.gguf")
    data = bytearray((tmp_path / "tiny.gguf").read_bytes())
    data[at : at + len(value)] = value
    (tmp_path / "tiny.gguf").write_bytes(data)
    with pytest.raises(ReleaseError):
        Gguf(tmp_path / "tiny.gguf")
