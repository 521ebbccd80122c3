# SPDX-License-Identifier: Apache-2.0
"""Training the encoder, and what is shipped of it: ONNX with weights of eight bits, heads, canaries.

1. fitted without some authors, it scores their rows: thresholds are set on these scores
2. it goes on from there, with all authors
3. it is exported and quantised (signed, by channel); from then on it is tried as it will run
"""

from __future__ import annotations

import base64
import hashlib
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from brightline.classifier.corpus import Corpus
from brightline.classifier.everyday import Everyday
from brightline.classifier.training.bert import encoder_from
from brightline.classifier.training.canaries import canary_of
from brightline.classifier.training.distilling import Taught
from brightline.classifier.training.examples import Example, Words, examples_of, plain_of
from brightline.classifier.training.fit import RATE, SCALE, Fitter, Judge, Pool
from brightline.classifier.training.release import CLOSE
from brightline.classifier.training.target import FACTS, MAIN, target
from brightline.core.screening.encoder import FORMAT, Encoder, Head, Part

TOKENS: Final = 256
OVERLAP: Final = 64
WINDOWS_MAX: Final = 64
SECOND_SHARE: Final = 0.5  # of the epochs, with all authors after some were held out
FURTHER_RATE: Final = RATE / 2  # of what was trained before
UNSET: Final = (0.5, 0.5)  # thresholds that are not set yet
MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"


class Training(msgspec.Struct, frozen=True):
    """What an encoder is trained on, and how long. ``weights`` are files by name; ``held_out`` names authors.

    Rows that a grammar ``composed`` count ``composed_weight`` each, and none of them becomes a canary; nor does any
    text of the pool of which a judge has ``taught`` something.
    """

    corpora: Sequence[Corpus]
    everyday: Sequence[Everyday]
    weights: dict[str, bytes]
    held_out: frozenset[str]
    epochs: float
    seed: int
    device: str
    composed: tuple[Corpus, ...] = ()
    composed_weight: float = 1.0
    taught: Taught | None = None


def train_encoder(
    training: Training, out: Path, held: Path, step: Callable[[int], None], judge: Judge | None = None
) -> None:
    """Write the encoder to ``out``, and the one that has not seen the authors held out to ``held``.

    ``step`` is told how many rows are done. ``judge`` takes the place of the base weights.
    """
    words = Words(training.weights[TOKENIZER], TOKENS)
    taught = training.taught
    examples = examples_of(training.corpora, "train", words, goal=taught.goal if taught else target)
    pool = taught.examples(words) if taught else []
    composed = examples_of(training.composed, "train", words, training.composed_weight)
    plain, _ = plain_of(training.everyday, words)
    fitter = Fitter(words, plain, training.device)
    done = 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        step(done)

    rate = FURTHER_RATE if judge else RATE
    judge = judge or Judge(encoder_from(training.weights["model.safetensors"]))

    def beside(rows: Sequence[Example], of: Sequence[Example]) -> Pool:
        return Pool(of, taught.each(len(of), len(rows)) if taught else 0)

    seen, heard = ([one for one in of if one.author not in training.held_out] for of in (examples, pool))
    first, then = [*seen, *composed], [*examples, *composed]
    fitter.fit(judge, first, training.epochs, training.seed, rate, count, beside(first, heard))  # 1.
    write(judge, fitter, seen, training.weights, held)
    fitter.fit(judge, then, training.epochs * SECOND_SHARE, training.seed + 1, rate, count, beside(then, pool))  # 2.
    write(judge, fitter, examples, training.weights, out)


def write(judge: Judge, fitter: Fitter, examples: Sequence[Example], weights: dict[str, bytes], out: Path) -> None:
    """Export a judge with thresholds that are not set yet (3.)."""
    out.mkdir(parents=True, exist_ok=True)
    said = fitter.ask(judge, [example.tokens for example in examples])
    rows = [example.row for example in examples]
    canaries = [canary for fact in MAIN for canary in canary_of(fact, rows, said[:, FACTS.index(fact)])]
    export(judge, out / MODEL)
    judge.to(fitter.device)
    (out / TOKENIZER).write_bytes(weights[TOKENIZER])
    matrix = (judge.head.weight.detach().cpu().numpy() * SCALE).astype("<f4")
    bias = judge.head.bias.detach().cpu().numpy()
    heads = tuple(
        Head(
            fact=fact,
            value="yes",
            weights=base64.b64encode(matrix[FACTS.index(fact)].tobytes()).decode(),
            bias=float(bias[FACTS.index(fact)]),
            unknown=UNSET[0],
            yes=UNSET[1],
        )
        for fact in MAIN
        if any(canary.fact == fact for canary in canaries)
    )
    encoder = Encoder(
        format=FORMAT,
        model=Part(MODEL, _digest(out / MODEL)),
        tokenizer=Part(TOKENIZER, _digest(out / TOKENIZER)),
        dimensions=matrix.shape[1],
        tokens=TOKENS,
        overlap=OVERLAP,
        windows_max=WINDOWS_MAX,
        close=CLOSE,
        head=heads,
        canary=tuple(canaries),
    )
    (out / "encoder.json").write_bytes(msgspec.json.format(msgspec.json.encode(encoder), indent=1) + b"\n")


def export(judge: Judge, path: Path) -> None:
    """Write the encoder as ONNX, with weights of eight bits, signed and by channel."""
    whole = path.with_suffix(".whole.onnx")
    ids, mask = torch.tensor([[101, 7, 102], [101, 102, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    axes = {0: "windows", 1: "tokens"}
    with warnings.catch_warnings():
        # The other exporter wants onnxscript, and writes a graph that is no quicker.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            judge.encoder.float().cpu().eval(),
            (ids, mask),
            str(whole),
            input_names=["input_ids", "attention_mask"],
            output_names=["states"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "states": axes},
            opset_version=17,
            dynamo=False,
        )
    logging.disable(logging.WARNING)  # it advises a step that changes nothing here
    try:
        quantize_dynamic(str(whole), str(path), weight_type=QuantType.QInt8, per_channel=True)
    finally:
        logging.disable(logging.NOTSET)
    whole.unlink()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
