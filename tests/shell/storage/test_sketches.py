# SPDX-License-Identifier: Apache-2.0
"""Counts that the workers of one machine share in a file: what one keeps while another one listens is not missed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from brightline.core.agreement.pattern import DAY_SECONDS, Over
from brightline.core.patterns.places import Counted
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import begins
from brightline.shell.storage.sketches import SketchStore

SPAN = 700
NOW = begins(SPAN) + DAY_SECONDS
WHOLE = Counted(SPAN, Over.AGREEMENT, "")
UNIT = Counted(SPAN, Over.UNIT, "unit-1")


def sketch(*tokens: int) -> bytes:
    made = Sketch(begins(SPAN))
    for token in tokens:
        made.add(token, NOW, 0)
    return made.write()


def test_what_another_worker_keeps_while_one_listens_is_heard_then_or_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(SketchStore(tmp_path)) as one, contextlib.closing(SketchStore(tmp_path)) as other:
        other.keep({WHOLE: sketch(1)}, 0, "gateway-2", NOW)
        read, meanwhile = Sketch.read, [{UNIT: sketch(2)}]

        def slowly(data: bytes, size: int) -> Sketch:
            if meanwhile:
                other.keep(meanwhile.pop(), 1, "gateway-2", NOW)
            return read(data, size)

        monkeypatch.setattr(Sketch, "read", slowly)
        first = one.hear(0)
        then = one.hear(first.turn)
        assert not meanwhile
        assert {counted for counted, _ in (*first.sketches, *then.sketches)} == {WHOLE, UNIT}
