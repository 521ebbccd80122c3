# SPDX-License-Identifier: Apache-2.0
"""The words of a case: what could not be told, each way in which it was read, and the conversation around it.

Held words become pieces here (``words.py``) and leave this file as nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from brightline.console.books import CaseFile
from brightline.console.identifiers import Labels, identifiers_in, masked_in
from brightline.console.words import Mark, Part, Piece, part_of, plain_pieces
from brightline.core.agreement.aloud import plain
from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.review.content import Content, KeptFinding, KeptSegment
from brightline.core.screening.folding import fold
from brightline.core.screening.rules import DETECTOR_ID, places_of
from brightline.core.screening.views import views

SEGMENTS_SHOWN: Final = 60
READINGS_SHOWN: Final = 6  # of one segment
FINDINGS_SHOWN: Final = 40  # of one segment
PLACED_MAX: Final = 30  # findings of a case whose places are looked up
TURNS_SHOWN: Final = 400
FOLDED: Final = "folded"
_OF_PARTS: Final = ("joined:", "exchange[")
_REST: Final = ("tools", "tool_choice", "response_format", "metadata", "labels")
_NO_FORMAT: Final[Mapping[str, Any]] = {"kind": "", "name": "", "description": "", "schema": {}, "strict": None}
_NO_CHOICE: Final = {"mode": "", "name": ""}


class FindingView(msgspec.Struct, frozen=True):
    """What a detector saw: ``name`` is its letter on the page, ``score`` is in words."""

    name: str
    fact: str
    value: str
    detector: str
    rule: str
    view: str
    score: str


class Reading(msgspec.Struct, frozen=True):
    """One reading of a text, by its name."""

    name: str
    part: Part


class SegmentView(msgspec.Struct, frozen=True):
    """A stretch that could not be told. ``path`` as pieces, since a caller may choose its names."""

    number: int
    path: tuple[Piece, ...]
    surface: str
    start: int
    raw: Part
    readings: tuple[Reading, ...]
    findings: tuple[FindingView, ...]
    of_parts: bool


class SpokenView(msgspec.Struct, frozen=True):
    """Something that was said in the conversation: ``what`` is our word for it, ``number`` names it on the page."""

    number: int
    role: str
    what: str
    part: Part


def part_at(file: CaseFile, place: str, start: int, revealed: frozenset[str]) -> Part | None:
    """The part of a text that follows another: ``place`` is ``said-N`` or ``words-N`` as the page numbers them."""
    looking = Looking(file, revealed)
    list(looking.segments())
    kind, _, number = place.partition("-")
    if not number.isdecimal() or len(number) > 6:
        return None
    if kind == "words" and 1 <= int(number) <= len(looking.shown):
        return looking.raw(looking.shown[int(number) - 1], start)
    for spoken, text in looking.texts():
        if kind == "said" and spoken == int(number):
            return looking.part(text, start)
    return None


class _Reading(msgspec.Struct, frozen=True):
    name: str
    text: str
    marks: Sequence[Mark]


class Looking:
    """One look at a case: labels and numbers are the same wherever something stands."""

    def __init__(self, file: CaseFile, revealed: frozenset[str]) -> None:
        self._file = file
        self._revealed = revealed
        self.labels = Labels()
        self._placed = 0
        self._kept: dict[str, Sequence[_Reading]] = {}
        self._found: dict[str, Sequence[KeptFinding]] = {}
        for finding in file.content.findings:
            before = self._found.get(finding.mark, ())
            if len(before) < FINDINGS_SHOWN:
                self._found[finding.mark] = (*before, finding)
        leaves = [each for each in file.content.segments if not each.path.startswith(_OF_PARTS)]
        joined = [each for each in file.content.segments if each.path.startswith(_OF_PARTS)]
        self.shown: Sequence[KeptSegment] = [*leaves, *joined][:SEGMENTS_SHOWN]
        for _, text in self.texts():  # so that labels are numbered in the order of the conversation
            for one in identifiers_in(text):
                self.labels.of(text[one.start : one.end], one.kind)

    # ---- the words that could not be told ---------------------------------------------------------------------

    def segments(self) -> Iterator[SegmentView]:
        """Each with what was found in it."""
        for number, segment in enumerate(self.shown, 1):
            findings = self._found.get(segment.mark, ())
            readings = self._read(segment, findings)
            yield SegmentView(
                number=number,
                path=plain_pieces(segment.path),
                surface=segment.surface.value.replace("_", " "),
                start=segment.start,
                raw=self.raw(segment),
                readings=tuple(self._readings(segment, readings)),
                findings=tuple(_finding(letter(at), one) for at, one in enumerate(findings)),
                of_parts=segment.path.startswith(_OF_PARTS),
            )

    def raw(self, segment: KeptSegment, start: int = 0) -> Part:
        """The words as they were judged, with the places of what was found where they are in these words too."""
        findings = self._found.get(segment.mark, ())
        marks = []
        for at, finding in enumerate(findings):
            reading = next((each for each in self._read(segment, findings) if each.name == finding.view), None)
            places = [] if reading is None else [each for each in reading.marks if each.name == letter(at)]
            said = [] if reading is None else [reading.text[one.start : one.end] for one in places]
            found = [place for place in (where(segment.text, words) for words in said) if place is not None]
            if found and len(found) == len(said):
                marks += [Mark(first, last, letter(at)) for first, last in found]
            else:
                marks.append(Mark(0, len(segment.text), letter(at)))
        return part_of(segment.text, marks, identifiers_in(segment.text), self.labels, self._revealed, start)

    def _read(self, segment: KeptSegment, findings: Sequence[KeptFinding]) -> Sequence[_Reading]:
        """The readings in which something was found, the folded one before them, with its places."""
        if segment.mark not in self._kept:
            wanted = dict.fromkeys([FOLDED, *(finding.view for finding in findings)])
            try:
                read = {view.name: view.text for view in views(segment.text)}
            except ScreeningUnavailable:
                read = {}
            made = []
            for name in [name for name in wanted if name in read][:READINGS_SHOWN]:
                marks = [
                    Mark(start, end, letter(at))
                    for at, finding in enumerate(findings)
                    if finding.view == name
                    for start, end in self._places(finding, read[name])
                ]
                made.append(_Reading(name, read[name], marks))
            self._kept[segment.mark] = made
        return self._kept[segment.mark]

    def _readings(self, segment: KeptSegment, readings: Sequence[_Reading]) -> Iterator[Reading]:
        known: list[tuple[str, str]] = []
        for one in identifiers_in(segment.text):
            words = segment.text[one.start : one.end]
            self.labels.same(fold(words), words, one.kind)  # a reading of a text has the labels of the text
            known.append((fold(words), one.kind))
        for each in readings:
            part = part_of(each.text, each.marks, masked_in(each.text, known), self.labels, self._revealed)
            yield Reading(each.name.replace("+", " + "), part)

    def _places(self, finding: KeptFinding, text: str) -> Sequence[tuple[int, int]]:
        if finding.detector != DETECTOR_ID or not self._file.rules or self._placed >= PLACED_MAX:
            return ()
        self._placed += 1
        try:
            return places_of(self._file.rules, "the rules of the release", finding.rule, text)
        except ReleaseError:
            return ()

    # ---- the conversation ---------------------------------------------------------------------------------------

    def conversation(self) -> Iterator[SpokenView]:
        """Everything that was said, in order, and what was held of the answer."""
        texts = dict(self.texts())
        for number, role, what in self._said:
            yield SpokenView(number, role, what, self.part(texts[number]))

    def part(self, text: str, start: int = 0) -> Part:
        """A text of the conversation, with the stretches that could not be told marked in it."""
        marks = []
        for number, segment in enumerate(self.shown, 1):
            words = segment.text
            if words and text[segment.start : segment.start + len(words)] == words:
                marks.append(Mark(segment.start, segment.start + len(words), str(number)))
            elif words and not segment.path.startswith(_OF_PARTS) and (at := text.find(words)) >= 0:
                marks.append(Mark(at, at + len(words), str(number)))
        return part_of(text, marks, identifiers_in(text), self.labels, self._revealed, start)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Each text with its number."""
        self._said: list[tuple[int, str, str]] = []
        for number, (role, what, text) in enumerate(_spoken(self._file.content), 1):
            self._said.append((number, role, what))
            yield number, text


def _spoken(content: Content) -> Iterator[tuple[str, str, str]]:
    """Who said what: a role of ours, a word of ours for the kind of text, and the text."""
    request: Mapping[str, Any] = content.request
    for turn in list(request.get("turns", []))[:TURNS_SHOWN]:
        yield from _of_turn(turn, str(turn.get("role", "")))
    for name in _REST:
        if (value := request.get(name)) and value not in (_NO_CHOICE, _NO_FORMAT):
            yield "request", name.replace("_", " "), msgspec.json.format(msgspec.json.encode(value)).decode()
    if content.answer:
        answer: Mapping[str, Any] = msgspec.json.decode(content.answer)
        for choice in answer.get("choices", []):
            yield from _of_turn({**choice, "texts": [choice.get("text", "")]}, "answer")


def _of_turn(turn: Mapping[str, Any], role: str) -> Iterator[tuple[str, str, str]]:
    for what in ("name", "reasoning"):
        if turn.get(what):
            yield role, what, str(turn[what])
    for text in turn.get("texts", []):
        if text:
            yield role, "", str(text)
    if turn.get("refusal"):
        yield role, "refusal", str(turn["refusal"])
    for call in turn.get("calls", []):
        yield role, "tool call", f"{call.get('name', '')} {call.get('arguments', '')}"


def _finding(name: str, finding: KeptFinding) -> FindingView:
    certain = finding.detector == DETECTOR_ID
    return FindingView(
        name=name,
        fact=plain(finding.fact),
        value=plain(finding.value),
        detector=plain(finding.detector),
        rule=plain(finding.rule),
        view=plain(finding.view).replace("+", " + "),
        score="rule" if certain else f"{finding.score / 1000:.3f}",
    )


def letter(at: int) -> str:
    """The name of a finding on the page: ``a``, ``b``, and after ``z`` ``a1``."""
    return chr(ord("a") + at % 26) + (str(at // 26) if at >= 26 else "")


def where(text: str, folded: str) -> tuple[int, int] | None:
    """Where the words of a folded reading stand in a text that differs in case and blanks alone; else ``None``."""
    places: list[int] = []
    chars: list[str] = []
    for at, char in enumerate(text):
        lower = char.lower()
        if char.isspace():
            if chars and chars[-1] == " ":
                continue
            lower = " "
        if len(lower) != 1:
            return None
        places.append(at)
        chars.append(lower)
    found = "".join(chars).find(folded) if folded else -1
    return (places[found], places[found + len(folded) - 1] + 1) if found >= 0 else None
