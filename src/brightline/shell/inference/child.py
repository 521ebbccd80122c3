# SPDX-License-Identifier: Apache-2.0
"""A process of ours that computes: started with one socket and nothing else, asked over it, killed when it is unfit.

What it says is read as a typed value of bounded length within a time; everything else makes it unfit.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import msgspec

from brightline.shell.config import child_environment
from brightline.shell.inference.wire import FRAME_BYTES_MAX, LENGTH_BYTES, pack

T = TypeVar("T", bound=msgspec.Struct)


class UnfitError(Exception):
    """This process may not answer any more."""


class Child:
    """One process, at the other end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def say(self, value: msgspec.Struct, kind: type[T], seconds: float) -> T:
        """Say something and wait for the answer. Raises ``UnfitError``."""
        try:
            async with asyncio.timeout(seconds):
                self._writer.write(pack(value))
                await self._writer.drain()
                size = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
                if size > FRAME_BYTES_MAX:
                    raise UnfitError("its answer is too long")
                return msgspec.msgpack.decode(await self._reader.readexactly(size), type=kind)
        except TimeoutError as error:
            raise UnfitError(f"it did not answer within {seconds:g} s") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise UnfitError("it is gone") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, UnicodeEncodeError) as error:
            raise UnfitError("it was told or answers what does not read") from error


@contextlib.asynccontextmanager
async def started(command: Sequence[str]) -> AsyncIterator[Child]:
    """Start a process, kill it at the end. ``command`` takes a file descriptor as last word. Raises ``UnfitError``."""
    environment = child_environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:  # no descriptors left, for now
        raise UnfitError(f"it cannot be started: {error.strerror}") from error
    try:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork that takes a millisecond, of our own command
            [*command, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
        )
    except OSError as error:
        ours.close()
        raise UnfitError(f"it cannot be started: {error.strerror}") from error
    finally:
        theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Child(reader, writer)
    finally:
        process.kill()
        process.wait()  # it was killed: this takes no time, and a task that is cancelled may not wait any more
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
