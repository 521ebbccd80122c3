# SPDX-License-Identifier: Apache-2.0
"""Writing entries of the registers and demands into the log: checked as every reader will check them, then logged.

Nothing is logged that this installation could not read again: a statement that does not verify would make the whole
registry bad for everybody who follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import days_max
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.core.register import (
    DEMAND_TYPE,
    Demand,
    Entry,
    PurposeEntry,
    check_days,
    check_demand,
    check_entry,
    kind_of,
)
from brightline.core.review.aging import check_content_days
from brightline.core.statement import sign_statement
from brightline.shell.config import Settings
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.registers import read_demand, read_signed
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_roots


def log_entry(
    root: Path,
    settings: Settings,
    baseline: Agreement,
    entry: Entry,
    keys: Sequence[Ed25519PrivateKey],
    clock: Clock,
) -> DurableRecord:
    """Sign an entry with these keys and log it, under the version of the agreement that is in force.

    Raises ``TrustError`` for an entry that is not well formed, not newer than the current version of its id, longer in
    date (or keeping content longer) than the agreement lets it, or not signed by those who must; ``OperatorError`` if
    the registry cannot be read or has another writer at this moment.
    """
    kind = kind_of(entry)
    what = f"{kind.title} {entry.id}"
    check_entry(entry)
    roots = read_roots(StateFolder(root).roots)
    envelope = sign_statement(entry, kind.payload_type, keys)
    lasting(lambda at: read_signed(kind.register, envelope, roots, at=at), clock)
    registry = Registry(root, settings, roots, baseline)
    try:
        registry.refresh()
        agreement = registry.releases.current
        if not entry.retired:  # what is retired carries nothing, however long
            check_days(what, entry.issued, entry.expires, days_max(agreement).of(kind.register))
            if isinstance(entry, PurposeEntry):
                check_content_days(entry, agreement)
        registry.registers.book.enter(entry)
        public: dict[str, JsonValue] = {
            "agreement": agreement.digest,
            "register": kind.register.value,
            "id": entry.id,
            "version": entry.version,
            "expires": entry.expires,
            "retired": entry.retired,
        }
        committed: dict[str, JsonValue] = {"statement": envelope.decode()}
        draft = Draft(RecordKind.WORKLOAD, "", public, committed)
        record = append_to_registry(root, settings, roots.profile, clock, draft)
        registry.refresh()
        if registry.registers.seq(kind.register, entry.id) != record.place.seq:
            raise TrustError(f"{what} was changed by somebody else just now; look, and try again")
    finally:
        registry.close()
    return record


def log_demand(
    root: Path,
    settings: Settings,
    agreement: Agreement,
    demand: Demand,
    keys: Sequence[Ed25519PrivateKey],
    clock: Clock,
) -> DurableRecord:
    """Sign a demand with these keys and log it. It changes nothing.

    Public are its id and what kind of thing was demanded; who demanded it, its text and the answer are committed.
    Raises as :func:`log_entry` does.
    """
    check_demand(demand)
    roots = read_roots(StateFolder(root).roots)
    envelope = sign_statement(demand, DEMAND_TYPE, keys)
    lasting(lambda at: read_demand(envelope, roots, at=at), clock)
    public: dict[str, JsonValue] = {
        "agreement": agreement.digest,
        "id": demand.id,
        "demanded": demand.demanded.value,
        "changed": False,
    }
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    draft = Draft(RecordKind.DEMAND, "", public, committed)
    return append_to_registry(root, settings, roots.profile, clock, draft)


def retired(entry: Entry, now: int) -> Entry:
    """Return the version that retires an entry: the next one, as of ``now`` (Unix seconds)."""
    return msgspec.structs.replace(entry, version=entry.version + 1, issued=min(now, entry.expires - 1), retired=True)
