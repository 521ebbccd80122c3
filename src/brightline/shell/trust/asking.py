# SPDX-License-Identifier: Apache-2.0
"""Who asks this machine what it is: a command of the platform's, or in development a key in a file.

A command is given the challenge and prints evidence. It is a program of the operator's own, started with no shell and
none of our environment but what finds it; what it prints is as untrusted as whatever a stranger sends.

A guard and a key agent ask as a gateway does, and have none of its settings: which attester it is, is said elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.attestation.appraise import PIECES_MAX
from brightline.core.attestation.claims import Kind
from brightline.core.attestation.development import sign_development
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.ports import Clock
from brightline.shell.trust.keys import load_key

ATTESTER_KEY: Final = "attester"  # of the development attester
PRINTED_BYTES_MAX: Final = 1_048_576
COMMAND_SECONDS: Final = 10.0
_NOTHING_BUT_PATH: Final = {"PATH": os.defpath}


class DevelopmentAttester:
    """Signs whatever it is asked, with a key that lies in a file. It attests nothing, and says so."""

    name: Final = "development attester (attests nothing)"
    production: Final = False

    def __init__(self, key: Path, clock: Clock) -> None:
        """Raises ``TrustError`` if the key cannot be read."""
        self._key = load_key(key)
        self._clock = clock

    async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
        """A statement for this challenge."""
        return (Evidence(Kind.DEVELOPMENT, sign_development(self._key, challenge, self._clock.unix()), {}),)


class _Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    main: str
    parts: dict[str, str] = {}


class _Printed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    evidence: Annotated[tuple[_Piece, ...], Meta(min_length=1, max_length=PIECES_MAX)]


class CommandAttester:
    """Starts ``PROGRAM CHALLENGE`` and reads ``{"evidence": [{"kind", "main", "parts"}]}`` with bytes in base64.

    It has ten seconds and a mebibyte; one that takes longer or prints more is killed, and was no evidence.
    """

    production: Final = True

    def __init__(
        self, program: str, seconds: float = COMMAND_SECONDS, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = f"command {Path(program).name}"
        self._environment = dict(environment or _NOTHING_BUT_PATH)
        self._program = program
        self._seconds = seconds

    async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
        """What the command prints. Raises ``EvidenceRefused``."""
        return read_printed(await asyncio.to_thread(self._run, challenge.decode("ascii")))

    def _run(self, challenge: str) -> bytes:
        """Run it to its end, or to ours: then it is killed with whatever it has started."""
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator names it, and there is no shell
                [self._program, challenge],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            refuse(Fault.MALFORMED, f"{self._program} cannot be started: {error.strerror}")
        with process:
            try:
                ends = time.monotonic() + self._seconds
                printed = self._read(process, ends)
                code = process.wait(max(0.0, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                refuse(Fault.STALE, f"{self._program} gave no evidence within {self._seconds:g} seconds")
            finally:
                if process.returncode is None:  # it was not waited for, so the number is still its group's
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
        if code != 0:
            refuse(Fault.MALFORMED, f"{self._program} ended with exit code {code}")
        return printed

    def _read(self, process: subprocess.Popen[bytes], ends: float) -> bytes:
        """All that it prints. Raises ``TimeoutExpired``, also where something that it started keeps the pipe open."""
        printed = bytearray()
        if process.stdout is None:
            return b""
        while True:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, ends - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(self._program, self._seconds)
            data = os.read(process.stdout.fileno(), 65_536)
            if not data:
                return bytes(printed)
            printed += data
            if len(printed) > PRINTED_BYTES_MAX:
                refuse(Fault.TOO_LARGE, f"{self._program} printed more than {PRINTED_BYTES_MAX} bytes")


def read_printed(printed: bytes) -> tuple[Evidence, ...]:
    """What a command printed, as evidence of which nothing is believed yet. Raises ``EvidenceRefused``."""
    try:
        said = msgspec.json.decode(printed, type=_Printed, strict=True)
        return tuple(
            Evidence(each.kind, _bytes(each.main), {name: _bytes(part) for name, part in each.parts.items()})
            for each in said.evidence
        )
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        refuse(Fault.MALFORMED, f"what was printed is no evidence: {str(error)[:200]}")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("bytes are written in base64") from error
