# SPDX-License-Identifier: Apache-2.0
"""What a record says of the persons of one request: tokens, times and matters, from which every count is made again.

An ATTEMPT commits to it (salted, like all that is committed), so that who opens the log can count as the gateway did,
and nobody else learns even how many people there were. No person is in it, and without the keys of the spans, which
are destroyed, no token leads to one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.pattern import Over, Touches
from brightline.core.canonical import JsonValue
from brightline.core.patterns.token import TOKEN_BYTES, spans_at, token_of

FIELD: Final = "touched"
"""The name of the committed field."""
SUBJECTS_MAX: Final = 1_024
"""So many persons of one request are told apart; of more it is known that they are more."""

_ROW: Final = struct.Struct(">QQH")
_ABOUT_MAX: Final = (1 << len(Touches)) - 1


class Touched(msgspec.Struct, frozen=True):
    """Persons of one request, each with the bits of what comes up about them (``Touches.bit``).

    They are texts, and never leave the process: :func:`see` makes tokens of them. ``more`` says that there were more
    of them than are listed.
    """

    persons: tuple[tuple[str, int], ...] = ()
    more: bool = False


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
    """The persons of one request at ``unix``; ``more``: there were more of them than are here."""

    exchange: str
    unix: int
    whose: Whose
    subjects: tuple[Subject, ...]
    more: bool = False

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
        """What a record commits to; nothing if nobody is touched.

        ``crossed`` says which patterns (by id) a request crossed, over what, with how many people.
        """
        if not self.subjects:
            return {}
        rows = b"".join(_ROW.pack(each.older, each.newer, each.about) for each in self.subjects)
        told: dict[str, JsonValue] = {"at": self.unix, "purpose": self.whose.purpose, "subjects": rows.hex()}
        if self.more:
            told["more"] = True
        rows_crossed: list[JsonValue] = [list(row) for row in crossed]
        return {FIELD: told | ({"crossed": rows_crossed} if rows_crossed else {})}


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: int
    purpose: str
    subjects: str
    more: bool = False
    crossed: tuple[tuple[str, str, int], ...] = ()


def see(exchange: str, touched: Touched, whose: Whose, unix: int, keys: Mapping[int, bytes]) -> Seen:
    """Make tokens of persons and forget them. Raises ``KeyError`` if a key of a span that is under way is missing."""
    older, newer = (keys[span] for span in spans_at(unix))
    subjects = [Subject(token_of(person, older), token_of(person, newer), about) for person, about in touched.persons]
    return Seen(exchange, unix, whose, tuple(sorted(subjects, key=lambda each: each.older)), touched.more)


def read_seen(exchange: str, committed: Mapping[str, JsonValue]) -> Seen | None:
    """What the committed fields of the ATTEMPT of an exchange say of persons; ``None`` if nothing.

    Raises ``ValueError`` for what is no such record.
    """
    if FIELD not in committed:
        return None
    told = msgspec.convert(committed[FIELD], _Told, strict=True)
    rows = bytes.fromhex(told.subjects)
    if len(rows) % _ROW.size or len(rows) > _ROW.size * SUBJECTS_MAX:
        raise ValueError("the subjects of a record are rows of 18 bytes")
    subjects = tuple(Subject(*row) for row in _ROW.iter_unpack(rows))
    if any(subject.about > _ABOUT_MAX for subject in subjects):
        raise ValueError("a subject has matters that nobody knows")
    whose = Whose(str(committed.get("workload", "")), str(committed.get("unit", "")), told.purpose)
    return Seen(exchange, told.at, whose, subjects, told.more)
