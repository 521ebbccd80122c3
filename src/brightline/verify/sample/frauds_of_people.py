# SPDX-License-Identifier: Apache-2.0
"""Frauds on people's work: what was released that they had not decided, or a second time."""

from __future__ import annotations

from typing import Final

from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.record import RecordKind
from brightline.verify.sample.fraud import NO, UNSHOWN, Fraud, Means
from brightline.verify.sample.ledger import BEGAN
from brightline.verify.sample.site import RELEASED, Site


def _never_decided(site: Site) -> None:
    site.held("x-undecided")
    site.give("x-undecided", "x-undecided-given")


def _too_few(site: Site) -> None:
    site.held("x-too-few")
    site.decide("x-too-few", persons=1)
    site.give("x-too-few", "x-too-few-given")


def _given_twice(site: Site) -> None:
    site.give(RELEASED[0], "x-twice", used=False)


def _used_again(site: Site) -> None:
    site.give(RELEASED[0], "x-again")


def _not_used(site: Site) -> None:
    site.held("x-not-used")
    site.decide("x-not-used")
    site.give("x-not-used", "x-not-used-given", used=False)


def _late_decision(site: Site) -> None:
    site.held("x-expired")
    for index in site.gateway.of("x-expired", RecordKind.HOLD):
        site.gateway.records[index].value["expires"] = int(BEGAN.timestamp()) + 1
    site.decide("x-expired")
    site.give("x-expired", "x-expired-given")


def _stray_decision(site: Site) -> None:
    site.decide("x-nowhere")


def _without_parts(site: Site) -> None:
    site.held("x-in-part", parts=3)


# ---- the table --------------------------------------------------------------------------------------------------

OF_PEOPLE: Final = (
    Fraud(
        "released-undecided",
        "release what people must decide",
        "An answer that was held is given out, and nobody had decided.",
        _never_decided,
        ((Means.REGISTRY, Topic.HELD, NO),),
    ),
    Fraud(
        "released-by-too-few",
        "release what people must decide",
        "The same, after one of two persons had decided.",
        _too_few,
        ((Means.REGISTRY, Topic.HELD, NO),),
        "whoever may open the registry, if one person signed as two",
    ),
    Fraud(
        "decided-too-late",
        "release what people must decide",
        "The same, after two had decided a hold that had expired.",
        _late_decision,
        ((Means.REGISTRY, Topic.HELD, NO),),
    ),
    Fraud(
        "given-out-twice",
        "release what people must decide",
        "A kept answer is given out a second time, and the registry says nothing of it.",
        _given_twice,
        ((Means.LOG, Topic.HELD, NO),),
    ),
    Fraud(
        "used-twice",
        "release what people must decide",
        "A kept answer is given out a second time, and the registry says so a second time.",
        _used_again,
        ((Means.LOG, Topic.HELD, NO),),
    ),
    Fraud(
        "used-unsaid",
        "release what people must decide",
        "A kept answer is given out, and no USED is written.",
        _not_used,
        ((Means.REGISTRY, Topic.HELD, NO),),
    ),
    Fraud(
        "decided-for-no-case",
        "release what people must decide",
        "The registry holds decisions about a case that no log has.",
        _stray_decision,
        ((Means.REGISTRY, Topic.HELD, UNSHOWN),),
        "with the combined heads, which name every log, it is contradicted",
    ),
    Fraud(
        "held-in-part",
        "release what people must decide",
        "An exchange is held, and two of the three parts that people are to look at are not there.",
        _without_parts,
        ((Means.LOG, Topic.HELD, NO),),
    ),
)
