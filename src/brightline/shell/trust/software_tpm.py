# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 in software (swtpm), asked over its socket: a key made, registers read, a quote. For development alone.

Four commands of the TPM 2.0 Library specification, Part 3, as bytes: CreatePrimary (24.1), PCR_Read (22.4), Quote
(18.4), FlushContext (28.4). What comes back is read no further than to cut it into the parts of evidence: whether any
of it is so, the verifier says, as of every TPM. A socket's file is the only address: nobody is asked elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.attestation.claims import Kind
from brightline.core.attestation.development import sign_development
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.tpm import read_public
from brightline.core.ports import Clock
from brightline.shell.trust.keys import load_key

SECONDS: Final = 5.0
ANSWER_BYTES_MAX: Final = 4_096
TRIES_MAX: Final = 20
REGISTERS: Final = 8  # of the bank of SHA-256, from 0: what firmware and loader measure
_NO_SESSIONS, _SESSIONS = 0x8001, 0x8002
_CREATE_PRIMARY, _PCR_READ, _QUOTE, _FLUSH = 0x131, 0x17E, 0x158, 0x165
_OWNER: Final = 0x40000001
_RETRY: Final = 0x922  # TPM_RC_RETRY: the same again
_NO_PASSWORD: Final = struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)  # TPM_RS_PW, with an empty one
_SELECTED: Final = struct.pack(">IHB3s", 1, 0x000B, 3, ((1 << REGISTERS) - 1).to_bytes(3, "little"))
# TPMT_PUBLIC (Part 2, 12.2.4): P-256 with ECDSA over SHA-256, restricted, made here and never outside. The same owner
# seed gives the same key each time, so that a policy can name it.
_TEMPLATE: Final = struct.pack(">HHIHHHHHHHH", 0x23, 0x0B, 0x50072, 0, 0x10, 0x18, 0x0B, 0x03, 0x10, 0, 0)


class Answered(msgspec.Struct, frozen=True):
    """What the TPM gave: the key (TPMT_PUBLIC), the registers one behind another, the quote and its signature."""

    key: bytes
    registers: bytes
    quote: bytes
    signature: bytes

    @property
    def evidence(self) -> Evidence:
        """As evidence of kind ``tpm``."""
        parts = {"key": self.key, "registers": self.registers, "signature": self.signature}
        return Evidence(Kind.TPM, self.quote, parts)


class SoftwareTpmAttester:
    """Quotes of a TPM in software, and the development attester's word for where it is, bound to the TPM's key."""

    name: Final = "software TPM (keys in a file)"
    production: Final = False

    def __init__(self, path: Path, key: Path, clock: Clock) -> None:
        """``path`` is the socket's, ``key`` the development attester's. Raises ``TrustError`` if it cannot be read."""
        self._path = path
        self._key = load_key(key)
        self._clock = clock

    async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
        """A quote with this challenge, and the word. Raises ``EvidenceRefused``."""
        answered = await asyncio.to_thread(ask_tpm, self._path, challenge)
        point = read_public(answered.key).point
        word = sign_development(self._key, challenge, self._clock.unix(), point)
        return answered.evidence, Evidence(Kind.DEVELOPMENT, word, {})


def ask_tpm(path: Path, challenge: bytes) -> Answered:
    """Ask the TPM behind this socket for a quote. Blocks for five seconds at most. Raises ``EvidenceRefused``."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tpm:
            tpm.settimeout(SECONDS)
            tpm.connect(str(path))
            return _ask(tpm, challenge)
    except (OSError, struct.error, IndexError) as error:
        refuse(Fault.MALFORMED, f"the software TPM at {path} does not answer as one: {error}")


def _ask(tpm: socket.socket, challenge: bytes) -> Answered:
    parameters = _sized(_sized(b"") + _sized(b"")) + _sized(_TEMPLATE) + _sized(b"") + struct.pack(">I", 0)
    made = _command(tpm, _SESSIONS, _CREATE_PRIMARY, struct.pack(">I", _OWNER) + _NO_PASSWORD + parameters)
    handle, key = made[:4], _sized_at(made, 8)
    try:
        read = _command(tpm, _NO_SESSIONS, _PCR_READ, _SELECTED)
        values = _digests(read[4 + len(_SELECTED) :])
        asked = handle + _NO_PASSWORD + _sized(challenge) + struct.pack(">H", 0x10) + _SELECTED
        quoted = _command(tpm, _SESSIONS, _QUOTE, asked)
    finally:
        _command(tpm, _NO_SESSIONS, _FLUSH, handle)
    (length,) = struct.unpack(">I", quoted[:4])
    inside = quoted[4 : 4 + length]
    quote = _sized_at(inside, 0)
    return Answered(key, values, quote, inside[2 + len(quote) :])


def _command(tpm: socket.socket, tag: int, code: int, body: bytes) -> bytes:
    """What follows the header of an answer (Part 1, 18). Raises ``EvidenceRefused`` for one that is an error."""
    error = _RETRY
    for _ in range(TRIES_MAX):
        tpm.sendall(struct.pack(">HII", tag, 10 + len(body), code) + body)
        _, size, error = struct.unpack(">HII", _exactly(tpm, 10))
        if not 10 <= size <= ANSWER_BYTES_MAX:
            refuse(Fault.MALFORMED, f"the software TPM answers with {size} bytes; at most {ANSWER_BYTES_MAX}")
        answer = _exactly(tpm, size - 10)
        if not error:
            return answer
        if error != _RETRY:
            break
    refuse(Fault.MALFORMED, f"the software TPM refuses command {code:#x} with {error:#x}")


def _exactly(tpm: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = tpm.recv(size - len(data))
        if not more:
            raise OSError("it closed the connection")
        data += more
    return data


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _sized_at(data: bytes, at: int) -> bytes:
    (length,) = struct.unpack(">H", data[at : at + 2])
    return data[at + 2 : at + 2 + length]


def _digests(data: bytes) -> bytes:
    """The digests of TPML_DIGEST, one behind another."""
    (count,) = struct.unpack(">I", data[:4])
    at, found = 4, b""
    for _ in range(min(count, REGISTERS)):
        each = _sized_at(data, at)
        at, found = at + 2 + len(each), found + each
    return found
