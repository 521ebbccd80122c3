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
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import ReleaseError, TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.facts import Vocabulary
from brightline.core.ports import Clock
from brightline.core.screening.gate import Outcomes, Ratcheted, ratchet, read_outcomes, tightens
from brightline.core.screening.release import Release
from brightline.core.screening.tighten import Files, looser
from brightline.core.screening.trial import Compared, Rule, Stage, next_stage
from brightline.core.screening.update import Kind, Place, ReleaseUpdate, check_next, fits, open_release_update
from brightline.core.statement import SigningRole, TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import Entry
from brightline.shell.shipped import folder_reader
from brightline.shell.storage.releases import ReleaseStore
from brightline.shell.storage.signed_files import check_folder

CLASSIFIER: Final = "classifier"
STAGE: Final = "classifier-stage"
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


class Candidate(msgspec.Struct, frozen=True):
    """A release on trial: what was signed, by whom, in which record, and where it stands since which record."""

    seq: int
    time: str
    update: ReleaseUpdate
    signers: tuple[tuple[SigningRole, str], ...]
    rule: Rule
    stage: Stage
    since: int
    figures: Compared | None = None
    why: str = ""


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
        self.candidate: Candidate | None = None
        self.signer_of: dict[str, str] = {}  # by release, the public key that signed its files, where there is one
        self.ended: tuple[Candidate, ...] = ()  # trials that are over, as they ended
        self.delivered: Mapping[str, int] = {}  # the newest versions of delivery metadata that this site had verified
        self.pinned: frozenset[str] = frozenset()  # the cases that the last statement was judged on
        self._cases: frozenset[str] = frozenset()  # those of the statement that was looked at last
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

    def signers(self) -> tuple[str, ...]:
        """The names of those who signed the release in force, and the candidate beside it."""
        signed = [made.signers for made in self.history if made.update.release == self.current][-1:]
        if self.candidate is not None:
            signed.append(self.candidate.signers)
        return tuple(name for signers in signed for _, name in signers)

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` or ``ReleaseError`` if its signatures or its files do not hold."""
        if entry.public.get("what") == STAGE:
            self._go_on(entry)
            return
        if entry.public.get("what") != CLASSIFIER:
            return
        opened = open_release_update(entry.envelope, self._roots, at=entry.unix)
        update = opened.value
        why = self.objections(update)
        if why:
            self.refused += (Refused(entry.seq, entry.time, update, why[:NAMED_MAX]),)
            return
        if update.kind is not Kind.ROLLBACK:
            self.pinned = self._cases
        self.delivered = _highest(self.delivered, entry.public.get("delivered"))
        if update.kind is not Kind.ROLLBACK:
            self.signer_of[update.release] = update.signer
        if self.candidate is not None:
            self._end(self.candidate, Stage.QUARANTINED, entry.seq, "another statement followed")
        place = self.place
        self._place = msgspec.structs.replace(place, number=update.number, version=max(place.version, update.version))
        if update.trial is None:
            self._in_force(InForce(entry.seq, entry.time, update, opened.signers))
            return
        self.candidate = Candidate(
            entry.seq, entry.time, update, opened.signers, update.trial, Stage.SHADOW, entry.seq
        )

    def _in_force(self, made: InForce) -> None:
        place, digest = self.place, made.update.release
        self._place = msgspec.structs.replace(place, current=digest, was=place.was | {digest})
        self.history += (made,)

    def _go_on(self, entry: Entry) -> None:
        """A worker says that a candidate goes on, or is out. Believed where its figures say so by the signed rule."""
        step = read_step(entry.public)
        candidate = self.candidate
        if candidate is None or step.number != candidate.update.number or step.before != candidate.stage:
            return  # another worker was quicker
        if step.stage is not Stage.QUARANTINED and next_stage(candidate.rule, step.before, step.figures) != step.stage:
            return  # nobody has a candidate go on against the rule that was signed
        candidate = msgspec.structs.replace(candidate, figures=step.figures)
        if step.stage is Stage.CANARY:
            self.candidate = msgspec.structs.replace(candidate, stage=step.stage, since=entry.seq)
            return
        self._end(candidate, step.stage, entry.seq, step.why)
        if step.stage is Stage.LIVE:
            self._in_force(InForce(entry.seq, entry.time, candidate.update, candidate.signers))

    def _end(self, candidate: Candidate, stage: Stage, seq: int, why: str) -> None:
        self.ended += (msgspec.structs.replace(candidate, stage=stage, since=seq, why=why),)
        self.candidate = None

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
        outcomes = self._outcomes(update)
        self._cases = frozenset(case.digest for case in outcomes.cases)
        found = judge(update, outcomes, self._vocabulary(), self.pinned)
        return (*(self.loosens(candidate) if update.kind is Kind.EMERGENCY else ()), *found.refusals)

    def check_signed(self, digest: str) -> None:
        """The files of a release are those that the signer signed whom its statement names. Raises ``TrustError``.

        It reads all of them: for whoever is about to load them.
        """
        if signer := self.signer_of.get(digest):
            check_folder(self.store.folder(digest), signer)

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


class Step(msgspec.Struct, frozen=True):
    """The public part of a record that a candidate goes on, or is out."""

    number: int
    before: Stage
    stage: Stage
    figures: Compared
    why: str = ""


def read_step(public: Mapping[str, JsonValue]) -> Step:
    """Read it. Raises ``TrustError``."""
    try:
        return msgspec.convert(dict(public), Step)
    except msgspec.ValidationError as error:
        raise TrustError(f"a record about a candidate does not read: {error}") from error


def _highest(before: Mapping[str, int], said: JsonValue) -> Mapping[str, int]:
    """The higher version of each role."""
    now = {role: each for role, each in said.items() if isinstance(each, int)} if isinstance(said, Mapping) else {}
    return {role: max(before.get(role, 0), now.get(role, 0)) for role in before.keys() | now.keys()}


def judge(update: ReleaseUpdate, outcomes: Outcomes, vocabulary: Vocabulary, pinned: frozenset[str]) -> Ratcheted:
    """What the pinned cases say of a release or an emergency."""
    if update.kind is Kind.EMERGENCY:
        return tightens(outcomes, vocabulary, pinned)
    return ratchet(outcomes, vocabulary, pinned, update.conceded)


def log_step(root: Path, settings: Settings, profile: str, step: Step, clock: Clock) -> DurableRecord:
    """Log that a candidate goes on, or is out. It holds counts and no content. Blocks; call it off an event loop.

    Raises ``OperatorError`` or ``EvidenceUnavailable`` if it cannot be logged.
    """
    public: dict[str, JsonValue] = {"what": STAGE, **msgspec.to_builtins(step)}
    return append_to_registry(root, settings, profile, clock, Draft(RecordKind.RELEASE, "", public, {}))
