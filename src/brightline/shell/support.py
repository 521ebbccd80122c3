# SPDX-License-Identifier: Apache-2.0
"""What a field engineer may carry away to find out what is wrong: numbers, digests, names of ours, and nothing else.

It is made from a list of what may be in it, never by taking things out: settings that are text are told as set or not,
errors by their class and place, units and workloads by how many there are. No key is read, and no record is opened
whose words would be needed to say what is here.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import BaseModel

from brightline import __version__
from brightline.core.errors import BrightlineError, EvidenceDamaged
from brightline.core.ports import Clock
from brightline.shell.config import Settings, load_settings
from brightline.shell.opening import open_in_force
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_signer
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import read_published
from brightline.shell.storage.wal import frames_on_disk, shards_in

FORMAT: Final = "brightline-support/1"
PACKAGES: Final = (
    "aiohttp",
    "cryptography",
    "google-re2",
    "httptools",
    "msgspec",
    "onnxruntime",
    "pydantic",
    "uvloop",
)
FOLDERS_MAX: Final = 100
OTHER: Final = "(another)"
OURS: Final = frozenset(
    {
        "agreements",
        "brightline.toml",
        "delivery",
        "enrolments",
        "evidence",
        "heads",
        "installation.json",
        "keys",
        "outcomes",
        "patterns",
        "releases",
        "review.sqlite",
        "trial",
        "trust.json",
        "vault",
        "wal",
        "witness-policy",
        "workloads.sqlite",
    }
)

Told = dict[str, Any]


def support_bundle(root: Path, clock: Clock) -> Told:
    """Look at an installation and say what may be said of it. Raises nothing of an installation that is damaged.

    Raises ``ConfigError`` where there is none at all.
    """
    settings = load_settings(root)
    folder = StateFolder(root)
    problems: list[Told] = []
    return {
        "format": FORMAT,
        "made": datetime.fromtimestamp(clock.unix(), UTC).isoformat(),
        "brightline": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
        "packages": dict(_packages()),
        "settings": _settings(settings),
        "disk": _disk(root),
        "folders": list(_folders(root)),
        "shards": [_shard(folder, settings, name, problems) for name in _shards(folder, problems)],
        "registry": _registry(root, settings, clock, problems),
        "problems": problems,
    }


def _packages() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not installed"


def _settings(settings: BaseModel) -> Told:
    """Numbers and switches as they are; of text only whether there is any; what somebody named, without the names."""
    told: Told = {}
    for name in type(settings).model_fields:
        match getattr(settings, name):
            case BaseModel() as table:
                told[name] = _settings(table)
            case bool() | int() | float() | None as value:
                told[name] = value
            case str() as text:
                told[name] = "set" if text else "empty"
            case dict() as named:
                told[name] = [_settings(each) if isinstance(each, BaseModel) else "set" for each in named.values()]
            case several:
                told[name] = f"{len(several)} values"
    return told


def _disk(root: Path) -> Told:
    usage = shutil.disk_usage(root)
    return {"bytes": usage.total, "free": usage.free}


def _folders(root: Path) -> Iterator[Told]:
    """What lies in the state folder, by its first level: how many files, how large, and which the world may read."""
    for entry in sorted(root.iterdir())[:FOLDERS_MAX]:
        files = [each for each in entry.rglob("*") if each.is_file()] if entry.is_dir() else [entry]
        yield {
            "name": entry.name if entry.name in OURS else OTHER,
            "files": len(files),
            "bytes": sum(each.stat().st_size for each in files),
            "readable_by_others": sum(bool(each.stat().st_mode & 0o007) for each in files),
        }


def _shards(folder: StateFolder, problems: list[Told]) -> list[str]:
    try:
        return shards_in(folder.wal)
    except OSError as error:
        problems.append(_problem("the logs", error))
        return []


def _shard(folder: StateFolder, settings: Settings, name: str, problems: list[Told]) -> Told:
    """One shard: its records by kind, boots, the last record, and what is published."""
    kinds: Counter[str] = Counter()
    told: Told = {"shard": name, "records": 0, "kinds": kinds, "boot": 0, "last": "", "published": None}
    try:
        for frame in frames_on_disk(folder.wal, name):
            kinds[frame.kind.value] += 1
            told |= {"records": frame.seq + 1, "boot": frame.epoch, "last": _LEAF.decode(frame.leaf).time}
    except BrightlineError as error:
        problems.append(_problem(f"the log of {name}", error))
    try:
        verifier = log_signer(folder, settings, name).verifier
        published = read_published(folder.evidence(settings.evidence.directory), name, verifier)
        told["published"] = None if published is None else {"size": published.size, "root": published.root.hex()}
    except BrightlineError as error:
        problems.append(_problem(f"what is published of {name}", error))
    return told


def _registry(root: Path, settings: Settings, clock: Clock, problems: list[Told]) -> Told | None:
    try:
        registry = open_in_force(root, settings, clock)
    except BrightlineError as error:
        problems.append(_problem("the registry", error))
        return None
    try:
        return _counted(registry, clock.unix())
    finally:
        registry.close()


def _counted(registry: Registry, now: int) -> Told:
    current = registry.releases.current
    return {
        "profile": registry.roots.profile,
        "agreement": {"version": current.version, "digest": current.digest},
        "release": registry.classifiers.current,
        "workloads": sum(1 for _ in registry.workloads.all()),
        "standings": dict(Counter(each.standing.value for each in registry.standings.book.units.values())),
        "halts": dict(Counter(each.scope.value for each in registry.halts.book.halts.values())),
        "cases": dict(Counter(each.state(now).value for each in registry.decisions.docket.cases.values())),
        "sealed": sorted(registry.seals.logs),
        "ignored": {"decisions": len(registry.decisions.ignored), "halts": len(registry.halts.ignored)},
    }


def _problem(what: str, error: Exception) -> Told:
    """An error by its class and place; its words may name what nobody else need know."""
    place = error.place if isinstance(error, EvidenceDamaged) else ""
    return {"what": what, "error": type(error).__name__, "place": place}


class _Leaf(msgspec.Struct, frozen=True):
    time: str


_LEAF: Final = msgspec.json.Decoder(_Leaf)
