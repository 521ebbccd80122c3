# SPDX-License-Identifier: Apache-2.0
"""The attack suite: every fraud with every kind of evidence in hand, as the real command tells it."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from brightline.core.evidence.audit_findings import Status, Topic
from brightline.shell.cli.main import brightline
from brightline.verify.sample.command import NOTE, write_one, write_sample
from brightline.verify.sample.frauds import ARGUMENTS, COMMAND, FRAUDS, HONEST, Fraud, Means
from brightline.verify.sample.site import GATEWAY, VISITED

Told = dict[str, Status]


def told(folder: Path, means: Means, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The claims as `brightline verify` tells them, with this evidence in hand."""
    scratch = folder.parent / f"{folder.name}-{means.name}"
    shutil.copytree(folder, scratch)  # a memory is written when everything was believed
    monkeypatch.chdir(scratch)
    done = CliRunner().invoke(brightline, [*COMMAND[1:], *ARGUMENTS[means], "--json"])
    reports = json.loads(done.output)
    found: Told = {}
    for report in reports:
        for claim in report["claims"]:
            status = Status(claim["status"])
            known = found.get(claim["name"])
            of_gateway = report["shard"] == GATEWAY and known is not Status.CONTRADICTED
            if known is None or of_gateway or status is Status.CONTRADICTED:
                found[claim["name"]] = status
    contradicted = Status.CONTRADICTED in found.values()
    assert done.exit_code == (1 if contradicted else 0), done.output
    shutil.rmtree(scratch)
    return found


@cache
def _honest(root: str) -> Path:
    return write_one(Path(root) / HONEST.name, HONEST, seed=1)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _honest(str(tmp_path_factory.mktemp("suite")))


@pytest.fixture(scope="module")
def usual(honest: Path) -> dict[Means, Told]:
    """What is told of the honest site, with each kind of evidence."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return {means: told(honest, means, monkeypatch) for means in Means}


@pytest.mark.parametrize("fraud", FRAUDS, ids=lambda fraud: fraud.name)
def test_a_fraud_is_seen_by_those_and_only_those_that_the_table_names(
    fraud: Fraud, usual: dict[Means, Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_one(tmp_path / fraud.name, fraud, seed=1)
    alone = told(folder, Means.LOG, monkeypatch)
    by_itself = {(claim, status) for claim, status in alone.items() if usual[Means.LOG].get(claim) is not status}
    for means in Means:
        before, after = usual[means], alone if means is Means.LOG else told(folder, means, monkeypatch)
        changed = {(claim, status) for claim, status in after.items() if before.get(claim) is not status}
        if means is not Means.LOG:
            if Status.CONTRADICTED in alone.values() and not any(who is means for who, _, _ in fraud.effects):
                continue  # what cannot be read anyway says nothing about receipts and others either
            changed -= by_itself
        declared = {(topic.value, status) for who, topic, status in fraud.effects if who is means}
        assert changed == declared, means
    assert fraud.effects or fraud.others


def test_at_the_honest_site_everything_that_an_auditor_holds_is_proven(
    honest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(honest)
    shutil.copy("earlier.memory", "scratch.memory")
    hand = [word for means in Means if means is not Means.EARLIER for word in ARGUMENTS[means]]
    done = CliRunner().invoke(brightline, [*COMMAND[1:], *hand, "--json"])
    assert done.exit_code == 0, done.output
    statuses = {claim["status"] for report in json.loads(done.output) for claim in report["claims"]}
    gateway, registry, guard = json.loads(done.output)
    assert {claim["status"] for claim in gateway["claims"]} == {"PROVEN"}
    assert statuses == {"PROVEN", "NOT SHOWN"}  # the other logs have no witness and no disclosures
    assert [claim["status"] for claim in registry["claims"] if claim["name"] == Topic.HELD.value] == ["PROVEN"]
    assert [claim["status"] for claim in guard["claims"] if "nothing else" in claim["name"]] == ["PROVEN"]
    gone_on = CliRunner().invoke(brightline, [*COMMAND[1:], "--memory", "scratch.memory", "--json"])
    (report,) = json.loads(gone_on.output)
    assert report["earlier"] > VISITED


def test_every_cheat_of_the_list_is_in_the_table() -> None:
    rows = {fraud.row for fraud in FRAUDS}
    for wanted in (
        "delete or skip a logged record",
        "bypass the gateway",
        "never log the attempt",
        "fabricate blocks",
        "split view",
        "disk rollback",
        "withhold contents",
        "swap the release",
        "operator and model server collude",
        "reorder",
        "backdate",
    ):
        assert wanted in rows
    assert len({fraud.name for fraud in FRAUDS}) == len(FRAUDS)


def test_a_fork_and_a_broken_promise_leave_files_that_convict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, arguments, kind in (
        ("forked", ARGUMENTS[Means.WITNESSES], "fork"),
        ("outcome-altered", ARGUMENTS[Means.RECEIPTS], "omission"),
        ("token-used-twice", ARGUMENTS[Means.GUARD], "token-used-twice"),
        ("answer-never-logged", ARGUMENTS[Means.GUARD], "token-not-issued"),
    ):
        fraud = next(fraud for fraud in FRAUDS if fraud.name == name)
        monkeypatch.chdir(write_one(tmp_path / name, fraud, seed=1))
        done = CliRunner().invoke(brightline, [*COMMAND[1:], *arguments, "--misbehaviour", "found"])
        assert done.exit_code == 1
        files = sorted(Path("found").iterdir())
        assert [file for file in files if file.name.startswith(f"{kind}-")], files
        for file in files:
            keys = ["--key", "gateway.vkey", "--key", "guard.vkey"]
            checked = CliRunner().invoke(brightline, ["misbehaviour", str(file), *keys, "--json"])
            assert checked.exit_code == 0, checked.output
            assert json.loads(checked.output)["proves"] is True
            without = CliRunner().invoke(brightline, ["misbehaviour", str(file), "--key", "log.example+00000000+AAAA"])
            assert without.exception is not None
            stranger = CliRunner().invoke(brightline, ["misbehaviour", str(file), "--key", "guard.vkey"])
            assert stranger.exit_code == (1 if "token" not in kind else stranger.exit_code)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path: Path) -> None:
    made = write_sample(tmp_path / "one", 7)
    write_sample(tmp_path / "two", 7)
    assert {path.name for path in made} == {HONEST.name, *(fraud.name for fraud in FRAUDS)}
    for base, _, names in os.walk(tmp_path / "one"):
        other = tmp_path / "two" / Path(base).relative_to(tmp_path / "one")
        _, different, odd = filecmp.cmpfiles(base, other, names, shallow=False)
        assert not different
        assert not odd
    write_one(tmp_path / "three", HONEST, 8)
    vkeys = {(tmp_path / where / "gateway.vkey").read_text() for where in ("one/honest", "three")}
    assert len(vkeys) == 2


def test_the_command_says_where_to_begin_and_writes_over_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(brightline, ["sample", str(tmp_path / "out")])
    assert f"wrote {len(FRAUDS) + 1} folders" in done.output
    note = (tmp_path / "out" / "forked" / NOTE).read_text("utf-8")
    assert "brightline verify evidence --key gateway.vkey" in note
    assert "with witnesses: CONTRADICTED, nobody was shown another log" in note
    again = CliRunner().invoke(brightline, ["sample", str(tmp_path / "out")])
    assert "is not empty" in str(again.exception)
