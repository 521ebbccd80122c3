# SPDX-License-Identifier: Apache-2.0
"""Frauds on hunts: what is said to have been screened again, and was not, or came out otherwise."""

from __future__ import annotations

from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.record import RecordKind
from brightline.verify.sample.fraud import NO, Fraud, Means
from brightline.verify.sample.ledger import seeded
from brightline.verify.sample.site import Site

LEFT_OUT: Final = (40, 59)  # the records that a hunt passes over


def _hunted(site: Site, ranges: list[JsonValue], root: str = "") -> None:
    """The registry says that the whole log was screened again, cut like this, and nothing found."""
    head = site.gateway.head()
    public: dict[str, JsonValue] = site.terms | {
        "hunt": "sha256:" + seeded(0, "a hunt").hex(),
        "log": head.origin,
        "size": head.size,
        "root": root or head.root.hex(),
        "start": 0,
        "end": head.size,
        "ranges": ranges,
        "counted": {"no_content": head.size},
        "part": 0,
        "parts": 1,
    }
    site.registry.say(RecordKind.HUNT, "", public, {"found": [], "left": [], "statement": "what was signed"})


def _left_out(site: Site) -> None:
    first, last = LEFT_OUT
    _hunted(site, [[0, first - 1], [last + 1, site.gateway.head().size - 1]])


def _other_records(site: Site) -> None:
    _hunted(site, [[0, site.gateway.head().size - 1]], seeded(0, "another log").hex())


def _finding_removed(site: Site) -> None:
    _hunted(site, [[0, site.gateway.head().size - 1]])


# ---- the table --------------------------------------------------------------------------------------------------

OF_HUNTS: Final = (
    Fraud(
        "hunt-left-out",
        "say that all was screened again",
        "A hunt passes over twenty records, and its record says that it covered the whole log.",
        _left_out,
        ((Means.REGISTRY, Topic.HUNTED, NO),),
    ),
    Fraud(
        "hunted-elsewhere",
        "say that all was screened again",
        "What was screened again is another log than the one that was published.",
        _other_records,
        ((Means.REGISTRY, Topic.HUNTED, NO),),
    ),
    Fraud(
        "finding-removed",
        "say that all was screened again",
        "A hunt covered the log and found something, and what is signed and put on record says that it found nothing.",
        _finding_removed,
        ((Means.REGISTRY, Topic.HUNTED, Status.PROVEN),),
        "whoever has the logs and their keys, and runs the same plan again: it comes to another digest",
    ),
)
