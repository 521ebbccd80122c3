# SPDX-License-Identifier: Apache-2.0
"""Two-sided books: the tokens that gateways issued, and those that guards saw.

A log balances by itself even if its operator sends requests past it. The guard beside the model keeps the other side:

    every token that was used was issued by a PASS                     else somebody made tokens
    no token was used twice                                            else a guard let something through again
    no token was issued twice                                          else one use would stand for two exchanges
    every answer that was given stands on a token that was used        else the model was reached past the guard

What was issued and not used is explained by its outcome: the client had gone, the model server was away, the gateway
died. An answer is none of these: one that was given, one that people are to look at, and a part of one that left.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from brightline.core.evidence.audit_memory import Placed, TokensMemory
from brightline.core.evidence.record import Outcome

ANSWERED: Final = frozenset({Outcome.COMPLETED, Outcome.HELD})  # by themselves; others where something left


class Imbalance(enum.StrEnum):
    """What may not balance."""

    AGAIN = "used_again"
    ISSUED_AGAIN = "issued_again"
    NOT_ISSUED = "not_issued"
    NOT_SEEN = "not_seen"


class Objection(msgspec.Struct, frozen=True):
    """What does not balance; ``log`` (an origin) and ``index`` name the record where it is seen, as ``place`` does.

    ``first`` names the record of the first use, or issue, in the same way where there was one before, else nothing.
    """

    kind: Imbalance
    token: str
    log: str
    index: int
    place: str
    message: str
    first: tuple[str, int] = ("", 0)


class TokenBooks:
    """Collects both sides over any number of logs, in any order."""

    def __init__(self, earlier: TokensMemory | None = None) -> None:
        """``earlier`` is what an earlier visit kept; its logs must then be read from where that visit ended."""
        self._logs: list[str] = []
        self._places: dict[int, Callable[[int], str]] = {}
        self._issued: dict[str, tuple[int, int]] = {}
        self._ended: dict[str, Outcome] = {}
        self._left: set[str] = set()  # tokens of exchanges of which bytes of an answer left
        self._issued_again: list[tuple[str, int, int]] = []
        self._consumed: dict[str, tuple[int, int]] = {}
        self._again: list[tuple[str, int, int]] = []
        self._settled = Placed()
        self._guards: dict[str, str] = {}  # verifier key of a guard's log → the model server it is said to guard
        self._read: set[str] = set()
        if earlier is not None:
            self._logs = list(earlier.logs)
            self._settled = Placed(earlier.settled)
            for token, (log, index, ended) in earlier.waiting.items():
                self._issued[token] = (log, index)
                if ended:
                    self._ended[token] = Outcome(ended)

    def log(self, origin: str, place: Callable[[int], str]) -> int:
        """The number of a log; ``place`` says in words where its record of an index stands."""
        if origin not in self._logs:
            self._logs.append(origin)
        number = self._logs.index(origin)
        self._places[number] = place
        return number

    def guarded(self, upstream: str, guard: str) -> None:
        """A gateway says that the guard whose log has this verifier key stands before a model server."""
        self._guards[guard] = upstream

    def read(self, keys: Iterable[str]) -> None:
        """The log of these verifier keys was read."""
        self._read.update(keys)

    def missing(self) -> Iterator[str]:
        """The guards that were named and whose logs were not read, in words."""
        for guard, upstream in sorted(self._guards.items()):
            if guard not in self._read:
                yield f"the log of {guard.partition('+')[0]}, the guard of {upstream}, was not given"

    def issued(self, token: str, log: int, index: int) -> None:
        """A PASS issued this token."""
        if token in self._issued or (self._settled and self._settled.place_of(token) is not None):
            self._issued_again.append((token, log, index))
        else:
            self._issued[token] = (log, index)

    def ended(self, token: str, outcome: Outcome, released: int = 0) -> None:
        """The exchange of this token ended so, and so many bytes of its answer had left."""
        if token in self._issued:
            self._ended[token] = outcome
            if released:
                self._left.add(token)

    def consumed(self, token: str, log: int, index: int) -> None:
        """A guard let the request of this token through."""
        if token in self._consumed or (self._settled and self._settled.place_of(token) is not None):
            self._again.append((token, log, index))
        else:
            self._consumed[token] = (log, index)

    def objections(self) -> Iterator[Objection]:
        """Everything that does not balance."""
        for token, log, index in self._again:
            first = self._consumed.get(token) or self._settled.place_of(token) or (log, index)
            message = f"token {token} was used before, at {self._place(*first)}"
            objection = self._objection(Imbalance.AGAIN, token, (log, index), message)
            yield msgspec.structs.replace(objection, first=(self._logs[first[0]], first[1]))
        for token, log, index in self._issued_again:
            first = self._issued.get(token) or self._settled.place_of(token) or (log, index)
            message = f"token {token} was issued before: one use of it would stand for two exchanges"
            objection = self._objection(Imbalance.ISSUED_AGAIN, token, (log, index), message)
            yield msgspec.structs.replace(objection, first=(self._logs[first[0]], first[1]))
        for token, at in self._consumed.items():
            if token not in self._issued:
                message = f"token {token} was used, and no PASS that was read issued it"
                yield self._objection(Imbalance.NOT_ISSUED, token, at, message)
        for token, at in self._issued.items():
            if token not in self._consumed and (self._ended.get(token) in ANSWERED or token in self._left):
                message = f"an answer was given on token {token}, which no guard saw"
                yield self._objection(Imbalance.NOT_SEEN, token, at, message)

    def balance(self) -> str:
        """The sum in words."""
        unused = [self._ended.get(token) for token in self._issued if token not in self._consumed]
        why = Counter(outcome.value if outcome else "open" for outcome in unused)
        told = ", ".join(f"{count} {name}" for name, count in sorted(why.items()))
        rest = f"; {len(unused):,} not used: {told}" if unused else ""
        settled = len(self._settled)
        return f"{len(self._consumed) + settled:,} used tokens are among {len(self._issued) + settled:,} issued{rest}"

    def memory(self) -> TokensMemory:
        """What the next visit needs, of books that balance: what was used and issued is settled."""
        settled = [(token, *at) for token, at in self._consumed.items() if token in self._issued]
        waiting = {
            token: (*at, self._ended[token].value if token in self._ended else "")
            for token, at in self._issued.items()
            if token not in self._consumed
        }
        return TokensMemory(tuple(self._logs), self._settled.row_with(settled), waiting)

    @property
    def logs(self) -> Sequence[str]:
        """The logs by number."""
        return self._logs

    def _place(self, log: int, index: int) -> str:
        shard = self._logs[log].rpartition("/")[2]
        place = self._places.get(log)
        return f"{shard}, {place(index) if place else f'record {index}'}"

    def _objection(self, kind: Imbalance, token: str, at: tuple[int, int], message: str) -> Objection:
        return Objection(kind, token, self._logs[at[0]], at[1], self._place(*at), message)
