# SPDX-License-Identifier: Apache-2.0
"""A log behind a web server is read like a folder; what the server does badly is never held against the log."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from brightline.core.errors import ConfigError, Unreachable
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.tile import TILE_WIDTH, entries_path
from brightline.verify import remote
from brightline.verify.examine import Question, examine, verify_evidence
from brightline.verify.memory import write_memory
from brightline.verify.remote import PublishedUrl
from brightline.verify.sources import Pinned
from tests.certificates import certified
from tests.core.evidence.test_audit import PUBLISHED, SIGNER, WHOLE, publish
from tests.verify.sites import Web, serving, write_folder

VKEY = SIGNER.verifier.vkey()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.01)


def at(web: Web) -> ShardReport:
    (report,) = verify_evidence(web.url, vkeys=[VKEY])
    return report


def test_a_log_at_an_address_gives_the_report_that_its_folder_gives(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "gw-1", PUBLISHED.files)
    with serving(PUBLISHED.files) as web:
        assert at(web) == verify_evidence(folder, vkeys=[VKEY])[0]
        assert set(web.served) == {*PUBLISHED.files, "cosigned"}
        assert len(web.served) == len(set(web.served))


def test_damage_at_an_address_is_named_as_in_a_folder() -> None:
    files = dict(PUBLISHED.files)
    data = bytearray(files["tile/entries/001"])
    data[40] ^= 1
    files["tile/entries/001"] = bytes(data)
    del files["tile/0/000"]
    with serving(files) as web:
        found = at(web).contradictions
    assert [one.place for one in found] == ["tile/0/000", "tile/entries/001, entry 0, record 256"]
    assert found[0].message == "this file is missing"


def test_a_partial_tile_that_is_gone_is_read_from_the_full_one() -> None:
    """tlog-tiles, "Partial Tiles": a log that grew may delete the partial ones of its older checkpoint."""
    older = publish(WHOLE.leaves[:300])
    kept = {path: older.files[path] for path in ("checkpoint", "tile/1/000.p/1")}
    with serving(publish(WHOLE.leaves[:512]).files | kept) as web:
        report = at(web)
    assert not report.contradicted
    assert report.recount.records == 300


def test_the_next_bundles_are_asked_for_before_they_are_needed() -> None:
    with serving(PUBLISHED.files) as web:
        log = PublishedUrl(web.url)
        try:
            log.read("checkpoint", 10_000)
            log.read(entries_path(0), 10**8)
            log.read(entries_path(1), 10**8)
            ahead = {path for path in log._asked if path.startswith("tile/entries/")}
            assert ahead == {entries_path(2, len(WHOLE.leaves) - 2 * TILE_WIDTH)}
            assert len(log._asked) <= remote.AHEAD
        finally:
            log.close()


def test_a_server_that_is_busy_for_a_moment_is_asked_again() -> None:
    with serving(PUBLISHED.files) as web:
        web.failing = {"checkpoint": 2, "tile/0/000": 1}
        assert not at(web).contradicted


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "nothing is followed"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "does not answer for tile/0/000"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nConnection: close\r\n\r\nshort", "does not answer"),
        (b"garbage\r\n\r\n", "does not answer"),
    ],
)
def test_a_server_that_does_not_answer_is_no_evidence_and_ends_the_run(
    odd: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.3)
    with serving(PUBLISHED.files) as web:
        web.odd = {"tile/0/000": odd}
        with pytest.raises(Unreachable, match=message):
            at(web)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "this file is missing"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "answers with status 403"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx", "sent compressed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(9_000), "more than the 8192 bytes"),
    ],
)
def test_what_a_server_answers_instead_of_a_file_is_a_finding_about_the_log(odd: bytes, message: str) -> None:
    with serving(PUBLISHED.files) as web:
        web.odd = {"tile/0/000": odd}
        report = at(web)
    assert report.contradictions[0].place == "tile/0/000"
    assert message in report.contradictions[0].message


def test_a_server_that_sends_one_byte_at_a_time_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FILE_SECONDS", -1.0)  # every file has taken too long as soon as a byte has come
    with serving(PUBLISHED.files) as web, pytest.raises(Unreachable, match="more than -1 seconds|does not finish"):
        at(web)


def test_nobody_at_the_address_is_exit_code_2_and_says_so() -> None:
    with serving({}) as web:
        gone = web.url
    with pytest.raises(Unreachable, match="does not answer for"):
        verify_evidence(gone)


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://host:port/x",
        "https://name:secret@host/x",
        "https://host/x?y=1",
        "https://host/x#y",
        "http://[bad/x",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="address of a log"):
        verify_evidence(url)


def test_two_addresses_of_one_log_are_not_counted_twice(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "gw-1", PUBLISHED.files)
    with serving(PUBLISHED.files) as web, pytest.raises(ConfigError, match="counted twice"):
        verify_evidence(web.url, folder)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = certified(tmp_path)
    with serving(PUBLISHED.files, tls=context) as web, pytest.raises(Unreachable, match="does not verify"):
        at(web)


def test_a_certificate_that_is_vouched_for_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certified(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    with serving(PUBLISHED.files, tls=context) as web:
        assert not at(web).contradicted


def test_a_report_names_no_address_so_that_copies_compare_equal() -> None:
    with serving(PUBLISHED.files) as web:
        assert b"127.0.0.1" not in msgspec.json.encode(at(web))


def test_a_second_visit_to_an_address_fetches_only_what_is_new(tmp_path: Path) -> None:
    first = publish(WHOLE.leaves[:600])
    question = Question(evidence=("",), keys=(VKEY,), memory=tmp_path / "memory")
    with serving(first.files) as web:
        kept = examine(msgspec.structs.replace(question, evidence=(web.url,))).kept
        assert kept is not None
        write_memory(tmp_path / "memory", kept)
        web.files = dict(PUBLISHED.files)
        web.served.clear()
        (report,) = examine(msgspec.structs.replace(question, evidence=(web.url,))).reports
        assert not report.contradicted
        assert report.earlier == 600
        assert {path for path in web.served if "entries" in path} == {"tile/entries/002.p/178"}


def test_a_log_that_grows_while_it_is_read_is_read_up_to_one_checkpoint() -> None:
    with serving(PUBLISHED.files) as web:
        log = Pinned(PublishedUrl(web.url))
        try:
            before = log.read("checkpoint", 10_000)
            web.files["checkpoint"] = publish(WHOLE.leaves[:10]).files["checkpoint"]
            assert log.read("checkpoint", 10_000) == before
        finally:
            log.close()
