# SPDX-License-Identifier: Apache-2.0
"""The kinds of detector that a release may require, how each becomes a judge, and how a judge is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.encoder import load_encoder
from brightline.core.screening.finding import Finding, Segment
from brightline.core.screening.rules import load_rules
from brightline.folders import folder_reader

RULES: Final = "rules"
ENCODER: Final = "encoder"
Judge = Callable[[Sequence[Segment]], Sequence[Finding]]
"""The pure part of a detector: segments in, findings out. It may raise anything; that means unjudged."""


def load_judge(kind: str, detector: str, folder: Path, path: str, weights: str) -> tuple[Judge, str]:
    """The judge that this file of a release defines, and the file's digest. Raises ``ReleaseError``."""
    data = folder_reader(folder)(path)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    match kind:
        case "rules":
            return load_rules(data, path).match, digest
        case "encoder":
            from brightline.shell.inference.onnx import OnnxEncoder  # only in a worker that needs it

            encoder = load_encoder(data, path)
            return OnnxEncoder(encoder, detector, (Path(weights), folder) if weights else (folder,)).judge, digest
        case _:
            raise ReleaseError(f"this version has no detector of kind {kind!r}")


def findings_of(judge: Judge, detector: str, segments: Sequence[Segment]) -> tuple[Finding, ...]:
    """Ask a judge in this thread. Raises ``ScreeningUnavailable``, whatever it raises."""
    try:
        return tuple(judge(segments))
    except Exception as error:  # noqa: BLE001 - whatever a detector raises refuses; its message may hold content
        raise ScreeningUnavailable(f"detector {detector} failed: {type(error).__name__}") from None
