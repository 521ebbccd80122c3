# SPDX-License-Identifier: Apache-2.0
"""Entries of the registers for tests: whole and in date unless a test changes them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from brightline.core.facts import Register
from brightline.core.register import (
    DAY_SECONDS,
    DEMAND_FORMAT,
    KINDS,
    Demand,
    DemandKind,
    Figure,
    ProtocolEntry,
    PurposeBounds,
    PurposeEntry,
    RegisterBook,
    VvtEntry,
    text_digest,
)

ISSUED: Final = 1_000
EXPIRES: Final = ISSUED + 30 * DAY_SECONDS
ORDER: Final = "Switch the screening off until Monday."

_PURPOSE: Final = PurposeEntry(
    format=KINDS[Register.PURPOSE].format,
    id="planning",
    version=1,
    issued=ISSUED,
    expires=EXPIRES,
    retired=False,
    owner="planning office",
    words="planning of transport",
    official="director of the planning office",
    authorities=("USC-4A",),
    legal_basis="ordinary administration",
    data_classes=("schedules",),
    bounds=PurposeBounds("", "", ""),
    foreign_intelligence=False,
)
_PROTOCOL: Final = ProtocolEntry(
    format=KINDS[Register.PROTOCOL].format,
    id="two-people",
    version=1,
    issued=ISSUED,
    expires=EXPIRES,
    retired=False,
    owner="oversight office",
    title="two people look at every plan",
    text_digest=text_digest(b"Two people look at every plan."),
)
_VVT: Final = VvtEntry(
    format=KINDS[Register.VVT].format,
    id="convoy-planner",
    version=1,
    issued=ISSUED,
    expires=EXPIRES,
    retired=False,
    owner="test office",
    system="convoy planner",
    system_version="planner 4.2",
    environment="range of the test office, winter",
    test_set="convoys-3",
    test_set_digest=text_digest(b"convoys"),
    results="No convoy was sent where none may go.",
    figures=(Figure("missed per thousand", "0.4"),),
    person="p-17",
)
_DEMAND: Final = Demand(
    format=DEMAND_FORMAT,
    id="demand-1",
    source="a caller who named no office",
    received=ISSUED,
    demanded=DemandKind.SWITCH_OFF,
    text=ORDER,
    text_digest=text_digest(ORDER.encode()),
    answer="Refused: nobody can.",
    issued=ISSUED + 60,
)


def purpose(**changes: Any) -> PurposeEntry:
    """A purpose."""
    return msgspec.structs.replace(_PURPOSE, **changes)


def protocol(**changes: Any) -> ProtocolEntry:
    """An oversight protocol."""
    return msgspec.structs.replace(_PROTOCOL, **changes)


def vvt(**changes: Any) -> VvtEntry:
    """A verification record."""
    return msgspec.structs.replace(_VVT, **changes)


def demand(**changes: Any) -> Demand:
    """An order to switch something off."""
    return msgspec.structs.replace(_DEMAND, **changes)


def book_of(*entries: PurposeEntry | ProtocolEntry | VvtEntry) -> RegisterBook:
    """A book with these entries."""
    book = RegisterBook()
    for entry in entries:
        book = book.enter(entry)
    return book
