# SPDX-License-Identifier: Apache-2.0
"""A machine's log of its own boot (TCG PC Client Platform Firmware Profile, 10), replayed to the registers it gives.

The log is nobody's word until the registers that it leads to are those that were signed; so it is read, replayed and
compared first, and only then is anything taken from it. SHA-1-only logs (10.2.1) are refused: nothing holds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.attestation.cursor import Cursor
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.tpm import BANKS, PCRS

LOG_BYTES_MAX: Final = 262_144
EVENTS_MAX: Final = 2_048
EVENT_BYTES_MAX: Final = 131_072
EV_NO_ACTION: Final = 0x00000003
EV_SEPARATOR: Final = 0x00000004
EV_EFI_VARIABLE_DRIVER_CONFIG: Final = 0x80000001
SPEC_ID: Final = b"Spec ID Event03\0"
STARTUP_LOCALITY: Final = b"StartupLocality\0"
# EFI_GLOBAL_VARIABLE as it stands in memory (UEFI 2.10, 3.3).
_EFI_GLOBAL: Final = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")
_SIZES: Final = {0x0004: 20, 0x000B: 32, 0x000C: 48, 0x000D: 64, 0x0012: 32}
_WHAT: Final = "the event log"


class Event(msgspec.Struct, frozen=True):
    """TCG_PCR_EVENT2 (10.2.2): ``digests`` by bank, only of banks that we know."""

    register: int
    kind: int
    digests: dict[str, bytes]
    data: bytes


class EventLog(msgspec.Struct, frozen=True):
    """What happened in the order in which it was measured, and the locality of the first (0 where nothing says)."""

    events: tuple[Event, ...]
    banks: frozenset[str]
    locality: int

    @property
    def registers(self) -> frozenset[int]:
        """The registers that something was measured into."""
        return frozenset(event.register for event in self.events if event.kind != EV_NO_ACTION)

    def replay(self, bank: str) -> dict[int, bytes]:
        """Every register after this log, from its value at reset (zeros; PCR 0 ends in the startup locality)."""
        size = hashlib.new(bank).digest_size
        values = dict.fromkeys(range(PCRS), bytes(size))
        values[0] = bytes(size - 1) + bytes([self.locality])
        for event in self.events:
            if event.kind != EV_NO_ACTION:
                values[event.register] = hashlib.new(bank, values[event.register] + event.digests[bank]).digest()
        return values


def read_log(data: bytes) -> EventLog:
    """A crypto-agile log. Padding of zeros or 0xFF may follow, as firmware leaves it. Raises ``EvidenceRefused``."""
    if len(data) > LOG_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(data)} bytes; at most {LOG_BYTES_MAX}")
    cursor = Cursor(data, _WHAT, "little")
    algorithms = _header(cursor)
    events: list[Event] = []
    locality = 0
    while cursor.left and not _is_padding(data[cursor.place :]):
        if len(events) == EVENTS_MAX:
            refuse(Fault.TOO_LARGE, f"{_WHAT} has more than {EVENTS_MAX} events")
        event = _event(cursor, algorithms)
        if event.kind == EV_NO_ACTION and event.data.startswith(STARTUP_LOCALITY):
            if len(event.data) != len(STARTUP_LOCALITY) + 1 or event.data[-1] not in (0, 3, 4) or locality:
                refuse(Fault.MALFORMED, f"{_WHAT} has an odd startup locality, or two")
            locality = event.data[-1]
        events.append(event)
    banks = frozenset(BANKS[number] for number in algorithms if number in BANKS)
    if not banks:
        refuse(Fault.WEAK_HASH, f"{_WHAT} has digests of SHA-1 alone")
    return EventLog(tuple(events), banks, locality)


def _is_padding(rest: bytes) -> bool:
    return rest == bytes(len(rest)) or rest == b"\xff" * len(rest)


def _header(cursor: Cursor) -> dict[int, int]:
    """TCG_EfiSpecIdEvent in an event of the old form (10.4.5.1): which hashes each event carries, and their sizes."""
    register, kind, digest = cursor.number(4), cursor.number(4), cursor.take(20)
    data = cursor.sized(4, EVENT_BYTES_MAX)
    if not data.startswith(SPEC_ID):
        refuse(Fault.WEAK_HASH, f"{_WHAT} is of the old form, with digests of SHA-1 alone")
    # A guest's log numbers its registers from 1, and has its head there; it extends nothing.
    if register > 1 or kind != EV_NO_ACTION or digest != bytes(20):
        refuse(Fault.MALFORMED, f"{_WHAT} does not begin with its specification")
    inner = Cursor(data[len(SPEC_ID) :], _WHAT, "little")
    inner.take(4)  # the platform's class
    inner.take(4)  # minor, major, errata, width of numbers
    count = inner.number(4)
    if not 1 <= count <= len(_SIZES):
        refuse(Fault.MALFORMED, f"{_WHAT} names {count} hashes")
    algorithms = {}
    for _ in range(count):
        number, size = inner.number(2), inner.number(2)
        if _SIZES.get(number) != size or number in algorithms:
            refuse(Fault.UNSUPPORTED, f"{_WHAT} names a hash {number:#06x} of {size} bytes that we do not know")
        algorithms[number] = size
    inner.sized(1, 255)
    inner.end()
    return algorithms


def _event(cursor: Cursor, algorithms: dict[int, int]) -> Event:
    register, kind, count = cursor.number(4), cursor.number(4), cursor.number(4)
    if register >= PCRS and not (kind == EV_NO_ACTION and register == 0xFFFFFFFF):
        refuse(Fault.MALFORMED, f"{_WHAT} measures into a register {register}")
    if count != len(algorithms):
        refuse(Fault.MALFORMED, f"{_WHAT} has an event with {count} digests; its head says {len(algorithms)}")
    digests: dict[int, bytes] = {}
    for _ in range(count):
        number = cursor.number(2)
        if number not in algorithms or number in digests:
            refuse(Fault.MALFORMED, f"{_WHAT} has an event with a digest that its head does not name")
        digests[number] = cursor.take(algorithms[number])
    data = cursor.sized(4, EVENT_BYTES_MAX)
    return Event(register, kind, {BANKS[each]: value for each, value in digests.items() if each in BANKS}, data)


def check_replay(log: EventLog, registers: dict[tuple[str, int], bytes]) -> None:
    """Each signed register into which the log measures, and each of the firmware's (0 to 7), is what the log leads to.

    Registers from 8 on that the log does not know are the running system's. Raises ``EvidenceRefused``.
    """
    compared = False
    for bank in sorted({bank for bank, _ in registers}):
        if bank not in log.banks:
            refuse(Fault.LOG_MISMATCH, f"{_WHAT} has no digests of {bank}, in which the registers were signed")
        replayed = log.replay(bank)
        for (of, index), value in registers.items():
            if of != bank or (index >= 8 and index not in log.registers):
                continue
            if value != replayed[index]:
                refuse(Fault.LOG_MISMATCH, f"{_WHAT} leads to another value of register {index} than was signed")
            compared = True
    if not compared:
        refuse(Fault.LOG_MISMATCH, f"{_WHAT} has no register in common with the quote")


def check_runtime(log: EventLog, registers: Mapping[int, bytes]) -> None:
    """A confidential guest's log (CCEL: UEFI 2.10, 38) leads to exactly these registers, by the log's own numbers.

    Raises ``EvidenceRefused``.
    """
    if "sha384" not in log.banks:
        refuse(Fault.LOG_MISMATCH, f"{_WHAT} has no digests of sha384, in which a guest's registers are kept")
    replayed = log.replay("sha384")
    for index, value in registers.items():
        if value != replayed[index]:
            refuse(Fault.LOG_MISMATCH, f"{_WHAT} leads to another value of register {index} than was signed")


def secure_boot(log: EventLog, register: int = 7) -> str:
    """``yes`` or ``no`` as the firmware measured its SecureBoot variable into this register, else ``unknown``.

    Only a log that was replayed says anything. The digest is recomputed: the data of an event is not what was
    measured unless it hashes to it. Two such events that differ are ``unknown``.
    """
    said = set()
    for event in log.events:
        if event.register == register and event.kind == EV_EFI_VARIABLE_DRIVER_CONFIG and _is_secure_boot(event.data):
            hashed = all(hashlib.new(bank, event.data).digest() == digest for bank, digest in event.digests.items())
            said.add(event.data[-1] if hashed else -1)
    return {1: "yes", 0: "no"}.get(said.pop(), "unknown") if len(said) == 1 else "unknown"


def _is_secure_boot(data: bytes) -> bool:
    """UEFI_VARIABLE_DATA (10.4.3) of the global SecureBoot, with one byte in it."""
    name = "SecureBoot".encode("utf-16-le")
    expected = _EFI_GLOBAL + len("SecureBoot").to_bytes(8, "little") + (1).to_bytes(8, "little") + name
    return data.startswith(expected) and len(data) == len(expected) + 1
