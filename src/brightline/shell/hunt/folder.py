# SPDX-License-Identifier: Apache-2.0
"""The folder of one hunt: its plan, how it is run here, its work, and at the end its report.

    plan.json      which records, cut into shards (``core/hunt/plan.py``); never changed
    job.json       where state, agreement and release lie on this machine
    work.sqlite    which shards are done, by whom the others are held, and until when
    report.json    what was found; report.md and report.html say the same to people

It names positions, facts and rules, and no content; it is for those who may read the evidence all the same, so it is
made for its owner alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.hunt.plan import Plan, plan_bytes, plan_digest, read_plan
from brightline.files import read_within, write_private

PLAN_BYTES_MAX: Final = 1 << 30
JOB_BYTES_MAX: Final = 1 << 16


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where things lie: the state folder, the folders of agreement and release, and of weights (or nothing)."""

    state: str
    agreement: str
    release: str
    weights: str = ""


class HuntFolder(msgspec.Struct, frozen=True):
    """Paths of one hunt."""

    root: Path

    @property
    def plan(self) -> Path:
        """The plan."""
        return self.root / "plan.json"

    @property
    def job(self) -> Path:
        """Where things lie."""
        return self.root / "job.json"

    @property
    def work(self) -> Path:
        """Which shards are done."""
        return self.root / "work.sqlite"

    def report(self, ending: str = "json") -> Path:
        """The report, or the same as a page."""
        return self.root / f"report.{ending}"


class Opened(msgspec.Struct, frozen=True):
    """A hunt, read: its plan, the digest that names it, and where things lie."""

    plan: Plan
    hunt: str
    job: Job


def make_hunt(root: Path, plan: Plan, job: Job) -> str:
    """Make the folder of a hunt; returns the digest that names it. Raises ``ConfigError`` if one is there."""
    folder, data = HuntFolder(root), plan_bytes(plan)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{root} cannot be made: {error.strerror}") from error
    write_private(folder.job, msgspec.json.encode(job))
    write_private(folder.plan, data)
    return plan_digest(data)


def open_hunt(root: Path) -> Opened:
    """Read the folder of a hunt. Raises ``ConfigError`` if it is none, ``EvidenceDamaged`` for a plan with gaps."""
    folder = HuntFolder(root)
    data = read_within(folder.plan, PLAN_BYTES_MAX)
    try:
        job = msgspec.json.decode(read_within(folder.job, JOB_BYTES_MAX), type=Job)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{folder.job} does not read: {error}") from error
    return Opened(read_plan(data, str(folder.plan)), plan_digest(data), job)
