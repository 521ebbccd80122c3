# SPDX-License-Identifier: Apache-2.0
"""Hunts on Ray: never where it would stand open, and to the same digest."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from brightline.core.errors import ConfigError, WorkersFailed
from brightline.shell.clock import SystemClock
from brightline.shell.hunt import onray
from brightline.shell.hunt.folder import open_hunt
from brightline.shell.hunt.onray import Cluster, run_on_ray
from brightline.shell.hunt.reporting import report_of
from brightline.shell.hunt.running import run_here
from tests.hunts import Said, release_with, site
from tests.shell.cli.in_process import run

CLOCK = SystemClock()
STARTS = 5  # Ray gives its processes 30 seconds to start, which is little where others work
IN_A_NAMESPACE = """
import ctypes, fcntl, os, socket, struct, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):  # CLONE_NEWNET
    sys.exit(77)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    fcntl.ioctl(asking, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hunt that is planned."""
    root = tmp_path_factory.mktemp("ray")
    site(root / "state", [Said("the periwinkle plan", kept) for kept in ("sampled", "held", "nothing", "sampled")])
    release_with(root / "release")
    run("hunt", "plan", root / "state", root / "hunt", "--release", root / "release", "--shard-records", "4")
    return root / "hunt"


def nothing(_done: int) -> None:
    pass


def test_without_the_extra_it_is_said_so(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onray, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="needs the extra `ray`"):
        run_on_ray(planned, open_hunt(planned), 1, Cluster(), nothing, CLOCK)
    for option in ("--ray-address", "--ray-token"):
        run("hunt", "run", planned, option, str(planned / "plan.json"), code=2)


def test_no_cluster_is_made_where_anybody_could_reach_it(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onray, "find_spec", lambda _name: object())
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0"), (3, "asleep0")])
    monkeypatch.setattr(onray, "_is_up", lambda name: name != "asleep0")
    with pytest.raises(ConfigError, match="can be reached through eth0, and Ray listens everywhere"):
        run_on_ray(planned, open_hunt(planned), 1, Cluster(), nothing, CLOCK)
    assert not (planned / onray.TOKEN_FILE).exists()


def test_a_cluster_is_joined_with_its_token_and_not_without(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onray, "find_spec", lambda _name: object())
    with pytest.raises(ConfigError, match="joined with its token"):
        run_on_ray(planned, open_hunt(planned), 1, Cluster("10.0.0.1:6379"), nothing, CLOCK)


def test_what_ends_before_its_time_or_is_silent_is_no_result(
    planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hunt = Path(shutil.copytree(planned, tmp_path / "hunt"))
    token = tmp_path / "token"
    token.write_text("a token")
    cluster = Cluster("10.0.0.1:6379", token)
    monkeypatch.setattr(onray, "find_spec", lambda _name: object())
    told = "import os, sys; sys.exit(os.environ['RAY_AUTH_MODE'] != 'token' or 3)"
    monkeypatch.setattr(onray, "COMMAND", (sys.executable, "-c", told))
    with pytest.raises(WorkersFailed, match="ended before its time"):
        run_on_ray(hunt, open_hunt(hunt), 1, cluster, nothing, CLOCK)
    monkeypatch.setattr(onray, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    monkeypatch.setattr(onray, "SILENCE_SECONDS", 0.0)
    with pytest.raises(WorkersFailed, match="brought nothing"):
        run_on_ray(hunt, open_hunt(hunt), 1, cluster, nothing, CLOCK)


def test_our_own_interfaces_are_seen() -> None:
    assert {onray._is_up(name) for _, name in socket.if_nameindex()} <= {True, False}
    with pytest.raises(OSError, match="device"):
        onray._is_up("nobody0")


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_actors_come_to_the_digest_that_one_process_comes_to(planned: Path, tmp_path: Path) -> None:
    here = Path(shutil.copytree(planned, tmp_path / "here"))
    run_here(here, open_hunt(here), nothing, CLOCK)
    hunt = Path(shutil.copytree(planned, tmp_path / "hunt"))
    command = [sys.executable, "-c", "from brightline.shell.cli.main import main; main()", "hunt", "run", str(hunt)]
    words = [sys.executable, "-c", IN_A_NAMESPACE, *command, "--ray", "--workers", "2"]
    left, done = STARTS, _run(words)
    while "timed out during startup" in done.stderr and (left := left - 1):
        done = _run(words)
    if done.returncode == 77:
        pytest.skip("no network namespace can be made here")
    assert done.returncode == 0, done.stderr
    assert report_of(hunt, open_hunt(hunt)).digest == report_of(here, open_hunt(here)).digest
    assert (hunt / onray.TOKEN_FILE).stat().st_mode & 0o077 == 0


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
