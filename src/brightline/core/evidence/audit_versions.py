# SPDX-License-Identifier: Apache-2.0
"""Which agreement and which classifier release exchanges name, against what the registry says came into force.

The registry's RELEASE records name each version publicly, and what it replaced. So of an exchange it can be told, from
leaves alone, that it names one that no RELEASE names, or one that was named only later. That it names the newest
cannot, nor who signed: a statement that was logged may have been refused by every node (a loosening, say), and only
whoever opens the registry sees why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import UNSET

from brightline.core.evidence.audit_findings import Claim, Findings, Topic, shown
from brightline.core.evidence.audit_memory import VersionsMemory
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind, unix_of

LAG_SECONDS: Final = 5  # a gateway's clock may be behind the registry's by so much
VERSIONS_MAX: Final = 10_000
AGREEMENT: Final = "agreement"
CLASSIFIER: Final = "classifier"  # as RELEASE records say in ``what``; other words there bring nothing


class KnownVersions:
    """What the registry says of versions; shared by all logs of an installation.

    ``since`` holds by digest the first moment (Unix seconds) at which it was named; 0: before all of them.
    """

    def __init__(self) -> None:
        self.since: dict[str, dict[str, int]] = {AGREEMENT: {}, CLASSIFIER: {}}

    def enter(self, leaf: Leaf) -> bool:
        """Take in a RELEASE record. Returns whether it says what such a record must."""
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return False
        match leaf.what:
            case "agreement":
                now, before = leaf.agreement, leaf.baseline
            case "classifier":
                now, before = leaf.release, leaf.replaces
            case _:
                return True
        if not now or not before:
            return False
        since = self.since[leaf.what]
        if len(since) < VERSIONS_MAX:
            since.setdefault(before, unix if since else 0)  # only what the first one replaced was there from the start
            since.setdefault(now, unix)
        return True

    def __bool__(self) -> bool:
        return any(self.since.values())


class VersionAudit:
    """One log under the versions: the registry states them, and a gateway's shard is compared with them."""

    def __init__(self, known: KnownVersions, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._stated: list[Leaf] = []
        self._last: tuple[object, object] = ("", "")
        self._compared = False

    def memory(self) -> VersionsMemory:
        """What the next visit goes on from."""
        return VersionsMemory(tuple((leaf.time, leaf.what or "", *_named(leaf)) for leaf in self._stated))

    def resume(self, earlier: VersionsMemory) -> None:
        """Go on from where an earlier visit ended."""
        for time, what, now, before in earlier.stated:
            leaf = _leaf(time, what, now, before)
            self._stated.append(leaf)
            self._known.enter(leaf)

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            if leaf.kind is RecordKind.RELEASE:
                self._state(index, leaf)
            elif leaf.kind is RecordKind.ATTEMPT and (leaf.agreement, leaf.release) != self._last:
                self._compare(index, leaf)

    def _state(self, index: int, leaf: Leaf) -> None:
        self._stated.append(leaf)
        if not self._known.enter(leaf):
            message = "a RELEASE of a version names it, and what it replaces"
            self._findings.contradict(Topic.VERSIONS, self._findings.record(index), message)

    def _compare(self, index: int, leaf: Leaf) -> None:
        self._last = leaf.agreement, leaf.release
        if not self._known:
            return
        self._compared = True
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return  # what is no time is contradicted where records are looked at one by one
        for what, digest in ((AGREEMENT, leaf.agreement), (CLASSIFIER, leaf.release)):
            since = self._known.since[what]
            if not since or not digest:
                continue
            place = self._findings.record(index)
            if digest not in since:
                message = f"it names the {what} {shown(digest)}, which no RELEASE in the registry names"
                self._findings.contradict(Topic.VERSIONS, place, message)
            elif unix + LAG_SECONDS < since[digest]:
                message = f"it names the {what} {shown(digest)} before a RELEASE in the registry named that"
                self._findings.contradict(Topic.VERSIONS, place, message)

    def claims(self) -> Iterator[Claim]:
        """The claim, where the registry names versions and this log has exchanges."""
        if self._compared:
            count = sum(map(len, self._known.since.values()))
            yield self._findings.claim(Topic.VERSIONS, f"{count} versions are named in the registry")


def _named(leaf: Leaf) -> tuple[str, str]:
    """What came, and what it replaced."""
    pair = (leaf.agreement, leaf.baseline) if leaf.what == AGREEMENT else (leaf.release, leaf.replaces)
    return pair[0] or "", pair[1] or ""


def _leaf(time: str, what: str, now: str, before: str) -> Leaf:
    """A RELEASE record as far as it is remembered."""
    of_agreement = what == AGREEMENT
    return Leaf(
        agreement=now if of_agreement else UNSET,
        baseline=before if of_agreement else UNSET,
        commitments=(),
        epoch=0,
        kind=RecordKind.RELEASE,
        profile="",
        release=UNSET if of_agreement else now,
        replaces=UNSET if of_agreement else before,
        seq=0,
        shard="",
        time=time,
        v=1,
        what=what,
    )
