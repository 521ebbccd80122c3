# SPDX-License-Identifier: Apache-2.0
"""Making the queue's tables, or bringing them up to what this code stands on. Only a command does this."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from brightline.shell.review.queue.database import Database
from brightline.shell.review.queue.tables import REVISION

_FOLDER: Final = Path(__file__).parent / "migrations"


async def migrate(database: Database) -> str:
    """Run what is missing, in one transaction; return the revision. Raises ``OperatorError``."""
    await database.write(_upgrade)
    return REVISION


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, REVISION)
