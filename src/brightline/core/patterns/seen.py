# SPDX-License-Identifier: Apache-2.0
"""What a record says of the persons of one request: tokens, times and matters, from which every count is made again.

An ATTEMPT commits to those of the request, an OUTCOME to those of the answer, and a TOUCHED to those whom another
reader found in either afterwards (salted, like all that is committed), so that who opens the log can count as the
gateway did, and nobody else learns even how many people there were. No person is in it, and without the keys of the
spans, which are destroyed, no token leads to one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.pattern import KNOWN_BITS, Over
from brightline.core.canonical import JsonValue
from brightline.core.evidence.record import RecordKind
from brightline.core.patterns.asked import NOT_ASKED, Asked, read_asked
from brightline.core.patterns.token import TOKEN_BYTES, spans_at, token_of

FIELD: Final = "touched"
"""The name of the committed field."""
COUNTED_KINDS: Final = frozenset({RecordKind.ATTEMPT, RecordKind.OUTCOME, RecordKind.TOUCHED})
"""The records that have it: of a request, of its answer, and of what was found in them later."""
SUBJECTS_MAX: Final = 1_024
"""So many persons of one request are told apart; of more it is known that they are more."""

_ROW: Final = struct.Struct(">QQH")


class Touched(msgspec.Struct, frozen=True):
    """Persons of one request, or of its answer, each with the bits of what comes up about them (``Touches.bit``).

    They are texts, and never leave the process: :func:`see` makes tokens of them. ``more`` says that there were more
    of them than are listed; ``about`` is what came up in texts that say of nobody whom they are about.
    """

    persons: tuple[tuple[str, int], ...] = ()
    more: bool = False
    about: int = 0


class Whose(msgspec.Struct, frozen=True):
    """Who asks: the ids of the key (its workload), the unit and the purpose."""

    key: str
    unit: str
    purpose: str

    def scopes(self) -> tuple[tuple[Over, str], ...]:
        """In whose counts a request is; the agreement as a whole has the empty name."""
        return (Over.KEY, self.key), (Over.UNIT, self.unit), (Over.PURPOSE, self.purpose), (Over.AGREEMENT, "")


class Subject(msgspec.Struct, frozen=True):
    """One person: the tokens in the older and in the newer span, and the bits of what came up."""

    older: int
    newer: int
    about: int


class Seen(msgspec.Struct, frozen=True):
    """The persons of one request at ``unix``; ``more``: there were more of them than are here.

    ``asked`` is how it asks, whoever it is about.
    """

    exchange: str
    unix: int
    whose: Whose
    subjects: tuple[Subject, ...]
    more: bool = False
    asked: Asked = NOT_ASKED

    @property
    def counts(self) -> bool:
        """Whether anything of it is counted."""
        return bool(self.subjects) or self.asked != NOT_ASKED

    @property
    def spans(self) -> tuple[int, int]:
        """The spans in which it counts."""
        return spans_at(self.unix)

    @property
    def request(self) -> int:
        """The token of the request itself: of its id, which tells of nobody."""
        return int.from_bytes(hashlib.sha256(self.exchange.encode()).digest()[:TOKEN_BYTES], "big")

    @property
    def about(self) -> int:
        """The bits of everything that came up."""
        bits = 0
        for subject in self.subjects:
            bits |= subject.about
        return bits

    def fields(self, crossed: Iterable[tuple[str, str, int]] = ()) -> dict[str, JsonValue]:
        """What a record commits to; nothing if nothing is counted.

        ``crossed`` says which patterns (by id) a request crossed, over what, with how many people.
        """
        if not self.counts:
            return {}
        rows = b"".join(_ROW.pack(each.older, each.newer, each.about) for each in self.subjects)
        told: dict[str, JsonValue] = {"at": self.unix, "purpose": self.whose.purpose, "subjects": rows.hex()}
        if self.more:
            told["more"] = True
        rows_crossed: list[JsonValue] = [list(row) for row in crossed]
        return {FIELD: told | ({"crossed": rows_crossed} if rows_crossed else {})} | self.asked.fields()

    def fields_of_answer(self, crossed: Iterable[tuple[str, str, int]] = ()) -> dict[str, JsonValue]:
        """What an OUTCOME commits to: as :meth:`fields`, and whose it is, which only the ATTEMPT says besides."""
        fields = self.fields(crossed)
        told = fields.get(FIELD)
        if not isinstance(told, dict):
            return {}
        return {FIELD: told | {"key": self.whose.key, "unit": self.whose.unit}}

    def answered(self, answer: Touched, keys: Mapping[int, bytes]) -> Seen:
        """The persons of the answer to this request, at the time of the request.

        What comes up in an answer without a person is said of whom the request names. Raises ``KeyError`` if a key of
        its spans is missing.
        """
        named = see(self.exchange, answer, self.whose, self.unix, keys)
        rows = {each.older: each for each in named.subjects}
        if answer.about:
            for each in self.subjects:
                before = rows.get(each.older, each)
                rows[each.older] = msgspec.structs.replace(each, about=before.about | each.about | answer.about)
        smallest = sorted(rows.values(), key=lambda each: each.older)
        more = answer.more or len(smallest) > SUBJECTS_MAX
        return Seen(self.exchange, self.unix, self.whose, tuple(smallest[:SUBJECTS_MAX]), more)


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: int
    purpose: str
    subjects: str
    more: bool = False
    crossed: tuple[tuple[str, str, int], ...] = ()
    key: str = ""
    unit: str = ""


def see(exchange: str, touched: Touched, whose: Whose, unix: int, keys: Mapping[int, bytes]) -> Seen:
    """Make tokens of persons and forget them. Raises ``KeyError`` if a key of a span that is under way is missing."""
    older, newer = (keys[span] for span in spans_at(unix))
    subjects = [Subject(token_of(person, older), token_of(person, newer), about) for person, about in touched.persons]
    return Seen(exchange, unix, whose, tuple(sorted(subjects, key=lambda each: each.older)), touched.more)


def read_seen(exchange: str, committed: Mapping[str, JsonValue]) -> Seen | None:
    """What the committed fields of an ATTEMPT, OUTCOME or TOUCHED of an exchange say of persons; ``None`` if nothing.

    Raises ``ValueError`` for what is no such record.
    """
    if FIELD not in committed:
        return None
    told = msgspec.convert(committed[FIELD], _Told, strict=True)
    rows = bytes.fromhex(told.subjects)
    if len(rows) % _ROW.size or len(rows) > _ROW.size * SUBJECTS_MAX:
        raise ValueError("the subjects of a record are rows of 18 bytes")
    subjects = tuple(Subject(*row) for row in _ROW.iter_unpack(rows))
    if any(subject.about & ~KNOWN_BITS for subject in subjects):
        raise ValueError("a subject has matters that nobody knows")
    return Seen(exchange, told.at, _whose(told, committed), subjects, told.more, read_asked(committed))


def read_crossed(committed: Mapping[str, JsonValue]) -> tuple[tuple[str, Over, int, Whose], ...]:
    """Which patterns a record crossed, by its committed fields: each with over what, how many people, and whose.

    Raises ``ValueError`` for what is no such record.
    """
    if FIELD not in committed:
        return ()
    told = msgspec.convert(committed[FIELD], _Told, strict=True)
    whose = _whose(told, committed)
    return tuple((pattern, Over(over), people, whose) for pattern, over, people in told.crossed)


def _whose(told: _Told, committed: Mapping[str, JsonValue]) -> Whose:
    """Whose it is: an OUTCOME says it beside the persons, an ATTEMPT in its own fields."""
    key, unit = told.key or str(committed.get("workload", "")), told.unit or str(committed.get("unit", ""))
    return Whose(key, unit, told.purpose)
