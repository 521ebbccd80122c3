# SPDX-License-Identifier: Apache-2.0
"""Answers in the words of compliance tools: assessment results of OSCAL 1.2 (NIST), JSON, as plain values.

Each question is a result, each claim a finding on an objective of ours, each piece of evidence an observation with the
digests that it rests on. A claim is *satisfied* only if it is SHOWN; what is open or pending is not, and says so. The
conventions are those of ``core/agreement/oscal.py``: UUIDs over what was found, times passed in, text escaped.
"""

from __future__ import annotations

import uuid
from typing import Final

from brightline.core.agreement.aloud import plain
from brightline.core.agreement.book_markdown import escape
from brightline.core.agreement.oscal import NAMESPACE, OSCAL_VERSION
from brightline.core.answer.bounds import in_words
from brightline.core.answer.model import Answer, ClaimAnswer, Dossier, Status, Weighed
from brightline.core.canonical import JsonValue, digest

_UUIDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}/answer")
_EMPTY: Final = "–"

Json = dict[str, JsonValue]


def assessment_results(dossier: Dossier, at: str) -> Json:
    """The document. ``at`` (RFC 3339) is when the evidence was looked at."""
    run = digest([dossier.digest, at, [_key(answer) for answer in dossier.answers]])
    results: list[JsonValue] = [_result(answer, run, at) for answer in dossier.answers]
    plan: Json = {
        "uuid": _uuid(run, "plan"),
        "title": "Assessment plan: the questions, the claims that answer them, and the evidence that they need",
        "description": "Every question is answered from the same evidence, by the tables of this version.",
        "props": [_prop("agreement-digest", dossier.digest)],
        "rlinks": [{"href": "agreement.toml"}],
    }
    body: Json = {
        "uuid": _uuid(run, "results"),
        "metadata": {
            "title": _line(f"What the evidence answers on {dossier.agreement}"),
            "last-modified": at,
            "version": "1",
            "oscal-version": OSCAL_VERSION,
            "props": [_prop("agreement-digest", dossier.digest)],
        },
        "import-ap": {"href": f"#{_uuid(run, 'plan')}"},
        "results": results,
        "back-matter": {"resources": [plan]},
    }
    return {"assessment-results": body}


def _result(answer: Answer, run: str, at: str) -> Json:
    name = answer.question.id
    seen = {one.evidence.id: one for claim in answer.claims for one in claim.weighed}
    observations: list[JsonValue] = [_observation(one, _uuid(run, name, one.evidence.id), at) for one in seen.values()]
    findings: list[JsonValue] = [_finding(claim, answer, run) for claim in answer.claims]
    return {
        "uuid": _uuid(run, name),
        "title": _line(answer.asks),
        "description": _line(answer.headline),
        "start": at,
        "end": at,
        "props": [_prop("question", name), _prop("status", answer.status.value)],
        "reviewed-controls": {"control-selections": [{"include-all": {}}]},
        "observations": observations,
        "findings": findings,
    }


def _observation(one: Weighed, identifier: str, at: str) -> Json:
    found = one.found
    props: list[JsonValue] = [_prop("evidence", one.evidence.id), _prop("status", found.status.value)]
    made: Json = {
        "uuid": identifier,
        "title": _line(one.evidence.says),
        "description": _line("; ".join([found.detail, *map(in_words, found.bounds)])),
        "props": props,
        "methods": ["EXAMINE"],
        "collected": at,
    }
    evidence: list[JsonValue] = [
        {"description": _line(f"{pin.what}, at {pin.where}"), "props": [_prop("digest", pin.digest)]}
        for pin in found.pins
    ]
    return made | ({"relevant-evidence": evidence} if evidence else {})


def _finding(claim: ClaimAnswer, answer: Answer, run: str) -> Json:
    shown = claim.status is Status.SHOWN
    reason = "pass" if shown else "fail" if claim.status is Status.CONTRADICTED else "other"
    why = "; ".join(f"{one.evidence.id}: {one.found.detail}" for one in claim.missing) or "All that it needs is shown."
    limits = "".join(f" Not shown: {limit}" for limit in claim.claim.limits)
    related: list[JsonValue] = [
        {"observation-uuid": _uuid(run, answer.question.id, one.evidence.id)} for one in claim.weighed
    ]
    return {
        "uuid": _uuid(run, answer.question.id, "finding", claim.claim.id),
        "title": _line(claim.claim.says),
        "description": _line(f"{claim.status}. {why}{limits}"),
        "target": {
            "type": "objective-id",
            "target-id": f"answer-{answer.question.id}-{claim.claim.id}",
            "status": {"state": "satisfied" if shown else "not-satisfied", "reason": reason},
        },
        "related-observations": related,
    }


def _key(answer: Answer) -> JsonValue:
    """What the run is identified by: everything that was found, without figures that canonical JSON cannot hold."""
    claims: list[JsonValue] = [
        [claim.claim.id, claim.status.value, [[one.evidence.id, one.found.detail] for one in claim.weighed]]
        for claim in answer.claims
    ]
    return [answer.question.id, answer.status.value, claims]


def _prop(name: str, value: str) -> Json:
    return {"name": name, "ns": NAMESPACE, "value": plain(value) or _EMPTY}


def _line(text: str) -> str:
    return escape(text) or _EMPTY


def _uuid(*names: str) -> str:
    return str(uuid.uuid5(_UUIDS, "\x00".join(names)))
