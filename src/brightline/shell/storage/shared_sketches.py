# SPDX-License-Identifier: Apache-2.0
"""The counts of people for gateways on several machines: the promises of ``sketches.py``, kept by PostgreSQL.

To keep is to merge what is there with what one's own book has, under a lock and in one transaction, and the book gives
what changed again until it heard that it was kept. So it is enough that everything arrives at least once: what was
kept and not heard of is kept again, to the same bytes.

A server keeps what was deleted for longer than a file does: in dead rows, in its log, at its replicas. So it never has
a key of a span. It has the key sealed (AES-256-GCM) under a secret of the installation that only its gateways hold,
and whoever has the database alone goes back from no token to a person. Once a span is over its row is deleted and the
table is vacuumed.

Every call blocks (``postgres.py``). Needs ``asyncpg``, which the extra ``console`` brings.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from brightline.core.agreement.pattern import Over
from brightline.core.errors import OperatorError
from brightline.core.patterns.places import Counted, size_of
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import KEY_BYTES, last_over
from brightline.shell.storage.postgres import Postgres, Tables
from brightline.shell.storage.sketches import Heard, merged_with

_NONCE_BYTES: Final = 12
_LOCK: Final = 7_242_902
_DOMAIN: Final = b"brightline-span-key/1\x00"
# Migrations, in their order. What was released is never changed; a further one stands behind it.
MIGRATIONS: Final = (
    """
    CREATE TABLE pattern_span (number bigint PRIMARY KEY, sealed bytea NOT NULL);
    CREATE TABLE pattern_sketch (
        span bigint NOT NULL, scope text NOT NULL, name text NOT NULL, turn bigint NOT NULL, data bytea NOT NULL,
        PRIMARY KEY (span, scope, name));
    CREATE INDEX pattern_sketch_turn ON pattern_sketch (turn);
    CREATE TABLE pattern_kept (shard text PRIMARY KEY, unix bigint NOT NULL, turn bigint NOT NULL);
    """,
)
_TABLES: Final = Tables("the counts", "pattern_schema", _LOCK, MIGRATIONS)
_PUT: Final = """
INSERT INTO pattern_sketch (span, scope, name, turn, data) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (span, scope, name) DO UPDATE SET turn = EXCLUDED.turn, data = EXCLUDED.data
"""
_KEPT: Final = """
INSERT INTO pattern_kept (shard, unix, turn) VALUES ($1, $2, $3)
ON CONFLICT (shard) DO UPDATE SET unix = EXCLUDED.unix, turn = EXCLUDED.turn
"""


class SharedSketches:
    """The store over one connection. Any thread may call it, one at a time.

    Every method raises ``OperatorError``.
    """

    def __init__(self, url: str, secret: bytes, password: str = "") -> None:
        """Connects, and makes the tables or brings them up. Raises ``ConfigError`` without ``asyncpg``."""
        self._cipher = AESGCM(hmac.digest(secret, _DOMAIN, "sha256"))
        self._database = Postgres(url, password, "brightline-patterns", _TABLES)

    def keys(self, spans: tuple[int, ...]) -> Mapping[int, bytes]:
        """The keys of these spans, made where there are none yet."""

        async def find(connection: Any) -> Mapping[int, bytes]:
            made = [(span, self._seal(span, secrets.token_bytes(KEY_BYTES))) for span in spans]
            await connection.executemany("INSERT INTO pattern_span VALUES ($1, $2) ON CONFLICT DO NOTHING", made)
            rows = await connection.fetch(
                "SELECT number, sealed FROM pattern_span WHERE number = ANY($1)", list(spans)
            )
            return {row["number"]: self._open(row["number"], row["sealed"]) for row in rows}

        return self._database.call(find)

    def kept_at(self, shard: str) -> int:
        """When the writer of this shard last kept what it had counted, in Unix seconds; 0 if never."""

        async def find(connection: Any) -> int:
            return int(await connection.fetchval("SELECT unix FROM pattern_kept WHERE shard = $1", shard) or 0)

        return self._database.call(find)

    def hear(self, heard: int) -> Heard:
        """What was kept since turn ``heard``; all of it from turn 0."""

        async def find(connection: Any) -> Heard:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                others = await _rows(connection, heard)
                return Heard(max(heard, await _turn(connection)), others)

        return self._database.call(find)

    def keep(self, changed: Mapping[Counted, bytes], heard: int, shard: str, unix: int) -> Heard:
        """Merge what the writer of a shard counted up to ``unix`` into what is kept; return what others have kept
        since turn ``heard``.
        """

        async def merge(connection: Any) -> Heard:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                others = await _rows(connection, heard)
                theirs = dict(others)
                turn = max(await _turn(connection), heard) + 1
                rows = [
                    (counted.span, counted.over.value, counted.name, turn, merged_with(theirs, counted, data))
                    for counted, data in changed.items()
                ]
                await connection.executemany(_PUT, rows)
                await connection.execute(_KEPT, shard, unix, turn)
            return Heard(turn, others)

        return self._database.call(merge)

    def forget(self, unix: int) -> int:
        """Destroy the keys and the sketches of spans that are over; return how many keys there were."""

        async def delete(connection: Any) -> int:
            last = last_over(unix)
            async with connection.transaction():  # of sketches also those without a key: they were kept late
                kept = await connection.fetch("DELETE FROM pattern_sketch WHERE span <= $1 RETURNING span", last)
                keys = await connection.fetch("DELETE FROM pattern_span WHERE number <= $1 RETURNING number", last)
            if kept or keys:
                await connection.execute("VACUUM pattern_span")
                await connection.execute("VACUUM pattern_sketch")
            return len(keys)

        return self._database.call(delete)

    def close(self) -> None:
        """Close the connection and end the thread."""
        self._database.close()

    def _seal(self, span: int, key: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, str(span).encode())

    def _open(self, span: int, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], str(span).encode())
        except InvalidTag as error:
            raise OperatorError("the keys in the database of the counts are another installation's") from error


async def _turn(connection: Any) -> int:
    """The turn of whoever kept last."""
    return int(await connection.fetchval("SELECT coalesce(max(turn), 0) FROM pattern_kept"))


async def _rows(connection: Any, after: int) -> tuple[tuple[Counted, Sketch], ...]:
    rows = await connection.fetch(
        "SELECT span, scope, name, data FROM pattern_sketch WHERE turn > $1 ORDER BY turn", after
    )
    return tuple(
        (Counted(row["span"], Over(row["scope"]), row["name"]), Sketch.read(row["data"], size_of(row["name"])))
        for row in rows
    )
