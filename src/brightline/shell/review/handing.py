# SPDX-License-Identifier: Apache-2.0
"""Answers that somebody gave in a terminal, handed to the console to be signed there by passkey.

A file under a random name that its owner alone may read, for as long as the terminal waits. It is no statement, and
nobody believes it: the console makes the decision of it anew, shows it whole, and has it signed, as of any form.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.review.decision import DECISION_BYTES_MAX, Answer
from brightline.files import read_within, write_private
from brightline.shell.state import StateFolder

HANDED_FORMAT: Final = "brightline-handed/1"
HANDED_SECONDS: Final = 900
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Handed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says to a case (its digest), until when it waits (Unix seconds)."""

    format: str
    person: str
    hold: str
    case: str
    answers: tuple[Answer, ...]
    until: int


@contextlib.contextmanager
def handed_over(folder: StateFolder, handed: Handed) -> Iterator[str]:
    """Keep it for the console, under the name that is yielded, until the block ends. Raises ``ConfigError``."""
    folder.handed.mkdir(mode=0o700, exist_ok=True)
    name = secrets.token_urlsafe(24)
    path = folder.handed / name
    write_private(path, msgspec.json.encode(handed))
    try:
        yield name
    finally:
        path.unlink(missing_ok=True)


def read_handed(folder: StateFolder, name: str, person: str, now: int) -> Handed:
    """What was handed over under a name, for the person whose it is.

    Raises ``TrustError`` if it is not there any more, or is another person's; ``ConfigError`` if it cannot be read.
    """
    path = folder.handed / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise TrustError("the terminal does not wait for this any more")
    try:
        handed = msgspec.json.decode(read_within(path, DECISION_BYTES_MAX), type=Handed, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError("what the terminal handed over does not read") from error
    if handed.format != HANDED_FORMAT or handed.person != person or handed.until <= now:
        raise TrustError("this is for somebody else to sign, or the terminal does not wait any more")
    return handed
