# SPDX-License-Identifier: Apache-2.0
"""The ratchet of classifiers: on pinned cases, a release is no weaker than the one that it replaces.

    1. the pinned cases only become more: each that the last statement was judged on is there again
    2. a case that was caught stays caught: a fact that is bad, and was said to be bad or unknown
    3. the lower confidence bound of recall does not fall, fact by fact: of what is stopped, and of what is denied
    4. on the worst corpus, no more is stopped wrongfully, fact by fact, than before or than both parties conceded

A stop too many costs availability, which people may agree to; a case that is missed may be conceded by nobody. Where a
release falls short, the cases are named. What is here only compares: who scored the cases, and with what, is the
shell's (``shell/inference/score.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import BAD_RANK, GOOD_RANK, UNKNOWN_RANK, FactSpec, Vocabulary
from brightline.core.screening.figures import wilson

FORMAT: Final = "brightline-outcomes/1"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
CASES_MAX: Final = 500_000
SLACK: Final = 1e-12  # of rates that are the same and were computed in another order

_Value = Annotated[str, Meta(max_length=64)]


class Case(msgspec.Struct, frozen=True, array_like=True):
    """A pinned case: the digest of its text and labels, its name and corpus; by fact its label, and what was said."""

    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    name: Annotated[str, Meta(max_length=200)]
    corpus: Annotated[str, Meta(max_length=200)]
    labels: dict[str, _Value]
    was: dict[str, _Value]
    now: dict[str, _Value]


class Outcomes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What two releases said of the pinned cases. ``corpus``, ``was`` and ``now`` are digests."""

    format: str
    corpus: str
    was: str
    now: str
    cases: tuple[Case, ...]


class Lost(msgspec.Struct, frozen=True):
    """A case that was caught and is not any more, or is judged less strictly."""

    name: str
    corpus: str
    fact: str
    was: str
    now: str


class Worst(msgspec.Struct, frozen=True):
    """The corpus on which most is stopped wrongfully, and how much of it."""

    corpus: str = ""
    rate: float = 0.0


class FactFigures(msgspec.Struct, frozen=True):
    """Of one fact, each as (before, after). Bounds are Wilson's, 95 %, lower; a stop is a bad value or unknown."""

    fact: str
    positives: int
    negatives: int
    stopped: tuple[int, int]
    stopped_bound: tuple[float, float]
    denied: tuple[int, int]
    denied_bound: tuple[float, float]
    worst_stopped: tuple[Worst, Worst]
    worst_denied: tuple[Worst, Worst]


class Ratcheted(msgspec.Struct, frozen=True):
    """What the comparison found. It passes if ``refusals`` is empty."""

    figures: tuple[FactFigures, ...]
    lost: tuple[Lost, ...]
    refusals: tuple[str, ...]


def read_outcomes(data: bytes) -> Outcomes:
    """Read a file of outcomes. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"outcomes of {len(data)} bytes exceed {FILE_BYTES_MAX}")
    try:
        outcomes = msgspec.json.decode(data, type=Outcomes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"the outcomes do not read: {error}") from error
    if outcomes.format != FORMAT:
        raise ReleaseError(f"outcomes of format {outcomes.format[:40]!r}; expected {FORMAT!r}")
    if not outcomes.cases or len(outcomes.cases) > CASES_MAX:
        raise ReleaseError(f"there are {len(outcomes.cases)} pinned cases; expected 1 to {CASES_MAX}")
    if len({case.digest for case in outcomes.cases}) != len(outcomes.cases):
        raise ReleaseError("a pinned case is there twice")
    for case in outcomes.cases:
        if not case.labels.keys() <= case.was.keys() or not case.labels.keys() <= case.now.keys():
            raise ReleaseError(f"{case.corpus}, {case.name}: a labelled fact was not judged")
    return outcomes


def ratchet(
    outcomes: Outcomes, vocabulary: Vocabulary, pinned: Iterable[str] = (), conceded: Mapping[str, float] | None = None
) -> Ratcheted:
    """Compare two releases on their outcomes. ``pinned`` are the digests of the cases that must be among them."""
    refusals = _gone(outcomes.cases, pinned)  # 1
    counts: dict[str, _Count] = {}
    lost: list[Lost] = []
    for case in outcomes.cases:
        for fact, label in case.labels.items():
            if fact not in vocabulary:
                continue
            count = counts.get(fact)
            if count is None:
                count = counts[fact] = _Count(vocabulary.spec(fact))
            rank, was, now = count.rank(label), count.rank(case.was[fact]), count.rank(case.now[fact])
            if rank == BAD_RANK:
                count.bad(was, now)
                if was > GOOD_RANK and now == GOOD_RANK:  # 2
                    lost.append(_lost(case, fact))
            elif rank == GOOD_RANK:
                count.fine(case.corpus, was, now)
    figures = tuple(counts[fact].figures() for fact in sorted(counts))
    for found in figures:
        refusals += _weaker(found, (conceded or {}).get(found.fact, 0.0))  # 3, 4
    return Ratcheted(figures, tuple(lost), (*refusals, *map(_words, lost)))


def tightens(outcomes: Outcomes, vocabulary: Vocabulary, pinned: Iterable[str] = ()) -> Ratcheted:
    """Hold an emergency against its outcomes: of no case, however it is labelled, is anything said less strictly."""
    lost = [
        _lost(case, spec.name)
        for spec in _labelled(outcomes.cases, vocabulary)
        for case in outcomes.cases
        if spec.name in case.labels and spec.rank(case.now[spec.name]) < spec.rank(case.was[spec.name])
    ]
    return Ratcheted((), tuple(lost), (*_gone(outcomes.cases, pinned), *map(_words, lost)))


def _gone(cases: Sequence[Case], pinned: Iterable[str]) -> list[str]:
    gone = len(set(pinned) - {case.digest for case in cases})
    return [f"{gone} pinned cases of the last statement are not among these"] if gone else []


def _labelled(cases: Sequence[Case], vocabulary: Vocabulary) -> list[FactSpec]:
    """The labelled facts, by name."""
    return [
        vocabulary.spec(name)
        for name in sorted({fact for case in cases for fact in case.labels if fact in vocabulary})
    ]


def _lost(case: Case, fact: str) -> Lost:
    return Lost(case.name, case.corpus, fact, case.was[fact], case.now[fact])


def _words(lost: Lost) -> str:
    return f"{lost.fact}: {lost.name} of {lost.corpus} was {lost.was} and is {lost.now}"


class _Count:
    """What is counted of one fact in one walk over the cases. Ranks index: good, unknown, bad."""

    def __init__(self, spec: FactSpec) -> None:
        self._spec = spec
        self._ranks: dict[str, int] = {}
        self._bad = ([0, 0, 0], [0, 0, 0])  # of bad cases by what was said before, and after
        self._fine: dict[str, tuple[list[int], list[int]]] = {}  # of harmless ones, by corpus

    def rank(self, value: str) -> int:
        """The rank of a value, remembered."""
        found = self._ranks.get(value)
        if found is None:
            found = self._ranks[value] = self._spec.rank(value)
        return found

    def bad(self, was: int, now: int) -> None:
        """A case whose label is bad."""
        self._bad[0][was] += 1
        self._bad[1][now] += 1

    def fine(self, corpus: str, was: int, now: int) -> None:
        """A case whose label is good."""
        of = self._fine.get(corpus)
        if of is None:
            of = self._fine[corpus] = ([0, 0, 0], [0, 0, 0])
        of[0][was] += 1
        of[1][now] += 1

    def figures(self) -> FactFigures:
        """What came of it."""
        positives = sum(self._bad[0])
        stopped = (sum(self._bad[0][UNKNOWN_RANK:]), sum(self._bad[1][UNKNOWN_RANK:]))
        denied = (self._bad[0][BAD_RANK], self._bad[1][BAD_RANK])
        return FactFigures(
            fact=self._spec.name,
            positives=positives,
            negatives=sum(sum(was) for was, _ in self._fine.values()),
            stopped=stopped,
            stopped_bound=(wilson(stopped[0], positives).low, wilson(stopped[1], positives).low),
            denied=denied,
            denied_bound=(wilson(denied[0], positives).low, wilson(denied[1], positives).low),
            worst_stopped=self._worst(UNKNOWN_RANK),
            worst_denied=self._worst(BAD_RANK),
        )

    def _worst(self, rank: int) -> tuple[Worst, Worst]:
        before, after = Worst(), Worst()
        for name, (was, now) in sorted(self._fine.items()):
            before = max(before, Worst(name, sum(was[rank:]) / sum(was)), key=_rate)
            after = max(after, Worst(name, sum(now[rank:]) / sum(now)), key=_rate)
        return before, after


def _rate(worst: Worst) -> float:
    return worst.rate


def _weaker(found: FactFigures, conceded: float) -> list[str]:
    out = []
    for what, (was, now) in (("stopped", found.stopped_bound), ("denied", found.denied_bound)):  # 3
        if now < was - SLACK:
            out.append(f"{found.fact}: the lower bound of what is {what} falls from {was:.4f} to {now:.4f}")
    for what, (before, after) in (("stopped", found.worst_stopped), ("denied", found.worst_denied)):  # 4
        if after.rate > max(before.rate, conceded) + SLACK:
            most = f"the worst was {before.rate:.2%}" + (f", and {conceded:.2%} are conceded" if conceded else "")
            out.append(f"{found.fact}: {after.rate:.2%} of what is harmless in {after.corpus} is {what}; {most}")
    return out
