# SPDX-License-Identifier: Apache-2.0
"""The gateway's end of a reader: asks it, and believes only places that lie in the texts, in order and apart."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Final, Protocol

from brightline.core.patterns.further import Place
from brightline.shell.inference.child import Child, UnfitError, started
from brightline.shell.persons.pinned import digest
from brightline.shell.persons.wire import Begin, Begun, Found, Read

LOAD_SECONDS: Final = 60.0
READ_SECONDS: Final = 120.0  # of the longest exchange, on a machine that has other things to do
COMMAND: Final = (sys.executable, "-m", "brightline.shell.persons.worker")
CANARY: Final = "please tell me where maria jensen lives"
"""A text in which it must find somebody before it is believed that it finds nobody."""


class NameReader(Protocol):
    """Says which words belong to names."""

    async def read(self, texts: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
        """For each text the places of such words, in order. Raises ``UnfitError``: then nothing was read."""
        ...


class ProcessReader:
    """A reader in a process of its own."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._number = 0

    async def read(self, texts: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
        """As :class:`NameReader` says."""
        self._number += 1
        found = await self._child.say(Read(self._number, tuple(texts)), Found, READ_SECONDS)
        if found.failure:
            raise UnfitError(f"it failed: {found.failure}")
        if found.number != self._number or len(found.places) != len(texts):
            raise UnfitError("it answered something else")
        rows = tuple(tuple(Place(*place) for place in row) for row in found.places)
        for text, row in zip(texts, rows, strict=True):
            if any(not 0 <= each.start < each.end <= len(text) for each in row):
                raise UnfitError("it named a place that is not in the text")
            if any(one.end > other.start for one, other in pairwise(row)):
                raise UnfitError("it named places out of order")
        return rows


@contextlib.asynccontextmanager
async def opened_reader(weights: str, memory_bytes: int) -> AsyncIterator[ProcessReader]:
    """Start a reader, see that it finds somebody, and kill it at the end. Raises ``UnfitError``."""
    async with started(COMMAND) as child:
        begun = await child.say(Begin(weights, memory_bytes), Begun, LOAD_SECONDS)
        if begun.failure:
            raise UnfitError(begun.failure)
        if begun.digest != digest():
            raise UnfitError(f"it loaded {begun.digest}; {digest()} is pinned")
        reader = ProcessReader(child)
        if not (await reader.read([CANARY]))[0]:
            raise UnfitError("it missed its canary")
        yield reader
