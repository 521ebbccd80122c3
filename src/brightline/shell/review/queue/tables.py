# SPDX-License-Identifier: Apache-2.0
"""What the queue's database holds: where each case lies, who is asked, who may not have it, who works at it.

No words of anybody's, no questions, no answers: those are in the logs. Times are Unix seconds. The tables are made by
migrations (``migrations/versions``); a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, SmallInteger, Table, Text

REVISION: Final = "0002"
"""The migration that this code stands on."""

METADATA: Final = MetaData()

CASES: Final = Table(
    "cases",
    METADATA,
    Column("hold", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # of the case: a hold may be opened again
    Column("shard", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("workload", Text, nullable=False),
    Column("clauses", Text, nullable=False),  # a JSON array, as are the offices
    Column("offices", Text, nullable=False),  # of whose people an answer could still decide something
    Column("answered", SmallInteger, nullable=False),  # how many persons have; not what
    Column("severity", SmallInteger, nullable=False),  # its rank
    Column("opened", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("escalated", SmallInteger, nullable=False),  # late, or left to senior reviewers
    Column("token", BigInteger, nullable=False),  # only grows
    Column("claimed_by", Text, nullable=False),  # empty: nobody
    Column("claimed_until", BigInteger, nullable=False),
    Index("cases_by_state", "state", "severity", "due", "hold"),
    Index("cases_in_order", "severity", "due", "hold"),
    Index("cases_by_age", "state", "severity", "opened"),
    Index("cases_claimed", "claimed_until"),
    Index("cases_by_expiry", "state", "expires"),
    Index("cases_by_digest", "digest"),
    Index("cases_of_unit", "unit", "opened", "state"),
)

ASKED: Final = Table(  # one row for each open case and office that is asked
    "asked",
    METADATA,
    Column("hold", Text, primary_key=True),
    Column("office", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("escalated", SmallInteger, nullable=False),
    Column("seniors", SmallInteger, nullable=False),  # 1: senior reviewers alone, while one is left; 2: always
    Index("asked_in_order", "office", "seniors", "severity", "due", "hold"),
    Index("asked_of_unit", "office", "unit", "seniors", "severity", "due", "hold"),
    Index("asked_escalated", "office", "escalated", "severity", "due", "hold"),
    Index("asked_late", "escalated", "due"),
)

BARRED: Final = Table(
    "barred",
    METADATA,
    Column("hold", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("why", Text, primary_key=True),  # recused, answered, skipped; organisation: then it is no person
    Column("reason", Text, nullable=False),  # of a skip
)

OF_ORGANISATION: Final = "organisation"
"""Why nobody of an office and an organisation may have a case; in the column ``person`` is what ``employed`` says."""


def employed(office: str, organisation: str) -> str:
    """Whoever is of an office and an organisation, in one word; an organisation as ``quorum.py`` compares it."""
    return f"{office}\n{organisation}"


WORK: Final = Table(  # each claim as it went
    "work",
    METADATA,
    Column("hold", Text, primary_key=True),
    Column("token", BigInteger, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),  # 0: not yet, or its lease ran out
    Column("how", Text, nullable=False),
    Index("work_of_reviewer", "reviewer", "began"),
    Index("work_by_time", "began"),
)

REVIEWERS: Final = Table(  # a row to lock, so that one person claims one case at a time
    "reviewers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("seen", BigInteger, nullable=False),
)

READ: Final = Table(  # how far each shard was read
    "read_to",
    METADATA,
    Column("shard", Text, primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("last", LargeBinary, nullable=False),
)
