# SPDX-License-Identifier: Apache-2.0
"""What a verifier may say: findings with their place, and for each claim PROVEN, CONTRADICTED or NOT SHOWN.

A claim is PROVEN if everything that it needs was read and nothing speaks against it; CONTRADICTED if the bytes
themselves speak against it; NOT SHOWN if they cannot tell. Silence never proves.

The list of findings is bounded, however hostile the log; the standing of each claim counts all of them.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from typing import Final

import msgspec

from brightline.core.evidence.audit_memory import NoteMemory
from brightline.core.evidence.tile import TILE_WIDTH, entries_path

FINDINGS_MAX: Final = 1_000  # of each severity
_SHOWN_CHARS: Final = 100
_RECORD: Final = re.compile(r"\Atile/entries/\S+, entry \d+, record (\d+)\Z")


class Severity(enum.StrEnum):
    """``contradicted``: the evidence speaks against the claim; ``not_shown``: it cannot tell; ``note``: neither."""

    CONTRADICTED = "contradicted"
    NOT_SHOWN = "not_shown"
    NOTE = "note"


class Topic(enum.StrEnum):
    """The claims: what evidence is asked to show, in the order in which it is told."""

    LOG = "the log is what was signed"
    RECORDS = "every record stands in its place"
    BOOKS = "the books balance: attempts = outcomes + open"
    PASSED = "nothing was sent or released without a PASS"
    REPLAYS = "each decision replays to its verdict"
    RECEIPTS = "the receipts are kept"
    WITNESSED = "nobody was shown another log"
    GUARDED = "the model answered to nothing else"
    PERIODS = "the periods say what the records say"
    LOST = "what crashes lost is within the budget"
    HEADS = "no log was taken back or withheld"
    HELD = "what people released had been decided, and is used once"
    VERSIONS = "each exchange names an agreement and a release that the registry names"
    HALTED = "nothing was let through while people had halted"
    LEASED = "every exchange was let through under a lease in force"
    PEOPLE = "what people decided was signed by people on the roster"
    HUNTED = "what was screened again was covered whole, and nothing twice"
    AGED = "content is destroyed when its time is over"
    UPSTREAMS = "each model server has a guard that is named"
    ADMITTED = "whatever answered was a model that was admitted"


class Status(enum.StrEnum):
    """The three answers."""

    PROVEN = "PROVEN"
    CONTRADICTED = "CONTRADICTED"
    NOT_SHOWN = "NOT SHOWN"


class Finding(msgspec.Struct, frozen=True):
    """``place`` names the file and, where it applies, the entry in it (from 0) and the record."""

    severity: Severity
    topic: Topic
    place: str
    message: str


class Claim(msgspec.Struct, frozen=True):
    """One claim, its status, and why in one line."""

    name: str
    status: Status
    detail: str


def several(number: int, what: str) -> str:
    """A number with its noun, as people read it: 1 lease, 2 leases."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


class Findings:
    """Collects the findings about one shard; places are relative to its folder."""

    def __init__(self) -> None:
        self._size = 0
        self._kept: dict[Severity, list[Finding]] = {severity: [] for severity in Severity}
        self._counted: dict[tuple[Topic, Severity], int] = {}
        self._first: dict[tuple[Topic, Severity], Finding] = {}
        self._counted_of_records: Counter[str] = Counter()  # notes with the place of a record

    def cover(self, size: int) -> None:
        """From now on places are those of a log of ``size`` records."""
        self._size = size

    def record(self, index: int) -> str:
        """The place of a record: its bundle, its entry in it, and its number."""
        bundle, entry = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, max(1, self._size - bundle * TILE_WIDTH))
        return f"{entries_path(bundle, width)}, entry {entry}, record {index}"

    def contradict(self, topic: Topic, place: str, message: str) -> None:
        """The evidence speaks against this claim."""
        self._add(Finding(Severity.CONTRADICTED, topic, place, message))

    def not_shown(self, topic: Topic, place: str, message: str) -> None:
        """The evidence cannot tell."""
        self._add(Finding(Severity.NOT_SHOWN, topic, place, message))

    def note(self, topic: Topic, place: str, message: str) -> None:
        """Worth saying; no claim stands or falls with it."""
        self._add(Finding(Severity.NOTE, topic, place, message))

    def claim(self, topic: Topic, proof: str) -> Claim:
        """The claim as it stands; ``proof`` is why, if it is proven."""
        for severity, status in (
            (Severity.CONTRADICTED, Status.CONTRADICTED),
            (Severity.NOT_SHOWN, Status.NOT_SHOWN),
        ):
            if found := self._first.get((topic, severity)):
                more = self._counted[topic, severity] - 1
                why = f"{found.place}: {found.message}".removeprefix(": ") + (f" (and {more} more)" if more else "")
                return Claim(topic.value, status, why)
        return Claim(topic.value, Status.PROVEN, proof)

    def kept(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of a severity in the order in which they were made, at most ``FINDINGS_MAX``."""
        return tuple(self._kept[severity])

    def memory(self) -> tuple[tuple[NoteMemory, ...], dict[str, int]]:
        """The notes about records, and how many there were by topic, for the next visit."""
        notes = [
            NoteMemory(finding.topic.value, int(found.group(1)), finding.message)
            for finding in self._kept[Severity.NOTE]
            if (found := _RECORD.search(finding.place))
        ]
        return tuple(notes), dict(self._counted_of_records)

    def resume(self, notes: tuple[NoteMemory, ...], counted: dict[str, int]) -> None:
        """Say again what was noted about records on an earlier visit."""
        for note in notes:
            self.note(Topic(note.topic), self.record(note.record), note.message)
        more = Counter(counted) - Counter(note.topic for note in notes)
        for topic, count in more.items():
            key = (Topic(topic), Severity.NOTE)
            self._counted[key] = self._counted.get(key, 0) + count
            self._counted_of_records[topic] += count

    @property
    def dropped(self) -> int:
        """How many more there were."""
        return sum(self._counted.values()) - sum(map(len, self._kept.values()))

    def _add(self, said: Finding) -> None:
        finding = said
        if not (said.place + said.message).isprintable():  # nothing that a log says may steer a terminal
            finding = Finding(said.severity, said.topic, _printable(said.place), _printable(said.message))
        key = (finding.topic, finding.severity)
        self._first.setdefault(key, finding)
        self._counted[key] = self._counted.get(key, 0) + 1
        if finding.severity is Severity.NOTE and _RECORD.search(finding.place):
            self._counted_of_records[finding.topic.value] += 1
        if len(self._kept[finding.severity]) < FINDINGS_MAX:
            self._kept[finding.severity].append(finding)


class BookFindings:
    """What is said of records that must fit together, where some may be among those that cannot be believed."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._skipped = 0

    def skip(self, count: int) -> None:
        """So many records cannot be believed."""
        self._skipped += count

    def wrong(self, index: int, message: str, topic: Topic = Topic.BOOKS) -> None:
        """A record speaks against the claim."""
        self._findings.contradict(topic, self._findings.record(index), message)

    def missing(self, index: int, message: str, topic: Topic = Topic.BOOKS) -> None:
        """Something is not there: a contradiction, unless it may be among the records that cannot be believed."""
        self.missing_at(self._findings.record(index), message, topic)

    def missing_at(self, place: str, message: str, topic: Topic = Topic.BOOKS) -> None:
        """The same of something that has no record of its own."""
        if self._skipped:
            self._findings.not_shown(topic, place, f"{message} ({self._skipped} records cannot be believed)")
        else:
            self._findings.contradict(topic, place, message)

    def note(self, index: int, message: str) -> None:
        """Worth saying of a record."""
        self.note_at(self._findings.record(index), message)

    def note_at(self, place: str, message: str) -> None:
        """The same of something that has no record of its own."""
        self._findings.note(Topic.BOOKS, place, message)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def shown(text: object, chars_max: int = _SHOWN_CHARS) -> str:
    """Untrusted text as it may stand in a message: quoted, escaped, short."""
    quoted = ascii(text)
    return quoted if len(quoted) <= chars_max else quoted[:chars_max] + "…"
