# SPDX-License-Identifier: Apache-2.0
"""Metrics in Prometheus' text format. How much somebody uses a model is sensitive: they have a listener of their own.

Counted as it happens: how exchanges ended, and how long they took. Everything else is read when somebody asks. No
label is a unit, a workload, a model that a caller made up, or anything else that somebody outside chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from brightline import __version__
from brightline.core.halt import Scope
from brightline.core.readiness import Check
from brightline.core.screening.settle import Ended, JudgeFigures
from brightline.core.screening.trial import Compared, Stage
from brightline.shell.telemetry.finished import Finished

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Watched(Protocol):
    """What is read from a node when somebody asks."""

    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        ...

    def readiness(self) -> tuple[str, ...]:
        """What keeps it from serving."""
        ...

    def checks(self) -> tuple[Check, ...]:
        """The conditions for serving as they stand, in full."""
        ...

    @property
    def under_way(self) -> tuple[int, int]:
        """Exchanges under way, and how many may be."""
        ...

    @property
    def without_record(self) -> Mapping[str, int]:
        """Requests without a record of their own since the start, by code."""
        ...

    @property
    def log_sizes(self) -> tuple[int, int, int]:
        """Records written, published, and cosigned by a quorum of witnesses (-1: there are no witnesses)."""
        ...

    @property
    def fresh_until(self) -> int | None:
        """Unix seconds until which the newest word about releases is fresh; ``None`` where no root is pinned."""
        ...

    @property
    def halts(self) -> Mapping[Scope, int]:
        """How many halts are in force, by what they stop."""
        ...

    @property
    def holds_waiting(self) -> tuple[int, int]:
        """How many holds of this process's shard wait for people, and for how many seconds the oldest does."""
        ...

    @property
    def trial(self) -> tuple[Stage, Compared] | None:
        """Where a candidate release stands here and what was counted of it in this stage, if there is one."""
        ...

    @property
    def judge(self) -> tuple[bool, JudgeFigures] | None:
        """Whether the judge of the release in force is fit, and what became of asking it; ``None`` without one."""
        ...

    @property
    def read_again(self) -> tuple[Mapping[str, int], Mapping[str, int], int]:
        """Exchanges read for names a second time since the start, and not read, by why; and how many wait."""
        ...

    @property
    def terms_names(self) -> Mapping[str, str]:
        """Profile, agreement, its version and digest, release, shard."""
        ...


class Metrics:
    """The metrics of one process."""

    def __init__(self, watched: Callable[[], Watched]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._ends = Counter(
            "brightline_exchanges",
            "Exchanges that ended, by how, by the class of a refusal, and by verdict.",
            ["api", "outcome", "class", "verdict"],
            registry=self._registry,
        )
        self._unrecorded = Counter(
            "brightline_exchanges_without_outcome",
            "Exchanges whose OUTCOME could not be written; the next boot books them as lost.",
            registry=self._registry,
        )
        self._seconds = Histogram(
            "brightline_exchange_seconds",
            "From the ATTEMPT to the end, the model's time included.",
            ["streamed"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._timed = {flag: self._seconds.labels("yes" if flag else "no") for flag in (False, True)}
        self._registry.register(_Reader(watched))
        ProcessCollector(namespace="brightline", registry=self._registry)

    def finished(self, finished: Finished) -> None:
        """Count the end of an exchange."""
        self._timed[finished.streamed].observe(finished.seconds)
        closed = finished.closed
        if closed is None:
            self._unrecorded.inc()
            return
        self._ends.labels(finished.api, closed.outcome.value, closed.refusal_class.value, closed.verdict).inc()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)

    def described(self) -> Iterator[tuple[str, str, str]]:
        """Name, kind and meaning of each of our own metrics, for the documentation."""
        for family in self._registry.collect():
            if family.documentation and not family.name.startswith("brightline_process"):
                yield family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation


class _Reader:
    """Reads a node when the metrics are asked for."""

    def __init__(self, watched: Callable[[], Watched]) -> None:
        self._watched = watched

    def collect(self) -> Iterable[Metric]:
        """Every metric that is a state, or that somebody else counts."""
        node = self._watched()
        under_way, most = node.under_way
        written, published, cosigned = node.log_sizes
        yield _gauge("ready", "1 if the node serves, 0 if it refuses.", 0 if node.readiness() else 1)
        yield _gauge("faults", "Reasons why no exchange may go on now.", len(node.faults()))
        yield _gauge("exchanges_under_way", "Exchanges under way.", under_way)
        yield _gauge("exchanges_max", "Exchanges that may be under way at once; more are shed.", most)
        yield _gauge("log_records", "Records in this process's shard of the log.", written)
        yield _gauge("log_records_published", "Records that its public checkpoint covers.", published)
        yield _gauge(
            "log_records_witnessed", "Records that a quorum of witnesses has cosigned; -1 without witnesses.", cosigned
        )
        shed = CounterMetricFamily(
            "brightline_requests_without_record",
            "Requests that got no record of their own (unidentified or shed), by code.",
            labels=["code"],
        )
        for code, count in node.without_record.items():
            shed.add_metric([code], count)
        yield shed
        halts = GaugeMetricFamily("brightline_halts", "Halts in force, by what people stopped.", labels=["scope"])
        for scope in Scope:
            halts.add_metric([scope.value], node.halts.get(scope, 0))
        yield halts
        waiting, oldest = node.holds_waiting
        yield _gauge("holds_open", "Holds of this process's shard that wait for people.", waiting)
        yield _gauge("holds_oldest_seconds", "For how long the oldest of them has waited; 0 without one.", oldest)
        yield from _trial(node.trial)
        yield from _judge(node.judge)
        yield from _second_reading(*node.read_again)
        yield _gauge(
            "delivery_fresh_until_seconds",
            "When the newest verified word about releases expires, in Unix time; -1 where no root is pinned.",
            -1 if node.fresh_until is None else node.fresh_until,
        )
        yield InfoMetricFamily(
            "brightline_terms", "What this node serves under.", value={"version": __version__, **node.terms_names}
        )


def _trial(trial: tuple[Stage, Compared] | None) -> Iterable[Metric]:
    stage, figures = trial or (None, Compared())
    asks = GaugeMetricFamily(
        "brightline_candidate_asks",
        "Asks of a candidate release in its present stage, by how it compared with the release in force.",
        labels=["stage", "compared"],
    )
    differences = GaugeMetricFamily(
        "brightline_candidate_differences",
        "Asks of which a candidate release said more or less of a fact than the release in force.",
        labels=["fact", "how"],
    )
    if stage is not None:
        for how in ("same", "stricter", "looser", "failed", "shed"):
            asks.add_metric([stage.value, how], getattr(figures, how))
        for fact, (stricter, looser) in figures.facts.items():
            differences.add_metric([fact, "stricter"], stricter)
            differences.add_metric([fact, "looser"], looser)
    yield asks
    yield differences


def _judge(judge: tuple[bool, JudgeFigures] | None) -> Iterable[Metric]:
    fit, figures = judge or (False, JudgeFigures())
    yield _gauge(
        "judge_fit",
        "1 while a worker of the judge is fit, 0 while none is and what it would settle is held; -1 without a judge.",
        -1 if judge is None else fit,
    )
    asks = CounterMetricFamily(
        "brightline_judge_asks",
        "Asks of the judge of the release in force, by how they ended; what it does not answer is held.",
        labels=["ended"],
    )
    for ended in filter(None, Ended):
        asks.add_metric([ended.value], figures.asks.get(ended, 0))
    yield asks
    yield CounterMetricFamily(
        "brightline_judge_seconds", "For how long exchanges waited for the judge, altogether.", value=figures.seconds
    )


def _second_reading(read: Mapping[str, int], unread: Mapping[str, int], waiting: int) -> Iterable[Metric]:
    done = CounterMetricFamily(
        "brightline_second_readings",
        "Exchanges that were read for names a second time after they ended: whole, or a part of a long one.",
        labels=["what"],
    )
    for what in ("whole", "part"):
        done.add_metric([what], read.get(what, 0))
    yield done
    missed = CounterMetricFamily(
        "brightline_second_readings_missed",
        "Exchanges that were not read for names a second time though a reader is set, by why.",
        labels=["why"],
    )
    for why, count in unread.items():
        missed.add_metric([why], count)
    yield missed
    yield _gauge("second_readings_waiting", "Exchanges that wait to be read for names a second time.", waiting)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"brightline_{name}", meaning, value=value)
