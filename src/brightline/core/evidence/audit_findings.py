# SPDX-License-Identifier: Apache-2.0
"""What a verifier may say: findings with their place, and for each claim PROVEN, CONTRADICTED or NOT SHOWN.

A claim is PROVEN if everything that it needs was read and nothing speaks against it; CONTRADICTED if the bytes
themselves speak against it; NOT SHOWN if they cannot tell. Silence never proves.

The list of findings is bounded, however hostile the log; the standing of each claim counts all of them.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from brightline.core.evidence.tile import TILE_WIDTH, entries_path

FINDINGS_MAX: Final = 1_000  # of each severity
_SHOWN_CHARS: Final = 100


class Severity(enum.StrEnum):
    """``contradicted``: the evidence speaks against the claim; ``not_shown``: it cannot tell; ``note``: neither."""

    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not_shown"
    NOTE = "note"


class Claim(enum.StrEnum):
    """What evidence is asked to show, in the order in which it is told."""

    LOG = "the log is what was signed"
    BOOKS = "the books balance"
    PASSED = "nothing was sent without a PASS"
    REPLAYS = "each decision replays"
    RECEIPTS = "each receipt given stands in the log"
    WITNESSED = "witnessed by others"
    GUARDED = "the model answered to nothing else"


class Standing(enum.StrEnum):
    """The three answers."""

    PROVEN = "PROVEN"
    CONTRADICTED = "CONTRADICTED"
    NOT_SHOWN = "NOT SHOWN"


class Finding(msgspec.Struct, frozen=True):
    """``place`` names the file and, where it applies, the entry in it (from 0) and the record."""

    severity: Severity
    claim: Claim
    place: str
    message: str


class ClaimRow(msgspec.Struct, frozen=True):
    """One claim, its standing, and why in one line."""

    claim: Claim
    standing: Standing
    why: str


class Findings:
    """Collects the findings of one shard, which lies in the folder ``name`` (empty: the folder itself)."""

    def __init__(self, name: str) -> None:
        self._prefix = f"{name}/" if name else ""
        self._size = 0
        self._kept: list[Finding] = []
        self._counted: dict[Severity, int] = dict.fromkeys(Severity, 0)
        self._first: dict[tuple[Claim, Severity], Finding] = {}

    def cover(self, size: int) -> None:
        """From now on places are those of a log of ``size`` records."""
        self._size = size

    def file(self, path: str) -> str:
        """The place of a file."""
        return self._prefix + path

    def record(self, index: int) -> str:
        """The place of a record: its bundle, its entry in it, and its number."""
        bundle, entry = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, max(1, self._size - bundle * TILE_WIDTH))
        return f"{self._prefix}{entries_path(bundle, width)}, entry {entry}, record {index}"

    def contradict(self, claim: Claim, place: str, message: str) -> None:
        """The evidence speaks against this claim."""
        self._add(Finding(Severity.CONTRADICTED, claim, place, message))

    def not_shown(self, claim: Claim, place: str, message: str) -> None:
        """The evidence cannot tell."""
        self._add(Finding(Severity.NOT_SHOWN, claim, place, message))

    def note(self, claim: Claim, place: str, message: str) -> None:
        """Worth saying; no claim stands or falls with it."""
        self._add(Finding(Severity.NOTE, claim, place, message))

    def standing(self, claim: Claim) -> Standing:
        """The worst that was found about a claim."""
        if (claim, Severity.CONTRADICTED) in self._first:
            return Standing.CONTRADICTED
        return Standing.NOT_SHOWN if (claim, Severity.NOT_SHOWN) in self._first else Standing.PROVEN

    def row(self, claim: Claim, proof: str) -> ClaimRow:
        """The row of a claim; ``proof`` is why, if it is proven."""
        for severity in (Severity.CONTRADICTED, Severity.NOT_SHOWN):
            if found := self._first.get((claim, severity)):
                return ClaimRow(claim, self.standing(claim), f"{found.place}: {found.message}".removeprefix(": "))
        return ClaimRow(claim, Standing.PROVEN, proof)

    @property
    def kept(self) -> tuple[Finding, ...]:
        """The findings, in the order in which they were made; of each severity at most ``FINDINGS_MAX``."""
        return tuple(self._kept)

    @property
    def dropped(self) -> int:
        """How many more there were."""
        return sum(self._counted.values()) - len(self._kept)

    def _add(self, finding: Finding) -> None:
        self._first.setdefault((finding.claim, finding.severity), finding)
        self._counted[finding.severity] += 1
        if self._counted[finding.severity] <= FINDINGS_MAX:
            self._kept.append(finding)


def shown(text: object) -> str:
    """Untrusted text as it may stand in a message: quoted, escaped, short."""
    quoted = ascii(text)
    return quoted if len(quoted) <= _SHOWN_CHARS else quoted[:_SHOWN_CHARS] + "…"
