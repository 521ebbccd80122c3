# SPDX-License-Identifier: Apache-2.0
"""A decoder of the Qwen2 shape that fits in a few kilobytes, written as GGUF: random, always the same, useless."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import pre_tokenizers

from brightline.decoder.adapter import PARTS, Adapter

LAYERS: Final = 3
WIDTH: Final = 32
HEADS: Final = 4
KEPT: Final = 2
WIDE: Final = 64
EPSILON: Final = 1e-6
BASE: Final = 10_000.0
RANK: Final = 3
WORDS: Final = ("<|im_start|>", "<|im_end|>", "Yes", "No")


def tensors(seed: int = 7) -> dict[str, Any]:
    """By name, float32, shape (rows, width)."""
    dice = np.random.default_rng(seed)

    def some(rows: int, width: int) -> Any:
        return (dice.standard_normal((rows, width)) / np.sqrt(width)).astype(np.float32)

    kept = WIDTH // HEADS * KEPT
    found = {"token_embd.weight": some(256 + len(WORDS), WIDTH) * 4, "output_norm.weight": 1 + some(1, WIDTH)}
    for layer in range(LAYERS):
        name = f"blk.{layer}"
        found |= {f"{name}.attn_norm.weight": 1 + some(1, WIDTH), f"{name}.ffn_norm.weight": 1 + some(1, WIDTH)}
        for part, rows in (("q", WIDTH), ("k", kept), ("v", kept)):
            found |= {f"{name}.attn_{part}.weight": some(rows, WIDTH), f"{name}.attn_{part}.bias": some(1, rows)}
        found |= {f"{name}.attn_output.weight": some(WIDTH, WIDTH), f"{name}.ffn_gate.weight": some(WIDE, WIDTH)}
        found |= {f"{name}.ffn_up.weight": some(WIDE, WIDTH), f"{name}.ffn_down.weight": some(WIDTH, WIDE)}
    return found


def adapter(*names: str) -> Adapter:
    """One that changes these weights, or every one that an adapter may, by about as much as they are."""
    dice, weights = np.random.default_rng(5), tensors()
    halves = {}
    for name in names or [f"blk.{layer}.{part}" for layer in range(LAYERS) for part in PARTS]:
        rows, width = weights[f"{name}.weight"].shape
        a, b = dice.standard_normal((RANK, width)) / np.sqrt(width), dice.standard_normal((rows, RANK)) / 2
        halves[name] = a.astype(np.float16), b.astype(np.float16)
    return Adapter(halves)


def metadata() -> dict[str, Any]:
    """What the file says of itself."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {
        "general.architecture": "qwen2",
        "qwen2.block_count": LAYERS,
        "qwen2.embedding_length": WIDTH,
        "qwen2.attention.head_count": HEADS,
        "qwen2.attention.head_count_kv": KEPT,
        "qwen2.rope.freq_base": BASE,
        "qwen2.attention.layer_norm_rms_epsilon": EPSILON,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [*letters, *WORDS],
        "tokenizer.ggml.merges": [],
    }


def write(
    path: Path, said: dict[str, Any] | None = None, held: dict[str, tuple[int, bytes, int, int]] | None = None
) -> str:
    """Write the file, and give its digest. ``held``: kind, bytes, rows and width of each tensor, if not the usual."""
    said = metadata() if said is None else said
    held = as_f32(tensors()) if held is None else held
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(held), len(said)))
    for key, value in said.items():
        head += _string(key) + _value(value)
    offset = 0
    for name, (kind, data, rows, width) in held.items():
        head += _string(name) + struct.pack("<IQQIQ", 2, width, rows, kind, offset)
        offset += -(-len(data) // 32) * 32
    head += bytes(-len(head) % 32)
    body = b"".join(data + bytes(-len(data) % 32) for _, data, _, _ in held.values())
    path.write_bytes(bytes(head) + body)
    return hashlib.sha256(bytes(head) + body).hexdigest()


def as_f32(weights: dict[str, Any]) -> dict[str, tuple[int, bytes, int, int]]:
    """Tensors as ``write`` takes them."""
    return {name: (0, value.astype("<f4").tobytes(), *value.shape) for name, value in weights.items()}


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_string(one) for one in value)
    return struct.pack("<II", 4, value)


def forward(tokens: list[int]) -> list[Any]:
    """The states after each layer, the plain way: everything anew, head by head. Shape (layers, tokens, width)."""
    weights = tensors()
    size = WIDTH // HEADS
    state = weights["token_embd.weight"][tokens]
    turn = np.arange(len(tokens))[:, None] / BASE ** (np.arange(0, size, 2) / size)
    found = []

    def normed(rows: Any, name: str) -> Any:
        return rows / np.sqrt((rows**2).mean(1, keepdims=True) + EPSILON) * weights[f"{name}.weight"]

    def turned(rows: Any) -> Any:
        first, second = rows[:, : size // 2], rows[:, size // 2 :]
        return np.hstack([first * np.cos(turn) - second * np.sin(turn), second * np.cos(turn) + first * np.sin(turn)])

    for layer in range(LAYERS):
        name = f"blk.{layer}"
        rows = normed(state, f"{name}.attn_norm")
        q, k, v = (rows @ weights[f"{name}.attn_{p}.weight"].T + weights[f"{name}.attn_{p}.bias"] for p in "qkv")
        heads = []
        for head in range(HEADS):
            kept = head // (HEADS // KEPT)
            mine = turned(q[:, head * size : (head + 1) * size])
            keys = turned(k[:, kept * size : (kept + 1) * size])
            scores = mine @ keys.T / np.sqrt(size)
            scores[np.triu_indices(len(tokens), 1)] = -np.inf
            shares = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(shares / shares.sum(1, keepdims=True) @ v[:, kept * size : (kept + 1) * size])
        state = state + np.hstack(heads) @ weights[f"{name}.attn_output.weight"].T
        rows = normed(state, f"{name}.ffn_norm")
        gate = rows @ weights[f"{name}.ffn_gate.weight"].T
        wide = gate / (1 + np.exp(-gate)) * (rows @ weights[f"{name}.ffn_up.weight"].T)
        state = state + wide @ weights[f"{name}.ffn_down.weight"].T
        found.append(state)
    return found
