# SPDX-License-Identifier: Apache-2.0
"""Sends canaries as any client would: one request each to ``/v1/chat/completions``, with a workload's own key.

Nothing in a request says what it is. Each is sent at a moment of its own, and what came back is written down, durably,
before the next one goes; whoever is interrupted goes on where he stopped, and sends none twice.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.canary import Canary, Sent, Told
from brightline.core.evidence.receipt import Receipt, read_receipt

ROUTE: Final = "/v1/chat/completions"
ANSWER_SECONDS: Final = 120.0
ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_BEGUN: Final = re.compile(rb'\{"id":"([ -!#-\[\]-~]{1,200})","at":"([0-9TZ:.+-]{1,40})",')
RECEIPT_HEADER: Final = "x-brightline-receipt"


class Door(msgspec.Struct, frozen=True):
    """Where canaries go: base URL without ``/v1``, a workload's key, a model, and what the client calls itself."""

    url: str
    key: str
    model: str
    user_agent: str


def send_all(
    canaries: Sequence[Canary],
    door: Door,
    sent_file: Path,
    over_seconds: float,
    told: Callable[[int], None] = lambda _done: None,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Send those that were not sent yet, spread over this time at random; return how many.

    ``told`` hears how many are done; ``wait`` sleeps. Raises ``ConfigError`` for an address that is none, or a file
    that cannot be written.
    """
    _parts(door.url)
    _mend(sent_file)
    before = {one.id for one in read_sent(sent_file)}
    left = [canary for canary in canaries if canary.id not in before]
    chance = random.SystemRandom()
    moments = sorted(chance.uniform(0, over_seconds) for _ in left)
    began = time.monotonic()
    for done, (canary, moment) in enumerate(zip(left, moments, strict=True)):
        told(len(before) + done)
        wait(max(0.0, moment - (time.monotonic() - began)))
        _append(sent_file, send_one(canary, door))
    return len(left)


def send_one(canary: Canary, door: Door) -> Sent:
    """Send one, once, and read what comes back."""
    parts = _parts(door.url)
    body = {"model": door.model, "messages": [{"role": "user", "content": canary.prompt}]}
    headers = {
        "authorization": f"Bearer {door.key}",
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": door.user_agent,
    }
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    connection = _connection(parts)
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}{ROUTE}", json.dumps(body).encode(), headers)
        response = connection.getresponse()
        data = response.read(ANSWER_BYTES_MAX)
        receipt = _receipt(response.getheader(RECEIPT_HEADER, ""))
    except (OSError, http.client.HTTPException):
        return Sent(canary.id, at, Told.NOTHING, 0, "", None)
    finally:
        connection.close()
    code, decided = _code(data)
    return Sent(canary.id, at, _told(response.status, decided), response.status, code, receipt)


def read_sent(path: Path) -> list[Sent]:
    """What was sent so far. Raises ``ConfigError`` for a line that does not read.

    A last line that a crash cut off was sent too: of what came back nothing is known but what still stands there.
    """
    *lines, torn = _bytes_of(path).split(b"\n")
    sent = []
    for number, line in enumerate(lines, 1):
        try:
            sent.append(msgspec.json.decode(line, type=Sent))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}, line {number}: {error}") from error
    return sent + _sent_of(torn)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _sent_of(torn: bytes) -> list[Sent]:
    """The canary of a line that was cut off; none if not even its id and time are there."""
    try:
        return [msgspec.json.decode(torn, type=Sent)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _BEGUN.match(torn)
    return [Sent(found[1].decode(), found[2].decode(), Told.NOTHING, 0, "", None)] if found else []


def _mend(path: Path) -> None:
    """Make a last line that was cut off a whole one, so that the next stands behind it. Raises ``ConfigError``."""
    data = _bytes_of(path)
    whole, torn = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
    if not torn:
        return
    try:
        with path.open("r+b") as file:
            file.truncate(len(whole))
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    for sent in _sent_of(torn):
        _append(path, sent)


def _told(status: int, decided: bool) -> Told:
    if status == 200:
        return Told.ANSWERED
    return Told.REFUSED if decided else Told.UNSERVED


def _code(data: bytes) -> tuple[str, bool]:
    """The code of an error answer, and whether it is a decision."""
    try:
        error: Any = json.loads(data)["error"]
        return str(error["code"])[:100], error["type"] == "policy_error"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", False


def _receipt(header: str) -> Receipt | None:
    try:
        return read_receipt(header) if header else None
    except ValueError:
        return None


def _append(path: Path, sent: Sent) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "ab") as file:
            file.write(msgspec.json.encode(sent) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no address of a gateway: {error}") from error
    if not usable or parts.username or parts.query:
        raise ConfigError(f"{url!r} is no address of a gateway: expected http(s)://host, without /v1")
    return parts


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=ANSWER_SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
