# SPDX-License-Identifier: Apache-2.0
"""What a fraud of the attack suite is, and what an auditor may have in hand to see it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import msgspec

from brightline.core.evidence.audit_findings import Status, Topic
from brightline.verify.sample.site import ANSWERED, REFUSED, Site


class Means(enum.StrEnum):
    """What an auditor may have in hand beside the log and its key."""

    LOG = "the log by itself"
    RECEIPTS = "receipts"
    GUARD = "the guard's log"
    REGISTRY = "the registry"
    WITNESSES = "witnesses"
    EARLIER = "an earlier visit"
    DISCLOSURES = "disclosures"


ARGUMENTS: Final[dict[Means, tuple[str, ...]]] = {
    Means.LOG: (),
    Means.RECEIPTS: tuple(
        word for name in (ANSWERED, REFUSED, "x-110") for word in ("--receipt", f"receipts/{name}.json")
    ),
    Means.GUARD: ("--guard", "guards", "--key", "guard.vkey"),
    Means.REGISTRY: ("registry", "--key", "registry.vkey"),
    Means.WITNESSES: ("--policy", "policy"),
    Means.EARLIER: ("--memory", "earlier.memory"),
    Means.DISCLOSURES: ("--disclosures", "disclosures.jsonl"),
}
COMMAND: Final = ("brightline", "verify", "evidence", "--key", "gateway.vkey")

Effect = tuple[Means, Topic, Status]


class Fraud(msgspec.Struct, frozen=True):
    """``deed`` in words, ``row`` of the list of cheats that it belongs to, ``effects`` on the claims, by means.

    ``others`` says who or what else would show it, and is the whole answer where there is no effect.
    """

    name: str
    row: str
    deed: str
    commit: Callable[[Site], None]
    effects: tuple[Effect, ...]
    others: str = ""

    def catches(self, means: Means) -> bool:
        """Whether some claim is contradicted with this in hand, or with the log alone."""
        return any(who in {means, Means.LOG} and status is Status.CONTRADICTED for who, _, status in self.effects)


NO, UNSHOWN = Status.CONTRADICTED, Status.NOT_SHOWN
FORK: Final[tuple[Effect, ...]] = (
    (Means.WITNESSES, Topic.WITNESSED, NO),
    (Means.EARLIER, Topic.WITNESSED, NO),
)
NOT_THE_SIGNED: Final = (
    (Means.LOG, Topic.LOG, NO),
    (Means.LOG, Topic.RECORDS, UNSHOWN),
    (Means.LOG, Topic.BOOKS, UNSHOWN),
    (Means.LOG, Topic.PASSED, UNSHOWN),
)
UNCOUNTED: Final[tuple[Effect, ...]] = tuple(
    (Means.LOG, topic, UNSHOWN) for topic in (Topic.PERIODS, Topic.LOST, Topic.UPSTREAMS, Topic.LEASED)
)
