# SPDX-License-Identifier: Apache-2.0
"""What the readers of every API share: the strict base of a caller's structs, and bounds that name their place."""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.errors import MalformedRequest

TOOLS_MAX: Final = 128
MODEL_CHARS_MAX: Final = 256


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
