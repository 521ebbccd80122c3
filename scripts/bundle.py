# SPDX-License-Identifier: Apache-2.0
"""The offline bundle: everything that an installation without a network needs, under one signature.

    python scripts/bundle.py key NAME FILE        a key to sign bundles with; prints its verifier key
    python scripts/bundle.py make OUT --key FILE  wheels by their hashes, our wheel, source, docs, agreements, SBOM
    python scripts/bundle.py check BUNDLE         install it where there is no network, and try it; --suite: all tests

The same tree gives the same wheel, source archive and SBOM, byte for byte; so whoever does not believe a bundle makes
it anew and compares.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline import __version__
from brightline.core.errors import BrightlineError, ConfigError
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.shell.trust.keys import load_key, make_key
from brightline.verify.bundle import write_manifest

ROOT: Final = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a program
    sys.path.insert(0, str(ROOT))
from scripts.sbom import sbom  # noqa: E402

SBOM: Final = "sbom.cdx.json"
OWN_LOCK: Final = "brightline.lock"
INSIDE: Final = """
set -eu
ip link set lo up
bundle=$1 work=$2 lock=$3
shift 3
sh "$bundle/install.sh" "$work/installed" "$lock"
"$work/installed/bin/brightline" sample "$work/sample"
"$work/installed/bin/brightline" verify "$work/sample/honest/evidence"
if [ "$#" -gt 0 ]; then
    tar -xzf "$bundle"/source/*.tar.gz -C "$work"
    cd "$work"/brightline-*
    "$work/installed/bin/python" -m "$@"
fi
"""


@click.group()
def bundle() -> None:
    """Make and try the offline bundle."""


@bundle.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def key(name: str, file: Path) -> None:
    """Make a key that signs bundles as NAME; print its verifier key."""
    public = make_key(file).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    vkey = VerifierKey.of(name, public).vkey()
    file.with_name(file.name + ".vkey").write_text(vkey + "\n", "ascii")
    click.echo(vkey)


@bundle.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--key", "key_file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--lock", default="all", show_default=True, help="Which lock's files: all, core, guard …; none.")
def make(out: Path, key_file: Path, lock: str) -> None:
    """Make the bundle in OUT, a folder that is not there yet."""
    signer = NoteSigner(
        VerifierKey.parse(key_file.with_name(key_file.name + ".vkey").read_text("ascii")).name, load_key(key_file)
    )
    out.mkdir(parents=True)
    wheels = out / "wheels"
    wheels.mkdir()
    if lock != "none":
        _download(ROOT / "requirements" / f"{lock}.lock", wheels)
    others = sorted(wheels.iterdir())
    own = build("wheel", wheels)
    build("sdist", out / "source")
    _write(out / OWN_LOCK, f"brightline=={__version__} --hash=sha256:{hashlib.sha256(own.read_bytes()).hexdigest()}\n")
    bill = sbom(own, others, _names(ROOT / "requirements" / "core.lock"))
    _write(out / SBOM, json.dumps(bill, indent=1, sort_keys=True) + "\n")
    for source, target in (
        ("docs", "docs"),
        ("deploy", "deploy"),
        ("src/brightline/agreements", "agreements"),
    ):
        shutil.copytree(ROOT / source, out / target, ignore=shutil.ignore_patterns("__pycache__"))
    (out / "requirements").mkdir()
    for file in sorted((ROOT / "requirements").glob("*.lock")):
        shutil.copy(file, out / "requirements" / file.name)
    for name in ("LICENSE", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, out / name)
    shutil.move(out / "deploy" / "install.sh", out / "install.sh")
    manifest = write_manifest(out, __version__, signer)
    size = sum((out / path).stat().st_size for path in manifest.files)
    click.echo(f"{out}: {len(manifest.files):,} files, {size / 1e6:,.0f} MB, signed by {signer.verifier.vkey()}")


@bundle.command(context_settings={"ignore_unknown_options": True})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--lock", default="all", show_default=True, help="Which lock to install; none: what is there already.")
@click.option("--suite", is_flag=True, help="Run the tests from the source archive with what was installed.")
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)
def check(folder: Path, lock: str, suite: bool, pytest_args: tuple[str, ...]) -> None:
    """Install the bundle in a namespace without any network, and verify sample evidence with it."""
    with tempfile.TemporaryDirectory(prefix="brightline-bundle-") as work:
        tried = ["pytest", "-q", *pytest_args] if suite else []
        done = offline(["sh", "-c", INSIDE, "inside", str(folder.resolve()), work, lock, *tried])
    click.echo("installed and tried without a network" if done == 0 else f"failed with exit code {done}")
    sys.exit(done)


def offline(command: list[str]) -> int:
    """Run a command where there is no network but, once it is brought up, the loopback; return its exit code."""
    flags = "-n" if os.geteuid() == 0 else "-rn"
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(["unshare", flags, *command], env=environment, check=False).returncode  # noqa: S603, S607


def build(target: str, out: Path, root: Path = ROOT) -> Path:
    """Build ``wheel`` or ``sdist`` of a tree; the same tree gives the same bytes, whenever and by whomever."""
    out.mkdir(exist_ok=True)
    before = set(out.iterdir())
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out.resolve())]
    subprocess.run(command, cwd=root, check=True, capture_output=True)  # noqa: S603
    (made,) = set(out.iterdir()) - before
    return made


def _download(lock: Path, wheels: Path) -> None:
    """Fetch what a lock names, from wherever pip is set up to look; each file must have a hash of the lock."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--dest", str(wheels), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ConfigError(f"the files of {lock.name} could not be fetched: {done.stderr[-2_000:]}")


def _names(lock: Path) -> list[str]:
    return re.findall(r"^([A-Za-z0-9_.-]+)==", lock.read_text("utf-8"), re.MULTILINE)


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    try:
        bundle()
    except BrightlineError as error:
        click.echo(f"bundle: {error}", err=True)
        sys.exit(2)
