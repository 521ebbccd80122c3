# SPDX-License-Identifier: Apache-2.0
"""One span for each exchange, in OpenTelemetry's conventions for generative AI, over OTLP/HTTP. Never any content.

The conventions have opt-in attributes for prompts and answers: they are not written, and nothing turns them on. The
libraries are an extra (``brightline[otel]``) and loaded only where an endpoint is set. Spans that cannot be delivered
are dropped; nothing waits for them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from brightline import __version__
from brightline.core.errors import ConfigError
from brightline.core.evidence.record import Outcome, RefusalClass
from brightline.shell.telemetry.finished import Finished

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SERVICE: Final = "brightline-gateway"
QUEUE_MAX: Final = 2_048
NANOSECONDS: Final = 1_000_000_000
_OPERATIONS: Final = {"embeddings": "embeddings"}  # OpenTelemetry GenAI conventions, gen_ai.operation.name


class Traces:
    """Makes a span of each end and hands it to an exporter's own thread."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("brightline", __version__)

    def finished(self, finished: Finished) -> None:
        """Write the span of an exchange."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        end = time.time_ns()
        operation = _OPERATIONS.get(finished.api, "chat")
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "brightline",
            "brightline.exchange": finished.exchange,
            "brightline.api": finished.api,
            "brightline.streamed": finished.streamed,
        }
        if finished.model:
            attributes["gen_ai.request.model"] = finished.model
        closed = finished.closed
        if closed is not None:
            attributes["brightline.outcome"] = closed.outcome.value
            attributes["brightline.verdict"] = closed.verdict
            attributes["brightline.class"] = closed.refusal_class.value
        span = self._tracer.start_span(
            f"{operation} {finished.model}".rstrip(),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=end - int(finished.seconds * NANOSECONDS),
        )
        error = _error(finished)
        if error:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def close(self) -> None:
        """Deliver what waits, for a few seconds."""
        self._provider.shutdown()


def open_traces(endpoint: str, shard: str) -> Traces:
    """Traces to an OTLP/HTTP endpoint. Raises ``ConfigError`` where the libraries are missing."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError("[telemetry] traces needs the extra: pip install 'brightline[otel]'") from error
    resource = Resource({"service.name": SERVICE, "service.version": __version__, "service.instance.id": shard})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint), max_queue_size=QUEUE_MAX))
    return Traces(provider)


def _error(finished: Finished) -> str:
    """What kind of failure it was, for whoever counts errors; a verdict of the agreement is none."""
    closed = finished.closed
    if closed is None:
        return "no_outcome"
    if closed.outcome is Outcome.UPSTREAM_FAILED:
        return closed.outcome.value
    return closed.refusal_class.value if closed.refusal_class is RefusalClass.UNAVAILABLE else ""
