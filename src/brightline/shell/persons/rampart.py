# SPDX-License-Identifier: Apache-2.0
"""The token classifier Rampart on ONNX Runtime, from files pinned by digest. Needs ``brightline[persons]``.

Its files travel in a package of the Python registry. They are read as data: nothing of the package is imported or run.
Of what the classifier tells apart only given names and surnames are used; numbers that hold and addresses are read
better by their laws (``core/patterns/identifiers.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from brightline.core.errors import ReleaseError
from brightline.core.patterns.further import Place
from brightline.shell.inference.parts import read_part
from brightline.shell.persons.pinned import LABELS, MODEL, TOKENIZER

WINDOW_TOKENS: Final = 128  # about 480 characters, in which it finds most
OVERLAP_TOKENS: Final = 32
BATCH_MAX: Final = 8  # windows in one run
SCORE_MIN: Final = 0.4
_NAMES: Final = frozenset({"B-GIVEN_NAME", "I-GIVEN_NAME", "B-SURNAME", "I-SURNAME"})
_WORD: Final = re.compile(r"[^\W\d_](?:[\w'’-]*[^\W\d_])?")


class _Labels(msgspec.Struct, frozen=True):
    id2label: dict[str, str]


class Rampart:
    """Says which words of a text belong to names."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Raises ``ReleaseError`` for a file that is missing or is another one."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            read_part(MODEL, folders), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_str(read_part(TOKENIZER, folders).decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        labels = msgspec.json.decode(read_part(LABELS, folders), type=_Labels).id2label
        self._names = [number for number in range(len(labels)) if labels[str(number)] in _NAMES]
        begin, end = (self._tokenizer.token_to_id(each) for each in ("[CLS]", "[SEP]"))
        if begin is None or end is None or len(self._names) != len(_NAMES):
            raise ReleaseError("the files of the token classifier do not belong together")
        self._begin, self._end = begin, end

    def places(self, texts: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
        """For each text the words that belong to names, in order. Raises whatever goes wrong."""
        read = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        scores = [np.zeros(len(each.ids), np.float32) for each in read]
        windows = [
            (number, start)
            for number, each in enumerate(read)
            for start in range(0, max(1, len(each.ids) - OVERLAP_TOKENS), WINDOW_TOKENS - 2 - OVERLAP_TOKENS)
        ]
        ids = [each.ids for each in read]
        windows.sort(key=lambda window: len(ids[window[0]]) - window[1])  # windows of one length pad little
        for first in range(0, len(windows), BATCH_MAX):
            batch = windows[first : first + BATCH_MAX]
            rows = [ids[number][start : start + WINDOW_TOKENS - 2] for number, start in batch]
            for (number, start), row, said in zip(batch, rows, self._run(rows), strict=True):
                part = scores[number][start : start + len(row)]
                np.maximum(part, said[1 : 1 + len(row)], out=part)
        return tuple(
            tuple(_words(text, each.offsets, score.tolist()))
            for text, each, score in zip(texts, read, scores, strict=True)
        )

    def _run(self, rows: Sequence[Sequence[int]]) -> Any:
        """How likely each token is of a name, with the begin and the end of each window."""
        width = max(map(len, rows)) + 2
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row) + 2] = [self._begin, *row, self._end]
            mask[number, : len(row) + 2] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits = self._session.run(None, given)[0]
        if logits.shape[:2] != ids.shape or not np.isfinite(logits).all():
            raise ArithmeticError("the classifier's answer is not one number for each token and label")
        chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return chances[..., self._names].sum(axis=-1) / chances.sum(axis=-1)


def _words(text: str, offsets: Sequence[tuple[int, int]], scores: Sequence[float]) -> Iterator[Place]:
    """The words whose tokens are of names, on the average."""
    at = 0
    for word in _WORD.finditer(text):
        start, end = word.span()
        while at < len(offsets) and offsets[at][1] <= start:
            at += 1
        inside = []
        while at < len(offsets) and offsets[at][0] < end:
            inside.append(scores[at])
            at += 1
        if inside and sum(inside) / len(inside) >= SCORE_MIN:
            yield Place(start, end)
