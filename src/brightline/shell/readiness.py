# SPDX-License-Identifier: Apache-2.0
"""What keeps a running gateway from serving: why no exchange may go on now, and the conditions as they stand.

The faults are asked for with each exchange, so nothing here waits or reads a file. The conditions are those that
``preflight`` looks at without serving (``core/readiness.py``); those that are looked at only at the start are left
out. What is found is told twice: in words that everybody may hear, and in full to operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from brightline.core.agreement.clause import Agreement
from brightline.core.ports import ConditionSource
from brightline.core.readiness import Check, Condition, halted, missing, of_facts
from brightline.core.standing import AGREEMENT_SCOPE
from brightline.shell.combining import Combining
from brightline.shell.config import UpstreamSettings
from brightline.shell.gateway.patterns import PatternWatch
from brightline.shell.gateway.succession import Succession
from brightline.shell.gateway.upstreams import HttpUpstreams
from brightline.shell.persons.reading import SecondReader
from brightline.shell.registry.following import Registry
from brightline.shell.still import Still
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.trust.installation import Installation
from brightline.shell.trust.lease import LeaseKeeper
from brightline.shell.upkeep import Upkeep


class Faults:
    """Why no exchange may go on. ``origin`` is the name of the log, ``agreement`` the version in force when asked."""

    def __init__(
        self,
        still: Still,
        upkeep: Upkeep,
        patterns: PatternWatch,
        log: Sequencer,
        publisher: Publisher,
        combining: Combining,
        succession: Succession,
        registry: Registry,
        origin: str,
        agreement: Callable[[], Agreement],
    ) -> None:
        self.still = still
        self.log = log
        self.combining = combining
        self._upkeep = upkeep
        self._patterns = patterns
        self._publisher = publisher
        self._succession = succession
        self._registry = registry
        self._origin = origin
        self._agreement = agreement

    def now(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.still.faults, *self.of_evidence())

    def of_evidence(self) -> tuple[str, ...]:
        """Those of what is written, counted, published, witnessed and followed."""
        out = list(self._upkeep.faults)
        if self._agreement().patterns and self._patterns.lost:
            out.append("the counts of people cannot be kept")
        if not self.log.healthy:
            out.append("the evidence log cannot be written")
        if self.log.full:
            out.append(self.log.full)
        if self._publisher.failure:
            out.append(f"the evidence cannot be published: {self._publisher.failure}")
        out += self.combining.unwitnessed()
        if fault := self.combining.watch.fault:
            out.append(fault)
        if self._origin in self._registry.seals.logs:
            out.append("a peer has sealed this shard")
        out += self._succession.faults
        if self._registry.stale:  # a suspension or a revocation that cannot be seen stops service
            out.append("the registry cannot be read")
        return tuple(out)


class Readiness:
    """The conditions for serving of one running gateway. ``servers`` are those of the settings, by name."""

    def __init__(
        self,
        faults: Faults,
        installation: Installation,
        conditions: ConditionSource,
        registry: Registry,
        succession: Succession,
        second_reader: SecondReader,
        lease: LeaseKeeper,
        upstream: HttpUpstreams,
        servers: Mapping[str, UpstreamSettings],
        agreement: Callable[[], Agreement],
    ) -> None:
        self._faults = faults
        self._installation = installation
        self._conditions = conditions
        self._registry = registry
        self._succession = succession
        self._second_reader = second_reader
        self._lease = lease
        self._upstream = upstream
        self._servers = servers
        self._agreement = agreement

    def missing(self) -> tuple[str, ...]:
        """What keeps this gateway from serving, as everybody may hear it; empty means ready."""
        return missing(self.checks())

    def checks(self) -> tuple[Check, ...]:
        """The conditions as they stand now."""
        faults, still, log = self._faults.of_evidence(), self._faults.still, self._faults.log
        models, vocabulary = self._installation.models, self._agreement().vocabulary
        facts = vocabulary.join(self._conditions.read(models[0].name, AGREEMENT_SCOPE).statements)
        unstated = of_facts(vocabulary, facts.view)
        lease, failure = self._lease.fault, self._registry.failure
        return (
            Check(
                Condition.SETTINGS,
                ("the settings do not read",) if still.settings else (),
                (still.settings,) if still.settings else (),
            ),
            Check(Condition.REGISTRY, detail=(failure,) if failure else ()),
            Check(
                Condition.DETECTORS,
                tuple(
                    f"detector {each.id} cannot judge"
                    for each in self._succession.judges.current.detectors
                    if each.fault
                ),
                self.unfit(),
            ),
            Check(Condition.HALT, halted(self._registry.halts.book, [each.name for each in models])),
            Check(
                Condition.LEASE,
                (*(("this node has no attestation lease",) if lease else ()), *unstated.get(Condition.LEASE, ())),
                (lease,) if lease else (),
            ),
            Check(Condition.ADMISSION, unstated.get(Condition.ADMISSION, ())),
            Check(Condition.ROSTER, unstated.get(Condition.ROSTER, ())),
            # of these only operators hear the details
            Check(Condition.EVIDENCE, ("the evidence cannot be written or published",) if faults else (), faults),
            Check(Condition.DISK, ("the disk is full",) if log.full else (), (log.full,) if log.full else ()),
            Check(Condition.WITNESSES, detail=tuple(self._faults.combining.unwitnessed())),
            Check(Condition.UPSTREAM, *self._without_server()),
            Check(Condition.CLOCK, (behind,) if (behind := still.clock) else ()),
        )

    def unfit(self) -> tuple[str, ...]:
        """Why detectors cannot judge, in full: for operators, because it may name files and folders."""
        current, behind = self._succession.judges.current, self._succession.behind
        return tuple(why for why in (*current.faults, current.judge_fault, behind, self._second_reader.fault) if why)

    def _without_server(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """For everybody, and for operators."""
        models = self._installation.models
        unknown = [each for each in models if each.upstream not in self._servers]
        away = [each for each in models if each.upstream in self._servers and self._upstream.unwell(each.upstream)]
        without = (
            *(f"model {each.name} has no upstream {each.upstream!r} in the settings" for each in unknown),
            *(f"no model server of {each.name} answers" for each in away),
        )
        return without, tuple(why for each in away if (why := self._upstream.lost(each.upstream)))
