# SPDX-License-Identifier: Apache-2.0
"""What a witness must never forget: for each log its keys, and the largest tree that was cosigned.

``<folder>/`` holds ``witness.pem`` (the key, its owner's alone), ``witness.vkey``, and for each log two files under
the SHA-256 of its origin: ``.log`` (origin and keys) and ``.seen`` (the text of the checkpoint last cosigned, and the
digest of that text). A log that is trusted has both, from the first day on: a missing ``.seen`` is damage and never
"nothing seen yet", for that would let whoever removes a file roll a log back.

To compare and to persist is one step under one lock, in one process: file written and flushed, renamed, folder
flushed. If that fails, what lies on the disk is not known, so this store answers nothing more until it is opened
anew. A backup of this folder is never restored: it is a witness that forgot.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from pathlib import Path
from typing import Final, Self

import msgspec

from brightline.core.errors import ConfigError, EvidenceDamaged, EvidenceUnavailable, TrustError, WriterPresent
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import CosignerKey, Ed25519Cosigner
from brightline.core.evidence.note import NoteError, VerifierKey, is_key_name
from brightline.core.evidence.witnessing import NOTHING_SEEN, Advance, DurableAdvance, Seen, mint_advance
from brightline.shell.storage.durable import HeldDirectory, WriterLock
from brightline.shell.trust.keys import load_key, make_key

LOGS_MAX: Final = 1_024
KEYS_MAX: Final = 16
_KEY_FILE: Final = "witness.pem"
_VKEY_FILE: Final = "witness.vkey"
_LOG: Final = ".log"
_SEEN: Final = ".seen"


class WatchedLog(msgspec.Struct, frozen=True):
    """A log that this witness was told of."""

    origin: str
    keys: tuple[VerifierKey, ...]
    seen: Seen


def create_witness(folder: Path, name: str) -> CosignerKey:
    """Make a witness: its folder, its key, its public key under a name for ever.

    Raises ``ConfigError`` for a name that the standard does not allow, ``TrustError`` if there is one already.
    """
    if not is_key_name(name) or not name.isprintable():
        raise ConfigError(f"{name!r} is no name of a key: it has no blanks and no plus signs")
    directory = _open_folder(folder)
    try:
        signer = Ed25519Cosigner(name, make_key(folder / _KEY_FILE))
        directory.replace(_VKEY_FILE, f"{signer.verifier.vkey()}\n".encode(), 0o644)
    except OSError as error:
        raise ConfigError(f"cannot write in {folder}: {error.strerror}") from error
    finally:
        directory.close()
    return signer.verifier


def read_logs(folder: Path) -> tuple[WatchedLog, ...]:
    """What a witness watches, read without its lock. Raises ``EvidenceDamaged`` or ``ConfigError``."""
    directory = _open_folder(folder, make=False)
    try:
        return tuple(sorted(_read_all(directory).values(), key=lambda log: log.origin))
    except OSError as error:
        raise ConfigError(f"cannot read the witness in {folder}: {error.strerror}") from error
    finally:
        directory.close()


class WitnessStore:
    """The state of one witness, for any number of threads of one process. It holds the folder's lock."""

    def __init__(
        self, directory: HeldDirectory, lock: WriterLock, signer: Ed25519Cosigner, logs: dict[str, WatchedLog]
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._logs = logs
        self.signer = signer
        self._broken = ""
        self._acting = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a witness that :func:`create_witness` made.

        Raises ``WriterPresent`` if another process has it, ``EvidenceDamaged`` if a file is not what was written,
        ``TrustError`` if the key is not the one of the public key, ``ConfigError`` if the folder cannot be used.
        """
        directory = _open_folder(folder, make=False)
        try:
            lock = WriterLock.take(directory)
        except WriterPresent as error:
            directory.close()
            raise WriterPresent(f"another process has the witness in {folder}; stop it first") from error
        with contextlib.ExitStack() as undo:
            undo.callback(directory.close)
            undo.callback(lock.release)
            try:
                # A crash may have come between a rename and its flush: what is read now must be durable before it is
                # cosigned again.
                directory.sync()
                store = cls(directory, lock, _read_signer(directory), _read_all(directory))
            except OSError as error:
                raise ConfigError(f"cannot read the witness in {folder}: {error.strerror}") from error
            undo.pop_all()
        return store

    def close(self) -> None:
        """Give the folder back; a second call does nothing."""
        self._lock.release()
        self._directory.close()

    def log(self, origin: str) -> WatchedLog | None:
        """What is known of a log; ``None`` for one that this witness was not told of."""
        return self._logs.get(origin)

    def logs(self) -> tuple[WatchedLog, ...]:
        """All logs, by origin."""
        return tuple(self._logs[origin] for origin in sorted(self._logs))

    def trust(self, origin: str, key: VerifierKey) -> WatchedLog:
        """Watch a log from now on, or accept one more key of a log that is watched.

        Raises ``TrustError`` for what cannot be watched, ``EvidenceUnavailable`` if it cannot be written.
        """
        if key.public_key == self.signer.verifier.public_key:
            raise TrustError("this is the witness's own key; one key has one role")
        if not _is_origin(origin):
            raise TrustError("an origin is one line of printable text")
        with self._acting:
            self._check_usable()
            found = self._logs.get(origin) or WatchedLog(origin, (), NOTHING_SEEN)
            if key in found.keys:
                return found
            if len(found.keys) >= KEYS_MAX or (not found.keys and len(self._logs) >= LOGS_MAX):
                raise TrustError(f"a witness watches at most {LOGS_MAX} logs, each under at most {KEYS_MAX} keys")
            watched = msgspec.structs.replace(found, keys=(*found.keys, key))
            name = _file_name(origin)
            try:
                if not found.keys:
                    kept = self._directory.read(name + _SEEN)  # of a log that was watched before: never forgotten
                    if kept is None:
                        self._directory.replace(name + _SEEN, _write_seen(origin, NOTHING_SEEN))
                    else:
                        watched = msgspec.structs.replace(watched, seen=_read_seen(kept, origin, name + _SEEN))
                self._directory.replace(name + _LOG, _write_log(watched))
            except OSError as error:
                raise self._break(f"cannot write in {self._directory.path}: {error.strerror}") from error
            self._logs[origin] = watched
            return watched

    def persist(self, advance: Advance) -> DurableAdvance | Seen:
        """Compare with what is stored and make the new state durable, in one step.

        Returns the state that is stored where another request was faster. Raises ``EvidenceUnavailable`` if it cannot
        be written, now and ever after.
        """
        with self._acting:
            self._check_usable()
            found = self._logs[advance.origin]
            if found.seen != advance.before:
                return found.seen
            if advance.after != advance.before:
                try:
                    self._directory.replace(
                        _file_name(advance.origin) + _SEEN, _write_seen(advance.origin, advance.after)
                    )
                except OSError as error:
                    raise self._break(f"cannot write in {self._directory.path}: {error.strerror}") from error
                self._logs[advance.origin] = msgspec.structs.replace(found, seen=advance.after)
            return mint_advance(advance)

    def _check_usable(self) -> None:
        if self._broken:
            raise EvidenceUnavailable(self._broken)

    def _break(self, reason: str) -> EvidenceUnavailable:
        self._broken = reason
        return EvidenceUnavailable(reason)


# ---- the files --------------------------------------------------------------------------------------------


def _open_folder(folder: Path, *, make: bool = True) -> HeldDirectory:
    if not make and not (folder / _VKEY_FILE).is_file():
        raise ConfigError(f"{folder} holds no witness; `brightline witness init` makes one")
    try:
        return HeldDirectory.create(folder)
    except OSError as error:
        raise ConfigError(f"cannot use {folder}: {error.strerror}") from error


def _read_signer(directory: HeldDirectory) -> Ed25519Cosigner:
    try:
        key = CosignerKey.parse((directory.read(_VKEY_FILE) or b"").decode("utf-8", "replace"))
        signer = Ed25519Cosigner(key.name, load_key(directory.path / _KEY_FILE))
    except NoteError as error:
        raise TrustError(f"{directory.path / _VKEY_FILE} holds no cosigner's key: {error}") from error
    if signer.verifier != key:
        raise TrustError(f"{_KEY_FILE} is not the key of {_VKEY_FILE} in {directory.path}")
    return signer


def _read_all(directory: HeldDirectory) -> dict[str, WatchedLog]:
    logs: dict[str, WatchedLog] = {}
    for file in directory.names():
        name = file.removesuffix(_LOG)
        if name == file or name.startswith("."):
            continue
        place = str(directory.path / file)
        lines = (directory.read(file) or b"").decode("utf-8", "replace").split("\n")
        try:
            keys = tuple(map(VerifierKey.parse, lines[1:-1]))
        except NoteError as error:
            raise EvidenceDamaged(f"a log's key is not readable: {error}", place) from error
        if lines[-1] or not keys or _file_name(lines[0]) != name:
            raise EvidenceDamaged("not the file of a log: an origin and its keys", place)
        seen = directory.read(name + _SEEN)
        if seen is None:
            raise EvidenceDamaged("what was cosigned of this log is missing; it is never taken for nothing", place)
        logs[lines[0]] = WatchedLog(lines[0], keys, _read_seen(seen, lines[0], name + _SEEN))
    return logs


def _write_log(log: WatchedLog) -> bytes:
    return "".join(f"{line}\n" for line in (log.origin, *(key.vkey() for key in log.keys))).encode()


def _write_seen(origin: str, seen: Seen) -> bytes:
    text = Checkpoint(origin, seen.size, seen.root).text().encode()
    return text + hashlib.sha256(text).hexdigest().encode() + b"\n"


def _read_seen(data: bytes, origin: str, place: str) -> Seen:
    try:
        text = data.decode("utf-8", "strict")
        head = Checkpoint.parse(text[:-65])
    except (UnicodeDecodeError, NoteError) as error:
        raise EvidenceDamaged(f"not what was cosigned of a log: {error}", place) from error
    seen = Seen(head.size, head.root)
    if head.origin != origin or data != _write_seen(origin, seen):
        raise EvidenceDamaged("what was cosigned of this log does not have its digest", place)
    return seen


def _file_name(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def _is_origin(origin: str) -> bool:
    return bool(origin) and origin.isprintable() and len(origin) <= 1_024
