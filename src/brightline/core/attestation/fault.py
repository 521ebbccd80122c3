# SPDX-License-Identifier: Apache-2.0
"""Why evidence is refused, by name: the first fault that was met, in the order in which things are checked."""

from __future__ import annotations

import enum
from typing import NoReturn

from brightline.core.errors import EvidenceRefused


class Fault(enum.StrEnum):
    """What is wrong with a piece of evidence, and what that means."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Fault:
        """A member is its name; what it means stands beside it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    TOO_LARGE = "too-large", "more bytes than this kind ever has"
    MALFORMED = "malformed", "bytes that are not exactly one value of this kind"
    UNSUPPORTED = "unsupported", "an algorithm, version or kind of key that is not on our list"
    WEAK_HASH = "weak-hash", "SHA-1 or MD5 where something rests on it"
    WEAK_KEY = "weak-key", "RSA below 2048 bits, or a curve that is not on our list"
    WRONG_ROOT = "wrong-root", "the chain does not end in a pinned root"
    BAD_CHAIN = "bad-chain", "a certificate that did not sign the one below it, or may not"
    EXPIRED = "expired", "a certificate, list or token whose time is over"
    NOT_YET = "not-yet", "one whose time has not come: the evidence is from the future"
    REVOKED = "revoked", "its issuer took it back"
    BAD_SIGNATURE = "bad-signature", "the signature is not over these bytes"
    INCONSISTENT = "inconsistent", "two of its parts contradict each other"
    LOG_MISMATCH = "log-mismatch", "the event log does not lead to the registers that were signed"
    UNENDORSED = "unendorsed", "nobody whom we know vouches for the key that signed"
    NO_NONCE = "no-nonce", "it carries no nonce, and so may be of any time"
    WRONG_NONCE = "wrong-nonce", "it answers another question"
    WRONG_KEY = "wrong-key", "it binds another key than the one that was asked about"
    STALE = "stale", "older than the policy lets it be"
    WENT_BACK = "went-back", "its counters are behind those seen before"
    DEBUG = "debug", "its memory can be read from outside"
    TCB_UNKNOWN = "tcb-unknown", "the policy asks how old its platform is, and nothing that came with it says so"
    TCB_NO_MATCH = "tcb-no-match", "no level of the vendor's list fits its platform"
    TCB_OUT_OF_DATE = "tcb-out-of-date", "firmware or microcode below what is asked"
    WRONG_MEASUREMENT = "wrong-measurement", "what runs there is not on the list"
    WRONG_PLACE = "wrong-place", "a region, zone or account that is not on the list"
    WRONG_ISSUER = "wrong-issuer", "vouched for by somebody whom the policy does not name"
    WRONG_AUDIENCE = "wrong-audience", "a token that was made for somebody else"
    CONDITION = "condition", "another condition of the policy is not met, which the message names"
    DENIED = "denied", "on the policy's list of what is never accepted"
    NOT_ASKED_FOR = "not-asked-for", "the policy accepts no evidence of this kind"


def refuse(fault: Fault, message: str) -> NoReturn:
    """Raise ``EvidenceRefused`` with this fault."""
    raise EvidenceRefused(fault.value, message)
