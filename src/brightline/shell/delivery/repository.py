# SPDX-License-Identifier: Apache-2.0
"""A delivery repository, for those who keep one: what is staged, who must still sign it, and what is published.

    <repository>/staged/ROLE.json       the next version of a role's metadata, collecting signatures
    <repository>/metadata/              what is published: N.ROLE.json, and timestamp.json
    <repository>/targets/               the files, each named by its digest
    <repository>/plan.toml              the plan that the root in force was made from

1. somebody stages: a new root, a new release
2. each holder signs what is staged for a role of theirs, on a machine of their own if they carry the folder there
3. publishing checks every threshold, and writes a new snapshot and timestamp

Metadata is TUF 1.0 with consistent snapshots. Nothing that was published is ever changed or removed.
"""

from __future__ import annotations

import datetime
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from brightline.core.errors import TrustError
from brightline.files import put
from brightline.shell.delivery.plan import ORGANISATIONS, ROLES, TOP_LEVEL, Plan, RolePlan

METADATA: Final = "metadata"
TARGETS: Final = "targets"
STAGED: Final = "staged"
_KINDS: Final[Mapping[str, Any]] = {"root": Root, "snapshot": Snapshot, "timestamp": Timestamp}


class RoleState(msgspec.Struct, frozen=True):
    """One role: what is published of it, and what is staged. Dates are RFC 3339; ``signed`` are holders."""

    role: str
    version: int
    expires: str
    staged: int
    signed: tuple[str, ...]
    threshold: int
    holders: tuple[str, ...]


class Repository:
    """One folder."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan

    # ---- staging -----------------------------------------------------------------------------------------------

    def begin(self, now: int) -> None:
        """Stage the first root and, for each of the others, a first version without files. Raises ``TrustError``."""
        if (self._folder / METADATA).exists():
            raise TrustError(f"{self._folder} holds a repository already")
        for name in (METADATA, TARGETS, STAGED):
            (self._folder / name).mkdir(parents=True)
        self._stage("root", Metadata(self._root(1, now)))
        self._stage("targets", Metadata(self._targets(1, now)))
        for name in ORGANISATIONS:
            self._stage(name, Metadata(Targets(1, expires=self._expires(name, now))))

    def rotate(self, now: int) -> None:
        """Stage a root and delegations after the plan as it is now; those of before must sign the root as well."""
        self._stage("root", Metadata(self._root(self._version("root") + 1, now)))
        self._stage("targets", Metadata(self._targets(self._version("targets") + 1, now)))

    def stage_files(self, role: str, files: Mapping[str, Path | bytes], now: int) -> None:
        """Stage an organisation's next version with these files, by path; what it held under other paths stays.

        Raises ``TrustError`` for a path that is not the organisation's to write.
        """
        signed = self._published(role).signed if self._version(role) else Targets(0)
        held = dict(signed.targets) if isinstance(signed, Targets) else {}
        mine = DelegatedRole(role, [], 1, True, paths=list(ORGANISATIONS[role]))
        for path, data in files.items():
            if not mine.is_delegated_path(path):
                raise TrustError(f"{path} is not for the {role} to write")
            held[path] = self._put(path, data)
        version = self._version(role) + 1
        self._stage(role, Metadata(Targets(version, expires=self._expires(role, now), targets=held)))

    # ---- signing -----------------------------------------------------------------------------------------------

    def to_sign(self, key: Ed25519PrivateKey) -> tuple[str, ...]:
        """The staged roles that this key may sign and has not, in the order of the roles."""
        keyid = _key(key.public_key().public_bytes_raw().hex()).keyid
        return tuple(
            role for role, staged in self._staged() if keyid in self._keyids(role) and keyid not in staged.signatures
        )

    def sign(self, roles: Sequence[str], key: Ed25519PrivateKey) -> None:
        """Sign what is staged for these roles."""
        for role, staged in self._staged():
            if role in roles:
                staged.sign(CryptoSigner(key), append=True)
                self._stage(role, staged)

    # ---- publishing --------------------------------------------------------------------------------------------

    def publish(self, keys: Sequence[Ed25519PrivateKey], now: int) -> tuple[str, ...]:
        """Publish what is staged, with a new snapshot and timestamp signed by these keys; returns the roles.

        Raises ``TrustError`` if a threshold is not met: nothing is published then.
        """
        staged = dict(self._staged())
        if not staged and not self._version("timestamp"):
            raise TrustError("nothing is staged")
        root = staged.get("root") or self._published("root")
        if "root" in staged:
            self._verify(root.signed, "root", staged["root"], "the new root")
            if self._version("root"):
                self._verify(self._published("root").signed, "root", staged["root"], "the root before")
        targets = staged.get("targets") or self._published("targets")
        self._verify(root.signed, "targets", targets, "the root")
        organisations = {role: staged.get(role) or self._published(role) for role in ORGANISATIONS}
        for role, made in organisations.items():
            self._verify(targets.signed, role, made, "the delegation")
        snapshot = self._snapshot({"targets": targets, **organisations}, now)
        timestamp = self._timestamp(snapshot, now)
        for role, made in (("snapshot", snapshot), ("timestamp", timestamp)):
            for key in keys:
                made.sign(CryptoSigner(key), append=True)
            self._verify(root.signed, role, made, "the root")
        for role, made in {**staged, "snapshot": snapshot}.items():
            self._write(self._folder / METADATA / f"{made.signed.version}.{role}.json", made)
        self._write(self._folder / METADATA / "timestamp.json", timestamp)  # last: what it names is there
        for role in staged:
            (self._folder / STAGED / f"{role}.json").unlink()
        return tuple(staged)

    # ---- looking -----------------------------------------------------------------------------------------------

    def states(self) -> tuple[RoleState, ...]:
        """How each role stands."""
        staged = dict(self._staged())
        return tuple(self._state(role, staged.get(role)) for role in ROLES)

    def _state(self, role: str, staged: Metadata[Any] | None) -> RoleState:
        plan, version = self._plan.role(role), self._version(role)
        names = {_key(each.public).keyid: each.holder for each in plan.keys}
        signed = [names[keyid] for keyid, sig in (staged.signatures if staged else {}).items() if keyid in names]
        return RoleState(
            role=role,
            version=version,
            expires=self._published(role).signed.expires.isoformat() + "Z" if version else "",
            staged=staged.signed.version if staged else 0,
            signed=tuple(sorted(signed)),
            threshold=plan.threshold,
            holders=tuple(each.holder for each in plan.keys),
        )

    # ---- metadata ----------------------------------------------------------------------------------------------

    def _root(self, version: int, now: int) -> Root:
        root = Root(version, expires=self._expires("root", now), consistent_snapshot=True)
        for role in TOP_LEVEL:
            for each in self._plan.role(role).keys:
                root.add_key(_key(each.public), role)
            root.roles[role].threshold = self._plan.role(role).threshold
        return root

    def _targets(self, version: int, now: int) -> Targets:
        roles: dict[str, DelegatedRole] = {}
        keys: dict[str, Key] = {}
        for name, paths in ORGANISATIONS.items():
            plan: RolePlan = self._plan.role(name)
            mine = {key.keyid: key for key in (_key(each.public) for each in plan.keys)}
            keys.update(mine)
            roles[name] = DelegatedRole(name, list(mine), plan.threshold, terminating=True, paths=list(paths))
        delegations = Delegations(keys=keys, roles=roles)
        return Targets(version, expires=self._expires("targets", now), delegations=delegations)

    def _snapshot(self, named: Mapping[str, Metadata[Any]], now: int) -> Metadata[Snapshot]:
        meta = {f"{role}.json": MetaFile(made.signed.version) for role, made in named.items()}
        version = self._version("snapshot") + 1
        return Metadata(Snapshot(version, expires=self._expires("snapshot", now), meta=meta))

    def _timestamp(self, snapshot: Metadata[Snapshot], now: int) -> Metadata[Timestamp]:
        version = self._version("timestamp") + 1
        named = MetaFile(snapshot.signed.version)
        return Metadata(Timestamp(version, expires=self._expires("timestamp", now), snapshot_meta=named))

    def _expires(self, role: str, now: int) -> datetime.datetime:
        days = datetime.timedelta(days=self._plan.role(role).days)
        return datetime.datetime.fromtimestamp(now, datetime.UTC) + days

    def _keyids(self, role: str) -> set[str]:
        """Who may sign what is staged for a role: by the plan, and for a root also by the one before."""
        found = {_key(each.public).keyid for each in self._plan.role(role).keys}
        if role == "root" and self._version("root"):
            found |= set(self._published("root").signed.roles["root"].keyids)
        return found

    def _verify(self, delegator: Any, role: str, made: Metadata[Any], by: str) -> None:
        try:
            delegator.verify_delegate(role, made.signed_bytes, made.signatures)
        except RepositoryError as error:
            raise TrustError(f"{role} version {made.signed.version} is not signed as {by} asks: {error}") from error

    # ---- files -------------------------------------------------------------------------------------------------

    def _version(self, role: str) -> int:
        """The newest published version; 0 if there is none."""
        folder = self._folder / METADATA
        if role == "timestamp":
            return self._read(folder / "timestamp.json").signed.version if (folder / "timestamp.json").exists() else 0
        numbers = [path.name.partition(".")[0] for path in folder.glob(f"*.{role}.json")]
        return max((int(number) for number in numbers if number.isdigit()), default=0)

    def _published(self, role: str) -> Metadata[Any]:
        name = "timestamp.json" if role == "timestamp" else f"{self._version(role)}.{role}.json"
        return self._read(self._folder / METADATA / name)

    def _staged(self) -> Iterator[tuple[str, Metadata[Any]]]:
        for role in ROLES:
            path = self._folder / STAGED / f"{role}.json"
            if path.exists():
                yield role, self._read(path)

    def _read(self, path: Path) -> Metadata[Any]:
        try:
            return Metadata.from_bytes(path.read_bytes())
        except OSError as error:
            raise TrustError(f"{path} cannot be read: {error.strerror}") from error
        except DeserializationError as error:
            raise TrustError(f"{path} is no TUF metadata") from error

    def _stage(self, role: str, made: Metadata[Any]) -> None:
        self._write(self._folder / STAGED / f"{role}.json", made)

    def _write(self, path: Path, made: Metadata[Any]) -> None:
        put(path, [made.to_bytes()])

    def _put(self, path: str, data: Path | bytes) -> TargetFile:
        """Put a file in its place, named by its digest; a file that is there is the same."""
        if isinstance(data, bytes):
            target = TargetFile.from_data(path, data, ["sha256"])
        else:
            target = TargetFile.from_file(path, str(data), ["sha256"])
        folder, _, name = path.rpartition("/")
        place = self._folder / TARGETS / folder / f"{target.hashes['sha256']}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            if isinstance(data, bytes):
                place.write_bytes(data)
            else:
                shutil.copyfile(data, place)
        return target


def root_digest(data: bytes) -> str:
    """By what people compare a root when they pin it: over the telephone, or on paper."""
    return hashlib.sha256(data).hexdigest()


def _key(public: str) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
