# SPDX-License-Identifier: Apache-2.0
"""Which release is measured, under which agreement: by the names of what is shipped, or by folder."""

from __future__ import annotations

import click

from brightline.classifier.evaluation.bench import Bench
from brightline.folders import named_folder, shipped_releases
from brightline.shell.shipped import read_agreement, shipped_agreements


def chosen(agreement: str, release: str, weights: str, without: tuple[str, ...] = ()) -> Bench:
    """A bench with this release. Raises ``ConfigError``, ``ReleaseError``, ``AgreementError`` or ``UsageError``."""
    spoken = read_agreement(named_folder(agreement, shipped_agreements(), "agreement.toml"))
    try:
        return Bench(spoken, named_folder(release, shipped_releases(), "release.toml"), weights, frozenset(without))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
