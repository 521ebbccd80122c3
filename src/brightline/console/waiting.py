# SPDX-License-Identifier: Apache-2.0
"""What was shown to somebody and waits for their signature, for a short while, under a random name."""

from __future__ import annotations

import secrets
from typing import Final, Generic, TypeVar

import msgspec

from brightline.core.errors import TrustError

WAITING_SECONDS: Final = 900
T = TypeVar("T")


class _Kept(msgspec.Struct, Generic[T], frozen=True):
    """A thing, for whom, and until when (Unix seconds)."""

    thing: T
    person: str
    until: int


class Waiting(Generic[T]):
    """Things that wait; of more than ``most`` the oldest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, _Kept[T]] = {}

    def keep(self, thing: T, person: str, now: int) -> str:
        """Keep a thing for a person; return its name."""
        for name in [name for name, each in self._kept.items() if each.until <= now]:
            del self._kept[name]
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        name = secrets.token_urlsafe(16)
        self._kept[name] = _Kept(thing, person, now + WAITING_SECONDS)
        return name

    def take(self, name: str, person: str, now: int) -> T:
        """The thing of a name, once. Raises ``TrustError`` if it is not there any more, or is another person's."""
        kept = self._kept.get(name)
        if kept is None or kept.until <= now or kept.person != person:
            raise TrustError("what was to be signed is not kept any more; begin again")
        return self._kept.pop(name).thing
