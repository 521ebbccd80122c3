# SPDX-License-Identifier: Apache-2.0
"""A decoder of the Qwen2 shape on OpenVINO: the hidden states of some layers, after a prefix that is kept.

The layers that nobody reads are not built. Weights become whole numbers of eight bits, a scale for each row, and what
they are multiplied with is made eight bits in groups as it comes (decision 0038). Needs ``brightline[judge]``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO then takes its own stub
import openvino  # noqa: E402
from openvino import opset13 as op  # noqa: E402

from brightline.core.errors import ReleaseError  # noqa: E402
from brightline.decoder.adapter import Adapter  # noqa: E402
from brightline.decoder.gguf import Gguf  # noqa: E402

GROUP: Final = 128  # numbers that share a scale where activations become eight bits
MASKED: Final = -1e9


class Shape(msgspec.Struct, frozen=True):
    """The sizes of a decoder."""

    layers: int
    width: int
    heads: int
    kept: int  # key and value heads
    base: float
    epsilon: float

    @property
    def head(self) -> int:
        """Numbers in one head."""
        return self.width // self.heads


class Prefix(msgspec.Struct, frozen=True):
    """A text that was read once: keys and values of every layer, each of shape (heads, tokens, numbers)."""

    tokens: int
    kept: tuple[Any, ...]


class Decoder:
    """Runs token windows through the first layers of a model."""

    def __init__(
        self,
        path: Path,
        layers: Sequence[int],
        threads: int = 1,
        precise: bool = False,
        adapter: Adapter | None = None,
    ) -> None:
        """``layers`` are those read, counted from 1, in order; ``precise`` computes in 32 bits.

        Raises ``ReleaseError`` for a file that is no such model, or an ``adapter`` of another.
        """
        self.file = Gguf(path)
        if self.file.metadata.get("general.architecture") != "qwen2":
            raise ReleaseError(f"{path} is no decoder of the Qwen2 shape")
        number = self.file.number
        self.shape = Shape(
            layers=int(number("qwen2.block_count")),
            width=int(number("qwen2.embedding_length")),
            heads=int(number("qwen2.attention.head_count")),
            kept=int(number("qwen2.attention.head_count_kv")),
            base=number("qwen2.rope.freq_base"),
            epsilon=number("qwen2.attention.layer_norm_rms_epsilon"),
        )
        self.layers = tuple(layers)
        if not layers or list(layers) != sorted(set(layers)) or not 1 <= layers[0] <= layers[-1] <= self.shape.layers:
            raise ReleaseError(f"{path} has layers 1 to {self.shape.layers}, not {list(layers)}")
        if adapter is not None:
            adapter.must_fit(self.file.tensors, self.layers[-1])
        settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        settings["ENABLE_CPU_PINNING"] = "NO"  # or every process on a machine computes on its first core
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "0" if precise else str(GROUP)
        self._precise = precise
        self._adapter = adapter
        model = self._model()
        self._adapter = None  # the weights have it now
        self._request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
        nothing = np.zeros((self.shape.kept, 0, self.shape.head), np.float32)
        self.nothing = Prefix(0, (nothing,) * (2 * self.layers[-1]))

    def read(self, tokens: Sequence[int], prefix: Prefix) -> Prefix:
        """Read tokens after a prefix, and keep both."""
        mask = np.triu(np.full((len(tokens), len(tokens)), MASKED, np.float32), 1)
        positions = np.arange(prefix.tokens, prefix.tokens + len(tokens))
        given = self._run(tokens, prefix, positions, mask)
        kept = tuple(np.concatenate([old, given[len(self.layers) + i]], axis=1) for i, old in enumerate(prefix.kept))
        return Prefix(prefix.tokens + len(tokens), kept)

    def states(self, tokens: Sequence[int], endings: Sequence[Sequence[int]], prefix: Prefix) -> tuple[Any, Any]:
        """The states after ``tokens`` and each of ``endings``, which do not see each other, in one run.

        The last token's of each ending, shape (endings, layers, width), and the mean over ``tokens``, (layers, width).
        """
        every = [*tokens, *(token for ending in endings for token in ending)]
        start = len(tokens)
        mask = np.triu(np.full((len(every), len(every)), MASKED, np.float32), 1)
        positions = np.arange(len(every))
        lasts = []
        for ending in endings:
            end = start + len(ending)
            mask[start:end, len(tokens) : start] = MASKED
            positions[start:end] = np.arange(len(tokens), len(tokens) + len(ending))
            lasts.append(end - 1)
            start = end
        given = self._run(every, prefix, prefix.tokens + positions, mask)
        states, ends = given[: len(self.layers)], np.array(lasts, np.int64)
        return np.stack([each[ends] for each in states], 1), np.stack([each[: len(tokens)].mean(0) for each in states])

    def log_odds(self, states: Any, yes: int, no: int) -> Any:
        """How much likelier ``yes`` is than ``no`` as the next token, from states of the last layer, any shape."""
        name = "output.weight" if "output.weight" in self.file.tensors else "token_embd.weight"
        rows = self.file.rows(name, yes, 1)[0] - self.file.rows(name, no, 1)[0]
        size = np.sqrt((states**2).mean(-1, keepdims=True) + self.shape.epsilon)
        return (states / size * self.file.rows("output_norm.weight")[0]) @ rows

    def _run(self, tokens: Sequence[int], prefix: Prefix, positions: Any, mask: Any) -> list[Any]:
        shape = self.shape
        rows = np.concatenate([self.file.rows("token_embd.weight", token, 1) for token in tokens])
        angles = positions[:, None] / shape.base ** (np.arange(0, shape.head, 2) / shape.head)
        angles = np.concatenate([angles, angles], axis=1)
        before = np.zeros((len(tokens), prefix.tokens), np.float32)
        inputs = [
            rows,
            np.cos(angles).astype(np.float32),
            np.sin(angles).astype(np.float32),
            np.concatenate([before, mask], axis=1),
            *prefix.kept,
        ]
        self._request.infer(inputs, share_inputs=True)
        return [self._request.get_output_tensor(i).data.copy() for i in range(len(self.layers) + len(prefix.kept))]

    # ---- the graph -----------------------------------------------------------------------------------------------

    def _model(self) -> Any:
        shape = self.shape
        state = op.parameter([-1, shape.width], np.float32, name="rows")
        cos, sin = (op.parameter([-1, shape.head], np.float32, name=name) for name in ("cos", "sin"))
        mask = op.parameter([-1, -1], np.float32, name="mask")
        inputs, states, kept = [state, cos, sin, mask], [], []
        for layer in range(self.layers[-1]):
            past = [op.parameter([shape.kept, -1, shape.head], np.float32, name=f"{n}{layer}") for n in "kv"]
            inputs += past
            state, new = self._layer(layer, state, cos, sin, mask, past)
            kept += new
            if layer + 1 in self.layers:
                states.append(state)
        return openvino.Model([*states, *kept], inputs, "decoder")

    def _layer(self, layer: int, state: Any, cos: Any, sin: Any, mask: Any, past: Sequence[Any]) -> tuple[Any, Any]:
        shape, name = self.shape, f"blk.{layer}"
        normed = self._norm(state, f"{name}.attn_norm")
        q, k, v = (self._linear(normed, f"{name}.attn_{part}", biased=True) for part in "qkv")
        q, k, v = self._split(q, shape.heads), self._split(k, shape.kept), self._split(v, shape.kept)
        q, k = self._turned(q, cos, sin), self._turned(k, cos, sin)
        keys, values = op.concat([past[0], k], 1), op.concat([past[1], v], 1)
        shared = shape.heads // shape.kept
        q = op.reshape(q, np.array([shape.kept, shared, -1, shape.head]), False)
        keys4, values4 = op.unsqueeze(keys, 1), op.unsqueeze(values, 1)
        scores = op.multiply(op.matmul(q, keys4, False, True), np.float32(shape.head**-0.5))
        weights = op.softmax(op.add(scores, mask), 3)
        seen = op.reshape(op.matmul(weights, values4, False, False), np.array([shape.heads, -1, shape.head]), False)
        seen = op.reshape(op.transpose(seen, np.array([1, 0, 2])), np.array([-1, shape.width]), False)
        state = op.add(state, self._linear(seen, f"{name}.attn_output"))
        normed = self._norm(state, f"{name}.ffn_norm")
        gate = op.swish(self._linear(normed, f"{name}.ffn_gate"))
        wide = op.multiply(gate, self._linear(normed, f"{name}.ffn_up"))
        return op.add(state, self._linear(wide, f"{name}.ffn_down")), [k, v]

    def _split(self, rows: Any, heads: int) -> Any:
        return op.transpose(op.reshape(rows, np.array([-1, heads, self.shape.head]), False), np.array([1, 0, 2]))

    def _turned(self, rows: Any, cos: Any, sin: Any) -> Any:
        half = op.split(rows, 2, 2)
        other = op.concat([op.negative(half.output(1)), half.output(0)], 2)
        return op.add(op.multiply(rows, cos), op.multiply(other, sin))

    def _norm(self, state: Any, name: str) -> Any:
        square = op.reduce_mean(op.multiply(state, state), np.array([1]), True)
        size = op.sqrt(op.add(square, np.float32(self.shape.epsilon)))
        return op.multiply(op.divide(state, size), self.file.rows(f"{name}.weight"))

    def _linear(self, rows: Any, name: str, biased: bool = False) -> Any:
        whole = self.file.rows(f"{name}.weight")
        if self._adapter is not None and (delta := self._adapter.delta(name)) is not None:
            whole = np.add(whole, delta, out=delta)  # one array of that size less
        if self._precise:
            weights = op.constant(whole)
        else:
            scale = np.maximum(np.abs(whole).max(1, keepdims=True) / 127, np.float32(1e-12))
            eight = np.rint(whole / scale).astype(np.int8)
            weights = op.multiply(op.convert(op.constant(eight), "f32"), op.constant(scale))
        product = op.matmul(rows, weights, False, True)
        return op.add(product, self.file.rows(f"{name}.bias")) if biased else product
