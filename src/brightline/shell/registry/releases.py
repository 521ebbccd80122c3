# SPDX-License-Identifier: Apache-2.0
"""Which version of the agreement is in force, from the log.

A RELEASE record brings a version into force where the baseline's signers signed it and this node itself finds it no
weaker than the baseline. A version that does not prove, or an old one that is shown again, is not in force, whoever
signed it, and everything stays as it was: it is named in ``refused`` for those who watch, and is refused by every node
alike. A statement whose signatures do not hold, or whose files are not here, is another matter: this node cannot know
what is in force elsewhere, so it raises, and the node stops.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.ratchet import require_no_weaker
from brightline.core.agreement.theorems import require_theorems
from brightline.core.agreement.update import AgreementUpdate, check_later, fits, open_signed_update
from brightline.core.errors import AgreementError, TrustError
from brightline.core.evidence.record import RecordKind
from brightline.core.statement import SigningRole, TrustRoots
from brightline.shell.registry.reader import Entry
from brightline.shell.storage.agreements import AgreementStore

AGREEMENT: Final = "agreement"


class Refused(msgspec.Struct, frozen=True):
    """A version that was logged and is not in force, and why."""

    seq: int
    version: int
    digest: str
    why: str


class InForce(msgspec.Struct, frozen=True):
    """A version that came into force: in which record, when, what was signed, and by whom."""

    seq: int
    time: str
    update: AgreementUpdate
    signers: tuple[tuple[SigningRole, str], ...] = ()


class Releases:
    """The versions that came into force, as a fold of RELEASE records."""

    kinds: Final = frozenset({RecordKind.RELEASE})

    def __init__(self, baseline: Agreement, roots: TrustRoots, store: AgreementStore) -> None:
        self.baseline = baseline
        self.current = baseline
        self.history: tuple[InForce, ...] = ()
        self.versions: dict[str, Agreement] = {baseline.digest: baseline}  # that came into force, by digest
        self.refused: tuple[Refused, ...] = ()
        self._roots = roots
        self._store = store
        self.version = baseline.version

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` if who signed it, or its place in the order, does not hold."""
        if entry.public.get("what") != AGREEMENT:
            return
        opened = open_signed_update(entry.envelope, self._roots, self.baseline, at=entry.unix)
        update = opened.value
        candidate = self._store.read(update.agreement)
        fits(update, candidate)
        try:
            check_later(update.version, self.version)
            require_theorems(candidate)
            require_no_weaker(candidate, self.baseline)
        except (AgreementError, TrustError) as error:
            self.refused += (Refused(entry.seq, update.version, update.agreement, str(error)),)
            return
        self.version = update.version
        self.current = candidate
        self.versions[candidate.digest] = candidate
        self.history += (InForce(entry.seq, entry.time, update, opened.signers),)

    def signers(self) -> tuple[str, ...]:
        """Who signed the version in force, by name; nobody for the baseline, which the installation names."""
        return tuple(name for _, name in self.history[-1].signers) if self.history else ()


def check_candidate(candidate: Agreement, baseline: Agreement, version_in_force: int) -> None:
    """It is a later version of the same agreement. Raises ``TrustError``."""
    if candidate.id != baseline.id:
        raise TrustError(f"this is {candidate.id}; in force is {baseline.id}, and another id is another agreement")
    check_later(candidate.version, version_in_force)
