# SPDX-License-Identifier: Apache-2.0
"""Hunts over an installation's own logs, from the plan to what is on record of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.core.errors import ConfigError, EvidenceDamaged, HuntBroken, WorkersFailed
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.hunt.found import ShardResult, result_bytes
from brightline.shell.clock import SystemClock
from brightline.shell.hunt import running
from brightline.shell.hunt.examining import Examiner
from brightline.shell.hunt.folder import HuntFolder, open_hunt
from brightline.shell.hunt.owner import has_ended, owner_name
from brightline.shell.hunt.reporting import report_of
from brightline.shell.hunt.running import open_work, run_here, run_with
from brightline.shell.hunt.work import LEASE_SECONDS, Work
from brightline.shell.state import StateFolder
from brightline.verify.examine import verify_evidence
from tests.hunts import Said, release_with, site, write
from tests.shell.cli.in_process import run

SAID = (
    Said("Summarise this memo."),
    Said("Tell me of the periwinkle plan."),
    Said("The periwinkle plan again, of which nothing is kept.", "nothing"),
    Said("What does periwinkle mean?", "held"),
    Said("A periwinkle that reviewers were given on purpose.", "seeded"),
    Said("Write a maintenance plan for a truck."),
)
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation, a release with one more rule, and a hunt that is planned."""
    root = tmp_path_factory.mktemp("hunts")
    site(root / "state", SAID)
    release_with(root / "release")
    run("hunt", "plan", root / "state", root / "planned", "--release", root / "release", "--shard-records", "5")
    return root


@pytest.fixture
def planned(folder: Path, tmp_path: Path) -> Path:
    """The same plan in a folder of the test's own, of which nothing was run."""
    return Path(shutil.copytree(folder / "planned", tmp_path / "hunt"))


def digest_of(root: Path) -> str:
    """What the report of a hunt is named by."""
    return report_of(root, open_hunt(root)).digest


def nothing(_done: int) -> None:
    pass


def test_a_hunt_finds_what_no_release_looked_for_and_nothing_that_was_there_is_changed(
    folder: Path, planned: Path
) -> None:
    state = folder / "state"
    wal = {path: path.read_bytes() for path in (state / "wal" / "gateway-0").glob("*.wal")}
    assert run("hunt", "status", planned, code=1).stdout.startswith("0 of 5 shards")
    run("hunt", "report", planned, code=2)
    told = json.loads(run("hunt", "run", planned, "--json").stdout)
    assert told["records"] == sum(told["counts"].values()) == sum(told["kinds"].values())
    assert told["counts"] == {"examined": 4, "no_content": told["records"] - 5, "seeded": 1}
    assert [(each["seq"], each["verdict_was"], each["verdict_now"]) for each in told["found"]] == [
        (7, "permit", "deny"),
        (12, "hold", "deny"),
    ]
    assert [each["facts"] for each in told["found"]] == [
        [["mass_domestic", "no", "yes"]],
        [["mass_domestic", "unknown", "yes"]],
    ]
    assert {rule for each in told["found"] for rule in each["rules"]} == {"rules: hunted"}
    assert run("hunt", "status", planned).stdout.startswith("5 of 5 shards")
    run("hunt", "report", planned, code=1)
    run("hunt", "check", state, planned, code=2)  # nothing is on record yet
    reason = ("--reason", "a rule that came later")
    recorded = json.loads(run("hunt", "record", state, planned, *reason, "--json").stdout)
    assert recorded["report"] == told["report"]
    assert json.loads(run("hunt", "record", state, planned, *reason, "--json").stdout) == recorded  # and not twice
    checked = json.loads(run("hunt", "check", state, planned, "--json").stdout)
    assert (checked["report"], checked["signed_by"]) == (told["report"], ["provider-safety-1"])
    assert {path: path.read_bytes() for path in wal} == wal
    claims = {
        (report.shard, claim.name): claim.status
        for report in verify_evidence(state / "evidence")
        for claim in report.claims
    }
    assert claims["registry", Topic.HUNTED] is claims["gateway-0", Topic.HUNTED] is Status.PROVEN
    assert Status.CONTRADICTED not in claims.values()
    for path in [*planned.rglob("*"), *(state / "evidence").rglob("*")]:
        if path.is_file():
            assert b"periwinkle" not in path.read_bytes(), path


def test_the_reports_for_people_name_positions_and_say_what_was_not_looked_at(planned: Path) -> None:
    run("hunt", "run", planned)
    run("hunt", "report", planned, code=1)
    page, words = (HuntFolder(planned).report(ending).read_text("utf-8") for ending in ("html", "md"))
    for text in (page, words):
        assert "gateway-0/7" in text
        assert "nothing was ever kept" in text
        assert digest_of(planned) in text
    assert "<script" not in page
    assert {path.stat().st_mode & 0o077 for path in planned.iterdir() if path.name.startswith("report")} == {0}


def test_one_process_and_several_come_to_the_same_digest(planned: Path, tmp_path: Path) -> None:
    several = Path(shutil.copytree(planned, tmp_path / "several"))
    run_here(planned, open_hunt(planned), nothing, CLOCK)
    done: list[int] = []
    run_with(several, open_hunt(several), 2, done.append, CLOCK)
    assert digest_of(several) == digest_of(planned)
    assert done == sorted(done)
    assert done[-1] == 5


DIES: Any = """
import os, signal, sys
from pathlib import Path
from brightline.shell.clock import SystemClock
from brightline.shell.hunt.examining import Examiner
from brightline.shell.hunt.folder import open_hunt
from brightline.shell.hunt.owner import owner_name
from brightline.shell.hunt.running import leases_of

opened = open_hunt(Path(sys.argv[1]))
work = leases_of(Path(sys.argv[1]), opened)
examiner = Examiner(opened)
first = work.lease(owner_name(), SystemClock().unix())
work.finish(first, examiner.examine(first))
second = work.lease(owner_name(), SystemClock().unix())
examiner.examine(second, lambda: os.kill(os.getpid(), signal.SIGKILL))
"""
"""Looks at one shard, and is killed in the middle of the next."""


def test_what_was_killed_in_the_middle_is_gone_on_with_at_once_and_comes_out_the_same(
    planned: Path, tmp_path: Path
) -> None:
    whole = Path(shutil.copytree(planned, tmp_path / "whole"))
    run_here(whole, open_hunt(whole), nothing, CLOCK)
    killed = subprocess.run([sys.executable, "-c", DIES, planned], check=False)
    assert killed.returncode == -9
    opened = open_hunt(planned)
    work = Work(HuntFolder(planned).work, opened.hunt, len(opened.plan.shards))
    standing = work.standing(CLOCK.unix())
    work.close()
    assert (standing.done, standing.held) == (1, 1)  # its lease still runs, and nobody is there
    done: list[int] = []
    run_here(planned, opened, done.append, CLOCK)
    assert done == [2, 3, 4, 5, 5]
    assert digest_of(planned) == digest_of(whole)


def test_workers_that_are_killed_again_and_again_or_meet_an_error_end_the_run(
    planned: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    killed = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    with monkeypatch.context() as patched, pytest.raises(WorkersFailed, match="killed 4 times"):
        patched.setattr(running, "COMMAND", killed)
        run_with(planned, open_hunt(planned), 1, nothing, CLOCK)
    job = msgspec.json.decode(HuntFolder(planned).job.read_bytes())
    HuntFolder(planned).job.write_bytes(msgspec.json.encode(job | {"release": str(planned / "nowhere")}))
    with pytest.raises(WorkersFailed, match="could not go on"):
        run_with(planned, open_hunt(planned), 1, nothing, CLOCK)
    assert "nowhere cannot be read" in capfd.readouterr().err


def test_a_worker_whose_parent_is_gone_takes_no_shard(planned: Path) -> None:
    orphan = subprocess.run([*running.COMMAND, str(planned), "0"], check=False)
    assert orphan.returncode == 0
    assert not HuntFolder(planned).work.exists()


# ---- work that is shared ------------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """The work of a hunt with three shards."""
    made = Work(tmp_path / "work.sqlite", "sha256:h", 3)
    yield made
    made.close()


def test_a_shard_is_held_by_one_until_its_lease_ends(work: Work) -> None:
    assert (work.lease("a", 100), work.lease("b", 100)) == (0, 1)
    assert work.lease_all("c", 100) == [2]
    assert work.lease("d", 100 + LEASE_SECONDS - 1) is None
    work.renew("b", 100 + LEASE_SECONDS - 1)
    work.finish(0, b"done")
    assert work.standing(100 + LEASE_SECONDS - 1).held == 2
    assert work.lease("d", 100 + LEASE_SECONDS) == 2
    assert work.lease("d", 100 + LEASE_SECONDS) is None
    work.give_back("d")
    assert work.lease("e", 100 + LEASE_SECONDS) == 2


def test_two_results_of_one_shard_are_the_same_or_the_hunt_is_broken(work: Work) -> None:
    work.finish(1, b"one")
    work.finish(1, b"one")
    with pytest.raises(HuntBroken, match="shard 1 came out as"):
        work.finish(1, b"another")
    with pytest.raises(HuntBroken, match="no shard 7"):
        work.finish(7, b"one")
    assert list(work.results()) == [b"one"]


def test_work_is_of_one_hunt(work: Work, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another hunt"):
        Work(tmp_path / "work.sqlite", "sha256:other", 3)
    (tmp_path / "no.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match="cannot be used"):
        Work(tmp_path / "no.sqlite", "sha256:h", 3)


def test_who_runs_no_more_is_known_by_name(work: Work) -> None:
    ours = owner_name()
    boot, pid, started = ours.split(" ")
    assert not has_ended(ours)
    assert has_ended(f"{boot} {pid} {int(started) - 1}")  # the number came back, with another process
    assert not has_ended(f"another-boot {pid} 1")  # of another machine nothing can be told
    assert not has_ended("")
    work.lease(f"{boot} {pid} 1", 100)
    work.lease(ours, 100)
    work.give_back_of(has_ended)
    assert (work.lease("b", 100), work.lease("b", 100), work.lease("b", 100)) == (0, 2, None)


# ---- what is not as it was planned --------------------------------------------------------------------------------


def test_what_was_destroyed_is_counted_by_its_reason_and_not_looked_at(tmp_path: Path) -> None:
    state = site(tmp_path / "state", SAID[:3])
    release_with(tmp_path / "release")
    more = ("--release", tmp_path / "release")
    run("hunt", "plan", state, tmp_path / "before", *more)
    write(state, [Said("Something later.")])
    leaf = json.loads(run("hunt", "run", tmp_path / "before", "--json").stdout)["found"][0]
    assert leaf["seq"] == 7
    run("retention", "shred", state, "--exchange", "x-000001", "--reason", "a test")
    run("hunt", "plan", state, tmp_path / "after", *more)
    told = json.loads(run("hunt", "run", tmp_path / "after", "--json").stdout)
    assert told["found"] == []
    assert told["counts"]["ordered"] == 1
    assert told["left"] == []
    again = Path(shutil.copytree(tmp_path / "before", tmp_path / "again"))
    HuntFolder(again).work.unlink()
    told = json.loads(run("hunt", "run", again, "--json").stdout)  # planned before, looked at after
    assert told["counts"]["since"] == 1
    assert told["left"] == [["gateway-0", 7, "since"]]


def test_what_is_asked_for_is_covered_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    state = folder / "state"
    for arguments in (("--since", "2099-01-01T00:00:00Z"), ("--until", "2001-01-01T00:00:00Z"), ("--log", "nobody")):
        run("hunt", "plan", state, tmp_path / "none", *arguments, code=2)
    assert not (tmp_path / "none").exists()
    run("hunt", "plan", state, tmp_path / "all", "--since", "2001-01-01T00:00:00Z", "--log", "gateway-0")
    assert open_hunt(tmp_path / "all").plan.shards[0].start == 0
    run("hunt", "plan", state, tmp_path / "all", code=2)  # a plan is never written over


def test_records_that_are_not_those_that_were_planned_are_not_looked_at(planned: Path) -> None:
    plan = json.loads(HuntFolder(planned).plan.read_bytes())
    plan["shards"][1]["leaves"] = "sha256:" + "0" * 64
    HuntFolder(planned).plan.write_text(json.dumps(plan))
    with pytest.raises(EvidenceDamaged, match="other records are here"):
        run_here(planned, open_hunt(planned), nothing, CLOCK)


def test_a_log_that_is_not_the_published_one_is_not_planned_over(folder: Path, tmp_path: Path) -> None:
    state = Path(shutil.copytree(folder / "state", tmp_path / "state"))
    other = site(tmp_path / "other", SAID[:1])
    wal = StateFolder(state).wal / "gateway-0"
    shutil.rmtree(wal)
    shutil.copytree(StateFolder(other).wal / "gateway-0", wal)
    assert "are here" in run("hunt", "plan", state, tmp_path / "hunt", code=2).stderr


def test_a_report_that_lies_beside_other_work_or_is_not_what_was_signed_does_not_pass(
    folder: Path, planned: Path
) -> None:
    run("hunt", "run", planned)
    run("hunt", "report", planned, code=1)
    run("hunt", "record", folder / "state", planned, "--reason", "a test")
    opened = open_hunt(planned)
    result = msgspec.json.decode(Examiner(opened).examine(1), type=ShardResult)
    assert result.found
    with_less = result_bytes(msgspec.structs.replace(result, found=()))
    HuntFolder(planned).work.unlink()
    work = open_work(planned, opened)
    work.finish(1, with_less)
    work.close()
    run("hunt", "run", planned)
    assert "another report" in run("hunt", "report", planned, code=2).stderr
    for what in (("record", folder / "state", planned, "--reason", "a test"), ("check", folder / "state", planned)):
        assert "another report" in run("hunt", *what, code=2).stderr
