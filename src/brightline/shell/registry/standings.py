# SPDX-License-Identifier: Apache-2.0
"""How units stand, from the log; and how something that changes it is written there.

An order whose signatures do not hold raises: a suspension that this node cannot believe might be one, so it stops. An
order that holds and cannot happen in the state at hand, or was given before, changes nothing and is kept among the
``ignored`` for those who look.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.ladder import rules_of
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.expectation import Figures
from brightline.core.patterns.crossing import Crossed
from brightline.core.ports import Clock
from brightline.core.standing import (
    AGREEMENT_SCOPE,
    HOUR_SECONDS,
    Happened,
    IllegalEvent,
    Said,
    Standing,
    StandingBook,
    after,
)
from brightline.core.standing_order import check_order, open_order
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.reader import Entry
from brightline.shell.state import StateFolder

SEALS: Final = frozenset({Standing.SUSPENDED, Standing.TERMINATED})


class Entered(msgspec.Struct, frozen=True):
    """One record of standing: what was said, in which record, and why it changed nothing (empty: it did)."""

    seq: int
    time: str
    said: Said
    ignored: str = ""


class Standings:
    """How everybody stands, as a fold of STANDING records."""

    kinds: Final = frozenset({RecordKind.STANDING})

    def __init__(self, roots: TrustRoots, agreement: Callable[[], Agreement]) -> None:
        self.book = StandingBook()
        self.history: tuple[Entered, ...] = ()
        self._roots = roots
        self._agreement = agreement

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` for an order that is not signed by those who must."""
        said = _said(entry, self._roots)
        try:
            self.book = self.book.enter(said, rules_of(self._agreement()))
        except IllegalEvent as error:
            self.history += (Entered(entry.seq, entry.time, said, str(error)),)
            return
        self.history += (Entered(entry.seq, entry.time, said),)

    def ignored(self, seq: int) -> str:
        """Why a record changed nothing; empty if it did."""
        return next((entered.ignored for entered in reversed(self.history) if entered.seq == seq), "")


def _said(entry: Entry, roots: TrustRoots) -> Said:
    if "statement" in entry.opened:
        return open_order(entry.envelope, roots, at=entry.unix)
    unit = entry.opened.get("unit")
    machine_may = entry.public.get("happened") == Happened.PATTERN_FOUND
    if not machine_may or not isinstance(unit, str) or unit == AGREEMENT_SCOPE:  # nor of the agreement as a whole
        raise TrustError(f"record {entry.seq} of the registry is a change of standing that nobody signed")
    return Said(unit, Happened.PATTERN_FOUND, entry.unix, str(entry.opened.get("reason", "")))


def log_pattern(
    root: Path,
    settings: Settings,
    profile: str,
    agreement: Agreement,
    unit: str,
    figures: Figures,
    clock: Clock,
) -> DurableRecord:
    """Log that the machine found a pattern: the one thing that it may say of a standing. Blocks.

    Raises ``OperatorError`` or ``EvidenceUnavailable`` if it cannot be logged.
    """
    hours = figures.windows * rules_of(agreement).window_seconds // HOUR_SECONDS
    reason = (
        f"{figures.denies} requests of {figures.requests} in {hours} h were denied where {figures.expected:.1f} are "
        f"expected; "
        f"by our own error that happens once in {1 / max(figures.likelihood, 1e-300):.2g} times"
    )
    counted = {name: str(value) for name, value in msgspec.to_builtins(figures).items()}
    draft = _found(agreement, {"unit": unit, "reason": reason, "figures": dict(counted)})
    return append_to_registry(root, settings, profile, clock, draft)


def log_crossing(
    root: Path,
    settings: Settings,
    profile: str,
    agreement: Agreement,
    unit: str,
    crossed: Crossed,
    clock: Clock,
) -> DurableRecord:
    """Log that a unit's requests crossed a pattern of the agreement so far that people must look at it. Blocks.

    Raises ``OperatorError`` or ``EvidenceUnavailable`` if it cannot be logged.
    """
    pattern = crossed.pattern
    reason = (
        f"pattern {pattern.id}: {crossed.subjects:,} {pattern.counts.noun}, counted by {crossed.over}; {pattern.words}"
    )
    if crossed.record:
        reason += f" Found when an exchange was read again: record {crossed.record}."
    figures: dict[str, JsonValue] = {
        "pattern": pattern.id,
        "over": crossed.over.value,
        "subjects": str(crossed.subjects),
    }
    if crossed.record:
        figures["record"] = crossed.record
    draft = _found(agreement, {"unit": unit, "reason": reason, "figures": figures})
    return append_to_registry(root, settings, profile, clock, draft)


def _found(agreement: Agreement, committed: dict[str, JsonValue]) -> Draft:
    """The one thing that the machine may say of a standing: that people must look."""
    public: dict[str, JsonValue] = {
        "agreement": agreement.digest,
        "happened": Happened.PATTERN_FOUND.value,
        "scope": "unit",
        "standing": Standing.NOTICED.value,
        "held": rules_of(agreement).holds_on_pattern,
    }
    return Draft(RecordKind.STANDING, "", public, committed)


def log_order(
    root: Path,
    settings: Settings,
    standings: Standings,
    agreement: Agreement,
    roots: TrustRoots,
    happened: Happened,
    envelope: bytes,
    clock: Clock,
) -> DurableRecord:
    """Check an order as every reader will, and log it. What suspends or terminates seals the evidence as it stands.

    Raises ``TrustError`` for signatures that are missing, or for what cannot happen in the state at hand. Somebody
    else may change that just before it is logged; ``Standings.ignored`` says so once the registry was read again.
    """
    said = lasting(lambda at: check_order(envelope, roots, happened, at=at), clock)
    if said.agreement != agreement.digest:
        raise TrustError("the order names another version of the agreement than the one in force")
    try:
        standings.book.enter(said, rules_of(agreement))
        changed = after(standings.book.of(said.unit), said, rules_of(agreement))
    except IllegalEvent as error:
        raise TrustError(str(error)) from error
    public: dict[str, JsonValue] = {
        "agreement": agreement.digest,
        "happened": happened.value,
        "scope": "agreement" if said.unit == AGREEMENT_SCOPE else "unit",
        "standing": changed.standing.value,
        "held": changed.held,
    }
    if changed.standing in SEALS:
        public["sealed"] = dict(published_heads(StateFolder(root).evidence(settings.evidence.directory)))
    committed: dict[str, JsonValue] = {"statement": envelope.decode(), "unit": said.unit}
    draft = Draft(RecordKind.STANDING, "", public, committed)
    return append_to_registry(root, settings, roots.profile, clock, draft)


def published_heads(evidence: Path) -> dict[str, str]:
    """Each shard's published checkpoint as "size root", for a seal: what was there cannot be taken away later."""
    heads = {}
    for checkpoint in sorted(evidence.glob("*/checkpoint")):
        lines = checkpoint.read_text("utf-8", "replace").splitlines()
        if len(lines) >= 3:
            heads[checkpoint.parent.name] = f"{lines[1]} {lines[2]}"
    return heads
