# SPDX-License-Identifier: Apache-2.0
"""``brightline verify`` on evidence that the real sequencer and publisher wrote, as an auditor runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.errors import AgreementError
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.receipt import write_receipt
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.shell import shipped
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.storage.publisher import Publisher, export_disclosures, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.verify.command import verify
from tests.vault import vault_beside

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
GOOD: dict[str, JsonValue] = {spec.name: spec.good for spec in AGREEMENT.vocabulary.specs}
TERMS: dict[str, JsonValue] = {"agreement": AGREEMENT.digest, "release": "sha256:release"}


class Site:
    """A node's private and public folders, with one shard."""

    def __init__(self, root: Path, shard: str = "gw-1") -> None:
        self.wal = root / "wal"
        self.evidence = root / "evidence"
        self.shard = shard
        self.signer = NoteSigner(f"log.example/{shard}", KEY)
        self.kept: DurableRecord | None = None

    def boot(self, answered: int, left_open: int = 0) -> None:
        """Boot, answer some exchanges, and stop; those left open are lost at the next boot."""
        published = read_published(self.evidence, self.shard, self.signer.verifier)
        log = Sequencer.open(
            self.wal, self.shard, "development", SystemClock(), vault=vault_beside(self.wal), published=published
        )
        publisher = Publisher.open(log, self.evidence, self.signer)
        permit: dict[str, JsonValue] = TERMS | {"verdict": "permit", "clauses": ["L1"]}
        for i in range(answered + left_open):
            exchange = f"{log.epoch}-{i}"
            log.append_sync(Draft(RecordKind.ATTEMPT, exchange, TERMS, {"unit": "planning"}))
            facts: dict[str, JsonValue] = {"facts": GOOD}
            log.append_sync(Draft(RecordKind.PASS, exchange, permit | {"token": "t"}, facts))
            if i < answered:
                end: dict[str, JsonValue] = permit | {"outcome": "completed", "class": "none", "released_bytes": 9}
                self.kept = log.append_sync(Draft(RecordKind.OUTCOME, exchange, end, facts))
        log.close()
        publisher.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.boot(answered=120, left_open=3)
    site.boot(answered=2)
    return site


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(verify, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_what_a_node_published_is_proven_and_counted(site: Site) -> None:
    out = run(site.evidence).output
    for claim in ("the log is what was signed", "the books balance", "nothing was sent or released"):
        assert any(line.strip().startswith("PROVEN") and claim in line for line in out.splitlines()), out
    assert "NOT SHOWN" in out
    assert "125 attempts = 125 outcomes + 0 open" in out
    assert "was lost in a crash: permitted under 'L1'; at most 65,536 bytes left" in out
    assert "not whose it is; give --key" in " ".join(out.split())
    given = run(site.evidence, "--key", site.signer.verifier.vkey()).output
    assert "not whose it is" not in given


def test_one_shard_by_itself_may_be_given_and_may_have_been_moved(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.evidence / "gw-1", tmp_path / "a copy")
    out = run(tmp_path / "a copy", "--key", site.evidence / "gw-1" / "log.vkey").output
    assert "its folder is called 'a copy'" in out


def test_with_disclosures_every_decision_is_made_again(site: Site, tmp_path: Path) -> None:
    export_disclosures(site.wal, vault_beside(site.wal), tmp_path / "d")
    out = run(site.evidence, "--disclosures", tmp_path / "d").output
    assert "247 of 247 decisions came out as recorded" in out
    (tmp_path / "some").write_text("".join((tmp_path / "d").read_text().splitlines(keepends=True)[:30]))
    assert "227 of 247 decisions were not disclosed" in run(site.evidence, "--disclosures", tmp_path / "some").output


def test_a_flipped_bit_ends_in_exit_code_1_and_its_place(site: Site) -> None:
    path = site.evidence / "gw-1" / "tile" / "entries" / "000"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    out = run(site.evidence, code=1).output
    assert "! tile/entries/000, entry 0, record 0: this entry is not the one that was signed" in out
    [report] = json.loads(run(site.evidence, "--json", code=1).output)
    assert [found["place"] for found in report["contradictions"]] == ["tile/entries/000, entry 0, record 0"]


def test_a_shard_without_its_checkpoint_is_contradicted_not_overlooked(site: Site) -> None:
    (site.evidence / "gw-1" / "checkpoint").unlink()
    for folder in (site.evidence, site.evidence / "gw-1"):
        assert "checkpoint: this file is missing" in run(folder, code=1).output


def test_a_pipe_or_a_folder_in_the_place_of_a_file_does_not_hold_the_auditor(site: Site) -> None:
    path = site.evidence / "gw-1" / "tile" / "0" / "000"
    path.unlink()
    os.mkfifo(path)
    assert "! tile/0/000: this is not a file" in run(site.evidence, code=1).output
    path.unlink()
    path.mkdir()
    assert "! tile/0/000: this" in run(site.evidence, code=1).output


def test_a_receipt_is_looked_up_and_one_of_another_log_is_not_passed_over(site: Site, tmp_path: Path) -> None:
    assert site.kept is not None
    receipt = write_receipt(site.kept, KEY)
    assert "1 of 1 found" in run(site.evidence, "--receipt", receipt.encode()).output
    (tmp_path / "r.json").write_bytes(msgspec.json.encode(receipt))
    assert "1 of 1 found" in run(site.evidence, "--receipt", tmp_path / "r.json").output
    forged = msgspec.structs.replace(receipt, leaf="00" * 32)
    assert "did not sign this receipt" in run(site.evidence, "--receipt", forged.encode(), code=1).output
    other = msgspec.structs.replace(receipt, shard="gw-9")
    with pytest.raises(Exception, match="no log of shard 'gw-9'"):
        CliRunner().invoke(verify, [str(site.evidence), "--receipt", other.encode()], catch_exceptions=False)


@pytest.mark.parametrize(
    "arguments", [("--key", "nonsense"), ("--receipt", "nonsense"), ("--disclosures", "FILE"), ()]
)
def test_a_wrong_question_ends_in_exit_code_2(site: Site, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "junk").write_text("{}\n")
    (tmp_path / "empty").mkdir()
    folder = site.evidence if arguments else tmp_path / "empty"
    told = [argument.replace("FILE", str(tmp_path / "junk")) for argument in arguments]
    done = CliRunner().invoke(brightline, ["verify", str(folder), *told])
    assert done.exception is not None
    assert type(done.exception).__name__ in {"ConfigError", "TrustError"}


def test_an_agreement_that_is_given_is_read_though_no_disclosures_are(site: Site, tmp_path: Path) -> None:
    with pytest.raises(AgreementError, match=r"agreement\.toml"):
        CliRunner().invoke(verify, [str(site.evidence), "--agreement", str(tmp_path)], catch_exceptions=False)


@pytest.mark.parametrize("option", ["--key", "--receipt"])
def test_what_is_wrong_with_a_key_or_receipt_names_it(site: Site, tmp_path: Path, option: str) -> None:
    (tmp_path / "junk").write_text("a line: of words\n")
    for given, says in (
        (tmp_path / "junk", f"{option} {tmp_path / 'junk'}: not a "),
        ("gone.file", f"{option} gone.file (no such file): not a "),
    ):
        done = CliRunner().invoke(verify, [str(site.evidence), option, str(given)])
        assert str(done.exception).startswith(says)


def test_whoever_names_a_state_folder_is_told_where_its_evidence_lies(site: Site) -> None:
    folder = site.evidence.rename(site.evidence.with_name("evidence")).parent
    done = CliRunner().invoke(verify, [str(folder)])
    assert str(done.exception) == f"{folder} holds no log; {folder / 'evidence'} may"


def test_two_copies_of_one_log_are_not_counted_twice(site: Site) -> None:
    shutil.copytree(site.evidence / "gw-1", site.evidence / "gw-2")
    done = CliRunner().invoke(brightline, ["verify", str(site.evidence)])
    assert "counted twice" in str(done.exception)


def test_what_a_log_says_is_never_markup(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.boot(answered=1)
    log = Sequencer.open(
        site.wal,
        "gw-1",
        "development",
        SystemClock(),
        vault=vault_beside(site.wal),
        published=read_published(site.evidence, "gw-1", site.signer.verifier),
    )
    log.append_sync(Draft(RecordKind.ATTEMPT, "x", TERMS, {}))
    end: dict[str, JsonValue] = {"outcome": "refused", "class": "policy", "verdict": "deny", "released_bytes": 0}
    log.append_sync(Draft(RecordKind.OUTCOME, "x", TERMS | end | {"clauses": ["[/x]\x1b[2J"]}, {}))
    publisher = Publisher.open(log, site.evidence, site.signer)
    log.close()
    publisher.close()
    out = run(site.evidence).output
    assert "[/x]\N{REPLACEMENT CHARACTER}[2J" in out
    assert "\x1b" not in out


def test_it_runs_where_nothing_of_the_gateway_is_installed(site: Site) -> None:
    """As on an auditor's machine: none of these can be imported, and none is."""
    absent = ("aiohttp", "uvicorn", "uvloop", "httptools", "pydantic", "re2", "jiter", "brightline.shell")
    program = (
        f"import sys\nfor name in {absent!r}: sys.modules[name] = None\n"
        "from brightline.verify.__main__ import main\nmain()"
    )
    arguments = [str(site.evidence), "--key", site.signer.verifier.vkey(), "--json"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["shard"] == "gw-1"
    wrong = subprocess.run([sys.executable, "-c", program, "nowhere"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "brightline: nowhere is no folder" in wrong.stderr


def test_several_places_are_verified_together(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", "gw-2")
    other.boot(answered=3)
    reports = json.loads(run(site.evidence, other.evidence, "--json").output)
    assert [report["shard"] for report in reports] == ["gw-1", "gw-2"]


def test_a_checkpoint_from_elsewhere_is_compared(site: Site, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.write_bytes((site.evidence / "gw-1" / "checkpoint").read_bytes())
    site.boot(answered=200)
    assert "CONTRADICTED" not in run(site.evidence, "--seen", seen).output
    newer = tmp_path / "newer"
    newer.write_bytes((site.evidence / "gw-1" / "checkpoint").read_bytes())
    other = Site(tmp_path / "forked")
    other.boot(answered=120)
    out = run(other.evidence, "--seen", seen, "--misbehaviour", tmp_path / "found").output
    assert "whoever gave seen saw 375 signed records, of which 360 are here" in " ".join(out.split())
    other.boot(answered=10)
    out = run(other.evidence, "--seen", seen, "--misbehaviour", tmp_path / "found", code=1).output
    assert "whoever gave seen saw another log of 375 records under this key: a fork" in " ".join(out.split())
    (file,) = (tmp_path / "found").iterdir()
    done = CliRunner().invoke(brightline, ["misbehaviour", str(file), "--key", site.signer.verifier.vkey()])
    assert done.exit_code == 0
    assert "signed two histories" in done.output
    strange = tmp_path / "strange"
    strange.write_text("no note\n")
    refused = CliRunner().invoke(brightline, ["verify", str(site.evidence), "--seen", str(strange)])
    assert "is no checkpoint of a log here" in str(refused.exception)
