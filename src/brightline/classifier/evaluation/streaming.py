# SPDX-License-Identifier: Apache-2.0
"""Answers as streams: when a release stops one, and how much of it has left by then.

An answer comes in pieces of some characters. ``Output`` says what is asked about and how much may leave, as behind a
gateway, and the facts of all asks are joined; what was asked for is not judged here, so that a stream is stopped by
what is streamed.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from brightline.classifier.evaluation.probe import Probe, shown
from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.enforcement.output import Output
from brightline.core.exchange.coverage import cover_reply
from brightline.core.exchange.model import Delta, StreamPart
from brightline.core.screening.figures import Rate, rate
from brightline.core.screening.release import near_paths
from brightline.shell.inference.screen import Judged, Screen

PIECE_CHARS: Final = 24  # some six tokens: what arrives together under load


class Streamed(msgspec.Struct, frozen=True):
    """What became of one stream: whether it was stopped before its end, or at it, and the share that had left."""

    stopped_within: bool
    stopped_at_end: bool
    left: float
    asks: int


class Streams(msgspec.Struct, frozen=True):
    """Streams of one label: how many were stopped within, and at all; of those stopped, the median share that left."""

    within: Rate
    stopped: Rate
    left: float | None
    asks: float


def stream(screen: Screen, agreement: Agreement, probe: Probe, piece: int = PIECE_CHARS) -> Streamed:
    """Stream the answer of a probe. Raises ``ScreeningUnavailable``, and ``CallerError`` for one that no API takes."""
    seen = shown(probe)
    text = seen.reply.choices[0].text if seen.reply is not None else ""
    out = Output(seen.exchange, screen.release.windows)
    found: list[Judged] = []
    asks = released = 0
    for start in range(0, len(text), piece):
        out.take(StreamPart((Delta(0, text=text[start : start + piece]),)))
        if not (leaves := out.next_ask()):
            continue
        asks += 1
        judged = screen.judged(leaves)
        found.append(judged)
        if _stops(screen, agreement, found):
            return Streamed(True, True, released / len(text), asks)
        out.heard(near_paths(screen.release, judged.segments, judged.judgements))
        released += sum(len(segment.text) for segment in out.judged())
    out.take(StreamPart((Delta(0, finish="stop"),)))
    found.append(screen.judged(cover_reply(out.reply(), seen.exchange).segments))
    return Streamed(False, _stops(screen, agreement, found), released / max(1, len(text)), asks + 1)


def measure_streams(told: Sequence[Streamed]) -> Streams:
    """The figures of some streams."""
    stopped = [one for one in told if one.stopped_at_end]
    return Streams(
        within=rate(sum(one.stopped_within for one in told), len(told)),
        stopped=rate(len(stopped), len(told)),
        left=median(one.left for one in stopped) if stopped else None,
        asks=sum(one.asks for one in told) / max(1, len(told)),
    )


def _stops(screen: Screen, agreement: Agreement, found: Sequence[Judged]) -> bool:
    return decide(agreement, screen.facts(found), {}).verdict is not Verdict.PERMIT
