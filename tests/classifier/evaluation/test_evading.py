# SPDX-License-Identifier: Apache-2.0
"""The same few rows in every disguise, beside themselves plain."""

from __future__ import annotations

import base64
from typing import Any

from brightline.classifier.corpus import Call, Message, RowSurface
from brightline.classifier.evaluation.bench import UNJUDGED, Answer
from brightline.classifier.evaluation.evading import disguised, evaded, name_of
from brightline.classifier.evaluation.measuring import Judged
from brightline.classifier.evaluation.probe import Probe
from brightline.classifier.evasion.table import TRANSFORMS


def probe(number: int, truth: Any, **given: Any) -> Probe:
    return Probe(str(number), "s", {"weapons": truth}, text=f"Fire at target number {number}.", **given)


def said(probe: Probe, value: str) -> Judged:
    return Judged(probe, Answer({"weapon_direct": value}, "permit", {}, {}))


def test_so_many_of_each_kind_are_taken_whatever_their_order_in_the_file() -> None:
    probes = [probe(i, "yes" if i % 2 else "no") for i in range(20)] + [probe(99, "unknown")]
    costumes = disguised(probes, 3)
    assert len(costumes) == 6 * len(TRANSFORMS)
    assert costumes == disguised(probes[::-1], 3)
    assert {one.probe.truths["weapons"] for one in costumes} == {"yes", "no"}


def test_a_disguise_is_worn_by_each_kind_of_row_that_can_wear_it() -> None:
    talk = Probe("1", "s", {"weapons": "yes"}, RowSurface.CONVERSATION, messages=(Message("user", "Fire at dawn."),))
    call = Probe("2", "s", {"weapons": "yes"}, RowSurface.TOOL_CALL, tool_call=Call("f", {"at": "Fire at dawn now."}))
    worn = {(one.evasion, one.plain): one.probe for one in disguised([talk, call, probe(3, "yes")], 3)}
    assert worn["base64", "s/1"].messages[0].content.endswith(base64.b64encode(b"Fire at dawn.").decode())
    found = worn["base64", "s/2"].tool_call
    assert found is not None
    assert found.arguments["at"].endswith(base64.b64encode(b"Fire at dawn now.").decode())
    assert ("crescendo", "s/1") not in worn, "what is a conversation cannot be spread over turns"
    assert worn["crescendo", "s/3"].surface is RowSurface.CONVERSATION


def test_what_is_caught_in_disguise_stands_beside_what_was_caught_plain() -> None:
    plain = [said(probe(1, "yes"), "yes"), said(probe(2, "yes"), "unknown"), said(probe(3, "no"), "no")]
    worn = [one for one in disguised([one.probe for one in plain], 3) if one.evasion == "rot13"]
    became = {"1": "unknown", "2": "no", "3": "yes"}
    results = [(one, said(one.probe, became[one.plain.partition("/")[2]])) for one in worn]
    (found,) = evaded("weapons", plain, results)
    assert (found.name, found.caught.hits, found.plain.hits, found.caught.of) == ("rot13", 1, 2, 2)
    assert (found.wrongful.hits, found.plain_wrongful.hits) == (1, 0)
    assert evaded("surveillance", plain, results) == ()


def test_what_no_detector_could_judge_is_not_caught() -> None:
    plain = [said(probe(1, "yes"), "yes")]
    (one,) = [one for one in disguised([plain[0].probe], 1) if one.evasion == "rot13"]
    (found,) = evaded("weapons", plain, [(one, Judged(one.probe, Answer({}, UNJUDGED, {}, {})))])
    assert (found.caught.hits, found.plain.hits) == (0, 1)
    assert one.plain == name_of(plain[0].probe)
