# SPDX-License-Identifier: Apache-2.0
"""The halt switch: one person of either party stops service at once; one person of each party starts it again.

A halt stops everything, one unit, or one model. It is heard whoever of those people gave it and however the roots set
their thresholds: what only restricts must not wait for a second person. What starts service again is another
statement, signed by both parties, and it names the halts that it ends by their random ids; so one that was kept back,
or written before somebody else halted too, ends nothing but what it was written for.

A halt is not a standing: nothing is held against a unit, and no machine ever gives one.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.statement import (
    BOTH_PARTIES,
    Needed,
    Opened,
    RoleKeys,
    SigningRole,
    TrustRoots,
    open_signed,
)

HALT_TYPE: Final = "application/vnd.brightline.halt+json"
RESUMPTION_TYPE: Final = "application/vnd.brightline.resumption+json"
HALT_FORMAT: Final = "brightline-halt/1"
RESUMPTION_FORMAT: Final = "brightline-resumption/1"
ENDED_MAX: Final = 1_000  # halts that one statement ends
EFFECT_SECONDS: Final = 2  # within which every worker refuses
LAG_SECONDS: Final = 5  # what a verifier allows: the effect, a slow disk, and two clocks that differ a little

# Whoever of these signed has halted. A field engineer repairs, and signs nothing.
HALT_ROLES: Final = (
    SigningRole.PROVIDER_OFFICER,
    SigningRole.PROVIDER_SAFETY,
    SigningRole.PROVIDER_CLEARED,
    SigningRole.CUSTOMER_OFFICIAL,
)
RESUMPTION_SIGNERS: Final = BOTH_PARTIES


class Scope(enum.StrEnum):
    """What a halt stops."""

    INSTALLATION = "installation"
    UNIT = "unit"
    MODEL = "model"


class HaltOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one person signs. ``name`` is of the unit or model, empty for all; ``issued`` is in Unix seconds."""

    format: str
    id: str
    scope: Scope
    name: str
    reason: str
    issued: int


class Resumption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both parties sign: the ids of the halts that are over."""

    format: str
    id: str
    halts: tuple[str, ...]
    reason: str
    issued: int


class Halt(msgspec.Struct, frozen=True):
    """A halt in force: since when (Unix seconds, as logged), why, and the holders who signed it."""

    id: str
    scope: Scope
    name: str
    since: int
    reason: str
    signers: tuple[str, ...]

    def stops(self, unit: str, model: str) -> bool:
        """Whether an exchange of this unit with this model may not be."""
        match self.scope:
            case Scope.INSTALLATION:
                return True
            case Scope.UNIT:
                return self.name == unit
            case Scope.MODEL:
                return self.name == model


class NothingChanged(ValueError):
    """A statement that is signed and changes nothing."""


class HaltBook(msgspec.Struct, frozen=True):
    """The halts in force, by id. ``seen`` are all that ever were: each counts once."""

    halts: Mapping[str, Halt] = MappingProxyType({})
    seen: frozenset[str] = frozenset()

    def halted(self, halt: Halt) -> HaltBook:
        """Return the book with one more. Raises ``NothingChanged`` for one that was given before."""
        if halt.id in self.seen:
            raise NothingChanged("this halt was given before, and counts once")
        return HaltBook(MappingProxyType({**self.halts, halt.id: halt}), self.seen | {halt.id})

    def resumed(self, said: Resumption) -> HaltBook:
        """Return the book without what both parties ended. Raises ``NothingChanged`` if none of it is in force."""
        ended = self.halts.keys() & set(said.halts)
        if not ended:
            raise NothingChanged("none of the halts that it names is in force")
        kept = {id_: halt for id_, halt in self.halts.items() if id_ not in ended}
        return HaltBook(MappingProxyType(kept), self.seen)

    def stopping(self, unit: str, model: str) -> Scope | None:
        """The widest scope by which an exchange of this unit with this model is stopped, if it is."""
        scopes = {halt.scope for halt in self.halts.values() if halt.stops(unit, model)} if self.halts else set()
        return next((scope for scope in Scope if scope in scopes), None)


def open_halt(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[HaltOrder]:
    """Verify that somebody who may halt signed, and read it. One signature is enough, whatever the roots' thresholds.

    Raises ``TrustError``.
    """
    alone = TrustRoots(roots.profile, {role: RoleKeys(pinned.keys) for role, pinned in roots.roles.items()})
    failures: list[str] = []
    for role in HALT_ROLES:
        try:
            opened = open_signed(envelope, HALT_TYPE, HaltOrder, alone, at=at, needed=(Needed(role),))
        except TrustError as error:
            failures.append(str(error))
            continue
        check_halt(opened.value)
        return opened
    raise TrustError("; and ".join(failures))


def open_resumption(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Resumption]:
    """Verify that both parties signed the end of halts, and read it. Raises ``TrustError``."""
    opened = open_signed(envelope, RESUMPTION_TYPE, Resumption, roots, at=at, needed=RESUMPTION_SIGNERS)
    check_resumption(opened.value)
    return opened


def check_resumption(said: Resumption) -> None:
    """What the end of halts must say, whoever signed it. Raises ``TrustError``."""
    if said.format != RESUMPTION_FORMAT:
        raise TrustError(f"format {said.format[:40]!r} of a resumption; expected {RESUMPTION_FORMAT!r}")
    if len(said.id) < 16 or not said.reason.strip() or not 0 < len(said.halts) <= ENDED_MAX:
        raise TrustError("a resumption has a random id, a reason, and names the halts that it ends")


def check_halt(order: HaltOrder) -> None:
    """What a halt must say, whoever signed it. Raises ``TrustError``."""
    if order.format != HALT_FORMAT:
        raise TrustError(f"format {order.format[:40]!r} of a halt; expected {HALT_FORMAT!r}")
    if len(order.id) < 16 or not order.reason.strip():
        raise TrustError("a halt has a random id and a reason")
    if bool(order.name) is (order.scope is Scope.INSTALLATION):
        raise TrustError("a halt of a unit or a model names it, and one of the installation names nothing")


def in_force(order: HaltOrder, signers: tuple[str, ...], since: int) -> Halt:
    """A halt as it stands in the book."""
    return Halt(order.id, order.scope, order.name, since, order.reason, signers)
