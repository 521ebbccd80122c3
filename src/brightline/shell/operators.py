# SPDX-License-Identifier: Apache-2.0
"""What operators read of a running gateway: whether it serves, why not in full, and figures with nobody's words.

It is what ``telemetry/metrics.py`` and the operators' listener ask for, gathered from the parts that know it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from brightline.core.halt import Scope
from brightline.core.readiness import Check
from brightline.core.screening.settle import JudgeFigures
from brightline.core.screening.trial import Compared, Stage
from brightline.shell.combining import Combining
from brightline.shell.gateway.admission import Admission
from brightline.shell.gateway.holds import Holds
from brightline.shell.in_force import InForce
from brightline.shell.persons.reading import SecondReader
from brightline.shell.readiness import Faults, Readiness
from brightline.shell.registry.following import Registry
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer


class ForOperators:
    """One running gateway as its operators see it. ``origin`` is the name of its log, ``now`` is in Unix seconds."""

    def __init__(
        self,
        faults: Faults,
        readiness: Readiness,
        in_force: InForce,
        admission: Admission,
        log: Sequencer,
        publisher: Publisher,
        combining: Combining,
        registry: Registry,
        holds: Holds,
        second_reader: SecondReader,
        origin: str,
        now: Callable[[], int],
    ) -> None:
        self._faults = faults
        self._readiness = readiness
        self._in_force = in_force
        self._admission = admission
        self._log = log
        self._publisher = publisher
        self._combining = combining
        self._registry = registry
        self._holds = holds
        self._second_reader = second_reader
        self._origin = origin
        self._now = now

    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        return self._faults.now()

    def readiness(self) -> tuple[str, ...]:
        """What keeps it from serving, as everybody may hear it; empty means ready."""
        return self._readiness.missing()

    def checks(self) -> tuple[Check, ...]:
        """The conditions for serving as they stand, in full."""
        return self._readiness.checks()

    @property
    def under_way(self) -> tuple[int, int]:
        """Exchanges under way, and how many may be."""
        return self._admission.under_way

    @property
    def without_record(self) -> Mapping[str, int]:
        """Requests without a record of their own since the start, by code."""
        return self._admission.counted

    @property
    def log_sizes(self) -> tuple[int, int, int]:
        """Records written, published, and cosigned by a quorum of witnesses (-1 without witnesses)."""
        published = self._publisher.published
        return self._log.head().size, published.size if published else 0, self._combining.cosigned

    @property
    def terms_names(self) -> Mapping[str, str]:
        """What this gateway serves under."""
        terms = self._in_force.terms
        return {
            "profile": terms.profile,
            "agreement": terms.agreement.id,
            "agreement_version": str(terms.agreement.version),
            "agreement_digest": terms.agreement.digest,
            "release": terms.release.id,
            "shard": self._origin,
        }

    @property
    def fresh_until(self) -> int | None:
        """Unix seconds until which the newest word about releases is fresh; ``None`` where no root is pinned."""
        return self._in_force.succession.fresh_until

    @property
    def halts(self) -> Mapping[Scope, int]:
        """How many halts are in force, by what they stop."""
        return Counter(halt.scope for halt in self._registry.halts.book.halts.values())

    @property
    def holds_waiting(self) -> tuple[int, int]:
        """How many holds of this shard wait for people, and for how many seconds the oldest does."""
        return self._holds.age(self._log.shard, self._now())

    @property
    def trial(self) -> tuple[Stage, Compared] | None:
        """Where a candidate stands here and what was counted of it, if there is one."""
        trial = self._in_force.succession.judges.trial
        return None if trial is None else (trial.stage, trial.figures)

    @property
    def judge(self) -> tuple[bool, JudgeFigures] | None:
        """Whether the judge of the release in force is fit, and what became of asking it; ``None`` without one."""
        return self._in_force.succession.judges.current.judge_figures

    @property
    def read_again(self) -> tuple[Mapping[str, int], Mapping[str, int], int]:
        """Exchanges read for names a second time since the start, and not read, by why; and how many wait."""
        return self._second_reader.counted
