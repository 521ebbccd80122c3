# SPDX-License-Identifier: Apache-2.0
"""What an OpenID provider's claims leave of what the roster says, read from its token.

A claim that the settings name and the token lacks leaves nothing: absence refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.review.narrowing import Narrowing
from brightline.core.review.roles import Role
from brightline.shell.people_settings import OidcSettings

VALUES_MAX: Final = 256
ROLES: Final = frozenset(role.value for role in Role)


def narrowing_of(claims: Mapping[str, object], settings: OidcSettings) -> Narrowing:
    """Read the claims that the settings name. Raises ``TrustError`` for one that is missing or does not read."""
    named = Narrowing()
    if settings.roles_claim:
        words = _words(claims, settings.roles_claim)
        mapped = {settings.roles.get(word, "") for word in words} if settings.roles else words
        named = msgspec.structs.replace(named, roles=frozenset(Role(word) for word in mapped & ROLES))
    if settings.level_claim:
        named = msgspec.structs.replace(named, level=_number(claims, settings.level_claim))
    if settings.compartments_claim:
        named = msgspec.structs.replace(named, compartments=_words(claims, settings.compartments_claim))
    if settings.until_claim:
        named = msgspec.structs.replace(named, until=_number(claims, settings.until_claim))
    return named


def person_of(claims: Mapping[str, object], settings: OidcSettings) -> str:
    """The id on the roster that the token names. Raises ``TrustError`` if it names none."""
    found = claims.get(settings.person_claim)
    if not isinstance(found, str) or not found:
        raise TrustError(f"the provider's token has no {settings.person_claim}, which says who it is on the roster")
    return found


def _words(claims: Mapping[str, object], name: str) -> frozenset[str]:
    found = claims.get(name)
    listed = found.split() if isinstance(found, str) else found
    if not isinstance(listed, list) or len(listed) > VALUES_MAX or not all(isinstance(word, str) for word in listed):
        raise TrustError(f"the provider's token lacks {name}, or it is no list of words")
    return frozenset(listed)


def _number(claims: Mapping[str, object], name: str) -> int:
    found = claims.get(name)
    if type(found) is not int or not 0 <= found <= INTEGER_MAX:
        raise TrustError(f"the provider's token lacks {name}, or it is no whole number")
    return found
