# SPDX-License-Identifier: Apache-2.0
"""What an observer saw in some days, counted from the records of its log alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.exchange.api.not_carried import NOT_CARRIED
from brightline.observe.look import Looked
from brightline.observe.service import open_vault, read_settings
from brightline.shell.storage.vault import VaultReader
from brightline.shell.storage.wal import frames_on_disk

DAY_SECONDS: Final = 86_400
EXAMPLES_MAX: Final = 5
ROWS_MAX: Final = 1_000
HOLDS_MAX: Final = 1_000_000
VERDICTS: Final = (*(verdict.value for verdict in Verdict), "none")


class ByClause(msgspec.Struct, frozen=True):
    """How often a clause decided, by verdict; ``quote`` are its words."""

    clause: str
    quote: str
    verdicts: dict[str, int]


class Field(msgspec.Struct, frozen=True):
    """A field that would be refused, in so many requests of an API, and why."""

    api: str
    field: str
    count: int
    why: str


class Candidate(msgspec.Struct, frozen=True):
    """Stops that rest on one rule alone: were it wrong, they would be. ``examples`` say where to look."""

    rule: str
    holds: int
    denies: int
    matched: int
    examples: tuple[str, ...]


class Holds(msgspec.Struct, frozen=True):
    """How much people would have to answer.

    ``different`` counts what is asked twice once; ``answers`` are those of persons that these need. Rates are
    ``different`` and ``answers`` for each of the ``reviewer_hours`` that fall into the days looked at.
    """

    all: int
    different: int
    answers: int
    reviewer_hours: float
    per_reviewer_hour: float
    answers_per_reviewer_hour: float


class Report(msgspec.Struct, frozen=True):
    """All of it. Counts are of exchanges; ``not_looked_at`` counts what came and could not be, by reason."""

    log: str
    agreement: str
    release: str
    since: int
    until: int
    total: int
    others: int
    verdicts: dict[str, int]
    sources: dict[str, int]
    answers: dict[str, int]
    stopped_at: dict[str, int]
    clauses: tuple[ByClause, ...]
    holds: Holds
    refused: int
    fields: tuple[Field, ...]
    unread: dict[str, int]
    candidates: tuple[Candidate, ...]
    not_looked_at: dict[str, int]


class _Leaf(msgspec.Struct, frozen=True):
    time: str
    agreement: str = ""
    release: str = ""
    verdict: str = "none"
    clauses: tuple[str, ...] = ()
    without_record: dict[str, int] = {}


_LEAF: Final = msgspec.json.Decoder(_Leaf)


def read_report(folder: Path, days: float, reviewer_hours: float, now: int) -> Report:
    """Count what an observer's folder holds of the last days. ``reviewer_hours`` are those of a week.

    Records of another agreement or release than the one of now are counted as ``others`` and not mixed in. Raises
    ``ConfigError``, ``EvidenceDamaged`` or ``OperatorError``.
    """
    settings = read_settings(folder)
    agreement = settings.read_agreement()
    since = now - int(days * DAY_SECONDS)
    frames = frames_on_disk(folder / "wal", settings.name, lambda frame: _LEAF.decode(frame.leaf).time < _day(since))
    tally = _Tally(agreement, since, now)
    tally.enter(frames, open_vault(folder).reader(settings.name))
    return tally.report(f"{settings.origin}/{settings.name}", reviewer_hours * days / 7)


def _day(unix: int) -> str:
    """The beginning of the day of a time, to compare with times in records: so a whole day more is read."""
    return datetime.fromtimestamp(unix, UTC).date().isoformat()


class _Tally:
    """Counts records, one by one. What is counted under names that a log could make up is bounded."""

    def __init__(self, agreement: Agreement, since: int, until: int) -> None:
        self._agreement = agreement
        self._since, self._until = since, until
        self._release = ""
        self._total = self._others = self._refused = 0
        self._verdicts: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._stopped: Counter[str] = Counter()
        self._clauses: dict[str, Counter[str]] = {}
        self._holds: dict[str, int] = {}
        self._fields: Counter[tuple[str, str]] = Counter()
        self._unread: Counter[str] = Counter()
        self._matched: Counter[str] = Counter()
        self._alone: Counter[tuple[str, str]] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._not_looked_at: Counter[str] = Counter()

    def enter(self, frames: Iterable[Frame], keys: VaultReader) -> None:
        """Count all records that lie in the time, by when the exchange was, or else when it was looked at."""
        for frame in frames:
            leaf = _LEAF.decode(frame.leaf)
            written = unix_of(leaf.time)
            if frame.kind is RecordKind.PERIOD and self._since <= written <= self._until:
                self._not_looked_at.update(leaf.without_record)
            if frame.kind is not RecordKind.OBSERVED:
                continue
            try:
                looked = msgspec.convert(keys.peek(frame), Looked)
            except KeyDestroyed:
                continue  # it was kept as long as it was to be
            if not self._since <= (looked.unix or written) <= self._until:
                continue
            self._release = leaf.release  # the newest one that was looked with
            if leaf.agreement != self._agreement.digest:
                self._others += 1
                continue
            self._count(leaf, looked, looked.reference or f"record {frame.seq}")

    def _count(self, leaf: _Leaf, looked: Looked, place: str) -> None:
        self._total += 1
        self._verdicts[leaf.verdict] += 1
        self._sources[looked.source] += 1
        self._answers[looked.answer] += 1
        for clause in leaf.clauses:
            self._clauses.setdefault(clause, Counter())[leaf.verdict] += 1
        self._refused += bool(looked.refused or looked.stage == "unread")
        for field in looked.refused:
            if len(self._fields) < ROWS_MAX or (looked.api, field) in self._fields:
                self._fields[looked.api, field] += 1
        if looked.stage == "unread" and len(self._unread) < ROWS_MAX:
            self._unread[looked.error] += 1
        self._matched.update(looked.rules)
        if leaf.verdict in ("hold", "deny"):
            self._stopped[looked.stage] += 1
        if looked.hold and len(self._holds) < HOLDS_MAX:
            self._holds[looked.hold] = looked.people
        if looked.alone:
            self._alone[looked.alone, leaf.verdict] += 1
            examples = self._examples.setdefault(looked.alone, [])
            if len(examples) < EXAMPLES_MAX:
                examples.append(place)

    def report(self, log: str, reviewer_hours: float) -> Report:
        """What it came to."""
        quotes = {clause.id: " … ".join(clause.quote) for clause in self._agreement.clauses}
        answers = sum(self._holds.values())
        rate = (lambda count: round(count / reviewer_hours, 2)) if reviewer_hours else (lambda _count: 0.0)
        rules = Counter({rule: 0 for rule, _ in self._alone})
        for (rule, _), count in self._alone.items():
            rules[rule] += count
        return Report(
            log=log,
            agreement=f"{self._agreement.id} version {self._agreement.version}",
            release=self._release,
            since=self._since,
            until=self._until,
            total=self._total,
            others=self._others,
            verdicts={verdict: self._verdicts[verdict] for verdict in VERDICTS if self._verdicts[verdict]},
            sources=dict(self._sources.most_common()),
            answers=dict(self._answers.most_common()),
            stopped_at=dict(self._stopped.most_common()),
            clauses=tuple(
                ByClause(clause, quotes.get(clause, ""), _plain(counts))
                for clause, counts in sorted(self._clauses.items(), key=lambda row: (-sum(row[1].values()), row[0]))
            ),
            holds=Holds(
                self._verdicts["hold"],
                len(self._holds),
                answers,
                round(reviewer_hours, 2),
                rate(len(self._holds)),
                rate(answers),
            ),
            refused=self._refused,
            fields=tuple(
                Field(api, field, count, NOT_CARRIED.get(field, ""))
                for (api, field), count in self._fields.most_common()
            ),
            unread=dict(self._unread.most_common()),
            candidates=tuple(
                Candidate(
                    rule,
                    self._alone[rule, "hold"],
                    self._alone[rule, "deny"],
                    self._matched[rule],
                    tuple(self._examples[rule]),
                )
                for rule, _ in rules.most_common()
            ),
            not_looked_at=_plain(self._not_looked_at),
        )


def _plain(counts: Mapping[str, int]) -> dict[str, Any]:
    return {name: count for name, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])) if count}
