# SPDX-License-Identifier: Apache-2.0
"""What another reader adds to the counts once an exchange has ended: the difference, and the record that says it.

The exchange is read again as it was on the way, with the names that the reader found put in (``further.py``), so that
pronouns, numbers of lines and matters follow them too. What comes out beyond what was counted on the way is counted
now, at the time of the exchange and under the same keys: so whoever would be counted had the reader sat on the way is
counted, and nothing that the way counted is taken back.

Each exchange that was read has one TOUCHED record, whether anybody was found or not; so what has none was not read,
and its leaf tells nobody whether somebody was found. How many were not read, and why, is counted in a record without
an exchange.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.evidence.record import UNREAD, Draft, RecordKind
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.patterns.asked import FIELD as ASKED_FIELD
from brightline.core.patterns.asked import NOT_ASKED, Asked
from brightline.core.patterns.further import Further
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import FIELD, SUBJECTS_MAX, Seen, Subject, see
from brightline.core.patterns.touched import touched_by, touched_by_answer

WHOLE: Final = "whole"
PART: Final = "part"
"""What a TOUCHED record says of an exchange: all its texts were read again, or some of them."""


def found_further(
    asked: Seen,
    answered: Seen | None,
    request: Exchange,
    reply: Reply | None,
    forms: Iterable[str],
    keys: Mapping[int, bytes],
) -> Seen:
    """Who is touched besides those whom the way counted in a request and, if it read one, in its answer.

    Pure; takes time in proportion to the texts. Raises ``KeyError`` if a key of its spans is missing.
    """
    further = Further(forms)
    nothing = msgspec.structs.replace(asked, subjects=(), more=False, asked=NOT_ASKED)
    if not further:
        return nothing
    touched = touched_by(request, further)
    whole = see(asked.exchange, touched, asked.whose, asked.unix, keys)
    rows = {each.older: each for each in whole.subjects}
    more = whole.more
    if reply is not None:
        of_answer = whole.answered(touched_by_answer(reply, touched.about, further), keys)
        more = more or of_answer.more
        for each in of_answer.subjects:
            rows[each.older] = _joined(rows.get(each.older), each)
    before: dict[int, int] = {}
    for each in (*asked.subjects, *(answered.subjects if answered is not None else ())):
        before[each.older] = before.get(each.older, 0) | each.about
    new = sorted(
        (each for each in rows.values() if before.get(each.older, -1) | each.about != before.get(each.older)),
        key=lambda each: each.older,
    )
    counted_more = asked.more or (answered is not None and answered.more)
    more = (more or len(new) > SUBJECTS_MAX or further.more) and not counted_more
    question = _question(request, touched.persons, asked, keys) if whole.subjects else NOT_ASKED
    return msgspec.structs.replace(nothing, subjects=tuple(new[:SUBJECTS_MAX]), more=more, asked=question)


def _joined(one: Subject | None, other: Subject) -> Subject:
    return other if one is None else msgspec.structs.replace(other, about=one.about | other.about)


def _question(request: Exchange, persons: Iterable[tuple[str, int]], asked: Seen, keys: Mapping[int, bytes]) -> Asked:
    """The question without the names that were found now, where it is another one by that."""
    again = ask(request, persons, asked.unix, keys)
    if not again.older or again.older == asked.asked.older:
        return NOT_ASKED
    return Asked(older=again.older, newer=again.newer, about=again.about, again=True)


def read_draft(
    header: Mapping[str, JsonValue], verdict: str, seen: Seen, crossed: Iterable[tuple[str, str, int]], *, whole: bool
) -> Draft:
    """The record of an exchange that was read again. Its leaf is as long whoever was found.

    ``verdict`` is that of the exchange's OUTCOME, by which it is kept as long as the exchange.
    """
    public: dict[str, JsonValue] = {**header, "what": WHOLE if whole else PART, "verdict": verdict}
    fields = seen.fields(crossed)
    nobody: dict[str, JsonValue] = {"at": seen.unix, "purpose": seen.whose.purpose, "subjects": ""}
    committed: dict[str, JsonValue] = {
        "workload": seen.whose.key,
        "unit": seen.whose.unit,
        FIELD: fields.get(FIELD, nobody),
        ASKED_FIELD: fields.get(ASKED_FIELD, {}),
    }
    return Draft(RecordKind.TOUCHED, seen.exchange, public, committed)


def unread_draft(header: Mapping[str, JsonValue], unread: Mapping[str, int]) -> Draft:
    """The record of how many exchanges were not read again, by why."""
    return Draft(RecordKind.TOUCHED, "", {**header, "what": UNREAD, "unread": dict(sorted(unread.items()))}, {})
