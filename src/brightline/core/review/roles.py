# SPDX-License-Identifier: Apache-2.0
"""Who may do what in review: one table, asked by the terminal, the console, the queue and the docket alike.

A role opens doors; it never decides. Whether somebody's answer counts is for the roster (clearance, office,
credential) and the agreement (how many of which office); what officers order about a standing is believed by pinned
keys. Nobody's role lets go of an exchange: there is no such act in the table.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from brightline.core.errors import TrustError


class Role(enum.StrEnum):
    """What somebody on the roster is there for."""

    REVIEWER = "reviewer"
    SENIOR_REVIEWER = "senior-reviewer"
    SAFETY_RESEARCHER = "safety-researcher"
    FIELD_ENGINEER = "field-engineer"
    OFFICER = "officer"
    AUDITOR = "auditor"


class May(enum.StrEnum):
    """What there is to do."""

    SEE_QUEUE = "see the queue"  # what waits, without its words
    READ_CASE = "read a case"  # the words that were held
    REVEAL = "reveal what is masked"  # with a reason, which is recorded
    DECIDE = "decide"  # claim a case, answer its questions, skip it with a reason; a sample is a case like another
    DECIDE_APPEAL = "decide an appeal"
    DENY_IN_BULK = "deny in bulk"
    READ_FIGURES = "read the figures"  # volumes, ages, agreement between reviewers; no words
    READ_RECORDS = "read the records"
    ORDER_STANDING = "order a standing"
    HALT = "halt"
    RESUME = "resume"


# THE TABLE. What is not here may not be done.
MAY: Final[Mapping[Role, frozenset[May]]] = MappingProxyType(
    {
        Role.REVIEWER: frozenset({May.SEE_QUEUE, May.READ_CASE, May.REVEAL, May.DECIDE, May.DENY_IN_BULK}),
        Role.SENIOR_REVIEWER: frozenset(
            {
                May.SEE_QUEUE,
                May.READ_CASE,
                May.REVEAL,
                May.DECIDE,
                May.DECIDE_APPEAL,
                May.DENY_IN_BULK,
                May.READ_FIGURES,
                May.HALT,
            }
        ),
        Role.SAFETY_RESEARCHER: frozenset(
            {May.SEE_QUEUE, May.READ_CASE, May.READ_FIGURES, May.READ_RECORDS, May.HALT}
        ),
        Role.FIELD_ENGINEER: frozenset({May.READ_FIGURES}),  # repairs are commands of whoever has the state folder
        Role.OFFICER: frozenset(
            {May.SEE_QUEUE, May.READ_FIGURES, May.READ_RECORDS, May.ORDER_STANDING, May.HALT, May.RESUME}
        ),
        Role.AUDITOR: frozenset({May.SEE_QUEUE, May.READ_CASE, May.READ_FIGURES, May.READ_RECORDS}),
    }
)

# What can end in something being let through that was not.
LOOSENS: Final = frozenset({May.DECIDE, May.DECIDE_APPEAL, May.ORDER_STANDING, May.RESUME})

# Who repairs the gateway, and who looks whether all was right, does nothing else beside it.
ALONE: Final = frozenset({Role.FIELD_ENGINEER, Role.AUDITOR})


def may(roles: Iterable[Role], act: May) -> bool:
    """Whether somebody with these roles may do this. Without a role nobody may do anything."""
    return any(act in MAY[role] for role in roles)


def check_roles(person: str, roles: tuple[Role, ...]) -> None:
    """Refuse roles that one person may not hold together. Raises ``TrustError``."""
    if len(set(roles)) != len(roles):
        raise TrustError(f"{person} holds a role twice")
    alone = ALONE & set(roles)
    if alone and len(roles) > 1:
        named = ", ".join(sorted(alone))
        raise TrustError(f"{person} is {named}, and so may hold no role beside it")
