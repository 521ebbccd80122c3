# SPDX-License-Identifier: Apache-2.0
"""Each record by itself: that it names its shard, its profile and its own index, a time, and a boot that goes on."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from brightline.core.evidence.audit_findings import BookFindings, Topic, shown
from brightline.core.evidence.audit_memory import BooksMemory
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import Outcome

_HOUR, _MINUTE = r"([01]\d|2[0-3])", r"[0-5]\d"
_TIME: Final = re.compile(  # the day is looked at by itself, when it changes
    rf"\d{{4}}-\d\d-\d\dT{_HOUR}:{_MINUTE}:{_MINUTE}(\.\d{{1,9}})?(Z|[+-]{_HOUR}:{_MINUTE})", re.ASCII
)
_LOST: Final = Outcome.LOST


class HeaderAudit:
    """Takes the records in order. What it is asked for is that of the last one.

    ``serving`` is whether its boot has written something else than ``lost``.
    """

    def __init__(self, said: BookFindings, shard: str) -> None:
        self.shard = shard
        self.profile = ""
        self.time = ""
        self.epoch = 0
        self.serving = False
        self._said = said
        self._shift = 0  # seq - index, once a gap was named, so that it is named once
        self._day = ""

    def resume(self, earlier: BooksMemory) -> None:
        """Go on from where an earlier visit ended."""
        self.shard, self.profile, self.time = earlier.shard, earlier.profile, earlier.time
        self.epoch, self.serving = earlier.epoch, earlier.serving

    def enter(self, index: int, leaf: Leaf) -> None:
        """Look at the header of one record."""
        if leaf.seq != index + self._shift:
            self._shift = leaf.seq - index
            self._said.wrong(
                index,
                f"its sequence number is {leaf.seq}; records are missing, doubled or out of order",
                Topic.RECORDS,
            )
        if leaf.shard != self.shard:
            self._said.wrong(
                index, f"it is a record of shard {shown(leaf.shard)} in the log of {shown(self.shard)}", Topic.RECORDS
            )
            self.shard = leaf.shard  # named once, not for each record that follows
        if leaf.profile != self.profile:
            if self.profile:
                self._said.wrong(index, f"profile {shown(leaf.profile)} after {shown(self.profile)}", Topic.RECORDS)
            self.profile = leaf.profile
        if leaf.time != self.time:
            self.time = leaf.time
            if not _TIME.fullmatch(leaf.time) or (leaf.time[:10] != self._day and not self._is_day(leaf.time[:10])):
                self._said.wrong(index, f"{shown(leaf.time)} is not a time (RFC 3339)", Topic.RECORDS)
        if leaf.epoch != self.epoch:
            if leaf.epoch < self.epoch:
                self._said.wrong(index, f"boot epoch {leaf.epoch} after boot epoch {self.epoch}", Topic.RECORDS)
            self.epoch = max(leaf.epoch, self.epoch)
            self.serving = False
        if leaf.outcome is not _LOST:
            self.serving = True

    def _is_day(self, day: str) -> bool:
        """Whether there is such a day; asked when it changes."""
        try:
            date.fromisoformat(day)
        except ValueError:
            return False
        self._day = day
        return True
