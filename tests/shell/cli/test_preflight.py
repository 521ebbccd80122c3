# SPDX-License-Identifier: Apache-2.0
"""``brightline preflight``: it says that a gateway would serve when it would, and otherwise what is to be mended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from brightline.core.readiness import Condition
from brightline.shell.cli.main import brightline
from brightline.shell.node import Node
from tests.harness import make_state, running


def cli(*arguments: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(brightline, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose model server lets itself be reached."""
    root = tmp_path_factory.mktemp("preflight") / "state"
    with socket.create_server(("127.0.0.1", 0)) as server:
        make_state(root, f"http://127.0.0.1:{server.getsockname()[1]}")
        yield root


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "state"))


def unmet(state: Path) -> dict[str, dict[str, Any]]:
    """What ``preflight`` says of each condition that is not met."""
    told = json.loads(cli("preflight", state, "--json", code=1))
    assert told["ready"] is False
    assert [row["condition"] for row in told["conditions"]] == [each.value for each in Condition]
    return {row["condition"]: row for row in told["conditions"] if not row["met"]}


def test_where_everything_is_met_it_says_so_and_writes_no_record(state: Path) -> None:
    before = {path: path.read_bytes() for path in (state / "wal").rglob("*") if path.is_file()}
    told = json.loads(cli("preflight", state, "--json"))
    assert told["ready"] is True
    assert [row["condition"] for row in told["conditions"]] == [each.value for each in Condition]
    assert {path: path.read_bytes() for path in (state / "wal").rglob("*") if path.is_file()} == before


def test_each_thing_that_is_missing_is_named_with_its_mend(state: Path) -> None:
    cli("halt", state, "--reason", "a drill")
    cli("attest", "revoke", state, "--measurement", "unmeasured", "--reason", "a drill")
    settings = state / "brightline.toml"
    settings.write_text(settings.read_text().replace("127.0.0.1:", '127.0.0.1:1"\n#'))
    ahead = time.time() + 3_600
    for path in (state / "wal" / "registry").iterdir():
        os.utime(path, (ahead, ahead))
    found = unmet(state)
    assert set(found) == {"no halt", "lease", "model server", "clock"}
    assert found["lease"]["why"] == ["what the lease rests on was revoked"]
    assert "set back" in found["clock"]["why"][0]
    assert all(found[name]["mend"] == Condition(name).mend for name in found)
    assert "NOT MET" in cli("preflight", state, code=1)


def test_what_rests_on_something_that_is_broken_is_not_looked_at_and_not_met(state: Path) -> None:
    (state / "installation.json").write_bytes(b"{}")
    found = unmet(state)
    assert "not a DSSE envelope" in found["installation"]["why"][0]
    assert found["lease"]["why"] == ["not looked at: it rests on registry"]
    assert set(found) == {
        *("installation", "agreement", "registry", "release", "detectors", "no halt", "lease", "admission", "roster"),
        "model server",
    }


def test_a_gateway_that_serves_looks_at_the_same_conditions_all_the_time(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        served: Node = node.node
        watched = {check.condition for check in served.readiness.checks()}
        at_the_start = {"installation", "keys", "agreement", "release"}
        assert watched == {each for each in Condition if each.value not in at_the_start}
        assert all(check.holds for check in served.readiness.checks())
        assert json.loads(cli("preflight", node.root, "--json"))["ready"] is True  # beside the gateway
        cli("attest", "revoke", node.root, "--measurement", "unmeasured", "--reason", "a drill")
        served.follow()
        [lost] = [check for check in served.readiness.checks() if not check.holds]
        assert lost.condition is Condition.LEASE
        assert set(unmet(node.root)) == {"lease"}
