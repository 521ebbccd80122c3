# SPDX-License-Identifier: Apache-2.0
"""What the readers of every API share: the strict base of a caller's structs, and bounds that name their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.errors import MalformedRequest

TOOLS_MAX: Final = 128
MODEL_CHARS_MAX: Final = 256


TURNS_MAX: Final = 2_048
PARTS_MAX: Final = 512
CALLS_MAX: Final = 128
TOKENS_MAX: Final = 1_000_000
METADATA_MAX: Final = 16
METADATA_KEY_CHARS_MAX: Final = 64
METADATA_VALUE_CHARS_MAX: Final = 512
LABEL_CHARS_MAX: Final = 512
EFFORTS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})


class In(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything that a caller sends: what is not named is refused."""


def bounded(value: int, low: int, high: int, param: str) -> None:
    """Raise ``MalformedRequest`` unless a number, or the length of a list, lies between two bounds."""
    if not low <= value <= high:
        raise MalformedRequest(f"`{param}` must be {low} to {high}; found {value}", param)


def in_range(value: float | None, low: float, high: float, param: str) -> None:
    """Raise ``MalformedRequest`` unless a number that shapes the answer is not given or lies in its range."""
    if value is not None and not low <= value <= high:
        raise MalformedRequest(f"`{param}` must be {low} to {high}", param)


def check_model(name: str) -> None:
    """Raise ``MalformedRequest`` unless this may be the name of a model."""
    if not name or len(name) > MODEL_CHARS_MAX:
        raise MalformedRequest(f"`model` must be a name of 1 to {MODEL_CHARS_MAX} characters", "model")


def read_labels(given: Mapping[str, str | None]) -> dict[str, str]:
    """The labels that a caller put on a request, by the names of their fields; without those not given.

    Raises ``MalformedRequest`` for one that is too long.
    """
    for name, text in given.items():
        bounded(len(text or ""), 0, LABEL_CHARS_MAX, name)
    return {name: text for name, text in given.items() if text}


def read_metadata(wire: dict[str, str] | None) -> dict[str, str]:
    """The pairs that a caller put on a request. Raises ``MalformedRequest`` for too many, or for one too long."""
    wire = wire or {}
    bounded(len(wire), 0, METADATA_MAX, "metadata")
    for key, text in wire.items():
        if len(key) > METADATA_KEY_CHARS_MAX or len(text) > METADATA_VALUE_CHARS_MAX:
            most = f"{METADATA_KEY_CHARS_MAX} and {METADATA_VALUE_CHARS_MAX}"
            raise MalformedRequest(f"keys and values of metadata have at most {most} characters", "metadata")
    return wire


def check_effort(effort: str | None, param: str) -> str:
    """Return the effort of reasoning, empty if it is not given. Raises ``MalformedRequest`` for an unknown one."""
    if effort is not None and effort not in EFFORTS:
        raise MalformedRequest(f"unknown effort; expected one of {', '.join(sorted(EFFORTS))}", param)
    return effort or ""
