# SPDX-License-Identifier: Apache-2.0
"""What of an installation can be opened by itself: its agreement, its registry, its combined heads, one of its shards.

Commands open what they need of these; a gateway opens all of them (``wiring.py``). Nothing here serves.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.theorems import require_theorems
from brightline.core.errors import BrightlineError, ConfigError, ShardSealed, TrustError
from brightline.core.evidence.heads import HEADS_SHARD
from brightline.core.ports import Clock, HeadStore
from brightline.core.review.pace import Pace
from brightline.core.review.urgency import DueSeconds
from brightline.shell import shipped
from brightline.shell.config import Settings, load_settings, queue_password
from brightline.shell.heads import CombinedHeads
from brightline.shell.install import agreement_folder
from brightline.shell.keyring import open_vault
from brightline.shell.people_settings import ReviewSettings
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_signer
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.heads import SqliteHeads
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Head, Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.installation import read_installation, read_roots

if TYPE_CHECKING:
    from brightline.shell.review.queue.queue import Queue, Terms


def open_agreement(settings: Settings) -> Agreement:
    """The agreement that the settings name, checked against its prose and its worked examples."""
    return shipped.read_agreement(agreement_folder(settings))


def open_baseline(root: Path, settings: Settings, signed: str) -> Agreement:
    """The agreement that both parties signed, by its digest: where the settings say, or as it was kept at ``init``.

    Raises ``AgreementError`` if it does not load or a standing theorem fails, ``TrustError`` if it is another.
    """
    store = AgreementStore(StateFolder(root).agreements)
    if not settings.agreement.directory and store.holds(signed):
        agreement = store.read(signed)
    else:
        agreement = open_agreement(settings)
    if agreement.digest != signed:
        raise TrustError(f"the agreement's files have digest {agreement.digest}; both parties signed {signed}")
    require_theorems(agreement)
    return agreement


def open_in_force(root: Path, settings: Settings, clock: Clock) -> Registry:
    """The registry of an installation, read to its end, with the version of the agreement that is in force.

    Whoever opens it closes it. Raises ``OperatorError`` saying what to mend.
    """
    folder = StateFolder(root)
    roots = read_roots(folder.roots)
    installation = read_installation(folder.installation, roots, clock.unix())
    baseline = open_baseline(root, settings, installation.agreement)
    registry = Registry(root, settings, roots, baseline, installation)
    try:
        registry.refresh()
    except BrightlineError:
        registry.close()
        raise
    return registry


@contextlib.contextmanager
def in_force(root: Path, clock: Clock) -> Iterator[tuple[Settings, Registry]]:
    """The settings of an installation and its registry, as :func:`open_in_force` opens it, closed at the end."""
    settings = load_settings(root)
    registry = open_in_force(root, settings, clock)
    try:
        yield settings, registry
    finally:
        registry.close()


@contextlib.asynccontextmanager
async def opened_queue(root: Path, settings: Settings, registry: Registry, clock: Clock) -> AsyncIterator[Queue]:
    """The reviewers' queue of an installation, closed at the end; its registry is read on by ``Queue.follow``.

    Raises ``ConfigError`` where none is configured, its tables are missing, or the extra ``console`` is.
    """
    review = settings.review
    require_queue(review)
    from brightline.shell.review.queue.queue import Queue
    from brightline.shell.review.queue.source import LogSource

    source = LogSource(root, registry)
    queue = await Queue.open(review.queue_url, root, source, clock, _terms(review), queue_password(review))
    try:
        yield queue
    finally:
        await queue.close()


def require_queue(review: ReviewSettings) -> None:
    """Raise ``ConfigError`` where no queue is configured, or what it needs is not installed."""
    if not review.queue_url:
        raise ConfigError("no queue is configured: set review.queue_url, then run `brightline review migrate STATE`")
    missing = [name for name in ("sqlalchemy", "alembic", "asyncpg") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the queue needs the extra `console`: {', '.join(missing)} is missing")


def _terms(review: ReviewSettings) -> Terms:
    from brightline.shell.review.queue.queue import Terms

    due = DueSeconds(review.due_minutes_critical * 60, review.due_minutes_high * 60, review.due_minutes_normal * 60)
    pace = Pace(
        break_after_cases=review.break_after_cases,
        break_after_seconds=review.break_after_minutes * 60,
        break_seconds=review.break_minutes * 60,
        cases_per_day=review.cases_per_day,
        skips_in_row_max=review.skips_in_row_max,
        skips_per_day_max=review.skips_per_day_max,
    )
    return Terms(review.lease_seconds, due, pace)


@contextlib.contextmanager
def opened_heads(
    folder: StateFolder, settings: Settings, profile: str, clock: Clock
) -> Iterator[tuple[CombinedHeads, HeadStore]]:
    """The combined heads of an installation, and the database in which they lie. Raises ``OperatorError``."""
    store = SqliteHeads(folder.heads)
    try:
        signer = log_signer(folder, settings, HEADS_SHARD)
        evidence = folder.evidence(settings.evidence.directory)
        heads = CombinedHeads(store, folder.heads, evidence, signer, profile, clock)
        try:
            yield heads, store
        finally:
            heads.close()
    finally:
        store.close()


@contextlib.contextmanager
def opened_shard(
    folder: StateFolder, settings: Settings, registry: Registry, shard: str, clock: Clock
) -> Iterator[Sequencer]:
    """A shard that no gateway writes now, opened as its single writer; what is written is published at the end.

    Raises ``WriterPresent`` while its gateway runs, ``OperatorError`` if it cannot be opened.
    """
    evidence = folder.evidence(settings.evidence.directory)
    signer = log_signer(folder, settings, shard)
    if signer.verifier.name in registry.seals.logs:
        raise ShardSealed(f"{signer.verifier.name} was sealed")
    published = read_published(evidence, shard, signer.verifier)
    with writing(folder, settings, shard, registry.roots.profile, clock, open_vault(folder), published) as (log, _):
        yield log


@contextlib.contextmanager
def writing(
    folder: StateFolder,
    settings: Settings,
    shard: str,
    profile: str,
    clock: Clock,
    vault: Vault,
    promised: Head | None,
) -> Iterator[tuple[Sequencer, Publisher]]:
    """A shard's log and what publishes it, closed in that order; ``promised`` is the head that it must extend.

    Raises ``WriterPresent`` while another writes it, ``OperatorError`` if it cannot be opened.
    """
    log = Sequencer.open(folder.wal, shard, profile, clock, vault=vault, published=promised)
    publisher = None
    try:
        publisher = Publisher.open(
            log, folder.evidence(settings.evidence.directory), log_signer(folder, settings, shard)
        )
        yield log, publisher
    finally:
        log.close()
        if publisher is not None:
            publisher.close()
