# SPDX-License-Identifier: Apache-2.0
"""A policy for each sample that accepts exactly it, as a person would write it; tests exchange something in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.policy import MEASURED, SURFACE, Policy, read_policy

Entry = dict[str, Any]


def policy(*entries: Mapping[str, Any], **more: Any) -> Policy:
    """A policy of these entries, read from TOML as one of a person's."""
    whole = {"version": 1, "age_seconds_max": 300, "accept": list(entries), **more}
    return read_policy(_toml(whole).encode(), "policy.toml")


def entry(claims: Claims, *states: str, **more: Any) -> Entry:
    """An entry that accepts these claims as they are, for stating these facts."""
    names = MEASURED[claims.kind]
    measured = {} if names is None else {n: [claims.measured[n]] for n in names or list(claims.measured)[:3]}
    found: Entry = {"name": claims.kind.value, "kind": claims.kind.value, "states": list(states)}
    if claims.issuer:
        found["issuers"] = [claims.issuer]
    else:
        found["signers"] = ["sha256:" + hashlib.sha256(claims.signer).hexdigest()]
    if measured:
        found["measurements"] = measured
    if claims.place is not None and SURFACE in states:
        found["regions"] = [claims.place.region]
    if claims.audience:
        found["audiences"] = [claims.audience]
    if claims.kind is Kind.SNP:
        found |= {"products": [claims.product], "tcb": {"least": dict(claims.tcb.parts) if claims.tcb else {}}}
    if claims.kind is Kind.TDX:
        found["tcb"] = {"status": ["UpToDate"], "evaluation_min": claims.tcb.evaluation if claims.tcb else 0}
    return found | more


def _toml(whole: Mapping[str, Any]) -> str:
    lines = []
    for name, value in whole.items():
        if name != "accept":
            lines.append(f"{name} = {_value(value)}")
    for each in whole["accept"]:
        lines.append("[[accept]]")
        lines += [f"{name} = {_value(value)}" for name, value in each.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{name}" = {_value(inner)}' for name, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
