# SPDX-License-Identifier: Apache-2.0
"""The registry as one process follows it: the reader, and everything that is known from its records."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import BrightlineError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.review.halting import Signers
from brightline.core.review.recusal import conflicted
from brightline.core.review.roster import ClearedPerson, ReviewTerms
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings
from brightline.shell.keyring import open_vault
from brightline.shell.registry.attestations import Attestations
from brightline.shell.registry.classifiers import Classifiers
from brightline.shell.registry.decisions import Decisions
from brightline.shell.registry.enrolments import Enrolments
from brightline.shell.registry.halts import Halts
from brightline.shell.registry.log import registry_verifier
from brightline.shell.registry.reader import RegistryReader, read_entry
from brightline.shell.registry.registers import Demands, Registers
from brightline.shell.registry.releases import Releases
from brightline.shell.registry.retentions import Retentions
from brightline.shell.registry.reviewing import Reviewing
from brightline.shell.registry.seals import Seals
from brightline.shell.registry.standings import Standings
from brightline.shell.registry.workloads import Workloads
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.publisher import read_published, tiles_reach
from brightline.shell.storage.releases import ReleaseStore
from brightline.shell.storage.sequencer import Head
from brightline.shell.trust.installation import Installation, read_installation

STALE_SECONDS: Final = 2.0


class Registry:
    """Follows the registry of a state folder. ``releases.current`` is the version of the baseline that is in force.

    Without the ``installation`` no decision of a person counts: for those who read the registry for something else.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        roots: TrustRoots,
        baseline: Agreement,
        installation: Installation | None = None,
    ) -> None:
        self.roots = roots
        folder = StateFolder(root)
        vault = open_vault(folder)
        evidence = folder.evidence(settings.evidence.directory)
        verifier = registry_verifier(root, settings)
        self.releases = Releases(baseline, roots, AgreementStore(folder.agreements))
        self.classifiers = Classifiers(
            lambda: read_installation(folder.installation, roots, int(time.time())).release,
            roots,
            ReleaseStore(folder, settings),
            lambda: self.releases.current.vocabulary,
        )
        self.workloads = Workloads(
            folder.cache,
            roots,
            lambda: self.releases.current.vocabulary,
            lambda seq: read_entry(folder.wal, vault, seq),
        )
        self.registers = Registers(roots)
        self.demands = Demands(roots)
        self.standings = Standings(roots, lambda: self.releases.current)
        self.halts = Halts(lambda: Signers(roots, self.roster, self.review.passkeys))
        self.attestations = Attestations(roots, installation.attestation if installation else None)
        self.retentions = Retentions(roots)
        self.seals = Seals()
        self.reviewing = Reviewing(roots)
        self.review = installation.review if installation else ReviewTerms()
        self.enrolments = Enrolments(roots, installation.roster if installation else (), self.review)
        releases = self.releases
        self.decisions = Decisions(
            lambda: self.roster, self.review, lambda: releases.current, lambda: releases.versions
        )
        self._reader = RegistryReader(
            folder.wal,
            vault,
            lambda: read_published(evidence, REGISTRY_SHARD, verifier),
            lambda: tiles_reach(evidence, REGISTRY_SHARD),
            (
                self.releases,
                self.classifiers,
                self.workloads,
                self.registers,
                self.demands,
                self.standings,
                self.halts,
                self.attestations,
                self.retentions,
                self.seals,
                self.enrolments,  # before the decisions, which ask who is on the roster
                self.reviewing,
                self.decisions,
            ),
        )
        self._seen = time.monotonic()
        self._failure = ""

    def refresh(self) -> None:
        """Read what is new. Raises ``OperatorError`` or ``TrustError`` while the registry cannot be believed."""
        try:
            self._reader.refresh()
        except BrightlineError as error:
            self._failure = str(error)
            raise
        self._seen = time.monotonic()
        self._failure = ""

    def hold_to(self, head: Head) -> None:
        """Compare with what the combined heads said before the last refresh. Raises ``EvidenceDamaged``."""
        self._reader.hold_to(head)

    @property
    def roster(self) -> Mapping[str, ClearedPerson]:
        """Who is on the roster now, by id: as it was installed, with every enrolment since."""
        return self.enrolments.roster

    def recused(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Who may not decide (ids) what people of these names asked for or made, nor what is held by what they signed.

        That is the version of the agreement, and the classifier release, that are in force.
        """
        signed = (*self.releases.signers(), *self.classifiers.signers())
        return conflicted((*names, *signed), self.roots, self.roster)

    @property
    def stale(self) -> bool:
        """Whether nobody could look for two seconds: a suspension or a revocation may be there, unseen."""
        return time.monotonic() - self._seen > STALE_SECONDS

    @property
    def failure(self) -> str:
        """Why the last look failed; empty if it did not."""
        return self._failure

    def close(self) -> None:
        """Close the caches."""
        self.workloads.close()
