# SPDX-License-Identifier: Apache-2.0
"""Going on from the encoder of an earlier release: its weights of eight bits and its heads, as something to train.

What eight bits lost is lost (a state keeps a cosine of 0.99 with what it was), and learned again soon.
That is cheaper than to begin from the base weights: more rows, a new author, everyday text that was held.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from brightline.classifier.training.bert import Encoder, of_publisher
from brightline.classifier.training.fit import SCALE, Judge
from brightline.classifier.training.target import FACTS
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import load_encoder

TABLES: Final = ("word_embeddings", "position_embeddings", "token_type_embeddings")
OF_A_LAYER: Final = (  # in the order in which a layer multiplies
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
OURS: Final = ("asked", "told", "out", "back")


def judge_of(release: Path) -> Judge:
    """The encoder of a release with its heads; heads that it lacks are new. Raises ``ConfigError``."""
    encoder = load_encoder((release / "encoder.json").read_bytes(), "encoder.json")
    model = onnx.load_from_string((release / encoder.model.file).read_bytes())
    try:
        judge = Judge(_encoder(_values(model), _multiplied(model)))
    except (KeyError, IndexError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{release.name}: its encoder is not one that can be trained: {error}") from error
    with torch.no_grad():
        for head in encoder.head:
            at = FACTS.index(head.fact)
            weights = np.frombuffer(base64.b64decode(head.weights), np.dtype("<f4")) / SCALE
            judge.head.weight[at] = torch.from_numpy(weights)
            judge.head.bias[at] = head.bias
    return judge


def _encoder(values: Mapping[str, Any], multiplied: Sequence[Any]) -> Encoder:
    """From names as this trainer exports them, or as BERT's publishers do (the first encoder was exported so)."""
    if "words.weight" in values:
        layers = len(multiplied) // len(OURS)
        within, width = multiplied[OURS.index("out")].shape
        named = dict(values)
        for number in range(layers):
            of = multiplied[number * len(OURS) :]
            named |= {f"layers.{number}.{part}.weight": of[at] for at, part in enumerate(OURS)}
        encoder = Encoder(layers, width, within=within, words=len(values["words.weight"]))
        wanted = encoder.state_dict()
        encoder.load_state_dict({name: torch.from_numpy(np.array(named[name])) for name in wanted})
        return encoder
    given = {name.removeprefix("encoder."): value for name, value in values.items()}
    for number in range(len(multiplied) // len(OF_A_LAYER)):
        of = multiplied[number * len(OF_A_LAYER) :]
        given |= {f"encoder.layer.{number}.{part}.weight": of[at] for at, part in enumerate(OF_A_LAYER)}
    return of_publisher(given)


def _values(model: Any) -> dict[str, Any]:
    """Every stored tensor by name, as 32-bit numbers: what was quantised is unfolded by its scale."""
    stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    values = {name: value for name, value in stored.items() if value.dtype == np.float32}
    for name, value in stored.items():
        if name.endswith("_quantized"):
            base = name.removesuffix("_quantized")
            zero, scale = stored[f"{base}_zero_point"], stored[f"{base}_scale"]
            values[base] = (value.astype(np.float32) - zero.astype(np.float32)) * scale
    return values


def _multiplied(model: Any) -> list[Any]:
    """The matrices by which the graph multiplies, in its order, as ``Linear`` has them: shape (out, in)."""
    values = _values(model)
    names = [node.input[1] for node in model.graph.node if node.op_type == "MatMulInteger"]
    named = [name.removesuffix("_quantized") for name in names if name.removesuffix("_quantized") in values]
    return [np.ascontiguousarray(values[name].T) for name in named]
