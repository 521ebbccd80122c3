# SPDX-License-Identifier: Apache-2.0
"""What the detectors of a release say of single texts, as facts: for the pinned cases, in the thread of who asks."""

from __future__ import annotations

from collections.abc import Iterable

from brightline.core.screening.finding import Segment, Surface
from brightline.shell.inference.screen import Screen


def said_of(screen: Screen, surface: Surface, text: str, facts: Iterable[str]) -> dict[str, str]:
    """The values of these facts after one text, judged whole as a gateway judges a leaf.

    Raises ``ScreeningUnavailable`` if a detector fails.
    """
    found = screen.facts([screen.judged([Segment("text", surface, text)])])
    return {fact: found[fact] for fact in facts if fact in found}
