# SPDX-License-Identifier: Apache-2.0
"""Alembic runs this: migrations on the connection that the command opened, in one transaction."""

from __future__ import annotations

from alembic import context

from brightline.shell.review.queue.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
