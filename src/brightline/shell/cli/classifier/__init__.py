# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier``, as far as it concerns an installation: releases that come into force and go back."""

from __future__ import annotations

import click

from brightline.shell.cli.classifier import approve, history, release, shadow, signing


def add_to(group: click.Group) -> None:
    """Put these commands beside those of the safety researcher's room, which knows no installation."""
    group.add_command(release.release)
    group.add_command(release.rollback)
    group.add_command(approve.approve)
    group.add_command(history.releases)
    group.add_command(signing.key)
    group.add_command(signing.sign)
    group.add_command(shadow.shadow)
    group.add_command(shadow.quarantine)
