# SPDX-License-Identifier: Apache-2.0
"""A running gateway: its parts, put together once they are opened, and what goes on beside the exchanges.

It is given everything that has to be opened (``wiring.py``), and closes nothing of it but what it ends: the last
PERIOD, the log and its publication, the combined heads. Under which terms it serves is in ``in_force.py``, what keeps
it from serving in ``readiness.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import lost_budget, unit_quotas
from brightline.core.attestation.lease import Node as Attested
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import (
    BrightlineError,
    OperatorError,
    ReleaseError,
    ScreeningUnavailable,
)
from brightline.core.evidence.period import StatedUpstream
from brightline.core.halt import Scope
from brightline.core.screening.release import Release
from brightline.core.standing import UnitStanding
from brightline.shell.combining import Combining, Followed
from brightline.shell.counting import Counting
from brightline.shell.gateway.admin import Admin
from brightline.shell.gateway.admission import Admission, Bounds
from brightline.shell.gateway.app import Gateway
from brightline.shell.gateway.holds import Holds
from brightline.shell.gateway.patterns import KEEP_SECONDS
from brightline.shell.gateway.peers import Told
from brightline.shell.gateway.quotas import DiskQuotas, Quotas
from brightline.shell.gateway.webhooks import Webhooks
from brightline.shell.gateway.wishes import Wishes
from brightline.shell.in_force import InForce
from brightline.shell.inference.judges import Judges
from brightline.shell.noting import Noting
from brightline.shell.opened import Opened
from brightline.shell.operators import ForOperators
from brightline.shell.persons.process import opened_reader
from brightline.shell.persons.reading import SecondReader
from brightline.shell.readiness import Faults, Readiness
from brightline.shell.registry.uses import Uses
from brightline.shell.retention import Retention
from brightline.shell.review.keeping import read_kept
from brightline.shell.sampling import Sampling
from brightline.shell.serve import Door
from brightline.shell.steady import SteadyTime
from brightline.shell.still import Still
from brightline.shell.storage.periods import PERIOD_SECONDS, book_period
from brightline.shell.telemetry.metrics import Metrics
from brightline.shell.trust.attestation import NodeConditions
from brightline.shell.trust.lease import LeaseKeeper
from brightline.shell.upkeep import Upkeep

REFRESH_SECONDS: Final = 0.5

log = logging.getLogger("brightline")


class Node:
    """Everything of one running gateway. ``app`` and ``door`` are the wiring's, which knows who is behind them."""

    app: Gateway
    door: Door

    def __init__(self, opened: Opened) -> None:
        """Raises ``OperatorError`` if what counts again cannot be read."""
        folder, settings, clock = opened.folder, opened.settings, opened.clock
        root, shard = folder.root, opened.shard
        self.settings = settings
        self.installation = opened.installation
        self.registry = registry = opened.registry
        self.origin = opened.origin
        self.log = opened.log
        self.publisher = opened.publisher
        self.periods = opened.periods
        self.upstream = opened.upstream
        self.peers = opened.peers
        still = Still(root, clock)
        self._look = still.look
        self.noting = Noting(folder, settings, opened.terms.profile, lambda: self.agreement, self.follow, clock)
        self.in_force = InForce(
            opened.terms,
            opened.first,
            registry,
            folder,
            shard,
            settings.inference,
            self.noting.step,
            lambda: self.admission.under_way,
            clock,
        )
        self.succession = self.in_force.succession
        self.combining = Combining(
            self.origin,
            self.log,
            self.publisher,
            opened.heads,
            opened.heads_key,
            Followed(opened.registry_origin, opened.registry_log, registry),
            folder.evidence(settings.evidence.directory),
            opened.witnessed,
        )
        self.lease = LeaseKeeper(
            opened.attester,
            lambda: Attested(self.terms.profile, opened.node_keys, self.agreement.digest, self.release.digest),
            lambda: registry.attestations.policy,
            lambda: registry.attestations.revoked.names,
            opened.vendor_roots,
            lambda: self.agreement.vocabulary,
            self.log,
            clock,
            self.log.counters,
        )
        self._served_by = {each.name: each.upstream for each in self.installation.models}
        self._counting = counting = Counting(
            folder,
            settings,
            opened.vault,
            shard,
            self.peers,
            self.noting,
            self.standing_of,
            lambda: self.agreement,
            clock,
        )
        self.watch, self.patterns = counting.watch, counting.patterns
        self.uses = Uses(root, settings, opened.terms.profile, clock)
        self.holds = Holds(
            lambda: registry.decisions.docket,
            settings.review.holds_per_unit,
            self.peers,
            lambda hold: read_kept(root, hold.shard, hold.seq, hold.case),
            registry.recused,
        )
        self.wishes = Wishes(
            registry.reviewing,
            lambda: registry.decisions.docket,
            lambda: self.agreement,
            self.holds,
            settings.review.appeals_per_day,
            self.noting.wish,
            clock,
        )
        self.sampling = Sampling(
            registry,
            self.noting,
            self.log,
            folder.wal,
            opened.terms.hold_key,
            settings.review.sampled_per_million,
            lambda: self.agreement,
            clock,
        )
        self.webhooks = Webhooks(settings.webhook, self.holds.stands, clock)
        self.holds.opened = self.webhooks.watch
        counting.start(self.holds)
        for hold in self.holds.waiting_in(shard, clock.unix()):
            self.webhooks.watch(hold)
        self.retention = Retention(
            self.log,
            folder.wal,
            opened.vault,
            lambda: registry.retentions.held,
            lambda: self.agreement,
            lambda: registry.registers.book,
            clock,
            SteadyTime(clock),
        )
        listen, evidence = settings.listen, settings.evidence
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
        patterns = settings.patterns
        self.second_reader = SecondReader(
            partial(opened_reader, settings.inference.weights, patterns.reader_memory_mb << 20)
            if patterns.reader
            else None,
            self.patterns,
            partial(self.quotas.metered, self.log),
            self.log,
            lambda: self.terms,
            patterns.reader_waiting_max,
            patterns.reader_waiting_mb << 20,
        )
        self._upkeep = Upkeep(
            {
                "the lease": self.lease.keep,
                "following the registry": self._refresh,
                "following the release": self._follow_release,
                "stating periods": self._period,
                "retention": self.retention.keep,
                "being witnessed": self.combining.have_witnessed,
                "combining heads": self.combining.combine,
                "probing model servers": self.upstream.probe,
                "hearing other workers": self._talk,
                "telling callers of their holds": self.webhooks.run,
                "drawing samples": self.sampling.keep,
                "counting people": self._counting.keep_people,
                "reading names again": self._read_again,
            }
        )
        self.faults = Faults(
            still,
            self._upkeep,
            self.patterns,
            self.log,
            self.publisher,
            self.combining,
            self.succession,
            registry,
            self.origin,
            lambda: self.agreement,
        )
        self.conditions = NodeConditions(
            self.installation,
            self.agreement.vocabulary,
            self.lease,
            clock,
            self.faults.now,
            self.standing_of,
            self._halted,
            lambda: registry.roster,
            self._lost,
        )
        self.readiness = Readiness(
            self.faults,
            self.installation,
            self.conditions,
            registry,
            self.succession,
            self.second_reader,
            self.lease,
            self.upstream,
            settings.upstream,
            lambda: self.agreement,
        )
        for_operators = ForOperators(
            self.faults,
            self.readiness,
            self.in_force,
            self.admission,
            self.log,
            self.publisher,
            self.combining,
            registry,
            self.holds,
            self.second_reader,
            self.origin,
            clock.unix,
        )
        self.metrics = Metrics(lambda: for_operators)
        self.admin = Admin(self.metrics, for_operators)

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

    @property
    def terms(self) -> Terms:
        """The terms of whatever begins now."""
        return self.in_force.terms

    @property
    def judges(self) -> Judges:
        """The releases that judge here."""
        return self.succession.judges

    @property
    def release(self) -> Release:
        """The release that new exchanges are judged by."""
        return self.in_force.release

    @property
    def agreement(self) -> Agreement:
        """The version that new exchanges are decided by."""
        return self.in_force.agreement

    def follow(self) -> None:
        """Read what is new in the registry, and go over to what is in force: see :meth:`InForce.follow`."""
        self.in_force.follow()

    def standing_of(self, unit: str) -> UnitStanding:
        """How a unit stands now, by itself and under the agreement as a whole."""
        return self.registry.standings.book.effective(unit)

    def _halted(self, unit: str, model: str) -> Scope | None:
        return self.registry.halts.book.stopping(unit, model)

    def _lost(self, model: str) -> str:
        upstream = self._served_by.get(model)
        lost = upstream is not None and self.upstream.lost(upstream)
        return f"no model server of {model} can be found" if lost else ""

    async def _read_again(self) -> None:
        """Read exchanges for names once more; nothing while no agreement counts anybody."""
        while True:
            if self.agreement.patterns:
                await self.second_reader.run()
                return
            await asyncio.sleep(KEEP_SECONDS)

    # ---- what goes on beside the exchanges -----------------------------------------------------------------

    async def _refresh(self) -> None:
        while True:  # at once the first time: on a busy machine the start takes longer than a look stays fresh
            try:
                self.follow()
            except BrightlineError as error:
                log.warning("the registry cannot be read: %s", error)
            await self._look()
            await asyncio.sleep(REFRESH_SECONDS)

    async def _follow_release(self) -> None:
        while True:
            await self.in_force.follow_release()
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
        for held in told.opened:
            self.holds.heard(held)

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
