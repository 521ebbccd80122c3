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
    except (msgspec.DecodeError, RecursionError) as error:
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
    figures: list[FactFigures] = []
    lost: list[Lost] = []
    for spec in _labelled(outcomes.cases, vocabulary):
        cases = [case for case in outcomes.cases if spec.name in case.labels]
        bad = [case for case in cases if spec.rank(case.labels[spec.name]) == BAD_RANK]
        fine = [case for case in cases if spec.rank(case.labels[spec.name]) == GOOD_RANK]
        lost += [
            _lost(case, spec.name)
            for case in bad
            if spec.rank(case.was[spec.name]) > GOOD_RANK and spec.rank(case.now[spec.name]) == GOOD_RANK  # 2
        ]
        found = _figures(spec, bad, fine)
        figures.append(found)
        refusals += _weaker(found, (conceded or {}).get(spec.name, 0.0))
    return Ratcheted(tuple(figures), tuple(lost), (*refusals, *map(_words, lost)))


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


def _figures(spec: FactSpec, bad: Sequence[Case], fine: Sequence[Case]) -> FactFigures:
    stopped, denied = _found(spec, bad, UNKNOWN_RANK), _found(spec, bad, BAD_RANK)
    return FactFigures(
        fact=spec.name,
        positives=len(bad),
        negatives=len(fine),
        stopped=stopped,
        stopped_bound=(wilson(stopped[0], len(bad)).low, wilson(stopped[1], len(bad)).low),
        denied=denied,
        denied_bound=(wilson(denied[0], len(bad)).low, wilson(denied[1], len(bad)).low),
        worst_stopped=_worst(spec, fine, UNKNOWN_RANK),
        worst_denied=_worst(spec, fine, BAD_RANK),
    )


def _found(spec: FactSpec, cases: Sequence[Case], rank: int) -> tuple[int, int]:
    """Of how many cases something of at least this rank was said, before and after."""
    return (
        sum(spec.rank(case.was[spec.name]) >= rank for case in cases),
        sum(spec.rank(case.now[spec.name]) >= rank for case in cases),
    )


def _worst(spec: FactSpec, fine: Sequence[Case], rank: int) -> tuple[Worst, Worst]:
    by_corpus: dict[str, list[Case]] = {}
    for case in fine:
        by_corpus.setdefault(case.corpus, []).append(case)
    before, after = Worst(), Worst()
    for name, cases in sorted(by_corpus.items()):
        was, now = _found(spec, cases, rank)
        before = max(before, Worst(name, was / len(cases)), key=_rate)
        after = max(after, Worst(name, now / len(cases)), key=_rate)
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
