# SPDX-License-Identifier: Apache-2.0
"""``brightline receipt`` and ``brightline log proof``: a promise becomes a proof that is checked without any log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from brightline.core.errors import BrightlineError, ConfigError, TrustError, Unreachable
from brightline.core.evidence.proof import TlogProof
from brightline.core.evidence.receipt import read_receipt
from brightline.core.evidence.tile import unpack_entries
from brightline.shell.cli.main import brightline
from brightline.verify import remote
from brightline.verify.sample.command import write_one
from brightline.verify.sample.frauds import FRAUDS
from tests.shell.logserver.sites import SHARD, SIZE, WITNESSED, honest
from tests.verify.sites import Web, serving

EARLY, LATE = "x-012", "x-110"  # the witness had seen the first, and not yet the second


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(brightline, [str(argument) for argument in arguments])
    if isinstance(result.exception, BrightlineError):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def site(kept: Path, tmp_path: Path) -> Path:
    """The sample site, to change."""
    shutil.copytree(kept, tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def web(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Any web server in front of the log's folder."""
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.01)
    log = site / "evidence" / SHARD
    files = {path.relative_to(log).as_posix(): path.read_bytes() for path in log.rglob("*") if path.is_file()}
    with serving(files, base=f"/logs/{SHARD}") as served:
        yield served


def receipt_of(site: Path, exchange: str) -> Path:
    return site / "receipts" / f"{exchange}.json"


def upgrade(site: Path, evidence: str | Path, exchange: str = EARLY, *more: str | Path) -> Result:
    out, key, policy = site / "out.tlog-proof", site / "gateway.vkey", site / "policy"
    return run(
        "receipt",
        "upgrade",
        receipt_of(site, exchange),
        evidence,
        "--out",
        out,
        "--key",
        key,
        "--policy",
        policy,
        *more,
    )


def check(site: Path, *more: str | Path) -> Result:
    return run("receipt", "check", site / "out.tlog-proof", "--key", site / "gateway.vkey", *more)


def test_a_receipt_becomes_a_proof_and_the_log_may_vanish(site: Path) -> None:
    assert upgrade(site, site / "evidence").exit_code == 0
    shutil.rmtree(site / "evidence")
    told = check(site, "--receipt", receipt_of(site, EARLY), "--policy", site / "policy")
    assert told.exit_code == 0
    assert told.output == (
        "record 38 stands among the first 301 of sample.example/gateway-0, cosigned by w1 at 2026-11-25 12:10:02 UTC\n"
    )


def test_the_same_from_the_folder_of_one_log_an_address_or_a_header(site: Path, web: Web) -> None:
    held = read_receipt(receipt_of(site, EARLY).read_text())
    proofs = set()
    for evidence in (site / "evidence", site / "evidence" / SHARD, web.url, web.url.removesuffix(f"/{SHARD}")):
        assert upgrade(site, evidence).exit_code == 0, evidence
        proofs.add((site / "out.tlog-proof").read_bytes())
    assert len(proofs) == 1
    told = check(site, "--receipt", held.encode(), "--policy", site / "policy", "--json")
    said = json.loads(told.output)
    assert (said["shown"], said["index"], said["size"], list(said["witnesses"])) == (True, held.seq, WITNESSED, ["w1"])
    assert not any("entries" in path for path in web.served)  # no record is read for it


def test_where_the_witnesses_are_behind_nothing_is_written_and_it_says_when_to_try_again(site: Path) -> None:
    told = upgrade(site, site / "evidence", LATE)
    assert told.exit_code == 1
    assert told.output == (
        "the witnesses have cosigned the first 301 records; record 331 is not yet there; try again in 10 seconds\n"
    )
    assert not (site / "out.tlog-proof").exists()


def test_the_log_alone_is_enough_only_for_whoever_says_so_and_for_no_policy(site: Path) -> None:
    (site / "evidence" / SHARD / "cosigned").unlink()
    out = site / "out.tlog-proof"
    arguments = ("receipt", "upgrade", receipt_of(site, EARLY), site / "evidence", "--out", out)
    assert "--log-alone does without" in (told := run(*arguments)).output
    assert told.exit_code == 1
    told = upgrade(site, site / "evidence", EARLY, "--log-alone")
    assert (told.exit_code, "witness w1 has not cosigned" in told.output) == (1, True)
    told = run(*arguments, "--log-alone")
    assert (told.exit_code, "as the log alone signed" in told.output) == (0, True)
    assert "This shows that it is whole, not whose it is" in told.output
    told = check(site, "--receipt", receipt_of(site, EARLY), "--policy", site / "policy")
    assert (told.exit_code, "not believed" in told.output) == (1, True)


def test_a_promise_that_was_broken_is_told_and_nothing_is_written(site: Path) -> None:
    """The log signs another tree over an altered outcome; its tiles and its head agree with each other."""
    (fraud,) = [fraud for fraud in FRAUDS if fraud.name == "outcome-altered"]
    write_one(site / "fraud", fraud, 1)
    (site / "fraud" / "evidence" / SHARD / "cosigned").unlink()  # witnesses saw the honest log
    out = site / "out.tlog-proof"
    arguments = ("--out", out, "--log-alone", "--key", site / "gateway.vkey")
    told = run("receipt", "upgrade", receipt_of(site, EARLY), site / "fraud" / "evidence", *arguments)
    assert told.exit_code == 1
    assert "what was promised does not stand at record" in told.output
    assert "--misbehaviour" in told.output
    assert not out.exists()


def test_a_proof_is_of_one_receipt_and_of_one_record(site: Path) -> None:
    assert upgrade(site, site / "evidence").exit_code == 0
    told = check(site, "--receipt", receipt_of(site, "x-016"))
    assert (told.exit_code, "the receipt is of record 52" in told.output) == (1, True)
    held = read_receipt(receipt_of(site, EARLY).read_text())
    forged = msgspec.structs.replace(held, leaf="00" * 32)
    told = check(site, "--receipt", forged.encode())
    assert (told.exit_code, "did not sign this receipt" in told.output) == (1, True)
    leaves = unpack_entries((site / "evidence" / SHARD / "tile" / "entries" / "000").read_bytes())
    for index, code in ((held.seq, 0), (held.seq + 1, 1)):
        (site / "leaf").write_bytes(leaves[index])
        assert check(site, "--record", site / "leaf", "--policy", site / "policy").exit_code == code


def test_every_part_of_the_file_that_is_changed_is_refused(site: Path) -> None:
    assert upgrade(site, site / "evidence").exit_code == 0
    whole = TlogProof.parse((site / "out.tlog-proof").read_bytes())
    for changed in (
        msgspec.structs.replace(whole, hashes=(bytes(32), *whole.hashes[1:])),
        msgspec.structs.replace(whole, hashes=whole.hashes[:-1]),
        msgspec.structs.replace(whole, checkpoint=whole.checkpoint.replace(b"\n301\n", b"\n300\n")),
    ):
        (site / "out.tlog-proof").write_bytes(changed.encode())
        assert check(site, "--receipt", receipt_of(site, EARLY)).exit_code == 1
    guard = run(
        "receipt", "check", site / "out.tlog-proof", "--key", site / "guard.vkey", "--receipt", receipt_of(site, EARLY)
    )
    assert guard.exit_code == 1


def test_what_does_not_read_or_is_not_there_is_exit_code_2(site: Path) -> None:
    with pytest.raises(ConfigError, match="one of them"):
        (site / "out.tlog-proof").write_text("x")
        check(site)
    with pytest.raises(ConfigError, match=r"no \.tlog-proof"):
        check(site, "--receipt", receipt_of(site, EARLY))
    with pytest.raises(ConfigError, match="holds no log"):
        upgrade(site, site / "receipts")
    with serving({}) as gone:
        url = gone.url
    with pytest.raises(Unreachable):
        upgrade(site, url)
    (site / "evidence" / SHARD / "log.vkey").unlink()
    with pytest.raises(TrustError, match="give --key"):
        run("receipt", "upgrade", receipt_of(site, EARLY), site / "evidence", "--out", site / "x")


def test_a_log_that_is_damaged_gives_no_proof(site: Path) -> None:
    tile = site / "evidence" / SHARD / "tile" / "0" / "000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    told = upgrade(site, site / "evidence")
    assert (told.exit_code, "do not lead to what it signed" in told.output) == (1, True)
    tile.unlink()
    told = upgrade(site, site / "evidence")
    assert (told.exit_code, "cannot be read: this file is missing" in told.output) == (1, True)


def test_log_proof_writes_the_same_file_for_any_record_and_says_what_it_holds(site: Path, web: Web) -> None:
    assert upgrade(site, site / "evidence").exit_code == 0
    for evidence in (site / "evidence", web.url):
        told = run("log", "proof", evidence, SHARD, "38", "--out", site / "other.tlog-proof", "--json")
        assert told.exit_code == 0
        said = json.loads(told.output)
        assert (said["written"], said["index"], said["size"], said["cosigned"]) == (True, 38, WITNESSED, True)
        assert (site / "other.tlog-proof").read_bytes() == (site / "out.tlog-proof").read_bytes()
    late = run("log", "proof", site / "evidence", SHARD, str(WITNESSED), "--out", site / "late")
    assert (late.exit_code, "try again in 10 seconds" in late.output) == (1, True)
    beyond = run("log", "proof", site / "evidence", SHARD, str(SIZE), "--out", site / "late", "--json")
    assert (beyond.exit_code, json.loads(beyond.output)["written"]) == (1, False)
    (site / "evidence" / SHARD / "cosigned").unlink()
    alone = run("log", "proof", site / "evidence", SHARD, str(WITNESSED), "--out", site / "late")
    assert (alone.exit_code, "as the log alone signed" in alone.output) == (0, True)
    (site / "evidence" / SHARD / "checkpoint").unlink()
    gone = run("log", "proof", site / "evidence", SHARD, "300", "--out", site / "late")
    assert (gone.exit_code, "this file is missing" in gone.output) == (1, True)
