# SPDX-License-Identifier: Apache-2.0
"""What a detector is asked and what it answers: segments in, findings out.

A *segment* is a stretch of one leaf of text (or of a joined view of several leaves). A *finding* says that a
detector saw something in a segment that sets a fact. Silence is not a finding: what silence means is decided by
the classifier release, which may entitle a detector to say ``no`` for a fact (``release.py``).
"""

from __future__ import annotations

import enum

import msgspec


class Surface(enum.StrEnum):
    """Where a segment comes from; rules may be bound to some surfaces."""

    INPUT = "input"
    OUTPUT = "output"
    TOOL_CALL = "tool_call"


class Segment(msgspec.Struct, frozen=True):
    """A stretch of text to be judged.

    ``path`` names the leaf (``messages[0].content``) or the joined view (``joined:messages``); ``start`` is the
    offset of ``text`` in that leaf, in characters. ``view`` is empty, or names the reading of the leaf that ``text``
    is; then a detector makes no further readings of it. For a judge, ``open`` are the facts that it is asked about,
    and ``leanings`` the scores of whoever left them open, in the same order.
    """

    path: str
    surface: Surface
    text: str
    start: int = 0
    view: str = ""
    open: tuple[str, ...] = ()
    leanings: tuple[float, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is of a leaf, or of leaves read in one go, and not of what was taken out of one leaf.

        A string within JSON within a message, or the names of its keys, says little without what it was taken from.
        """
        return "#" not in self.path or self.path.startswith("joined:")


class Finding(msgspec.Struct, frozen=True):
    """One thing seen: ``fact`` takes ``value`` because ``rule`` of ``detector`` matched in a view of a segment.

    ``score`` is in 0..1; a rule says 1.0. ``segment`` is the index of the segment in the batch that was asked.
    """

    detector: str
    fact: str
    value: str
    rule: str
    segment: int
    view: str
    score: float = 1.0


class Raised(msgspec.Struct, frozen=True):
    """A first stage holds this reading of a segment worth the next stage's time; a last one, worth reading a stream
    further back for. It sets no fact.
    """

    segment: int
    view: str
    text: str


class Judgement(msgspec.Struct, frozen=True):
    """A detector's whole answer to one batch. ``raised`` is what a first stage would have others look at.

    ``release`` is empty, or the digest of a candidate that is asked beside the release in force (``trial.py``).

    ``segments_judged`` must equal the number asked and ``digest`` the detector's digest in the release; otherwise
    the batch counts as unjudged (``release.py``).
    """

    detector: str
    digest: str
    segments_judged: int
    findings: tuple[Finding, ...]
    raised: tuple[Raised, ...] = ()
    release: str = ""
