# SPDX-License-Identifier: Apache-2.0
"""A running gateway: under which terms it serves, what keeps it from serving, and what goes on beside the exchanges.

It is given everything that has to be opened (``wiring.py``), and closes nothing of it but what it ends: the last
PERIOD, the log and its publication, the combined heads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import lost_budget, unit_quotas
from brightline.core.attestation.chain import Root
from brightline.core.attestation.lease import Node as Attested
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import (
    BrightlineError,
    OperatorError,
    ReleaseError,
    ScreeningUnavailable,
)
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.period import StatedUpstream
from brightline.core.evidence.record import RecordKind
from brightline.core.expectation import Figures
from brightline.core.halt import Scope
from brightline.core.patterns.crossing import Crossed
from brightline.core.ports import Attester, Clock
from brightline.core.readiness import Check, Condition, missing, of_facts
from brightline.core.review.aging import Aging, aging_of
from brightline.core.review.case import Case
from brightline.core.review.sampling import least_per_million
from brightline.core.screening.release import Release
from brightline.core.screening.trial import Compared, Stage
from brightline.core.standing import AGREEMENT_SCOPE, UnitStanding
from brightline.shell.combining import Combining, Followed, Witnessed
from brightline.shell.config import Settings
from brightline.shell.counts import open_counts
from brightline.shell.gateway.admin import Admin
from brightline.shell.gateway.admission import Admission, Bounds
from brightline.shell.gateway.app import Gateway
from brightline.shell.gateway.holds import Holds
from brightline.shell.gateway.patterns import KEEP_SECONDS, PatternWatch
from brightline.shell.gateway.peers import Peers, Told
from brightline.shell.gateway.quotas import DiskQuotas, Quotas
from brightline.shell.gateway.sampling import Sampler
from brightline.shell.gateway.succession import Succession
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.gateway.watch import DenyWatch
from brightline.shell.gateway.webhooks import Webhooks
from brightline.shell.gateway.wishes import Wishes
from brightline.shell.heads import STEP_SECONDS as HEADS_SECONDS
from brightline.shell.heads import CombinedHeads, FollowedLog
from brightline.shell.inference.judges import Judges
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.loading import open_release, read_definitions
from brightline.shell.inference.trial import Trial
from brightline.shell.noting import Noting
from brightline.shell.persons.process import opened_reader
from brightline.shell.persons.reading import SecondReader
from brightline.shell.registry.classifiers import Candidate
from brightline.shell.registry.following import Registry
from brightline.shell.registry.uses import Uses
from brightline.shell.retention import Retention
from brightline.shell.review.keeping import read_kept
from brightline.shell.serve import Door
from brightline.shell.state import StateFolder
from brightline.shell.steady import SteadyTime
from brightline.shell.still import Still
from brightline.shell.storage.periods import PERIOD_SECONDS, PeriodWriter, book_period
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.trial import Counted, write_counted
from brightline.shell.storage.vault import Vault
from brightline.shell.storage.wal import frames_on_disk
from brightline.shell.telemetry.metrics import Metrics
from brightline.shell.trust.attestation import NodeConditions
from brightline.shell.trust.installation import Installation
from brightline.shell.trust.lease import LeaseKeeper
from brightline.shell.upkeep import Upkeep

REFRESH_SECONDS: Final = 0.5

log = logging.getLogger("brightline")


class _Case(msgspec.Struct, frozen=True):
    case: str


_CASE: Final = msgspec.json.Decoder(_Case)


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened for a node.

    ``origin`` is the name of its log, ``heads_key`` that of the combined heads; ``first`` is the release that judges
    first. ``vendor_roots`` vouch for machines; ``node_keys`` are the raw public keys by which this process signs.
    """

    folder: StateFolder
    settings: Settings
    installation: Installation
    terms: Terms
    attester: Attester
    vendor_roots: tuple[Root, ...]
    node_keys: tuple[bytes, ...]
    registry: Registry
    registry_log: FollowedLog
    registry_origin: str
    first: Loaded
    shard: str
    origin: str
    vault: Vault
    log: Sequencer
    publisher: Publisher
    periods: PeriodWriter
    heads: CombinedHeads
    heads_key: VerifierKey
    witnessed: Witnessed | None
    upstream: HttpUpstreams
    peers: Peers
    clock: Clock


class Node:
    """Everything of one running gateway. ``app`` and ``door`` are the wiring's, which knows who is behind them."""

    app: Gateway
    door: Door

    def __init__(self, opened: Opened) -> None:
        """Raises ``OperatorError`` if what counts again cannot be read."""
        self.settings = opened.settings
        self.installation = opened.installation
        self.terms = opened.terms
        self.registry = opened.registry
        self.origin = opened.origin
        self.log = opened.log
        self.publisher = opened.publisher
        self.periods = opened.periods
        self.upstream = opened.upstream
        self._still = Still(opened.folder.root, opened.clock)
        self.peers = opened.peers
        self._folder = opened.folder
        self._clock = clock = opened.clock
        self.noting = Noting(
            opened.folder, self.settings, self.terms.profile, lambda: self.agreement, self.follow, clock
        )
        self.succession = Succession(
            self.registry.classifiers,
            opened.first,
            self._load,
            self._went_over,
            self.noting.step,
            self._trial_of,
            clock,
            opened.folder.delivery,
        )
        self.combining = Combining(
            self.origin,
            self.log,
            self.publisher,
            opened.heads,
            opened.heads_key,
            Followed(opened.registry_origin, opened.registry_log, self.registry),
            opened.folder.evidence(opened.settings.evidence.directory),
            opened.witnessed,
        )
        self.lease = LeaseKeeper(
            opened.attester,
            lambda: Attested(self.terms.profile, opened.node_keys, self.agreement.digest, self.release.digest),
            lambda: self.registry.attestations.policy,
            lambda: self.registry.attestations.revoked.names,
            opened.vendor_roots,
            lambda: self.agreement.vocabulary,
            self.log,
            clock,
            self.log.counters,
        )
        self._served_by = {each.name: each.upstream for each in self.installation.models}
        self._counted: Compared | None = None
        self._upkeep = Upkeep(
            {
                "the lease": self.lease.keep,
                "following the registry": self._refresh,
                "following the release": self._follow_release,
                "stating periods": self._period,
                "retention": self._retain,
                "being witnessed": self.combining.have_witnessed,
                "combining heads": self.combining.combine,
                "probing model servers": self.upstream.probe,
                "hearing other workers": self._talk,
                "telling callers of their holds": self._tell,
                "drawing samples": self._sample,
                "counting people": self._count_people,
                "reading names again": self._read_again,
            }
        )
        self.metrics = Metrics(lambda: self)
        self.admin = Admin(self.metrics, self)
        self.watch = DenyWatch(lambda: self.agreement, self.standing_of, self._pattern_found, self.peers)
        self.patterns = PatternWatch(
            lambda: open_counts(opened.folder, opened.settings),
            clock,
            self.standing_of,
            self._crossing_found,
            opened.shard,
        )
        root = opened.folder.root
        self.uses = Uses(root, opened.settings, opened.terms.profile, clock)
        self.holds = Holds(
            lambda: self.registry.decisions.docket,
            self.settings.review.holds_per_unit,
            self.peers,
            lambda hold: read_kept(root, hold.shard, hold.seq, hold.case),
            self._recused,
        )
        self._vault = opened.vault
        self.wishes = Wishes(
            self.registry.reviewing,
            lambda: self.registry.decisions.docket,
            lambda: self.agreement,
            self.holds,
            self.settings.review.appeals_per_day,
            self.noting.wish,
            clock,
        )
        self._hold_key = opened.terms.hold_key
        self._cases_written: set[str] | None = None  # by digest; read once there is an item to open
        self.sampler = Sampler(
            self.log, self._hold_key, self.registry.reviewing.per_million, self._recused, self._aging
        )
        self.webhooks = Webhooks(opened.settings.webhook, self.holds.stands, clock)
        self.holds.opened = self.webhooks.watch
        self._count_again(opened.vault, (opened.shard, *self.peers.shards))
        for hold in self.holds.waiting_in(opened.shard, clock.unix()):
            self.webhooks.watch(hold)
        self.retention = Retention(
            self.log,
            opened.folder.wal,
            opened.vault,
            lambda: self.registry.retentions.held,
            lambda: self.agreement,
            lambda: self.registry.registers.book,
            clock,
            SteadyTime(clock),
        )
        self.conditions = NodeConditions(
            self.installation,
            self.agreement.vocabulary,
            self.lease,
            clock,
            self.faults,
            self.standing_of,
            self._halted,
            lambda: self.registry.roster,
            self._lost,
        )
        listen, evidence = self.settings.listen, self.settings.evidence
        disk = DiskQuotas(evidence.workload_bytes_per_day, evidence.unit_bytes_per_day)
        self.quotas = Quotas(disk, clock, self.peers, lambda: unit_quotas(self.agreement))
        bounds = Bounds(
            listen.exchanges_max,
            listen.of_one_unit,
            listen.unsent_max,
            listen.waiting_max,
            listen.wait_seconds,
        )
        self.admission = Admission(bounds, self.quotas)
        counting = self.settings.patterns
        self.second_reader = SecondReader(
            partial(opened_reader, self.settings.inference.weights, counting.reader_memory_mb << 20)
            if counting.reader
            else None,
            self.patterns,
            partial(self.quotas.metered, self.log),
            self.log,
            lambda: self.terms,
            counting.reader_waiting_max,
            counting.reader_waiting_mb << 20,
        )

    @contextlib.asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """Keep it going, from the moment that every detector can judge; then end its log and its heads.

        Raises ``ReleaseError``.
        """
        try:
            await self.lease.renew()
            async with self._upkeep:
                await self.until_fit()
                yield
        finally:
            await self._end()

    async def _end(self) -> None:
        if self.origin not in self.registry.seals.logs:
            await self.second_reader.close()
            await self.state_period()
        self.log.close()
        self.publisher.close()
        try:
            await asyncio.to_thread(self.combining.write)
        except OperatorError as error:
            log.warning("the combined heads could not be written: %s", error)
        await self.succession.close()
        await self.patterns.close()

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

    async def _load(self, digest: str) -> Loaded:
        """Start the detectors of another release and wait until they are fit, while this one goes on judging.

        Raises ``OperatorError`` or ``ScreeningUnavailable``.
        """
        store, agreement = self.registry.classifiers.store, self.agreement
        release = await asyncio.to_thread(store.read, digest, agreement.vocabulary)
        folder = store.folder(digest)
        await asyncio.to_thread(self.registry.classifiers.check_signed, digest)
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

    def _halted(self, unit: str, model: str) -> Scope | None:
        return self.registry.halts.book.stopping(unit, model)

    def _lost(self, model: str) -> str:
        upstream = self._served_by.get(model)
        lost = upstream is not None and self.upstream.lost(upstream)
        return f"no model server of {model} can be found" if lost else ""

    def _count_again(self, vault: Vault, shards: tuple[str, ...]) -> None:
        """Have the watch count what these shards hold."""
        self.peers.discard()
        now = self._clock.unix()
        too_old, wal = self.watch.too_old(now), self._folder.wal
        self.watch.rebuild_all([(frames_on_disk(wal, each, too_old), vault.reader(each).peek) for each in shards], now)
        for each in shards:
            self.holds.rebuild(frames_on_disk(wal, each, self.holds.too_old(now)), vault.reader(each).peek, now)
        if self.agreement.patterns:
            self._open_patterns(vault, shards)

    def _recused(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Who may not decide what is held: who asked or wrote the rules, by name, and who signed what is in force."""
        return self.registry.recused(names)

    def _pattern_found(self, unit: str, figures: Figures) -> None:
        self.noting.pattern(unit, figures, self.watch.not_called)

    def _crossing_found(self, unit: str, crossed: Crossed) -> None:
        self.noting.crossing(unit, crossed, self.patterns.not_called)

    def _open_patterns(self, vault: Vault, shards: Sequence[str]) -> None:
        """Count what was kept, and what these shards say since."""
        wal = self._folder.wal
        self.patterns.open(
            lambda shard, too_old: (frames_on_disk(wal, shard, too_old), vault.reader(shard).peek), shards
        )

    async def _count_people(self) -> None:
        """Keep the counts, and take in those of other workers; nothing while no agreement counts anybody."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            if not self.agreement.patterns:
                continue
            if not self.patterns.opened:  # a version that counts people came into force
                await asyncio.to_thread(self._open_patterns, self._vault, (self.log.shard, *self.peers.shards))
            await self.patterns.keep()

    async def _read_again(self) -> None:
        """Read exchanges for names once more; nothing while no agreement counts anybody."""
        while True:
            if self.agreement.patterns:
                await self.second_reader.run()
                return
            await asyncio.sleep(KEEP_SECONDS)

    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        return (*self._still.faults, *self._evidence_faults())

    def _evidence_faults(self) -> tuple[str, ...]:
        out = list(self._upkeep.faults)
        if self.agreement.patterns and self.patterns.lost:
            out.append("the counts of people cannot be kept")
        if not self.log.healthy:
            out.append("the evidence log cannot be written")
        if self.log.full:
            out.append(self.log.full)
        if self.publisher.failure:
            out.append(f"the evidence cannot be published: {self.publisher.failure}")
        out += self.combining.unwitnessed()
        if fault := self.combining.watch.fault:
            out.append(fault)
        if self.origin in self.registry.seals.logs:
            out.append("a peer has sealed this shard")
        out += self.succession.faults
        if self.registry.stale:  # a suspension or a revocation that cannot be seen stops service
            out.append("the registry cannot be read")
        return tuple(out)

    def readiness(self) -> tuple[str, ...]:
        """What keeps this node from serving, as everybody may hear it; empty means ready."""
        return missing(self.checks())

    def checks(self) -> tuple[Check, ...]:
        """The conditions for serving as they stand now; those that are looked at only at the start are left out."""
        faults, current, halts = self._evidence_faults(), self.judges.current, self.registry.halts.book
        model = self.installation.models[0].name
        facts = self.agreement.vocabulary.join(self.conditions.read(model, AGREEMENT_SCOPE).statements)
        unstated = of_facts(self.agreement.vocabulary, facts.view)
        halted: tuple[str, ...] = ("people have halted this installation",) if self.halts[Scope.INSTALLATION] else ()
        if all(halts.stopping(AGREEMENT_SCOPE, each.name) is Scope.MODEL for each in self.installation.models):
            halted += ("people have halted every model",)
        lease = self.lease.fault
        return (
            Check(
                Condition.SETTINGS,
                ("the settings do not read",) if self._still.settings else (),
                (self._still.settings,) if self._still.settings else (),
            ),
            Check(Condition.REGISTRY, detail=(self.registry.failure,) if self.registry.failure else ()),
            Check(
                Condition.DETECTORS,
                tuple(f"detector {each.id} cannot judge" for each in current.detectors if each.fault),
                self.unfit(),
            ),
            Check(Condition.HALT, halted),
            Check(
                Condition.LEASE,
                (*(("this node has no attestation lease",) if lease else ()), *unstated.get(Condition.LEASE, ())),
                (lease,) if lease else (),
            ),
            Check(Condition.ADMISSION, unstated.get(Condition.ADMISSION, ())),
            Check(Condition.ROSTER, unstated.get(Condition.ROSTER, ())),
            # of these only operators hear the details
            Check(Condition.EVIDENCE, ("the evidence cannot be written or published",) if faults else (), faults),
            Check(
                Condition.DISK,
                ("the disk is full",) if self.log.full else (),
                (self.log.full,) if self.log.full else (),
            ),
            Check(Condition.WITNESSES, detail=tuple(self.combining.unwitnessed())),
            Check(Condition.UPSTREAM, *self._without_server()),
            Check(Condition.CLOCK, (behind,) if (behind := self._still.clock) else ()),
        )

    def _without_server(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """For everybody, and for operators."""
        models, servers = self.installation.models, self.settings.upstream
        unknown = [each for each in models if each.upstream not in servers]
        away = [each for each in models if each.upstream in servers and self.upstream.unwell(each.upstream)]
        missing = (
            *(f"model {each.name} has no upstream {each.upstream!r} in the settings" for each in unknown),
            *(f"no model server of {each.name} answers" for each in away),
        )
        return missing, tuple(why for each in away if (why := self.upstream.lost(each.upstream)))

    def unfit(self) -> tuple[str, ...]:
        """Why detectors cannot judge, in full: for operators, because it may name files and folders."""
        current = self.judges.current
        again = self.second_reader.fault
        return tuple(why for why in (*current.faults, current.judge_fault, self.succession.behind, again) if why)

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
        return self.log.head().size, published.size if published else 0, self.combining.cosigned

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
    def fresh_until(self) -> int | None:
        """Unix seconds until which the newest word about releases is fresh; ``None`` where no root is pinned."""
        return self.succession.fresh_until

    @property
    def halts(self) -> Mapping[Scope, int]:
        """How many halts are in force, by what they stop."""
        return Counter(halt.scope for halt in self.registry.halts.book.halts.values())

    @property
    def holds_waiting(self) -> tuple[int, int]:
        """How many holds of this shard wait for people, and for how many seconds the oldest does."""
        return self.holds.age(self.log.shard, self._clock.unix())

    @property
    def trial(self) -> tuple[Stage, Compared] | None:
        """Where a candidate stands here and what was counted of it, if there is one."""
        trial = self.judges.trial
        return None if trial is None else (trial.stage, trial.figures)

    @property
    def read_again(self) -> tuple[Mapping[str, int], Mapping[str, int], int]:
        """Exchanges read for names a second time since the start, and not read, by why; and how many wait."""
        return self.second_reader.counted

    # ---- what goes on beside the exchanges -----------------------------------------------------------------

    async def _refresh(self) -> None:
        while True:  # at once the first time: on a busy machine the start takes longer than a look stays fresh
            try:
                self.follow()
            except BrightlineError as error:
                log.warning("the registry cannot be read: %s", error)
            await self._still.look()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _follow_release(self) -> None:
        while True:
            await self.succession.step()
            self._write_counted()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _tell(self) -> None:
        await self.webhooks.run()

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
        for held in told.opened:
            self.holds.heard(held)

    async def _sample(self) -> None:
        """Have it on record how samples are drawn before any is, and with which key once a month is over."""
        while True:
            wanted = max(self.settings.review.sampled_per_million, least_per_million(self.agreement))
            reviewing, now = self.registry.reviewing, self._clock.unix()
            await self.noting.drawing(self.registry, self._hold_key, wanted, now)
            ours = [each for each in reviewing.to_open if each.shard == self.log.shard]
            if ours:
                if self._cases_written is None:
                    self._cases_written = await asyncio.to_thread(self._cases_on_disk)
                await self.sampler.open_cases(ours, self._cases_written, now)
            await asyncio.sleep(HEADS_SECONDS)

    def _cases_on_disk(self) -> set[str]:
        """The digests of the cases that this shard holds and nothing waits for."""
        frames = frames_on_disk(self._folder.wal, self.log.shard)
        return {_CASE.decode(frame.leaf).case for frame in frames if frame.kind is RecordKind.CASE}

    def _aging(self, case: Case) -> Aging:
        """Until when the content of a case is kept that nothing waits for."""
        workload, book = self.registry.workloads.get(case.workload), self.registry.registers.book
        purpose = None if workload is None else book.purpose(workload.registration.purpose_id)
        return aging_of(purpose, book, self.agreement, case.opened, case.expires)

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
                log.info(
                    "what opened %d exchanges, and the content of %d cases, was destroyed", due.exchanges, due.contents
                )

    async def _period(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await self.state_period()

    async def state_period(self) -> None:
        """State what happened since the last period, and book the requests that got no record of their own."""
        await self.second_reader.book()
        upstreams = [StatedUpstream(name, server.guard) for name, server in sorted(self.settings.upstream.items())]
        budget = lost_budget(self.agreement)
        write = partial(self.periods.write, self.terms.header(), upstreams=upstreams, lost_budget=budget)
        await book_period(self.admission, write, log)
