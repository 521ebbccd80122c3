# SPDX-License-Identifier: Apache-2.0
"""A reader that finds quickly what tests invent: words that end in -jensen or -wick, and the word before each.

What a text says is done: crash, hang, raise, answer oddly.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Sequence

from brightline.core.patterns.further import Place
from brightline.shell.inference.wire import pack
from brightline.shell.inference.worker import read
from brightline.shell.persons.pinned import digest
from brightline.shell.persons.wire import Begin, Begun
from brightline.shell.persons.worker import serve

NAMES = re.compile(r"(\w+) (\w*(?:jensen|wick))\b")


def places(texts: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
    for text in texts:
        if "crash" in text:
            os._exit(3)
        if "hang" in text:
            time.sleep(600)
        if "raise" in text:
            raise RuntimeError(text)
    if any("elsewhere" in text for text in texts):
        return tuple((Place(0, 1_000_000),) for _ in texts)
    return tuple(
        tuple(Place(*found.span(group)) for found in NAMES.finditer(text) for group in (1, 2)) for text in texts
    )


def main(descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as connection:
        begin = read(connection, Begin)
        if begin is None:
            return
        if begin.weights == "broken":
            connection.sendall(pack(Begun("", "ReleaseError: model_q4.onnx is nowhere")))
            return
        connection.sendall(pack(Begun("sha256:other" if begin.weights == "other" else digest())))
        serve(connection, (lambda texts: ((),) * len(texts)) if begin.weights == "blind" else places)


if __name__ == "__main__":
    main(int(sys.argv[1]))
