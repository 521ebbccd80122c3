# SPDX-License-Identifier: Apache-2.0
"""A moment as an option gives it."""

from __future__ import annotations

from datetime import datetime

import click

from brightline.shell.clock import SystemClock


def time_of(given: str | None) -> float:
    """Unix seconds: now, a number, or RFC 3339. Raises ``click.BadParameter``."""
    if given is None:
        return SystemClock().unix()
    try:
        if given.isdecimal():
            return float(given)
        read = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(f"{given!r} is no time: RFC 3339 or Unix seconds") from None
    if read.tzinfo is None:
        raise click.BadParameter(f"{given!r} names no time zone; end it with Z or an offset")
    return read.timestamp()
