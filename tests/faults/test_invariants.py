# SPDX-License-Identifier: Apache-2.0
"""Each invariant of the design, with the part that upholds it broken: the gateway refuses, and nothing leaks."""

from __future__ import annotations

import asyncio
import errno
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openai
import pytest

from brightline.core.attestation.fault import Fault, refuse
from brightline.core.errors import EvidenceDamaged, EvidenceUnavailable, OperatorError, TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment
from brightline.shell import shipped
from brightline.shell.clock import SystemClock
from brightline.shell.combining import Combining
from brightline.shell.inference.kinds import Judge
from brightline.shell.inference.on_thread import ThreadDetector
from brightline.shell.inference.pool import ScreeningPool
from brightline.wiring import open_node
from tests.harness import RL1, JudgedBy, Running, Seconds, chunk, completion, make_state, read_records, running

SECRET = "SECRET-MODEL-OUTPUT"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state") as served:
        yield served


def refused(node: Running, code: str, status: int, **more: Any) -> openai.APIStatusError:
    """Ask, and see this refusal and nothing of the model's words."""
    with pytest.raises(openai.APIStatusError) as caught:
        node.ask(**more)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert SECRET not in caught.value.response.text
    return caught.value


# ---- detectors: raise, hang, answer nothing, NaN, something else ---------------------------------------------


def replace_judge(node: Running, judge: Judge, at_once_bytes: int = 0, seconds: float = 20.0) -> None:
    """Put another judge behind the release's detector, under its own digest: on a thread, or at once."""
    release = node.node.release
    detector = ThreadDetector("rules", f"sha256:{release.detectors[0].sha256}", judge, at_once_bytes)
    node.node.app._judges = JudgedBy(ScreeningPool([detector], seconds))


def own_judge(node: Running) -> Judge:
    """The judge of the release's detector."""
    (detector,) = node.node.judges.current.detectors
    assert isinstance(detector, ThreadDetector)
    return detector._judge


def raises(segments: Sequence[Segment]) -> Sequence[Finding]:
    raise RuntimeError("a detector's own mistake")


def hangs(segments: Sequence[Segment]) -> Sequence[Finding]:
    time.sleep(2)
    return ()


def gives_nan(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [Finding("rules", "operational", "yes", "x", 0, "plain", float("nan"))]


def gives_nothing(segments: Sequence[Segment]) -> Any:
    return None


def answers_for_another(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [Finding("another", "operational", "yes", "x", 0, "plain")]


ODD = [raises, gives_nan, gives_nothing, answers_for_another]


@pytest.mark.parametrize(("judge", "at_once"), [(hangs, 0), *[(odd, size) for odd in ODD for size in (0, 8192)]])
def test_a_detector_that_does_not_judge_leaves_no_verdict_and_sends_nothing(
    node: Running, judge: Any, at_once: int
) -> None:
    replace_judge(node, judge, at_once, 0.5 if judge is hangs else 20.0)
    error = refused(node, "screening_unavailable", 503)
    assert error.response.headers["retry-after"]
    assert node.model.seen == []
    assert node.kinds() == ["ATTEMPT", "OUTCOME:refused"]
    assert node.records()[-1]["class"] == "unavailable"


class Silent:
    """A detector pool that answers as the test says."""

    def __init__(self, *judgements: Judgement) -> None:
        self._judgements = judgements

    def judge_now(self, segments: tuple[Segment, ...]) -> None:
        """It takes longer."""

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        return self._judgements


def test_a_detector_that_judged_fewer_segments_than_asked_is_refused(node: Running) -> None:
    digest = f"sha256:{node.node.release.detectors[0].sha256}"
    node.node.app._judges = JudgedBy(Silent(Judgement("rules", digest, 0, ())))
    refused(node, "screening_unavailable", 503)
    assert node.model.seen == []


def test_a_detector_of_another_digest_is_refused(node: Running) -> None:
    node.node.app._judges = JudgedBy(Silent(Judgement("rules", "sha256:00", 1, ())))
    refused(node, "screening_unavailable", 503)
    assert node.model.seen == []


def test_a_detector_that_goes_blind_to_known_bad_text_is_out_of_service(node: Running) -> None:
    (detector,) = node.node.judges.current.detectors
    assert isinstance(detector, ThreadDetector)
    sees = detector._judge
    detector._judge = lambda _segments: ()
    detector.probe()  # as its thread does each minute
    refused(node, "screening_unavailable", 503)
    assert node.model.seen == []
    assert "detector rules cannot judge" in node.node.readiness.missing()
    detector._judge = sees
    detector.probe()
    node.ask()


def test_a_missing_detector_is_refused(node: Running) -> None:
    node.node.app._judges = JudgedBy(Silent())
    refused(node, "screening_unavailable", 503)
    assert node.model.seen == []


def test_a_detector_that_fails_on_the_answer_keeps_the_answer_back(node: Running) -> None:
    node.model.says(completion(SECRET))
    judge = own_judge(node)

    def fails_on_output(segments: Sequence[Segment]) -> Sequence[Finding | Raised]:
        if any(segment.surface == "output" for segment in segments):
            raise RuntimeError
        return judge(segments)

    replace_judge(node, fails_on_output)
    refused(node, "screening_unavailable", 503)
    assert node.kinds() == ["ATTEMPT", "PASS", "OUTCOME:refused"]


def test_a_detector_that_fails_in_mid_stream_ends_the_stream_with_an_error(node: Running) -> None:
    judge = own_judge(node)
    broken, heard = threading.Event(), threading.Event()

    def fails_later(segments: Sequence[Segment]) -> Sequence[Finding | Raised]:
        if broken.is_set() and any(segment.surface == "output" for segment in segments):
            raise RuntimeError
        return judge(segments)

    async def handler(request: Any, asked: dict[str, Any]) -> Any:
        words = [chunk(f"Sentence number {i} about bridges and buses. ") for i in range(12)]
        response = await node.model.stream_to(request, [*words, heard])
        broken.set()
        await response.write(chunk(SECRET) * 3 + chunk("", "stop") + b"data: [DONE]\n\n")
        return response

    replace_judge(node, fails_later)
    node.model.answers(handler)
    text = ""
    with node.client() as client, pytest.raises(openai.APIError):
        for part in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Go on."}], stream=True
        ):
            text += part.choices[0].delta.content or ""
            heard.set()
    assert text
    assert SECRET not in text
    assert node.records()[-1]["outcome"] == "cut"


def test_a_full_queue_sheds_and_does_not_skip(node: Running) -> None:
    gate = threading.Event()

    def waits(segments: Sequence[Segment]) -> Sequence[Finding]:
        gate.wait(5)
        return ()

    release = node.node.release
    detector = ThreadDetector("rules", f"sha256:{release.detectors[0].sha256}", waits)
    detector._asks.maxsize = 1
    node.node.app._judges = JudgedBy(ScreeningPool([detector], 1.0))
    threads = [threading.Thread(target=lambda: _quietly(node)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.set()
    assert node.model.seen == []
    assert node.kinds().count("OUTCOME:refused") == 6


def _quietly(node: Running) -> None:
    with pytest.raises(openai.APIStatusError):
        node.ask()


# ---- evidence: nothing goes on without it --------------------------------------------------------------------


class FailingLog:
    """A record log that fails at one kind of record."""

    def __init__(self, inner: Any, kind: RecordKind) -> None:
        self._inner = inner
        self._kind = kind

    async def append(self, draft: Draft) -> DurableRecord:
        if draft.kind is self._kind:
            raise EvidenceUnavailable("broken by the test")
        record: DurableRecord = await self._inner.append(draft)
        return record


@pytest.mark.parametrize(("kind", "sent"), [(RecordKind.ATTEMPT, 0), (RecordKind.PASS, 0), (RecordKind.OUTCOME, 1)])
def test_a_record_that_cannot_be_written_stops_the_exchange_there(node: Running, kind: RecordKind, sent: int) -> None:
    node.model.says(completion(SECRET))
    node.node.app._log = FailingLog(node.node.log, kind)
    refused(node, "evidence_unavailable", 503)
    assert len(node.model.seen) == sent


def test_a_stream_whose_outcome_cannot_be_written_never_shows_its_end(node: Running) -> None:
    node.node.app._log = FailingLog(node.node.log, RecordKind.OUTCOME)
    words = [chunk(f"Sentence number {i} about bridges and buses. ") for i in range(12)]
    heard = threading.Event()
    node.model.streams([*words, heard, chunk(SECRET), chunk("", "stop"), b"data: [DONE]\n\n"])
    text, finishes = "", []
    with node.client() as client, pytest.raises(openai.APIError):
        for part in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Go on."}], stream=True
        ):
            text += part.choices[0].delta.content or ""
            heard.set()
            finishes.append(part.choices[0].finish_reason)
    assert text
    assert SECRET not in text
    assert set(finishes) == {None}


class DyingFile:
    """A log file whose next write fails with an error of the operating system."""

    def __init__(self, inner: Any, number: int) -> None:
        self._inner = inner
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, data: bytes) -> Any:
        raise OSError(self._number, "injected")

    append = write


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_is_full_or_read_only_stops_service_and_readiness(node: Running, number: int) -> None:
    node.ask()
    wal = node.node.log._wal
    assert wal is not None
    wal._file = DyingFile(wal._file, number)
    refused(node, "evidence_unavailable", 503)
    refused(node, "evidence_unavailable", 503)  # and it stays stopped
    ready = httpx2.get(f"{node.url}/readyz")
    assert ready.status_code == 503
    assert ready.json()["missing"]


def test_a_public_folder_that_cannot_be_written_stops_service(node: Running) -> None:
    node.ask()
    evidence = node.root / "evidence" / "gateway-0"
    node.node.publisher.publish_once()
    (evidence / "tile").rename(evidence / "tile.gone")
    (evidence / "tile").write_text("a file where a folder should be")
    with pytest.raises(openai.APIStatusError):
        node.ask()
        for _ in range(1_200):
            time.sleep(0.05)
            node.ask()
    refused(node, "evidence_unavailable", 503)
    (evidence / "tile").unlink()
    (evidence / "tile.gone").rename(evidence / "tile")


# ---- the agreement, the release, the signed installation -----------------------------------------------------


async def _start(root: Path) -> None:
    async with open_node(root, SystemClock()):
        pass


def test_a_start_that_fails_at_its_last_step_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    before = set(threading.enumerate())

    def went_back(_combining: Combining) -> None:
        raise EvidenceDamaged("the registry", "it went back")

    with monkeypatch.context() as patched:
        patched.setattr(Combining, "hold_registry", went_back)
        with pytest.raises(EvidenceDamaged, match="went back"):
            asyncio.run(_start(root))
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
    assert [thread.name for thread in left if thread.is_alive()] == []
    asyncio.run(_start(root))  # and its log has no other writer


def test_an_altered_agreement_does_not_start(tmp_path: Path) -> None:
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    folder = tmp_path / "agreement"
    folder.mkdir()
    for name in ("agreement.toml", "agreement-post.txt"):
        (folder / name).write_bytes((shipped.shipped_agreement() / name).read_bytes())
    text = (folder / "agreement.toml").read_text()
    altered = text.replace("redline = \"weapon_direct != 'no'\"", "redline = \"acts_alone != 'no'\"")
    assert altered != text
    (folder / "agreement.toml").write_text(altered)
    with (root / "brightline.toml").open("a") as file:
        file.write(f'\n[agreement]\ndirectory = "{folder}"\n')
    with pytest.raises(OperatorError):
        asyncio.run(_start(root))


def test_a_byte_more_in_the_agreement_is_another_agreement_and_does_not_start(tmp_path: Path) -> None:
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    folder = tmp_path / "agreement"
    folder.mkdir()
    for name in ("agreement.toml", "agreement-post.txt"):
        (folder / name).write_bytes((shipped.shipped_agreement() / name).read_bytes())
    with (folder / "agreement.toml").open("a") as file:
        file.write("# a comment\n")
    with (root / "brightline.toml").open("a") as file:
        file.write(f'\n[agreement]\ndirectory = "{folder}"\n')
    with pytest.raises(TrustError, match="both parties signed"):
        asyncio.run(_start(root))


@pytest.mark.parametrize("name", ["installation.json", "trust.json"])
def test_an_altered_signed_file_does_not_start(tmp_path: Path, name: str) -> None:
    root = tmp_path / "state"
    make_state(root, "http://127.0.0.1:9")
    data = bytearray((root / name).read_bytes())
    at = data.index(b"payload") + 14 if b"payload" in data else data.index(b"[", data.index(b"customer")) + 8
    data[at] = ord("a") if data[at] != ord("a") else ord("b")
    (root / name).write_bytes(data)
    with pytest.raises(TrustError):
        asyncio.run(_start(root))


def test_a_hand_edited_database_changes_no_verdict(node: Running) -> None:
    database = sqlite3.connect(node.root / "workloads.sqlite")
    database.execute(
        "UPDATE workload SET unit = 'root', purpose = 'anything', expires = 9999999999, envelope = ?", [b"{}"]
    )
    database.execute(
        "INSERT OR REPLACE INTO workload SELECT 'intruder', unit, purpose, expires, envelope FROM workload"
    )
    database.commit()
    node.node.registry.workloads.forget()
    assert node.ask().choices[0].message.content == "Fine."
    assert node.records()[0]["committed"]["unit"] == "unit-1"
    with node.client("bl_intruder_" + "0" * 64) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()
    [row] = database.execute("SELECT unit FROM workload WHERE id = 'tests'").fetchall()
    assert row == ("unit-1",)


# ---- the lease ------------------------------------------------------------------------------------------------


class Unanswering:
    """An attester that says nothing any more."""

    name = "silent"
    production = False

    async def attest(self, challenge: bytes) -> Any:
        refuse(Fault.STALE, "nothing answers")


def lapse(node: Running) -> None:
    """Its lease is at its end, and there is no new one to be had."""
    lease = node.node.lease
    lease.attester = Unanswering()
    assert lease._lease is not None
    lease._lease = msgspec.structs.replace(lease._lease, until=lease._lease.granted)


def test_a_lease_that_lapses_leaves_no_verdict(node: Running) -> None:
    lapse(node)
    refused(node, "lease_stale", 503)
    assert node.model.seen == []
    assert httpx2.get(f"{node.url}/readyz").status_code == 503


def test_a_lease_that_lapses_in_mid_stream_cuts_it_within_two_seconds(node: Running) -> None:
    node.model.answers(_endless(node))
    with Seconds() as seconds, node.client() as client, pytest.raises(openai.APIError):
        started = 0.0
        for part in client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Go on."}], stream=True
        ):
            if part.choices[0].delta.content and not started:
                lapse(node)
                started = seconds.passed
    assert seconds.passed - started < 2.0
    assert node.records()[-1]["outcome"] == "cut"


def _endless(node: Running) -> Any:
    async def handler(request: Any, asked: dict[str, Any]) -> Any:
        parts: list[bytes | float] = []
        for i in range(400):
            parts += [chunk(f"Sentence number {i} about bridges and buses. "), 0.02]
        return await node.model.stream_to(request, parts)

    return handler


# ---- the upstream sends garbage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json " + SECRET.encode(),
        b'{"choices": []}',
        b'{"choices": [{"index": 0, "message": {"content": "a"}}], "choices": []}',
        b'{"choices": [{"index": 7, "message": {"content": "a"}, "finish_reason": "stop"}]}',
        b'{"choices": [{"index": 0, "message": {"content": 7}, "finish_reason": "stop"}]}',
        b'{"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "SECRET-MODEL-OUTPUT"}]}',
        b'{"choices": [{"index": 0, "message": {"content": "\\ud800"}, "finish_reason": "stop"}]}',
        b'\xef\xbb\xbf{"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}',
    ],
)
def test_an_answer_that_is_not_understood_is_not_passed_on(node: Running, body: bytes) -> None:
    node.model.sends(body)
    refused(node, "upstream_failed", 502)
    assert node.kinds() == ["ATTEMPT", "PASS", "OUTCOME:upstream_failed"]


@pytest.mark.parametrize(
    ("status", "content_type"), [(204, "application/json"), (302, "application/json"), (200, "text/html")]
)
def test_another_status_or_content_type_is_a_failure(node: Running, status: int, content_type: str) -> None:
    node.model.sends(json.dumps(completion(SECRET)).encode(), status, content_type)
    refused(node, "upstream_failed", 502)


@pytest.mark.parametrize(
    "parts",
    [
        [chunk(SECRET)],
        [chunk(SECRET), b"data: [DONE]\n\n"],
        [chunk("", "stop"), b"data: [DONE]\n\n", chunk(SECRET)],
        [chunk("", "stop"), chunk(SECRET), b"data: [DONE]\n\n"],
        [b"data: {broken\n\n"],
        [b"data: \xff\n\n"],
        [chunk(SECRET, index=3)],
        [b"HTTP garbage " + SECRET.encode()],
        [b""],
    ],
)
def test_a_stream_that_is_not_understood_is_not_passed_on(node: Running, parts: list[bytes | float]) -> None:
    node.model.streams(parts)
    with node.client() as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Go on."}], stream=True)
    assert caught.value.code == "upstream_failed"
    assert SECRET not in caught.value.response.text
    assert node.kinds() == ["ATTEMPT", "PASS", "OUTCOME:upstream_failed"]


def test_an_upstream_that_hangs_is_given_up(node: Running) -> None:
    async def handler(request: Any, asked: dict[str, Any]) -> Any:
        await asyncio.sleep(60)

    server = node.node.upstream._servers["default"]
    server._settings = server._settings.model_copy(update={"idle_seconds": 0.5, "first_byte_seconds": 0.5})
    node.model.answers(handler)
    refused(node, "upstream_failed", 502)


def test_an_upstream_that_is_not_there_is_a_502(node: Running) -> None:
    connections = node.node.upstream._servers["default"]._connections
    connections.close()
    connections._address = "127.0.0.1", 9
    refused(node, "upstream_failed", 502)


# ---- the client leaves ----------------------------------------------------------------------------------------


def test_a_client_that_leaves_cancels_the_upstream_and_is_booked(node: Running) -> None:
    node.model.answers(_endless(node))
    with node.client() as client:
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Go on."}], stream=True
        )
        next(iter(stream))
        stream.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "OUTCOME:client_gone" not in node.kinds():
        time.sleep(0.05)
    assert "OUTCOME:client_gone" in node.kinds()
    while time.monotonic() < deadline and not node.model.cancelled:
        time.sleep(0.05)
    assert node.model.cancelled == 1


# ---- a crash --------------------------------------------------------------------------------------------------


def test_the_next_boot_books_what_a_crash_left_open(tmp_path: Path) -> None:
    root = tmp_path / "state"
    with running(root) as node:
        node.node.app._log = FailingLog(node.node.log, RecordKind.OUTCOME)
        refused(node, "evidence_unavailable", 503)
        assert node.kinds() == ["ATTEMPT", "PASS"]
    asyncio.run(_start(root))
    records = read_records(root)
    [lost] = [record for record in records if record["kind"] == "OUTCOME"]
    assert lost["outcome"] == "lost"
    assert lost["epoch"] == records[0]["epoch"] + 1


def test_a_red_line_in_the_prompt_never_reaches_the_model(node: Running) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        node.ask(RL1)
    assert node.model.seen == []


# ---- our own mistakes -----------------------------------------------------------------------------------------


def test_a_finding_that_the_agreement_forbids_ends_the_exchange_once_and_sends_nothing(node: Running) -> None:
    def forbidden(segments: Sequence[Segment]) -> Sequence[Finding]:
        return [Finding("rules", "lawful", "yes", "x", 0, "plain")]

    replace_judge(node, forbidden)
    with pytest.raises(openai.InternalServerError) as caught:
        node.ask()
    assert caught.value.code == "internal_error"
    assert node.model.seen == []
    assert node.kinds() == ["ATTEMPT"]  # open: the next boot books it as lost


class BrokenConditions:
    """A condition source that breaks its contract never to raise."""

    def read(self, model: str, unit: str) -> Any:
        raise RuntimeError("a mistake of ours")


def test_a_task_that_dies_without_a_word_ends_the_exchange_and_does_not_leave_it_waiting(node: Running) -> None:
    node.node.app._conditions = BrokenConditions()
    with node.client(timeout=5) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello."}])
    assert caught.value.code == "internal_error"
    assert node.model.seen == []


class HangingLog:
    """A record log on a disk that never answers."""

    async def append(self, draft: Draft) -> DurableRecord:
        await asyncio.sleep(60)
        raise AssertionError


def test_a_disk_that_hangs_is_given_up(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brightline.shell.gateway.pump.RECORD_SECONDS", 0.3)
    node.node.app._log = HangingLog()
    refused(node, "evidence_unavailable", 503)
    assert node.model.seen == []


# ---- logs -----------------------------------------------------------------------------------------------------


def test_the_operators_log_names_the_fault_and_holds_no_content_and_no_secret(
    node: Running, caplog: pytest.LogCaptureFixture
) -> None:
    node.model.sends(SECRET.encode(), 500)
    with caplog.at_level("DEBUG"):
        error = refused(node, "upstream_failed", 502, prompt="a prompt with SEEDED-PROMPT-TEXT in it")
        replace_judge(node, raises)
        refused(node, "screening_unavailable", 503, prompt="another SEEDED-PROMPT-TEXT")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("brightline")]
    assert any(str(error.request_id) in line and "status 500" in line for line in lines)
    assert any("RuntimeError" in line for line in lines)
    ours = "\n".join(lines)
    assert not any(word in ours for word in (SECRET, "SEEDED-PROMPT-TEXT", node.key, "a detector's own mistake"))
