# SPDX-License-Identifier: Apache-2.0
"""Where adapters meet ports: the only file that knows which is which. ``Node.open`` builds a node, or says why not.

Order matters: trust first, then what trust pins, then the log (which writes ``lost`` for what a crash left open), and
only then anything that could serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import lost_budget, unit_quotas
from brightline.core.agreement.theorems import require_theorems
from brightline.core.enforcement.terms import AdmittedModel, Terms
from brightline.core.errors import (
    BrightlineError,
    EvidenceUnavailable,
    OperatorError,
    ReleaseError,
    ScreeningUnavailable,
    ShardSealed,
    TrustError,
)
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.period import StatedUpstream
from brightline.core.expectation import Figures
from brightline.core.ports import Clock, HeadStore
from brightline.core.screening.judge import JudgeFile
from brightline.core.screening.ngrams import NGrams
from brightline.core.screening.release import Release, RequiredDetector
from brightline.core.screening.remote import RemoteJudge
from brightline.core.screening.rules import RuleSet
from brightline.core.screening.trial import Compared, Stage
from brightline.core.standing import AGREEMENT_SCOPE, UnitStanding
from brightline.core.statement import TrustRoots
from brightline.shell import shipped
from brightline.shell.config import InferenceSettings, Settings, load_settings
from brightline.shell.gateway.admin import Admin
from brightline.shell.gateway.admission import Admission, Bounds
from brightline.shell.gateway.app import Gateway
from brightline.shell.gateway.identify import Identifier
from brightline.shell.gateway.peers import Peers, Told
from brightline.shell.gateway.quotas import Quotas
from brightline.shell.gateway.succession import Succession
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.gateway.watch import DenyWatch
from brightline.shell.heads import STEP_SECONDS as HEADS_SECONDS
from brightline.shell.heads import CombinedHeads, FollowedLog, HeadsWatch
from brightline.shell.inference.canaries import Canaries, FirstStageCanaries, RuleCanaries
from brightline.shell.inference.judges import Judges
from brightline.shell.inference.kinds import Definition, check, define, first_stage
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.pool import AT_ONCE_BYTES, Judging, PooledDetector, ThreadDetector
from brightline.shell.inference.process import ProcessDetector
from brightline.shell.inference.trial import Trial
from brightline.shell.inference.wire import Load
from brightline.shell.install import GATEWAY_SHARD, agreement_folder
from brightline.shell.keyring import open_vault
from brightline.shell.registry.classifiers import Candidate, Step, log_step
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_key, log_signer, registry_verifier
from brightline.shell.registry.standings import log_pattern
from brightline.shell.retention import Retention
from brightline.shell.serve import Door
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.heads import SqliteHeads
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.releases import release_folder
from brightline.shell.storage.sequencer import Head, Sequencer
from brightline.shell.storage.trial import Counted, write_counted
from brightline.shell.storage.vault import Vault
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.telemetry.metrics import Metrics
from brightline.shell.telemetry.traces import Traces, open_traces
from brightline.shell.trust.attestation import RENEW_SECONDS, DevelopmentAttester, NodeConditions
from brightline.shell.trust.installation import Installation, read_installation, read_roots
from brightline.shell.trust.keys import load_key, load_secret
from brightline.shell.witnessing import STEP_SECONDS, Witnessing, read_policy

REFRESH_SECONDS: Final = 0.5
PERIOD_SECONDS: Final = 60.0
BODY_GRACE_SECONDS: Final = 2.0
"""So much later than the gateway's own deadlines the connection of a late body or a deaf reader is cut."""

log = logging.getLogger("brightline")


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
    registry = Registry(root, settings, roots, open_baseline(root, settings, installation.agreement))
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


class Witnessed(msgspec.Struct, frozen=True):
    """The witnesses of this process's shard and of the combined heads."""

    shard: Witnessing
    heads: Witnessing


@contextlib.asynccontextmanager
async def _witnessing(
    folder: StateFolder, settings: Settings, shard: str, clock: Clock
) -> AsyncIterator[Witnessed | None]:
    """The witnesses, asked what they have seen; none where there is no policy.

    Raises ``ConfigError`` for a policy that does not read, ``OperatorError`` if nothing may be signed.
    """
    if not folder.witness_policy.exists():
        yield None
        return
    policy = read_policy(folder.witness_policy)
    evidence = folder.evidence(settings.evidence.directory)
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for name in (shard, HEADS_SHARD):
            witnessing = Witnessing(policy, evidence / name, log_signer(folder, settings, name), clock)
            stack.push_async_callback(witnessing.close)
            await witnessing.survey()
            opened.append(witnessing)
        yield Witnessed(*opened)


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


@contextlib.asynccontextmanager
async def _heads(folder: StateFolder, settings: Settings, profile: str, clock: Clock) -> AsyncIterator[CombinedHeads]:
    with opened_heads(folder, settings, profile, clock) as (heads, _store):
        yield heads


@contextlib.asynccontextmanager
async def _traces(settings: Settings, shard: str) -> AsyncIterator[Traces | None]:
    """Traces, if an endpoint is set. Raises ``ConfigError``."""
    if not settings.telemetry.traces:
        yield None
        return
    traces = open_traces(settings.telemetry.traces, shard)
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)


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
    profile = registry.roots.profile
    log = Sequencer.open(folder.wal, shard, profile, clock, vault=open_vault(folder), published=published)
    publisher = None
    try:
        publisher = Publisher.open(log, evidence, signer)
        yield log
    finally:
        log.close()
        if publisher is not None:
            publisher.close()


Defined = Sequence[tuple[RequiredDetector, Definition]]


def read_definitions(release: Release, folder: Path, agreement: Agreement) -> Defined:
    """Read what each detector of a release is, and hold it against the agreement. Takes its time: patterns compile.

    Raises ``ReleaseError``.
    """
    read = shipped.folder_reader(folder)
    found = []
    for required in (*release.detectors, *([release.judge] if release.judge else [])):
        definition = define(required.kind, read(required.path), required.path)
        check(definition, agreement.vocabulary, required.path)
        found.append((required, definition))
    return found


def open_release(release: Release, folder: Path, defined: Defined, settings: InferenceSettings) -> Loaded:
    """Start every detector that the release requires, and its judge: rules on a thread, what computes in processes.

    Call it inside the running loop. Raises ``ReleaseError``.
    """
    detectors: list[PooledDetector] = []
    judging: Judging | None = None
    for required, definition in defined:
        if isinstance(definition, RuleSet):
            digest = f"sha256:{required.sha256}"
            canaries: Canaries = RuleCanaries(definition)
            detectors.append(ThreadDetector(required.id, digest, definition.match, AT_ONCE_BYTES, canaries))
            continue
        if isinstance(definition, NGrams):
            digest = f"sha256:{required.sha256}"
            canaries = FirstStageCanaries(definition.header)
            judge = first_stage(definition)
            detectors.append(ThreadDetector(required.id, digest, judge, AT_ONCE_BYTES, canaries))
            continue
        load = Load(
            kind=required.kind,
            id=required.id,
            path=required.path,
            sha256=required.sha256,
            folder=str(folder),
            weights=settings.weights,
            memory_bytes=settings.memory_mb << 20,
        )
        if isinstance(definition, JudgeFile | RemoteJudge):
            judging = _open_judge(release, load, definition, settings)
            continue
        deadline = release.deadline_seconds
        detectors.append(ProcessDetector(load, definition.canary, workers=settings.workers, deadline_seconds=deadline))
    return Loaded(release, detectors, judging)


def _open_judge(
    release: Release, load: Load, definition: JudgeFile | RemoteJudge, settings: InferenceSettings
) -> Judging:
    seconds = definition.deadline_ms / 1000
    judge = ProcessDetector(
        msgspec.structs.replace(
            load,
            threads=settings.judge_threads,
            key_file=settings.judge_key_file,
            memory_bytes=settings.judge_memory_mb << 20,
        ),
        definition.canary,
        workers=settings.judge_workers,
        deadline_seconds=seconds,
        queue_max=definition.queue_max,
        asks_max=1,
    )
    return Judging(judge, release.settlements, seconds)


def _further(one: Head | None, other: Head | None) -> Head | None:
    """The larger of two heads: both were promised, and the log is compared with what was promised last."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda head: head.size)


class Node:
    """Everything of one running gateway. Make it with :meth:`open`, inside the event loop that serves."""

    def __init__(
        self,
        folder: StateFolder,
        settings: Settings,
        roots: TrustRoots,
        installation: Installation,
        agreement: Agreement,
        release: Release,
        clock: Clock,
        witnessed: Witnessed | None,
        heads: CombinedHeads,
        shard: str,
        traces: Traces | None,
        peers: Peers,
    ) -> None:
        self.witnessed = witnessed
        self.peers = peers
        self.metrics = Metrics(lambda: self)
        self.admin = Admin(self.metrics, self)
        self.settings = settings
        self.installation = installation
        self._clock = clock
        self._folder = folder
        self._findings: set[asyncio.Task[None]] = set()
        self._counted: Compared | None = None
        evidence = folder.evidence(settings.evidence.directory)
        shard_key, signer = log_key(folder, shard), log_signer(folder, settings, shard)
        self.origin = signer.verifier.name
        self.heads = heads
        self.heads_watch = HeadsWatch()
        self._heads_published = 0
        self.terms = Terms(
            profile=roots.profile,
            agreement=agreement,
            release=release,
            models={
                model.name: AdmittedModel(model.name, model.upstream_model, model.upstream)
                for model in installation.models
            },
            token_signer=load_key(folder.key("token")),
            receipt_signer=shard_key,
            hold_key=load_secret(folder.key("hold")),
        )
        self.attester = DevelopmentAttester(roots.profile, agreement.vocabulary, clock)
        self.attester.renew()
        self.registry = Registry(folder.root, settings, roots, agreement)
        self.follow()
        self.watch = DenyWatch(lambda: self.agreement, self.standing_of, self._pattern_found, peers)
        self.succession = Succession(
            self.registry.classifiers,
            self._first_release(),
            self._load,
            self._went_over,
            self._log_step,
            self._trial_of,
            clock,
            folder.delivery,
        )
        if self.origin in self.registry.seals.logs:
            raise ShardSealed(f"{self.origin} was sealed by a peer while this gateway was away")
        published = _further(read_published(evidence, shard, signer.verifier), heads.recorded(self.origin))
        vault = open_vault(folder)
        self.log = Sequencer.open(folder.wal, shard, roots.profile, clock, vault=vault, published=published)
        self._count_again(vault, (shard, *peers.shards))
        self.retention = Retention(
            self.log, folder.wal, vault, lambda: self.registry.retentions.held, lambda: self.agreement, clock
        )
        self.publisher = Publisher.open(self.log, evidence, signer)
        self.publisher.publish_once()
        self.publisher.start(settings.evidence.publish_seconds)
        self.periods = PeriodWriter(self.log, evidence, signer.verifier.name, roots.profile, shard_key, clock)
        self.periods.resume()
        verifier = registry_verifier(folder.root, settings)
        self._registry_log = FollowedLog(folder.wal, evidence, REGISTRY_SHARD, verifier)
        self._registry_origin = verifier.name
        self._heads_key = log_signer(folder, settings, HEADS_SHARD).verifier
        self._evidence = evidence
        self._hold_registry()
        self.upstream = HttpUpstreams.open(settings.upstream, clock)
        self.conditions = NodeConditions(
            installation, agreement.vocabulary, self.attester, clock, self.faults, self.standing_of
        )
        listen = settings.listen
        bounds = Bounds(
            listen.exchanges_max,
            listen.unit_exchanges_max,
            listen.unsent_max,
            listen.waiting_max,
            listen.wait_seconds,
        )
        self.quotas = Quotas(settings.evidence.unit_bytes_per_day, clock, peers, lambda: unit_quotas(self.agreement))
        self.admission = Admission(bounds, self.quotas)
        self.app = Gateway(
            settings=settings.listen,
            terms=lambda: self.terms,
            identifier=Identifier(self.registry.workloads, self.standing_of),
            admission=self.admission,
            quotas=self.quotas,
            log=self.log,
            judges=self.succession.judges,
            upstreams=self.upstream,
            conditions=self.conditions,
            watch=self.watch,
            clock=clock,
            readiness=self.readiness,
            registers=lambda: self.registry.registers.book,
            observers=(self.metrics, *((traces,) if traces else ())),
        )
        self.door = Door(
            head_seconds=listen.head_seconds,
            body_seconds=listen.body_seconds + BODY_GRACE_SECONDS,
            idle_seconds=listen.idle_seconds,
            write_seconds=listen.write_seconds + BODY_GRACE_SECONDS,
            connections_max=listen.connections_max,
            refused=self.app.refused,
            shed=self.app.shed,
            drain_seconds=listen.drain_seconds,
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, root: Path, clock: Clock, shard: str = GATEWAY_SHARD, peers: Peers | None = None
    ) -> AsyncIterator[Node]:
        """Open a node from its state folder and keep it going; it writes the shard of this name.

        ``peers`` are the other workers of the same gateway. Raises ``OperatorError`` saying what to mend.
        """
        folder = StateFolder(root)
        settings = load_settings(root)
        roots = read_roots(folder.roots)
        installation = read_installation(folder.installation, roots, clock.unix())
        agreement = open_baseline(root, settings, installation.agreement)
        release = shipped.read_release(release_folder(settings), agreement.vocabulary)
        if release.digest != installation.release:
            raise TrustError(f"the release has digest {release.digest}; both parties signed {installation.release}")
        async with (
            _witnessing(folder, settings, shard, clock) as witnessed,
            _heads(folder, settings, roots.profile, clock) as heads,
            _traces(settings, shard) as traces,
        ):
            node = cls(
                folder,
                settings,
                roots,
                installation,
                agreement,
                release,
                clock,
                witnessed,
                heads,
                shard,
                traces,
                peers or Peers(),
            )
            background = (
                node._renew,
                node._refresh,
                node._follow_release,
                node._period,
                node._retain,
                node._have_witnessed,
                node._combine_heads,
                node.upstream.probe,
                node._talk,
            )
            tasks = [asyncio.create_task(work()) for work in background]
            try:
                await node.until_fit()
                yield node
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await node._close()

    async def until_fit(self) -> None:
        """Wait until every detector can judge. Raises ``ReleaseError``."""
        try:
            await self.judges.current.until_fit()
        except ScreeningUnavailable as error:
            raise ReleaseError(str(error)) from error

    def follow(self) -> None:
        """Read what is new in the registry, and go over to the version that is in force.

        One assignment between two exchanges: whoever has begun finishes under the terms that he began with. Raises
        ``OperatorError`` or ``TrustError`` while the registry cannot be believed.
        """
        self.registry.refresh()
        current = self.registry.releases.current
        if current is not self.terms.agreement:
            self.terms = msgspec.structs.replace(self.terms, agreement=current)
            log.info("%s version %d is in force: %s", current.id, current.version, current.digest)

    def _first_release(self) -> Loaded:
        """Start the detectors of the release that is in force at the start. Raises ``OperatorError``."""
        store, digest = self.registry.classifiers.store, self.registry.classifiers.current
        release = store.read(digest, self.agreement.vocabulary)
        self.terms = msgspec.structs.replace(self.terms, release=release)
        folder = store.folder(digest)
        defined = read_definitions(release, folder, self.agreement)
        return open_release(release, folder, defined, self.settings.inference)

    async def _load(self, digest: str) -> Loaded:
        """Start the detectors of another release and wait until they are fit, while this one goes on judging.

        Raises ``OperatorError`` or ``ScreeningUnavailable``.
        """
        store, agreement = self.registry.classifiers.store, self.agreement
        release = await asyncio.to_thread(store.read, digest, agreement.vocabulary)
        folder = store.folder(digest)
        defined = await asyncio.to_thread(read_definitions, release, folder, agreement)
        loaded = open_release(release, folder, defined, self.settings.inference)
        async with contextlib.AsyncExitStack() as unless_fit:
            unless_fit.push_async_callback(loaded.screeners.close)
            await loaded.until_fit()
            unless_fit.pop_all()
        return loaded

    def _went_over(self, release: Release) -> None:
        self.terms = msgspec.structs.replace(self.terms, release=release)

    def _trial_of(self, candidate: Candidate, loaded: Loaded) -> Trial:
        number, rule = candidate.update.number, candidate.rule
        return Trial(number, loaded, self.release, rule, lambda: self.agreement.vocabulary, self._busy)

    def _busy(self) -> bool:
        """Whether a candidate should not be asked now: more than half of the places are taken."""
        placed, most = self.under_way
        return 2 * placed > most

    def _write_counted(self) -> None:
        trial = self.judges.trial
        if trial is None or trial.figures is self._counted:
            return
        self._counted = trial.figures
        shard = self.origin.rpartition("/")[2]
        try:
            write_counted(self._folder.trial, Counted(shard, trial.number, trial.stage, trial.figures))
        except OSError as error:
            log.warning("what was counted of a candidate cannot be written: %s", error.strerror)

    async def _log_step(self, step: Step) -> None:
        root, profile = self._folder.root, self.terms.profile
        try:
            await asyncio.to_thread(log_step, root, self.settings, profile, step, self._clock)
            self.follow()
        except BrightlineError as error:
            log.warning("that a candidate goes on could not be logged: %s", error)

    @property
    def judges(self) -> Judges:
        """The releases that judge here."""
        return self.succession.judges

    @property
    def release(self) -> Release:
        """The release that new exchanges are judged by."""
        return self.terms.release

    @property
    def agreement(self) -> Agreement:
        """The version that new exchanges are decided by."""
        return self.terms.agreement

    def standing_of(self, unit: str) -> UnitStanding:
        """How a unit stands now, by itself and under the agreement as a whole."""
        return self.registry.standings.book.effective(unit)

    def _count_again(self, vault: Vault, shards: tuple[str, ...]) -> None:
        """Have the watch count what these shards hold."""
        self.peers.discard()
        now = self._clock.unix()
        too_old, wal = self.watch.too_old(now), self._folder.wal
        self.watch.rebuild_all([(frames_on_disk(wal, each, too_old), vault.reader(each).peek) for each in shards], now)

    def _pattern_found(self, unit: str, figures: Figures) -> None:
        """Log what the watch found, off the event loop. If it cannot be logged, the next deny finds it again."""
        task = asyncio.get_running_loop().create_task(self._log_pattern(unit, figures))
        self._findings.add(task)
        task.add_done_callback(self._findings.discard)

    async def _log_pattern(self, unit: str, figures: Figures) -> None:
        root, profile = self._folder.root, self.terms.profile
        try:
            await asyncio.to_thread(
                log_pattern, root, self.settings, profile, self.agreement, unit, figures, self._clock
            )
        except BrightlineError as error:
            self.watch.not_called(unit)
            log.warning("a pattern was found and could not be logged: %s", error)

    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        out = []
        if not self.log.healthy:
            out.append("the evidence log cannot be written")
        if self.log.full:
            out.append(self.log.full)
        if self.publisher.failure:
            out.append(f"the evidence cannot be published: {self.publisher.failure}")
        if self.witnessed is not None:
            published = self.publisher.published
            found = (
                self.witnessed.shard.fault(published.size if published else 0),
                self.witnessed.heads.fault(self._heads_published),
            )
            out += [fault for fault in found if fault]
        if fault := self.heads_watch.fault:
            out.append(fault)
        if self.origin in self.registry.seals.logs:
            out.append("a peer has sealed this shard")
        out += self.succession.faults
        if self.registry.stale:  # a suspension or a revocation that cannot be seen stops service
            out.append("the registry cannot be read")
        return tuple(out)

    def readiness(self) -> tuple[str, ...]:
        """What keeps this node from serving; empty means ready."""
        missing = ["the evidence cannot be written or published"] if self.faults() else []  # details are not for all
        missing += ["the disk is full"] if self.log.full else []
        missing += [f"detector {each.id} cannot judge" for each in self.judges.current.detectors if each.fault]
        missing += [
            f"model {model.name} has no upstream {model.upstream!r} in the settings"
            for model in self.installation.models
            if model.upstream not in self.settings.upstream
        ]
        missing += [
            f"no model server of {model.name} answers"
            for model in self.installation.models
            if model.upstream in self.settings.upstream and self.upstream.unwell(model.upstream)
        ]
        model = self.installation.models[0].name
        facts = self.agreement.vocabulary.join(self.conditions.read(model, AGREEMENT_SCOPE).statements)
        missing += [
            f"{spec.name} is {facts[spec.name]}"
            for spec in self.agreement.vocabulary.specs
            if spec.installation and facts[spec.name] != spec.good
        ]
        return tuple(missing)

    def unfit(self) -> tuple[str, ...]:
        """Why detectors cannot judge, in full: for operators, because it may name files and folders."""
        current = self.judges.current
        return (*current.faults, *([current.judge_fault] if current.judge_fault else []))

    # ---- what telemetry reads ------------------------------------------------------------------------------

    @property
    def under_way(self) -> tuple[int, int]:
        """Exchanges under way, and how many may be."""
        return self.admission.under_way

    @property
    def without_record(self) -> Mapping[str, int]:
        """Requests without a record of their own since the start, by code."""
        return self.admission.counted

    @property
    def log_sizes(self) -> tuple[int, int, int]:
        """Records written, published, and cosigned by a quorum of witnesses (-1 without witnesses)."""
        published = self.publisher.published
        cosigned = -1 if self.witnessed is None else self.witnessed.shard.witnessed_size
        return self.log.head().size, published.size if published else 0, cosigned

    @property
    def terms_names(self) -> Mapping[str, str]:
        """What this node serves under."""
        agreement = self.agreement
        return {
            "profile": self.terms.profile,
            "agreement": agreement.id,
            "agreement_version": str(agreement.version),
            "agreement_digest": agreement.digest,
            "release": self.release.id,
            "shard": self.origin,
        }

    @property
    def trial(self) -> tuple[Stage, Compared] | None:
        """Where a candidate stands here and what was counted of it, if there is one."""
        trial = self.judges.trial
        return None if trial is None else (trial.stage, trial.figures)

    # ---- what goes on beside the exchanges -----------------------------------------------------------------

    async def _renew(self) -> None:
        while True:
            self.attester.renew()
            await asyncio.sleep(RENEW_SECONDS)

    async def _refresh(self) -> None:
        while True:  # at once the first time: on a busy machine the start takes longer than a look stays fresh
            try:
                self.follow()
            except BrightlineError as error:
                log.warning("the registry cannot be read: %s", error)
            await asyncio.sleep(REFRESH_SECONDS)

    async def _follow_release(self) -> None:
        while True:
            await self.succession.step()
            self._write_counted()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _talk(self) -> None:
        await self.peers.talk(self._heard)

    def _heard(self, told: Told) -> None:
        """Count what another worker says."""
        for what, name, amount in told.used:
            self.quotas.heard(what, name, amount)
        for what, name, digest in told.held:
            self.quotas.heard_held(what, name, digest)
        for unit, unix, requests in told.decided:
            self.watch.heard_decided(unit, unix, requests)
        for unit, digest, unix in told.denied:
            self.watch.heard_denied(unit, digest, unix)

    async def _have_witnessed(self) -> None:
        while self.witnessed is not None:
            await self.witnessed.shard.step(self.log.consistency_proof)
            await self.witnessed.heads.step(self.heads.consistency_proof)
            await asyncio.sleep(STEP_SECONDS)

    async def _combine_heads(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.write_heads)
                self._hold_registry()
            except OperatorError as error:
                self.heads_watch.failed(error)
                log.warning("the combined heads could not be written: %s", error)
            await asyncio.sleep(HEADS_SECONDS)

    def write_heads(self) -> None:
        """Record the heads of this shard and of the registry, and publish all heads. Raises ``OperatorError``."""
        if self.origin not in self.registry.seals.logs:
            self.heads.write(self.origin, self._published_head, lambda size: self.log.head(size).root)
        followed = self._registry_log
        self.heads.relay(self._registry_origin, followed.published, followed.root_at)
        self.heads.publish()
        if self.witnessed is not None:  # they alone are asked how far the heads are published
            published = read_published(self._evidence, HEADS_SHARD, self._heads_key)
            self._heads_published = published.size if published else 0
        self.heads_watch.reached()

    def _hold_registry(self) -> None:
        """Hold the registry to its recorded head. Raises ``OperatorError``, ``EvidenceDamaged`` if it is less."""
        recorded = self.heads.recorded(self._registry_origin)
        if recorded is None:
            return
        try:
            self.registry.refresh()
        except BrightlineError:
            return  # the registry tells that itself, for as long as it is so; what the heads say is for good
        self.registry.hold_to(recorded)

    def _published_head(self) -> Head | None:
        published = self.publisher.published
        return None if published is None else Head(published.size, published.root)

    async def _retain(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            if not self.retention.pending:
                continue
            try:
                due = await asyncio.to_thread(self.retention.carry_out)
            except BrightlineError as error:
                log.warning("what is due could not be destroyed: %s", error)
                await asyncio.sleep(PERIOD_SECONDS)
                continue
            if not due.nothing:
                log.info("what opened %d exchanges was destroyed", due.exchanges)

    async def _period(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await self.state_period()

    async def state_period(self) -> None:
        """State what happened since the last period, and book the requests that got no record of their own."""
        counts = self.admission.take_counts()
        upstreams = [StatedUpstream(name, server.guard) for name, server in sorted(self.settings.upstream.items())]
        written = None
        try:
            written = await asyncio.to_thread(
                self.periods.write, self.terms.header(), counts, upstreams, lost_budget(self.agreement)
            )
        except (EvidenceUnavailable, OperatorError) as error:
            log.warning("the PERIOD record is missing: %s", error)
        if written is None:
            self.admission.give_back(counts)

    async def _close(self) -> None:
        if self.origin not in self.registry.seals.logs:
            await self.state_period()
        self.log.close()
        self.publisher.close()
        try:
            await asyncio.to_thread(self.write_heads)
        except OperatorError as error:
            log.warning("the combined heads could not be written: %s", error)
        await self.judges.close()
        self.registry.close()
        await self.upstream.close()
