# SPDX-License-Identifier: Apache-2.0
"""A delivery repository and a site that fetches from it, for tests: eight holders, each with a key."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.screening.parcel import APPROVAL_FORMAT, OFFER_FORMAT, Approval, Offer, statement_digest
from brightline.shell.delivery.client import Fetched, fetch, pin_root
from brightline.shell.delivery.plan import FORMAT, Plan
from brightline.shell.delivery.repository import Repository
from brightline.shell.trust.keys import public_hex

DAY: Final = 86_400
HOLDERS: Final = {
    "root": ("ada", "ben", "cleo"),
    "targets": ("ada", "ben"),
    "snapshot": ("online",),
    "timestamp": ("online",),
    "provider": ("dora", "emil"),
    "customer": ("finn",),
}
THRESHOLDS: Final = {"root": 2, "targets": 1, "snapshot": 1, "timestamp": 1, "provider": 2, "customer": 1}
DAYS: Final = {"root": 365, "targets": 365, "snapshot": 7, "timestamp": 2, "provider": 90, "customer": 90}
KEYS: Final = {name: Ed25519PrivateKey.generate() for name in {each for of in HOLDERS.values() for each in of}}
STATEMENT: Final = b'{"what both": "organisations signed"}'


def plan(**holders: tuple[str, ...]) -> Plan:
    """The plan, with other holders of some roles."""
    roles = {
        role: {
            "threshold": THRESHOLDS[role],
            "days": DAYS[role],
            "keys": [{"holder": name, "public": public_hex(key(name))} for name in names],
        }
        for role, names in {**HOLDERS, **holders}.items()
    }
    return msgspec.convert({"format": FORMAT, **roles}, Plan)


def key(name: str) -> Ed25519PrivateKey:
    """A holder's key; a new holder is made."""
    return KEYS.setdefault(name, Ed25519PrivateKey.generate())


class Site:
    """A repository below ``root``, and a site that pinned its first root."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.delivery = root, root / "repository", root / "state-delivery"
        self.now = int(time.time())
        self.repository = Repository(self.folder, plan())
        self.repository.begin(self.now)
        self.sign()
        self.publish()
        pin_root(self.delivery, (self.folder / "metadata" / "1.root.json").read_bytes())
        self.fetches = 0

    def sign(self, *names: str) -> None:
        """Have these holders, or everybody, sign what is staged for them."""
        for name in names or tuple(KEYS):
            self.repository.sign(self.repository.to_sign(key(name)), key(name))

    def publish(self, days_ago: int = 0) -> None:
        """Publish with the online key."""
        self.repository.publish([key("online")], self.now - days_ago * DAY)

    def offer(self, version: int, *, approved: int = 0, files: Mapping[str, bytes] | None = None) -> None:
        """Stage a release and the approval of it, or of another version."""
        held = {"release.toml": f"version = {version}".encode(), "rules.toml": b"x" * 1_000, **(files or {})}
        self.stage_offer(version, held)
        self.stage_approval(approved or version)

    def stage_offer(self, version: int, files: Mapping[str, bytes]) -> None:
        name = f"small-v{version}"
        said = Offer(OFFER_FORMAT, name, version, digest(version), tuple(sorted(files)))
        paths: dict[str, Path | bytes] = {f"classifiers/{name}/{file}": data for file, data in files.items()}
        paths |= {f"outcomes/{name}/outcomes.json": b"{}", "classifiers/current.json": msgspec.json.encode(said)}
        self.repository.stage_files("provider", paths, self.now)

    def stage_approval(self, version: int) -> None:
        name = f"small-v{version}"
        said = Approval(APPROVAL_FORMAT, name, digest(version), statement_digest(STATEMENT))
        paths: dict[str, Path | bytes] = {
            f"approvals/{name}/update.json": STATEMENT,
            "approvals/current.json": msgspec.json.encode(said),
        }
        self.repository.stage_files("customer", paths, self.now)

    def release(self, version: int) -> None:
        """Offer, approve, sign and publish a release."""
        self.offer(version)
        self.sign()
        self.publish()

    def copy(self, name: str) -> Path:
        """The repository as it is now, elsewhere."""
        shutil.copytree(self.folder, self.root / name)
        return self.root / name

    def fetch(self, source: Path | str | None = None, floor: Mapping[str, int] | None = None) -> Fetched:
        """Fetch into a new folder, ``fetched-N``."""
        self.fetches += 1
        return fetch(self.delivery, str(source or self.folder), self.fetched, floor or {})

    @property
    def fetched(self) -> Path:
        """Where the last fetch went."""
        return self.root / f"fetched-{self.fetches}"

    def newest(self, role: str) -> Path:
        """The newest published metadata of a role."""
        paths = (self.folder / "metadata").glob(f"*.{role}.json")
        return max(paths, key=lambda path: int(path.name.partition(".")[0]))


def digest(version: int) -> str:
    """The digest of a release that is none."""
    return "sha256:" + f"{version:064x}"


def edit(path: Path, change: Any) -> None:
    """Change metadata without signing it again."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(json.dumps(value).encode())
