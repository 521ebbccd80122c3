# SPDX-License-Identifier: Apache-2.0
"""The people of the development profile: each is one person with one local key, and both parties are here.

Whoever holds this folder can sign as anybody, which is what "development" means; every record says so. In production
the keys lie elsewhere, and an entry arrives signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import days_max
from brightline.core.evidence.record import DurableRecord
from brightline.core.facts import Register
from brightline.core.ports import Clock
from brightline.core.register import (
    DAY_SECONDS,
    KINDS,
    Demand,
    Entry,
    Figure,
    ProtocolEntry,
    VvtEntry,
    kind_of,
    text_digest,
)
from brightline.core.review.roles import Role
from brightline.core.screening.release import Release
from brightline.core.signers import DEMAND_SIGNERS, ENTRY_SIGNERS
from brightline.core.statement import Needed, SigningRole
from brightline.shell.config import Settings
from brightline.shell.registry.entries import log_demand, log_entry
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_roots
from brightline.shell.trust.keys import load_key

PROVIDER_KEY: Final = "provider-officer"
CUSTOMER_KEY: Final = "customer-official"
CONSOLE_ORIGIN: Final = "http://localhost:8092"  # where the console of a development installation is looked at
DEVELOPMENT_PROTOCOL: Final = "development-protocol"
DEVELOPMENT_VVT: Final = "development-vvt"

# Who there is in development: each is one person with one key, named in every signed statement.
HOLDERS: Final[dict[SigningRole, tuple[str, ...]]] = {
    SigningRole.PROVIDER_OFFICER: (PROVIDER_KEY, "provider-officer-2"),
    SigningRole.PROVIDER_SAFETY: ("provider-safety-1", "provider-safety-2"),
    SigningRole.PROVIDER_CLEARED: ("provider-cleared-1", "provider-cleared-2"),
    SigningRole.FIELD_ENGINEER: ("field-engineer",),
    SigningRole.CUSTOMER_OFFICIAL: (CUSTOMER_KEY,),
}
STAFF: Final = {  # who comes in to the console beside the reviewers
    PROVIDER_KEY: Role.OFFICER,
    "provider-officer-2": Role.OFFICER,
    CUSTOMER_KEY: Role.OFFICER,
    "auditor": Role.AUDITOR,
}
REVIEWERS_OF_OFFICE: Final = 3  # two who must agree, and one for when they do not
SENIORS_OF_OFFICE: Final = 2  # who have not decided, when somebody appeals


def reviewers(office: str) -> tuple[str, ...]:
    """The ids of the persons of an office in development; each has a key of that name."""
    return tuple(f"{office.replace('_', '-')}-reviewer-{n}" for n in range(1, REVIEWERS_OF_OFFICE + 1))


def seniors(office: str) -> tuple[str, ...]:
    """The ids of the senior reviewers of an office in development; each has a key of that name."""
    return tuple(f"{office.replace('_', '-')}-senior-{n}" for n in range(1, SENIORS_OF_OFFICE + 1))


def development_keys(root: Path, needed: Sequence[Needed]) -> list[Ed25519PrivateKey]:
    """The local keys of as many holders of each role as must sign. Raises ``TrustError`` if they are too few."""
    folder = StateFolder(root)
    pinned = read_roots(folder.roots).roles
    keys = []
    for need in needed:
        wanted = max(need.holders, pinned[need.role].threshold if need.role in pinned else 1)
        keys += [load_key(folder.key(holder)) for holder in HOLDERS[need.role][:wanted]]
    return keys


def register_entry(root: Path, settings: Settings, agreement: Agreement, entry: Entry, clock: Clock) -> DurableRecord:
    """Sign an entry of a register with the development keys and log it; raises as ``entries.log_entry`` does."""
    keys = development_keys(root, ENTRY_SIGNERS[kind_of(entry).register])
    return log_entry(root, settings, agreement, entry, keys, clock)


def record_demand(root: Path, settings: Settings, agreement: Agreement, demand: Demand, clock: Clock) -> DurableRecord:
    """Sign a demand as the provider's officer and log it; raises as ``entries.log_demand`` does."""
    return log_demand(root, settings, agreement, demand, development_keys(root, DEMAND_SIGNERS), clock)


def development_entries(agreement: Agreement, release: Release, models: Sequence[str], now: int) -> list[Entry]:
    """A protocol and a verification record that stand in for real ones, and say so."""
    days = days_max(agreement)
    text = b"Development: no oversight protocol is followed. This entry stands in for one."

    def ends(kind: Register) -> int:
        return now - 1 + min(365, days.of(kind)) * DAY_SECONDS

    return [
        ProtocolEntry(
            format=KINDS[Register.PROTOCOL].format,
            id=DEVELOPMENT_PROTOCOL,
            version=1,
            issued=now - 1,
            expires=ends(Register.PROTOCOL),
            retired=False,
            owner="development",
            title="stands in for an oversight protocol; follows none",
            text_digest=text_digest(text),
        ),
        VvtEntry(
            format=KINDS[Register.VVT].format,
            id=DEVELOPMENT_VVT,
            version=1,
            issued=now - 1,
            expires=ends(Register.VVT),
            retired=False,
            owner="development",
            system="the models of this development installation",
            system_version=", ".join(models),
            environment="development",
            test_set=f"none; in its place the release {release.id}",
            test_set_digest=release.digest,
            results="No system was tested. This record stands in for one.",
            figures=(Figure("systems tested", "0"),),
            person="development",
        ),
    ]
