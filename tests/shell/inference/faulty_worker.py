# SPDX-License-Identifier: Apache-2.0
"""A detector worker that does what the text it is asked says: crash, hang, blow up, answer oddly.

Its ``weights`` name a file: while that is there, the worker finds nothing, canaries included.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from brightline.core.screening.finding import Finding, Raised, Segment
from brightline.shell.inference.wire import Ask, Load, Loaded, Told, pack
from brightline.shell.inference.worker import read


def main(descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as connection:
        load = read(connection, Load)
        assert load is not None
        resource.setrlimit(resource.RLIMIT_AS, (load.memory_bytes, load.memory_bytes))
        digest = f"sha256:{load.sha256}"
        if load.path == "broken":
            connection.sendall(pack(Loaded("", "ReleaseError: model.onnx is nowhere")))
            return
        connection.sendall(pack(Loaded("sha256:other" if load.path == "other" else digest)))
        while (ask := read(connection, Ask)) is not None:
            connection.sendall(answer(ask, digest, Path(load.weights)))


def answer(ask: Ask, digest: str, blind: Path) -> bytes:
    texts = [segment.text for segment in ask.segments]
    if "crash" in texts:
        os._exit(3)
    if "hang" in texts:
        time.sleep(60)
    if "memory" in texts:
        hoard = []
        while True:
            hoard.append(bytearray(64 << 20))
    if "raise" in texts:
        return pack(Told(ask.number, digest, 0, (), "RuntimeError"))
    if "garbage" in texts:
        return b"\x00\x00\x00\x04\xc1\xc1\xc1\xc1"
    if "letters" in texts:
        return pack(Told(ask.number, digest, 0, (), "RuntimeError")).replace(b"Runtime", b"Ru\xf4\x90ime")
    if "endless" in texts:
        return b"\xff\xff\xff\xff"
    found = () if blind.exists() else tuple(findings(ask.segments))
    if "number" in texts:
        return pack(Told(ask.number + 1, digest, len(texts), found))
    if "version" in texts:
        return pack(Told(ask.number, "sha256:another", len(texts), found))
    if "shape" in texts:
        return pack(Told(ask.number, digest, len(texts) - 1, found))
    if "nan" in texts:
        found = (Finding("d", "fact", "yes", "x", 0, "text", float("nan")),)
    if "elsewhere" in texts:
        found = (Finding("d", "fact", "yes", "x", len(texts), "text"),)
    if "impostor" in texts:
        found = (Finding("rules", "fact", "yes", "x", 0, "text"),)
    raised = [Raised(i, "folded", text) for i, text in enumerate(texts) if text.startswith("near")]
    if "beyond" in texts:
        raised.append(Raised(len(texts), "folded", "near"))
    return pack(Told(ask.number, digest, len(texts), found, raised=tuple(raised)))


def findings(segments: Sequence[Segment]) -> list[Finding]:
    return [
        Finding("d", "fact", "yes", segment.text, i, "text")
        for i, segment in enumerate(segments)
        if segment.text.startswith(("mark", "canary"))
    ]


if __name__ == "__main__":
    main(int(sys.argv[1]))
