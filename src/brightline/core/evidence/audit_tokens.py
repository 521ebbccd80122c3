# SPDX-License-Identifier: Apache-2.0
"""Two-sided books: the tokens that gateways issued, and those that guards saw.

A log balances by itself even if its operator sends requests past it. The guard beside the model keeps the other side:

    every token that was used was issued by a PASS                     else somebody made tokens
    no token was used twice                                            else a guard let something through again
    every answer that was given stands on a token that was used        else the model was reached past the guard

What was issued and not used is explained by its outcome: the client had gone, the model server was away, the gateway
died. An answer is none of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from brightline.core.evidence.record import Outcome

ANSWERED: Final = frozenset({Outcome.COMPLETED})


class Objection(msgspec.Struct, frozen=True):
    """What does not balance, and the record where it is seen."""

    place: str
    message: str


class TokenBooks:
    """Collects both sides over any number of shards, in any order."""

    def __init__(self) -> None:
        self._issued: dict[str, str] = {}
        self._ended: dict[str, Outcome] = {}
        self._consumed: dict[str, str] = {}
        self._again: list[Objection] = []

    def issued(self, token: str, place: str) -> None:
        """A PASS issued this token."""
        self._issued[token] = place

    def ended(self, token: str, outcome: Outcome) -> None:
        """The exchange of this token ended so."""
        self._ended[token] = outcome

    def consumed(self, token: str, place: str) -> None:
        """A guard let the request of this token through."""
        if token in self._consumed:
            self._again.append(Objection(place, f"token {token} was used before, at {self._consumed[token]}"))
        self._consumed.setdefault(token, place)

    def objections(self) -> Iterator[Objection]:
        """Everything that does not balance."""
        yield from self._again
        for token, place in self._consumed.items():
            if token not in self._issued:
                yield Objection(place, f"token {token} was used, and no PASS that was read issued it")
        for token, place in self._issued.items():
            if token not in self._consumed and self._ended.get(token) in ANSWERED:
                yield Objection(place, f"an answer was given on token {token}, which no guard saw")

    def balance(self) -> str:
        """The sum in words."""
        unused = [self._ended.get(token) for token in self._issued if token not in self._consumed]
        why = Counter(outcome.value if outcome else "open" for outcome in unused)
        told = ", ".join(f"{count} {name}" for name, count in sorted(why.items()))
        rest = f"; {len(unused):,} not used: {told}" if unused else ""
        return f"{len(self._consumed):,} used tokens are among {len(self._issued):,} issued{rest}"
