# SPDX-License-Identifier: Apache-2.0
"""The installation as the console reads it: the registry followed, the desk, agreements and rules by digest.

Everything here blocks, and all of it runs on one thread (:class:`Reader`): the registry's cache is bound to the thread
that opened it, and one reader at a time is enough for people. Nothing here decides or releases.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import msgspec

from brightline.console.law import Judged
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.pattern import Over
from brightline.core.enforcement.replay import read_approvals, read_facts
from brightline.core.errors import BrightlineError, ConfigError, ReleaseError, TrustError
from brightline.core.evidence.record import RecordKind
from brightline.core.patterns.seen import read_crossed
from brightline.core.ports import Clock
from brightline.core.review.appeals import Filed
from brightline.core.review.content import Content
from brightline.core.review.life import CaseLife
from brightline.core.review.roster import Clearance
from brightline.core.screening.rules import DETECTOR_ID
from brightline.core.standing import UnitStanding
from brightline.shell import shipped
from brightline.shell.config import Settings, load_settings
from brightline.shell.keyring import open_vault
from brightline.shell.opening import open_in_force
from brightline.shell.registry.following import Registry
from brightline.shell.review.desk import Desk, OpenedCase
from brightline.shell.review.history import History
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.releases import ReleaseStore
from brightline.shell.storage.vault import KeyDestroyed
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.trust.installation import read_installation

JUDGED_KEPT: Final = 512
BEGUN_WITHIN: Final = 2_000  # records before a HOLD: its exchange began there, unless very much came between
JUDGED_WITHIN: Final = 2_000  # records after a HOLD: its exchange ends right behind it, and a sample's ended before

P = ParamSpec("P")
T = TypeVar("T")


class CaseFile(msgspec.Struct, frozen=True):
    """A case with all that its page is made of. ``rules`` are the bytes of the rule file that judged it, or none.

    ``appeal`` is what opened it, where somebody appealed a decision.
    """

    opened: OpenedCase
    content: Content
    judged: Judged
    agreement: Agreement
    release: str
    rules: bytes
    standing: UnitStanding
    appeal: Filed | None = None


class Books:
    """One installation, opened for reading. Whoever opens it closes it, on the same thread."""

    def __init__(self, root: Path, clock: Clock) -> None:
        """Raises ``OperatorError`` if the installation does not open."""
        self.root = root
        self.clock = clock
        self.settings: Settings = load_settings(root)
        self.registry: Registry = open_in_force(root, self.settings, clock)
        self._folder = StateFolder(root)
        self._agreements = AgreementStore(self._folder.agreements)
        self._releases = ReleaseStore(self._folder, self.settings)
        self.history = History(root, lambda: self.registry.decisions.docket)
        self._rules: dict[str, tuple[str, bytes]] = {}
        self._judged: dict[str, Judged] = {}

    @property
    def profile(self) -> str:
        """``development`` or ``production``."""
        return self.registry.roots.profile

    def close(self) -> None:
        """Close the caches."""
        self.registry.close()

    def cleared(self, clearance: Clearance, unit: str) -> bool:
        """Whether somebody of a clearance may know what is held of a unit."""
        return clearance.covers(self.registry.review.need(unit))

    def closed_units(self, clearance: Clearance) -> frozenset[str]:
        """The units of which somebody of a clearance may know nothing."""
        return frozenset(unit for unit in self.registry.review.needs if not self.cleared(clearance, unit))

    def units(self) -> tuple[str, ...]:
        """The units that have a workload, by name."""
        return tuple(sorted({workload.unit for workload in self.registry.workloads.all()}))

    def clauses(self) -> tuple[str, ...]:
        """The clauses of the agreement in force, in its order."""
        return tuple(clause.id for clause in self.registry.releases.current.clauses)

    def models(self) -> tuple[str, ...]:
        """The models that are served here, by name. Raises ``OperatorError``, ``TrustError``."""
        installation = read_installation(self._folder.installation, self.registry.roots, self.clock.unix())
        return tuple(sorted(model.name for model in installation.models))

    def lives(self) -> list[CaseLife]:
        """Each case that was ever opened, the first before the others, as far as the history was followed."""
        self.registry.refresh()
        return self.history.lives()

    def case_file(self, shard: str, seq: int, clearance: Clearance) -> CaseFile:
        """The case of a record, for somebody of a clearance.

        Raises ``ConfigError`` if there is none, ``TrustError`` for who is not cleared for it, ``EvidenceDamaged``.
        """
        self.registry.refresh()
        desk = Desk(self.root, self.registry.decisions.docket)
        opened = desk.at(shard, seq)
        case = opened.case
        if not self.cleared(clearance, case.unit):
            raise TrustError("this needs another clearance than yours")
        agreement = self.agreement(case.agreement)
        name, rules = self._rules_of(case.release, agreement)
        standing = self.registry.standings.book.effective(case.unit)
        filed = (each for each in self.registry.reviewing.appeals if each.appeal.id == case.appeal)
        appeal = next(filed, None) if case.appeal else None
        return CaseFile(
            opened, desk.content(opened), self._judged_of(opened), agreement, name, rules, standing, appeal
        )

    def agreement(self, digest: str) -> Agreement:
        """An agreement by its digest. Raises ``ConfigError`` if it is not here."""
        current = self.registry.releases.current
        if digest == current.digest:
            return current
        if not self._agreements.holds(digest):
            raise ConfigError(f"agreement {digest[:80]} is not held by this installation")
        return self._agreements.read(digest)

    def _judged_of(self, opened: OpenedCase) -> Judged:
        """What was known when it was held: from the OUTCOME of the exchange, which follows its HOLD, and from the
        ATTEMPT before it, which says what the request crossed.
        """
        key = f"{opened.shard}/{opened.seq}"
        if key in self._judged:
            return self._judged[key]
        keys = open_vault(self._folder).reader(opened.shard)
        found, crossed = Judged(), dict[tuple[str, Over], int]()
        first, last = opened.seq - BEGUN_WITHIN, opened.seq + JUDGED_WITHIN
        frames = frames_on_disk(self._folder.wal, opened.shard, lambda frame: frame.seq <= first)
        for frame in itertools.takewhile(lambda frame: frame.seq <= last, frames):
            if frame.exchange != opened.exchange or frame.kind not in {RecordKind.ATTEMPT, RecordKind.OUTCOME}:
                continue
            try:
                fields = keys.peek(frame)
                for pattern, over, people, _ in read_crossed(fields):
                    crossed[pattern, over] = people
                if frame.kind is RecordKind.OUTCOME:
                    approvals = tuple(sorted(read_approvals(fields.get("approvals", {})).items()))
                    found = Judged(read_facts(fields["facts"]), approvals, known=True)
            except (KeyDestroyed, KeyError, ValueError):
                pass  # the page then says less
            if frame.kind is RecordKind.OUTCOME:
                break
        rows = tuple((pattern, over, people) for (pattern, over), people in crossed.items())
        found = msgspec.structs.replace(found, crossed=rows)
        if found.known:
            if len(self._judged) >= JUDGED_KEPT:
                self._judged.clear()
            self._judged[key] = found
        return found

    def _rules_of(self, digest: str, agreement: Agreement) -> tuple[str, bytes]:
        """The id of a release and the bytes of its rules; its digest and nothing where it is not here any more."""
        if digest not in self._rules:
            folder = self._releases.folder(digest)
            try:
                release = shipped.read_release(folder, agreement.vocabulary)
            except (ReleaseError, OSError):
                return digest, b""
            if release.digest != digest:
                return digest, b""
            read = shipped.folder_reader(folder)
            rules = next((read(each.path) for each in release.detectors if each.id == DETECTOR_ID), b"")
            self._rules[digest] = release.id, rules
        return self._rules[digest]


class Reader:
    """Runs what blocks on one thread, in turn, for whoever awaits it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="books")

    async def __call__(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """Run ``work`` there. What it raises is raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args, **named))

    def close(self) -> None:
        """End the thread once what it does is done."""
        self._thread.shutdown(wait=True)


def said(error: BrightlineError) -> str:
    """An error as a page says it."""
    return f"{error}. {error.next_step}"
