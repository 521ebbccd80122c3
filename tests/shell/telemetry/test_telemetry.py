# SPDX-License-Identifier: Apache-2.0
"""What operators see of a running node, over real sockets: and that nothing which a caller said is in any of it."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import openai
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from brightline.shell.serve import bind, serving
from brightline.shell.shipped import shipped_release
from brightline.shell.telemetry import logs
from brightline.shell.telemetry.finished import Finished
from brightline.shell.telemetry.traces import open_traces
from tests.harness import HELD, NO_TLS, RL1, Running, held, read_records, running

ENDS = "brightline_exchanges_total"
SEEDED = "zanzibar-7731"  # a caller's word, to be looked for
ROOT = Path(__file__).resolve().parents[3]


class Admin:
    """The operators' listener of a node that has answered, refused, and turned a stranger away."""

    def __init__(self, node: Running, url: str) -> None:
        self.node = node
        self.url = url

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request("GET", f"{self.url}{path}", verify=NO_TLS, **more)

    def samples(self) -> dict[str, float]:
        """Every sample as ``name{label=value,…}``."""
        found = {}
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found


def until(there: Callable[[], bool]) -> None:
    """Wait: the caller has his answer a moment before its end is told to those who watch."""
    begun = time.monotonic()
    while not there():
        assert time.monotonic() - begun < 30
        time.sleep(0.02)


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    with running(tmp_path_factory.mktemp("telemetry") / "state") as node:
        stack = AsyncExitStack()
        url = node.loop.call(stack.enter_async_context(serving(node.node.admin, bind("127.0.0.1", 0))))
        try:
            node.ask(f"A word: {SEEDED}")
            with pytest.raises(openai.PermissionDeniedError):
                node.ask(f"{RL1} {SEEDED}")
            with pytest.raises(openai.NotFoundError):
                node.ask(model=SEEDED)
            with pytest.raises(openai.AuthenticationError), node.client(key=f"bl-{SEEDED}") as stranger:
                stranger.models.list()
            shown = Admin(node, url)
            until(lambda: sum(n for name, n in shown.samples().items() if name.startswith(ENDS)) == 3)
            yield shown
        finally:
            node.loop.call(stack.aclose())


def test_ends_are_counted_by_how_and_by_verdict(admin: Admin) -> None:
    found = admin.samples()
    assert found["brightline_exchanges_total{api=chat,class=none,outcome=completed,verdict=permit}"] == 1
    assert found["brightline_exchanges_total{api=chat,class=policy,outcome=refused,verdict=deny}"] == 1
    assert found["brightline_exchange_seconds_count{streamed=no}"] == 3
    assert found["brightline_requests_without_record_total{code=invalid_api_key}"] == 1
    assert found["brightline_ready"] == 1
    assert found["brightline_judge_fit"] == -1
    assert found["brightline_faults"] == found["brightline_exchanges_under_way"] == 0
    assert found["brightline_log_records_published"] <= found["brightline_log_records"]
    assert found["brightline_log_records"] == len(read_records(admin.node.root))
    assert found["brightline_log_records_witnessed"] == -1
    assert found["brightline_process_resident_memory_bytes"] > 0
    assert (found["brightline_holds_open"], found["brightline_holds_oldest_seconds"]) == (0, 0)
    held(admin.node, HELD)
    until(lambda: admin.samples()["brightline_holds_oldest_seconds"] > 0)  # so many whole seconds
    assert admin.samples()["brightline_holds_open"] == 1


def test_what_a_gateway_serves_under_is_a_metric_and_what_its_records_name(admin: Admin) -> None:
    [sample] = [
        sample
        for family in text_string_to_metric_families(admin.get("/metrics").text)
        for sample in family.samples
        if sample.name == "brightline_terms_info"
    ]
    attested = next(one for one in read_records(admin.node.root) if one["kind"] == "ATTESTED")
    for label, field in (("agreement_digest", "agreement"), ("profile", "profile")):
        assert sample.labels[label] == attested[field]
    assert sample.labels["release"] == shipped_release().name


def test_no_metric_and_no_page_of_operators_says_what_a_caller_said_or_who_he_is(admin: Admin) -> None:
    for path in ("/metrics", "/readyz", f"/{SEEDED}"):
        text = admin.get(path).text
        assert SEEDED not in text
        assert "unit-1" not in text
        assert admin.node.key not in text


def test_the_operators_are_told_every_reason_and_callers_are_not(admin: Admin) -> None:
    node = admin.node
    node.node.combining.watch._refused = "a reason"
    try:
        told = admin.get("/readyz")
        assert told.status_code == 503
        assert any("the combined heads refuse this log: a reason" in each for each in told.json()["missing"])
        assert "a reason" not in httpx2.get(f"{node.url}/readyz").text
        assert admin.samples()["brightline_ready"] == 0
    finally:
        node.node.combining.watch._refused = ""
    assert admin.get("/readyz").json() == {"status": "ok", "missing": []}
    assert admin.get("/livez").json() == {"status": "ok"}


def test_callers_are_told_which_detector_cannot_judge_and_operators_why(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    (detector,) = admin.node.node.judges.current.detectors
    monkeypatch.setattr(type(detector), "fault", property(lambda _detector: "/srv/weights/model.onnx is another file"))
    assert httpx2.get(f"{admin.node.url}/readyz").json()["missing"] == ["detector rules cannot judge"]
    assert "/srv/weights/model.onnx is another file" in admin.get("/readyz").json()["missing"]


def test_the_operators_listener_serves_nothing_else_and_the_callers_one_no_metrics(admin: Admin) -> None:
    assert admin.get("/v1/models").status_code == 404
    assert httpx2.post(f"{admin.url}/metrics").status_code == 405
    assert httpx2.get(f"{admin.node.url}/metrics").status_code == 404


def test_the_dashboard_asks_for_metrics_that_there_are(admin: Admin) -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "brightline.json").read_text("utf-8"))
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"brightline_\w+", target["expr"])
    }
    there = {sample.partition("{")[0] for sample in admin.samples()}
    assert len(asked) > 8
    assert asked <= there


# ---- traces --------------------------------------------------------------------------------------------------------


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP."""

    spans: ClassVar[list[Any]] = []
    raw: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Collector.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                Collector.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Telling:
    """An observer that comes after another one."""

    def __init__(self, told: list[Finished]) -> None:
        self._told = told

    def finished(self, finished: Finished) -> None:
        self._told.append(finished)


def test_each_exchange_is_a_span_in_the_conventions_of_generative_ai_without_content(tmp_path: Path) -> None:
    Collector.spans, Collector.raw = [], []
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with running(tmp_path / "state") as node:
            traces = open_traces(f"http://127.0.0.1:{server.server_port}/v1/traces", "gateway-0")
            told: list[Finished] = []
            node.node.app._observers += (traces, Telling(told))
            node.ask(f"A word: {SEEDED}")
            with pytest.raises(openai.PermissionDeniedError):
                node.ask(f"{RL1} {SEEDED}")
            until(lambda: len(told) == 2)
            traces.close()
    finally:
        server.shutdown()
        server.server_close()
    answered, refused = Collector.spans
    assert answered.name == refused.name == "chat m"
    assert answered.end_time_unix_nano > answered.start_time_unix_nano
    said = {item.key: item.value.string_value for item in answered.attributes}
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == "m"
    assert (said["brightline.outcome"], said["brightline.verdict"]) == ("completed", "permit")
    assert {item.key: item.value.string_value for item in refused.attributes}["brightline.class"] == "policy"
    assert SEEDED.encode() not in b"".join(Collector.raw)
    assert not any("prompt" in item.key or "messages" in item.key for item in answered.attributes)


# ---- log lines -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(logs.LogFormat))
def written(request: pytest.FixtureRequest) -> Iterator[tuple[logs.LogFormat, io.StringIO]]:
    """Log lines as a serving process writes them."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    logs.write_logs(request.param)
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    try:
        yield request.param, stream
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def test_a_message_is_one_line_whatever_is_in_it(written: tuple[logs.LogFormat, io.StringIO]) -> None:
    form, stream = written
    logging.getLogger("brightline.x").warning("first\nsecond \x1b[31m %s", "y" * 5_000)
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    assert len(line) < 2_200
    if form is logs.LogFormat.JSON:
        value = json.loads(line)
        assert value["level"] == "warning"
        assert value["logger"] == "brightline.x"
        assert value["message"].startswith("first\\nsecond \\x1b[31m")


def test_a_failure_is_told_by_type_and_place_and_not_by_what_it_says(
    written: tuple[logs.LogFormat, io.StringIO],
) -> None:
    _, stream = written
    try:
        raise ValueError(SEEDED)
    except ValueError:
        logging.getLogger("brightline.x").exception("it broke")
    (line,) = stream.getvalue().splitlines()
    assert SEEDED not in line
    assert "ValueError at test_telemetry.py:" in line


def test_no_log_line_of_a_node_holds_content_or_a_secret(
    tmp_path: Path, written: tuple[logs.LogFormat, io.StringIO]
) -> None:
    _, stream = written
    with running(tmp_path / "state") as node:
        node.ask(f"A word: {SEEDED}")
        node.model.sends(f'{{"choices": "{SEEDED}"}}'.encode())
        with pytest.raises(openai.InternalServerError):
            node.ask(SEEDED)
        node.model.sends(SEEDED.encode(), 500)
        with pytest.raises(openai.InternalServerError):
            node.ask(SEEDED)
        key = node.key
    text = stream.getvalue()
    assert "upstream" in text
    assert SEEDED not in text
    assert key not in text
