# SPDX-License-Identifier: Apache-2.0
"""The first tables: cases, whom they ask, who may not have them, claims, and how far the logs were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=key, nullable=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cases",
        _text("hold", key=True),
        _text("digest"),
        _text("shard"),
        _number("seq"),
        _text("exchange"),
        _text("unit"),
        _text("workload"),
        _text("clauses"),
        _text("offices"),
        _small("answered"),
        _small("severity"),
        _number("opened"),
        _number("due"),
        _number("expires"),
        _text("state"),
        _small("escalated"),
        _number("token"),
        _text("claimed_by"),
        _number("claimed_until"),
    )
    op.create_index("cases_by_state", "cases", ["state", "severity", "due", "hold"])
    op.create_index("cases_in_order", "cases", ["severity", "due", "hold"])
    op.create_index("cases_by_age", "cases", ["state", "severity", "opened"])
    op.create_index("cases_claimed", "cases", ["claimed_until"])
    op.create_index("cases_by_expiry", "cases", ["state", "expires"])
    op.create_index("cases_by_digest", "cases", ["digest"])
    op.create_table(
        "asked",
        _text("hold", key=True),
        _text("office", key=True),
        _text("unit"),
        _small("severity"),
        _number("due"),
        _small("escalated"),
        _small("seniors"),
    )
    op.create_index("asked_in_order", "asked", ["office", "seniors", "severity", "due", "hold"])
    op.create_index("asked_of_unit", "asked", ["office", "unit", "seniors", "severity", "due", "hold"])
    op.create_index("asked_escalated", "asked", ["office", "escalated", "severity", "due", "hold"])
    op.create_index("asked_late", "asked", ["escalated", "due"])
    op.create_table(
        "barred", _text("hold", key=True), _text("person", key=True), _text("why", key=True), _text("reason")
    )
    op.create_table(
        "work",
        _text("hold", key=True),
        _number("token", key=True),
        _text("reviewer"),
        _number("began"),
        _number("until"),
        _number("ended"),
        _text("how"),
    )
    op.create_index("work_of_reviewer", "work", ["reviewer", "began"])
    op.create_index("work_by_time", "work", ["began"])
    op.create_table("reviewers", _text("id", key=True), _number("seen"))
    op.create_table(
        "read_to",
        _text("shard", key=True),
        _number("segment"),
        _number("offset"),
        _number("size"),
        sa.Column("last", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Take them away: the logs make them anew, all but the claims."""
    for table in ("read_to", "reviewers", "work", "barred", "asked", "cases"):
        op.drop_table(table)
