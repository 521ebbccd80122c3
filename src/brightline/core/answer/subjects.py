# SPDX-License-Identifier: Apache-2.0
"""How many people were touched, counted again from the records as the gateway counted them (``core/patterns``).

What ATTEMPTs and OUTCOMEs commit to are tokens, times and matters, never a name. The answer is for everybody, so it
says numbers in powers of ten, and of no unit or purpose which it is. Any window of thirty days lies whole in one span,
so the most that any span holds bounds them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.pattern import Over
from brightline.core.answer.model import Found, Pin, Status
from brightline.core.canonical import JsonValue
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import UNREAD, RecordKind
from brightline.core.patterns.bins import bin_of
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.places import is_of_requests
from brightline.core.patterns.seen import COUNTED_KINDS, read_seen


class SubjectBook:
    """Takes in believed records, in any order."""

    def __init__(self) -> None:
        self._book = PatternBook()
        self._attempts = 0
        self._opened = 0
        self._closed = 0
        self._odd = 0
        self._again = 0
        self._not_again = 0

    def enter(self, leaf: Leaf, opened: Mapping[str, JsonValue]) -> None:
        """Take in one record; ``opened`` is what a disclosure opens of it, nothing if there is none."""
        if leaf.kind not in COUNTED_KINDS:
            return
        if leaf.kind is RecordKind.TOUCHED:
            self._again += leaf.what != UNREAD
            self._not_again += sum((leaf.unread or {}).values())
        if leaf.kind is RecordKind.ATTEMPT:
            self._attempts += 1
            if "unit" not in opened:
                return
            self._opened += 1
        elif leaf.commitments and not opened:
            self._closed += 1
            return
        try:
            seen = read_seen(leaf.exchange or "", opened)
        except ValueError:
            self._odd += 1
            return
        if seen is not None:
            self._book.enter(seen)

    def found(self, agreements: Sequence[Agreement]) -> Found:
        """What it shows; ``agreements`` are those that decided."""
        silent = [agreement for agreement in agreements if not agreement.patterns]
        if silent or not agreements:
            which = f"{silent[0].id} version {silent[0].version}" if silent else "no version that is here"
            return Found(Status.OPEN, f"nobody is counted under {which}")
        if self._opened < self._attempts:
            return Found(Status.OPEN, f"{self._opened:,} of {self._attempts:,} requests are opened: --disclosures")
        if self._closed:
            return Found(Status.OPEN, f"{self._closed:,} answers are not opened: --disclosures")
        if self._odd or self._book.full:
            return Found(Status.OPEN, f"of {self._odd:,} requests it cannot be read whom they touched")
        said = ", ".join(f"{_scope(over)} {bin_of(self._most(over)).words} people" for over in Over)
        if self._again or self._not_again:  # each says so by itself; what says nothing was not read either
            said += f"; {self._again:,} of them were read for names a second time"
        pin = Pin("the counts, made again", self._digest(), "the records")
        return Found(Status.SHOWN, f"{self._attempts:,} requests; in any thirty days at most: {said}", (pin,))

    def _most(self, over: Over) -> float:
        people = [sketch.total() for each, sketch in self._book if each.over is over and not is_of_requests(each)]
        return max(people, default=0)

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for each, sketch in sorted(self._book, key=lambda pair: pair[0]):
            whole.update(f"{each.span} {each.over} {each.name}\x00".encode() + sketch.write())
        return f"sha256:{whole.hexdigest()}"


def _scope(over: Over) -> str:
    return "over the agreement as a whole" if over is Over.AGREEMENT else f"by one {over}"
