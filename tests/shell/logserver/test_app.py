# SPDX-License-Identifier: Apache-2.0
"""The log server on a real socket: every kind of path, the real verifier, and everything that it does not serve."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from brightline.core.errors import ConfigError
from brightline.core.evidence.audit import Status
from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.proof import TlogProof, verify_proof
from brightline.core.evidence.tile import unpack_entries
from brightline.shell.clock import SystemClock
from brightline.shell.logserver.app import LogServerApp
from brightline.shell.logserver.files import ServedFolder
from brightline.shell.logserver.serve import serving_logs
from brightline.shell.serve import bind
from brightline.verify.examine import Question, examine, verify_evidence
from tests.shell.logserver.sites import SHARD, SIZE, WITNESSED, honest, of_leaves, said


class Answer(msgspec.Struct):
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(url: str, path: str, method: str = "GET") -> Answer:
    """One request, its path sent as it is: no client that would tidy it up stands between."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: log\r\nConnection: close\r\n\r\n".encode("latin-1"))
        async with asyncio.timeout(20):
            data = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, body)


@asynccontextmanager
async def served(root: Path, policy: Policy | None = None) -> AsyncIterator[str]:
    async with serving_logs(root, bind("127.0.0.1", 0), policy) as url:
        yield url


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest(tmp_path_factory.mktemp("honest"))


async def test_every_file_of_a_log_goes_out_byte_for_byte(site: Path) -> None:
    log = site / "evidence" / SHARD
    files = sorted(path.relative_to(log).as_posix() for path in log.rglob("*") if path.is_file())
    assert {"checkpoint", "cosigned", "log.vkey", "tile/0/000", "tile/entries/001.p/103"} < set(files)
    assert any(path.startswith("periods/") for path in files)
    async with served(site / "evidence") as url:
        for path in files:
            got = await ask(url, f"/{SHARD}/{path}")
            kept = (log / path).read_bytes()
            assert (got.status, got.body, got.headers["content-length"]) == (200, kept, str(len(kept))), path
            assert "content-encoding" not in got.headers
            for_ever = "immutable" in got.headers["cache-control"]
            assert for_ever == path.startswith(("tile/", "periods/")), path
            kind = {"tile": "application/octet-stream", "periods": "application/json"}
            assert got.headers["content-type"] == kind.get(path.split("/", maxsplit=1)[0], "text/plain; charset=utf-8")
            head = await ask(url, f"/{SHARD}/{path}", "HEAD")
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-length"] == str(len(kept))


async def test_the_verifier_reads_the_server_as_it_reads_the_folder(site: Path) -> None:
    vkey = (site / "gateway.vkey").read_text()

    def verified(place: str) -> object:
        (report,) = examine(Question(evidence=(place,), keys=(vkey,), policy=site / "policy")).reports
        assert not report.contradicted
        claims = {claim.name: claim.status for claim in report.claims}
        assert claims[Topic.WITNESSED.value] is Status.PROVEN
        return report

    for root in (site / "evidence", site / "evidence" / SHARD):  # all logs, or one by itself
        async with served(root) as url:
            assert await asyncio.to_thread(verified, f"{url}/{SHARD}") == verified(str(site / "evidence" / SHARD))


async def test_a_log_that_was_changed_is_served_as_it_is_and_found_out(site: Path, tmp_path: Path) -> None:
    root = of_leaves(tmp_path, [said(index) for index in range(300)])
    entries = root / "gw-1" / "tile" / "entries" / "000"
    entries.write_bytes(entries.read_bytes().replace(b"ATTEMPT", b"OUTCOME", 1))
    async with served(root) as url:
        (report,) = await asyncio.to_thread(verify_evidence, f"{url}/gw-1")
        page = (await ask(url, "/gw-1/record/0")).body.decode()
        proof = await ask(url, "/gw-1/proof/1.tlog-proof")
    assert report.contradictions[0].place == "tile/entries/000, entry 0, record 0"
    assert "this entry is not what was signed" in page
    assert "leads to the root" not in page
    assert "<svg" not in page
    assert proof.status == 200  # its hash tiles are whole, and that is what a proof is made of


async def test_a_proof_from_the_server_verifies_offline_under_the_auditors_policy(site: Path) -> None:
    log = site / "evidence" / SHARD
    leaves = [*unpack_entries((log / "tile/entries/000").read_bytes())]
    leaves += unpack_entries((log / "tile/entries/001.p/103").read_bytes())
    key = VerifierKey.parse((site / "gateway.vkey").read_text())
    policy = Policy.parse((site / "policy").read_bytes())
    async with served(site / "evidence") as url:
        for index in (0, 1, 255, 256, WITNESSED - 1):
            got = await ask(url, f"/{SHARD}/proof/{index}.tlog-proof")
            assert (got.status, got.headers["cache-control"]) == (200, "no-store")
            found = verify_proof(TlogProof.parse(got.body), leaves[index], [key], policy)
            assert (found.index, found.checkpoint.checkpoint.size) == (index, WITNESSED)
        behind = await ask(url, f"/{SHARD}/proof/{WITNESSED}.tlog-proof")
        assert (behind.status, behind.headers["retry-after"]) == (503, "10")
        assert b"try again in 10 seconds" in behind.body
        beyond = await ask(url, f"/{SHARD}/proof/{SIZE}.tlog-proof")
        assert (beyond.status, beyond.body) == (404, b"no record 359 is published yet; 359 are\n")


async def test_pages_are_shown_under_a_policy_that_allows_one_style_sheet_and_nothing_else(site: Path) -> None:
    async with served(site / "evidence", Policy.parse((site / "policy").read_bytes())) as url:
        for path in ("/", f"/{SHARD}/", f"/{SHARD}/record/0", f"/{SHARD}/record/{SIZE - 1}"):
            got = await ask(url, path)
            assert got.status == 200
            assert got.headers["content-type"] == "text/html; charset=utf-8"
            assert got.headers["x-content-type-options"] == "nosniff"
            policy = got.headers["content-security-policy"]
            assert re.fullmatch(
                r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; "
                r"frame-ancestors 'none'",
                policy,
            )
            page = got.body.decode()
            assert not re.search(r"<script|<img|<link|<iframe|<form|\son\w+=|\sstyle=|https?://", page), path
            assert all(target.startswith("/") for target in re.findall(r'href="([^"]*)"', page)), path
            length = (await ask(url, path, "HEAD")).headers["content-length"]
            again = await ask(url, path)  # a page says how old a head is, which may just have one more digit
            assert length in {str(len(got.body)), str(len(again.body))}
        for target in set(re.findall(r'href="([^"]*)"', (await ask(url, f"/{SHARD}/")).body.decode())):
            assert (await ask(url, target)).status == 200, target
        moved = await ask(url, f"/{SHARD}")
        assert (moved.status, moved.headers["location"]) == (308, f"/{SHARD}/")


@pytest.mark.parametrize(
    "path",
    [
        "/../site/policy",
        f"/{SHARD}/../../policy",
        f"/{SHARD}/checkpoint?x=1",
        f"/{SHARD}//checkpoint",
        f"/{SHARD}/tile",
        f"/{SHARD}/tile/0/000/",
        f"/{SHARD}/tile/0/001.p/58",
        f"/{SHARD}/tile/0/999",
        f"/{SHARD}/periods/0-1.json",
        f"/{SHARD}/record/359",
        "/other/",
        "/other",
        "/other/checkpoint",
        "/favicon.ico",
        "/" + "x" * 4_000,
    ],
)
async def test_everything_else_is_404_in_plain_text(site: Path, path: str) -> None:
    async with served(site / "evidence") as url:
        got = await ask(url, path)
    assert (got.status, got.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert got.headers["cache-control"] == "no-store"
    assert path not in got.body.decode()


@pytest.mark.parametrize("path", [f"/{SHARD}/..%2f..%2fpolicy", "/%2e%2e/policy", f"/{SHARD}/%63heckpoint"])
async def test_an_encoded_path_is_no_request(site: Path, path: str) -> None:
    async with served(site / "evidence") as url:
        assert (await ask(url, path)).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
async def test_every_other_method_is_refused(site: Path, method: str) -> None:
    async with served(site / "evidence") as url:
        for path in ("/", f"/{SHARD}/checkpoint", "/nothing"):
            got = await ask(url, path, method)
            assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


async def test_no_link_leads_out_of_the_folder_and_only_files_are_served(tmp_path: Path) -> None:
    root = of_leaves(tmp_path, [said(0)])
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "elsewhere" / "tile" / "1").mkdir(parents=True)
    (tmp_path / "elsewhere" / "tile" / "1" / "000").write_text("secret")
    log = root / "gw-1"
    (log / "cosigned").symlink_to(tmp_path / "secret")
    (log / "periods").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "0-1.json").write_text("secret")
    (log / "tile" / "1").symlink_to(tmp_path / "elsewhere" / "tile" / "1", target_is_directory=True)
    (root / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    os.mkfifo(log / "tile" / "0" / "000")
    (log / "tile" / "0" / "001").mkdir()
    async with served(root) as url:
        for path in ("cosigned", "periods/0-1.json", "tile/1/000", "tile/0/000", "tile/0/001"):
            got = await ask(url, f"/gw-1/{path}")
            assert (got.status, b"secret" in got.body) == (404, False), path
        assert (await ask(url, "/linked/tile/1/000")).status == 404
        assert b"linked" not in (await ask(url, "/")).body


async def test_what_a_hostile_log_says_is_text_on_every_page(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'>{{ 12345*3 }}\u202e\x1b[31m\ud800"
    leaf = said(0).replace(b'"ATTEMPT"', msgspec.json.encode(evil.replace("\ud800", "")))
    lone = b'{"kind":"\\ud800","<i>k":{"deep":["<u>"]},"commitments":["<b>c","\\u0000"],"time":"<time>"}'
    root = of_leaves(tmp_path, [leaf, lone, b"\xff<em>no record", b"[" * 60_000, b"{}", b"9" * 5_000])
    (root / "gw-1" / "checkpoint").write_bytes(
        (root / "gw-1" / "checkpoint").read_bytes() + b"\xe2\x80\x94 <b>evil</b>\xe2\x80\xae AAAAAAAA\n"
    )
    async with served(root) as url:
        pages = [await ask(url, path) for path in ("/", "/gw-1/", *(f"/gw-1/record/{index}" for index in range(6)))]
    assert [page.status for page in pages] == [200] * 8
    for page in pages:
        text = page.body.decode()
        assert not re.search(r"<script|<b>|<i>|<u>|<em>|<time>|37035|\u202e|\x1b", text)
    assert "&lt;script&gt;" in pages[1].body.decode()
    assert "&lt;b&gt;evil&lt;/b&gt;\ufffd" in pages[1].body.decode()


async def test_a_log_that_grows_is_seen_at_once_and_one_that_comes_later_too(tmp_path: Path) -> None:
    root = of_leaves(tmp_path, [said(index) for index in range(5)])
    async with served(root) as url:
        assert b"<title>gw-1: 5 records" in (await ask(url, "/gw-1/")).body
        of_leaves(tmp_path, [said(index) for index in range(6)])
        of_leaves(tmp_path, [said(0)], "gw-2")
        assert b"<title>gw-1: 6 records" in (await ask(url, "/gw-1/")).body
        assert b"2 logs" in (await ask(url, "/")).body
        (root / "gw-2" / "checkpoint").write_text("nonsense")
        assert b"its checkpoint does not read" in (await ask(url, "/")).body
        assert (await ask(url, "/gw-2/")).status == 404


async def test_an_empty_log_has_a_page(tmp_path: Path) -> None:
    async with served(of_leaves(tmp_path, [])) as url:
        assert b"<title>gw-1: 0 records" in (await ask(url, "/gw-1/")).body
        assert (await ask(url, "/gw-1/record/0")).status == 404


@pytest.mark.parametrize("name", ["nothing", "not-a-folder"])
def test_a_folder_without_a_log_is_not_served(tmp_path: Path, name: str) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "not-a-folder").write_text("x")
    with pytest.raises(ConfigError):
        ServedFolder(tmp_path / name)


async def test_more_requests_than_can_be_served_at_a_time_are_shed(tmp_path: Path) -> None:
    folder = ServedFolder(of_leaves(tmp_path, [said(0)]))
    app = LogServerApp(folder, SystemClock(), requests_max=1)
    sent: list[dict[str, object]] = []
    going = asyncio.Event()

    async def slow(message: object) -> None:
        await going.wait()

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message)

    async def receive() -> dict[str, object]:
        raise AssertionError("nothing of a request is read")

    scope: dict[str, object] = {"type": "http", "raw_path": b"/gw-1/checkpoint", "method": "GET"}
    first = asyncio.create_task(app(scope, receive, slow))
    await asyncio.sleep(0)
    await app(scope, receive, send)
    going.set()
    await first
    await app(scope, receive, send)
    assert [message["status"] for message in sent if "status" in message] == [503, 200]
    sent.clear()
    await app({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    folder.close()
