# SPDX-License-Identifier: Apache-2.0
"""Whether a later policy accepts evidence that an earlier one refuses, said entry by entry.

Each entry of the later policy must be covered by one entry of the earlier: the same kind, no more facts, nobody more
who vouches, nothing more that may run, nowhere else, no older platform. It is a comparison of what is written, so it
errs on one side only: two entries that together cover a third are not seen to, and the third counts as looser.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from brightline.core.attestation.policy import Accept, Policy, TcbFloor


def looser(before: Policy, after: Policy) -> tuple[str, ...]:
    """In what the later policy asks for less, in words; nothing if it is no looser."""
    found = []
    if after.age_seconds_max > before.age_seconds_max:
        found.append(f"evidence may be {after.age_seconds_max} seconds old, {before.age_seconds_max} before")
    dropped = sorted(set(before.deny) - set(after.deny))
    if dropped:
        found.append(f"no longer denied: {', '.join(dropped[:5])}")
    for entry in after.accept:
        tried = [_looser_entry(old, entry) for old in before.accept if old.kind is entry.kind]
        if not tried:
            found.append(f"entry {entry.name!r} accepts evidence of kind {entry.kind}, of which none was accepted")
        elif all(tried):
            found.append(f"entry {entry.name!r}: {min(tried, key=len)[0]}")
    return tuple(found)


def _looser_entry(before: Accept, after: Accept) -> list[str]:
    found = []
    for name in ("states", "issuers", "signers", "bound_by"):
        more = set(getattr(after, name)) - set(getattr(before, name))
        if more:
            found.append(f"{name} has more: {', '.join(sorted(map(str, more))[:3])}")
    for name in ("regions", "zones", "accounts", "products", "audiences"):
        if not _narrower(getattr(before, name), getattr(after, name)):
            found.append(f"{name} are wider than in {before.name!r}")
    found += _wider("measurement", before.measurements, after.measurements)
    found += _wider("condition", before.demanded, after.demanded)
    if before.tcb is not None:
        found += _older(before.tcb, after.tcb)
    return found


def _narrower(before: Collection[str], after: Collection[str]) -> bool:
    """A list that is empty asks for nothing."""
    return not before or (bool(after) and set(after) <= set(before))


def _wider(what: str, before: Mapping[str, Collection[str]], after: Mapping[str, Collection[str]]) -> list[str]:
    return [
        f"{what} {name} may have other values, or is not asked for"
        for name, values in before.items()
        if name not in after or not set(after[name]) <= set(values)
    ]


def _older(before: TcbFloor, after: TcbFloor | None) -> list[str]:
    if after is None:
        return ["nothing is asked of the platform's age"]
    found = [f"{name} may be older" for name, least in before.least.items() if after.least.get(name, -1) < least]
    if not _narrower(before.status, after.status):
        found.append("the vendor may call the platform worse")
    if after.evaluation_min < before.evaluation_min:
        found.append("an older list of the vendor's is enough")
    if set(after.advisories_accepted) - set(before.advisories_accepted):
        found.append("more advisories are accepted")
    return found
