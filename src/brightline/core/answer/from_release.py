# SPDX-License-Identifier: Apache-2.0
"""What the classifier releases state of how much they find, with exact bounds.

A release says for each fact whose silence it takes for an answer how many of how many known cases it missed, and on
which corpus. The figures are the provider's; the digest in each record ties them to what judged. A fact for which a
release states nothing stays unknown where nothing is found, and is for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.answer.bounds import bound, in_words
from brightline.core.answer.model import Bound, Found, Pin, Status

FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "recall-weapons": ("weapon_direct",),
    "recall-surveillance": ("mass_domestic",),
    "recall-decisions": ("social_scoring", "high_stakes", "acts_alone"),
}
"""For each kind the facts of which a release must state how much it misses."""


class Stated(msgspec.Struct, frozen=True):
    """``misses`` of ``positives`` known cases of a fact were not found, on a corpus."""

    detector: str
    fact: str
    misses: int
    positives: int
    corpus: str


class Measured(msgspec.Struct, frozen=True):
    """What a release states of itself. ``slips`` are rows of its first stages, whose ``fact`` is empty."""

    id: str
    digest: str
    where: str
    stated: tuple[Stated, ...]
    slips: tuple[Stated, ...] = ()


def of_releases(given: Sequence[Measured], judged: Mapping[str, int]) -> dict[str, Found]:
    """What is found of each kind; ``judged`` counts the attempts that name a digest."""
    by_digest = {one.digest: one for one in given}
    judging = [by_digest[name] for name in judged if name in by_digest]
    pins = tuple(Pin(f"release {one.id}", one.digest, one.where) for one in judging)
    others = [name for name in judged if name not in by_digest]
    if others or not judging:
        count = sum(judged[name] for name in others)
        why = f"{count:,} exchanges were judged by {others[0][:80]}, which is not here" if others else "none judged"
        found = {"release": Found(Status.OPEN, why, pins)}
    else:
        names = ", ".join(one.id for one in judging)
        found = {"release": Found(Status.SHOWN, f"{sum(judged.values()):,} exchanges were judged by {names}", pins)}
    for kind, facts in FACTS.items():
        found[kind] = _recall(facts, judging, pins)
    return found


def _recall(facts: Sequence[str], judging: Sequence[Measured], pins: tuple[Pin, ...]) -> Found:
    if not judging:
        return Found(Status.OPEN, "no release that judged is here", pins)
    bounds: list[Bound] = []
    corpora: list[str] = []
    for one in judging:
        rows = [row for row in one.stated if row.fact in facts]
        silent = [fact for fact in facts if fact not in {row.fact for row in rows}]
        if silent:
            return Found(Status.OPEN, f"{one.id} states no figure for {silent[0]}", pins)
        bounds += [
            bound(f"found of {row.fact}, {row.detector}", row.positives - row.misses, row.positives) for row in rows
        ]
        bounds += [bound(f"let slip by {row.detector}, a first stage", row.misses, row.positives) for row in one.slips]
        corpora += [row.corpus for row in rows]
    told = [in_words(one) for one in bounds if one.says.startswith("found")]
    said = f"{'; '.join(told)}, on {'; '.join(dict.fromkeys(corpora))}"
    return Found(Status.SHOWN, said, pins, tuple(bounds))
