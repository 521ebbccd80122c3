# SPDX-License-Identifier: Apache-2.0
"""How a request asks, whoever it is about: what an ATTEMPT commits to beside the persons (``seen.py``).

One question with many subjects is a template; a question that comes back is a standing one; a tool's result that comes
in while calls may go out is a step that no person has to take. None of that is a fact by itself. What is told of one
request here is counted over many (``kinds.py``), and an agreement says how many are too many. No word is in it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue

FIELD: Final = "asked"
"""The name of the committed field."""
ROWS_MAX: Final = 65_535

_BOTH: Final = struct.Struct(">QQ")


class Asked(msgspec.Struct, frozen=True):
    """How one request asks.

    ``older`` and ``newer`` are the tokens of its question in the two spans, 0 where nothing of anybody's life came up;
    ``about`` has the bits of the matters that came up. ``rows`` is how many rows it hands over, ``step``
    that a tool's result came in while calls may go out, ``acts`` that one of these tools acts on the world and
    ``force`` that it uses force, ``case`` the token, in the newer span, of a single case that is to be decided, or 0,
    and ``case_before`` that in the older one, which an earlier version did not tell. ``again``: it is the question of
    a request that was read again, which came at no other time.
    """

    older: int = 0
    newer: int = 0
    about: int = 0
    rows: int = 0
    step: bool = False
    acts: bool = False
    force: bool = False
    case: int = 0
    again: bool = False
    case_before: int = 0

    def fields(self) -> dict[str, JsonValue]:
        """What a record commits to; nothing for a request of which nothing is counted."""
        if self == NOT_ASKED:
            return {}
        told: dict[str, JsonValue] = {}
        if self.older or self.newer:
            told |= {"question": _BOTH.pack(self.older, self.newer).hex(), "about": self.about}
        if self.rows:
            told["rows"] = self.rows
        if self.step:
            told |= {"step": True, "acts": self.acts, "force": self.force}
        if self.case:
            both = (self.case_before, self.case) if self.case_before else (self.case,)
            told["case"] = "".join(f"{token:016x}" for token in both)
        if self.again:
            told["again"] = True
        return {FIELD: told}


NOT_ASKED: Final = Asked()


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: str = ""
    about: int = 0
    rows: int = 0
    step: bool = False
    acts: bool = False
    force: bool = False
    case: str = ""
    again: bool = False


def read_asked(committed: Mapping[str, JsonValue]) -> Asked:
    """What the committed fields of an ATTEMPT say of how it asks. Raises ``ValueError`` for what is no such record."""
    if FIELD not in committed:
        return NOT_ASKED
    told = msgspec.convert(committed[FIELD], _Told, strict=True)
    question, case = bytes.fromhex(told.question), bytes.fromhex(told.case)
    if len(question) not in {0, _BOTH.size} or len(case) not in {0, _BOTH.size // 2, _BOTH.size}:
        raise ValueError("a question is sixteen bytes, and a case as many, or eight")
    if not 0 <= told.rows <= ROWS_MAX or not 0 <= told.about < 1 << 16:
        raise ValueError("so many rows, or such matters, are in no request")
    older, newer = _BOTH.unpack(question) if question else (0, 0)
    before, token = _BOTH.unpack(case.rjust(_BOTH.size, b"\0"))
    asked = Asked(older, newer, told.about, told.rows, told.step, told.acts, told.force, token, told.again, before)
    if asked.fields().get(FIELD, {}) != committed[FIELD]:  # a TOUCHED has the field also where it says nothing
        raise ValueError("it is not written as it is read")
    return asked
