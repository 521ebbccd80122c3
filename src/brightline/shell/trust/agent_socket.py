# SPDX-License-Identifier: Apache-2.0
"""The socket of a key agent: ``keys/agent.sock``, one name asked, one key answered, on this machine alone.

    asked      the key's name, and a line feed
    answered   "K" and 32 bytes; or "N" and why not, in words

Whoever may open the socket has its owner's rights, and is the same user of the system; the kernel says so, both ways.
The address is taken through the folder's descriptor, because an address of a Unix socket has room for 107 bytes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from brightline.core.attestation.handing import KEY_BYTES
from brightline.core.errors import TrustError

SOCKET_FILE: Final = "agent.sock"
ASK_SECONDS: Final = 60.0  # an agent that has not heard of a key yet asks its broker first
NAME_BYTES_MAX: Final = 64
REASON_BYTES_MAX: Final = 1_000
KEY: Final = b"K"
NONE: Final = b"N"
_CREDENTIALS: Final = struct.Struct("3i")


def ask_agent(folder: Path, name: str) -> bytes:
    """A key, from the agent that runs for this folder of keys. Blocks. Raises ``TrustError`` with the reason."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(ASK_SECONDS)
            with address(folder) as at:
                asking.connect(at)
            if not same_user(asking):
                raise TrustError(f"another user listens at {folder / SOCKET_FILE}")
            asking.sendall(name.encode() + b"\n")
            answer = _all_of(asking)
    except OSError as error:
        raise TrustError(
            f"{name} is sealed, and no key agent answers for {folder}: start `brightline keys agent` "
            f"({error.strerror or error})"
        ) from error
    if answer[:1] == KEY and len(answer) == 1 + KEY_BYTES:
        return answer[1:]
    why = answer[1:].decode("utf-8", "replace") if answer[:1] == NONE else "it answered something else"
    raise TrustError(f"the key agent of {folder} does not give {name}: {why}")


def _all_of(asking: socket.socket) -> bytes:
    found = b""
    while len(found) <= REASON_BYTES_MAX:
        part = asking.recv(REASON_BYTES_MAX)
        if not part:
            return found
        found += part
    return b""


@contextlib.contextmanager
def address(folder: Path) -> Iterator[str]:
    """The address of a folder's socket, however long its path is. Raises ``OSError``."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{held}/{SOCKET_FILE}"
    finally:
        os.close(held)


def same_user(connected: socket.socket) -> bool:
    """Whether the other side is a process of our own user."""
    said = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(said)
    return int(user) == os.geteuid()
