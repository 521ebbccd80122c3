# SPDX-License-Identifier: Apache-2.0
"""The file in which an auditor keeps what was verified. It is the auditor's own, and private (0600).

A line that names the format, the SHA-256 of what follows in hex, a line end, then MessagePack. The file is put in
place as a whole, and only by a run that believed everything: what is contradicted is never gone on from.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.audit_memory import Memory
from brightline.files import put

FORMAT: Final = b"brightline-memory/1\n"
MEMORY_BYTES_MAX: Final = 4 * 1024**3
_DIGEST_CHARS: Final = 64


def read_memory(path: Path) -> Memory | None:
    """What was kept, or ``None`` where there is no file yet. Raises ``ConfigError`` for one that does not read."""
    try:
        with path.open("rb") as file:
            data = file.read(MEMORY_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"--memory: {path} cannot be read: {error.strerror}") from error
    head = len(FORMAT) + _DIGEST_CHARS + 1
    digest, body = data[len(FORMAT) : head], data[head:]
    if not data.startswith(FORMAT) or digest != _digest(body) or len(data) > MEMORY_BYTES_MAX:
        raise ConfigError(f"--memory: {path} is not what was kept; verify everything anew with another file")
    try:
        return msgspec.msgpack.decode(body, type=Memory)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"--memory: {path} is of another version: {error}") from error


def write_memory(path: Path, memory: Memory) -> None:
    """Put a new file in the place of the old one. Raises ``ConfigError``."""
    body = msgspec.msgpack.encode(memory)
    try:
        put(path, [FORMAT, _digest(body), body], 0o600)
    except OSError as error:
        raise ConfigError(f"--memory: {path} cannot be written: {error.strerror}") from error


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n"
