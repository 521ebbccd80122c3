# SPDX-License-Identifier: Apache-2.0
"""The SQLite cache of registrations. It holds signed envelopes that stand in the log anyway, and is not believed:
whoever reads a row compares it with the digest that the log gives (``gateway/identify.py``), and replaces it if it
differs.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

log = logging.getLogger("brightline.registry")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS workload (
    id TEXT PRIMARY KEY, unit TEXT NOT NULL, purpose TEXT NOT NULL, expires INTEGER NOT NULL, envelope BLOB NOT NULL
) STRICT
"""


class WorkloadCache:
    """One connection, used from one thread. Losing the file loses nothing.

    Where the file cannot be used (a full disk, a file that is no database) the cache is kept in memory.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(_SCHEMA)
        except sqlite3.Error as error:
            log.warning("%s cannot be used, so registrations are read from the log: %s", path, error)
            self._connection.close()
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.execute(_SCHEMA)

    def get(self, workload: str) -> bytes:
        """The cached envelope of a workload; empty if there is none."""
        row = self._connection.execute("SELECT envelope FROM workload WHERE id = ?", (workload,)).fetchone()
        return bytes(row[0]) if row else b""

    def put(self, workload: str, unit: str, purpose: str, expires: int, envelope: bytes) -> None:
        """Cache an envelope, in place of an older one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO workload VALUES (?, ?, ?, ?, ?)",
            (workload, unit, purpose, expires, envelope),
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
