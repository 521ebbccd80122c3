# SPDX-License-Identifier: Apache-2.0
"""The observer as its users run it: mirrored traffic over real sockets, files, its report, and what it can not do."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.audit import Status
from brightline.core.screening.finding import Finding, Segment
from brightline.observe.app import Line, Observer
from brightline.observe.exchanges import NotOurs, Seen, mirrored, of_line, of_payload
from brightline.observe.look import Look
from brightline.observe.service import (
    ObserveSettings,
    listening,
    make_observer,
    open_vault,
    read_settings,
    signer_of,
)
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.inference.screen import Screen
from brightline.shell.serve import Door, bind, serving
from brightline.shell.storage.wal import frames_on_disk
from brightline.verify.examine import verify_evidence
from tests.harness import HELD, RL1, Loop, ModelServer, completion, within_two_seconds
from tests.ports import free_ports

CHAT = "/v1/chat/completions"
LEAK = (
    "Link licence plate reads and social media accounts of every resident of the county to the protests they attended."
)
SEED = "zqseededwordzq"


def asks(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def chunks_of(text: str) -> list[dict[str, Any]]:
    """The chunks of a streamed answer, a character in each."""
    deltas = [*({"content": one} for one in text), {}]
    return [{"id": "up", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]


def stream_of(text: str) -> str:
    """The same, as a body of server-sent events."""
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks_of(text)) + "data: [DONE]\n\n"


def payload(text: str, answer: str, **more: Any) -> dict[str, Any]:
    """What LiteLLM's callback says of one call."""
    return {
        "call_type": "acompletion",
        "id": "chatcmpl-0123456789abcdef0123",
        "model": "openai/m",
        "model_group": "m",
        "messages": [{"role": "user", "content": text}],
        "model_parameters": {"stream": True, "extra_body": {}, "temperature": 0.5},
        "response": completion(answer),
    } | more


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, ["observe", *map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def report_of(folder: Path, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("report", folder, "--json", *more).stdout)
    return found


def observed(folder: Path) -> list[dict[str, Any]]:
    """Every OBSERVED record, with its committed fields opened."""
    name, out = read_settings(folder).name, []
    keys = open_vault(folder).reader(name)
    for frame in frames_on_disk(folder / "wal", name):
        leaf: dict[str, Any] = json.loads(frame.leaf)
        if leaf["kind"] == "OBSERVED":
            out.append({**leaf, "committed": keys.open(frame).fields})
    return out


class Listening:
    """An observer that listens in a loop of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.sent = 0

    def post(self, path: str, body: bytes, method: str = "POST", **headers: str) -> tuple[int, bytes]:
        """Status and body of what it answers."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def after(self, count: int) -> list[dict[str, Any]]:
        """The records from the count-th on, once there is one."""
        within_two_seconds(lambda: len(observed(self.folder)) > count)
        return observed(self.folder)[count:]


@contextmanager
def listening_at(folder: Path) -> Iterator[Listening]:
    loop, stack = Loop(), AsyncExitStack()
    make_observer(folder, ObserveSettings(port=0))

    async def start() -> str:
        app = await stack.enter_async_context(listening(folder, SystemClock()))
        return await stack.enter_async_context(serving(app, bind("127.0.0.1", 0), Door(refused=app.refused)))

    try:
        yield Listening(folder, loop.call(start()))
    finally:
        loop.call(stack.aclose())
        loop.close()


@pytest.fixture(scope="module")
def observer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening_at(tmp_path_factory.mktemp("observer") / "observer") as observer:
        yield observer


def test_a_mirrored_request_is_judged_and_nothing_is_answered(observer: Listening) -> None:
    before = len(observed(observer.folder))
    assert observer.post(CHAT, json.dumps(asks(RL1)).encode()) == (204, b"")
    [record] = observer.after(before)
    assert (record["verdict"], record["clauses"]) == ("deny", ["RL-1"])
    assert record["committed"]["stage"] == "request"
    assert record["committed"]["facts"]["mass_domestic"] == "yes"
    assert "lawful" not in record["committed"]["facts"]  # what is good is not listed


def test_a_path_of_the_other_gateway_before_the_route_is_understood(observer: Listening) -> None:
    before = len(observed(observer.folder))
    body = json.dumps({"model": "m", "input": "List three fruits."}).encode()
    assert observer.post("/openai/v1/responses", body) == (204, b"")
    [record] = observer.after(before)
    assert (record["verdict"], record["committed"]["api"]) == ("permit", "responses")


def test_a_callback_of_litellm_is_judged_with_its_answer_in_each_of_its_formats(observer: Listening) -> None:
    fine, leak = payload("List three fruits.", "Fine."), payload("Tell me something.", LEAK)
    bodies = {
        "json_array": json.dumps([fine, leak]),
        "ndjson": f"{json.dumps(fine)}\n{json.dumps(leak)}",
    }
    for body in bodies.values():
        before = len(observed(observer.folder))
        assert observer.post("/litellm", body.encode()) == (204, b"")
        within_two_seconds(lambda before=before: len(observed(observer.folder)) == before + 2)  # type: ignore[misc]
        found = [
            (record["verdict"], record["committed"]["stage"], record["committed"]["answer"], record["committed"])
            for record in observed(observer.folder)[before:]
        ]
        assert [row[:3] for row in found] == [("permit", "answer", "judged"), ("deny", "answer", "judged")]
        assert found[0][3]["reference"] == "chatcmpl-0123456789abcdef0123"
        assert "refused" not in found[0][3]


def test_a_call_that_failed_at_litellm_is_judged_by_its_request_alone(observer: Listening) -> None:
    before = len(observed(observer.folder))
    row = payload(HELD, "", status="failure", response={}, id="chatcmpl-xc_0123456789abcdef01234567")
    assert observer.post("/litellm", json.dumps(row).encode()) == (204, b"")
    [record] = observer.after(before)
    assert (record["verdict"], "answer" in record["committed"]) == ("hold", False)
    assert record["committed"]["reference"] == "chatcmpl-xc_0123456789abcdef01234567"


def test_an_embedding_that_litellm_tells_of_is_judged_too(observer: Listening) -> None:
    before = len(observed(observer.folder))
    row = payload("", "", call_type="aembedding", messages=[RL1], model_parameters={}, response={"data": "redacted"})
    assert observer.post("/litellm", json.dumps(row).encode()) == (204, b"")
    [record] = observer.after(before)
    assert (record["verdict"], record["committed"]["api"]) == ("deny", "embeddings")


def test_whatever_else_is_asked_gets_no_word_and_is_counted(observer: Listening) -> None:
    before = len(observed(observer.folder))
    body = json.dumps(asks("hello")).encode()
    assert observer.post("/v1/models", b"", method="GET") == (405, b"")
    assert observer.post("/v1/files", body) == (404, b"")
    assert observer.post("/", body) == (404, b"")
    assert observer.post(CHAT, body, **{"content-encoding": "gzip"}) == (415, b"")
    assert observer.post("/litellm", b"nonsense") == (400, b"")
    assert observer.post("/litellm", json.dumps([{"call_type": "amoderation"}]).encode()) == (204, b"")
    assert observer.post("/livez", b"", method="GET") == (200, b"")
    assert len(observed(observer.folder)) == before


def test_it_has_nothing_with_which_it_could_serve(observer: Listening) -> None:
    """No address or key of a model among its settings, no key of tokens among its keys."""
    assert {path.name for path in (observer.folder / "keys").iterdir()} == {"log", "tenant", "hold"}
    names = {field.name for field in msgspec.structs.fields(ObserveSettings)}
    assert names == {"agreement", "release", "weights", "host", "port", "name", "origin", "profile"}


def test_nothing_of_the_content_is_kept_anywhere(observer: Listening) -> None:
    seeded = asks(f"{SEED} one", **{SEED: 1, "user": SEED})
    seeded["messages"].append({"role": "assistant", "content": SEED, SEED: SEED})
    tool = {"name": SEED, "description": SEED, "parameters": {"properties": {SEED: {}}}}
    before = len(observed(observer.folder))
    for body in (
        asks(f"{SEED} {RL1}", model=SEED, tools=[{"type": "function", "function": tool}], **{SEED: SEED}),
        asks(f"{SEED} {HELD}"),
        seeded,
        {SEED: SEED},
    ):
        observer.post(f"/{SEED}{CHAT}", json.dumps(body).encode(), **{"x-request-id": SEED, "authorization": SEED})
    row = payload(f"{SEED} hello", SEED, id=f"{SEED} {SEED}", end_user=SEED, metadata={SEED: SEED})
    observer.post("/litellm", json.dumps(row).encode())
    within_two_seconds(lambda: len(observed(observer.folder)) == before + 5)
    records = observed(observer.folder)[before:]
    assert SEED not in json.dumps(records)
    files = [path for path in observer.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if SEED.encode() in path.read_bytes()]
    assert records[0]["committed"]["refused"] == ["(a name that no list here has)"]
    assert records[2]["committed"]["error"] == "unsupported_parameter messages[].(a name that no list here has)"


WEEK = [
    {"request": asks("List three fruits."), "response": completion("Fine.")},
    {"request": asks("List three fruits.", logit_bias={"1": 1}, verbosity="low")},
    {"request": asks(HELD)},
    {"request": asks(HELD)},
    {"request": asks(RL1), "time": "2020-01-01T00:00:00Z"},
    {"request": asks("Tell me something."), "response": completion(LEAK)},
    {"request": asks("Tell me something."), "response": {"output": [{"type": "message"}]}},
    {"request": asks("Tell me something.", stream=True), "response": stream_of("Fine.")},
    {"request": asks("Tell me something.", stream=True), "response": stream_of(LEAK)},
    {"request": asks("Tell me something.", stream=True), "response": chunks_of(LEAK)},
    {"request": asks("Tell me something.", stream=True), "response": "data: {odd\n\n"},
    {"request": {"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}},
    {"request": {"model": "m", "input": "List three fruits."}, "route": "/v1/responses"},
    asks("List three fruits."),
]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("week")
    (root / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in WEEK) + '{"odd": 1}\n\n')
    (root / "b.jsonl").write_text(json.dumps(payload("List three fruits.", "Fine.")))
    run("init", root / "observer")
    run("read", root / "observer", root / "a.jsonl", root / "b.jsonl")
    return root / "observer"


def test_whoever_brings_the_wrong_file_is_not_told_that_it_was_looked_at(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text("one line\n\nanother\n")
    run("init", tmp_path / "observer")
    done = run(
        "read", tmp_path / "observer", tmp_path / "odd.jsonl", code=1
    )  # an error of ours, which `run` makes a 2
    assert str(done.exception).startswith(f"no line of {tmp_path / 'odd.jsonl'} is an exchange")
    (tmp_path / "odd.jsonl").write_text("one line\n" + json.dumps(asks("List three fruits.")))
    assert run("read", tmp_path / "observer", tmp_path / "odd.jsonl").output.startswith(
        "looked at 1 exchange in 1 file;"
    )


def test_its_log_has_an_origin_of_its_own_and_verifies(week: Path) -> None:
    signer = signer_of(week, read_settings(week))
    assert signer.verifier.name == "brightline.local/observe"
    (found,) = verify_evidence(week / "evidence", vkeys=[signer.verifier.vkey()])
    statuses = {claim.name: claim.status for claim in found.claims}
    assert Status.CONTRADICTED not in statuses.values()
    assert statuses["the log is what was signed"] is Status.PROVEN
    assert found.recount.attempts == 0  # whatever it saw, nobody can take it for service


def test_last_week_is_shown_by_verdict_and_clause(week: Path) -> None:
    found = report_of(week)
    assert found["total"] == 14  # what was long ago is left out
    assert found["verdicts"] == {"permit": 8, "hold": 2, "deny": 3, "none": 1}
    assert {row["clause"]: row["verdicts"] for row in found["clauses"]} == {
        "L1": {"permit": 8},
        "RL-2": {"hold": 2},
        "RL-1": {"deny": 3},
    }
    assert found["clauses"][1]["quote"].startswith("No use of")
    assert found["answers"] == {"absent": 6, "judged": 6, "unread": 2}
    assert found["stopped_at"] == {"request": 2, "answer": 3}
    assert found["not_looked_at"] == {"unreadable": 1}
    assert report_of(week, "--days", "3650")["total"] == 15


def test_holds_are_counted_for_each_hour_of_a_reviewer_and_the_same_once(week: Path) -> None:
    holds = report_of(week, "--reviewer-hours", "0.5")["holds"]
    assert (holds["all"], holds["different"], holds["answers"]) == (2, 1, 2)
    assert (holds["per_reviewer_hour"], holds["answers_per_reviewer_hour"]) == (2.0, 4.0)
    assert report_of(week, "--reviewer-hours", "0")["holds"]["per_reviewer_hour"] == 0.0


def test_fields_that_would_be_refused_are_named_with_their_reason(week: Path) -> None:
    found = report_of(week)
    assert {row["field"]: row["count"] for row in found["fields"]} == {"logit_bias": 1, "verbosity": 1}
    assert all(row["why"] for row in found["fields"])
    assert found["unread"] == {"unsupported_parameter messages[].content[].image_url": 1}
    assert found["refused"] == 2


def test_a_stop_that_rests_on_one_rule_is_a_candidate_with_the_place_to_look_at(week: Path) -> None:
    [candidate] = [row for row in report_of(week)["candidates"] if row["holds"]]
    assert (candidate["holds"], candidate["examples"]) == (2, ["line 3", "line 4"])
    assert candidate["matched"] == 2


def test_for_people_it_is_tables_and_a_page_that_runs_nothing(week: Path, tmp_path: Path) -> None:
    said = run("report", week, "--html", tmp_path / "o.html").stdout
    for words in (
        "nothing was stopped",
        "The clauses that decided",
        "reviewer-hours",
        "rest on one rule",
        "logit_bias",
    ):
        assert words in said
    page = (tmp_path / "o.html").read_text("utf-8")
    assert "default-src &#39;none&#39;" in page
    assert "<script" not in page
    for words in ("RL-1", "No use of", "logit_bias", "line 3"):
        assert words in page


def test_what_was_looked_at_under_another_agreement_is_not_mixed_in(week: Path, tmp_path: Path) -> None:
    moved = tmp_path / "observer"
    shutil.copytree(week, moved)
    toml = moved / "observe.toml"
    other = Path(__file__).parents[2] / "src" / "brightline" / "agreements" / "two-red-lines-2026"
    toml.write_text(toml.read_text().replace('agreement = ""', f'agreement = "{other}"'))
    found = report_of(moved)
    assert (found["total"], found["others"]) == (0, 14)


def test_a_full_line_is_counted_and_nobody_waits() -> None:
    line = Line(waiting_max=1)
    seen = mirrored(CHAT, b"{}")
    assert [line.put(seen), line.put(seen)] == [True, False]
    assert Line(bytes_max=1).put(seen) is False
    assert line.take() is seen
    line.stop()
    assert line.put(seen) is False
    assert line.take_counts() == {"line_full": 1, "stopped": 1}
    assert not line.looked_at


def test_an_observer_that_does_not_look_any_more_says_so() -> None:
    line, said = Line(), []

    async def send(message: Any) -> None:
        said.append(message.get("status"))

    line.stop()
    scope = {"type": "http", "method": "GET", "path": "/livez", "headers": []}
    loop = Loop()
    try:
        loop.call(Observer(line)(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
    finally:
        loop.close()
    assert said[0] == 503


def test_the_program_listens_until_it_is_told_to_end_and_looks_at_what_waits(tmp_path: Path) -> None:
    folder = tmp_path / "observer"
    run("init", folder, "--port", "0")
    program = "from brightline.shell.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "observe", "serve", folder], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        observer = Listening(folder, told.split()[2].rstrip(":"))
        for _ in range(20):
            assert observer.post(CHAT, json.dumps(asks(HELD)).encode()) == (204, b"")
        assert observer.post("/v1/files", b"{}")[0] == 404
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
    found = report_of(folder)
    assert (found["verdicts"], found["sources"]) == ({"hold": 20}, {"mirror": 20})
    assert found["not_looked_at"] == {"another_route": 1}


def test_routes_that_are_not_served_are_no_exchanges() -> None:
    for path in ("/v1/chat/completions/x", "/v1/completions", "/"):
        with pytest.raises(NotOurs):
            mirrored(path, b"{}")
    assert isinstance(mirrored(f"/x{CHAT}", b"{}"), Seen)


@pytest.fixture(scope="module")
def look() -> Look:
    made = ObserveSettings()
    agreement = made.read_agreement()
    return Look(agreement, Screen(agreement, made.release_folder), bytes(32))


ODD: list[Any] = [None, True, -1, 1e300, "", SEED, [], {}, [[]], [None], {SEED: SEED}, [{SEED: 1}], "\ud800"]
WHOLE = [
    (
        CHAT,
        asks("hello", tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}], n=2),
        completion(),
    ),
    ("/v1/responses", {"model": "m", "input": [{"role": "user", "content": "hello"}]}, {"output": []}),
    ("/v1/embeddings", {"model": "m", "input": ["hello"]}, {"data": [{"index": 0, "embedding": [0.5, 0.25]}]}),
]


@settings(max_examples=120, deadline=None)
@given(data=st.data(), of=st.sampled_from(WHOLE))
def test_whatever_arrives_there_is_a_record_of_it_without_content(
    data: st.DataObject, of: tuple[str, dict[str, Any], dict[str, Any]], look: Look
) -> None:
    """The thread that looks must outlive everything that strangers send."""
    route, request, answer = copy.deepcopy(of)
    for inside in data.draw(st.lists(st.sampled_from([request, answer]), max_size=3)):
        at, name = data.draw(st.sampled_from(list(places(inside))))
        at[name] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    body = json.dumps(request).encode()
    body = body[: data.draw(st.sampled_from([len(body), len(body), len(body) // 2]))]
    line = json.dumps({"route": route, "request": request, "response": answer}).encode()
    told = payload("", "", messages=request.get("messages"), model_parameters=request, response=answer)
    for seen in [mirrored(route, body), *_if_ours(lambda: of_line(line, 1)), *_if_ours(lambda: of_payload(told))]:
        draft = look.at(seen)
        assert draft.public["verdict"] in {"permit", "hold", "deny", "unavailable", "none"}
        assert SEED not in f"{draft.public} {draft.committed}"


def test_a_detector_that_fails_leaves_a_record_that_it_could_not_judge(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder refuses a text with too many windows; the thread that looks must outlive that."""

    def too_many_windows(_segments: Sequence[Segment]) -> Sequence[Finding]:
        raise OverflowError(SEED)

    screen = look._screen
    monkeypatch.setattr(screen, "_judges", [(*each[:2], too_many_windows) for each in screen._judges])
    draft = look.at(mirrored(CHAT, json.dumps(asks("hello")).encode()))
    assert draft.public["verdict"] == "unavailable"
    assert SEED not in f"{draft.public} {draft.committed}"


@pytest.mark.parametrize(
    ("answer", "became"),
    [
        ([], "absent"),
        ("", "absent"),
        (17, "absent"),
        ([17], "absent"),
        ("no events at all", "absent"),
        ([{}], "unread"),
        ("data: [1]\n\n", "unread"),
        ([{"choices": [{"index": 5, "delta": {"content": "x"}}]}], "unread"),
        ([{"choices": [{"index": 0, "delta": {"content": "x"}}]}], "judged"),  # it broke off, and was read so far
        (stream_of("Fine.") + "and what follows its end", "judged"),
    ],
    ids=repr,
)
def test_whatever_a_streamed_answer_is_there_is_a_record_of_it(answer: Any, became: str, look: Look) -> None:
    line = json.dumps({"request": asks("hello", stream=True), "response": answer}).encode()
    draft = look.at(of_line(line, 1))
    assert (draft.public["verdict"], draft.committed.get("answer", "absent")) == ("permit", became)


def _if_ours(read: Callable[[], Seen]) -> list[Seen]:
    with contextlib.suppress(NotOurs):
        return [read()]
    return []


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a JSON value: what it stands in, and under which name or number."""
    for name, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, name
        if isinstance(child, dict | list):
            yield from places(child)


NGINX = """\
daemon off; pid {root}/pid; error_log {root}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u;
  scgi_temp_path {root}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {model}; mirror /observe; }}
    location = /observe {{ internal; proxy_pass {observer}$request_uri; proxy_set_header Authorization ""; }}
  }}
}}
"""


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_what_nginx_mirrors_is_seen_while_it_serves_as_before(observer: Listening, tmp_path: Path) -> None:
    loop, stack, model = Loop(), AsyncExitStack(), ModelServer()
    before = len(observed(observer.folder))
    port = free_ports()
    conf = tmp_path / "nginx.conf"
    try:
        loop.call(model.start(stack))
        conf.write_text(NGINX.format(root=tmp_path, port=port, model=model.url, observer=observer.url))
        nginx = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(tmp_path)], stderr=subprocess.DEVNULL)
        try:
            through = Listening(observer.folder, f"http://127.0.0.1:{port}")
            body = json.dumps(asks(RL1, stream=False)).encode()
            answers: list[tuple[int, bytes]] = []
            within_two_seconds(_tries(lambda: answers.append(through.post(CHAT, body))))
            assert answers[0][0] == 200
            assert json.loads(answers[0][1])["choices"]
            [record] = observer.after(before)
            assert (record["verdict"], record["clauses"]) == ("deny", ["RL-1"])
        finally:
            nginx.terminate()
            nginx.wait(10)
    finally:
        loop.call(stack.aclose())
        loop.close()


def _tries(deed: Callable[[], object]) -> Callable[[], bool]:
    def tried() -> bool:
        try:
            deed()
        except OSError:
            return False
        return True

    return tried
