# SPDX-License-Identifier: Apache-2.0
"""Identifiers of persons in a text, each held to the law of its kind: a number that breaks it identifies nobody.

E-mail addresses (RFC 5321, section 4.1.2, the plain form), telephone numbers (ITU-T E.164: 8 to 15 digits), U.S.
social security numbers (no area 000, 666 or 9xx, no group 00, no serial 0000), IBAN (ISO 13616: the number modulo 97
is 1) and IMEI (3GPP TS 23.003, annex B: Luhn). What is found comes back in one spelling, whatever it was written in.

Nothing here keeps anything. The patterns have no nested repetition, so a text takes time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
_NUMBER: Final = re.compile(r"[+(0-9](?<![\w.,-][+(0-9])[0-9 ()./-]{6,22}[0-9](?![\w-])")
_IBAN: Final = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z][0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_SSN: Final = re.compile(r"([0-9]{3})[- ]([0-9]{2})[- ]([0-9]{4})")
_DIALLED: Final = re.compile(r"[+(0].*|[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}")  # others are part numbers, dates


class Identifier(NamedTuple):
    """``kind`` is ``email``, ``phone``, ``ssn``, ``iban`` or ``imei``; ``value`` is in that kind's one spelling."""

    kind: str
    value: str


class Place(NamedTuple):
    """Where an identifier stands in a text, in characters."""

    start: int
    end: int
    identifier: Identifier


def identifiers(text: str) -> Iterator[Identifier]:
    """Every identifier in a text, in no promised order; one that is there twice comes twice."""
    return (place.identifier for place in places_of_identifiers(text))


def places_of_identifiers(text: str) -> Iterator[Place]:
    """Every identifier in a text with its place, in no promised order."""
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield Place(*found.span(), Identifier("email", found[0].lower()))
    for found in _NUMBER.finditer(text):
        number = _number(found[0])
        if number is not None:
            yield Place(*found.span(), number)
    for found in _IBAN.finditer(text):
        plain = found[0].replace(" ", "")
        if 15 <= len(plain) <= 34 and _mod_97(plain) == 1:
            yield Place(*found.span(), Identifier("iban", plain))


def _number(found: str) -> Identifier | None:
    ssn = _SSN.fullmatch(found)
    if ssn is not None:
        area, group, serial = ssn.groups()
        good = area not in {"000", "666"} and area[0] != "9" and group != "00" and serial != "0000"
        return Identifier("ssn", f"{area}{group}{serial}") if good else None
    digits = "".join(filter(str.isdigit, found))
    if len(digits) == 15 and _luhn(digits):
        return Identifier("imei", digits)
    dialled = 8 <= len(digits) <= 15 and _DIALLED.fullmatch(found) is not None
    return Identifier("phone", digits.lstrip("0")) if dialled else None


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _mod_97(iban: str) -> int:
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97
