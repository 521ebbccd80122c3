# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-policy: which logs are believed, and which witnesses must have cosigned. A file, read strictly.

The file is octets: names are compared as they are, only space and tab separate, only whole lines are comments. Names
and addresses are kept here as text in which each octet that is no UTF-8 is one surrogate, so nothing is lost.

A quorum is a tree: each name is a member of one group at most, so no witness counts twice. Evaluation knows no
negation; one more cosignature never makes a satisfied policy unsatisfied.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection
from typing import Final

import msgspec

from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import CosignedNote, CosignerKey, open_cosigned
from brightline.core.evidence.note import NoteError, VerifierKey

POLICY_BYTES_MAX: Final = 262_144
LOGS_MAX: Final = 64
WITNESSES_MAX: Final = 64  # a note has at most 100 signature lines, the log's own among them
GROUPS_MAX: Final = 64
NONE: Final = "none"
_ALLOWED: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_BLANKS: Final = re.compile(r"[ \t]+")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]{0,2}")


class PolicyFault(enum.StrEnum):
    """What is wrong with a policy file."""

    CONTROL_CHARACTER = "control_character"
    LAST_NEWLINE = "last_newline"
    SYNTAX = "syntax"
    UNKNOWN_KEYWORD = "unknown_keyword"
    LOG_KEY_TYPE = "log_key_type"
    WITNESS_KEY_TYPE = "witness_key_type"
    DUPLICATE_LOG = "duplicate_log"
    DUPLICATE_WITNESS = "duplicate_witness"
    DUPLICATE_NAME = "duplicate_name"
    UNDEFINED_NAME = "undefined_name"
    ALREADY_MEMBER = "already_member"
    NONE_AS_MEMBER = "none_as_member"
    THRESHOLD = "threshold"
    SECOND_QUORUM = "second_quorum"
    NO_QUORUM = "no_quorum"
    TOO_MUCH = "too_much"


class PolicyError(ValueError):
    """A policy file that is not understood; ``line`` counts from 1 and is 0 where the whole file is meant."""

    def __init__(self, fault: PolicyFault, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.fault = fault
        self.line = line


class NoLogSignature(NoteError):
    """A checkpoint that the log whose origin it names did not sign."""


class NoQuorum(NoteError):
    """A checkpoint that too few witnesses have cosigned; the message says which are missing."""


class PolicyLog(msgspec.Struct, frozen=True):
    """A log that is believed; ``url`` may be empty."""

    key: VerifierKey
    url: str


class PolicyWitness(msgspec.Struct, frozen=True):
    """A witness under its name in the policy; ``url`` is its submission prefix, or empty."""

    name: str
    key: CosignerKey
    url: str


class PolicyGroup(msgspec.Struct, frozen=True):
    """A group: it has witnessed what at least ``threshold`` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


class QuorumVerdict(msgspec.Struct, frozen=True):
    """Whether the quorum is satisfied; ``missing`` has one sentence for each group on the way that is not."""

    satisfied: bool
    missing: tuple[str, ...]


class WitnessedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint that satisfies a policy, with the witnesses (names in the policy) and their newest times."""

    checkpoint: Checkpoint
    log: VerifierKey
    times: dict[str, int]


class Policy(msgspec.Struct, frozen=True):
    """A policy. ``groups`` are in the order of their lines: a group's members stand before it."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...]
    groups: tuple[PolicyGroup, ...]
    quorum: str

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file. Raises ``PolicyError`` with the line."""
        if len(data) > POLICY_BYTES_MAX:
            raise PolicyError(PolicyFault.TOO_MUCH, f"a policy has at most {POLICY_BYTES_MAX} bytes")
        allowed = _ALLOWED.match(data)
        if allowed is None or allowed.end() != len(data):
            at = 0 if allowed is None else allowed.end()
            line = data.count(b"\n", 0, at) + 1
            raise PolicyError(PolicyFault.CONTROL_CHARACTER, f"the control character 0x{data[at]:02x}", line)
        if data and not data.endswith(b"\n"):
            line = data.count(b"\n") + 1
            raise PolicyError(PolicyFault.LAST_NEWLINE, "the last line does not end in a line end", line)
        reader = _Reader()
        for number, line_bytes in enumerate(data.split(b"\n"), start=1):
            reader.line(number, line_bytes.decode("utf-8", "surrogateescape"))
        return reader.policy()

    def evaluate(self, cosigned: Collection[str]) -> QuorumVerdict:
        """Whether these witnesses (names in the policy) are enough. Unknown names count for nothing."""
        if self.quorum == NONE:
            return QuorumVerdict(True, ())
        names = set(cosigned)
        witnessed = {witness.name for witness in self.witnesses if witness.name in names}
        for group in self.groups:
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(group.name)
        satisfied = self.quorum in witnessed
        return QuorumVerdict(satisfied, () if satisfied else tuple(self._missing(witnessed)))

    @property
    def quorums_meet(self) -> bool:
        """Whether any two sets of witnesses that satisfy the policy have a witness in common.

        Where they do not, a log can show one tree to one quorum and another to the next. ``quorum none`` never meets.
        """
        # Members are disjoint, so each group is looked at once. Two disjoint sets can both reach the threshold k of n
        # members, of which s can themselves be split, where 2k <= n + s.
        splits = {witness.name: False for witness in self.witnesses}
        for group in self.groups:
            both = sum(splits[member] for member in group.members)
            splits[group.name] = 2 * group.threshold <= len(group.members) + both
        return self.quorum != NONE and not splits[self.quorum]

    def cosigners(self) -> tuple[CosignerKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses)

    def open(self, note: bytes) -> WitnessedCheckpoint:
        """Verify a checkpoint under this policy: signed by one of its logs and cosigned by a quorum.

        Raises ``NoLogSignature``, ``NoQuorum``, or ``NoteError`` for a note that is malformed or has a failing line
        of a known key, beside whatever good ones.
        """
        return self.open_from(note, [log.key for log in self.logs])

    def open_from(self, note: bytes, logs: Collection[VerifierKey]) -> WitnessedCheckpoint:
        """The same for logs that are known from elsewhere. Raises as :meth:`open` does."""
        cosigned = open_cosigned(note, tuple(logs), self.cosigners())
        checkpoint = Checkpoint.parse(cosigned.text)
        for key in cosigned.signed_by:
            if key.name == checkpoint.origin:  # tlog-policy, "Defining a log": the key's name is the origin
                break
        else:
            raise NoLogSignature("the log that this checkpoint names did not sign it")
        times = self.times(cosigned)
        verdict = self.evaluate(times)
        if not verdict.satisfied:
            raise NoQuorum("; ".join(verdict.missing))
        return WitnessedCheckpoint(checkpoint, key, times)

    def times(self, cosigned: CosignedNote) -> dict[str, int]:
        """The newest time (Unix seconds) at which each witness cosigned; a time of 0 says nothing and is left out."""
        names = {witness.key: witness.name for witness in self.witnesses}
        times: dict[str, int] = {}
        for cosignature in cosigned.cosignatures:
            if cosignature.time and (name := names.get(cosignature.key)):
                times[name] = max(cosignature.time, times.get(name, 0))
        return times

    def text(self) -> str:
        """The policy as a file, one line each, in an order that can be read back."""
        lines = [f"log {log.key.vkey()} {log.url}" for log in self.logs]
        lines += [f"witness {witness.name} {witness.key.vkey()} {witness.url}" for witness in self.witnesses]
        lines += [f"group {group.name} {group.threshold} {' '.join(group.members)}" for group in self.groups]
        return "".join(f"{line.rstrip(' ')}\n" for line in [*lines, f"quorum {self.quorum}"])

    def _missing(self, witnessed: Collection[str]) -> list[str]:
        groups = {group.name: group for group in self.groups}
        out: list[str] = []
        open_names = [self.quorum]
        while open_names:
            name = open_names.pop(0)
            group = groups.get(name)
            if group is None:
                out.append(f"witness {name} has not cosigned")
                continue
            lacking = [member for member in group.members if member not in witnessed]
            have = len(group.members) - len(lacking)
            out.append(f"group {name} has {have} of the {group.threshold} it needs; missing: {', '.join(lacking)}")
            open_names += [member for member in lacking if member in groups]
        return out


class _Reader:
    """Reads the lines of one policy in order."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[PolicyWitness] = []
        self._groups: list[PolicyGroup] = []
        self._defined: set[str] = set()
        self._members: set[str] = set()
        self._quorum = ""

    def line(self, number: int, text: str) -> None:
        """Read one line. Raises ``PolicyError``."""
        items = [item for item in _BLANKS.split(text) if item]
        if not items or items[0].startswith("#"):
            return
        match items:
            case ["log", vkey, *url] if len(url) <= 1:
                self._log(number, vkey, "".join(url))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._witness(number, name, vkey, "".join(url))
            case ["group", name, threshold, *members] if members:
                self._group(number, name, threshold, members)
            case ["quorum", name]:
                self._set_quorum(number, name)
            case ["log" | "witness" | "group" | "quorum", *_]:
                raise PolicyError(PolicyFault.SYNTAX, f"a {items[0]} line does not have these items", number)
            case _:
                raise PolicyError(
                    PolicyFault.UNKNOWN_KEYWORD, "a line begins with log, witness, group, quorum or #", number
                )

    def policy(self) -> Policy:
        """What was read. Raises ``PolicyError``."""
        if not self._quorum:
            raise PolicyError(PolicyFault.NO_QUORUM, "a policy has a quorum line; `quorum none` asks for no witness")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _log(self, number: int, vkey: str, url: str) -> None:
        _bound(self._logs, LOGS_MAX, "logs", number)
        try:
            key = VerifierKey.parse(vkey)
        except NoteError as error:
            raise PolicyError(PolicyFault.LOG_KEY_TYPE, f"the key of this log: {error}", number) from error
        if any(log.key.public_key == key.public_key for log in self._logs):
            raise PolicyError(PolicyFault.DUPLICATE_LOG, "another line has the same log key", number)
        self._logs.append(PolicyLog(key, url))

    def _witness(self, number: int, name: str, vkey: str, url: str) -> None:
        _bound(self._witnesses, WITNESSES_MAX, "witnesses", number)
        try:
            key = CosignerKey.parse(vkey)
        except NoteError as error:
            raise PolicyError(PolicyFault.WITNESS_KEY_TYPE, f"the key of this witness: {error}", number) from error
        self._define(number, name)
        if any(witness.key.public_key == key.public_key for witness in self._witnesses):
            raise PolicyError(PolicyFault.DUPLICATE_WITNESS, "another witness has the same public key", number)
        self._witnesses.append(PolicyWitness(name, key, url))

    def _group(self, number: int, name: str, threshold: str, members: list[str]) -> None:
        _bound(self._groups, GROUPS_MAX, "groups", number)
        for member in members:
            if member == NONE:
                raise PolicyError(PolicyFault.NONE_AS_MEMBER, "`none` is no member of a group", number)
            if member not in self._defined:
                raise PolicyError(PolicyFault.UNDEFINED_NAME, f"no line before this one defines {member}", number)
            if member in self._members:
                raise PolicyError(PolicyFault.ALREADY_MEMBER, f"{member} is a member already, here or above", number)
            self._members.add(member)
        self._define(number, name)
        match threshold:
            case "all":
                count = len(members)
            case "any":
                count = 1
            case _ if _THRESHOLD.fullmatch(threshold) and int(threshold) <= len(members):
                count = int(threshold)
            case _:
                raise PolicyError(PolicyFault.THRESHOLD, f"a threshold is all, any or 1 to {len(members)}", number)
        self._groups.append(PolicyGroup(name, count, tuple(members)))

    def _set_quorum(self, number: int, name: str) -> None:
        if self._quorum:
            raise PolicyError(PolicyFault.SECOND_QUORUM, "a policy has one quorum line", number)
        if name != NONE and name not in self._defined:
            raise PolicyError(PolicyFault.UNDEFINED_NAME, f"no line before this one defines {name}", number)
        self._quorum = name

    def _define(self, number: int, name: str) -> None:
        if name == NONE or name in self._defined:
            raise PolicyError(PolicyFault.DUPLICATE_NAME, f"the name {name} is taken", number)
        self._defined.add(name)


def _bound(found: Collection[object], most: int, what: str, number: int) -> None:
    if len(found) >= most:
        raise PolicyError(PolicyFault.TOO_MUCH, f"a policy has at most {most} {what}", number)
