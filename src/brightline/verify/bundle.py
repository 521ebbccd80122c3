# SPDX-License-Identifier: Apache-2.0
"""The offline bundle: what is in it, by digest, under one signature. ``brightline bundle verify`` compares.

``manifest.note`` is a signed note (C2SP signed-note). Its text is a line ``brightline-bundle/1``, a line with the
version, and then a line for each file as ``sha256sum`` writes it, in the order of the paths. So a machine without
Brightline can compare the digests with ``sha256sum --check`` and the signature with OpenSSL.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, NoteSigner, VerifierKey, open_note, sign_note
from brightline.terminal import as_json, plain
from brightline.verify.arguments import read_key

MANIFEST: Final = "manifest.note"
FORMAT: Final = "brightline-bundle/1"
FILES_MAX: Final = 5_000
SHOWN_MAX: Final = 20
_VERSION: Final = re.compile(r"[0-9A-Za-z.+-]{1,64}")
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([0-9A-Za-z_.+@-]+(?:/[0-9A-Za-z_.+@-]+)*)")
_CHUNK_BYTES: Final = 1 << 20


class Manifest(msgspec.Struct, frozen=True):
    """What a bundle holds: SHA-256 in hex by path, relative and with slashes."""

    version: str
    files: dict[str, str]


class Compared(msgspec.Struct, frozen=True):
    """A bundle beside its manifest; three lists that are empty if it is as it was signed."""

    version: str
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unnamed: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the bundle is what was signed, and nothing else."""
        return not (self.changed or self.missing or self.unnamed)


def write_manifest(folder: Path, version: str, signer: NoteSigner) -> Manifest:
    """Sign what lies in a folder. Raises ``ConfigError`` for a link, or a name that a manifest does not hold."""
    manifest = Manifest(version, _digests(folder))
    lines = [f"{digest}  {path}" for path, digest in sorted(manifest.files.items())]
    text = "\n".join([FORMAT, version, *lines]) + "\n"
    if read_text(text) != manifest:
        raise ConfigError("a file of the bundle has a name that a manifest cannot hold")
    (folder / MANIFEST).write_bytes(sign_note(text, [signer]))
    return manifest


def read_text(text: str) -> Manifest:
    """Read the text of a manifest. Raises ``ConfigError``."""
    head, version, *lines = [*text.removesuffix("\n").split("\n"), ""][: FILES_MAX + 3]
    found = [_LINE.fullmatch(line) for line in lines[:-1]]
    paths = [match[2] for match in found if match is not None]
    strange = head != FORMAT or not _VERSION.fullmatch(version) or len(paths) != len(found) or lines[-1]
    if (
        strange
        or paths != sorted(set(paths))
        or any(part in {".", ".."} for path in paths for part in path.split("/"))
    ):
        raise ConfigError(f"{MANIFEST} is no manifest of a bundle")
    return Manifest(version, {match[2]: match[1] for match in found if match is not None})


def compare(folder: Path, key: VerifierKey) -> Compared:
    """Hold a folder to its manifest. Raises ``ConfigError`` if that is missing, not signed by the key, or none."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            note = open_note(file.read(NOTE_BYTES_MAX + 1), [key])
    except OSError as error:
        raise ConfigError(f"{folder / MANIFEST} cannot be read: {error.strerror}") from error
    except NoteError as error:
        raise ConfigError(f"{folder / MANIFEST}: {error}") from error
    manifest, there = read_text(note.text), _digests(folder)
    return Compared(
        manifest.version,
        len(manifest.files),
        tuple(sorted(path for path, digest in manifest.files.items() if there.get(path, digest) != digest)),
        tuple(sorted(manifest.files.keys() - there.keys())),
        tuple(sorted(there.keys() - manifest.files.keys())),
    )


def _digests(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for at, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(at) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise ConfigError(f"{path} is neither a file nor a folder; a bundle holds nothing else")
        for name in names:
            relative = (Path(at) / name).relative_to(folder).as_posix()
            if relative != MANIFEST:
                found[relative] = _digest(Path(at) / name)
            if len(found) > FILES_MAX:
                raise ConfigError(f"{folder} holds more than {FILES_MAX:,} files")
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


@click.group()
def bundle() -> None:
    """The offline bundle, from which everything installs without a network."""


@bundle.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", required=True, help="The verifier key of whoever made the bundle, or a file that holds it.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
@click.pass_context
def verify(context: click.Context, folder: Path, key: str, json_wanted: bool) -> None:
    """Compare the bundle in FOLDER with its signed manifest.

    Exit codes: 0 it is what was signed, and nothing else; 1 it is not; 2 the manifest is missing or not signed by KEY.
    """
    found = compare(folder, read_key(key))
    if json_wanted:
        click.echo(as_json({**msgspec.to_builtins(found), "same": found.same}))
    else:
        for what, paths in (("changed", found.changed), ("missing", found.missing), ("not named", found.unnamed)):
            for path in paths[:SHOWN_MAX]:
                click.echo(plain(f"{what}: {path}"))
            if len(paths) > SHOWN_MAX:
                click.echo(f"{what}: {len(paths) - SHOWN_MAX:,} more")
        if found.same:
            click.echo(
                f"Brightline {found.version}: all {found.files:,} files are as they were signed, and no other is there"
            )
    context.exit(0 if found.same else 1)
