# SPDX-License-Identifier: Apache-2.0
"""An encoder on ONNX Runtime, one thread, from files whose digests the release pins. Needs ``brightline[encoder]``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import (
    CLOSE_WINDOWS,
    Encoder,
    findings_from,
    near_from,
    texts_of,
    weights_of,
)
from brightline.core.screening.finding import Finding, Raised, Segment
from brightline.core.screening.hashing import Adder
from brightline.core.screening.pieces import load_pieces
from brightline.shell.inference.parts import read_part

BATCH_MAX: Final = 16  # windows in one run
_RUN: Final = re.compile(r"[^\W_]{25}(?=[^\W_])")


def spaced(text: str) -> str:
    """The text with a blank in each run of letters and digits that is longer than words are.

    WordPiece takes a word of over 100 characters for one unknown token, so that what has no blanks would not be read.
    Twenty-five come apart into a hundred at most where marks and jamo are taken apart before.
    """
    return _RUN.sub(r"\g<0> ", text)


class Window(NamedTuple):
    """Tokens, each window with its begin and end, and the text whose pieces add to what the heads say of it."""

    ids: list[int]
    text: str


class OnnxEncoder:
    """A judge: mean-pooled, normalised states of the encoder, and the release's heads on them."""

    def __init__(self, encoder: Encoder, detector: str, folders: Sequence[Path], threads: int = 1) -> None:
        """``folders`` are looked through for the parts, then the packages that the parts name.

        Raises ``ReleaseError`` for a part that is missing or is another one.
        """
        self._encoder = encoder
        self._detector = detector
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        model = read_part(encoder.model, folders)
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._names = {node.name for node in self._session.get_inputs()}
        tokenizer = Tokenizer.from_str(read_part(encoder.tokenizer, folders).decode())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        begin, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        if begin is None or end is None:
            raise ReleaseError(f"{encoder.tokenizer.file} has no [CLS] and [SEP]")
        self._begin, self._end = begin, end
        self._weights = np.array([weights_of(head, encoder.dimensions, detector) for head in encoder.head], np.float32)
        self._bias = np.array([head.bias for head in encoder.head], np.float32)
        self._adder = _adder(encoder, folders)

    def judge(self, segments: Sequence[Segment]) -> Sequence[Finding | Raised]:
        """Score every reading of every segment. Raises whatever goes wrong: then nothing was judged."""
        windows: list[tuple[int, str, Window]] = []
        read: dict[tuple[int, str], str] = {}
        for number, segment in enumerate(segments):
            for view, text in texts_of(segment):
                read[number, view] = text
                windows += [(number, view, window) for window in self.windows(text)]
        windows.sort(key=lambda window: len(window[2].ids))  # windows of one length pad little
        texts = {window.text for _, _, window in windows}  # all long windows of a text have the same
        added = {text: self._adder.of(text) for text in texts} if self._adder else {}
        scored = []
        for first in range(0, len(windows), BATCH_MAX):
            batch = windows[first : first + BATCH_MAX]
            more = [added.get(window.text, 0.0) for _, _, window in batch]
            scores = self._scores([window.ids for _, _, window in batch], more)
            scored += [(number, view, row.tolist()) for (number, view, _), row in zip(batch, scores, strict=True)]
        found = findings_from(self._encoder, self._detector, segments, scored)
        return (*found, *near_from(self._encoder, segments, read, scored))

    def windows(self, text: str) -> Iterator[Window]:
        """The token windows of a text: long ones, then close ones. Raises ``OverflowError`` for too many."""
        whole = spaced(text)
        read = self._tokenizer.encode(whole, add_special_tokens=False)
        size = self._encoder.tokens - 2
        for start in _starts(len(read.ids), size, self._encoder.overlap, self._encoder.windows_max):
            yield self._window(read.ids[start : start + size], text)
        if not self._encoder.close or len(read.ids) <= size:
            return
        size = self._encoder.close - 2
        for start in _starts(len(read.ids), size, size // 3, CLOSE_WINDOWS * self._encoder.windows_max):
            places = read.offsets[start : start + size]
            yield self._window(read.ids[start : start + size], whole[places[0][0] : places[-1][1]])

    def _window(self, ids: Sequence[int], text: str) -> Window:
        return Window([self._begin, *ids, self._end], text)

    def embed(self, batch: Sequence[Sequence[int]]) -> Any:
        """The normalised mean states of token windows, shape (windows, dimensions), float32."""
        width = max(map(len, batch))
        ids = np.zeros((len(batch), width), np.int64)
        mask = np.zeros((len(batch), width), np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, {name: given[name] for name in self._names})[0]
        if states.shape != (len(batch), width, self._encoder.dimensions):
            raise ValueError(f"the encoder answered with the shape {states.shape}")
        weights = mask[:, :, None].astype(np.float32)
        pooled = (states * weights).sum(axis=1) / weights.sum(axis=1)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _scores(self, batch: Sequence[Sequence[int]], more: Sequence[Any]) -> Any:
        logits = self.embed(batch) @ self._weights.T + self._bias
        logits = logits + np.array([np.broadcast_to(one, logits.shape[1]) for one in more])
        if not np.isfinite(logits).all():
            raise ArithmeticError("the encoder's states are not numbers")
        return 1 / (1 + np.exp(-logits.astype(np.float64)))


def _starts(tokens: int, size: int, overlap: int, count_max: int) -> range:
    """Where windows begin, so that each token is in one. Raises ``OverflowError``."""
    starts = range(0, max(1, tokens - overlap), size - overlap)
    if len(starts) > count_max:
        raise OverflowError(f"a text has more than {count_max} windows")
    return starts


def _adder(encoder: Encoder, folders: Sequence[Path]) -> Adder | None:
    if encoder.pieces is None:
        return None
    facts = tuple(head.fact for head in encoder.head)
    return Adder(load_pieces(read_part(encoder.pieces, folders), encoder.pieces.file, facts))
