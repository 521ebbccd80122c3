# SPDX-License-Identifier: Apache-2.0
"""Changing the classifier release that is in force: what must hold before anybody signs, and how it comes into force.

    1. the release in force and the new one are asked about every pinned case, by the gateway's own detectors
    2. the ratchet compares what they said (``core/screening/gate.py``); an emergency's files are compared as well
    3. what they said is kept, and its digest is part of what is signed
    4. those who must sign it sign
    5. the files are put in place, then the RELEASE record is logged: every node that reads the record finds the files,
       does (2) again by itself, loads the detectors beside the old ones, and goes over between two exchanges

Nothing of what runs is touched before 5, and what fails there leaves the release that was in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.classifier.pinned import Pinned
from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.core.screening.gate import FORMAT as OUTCOMES_FORMAT
from brightline.core.screening.gate import Case, Outcomes, Ratcheted, read_outcomes
from brightline.core.screening.oms import SIGNATURE_FILE
from brightline.core.screening.release import Release
from brightline.core.screening.tighten import Files, looser
from brightline.core.screening.trial import Rule
from brightline.core.screening.update import FORMAT, Kind, ReleaseUpdate, check_next, fits, open_release_update
from brightline.shell import shipped
from brightline.shell.config import Settings
from brightline.shell.delivery.fresh import verified_versions
from brightline.shell.inference.score import said_of
from brightline.shell.inference.screen import Screen
from brightline.shell.registry.classifiers import CLASSIFIER, Classifiers, judge
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.state import StateFolder
from brightline.shell.storage.releases import outcomes_digest
from brightline.shell.storage.signed_files import check_folder

UPDATE_FILE: Final = "update.json"
NONE: Final = ""


class Proposed(msgspec.Struct, frozen=True):
    """A statement to be signed, the outcomes that it names, and what was found."""

    update: ReleaseUpdate
    outcomes: bytes
    ratcheted: Ratcheted
    refusals: tuple[str, ...]


def propose(
    registry: Registry,
    folder: Path,
    pinned: Pinned,
    kind: Kind,
    reason: str,
    clock: Clock,
    *,
    conceded: Mapping[str, float] | None = None,
    trial: Rule | None = None,
    signer: str = "",
    weights: str = "",
    on_done: Callable[[int], None] = lambda _done: None,
) -> Proposed:
    """Score a new release beside the one in force and judge it (steps 1 to 3).

    ``on_done`` hears how many cases are done. Raises ``ReleaseError`` if it does not load, ``ScreeningUnavailable`` if
    a detector fails on a case, ``TrustError`` if it is no later version.
    """
    classifiers, agreement = registry.classifiers, registry.releases.current
    vocabulary = agreement.vocabulary
    check_signed(folder, signer)
    candidate = shipped.read_release(folder, vocabulary)
    update = _statement(classifiers, candidate, kind, reason, clock)
    check_next(update, classifiers.place)
    outcomes = Outcomes(
        OUTCOMES_FORMAT,
        pinned.digest,
        classifiers.current,
        candidate.digest,
        _cases(classifiers, agreement, folder, pinned, weights, on_done),
    )
    data = msgspec.json.encode(outcomes)
    update = msgspec.structs.replace(
        update,
        corpus=pinned.digest,
        outcomes=outcomes_digest(data),
        conceded=dict(conceded or {}),
        trial=trial,
        signer=signer,
    )
    found = judge(update, outcomes, vocabulary, classifiers.pinned)
    loosens: tuple[str, ...] = ()
    if kind is Kind.EMERGENCY:
        before = classifiers.store.folder(classifiers.current)
        old = Files(classifiers.store.read(classifiers.current, vocabulary), shipped.folder_reader(before))
        loosens = looser(old, Files(candidate, shipped.folder_reader(folder)))
    return Proposed(update, data, found, (*loosens, *found.refusals))


def check_signed(folder: Path, signer: str) -> None:
    """The files of a release are those that its signer signed. Raises ``TrustError``, also if nobody is named."""
    if signer:
        check_folder(folder, signer)
    elif (folder / SIGNATURE_FILE).exists():
        raise TrustError(f"{folder} holds a {SIGNATURE_FILE}, and the statement names nobody who signed it")


def propose_rollback(registry: Registry, digest: str, reason: str, clock: Clock) -> ReleaseUpdate:
    """A statement that goes back to a release that was in force. Raises ``TrustError`` for any other."""
    classifiers = registry.classifiers
    release = classifiers.store.read(digest, registry.releases.current.vocabulary)
    update = _statement(classifiers, release, Kind.ROLLBACK, reason, clock)
    check_next(update, classifiers.place)
    return update


def _statement(classifiers: Classifiers, release: Release, kind: Kind, reason: str, clock: Clock) -> ReleaseUpdate:
    return ReleaseUpdate(
        format=FORMAT,
        kind=kind,
        number=classifiers.place.number + 1,
        id=release.id,
        version=release.version,
        release=release.digest,
        replaces=classifiers.current,
        corpus=NONE,
        outcomes=NONE,
        conceded={},
        reason=reason,
        issued=clock.unix(),
    )


def _cases(
    classifiers: Classifiers,
    agreement: Agreement,
    folder: Path,
    pinned: Pinned,
    weights: str,
    on_done: Callable[[int], None],
) -> tuple[Case, ...]:
    """What both releases say of every pinned case (step 1)."""
    old = Screen(agreement, classifiers.store.folder(classifiers.current), weights)
    new = Screen(agreement, folder, weights)
    cases = []
    for done, each in enumerate(pinned.cases, 1):
        labels = {fact: value for fact, value in each.labels.items() if fact in agreement.vocabulary}
        was, now = (said_of(screen, each.surface, each.text, labels) for screen in (old, new))
        cases.append(Case(each.digest, each.name, each.corpus, dict(labels), was, now))
        on_done(done)
    return tuple(cases)


def bring_into_force(
    root: Path, settings: Settings, registry: Registry, folder: Path, outcomes: bytes, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check the signatures, put the files in place and log the statement (step 5).

    Raises ``TrustError`` for signatures, or for a release that every node would refuse; ``ReleaseError`` if its files
    or outcomes do not read; ``OperatorError`` if the registry has another writer; ``EvidenceUnavailable`` if the
    record cannot be made durable.
    """
    classifiers = registry.classifiers
    update = lasting(lambda at: open_release_update(envelope, registry.roots, at=at), clock).value
    check_next(update, classifiers.place)
    vocabulary = registry.releases.current.vocabulary
    if update.kind is not Kind.ROLLBACK:
        candidate = shipped.read_release(folder, vocabulary)
        fits(update, candidate)
        check_signed(folder, update.signer)
        if outcomes_digest(outcomes) != update.outcomes:
            raise TrustError("the outcomes are not those that were signed for")
        read_outcomes(outcomes)

        def check(kept: Path) -> None:  # what every node is going to read: it lies there since before, or was copied
            fits(update, shipped.read_release(kept, vocabulary))
            check_signed(kept, update.signer)

        classifiers.store.put(candidate, folder, check)
        classifiers.store.put_outcomes(outcomes)
    if why := classifiers.objections(update):
        raise TrustError(f"every node would refuse it: {why[0]}")
    public: dict[str, JsonValue] = {
        "what": CLASSIFIER,
        "does": update.kind.value,
        "number": update.number,
        "id": update.id,
        "version": update.version,
        "release": update.release,
        "replaces": update.replaces,
        "corpus": update.corpus,
        "outcomes": update.outcomes,
    }
    if delivered := _delivered(StateFolder(root).delivery):
        public["delivered"] = dict(delivered)
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    draft = Draft(RecordKind.RELEASE, "", public, committed)
    record = append_to_registry(root, settings, registry.roots.profile, clock, draft)
    registry.refresh()
    if not any(each.seq == record.place.seq for each in (*classifiers.history, classifiers.candidate) if each):
        raise TrustError("another release came into force at the same moment; look, and try again")
    return record


def _delivered(delivery: Path) -> Mapping[str, int]:
    """What this site has verified of its delivery repository, for its log to remember; nothing where it has none."""
    try:
        return verified_versions(delivery)
    except (OSError, ValueError):
        return {}
