# SPDX-License-Identifier: Apache-2.0
"""What verified evidence says, whatever its kind: one shape, and the same as an EAT claims set (RFC 9711).

Claims are facts about a signature: *this key said so, and that root vouches for the key*. Whether it is enough is for
the policy. What a kind of evidence cannot say is empty here, and empty never means fine.
"""

from __future__ import annotations

import enum
from base64 import urlsafe_b64encode
from typing import Final

import msgspec

EAT_PROFILE: Final = "tag:brightline,2026:attestation-claims-v1"


class Kind(enum.StrEnum):
    """The kinds of evidence that can be verified; each value is what ``--kind`` takes."""

    NITRO = "nitro"  # AWS Nitro Enclaves attestation document
    NITRO_TPM = "nitrotpm"  # AWS NitroTPM attestation document
    TPM = "tpm"  # TPM 2.0 quote, with its event log where there is one
    SNP = "snp"  # AMD SEV-SNP attestation report
    TDX = "tdx"  # Intel TDX quote
    SPACE = "gcp-space"  # Google Confidential Space token
    GCE = "gce-identity"  # Google Compute Engine instance identity token
    EC2 = "ec2-identity"  # AWS EC2 instance identity document
    DEVELOPMENT = "development"  # the word of a key in a file, which attests nothing


class Debug(enum.IntEnum):
    """``dbgstat`` (RFC 9711, 4.2.9), worst first. ``UNSAID`` is ours: the kind has no such state to tell."""

    UNSAID = -1
    ENABLED = 0
    DISABLED = 1
    DISABLED_SINCE_BOOT = 2
    DISABLED_PERMANENTLY = 3
    DISABLED_FULLY_AND_PERMANENTLY = 4

    @property
    def eat(self) -> str:
        """As RFC 9711 spells it in JSON; ``unsaid`` where nothing is said."""
        return self.name.lower().replace("_", "-")


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the operator of a cloud says that it runs. ``account`` is a project or an account; empty: not said."""

    provider: str
    region: str
    zone: str = ""
    account: str = ""


class Counters(msgspec.Struct, frozen=True, order=True):
    """A TPM's counters (Part 1, 36): resets and restarts of it, and milliseconds since it was last cleared."""

    resets: int
    restarts: int
    clock: int

    def behind(self, before: Counters) -> str:
        """Why these are not later than ``before``, in words; nothing if they are.

        Resets and restarts never fall; within one of them the clock goes on.
        """
        if (self.resets, self.restarts) < (before.resets, before.restarts):
            return "the TPM's counters are behind those of its last evidence"
        if (self.resets, self.restarts) == (before.resets, before.restarts) and self.clock <= before.clock:
            return "the TPM's clock is not after that of its last evidence"
        return ""


class Tcb(msgspec.Struct, frozen=True):
    """How old the platform is. ``parts`` are security version numbers by name, each the least of all that it says.

    ``status`` is the vendor's word for it, where a signed list came with the evidence (TDX), else empty;
    ``evaluation`` is that list's number and ``advisories`` what it warns of.
    """

    parts: tuple[tuple[str, int], ...]
    status: str = ""
    evaluation: int = 0
    advisories: tuple[str, ...] = ()


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified. Times are Unix seconds.

    ``issuer`` is who vouches for the signing key: ``sha256:`` of a pinned root, ``jwk:`` of a key of a given set, or
    empty if nobody did. ``made`` is when the evidence says that it was made, None where it does not; ``until`` is when
    the first thing that it rests on ends, None where nothing does. ``nonces`` are what it carries as such; ``key``
    is a key that it binds, ``data`` what else its maker put in. ``signer`` identifies the key that signed (a TPM's
    attestation key) in such a way that another piece of evidence may bind it. ``instance`` names the machine.
    """

    kind: Kind
    issuer: str
    made: int | None = None
    until: int | None = None
    nonces: tuple[bytes, ...] = ()
    key: bytes = b""
    data: bytes = b""
    signer: bytes = b""
    debug: Debug = Debug.UNSAID
    measurements: tuple[tuple[str, str], ...] = ()
    product: str = ""
    tcb: Tcb | None = None
    place: Place | None = None
    instance: str = ""
    counters: Counters | None = None
    conditions: tuple[tuple[str, str], ...] = ()
    audience: str = ""

    @property
    def measured(self) -> dict[str, str]:
        """The measurements by name, in hex."""
        return dict(self.measurements)

    def eat(self) -> dict[str, object]:
        """As an EAT claims set in JSON; what RFC 9711 has no claim for stands under ``brightline``."""
        own: dict[str, object] = {
            "kind": self.kind.value,
            "issuer": self.issuer,
            "measurements": self.measured,
            "conditions": dict(self.conditions),
        }
        claims: dict[str, object] = {"eat_profile": EAT_PROFILE, "brightline": own}
        if self.made is not None:
            claims["iat"] = self.made
        if self.until is not None:
            claims["exp"] = self.until
        if self.nonces:
            told = [_told(nonce) for nonce in self.nonces]
            claims["eat_nonce"] = told[0] if len(told) == 1 else told
        if self.debug is not Debug.UNSAID:
            claims["dbgstat"] = self.debug.eat
        if self.product:
            claims["hwmodel"] = _told(self.product.encode())
        if self.counters is not None:
            claims["bootcount"] = self.counters.resets
            own["counters"] = msgspec.to_builtins(self.counters)
        for name, data in (("key", self.key), ("data", self.data), ("signer", self.signer)):
            if data:
                own[name] = data.hex()
        for name, value in (("tcb", self.tcb), ("place", self.place)):
            if value is not None:
                own[name] = msgspec.to_builtins(value)
        for name, text in (("product", self.product), ("instance", self.instance), ("audience", self.audience)):
            if text:
                own[name] = text
        return claims


def _told(data: bytes) -> str:
    """Bytes in JSON, as EAT has them: base64url without padding (RFC 9711, 7.2.2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
