# SPDX-License-Identifier: Apache-2.0
"""Canonical bytes: RFC 8785 (JCS) restricted to what records need. TEMPORARY stand-in."""

from __future__ import annotations

import hashlib
import json

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


def _check(v: object) -> object:
    if isinstance(v, float):
        raise ValueError("floats have no canonical form here")
    if isinstance(v, dict):
        return {k: _check(v[k]) for k in sorted(v, key=lambda k: k.encode("utf-16-be"))}
    if isinstance(v, list | tuple):
        return [_check(x) for x in v]
    return v


def canonical_bytes(value: JsonValue) -> bytes:
    return json.dumps(_check(value), ensure_ascii=False, separators=(",", ":")).encode()


def digest(value: JsonValue) -> str:
    return "sha256:" + hashlib.sha256(canonical_bytes(value)).hexdigest()
