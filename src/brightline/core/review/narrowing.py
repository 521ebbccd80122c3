# SPDX-License-Identifier: Apache-2.0
"""What a session leaves of what the roster says of a person: never more roles, clearance or time than are signed.

An OpenID provider's claims make one (the console's ``identity/narrowing.py``); whoever acts for a session, the queue
too, acts for the person as far as both the roster and this go.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.canonical import INTEGER_MAX
from brightline.core.review.roles import Role
from brightline.core.review.roster import LEVEL_MAX, Clearance, ClearedPerson


class Narrowing(msgspec.Struct, frozen=True):
    """What is left at most. ``compartments`` is ``None`` where no claim speaks of them; ``until`` is Unix seconds."""

    roles: frozenset[Role] = frozenset(Role)
    level: int = LEVEL_MAX
    compartments: frozenset[str] | None = None
    until: int = INTEGER_MAX

    def of(self, person: ClearedPerson) -> ClearedPerson:
        """The person, as far as both the roster and this go."""
        said, clearance = self.compartments, person.clearance
        left = tuple(name for name in clearance.compartments if said is None or name in said)
        return msgspec.structs.replace(
            person,
            roles=tuple(role for role in person.roles if role in self.roles),
            clearance=Clearance(min(clearance.level, self.level), left),
            cleared_until=min(person.cleared_until, self.until),
        )


NOT_NARROWED: Final = Narrowing()
