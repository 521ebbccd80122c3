# SPDX-License-Identifier: Apache-2.0
"""Who may not decide a hold: nobody reviews what they asked for, signed, wrote the rule of, or trained.

A signature is by a name (the holder of a pinned key) and a key. Somebody on the roster is whoever bears that name, or
has that key among their credentials, so that a second name makes nobody a second person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from brightline.core.review.roster import ClearedPerson
from brightline.core.statement import TrustRoots


def conflicted(names: Iterable[str], roots: TrustRoots, roster: Mapping[str, ClearedPerson]) -> tuple[str, ...]:
    """Who may not decide what people of these names made: the names, and ids of those who share a key of theirs."""
    who = set(names) - {""}
    keys = {key.public.lower() for role in roots.roles.values() for key in role.keys if key.holder in who}
    shared = {
        person.id
        for person in roster.values()
        if any(credential.public.lower() in keys for credential in person.credentials)
    }
    return tuple(sorted(who | shared))
