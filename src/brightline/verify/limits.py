# SPDX-License-Identifier: Apache-2.0
"""What no evidence of this kind can prove, and who could: printed in each report and in the documentation."""

from __future__ import annotations

from typing import Final

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """Something that stays open whatever the log says: the matter, why, and who or what else could show it."""

    matter: str
    why: str
    who: str


LIMITS: Final = (
    Limit(
        "That operator and model server do not work together against you",
        "If both leave the same exchange out of both logs, both logs balance.",
        "callers who keep receipts, sealed test requests, attestation of the nodes",
    ),
    Limit(
        "That an attempt which was answered with nothing was written down",
        "Who got no receipt holds no proof, and no model was asked.",
        "sealed test requests, with the odds that they state; the caller's own records",
    ),
    Limit(
        "That a blocked request was ever made by a caller",
        "An operator can write refusals of requests that nobody sent, and they balance.",
        "callers, who know what they sent; sealed test requests, whose number is known",
    ),
    Limit(
        "That a detector saw what it should have seen",
        "The record says which release judged. “Screened” is worth as much as that classifier.",
        "the release, which states how much it misses, and whoever tests it",
    ),
    Limit(
        "That the facts which decided are true",
        "A decision is made again from the recorded facts; the facts themselves were stated by people and detectors.",
        "who signed the registration; a cleared auditor who opens the record and looks",
    ),
    Limit(
        "That the program which ran is the one that is published",
        "A log is written by whatever program holds its key.",
        "attestation of the node, builds that can be made again",
    ),
    Limit(
        "When exactly something happened",
        "Times are the gateway's own clock. Order comes from the index, and witnesses bound the time from above.",
        "witnesses: what they cosigned existed by then",
    ),
    Limit(
        "That nobody copied the log's key",
        "Whoever holds the key can sign a second history.",
        "witnesses, earlier visits, and anybody who kept a checkpoint: two histories cannot both be shown to them",
    ),
    Limit(
        "That nobody was shown another log, without witnesses of your own choice",
        "A log that is consistent for you may be another one for others.",
        "a quorum of witnesses (--policy), checkpoints from others (--seen), your own earlier visit (--memory)",
    ),
    Limit(
        "What was said",
        "No record holds content, and volume is public: how many exchanges there were, and when, anybody can count.",
        "a cleared auditor, with disclosures",
    ),
)
