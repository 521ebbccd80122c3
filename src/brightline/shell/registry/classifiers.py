# SPDX-License-Identifier: Apache-2.0
"""Which classifier release is in force, from the log.

A RELEASE record about a classifier brings a release into force where the right people signed it, it follows what was
in force, and this node itself finds that it may: it recounts the ratchet from the outcomes that were signed for, and
for an emergency it compares the files. What may not is not in force, whoever signed it, and everything stays as it
was: it is named in ``refused``. A statement whose signatures do not hold, or whose files are not here, is another
matter: this node cannot know what is in force elsewhere, so it raises, and the node stops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import ReleaseError, TrustError
from brightline.core.evidence.record import RecordKind
from brightline.core.facts import Vocabulary
from brightline.core.screening.gate import Outcomes, Ratcheted, ratchet, read_outcomes, tightens
from brightline.core.screening.release import Release
from brightline.core.screening.tighten import Files, looser
from brightline.core.screening.update import Kind, Place, ReleaseUpdate, check_next, fits, open_release_update
from brightline.core.statement import SigningRole, TrustRoots
from brightline.shell.registry.reader import Entry
from brightline.shell.shipped import folder_reader
from brightline.shell.storage.releases import ReleaseStore

CLASSIFIER: Final = "classifier"
NAMED_MAX: Final = 20


class Refused(msgspec.Struct, frozen=True):
    """A statement that was logged and is not in force, and why."""

    seq: int
    time: str
    update: ReleaseUpdate
    why: tuple[str, ...]


class InForce(msgspec.Struct, frozen=True):
    """A statement that came into force: in which record, when, what was signed, and by whom."""

    seq: int
    time: str
    update: ReleaseUpdate
    signers: tuple[tuple[SigningRole, str], ...]


class Classifiers:
    """The releases that came into force, as a fold of RELEASE records."""

    kinds: Final = frozenset({RecordKind.RELEASE})

    def __init__(
        self,
        baseline: Callable[[], str],
        roots: TrustRoots,
        store: ReleaseStore,
        vocabulary: Callable[[], Vocabulary],
    ) -> None:
        """``baseline`` tells the digest of the release that the installation names; it is asked when it is needed."""
        self.store = store
        self.history: tuple[InForce, ...] = ()
        self.refused: tuple[Refused, ...] = ()
        self.delivered: Mapping[str, int] = {}  # the newest versions of delivery metadata that this site had verified
        self.pinned: frozenset[str] = frozenset()  # the cases that the last statement was judged on
        self._baseline = baseline
        self._roots = roots
        self._vocabulary = vocabulary
        self._place: Place | None = None

    @property
    def place(self) -> Place:
        """What is in force, and what was. Raises ``TrustError`` if the installation does not verify."""
        if self._place is None:
            baseline = self._baseline()
            version = self.store.read(baseline, self._vocabulary()).version
            self._place = Place(baseline, 0, version, frozenset({baseline}))
        return self._place

    @property
    def current(self) -> str:
        """The digest of the release in force."""
        return self.place.current

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` or ``ReleaseError`` if its signatures or its files do not hold."""
        if entry.public.get("what") != CLASSIFIER:
            return
        opened = open_release_update(entry.envelope, self._roots, at=entry.unix)
        update = opened.value
        why = self.objections(update)
        if why:
            self.refused += (Refused(entry.seq, entry.time, update, why[:NAMED_MAX]),)
            return
        if update.kind is not Kind.ROLLBACK:
            self.pinned = frozenset(case.digest for case in self._outcomes(update).cases)
        self.delivered = _highest(self.delivered, entry.public.get("delivered"))
        place = self.place
        self._place = Place(
            update.release, update.number, max(place.version, update.version), place.was | {update.release}
        )
        self.history += (InForce(entry.seq, entry.time, update, opened.signers),)

    def objections(self, update: ReleaseUpdate) -> tuple[str, ...]:
        """Why a signed statement does not come into force now; empty if it does.

        Raises ``TrustError`` or ``ReleaseError`` if the files that it names are not here, or are others.
        """
        try:
            check_next(update, self.place)
        except TrustError as error:
            return (str(error),)
        candidate = self.store.read(update.release, self._vocabulary())
        fits(update, candidate)
        if update.kind is Kind.ROLLBACK:
            return ()
        found = judge(update, self._outcomes(update), self._vocabulary(), self.pinned)
        return (*(self.loosens(candidate) if update.kind is Kind.EMERGENCY else ()), *found.refusals)

    def loosens(self, candidate: Release) -> tuple[str, ...]:
        """Why the files of a release that is here cannot be seen to be only stricter than those in force."""
        current = self.store.read(self.current, self._vocabulary())
        return looser(self._files(current), self._files(candidate))

    def _files(self, release: Release) -> Files:
        return Files(release, folder_reader(self.store.folder(release.digest)))

    def _outcomes(self, update: ReleaseUpdate) -> Outcomes:
        outcomes = read_outcomes(self.store.outcomes(update.outcomes))
        if (outcomes.was, outcomes.now, outcomes.corpus) != (update.replaces, update.release, update.corpus):
            raise ReleaseError("the outcomes are of other releases, or of another corpus, than was signed for")
        return outcomes


def _highest(before: Mapping[str, int], said: JsonValue) -> Mapping[str, int]:
    """The higher version of each role."""
    now = {role: each for role, each in said.items() if isinstance(each, int)} if isinstance(said, Mapping) else {}
    return {role: max(before.get(role, 0), now.get(role, 0)) for role in before.keys() | now.keys()}


def judge(update: ReleaseUpdate, outcomes: Outcomes, vocabulary: Vocabulary, pinned: frozenset[str]) -> Ratcheted:
    """What the pinned cases say of a release or an emergency."""
    if update.kind is Kind.EMERGENCY:
        return tightens(outcomes, vocabulary, pinned)
    return ratchet(outcomes, vocabulary, pinned, update.conceded)
