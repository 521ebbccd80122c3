# SPDX-License-Identifier: Apache-2.0
"""THE EVIDENCE: every kind that an answer may rest on, and who could give it. One table, and nothing else counts.

What nothing in this version makes stands here too, by name (``made=False``): an answer that needs it cannot be given.
Whoever builds it removes the mark, and writes the function that finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from brightline.core.answer.model import Evidence
from brightline.core.evidence.audit_findings import Topic

NOT_MADE: Final = "nothing in this version makes this evidence"
_REGISTRY: Final = "the operator, with the registry's log among the EVIDENCE"
_OPERATOR: Final = "the operator, with the whole log as it was signed"

_TABLE: Final = (
    # ---- the logs ------------------------------------------------------------------------------------------------
    Evidence("keys", "whoever asks had the logs' keys beforehand", "you: take the keys by another way, give --key"),
    Evidence("log", Topic.LOG.value, _OPERATOR),
    Evidence("records", Topic.RECORDS.value, _OPERATOR),
    Evidence("books", Topic.BOOKS.value, _OPERATOR),
    Evidence("passed", Topic.PASSED.value, _OPERATOR),
    Evidence("periods", Topic.PERIODS.value, "the operator, with the signed statements of the periods"),
    Evidence("lost", Topic.LOST.value, "the operator: a period that states the budget, and enough attempts to tell"),
    Evidence(
        "replays", Topic.REPLAYS.value, "the operator, who discloses records to a cleared auditor (--disclosures)"
    ),
    Evidence("receipts", Topic.RECEIPTS.value, "callers, who keep their receipts (--receipt)", optional=True),
    Evidence("held", Topic.HELD.value, _REGISTRY, optional=True),
    Evidence(
        "versions", Topic.VERSIONS.value, "the operator, with the registry's log among the EVIDENCE", optional=True
    ),
    Evidence("people", Topic.PEOPLE.value, "the parties, with the installation that they signed (--installation)"),
    Evidence("halted", Topic.HALTED.value, _OPERATOR, optional=True),
    Evidence("leased", Topic.LEASED.value, _OPERATOR, optional=True),
    Evidence("hunted", Topic.HUNTED.value, _REGISTRY, optional=True),
    Evidence("aged", Topic.AGED.value, _REGISTRY, optional=True),
    # ---- what others hold ----------------------------------------------------------------------------------------
    Evidence("witnessed", Topic.WITNESSED.value, "witnesses that you trust yourself (--policy)"),
    Evidence("guarded", Topic.GUARDED.value, "whoever runs the model server, with the log of its guard (--guard)"),
    Evidence(
        "admitted", Topic.ADMITTED.value, "whoever runs the model server: a guard that asks for the model's papers"
    ),
    Evidence("upstreams", Topic.UPSTREAMS.value, "the operator: a guard before each model server"),
    Evidence("heads", Topic.HEADS.value, "the operator, with the log of all heads among the EVIDENCE"),
    Evidence(
        "canaries",
        "requests that whoever asks sent unseen all stand in the log, as they were answered",
        "you: send canaries before you ask (--canaries)",
        optional=True,
    ),
    Evidence(
        "registry",
        "the log of what changes verdicts (standings, demands, releases) is among the logs",
        _REGISTRY,
    ),
    Evidence(
        "meter",
        "a meter that neither the gateway nor its guard keeps (tokens, accelerator time) counts no more than the log",
        "the cloud that the model runs in, with signed readings",
        made=False,
    ),
    Evidence(
        "attested",
        "hardware states which program ran where with which model: those that are published and admitted",
        "nodes and model servers whose attestation is on record all the time; brightline attest verifies one",
        made=False,
    ),
    # ---- the agreement -------------------------------------------------------------------------------------------
    Evidence(
        "agreement",
        "each version that decided is here: its quotes stand in its text, its worked examples come out",
        "the parties, with the folder of the version (--agreement)",
    ),
    Evidence(
        "one-agreement", "one agreement ruled, under one id", "the parties, who say since when another one rules"
    ),
    Evidence("proofs", "the standing theorems are proved of it, for all facts and approvals", "the parties: mend it"),
    Evidence(
        "no-weaker",
        "no version that decided is weaker than the first one, in what or in who; loosening is refused whoever signs",
        "the parties, with the first version (--agreement)",
    ),
    Evidence(
        "reviewed",
        "both parties signed that the formulas say what the quotes say",
        "the parties: a review beside the agreement, looked at under keys that you pin (--parties)",
    ),
    Evidence("refuses-weapons", "what directs a weapon is denied at any number of approvals", "the parties"),
    Evidence("refuses-surveillance", "mass surveillance is denied at any number of approvals", "the parties"),
    Evidence(
        "refuses-decisions",
        "scoring people, and a high-stakes decision that acts alone, are denied at any number of approvals",
        "the parties",
    ),
    Evidence(
        "refuses-monitoring",
        "unbounded monitoring that may touch a private person of the country is denied at any number of approvals",
        "the parties",
    ),
    Evidence(
        "refuses-elsewhere",
        "nothing is permitted off the provider's cloud or without the stack, by whomever it is asked",
        "the parties",
    ),
    Evidence("needs-people", "nothing is permitted while no cleared person is on duty", "the parties"),
    Evidence("pinned-law", "each law that a clause cites is pinned to the day of its edition", "the parties"),
    Evidence("ladder", "what follows a violation is written down, rung by rung, up to termination", "the parties"),
    Evidence(
        "thresholds",
        "the signed agreement says from which numbers on it is mass: distinct people, breadth, persistence, joins",
        "the parties: write [pattern] tables",
    ),
    # ---- how well it is seen -------------------------------------------------------------------------------------
    Evidence(
        "release", "each classifier release that judged is here, by its digest", "the provider, with it (--release)"
    ),
    Evidence("recall-weapons", "how much of it the release finds was measured", "the provider: measure, and state it"),
    Evidence(
        "recall-surveillance", "how much of it the release finds was measured", "the provider: measure, and state it"
    ),
    Evidence(
        "recall-decisions", "how much of it the release finds was measured", "the provider: measure, and state it"
    ),
    Evidence(
        "fragments",
        "how much of it is found that is cut into small requests, over keys and days, was measured",
        "the provider, once findings across requests exist",
        made=False,
    ),
    Evidence(
        "enough",
        "both parties signed how much must be found",
        "the parties, once an agreement can hold such a floor",
        made=False,
    ),
    Evidence(
        "subjects",
        "how many distinct people were touched, by unit, purpose and window, recounted from the records",
        "the operator, under an agreement that counts people, with what opens the records (--disclosures)",
    ),
    Evidence(
        "tempo",
        "no loop of sensing, asking and acting ran without a person, by its tempo",
        "the operator, once patterns over many requests are looked at",
        made=False,
    ),
    Evidence(
        "sampled",
        "people looked at a random sample of what was permitted, drawn again here, and found no red line crossed",
        "cleared reviewers; the operator, with the registry's log and what opens their decisions (--disclosures)",
    ),
    Evidence("limits", "what this answer cannot see is stated with it", "this program"),
)

EVIDENCE: Final[Mapping[str, Evidence]] = MappingProxyType({kind.id: kind for kind in _TABLE})

TOPICS: Final[Mapping[str, Topic]] = MappingProxyType(
    {kind.id: Topic(kind.says) for kind in _TABLE if kind.says in {topic.value for topic in Topic}}
)
"""The kinds that are claims of the verifier."""
