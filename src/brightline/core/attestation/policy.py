# SPDX-License-Identifier: Apache-2.0
"""Which evidence is good enough, as data that people sign: who vouches, what may run, where, how fresh, how old.

A policy lists what it accepts; nothing else is accepted. What it leaves out is never "any" where something rests on
it: an entry that states where a machine runs names regions, one that states that the stack is on names measurements,
and every entry names who vouches. Debugging is off in all of them, and there is no word to say otherwise. Conditions
have safe defaults (``CONDITIONS``); an entry that wants another value has to write it down.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.attestation.claims import Kind
from brightline.core.canonical import digest
from brightline.core.errors import ConfigError
from brightline.core.toml import TomlError, read_toml

POLICY_BYTES_MAX: Final = 262_144
SURFACE: Final = "surface"
STACK_ON: Final = "stack_on"

# What must be measured, at the least, before "the stack is on" may be stated of a kind; None: it measures nothing.
MEASURED: Final[Mapping[Kind, tuple[str, ...] | None]] = {
    Kind.NITRO: ("pcr0",),
    Kind.NITRO_TPM: ("pcr4", "pcr7"),
    Kind.TPM: (),
    Kind.SNP: ("measurement",),
    Kind.TDX: ("mrtd", "rtmr1", "rtmr2"),
    Kind.SPACE: ("image_digest",),
    Kind.GCE: None,
    Kind.EC2: None,
    Kind.DEVELOPMENT: ("program",),
}
CONDITIONS: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    Kind.NITRO: {},
    Kind.NITRO_TPM: {},
    Kind.TPM: {"clock_safe": ("yes",), "key_restricted": ("yes",)},
    Kind.SNP: {"vmpl": ("0",), "migration": ("no",)},
    Kind.TDX: {"sept_ve_disable": ("yes",), "service_td": ("no", "unknown")},
    Kind.SPACE: {"override": ("no",), "stable": ("yes",), "secure_boot": ("yes",)},
    Kind.GCE: {},
    Kind.EC2: {},
    Kind.DEVELOPMENT: {},
}
# Kinds whose vendor rates platforms: an entry for one of them says how old a platform may be.
RATED: Final = frozenset({Kind.SNP, Kind.TDX})
PLACELESS: Final = frozenset({Kind.TDX})
BARE: Final = frozenset({Kind.TPM, Kind.DEVELOPMENT})  # signed by a key that may be enrolled by itself
NOT_FOR_PRODUCTION: Final = frozenset({Kind.DEVELOPMENT})

_Text = Annotated[str, Meta(min_length=1, max_length=512)]
_Texts = Annotated[tuple[_Text, ...], Meta(min_length=1, max_length=256)]
_Issuer = Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64}|jwk:[A-Za-z0-9_-]{43})$")]
_Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class TcbFloor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How old a platform may be. ``least`` are security versions by name, ``status`` the vendor's words."""

    least: dict[str, Annotated[int, Meta(ge=0, le=65_535)]] = {}
    status: tuple[_Text, ...] = ()
    evaluation_min: Annotated[int, Meta(ge=0)] = 0
    advisories_accepted: tuple[_Text, ...] = ()


class Accept(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One kind of evidence that is accepted, and what it may state. Lists that are empty ask for nothing."""

    name: _Text
    kind: Kind
    states: Annotated[tuple[_Text, ...], Meta(min_length=1, max_length=2)]
    issuers: tuple[_Issuer, ...] = ()
    signers: tuple[_Digest, ...] = ()
    bound_by: tuple[Kind, ...] = ()
    measurements: dict[str, _Texts] = {}
    conditions: dict[str, _Texts] = {}
    regions: tuple[_Text, ...] = ()
    zones: tuple[_Text, ...] = ()
    accounts: tuple[_Text, ...] = ()
    products: tuple[_Text, ...] = ()
    audiences: tuple[_Text, ...] = ()
    tcb: TcbFloor | None = None

    @property
    def demanded(self) -> dict[str, tuple[str, ...]]:
        """Every condition that holds for this entry: the safe defaults, and what it says itself."""
        return {**CONDITIONS[self.kind], **self.conditions}


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """What is accepted, for how long evidence is fresh, and what never is: ``deny`` holds instances and signers."""

    version: Annotated[int, Meta(ge=1, le=1)]
    age_seconds_max: Annotated[int, Meta(ge=1, le=3_600)]
    accept: Annotated[tuple[Accept, ...], Meta(min_length=1, max_length=64)]
    deny: Annotated[tuple[_Text, ...], Meta(max_length=4_096)] = ()

    @property
    def for_production(self) -> bool:
        """Whether nothing in it rests on what attests nothing."""
        return not any(entry.kind in NOT_FOR_PRODUCTION for entry in self.accept)

    @cached_property
    def digest(self) -> str:
        """``sha256:<hex>`` over its canonical form: the same however it was written. Each exchange asks for it."""
        return digest(msgspec.to_builtins(self, str_keys=True))


def read_policy(text: bytes, where: str) -> Policy:
    """A policy in TOML. Raises ``ConfigError`` for what is not understood, and for what would ask for too little."""
    try:
        policy = read_toml(text, Policy, POLICY_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{where} is no attestation policy: {error}") from error
    check_policy(policy, where)
    return policy


def check_policy(policy: Policy, where: str) -> None:
    """Refuse a policy that would ask for too little, however it arrived. Raises ``ConfigError``."""
    if len({entry.name for entry in policy.accept}) != len(policy.accept):
        raise ConfigError(f"{where} has two entries of one name")
    for entry in policy.accept:
        for wrong in _too_little(entry):
            raise ConfigError(f"{where}: entry {entry.name!r} {wrong}")


def _too_little(entry: Accept) -> list[str]:
    """What an entry leaves out, or says and cannot mean."""
    wrong = []
    if not set(entry.states) <= {SURFACE, STACK_ON} or len(set(entry.states)) != len(entry.states):
        wrong.append(f"states something else than {SURFACE} and {STACK_ON}, each once")
    if not (entry.issuers or entry.signers or entry.bound_by):
        wrong.append("names nobody who vouches: issuers, signers or bound_by")
    if (entry.signers and entry.kind not in BARE) or (entry.bound_by and entry.kind is not Kind.TPM):
        wrong.append("names signers or bound_by, which are for quotes of a TPM alone")
    if STACK_ON in entry.states:
        wrong += _unmeasured(entry)
    if SURFACE in entry.states and not entry.regions:
        wrong.append(f"states {SURFACE} and names no regions")
    if SURFACE in entry.states and entry.kind in PLACELESS:
        wrong.append(f"states {SURFACE}, of which evidence of kind {entry.kind} says nothing")
    if entry.kind in (Kind.SPACE, Kind.GCE) and not entry.audiences:
        wrong.append("names no audiences: a token for somebody else could be shown here")
    if entry.kind in RATED and entry.tcb is None:
        wrong.append("does not say how old a platform may be: tcb")
    if entry.kind is Kind.TDX and entry.tcb is not None and not entry.tcb.status:
        wrong.append("names no status of Intel's lists that is good enough")
    if entry.kind is Kind.SNP and not entry.products:
        wrong.append("names no products: a generation whose keys have leaked would pass")
    if entry.kind is Kind.SNP and entry.tcb is not None and not entry.tcb.least:
        wrong.append("names no least security versions")
    return wrong


def _unmeasured(entry: Accept) -> list[str]:
    needed = MEASURED[entry.kind]
    if needed is None:
        return [f"states {STACK_ON}, which evidence of kind {entry.kind} does not measure"]
    missing = [name for name in needed if name not in entry.measurements]
    if missing or not entry.measurements:
        return [f"states {STACK_ON} and leaves out measurements: {', '.join(missing) or 'all of them'}"]
    return []
