# SPDX-License-Identifier: Apache-2.0
"""An index of the cases of a unit, so that a case's page tells what stands beside it without reading the logs."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("cases_of_unit", "cases", ["unit", "opened", "state"])
