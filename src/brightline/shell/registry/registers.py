# SPDX-License-Identifier: Apache-2.0
"""What the log says of purposes, protocols, verification records and demands. There is no cache of it to edit.

An entry that does not verify makes the registry bad (see ``reader.py``). One that verifies but is not newer than what
is known changes nothing: somebody showed an old statement again, or two people wrote the same version at once and the
first one stands. It is kept aside, so that whoever wrote it can be told.
"""

from __future__ import annotations

from typing import Final

from brightline.core.errors import OperatorError
from brightline.core.evidence.record import RecordKind
from brightline.core.facts import Register
from brightline.core.register import (
    DEMAND_TYPE,
    KINDS,
    Demand,
    RegisterBook,
    check_demand,
)
from brightline.core.register import Entry as Signed
from brightline.core.signers import DEMAND_SIGNERS, ENTRY_SIGNERS
from brightline.core.statement import TrustRoots, open_statement
from brightline.shell.registry.reader import Entry
from brightline.shell.registry.workloads import REGISTER as WORKLOADS

REPLAYS_KEPT: Final = 1_000
_REGISTERS: Final = {kind.value: kind for kind in KINDS}


class Registers:
    """The registers as a fold of the log. ``book`` is a value: take it once and look at it as long as you like."""

    kinds: Final = frozenset({RecordKind.WORKLOAD})

    def __init__(self, roots: TrustRoots) -> None:
        self._roots = roots
        self._seqs: dict[tuple[Register, str], int] = {}
        self.book = RegisterBook()
        self.replayed: tuple[int, ...] = ()

    def enter(self, entry: Entry) -> None:
        """Take in an entry of a register; registrations of workloads are not for this fold. Raises ``TrustError``."""
        named = entry.public.get("register", WORKLOADS)
        if named == WORKLOADS:
            return
        register = _REGISTERS.get(str(named))
        if register is None:  # whoever passes over what he does not know may pass over what retires
            raise OperatorError(f"record {entry.seq} is of the register {named!r}, which this version does not know")
        signed = read_signed(register, entry.envelope, self._roots, at=entry.unix)
        if not self.book.is_newer(signed):
            self.replayed = (*self.replayed, entry.seq)[-REPLAYS_KEPT:]
            return
        self.book = self.book.enter(signed)
        self._seqs[register, signed.id] = entry.seq

    def seq(self, register: Register, entry_id: str) -> int:
        """The record of the current version of an entry. Raises ``KeyError`` if there is none."""
        return self._seqs[register, entry_id]


def read_signed(register: Register, envelope: bytes, roots: TrustRoots, *, at: int) -> Signed:
    """Verify who signed an entry and read it; ``at`` is when it was logged. Raises ``TrustError``."""
    kind = KINDS[register]
    read: Signed = open_statement(
        envelope, kind.payload_type, kind.type_, roots, at=at, needed=ENTRY_SIGNERS[register]
    )
    return read


class Demands:
    """The demands that were received. Nothing that decides asks for them."""

    kinds: Final = frozenset({RecordKind.DEMAND})

    def __init__(self, roots: TrustRoots) -> None:
        self._roots = roots
        self._known: dict[str, tuple[Demand, int]] = {}

    def enter(self, entry: Entry) -> None:
        """Take in a demand. Raises ``TrustError`` if no officer of the provider signed it."""
        demand = read_demand(entry.envelope, self._roots, at=entry.unix)
        self._known.setdefault(demand.id, (demand, entry.seq))

    def all(self) -> tuple[tuple[Demand, int], ...]:
        """Every demand with the record that holds it, in the order of the log."""
        return tuple(self._known.values())


def read_demand(envelope: bytes, roots: TrustRoots, *, at: int) -> Demand:
    """Verify who signed a demand and read it. Raises ``TrustError``."""
    demand = open_statement(envelope, DEMAND_TYPE, Demand, roots, at=at, needed=DEMAND_SIGNERS)
    check_demand(demand)
    return demand
