# SPDX-License-Identifier: Apache-2.0
"""Which release is measured, under which agreement: by the names of what is shipped, or by folder."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.classifier.evaluation.bench import Bench
from brightline.core.errors import ConfigError
from brightline.shell.shipped import read_agreement, shipped_agreements, shipped_release


def chosen(agreement: str, release: str, weights: str, without: tuple[str, ...] = ()) -> Bench:
    """A bench with this release. Raises ``ConfigError``, ``ReleaseError``, ``AgreementError`` or ``UsageError``."""
    spoken = read_agreement(_folder(agreement, shipped_agreements(), "agreement.toml"))
    shipped = {path.name: path for path in shipped_release().parent.iterdir()}
    try:
        return Bench(spoken, _folder(release, shipped, "release.toml"), weights, frozenset(without))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _folder(given: str, shipped: dict[str, Path], file: str) -> Path:
    path = shipped.get(given, Path(given))
    if not (path / file).is_file():
        raise ConfigError(f"{given} is no folder with {file}, and not shipped: {', '.join(sorted(shipped))}")
    return path
