# SPDX-License-Identifier: Apache-2.0
"""THE QUESTIONS: what people ask of such a deployment, each with the claims that would answer it.

The words are ours and name no party; an agreement's own words for them lie beside it (``questions.toml``). A claim is
shown if everything that it needs is; its limits stay open even then. Change an answer here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from brightline.core.answer.model import Claim, Question

_BOOKS: Final = (
    "keys",
    "log",
    "records",
    "books",
    "passed",
    "periods",
    "lost",
    "receipts",
    "versions",
    "held",
    "halted",
    "leased",
    "hunted",
)

# ---- claims that several answers rest on -------------------------------------------------------------------------

_DECIDED: Final = Claim(
    "decided",
    "Every exchange on record was decided by the agreement and by nothing else, and decides the same way again.",
    ("keys", "log", "records", "books", "passed", "replays", "lost", "versions", "held", "halted", "leased", "hunted"),
    (
        "The facts that decided were stated by detectors, registrations and people. That they are true is for whoever "
        "signed them, and for a cleared auditor who opens a record and looks.",
    ),
)
_COMPLETE: Final = Claim(
    "complete",
    "Nothing reached the model beside what is on record, and nobody is shown another record.",
    ("keys", "guarded", "upstreams", "witnessed", "heads", "receipts", "canaries"),
    (
        "If gateway and guard leave the same exchange out together, both logs balance.",
        "An order or a request that nobody wrote down and nobody answered leaves no trace here.",
    ),
)
_RATCHET: Final = Claim(
    "ratchet",
    "Nobody can loosen the agreement, not even all together: its versions only tighten, and another one is seen.",
    ("agreement", "one-agreement", "no-weaker"),
    ("The parties may agree anew at any time. A new agreement has another id, and this answer then names both.",),
)
_PLACE: Final = Claim(
    "place",
    "The model runs in the provider's cloud behind this stack, and nowhere else.",
    ("agreement", "proofs", "refuses-elsewhere", "admitted", "attested"),
    ("Weights that were copied elsewhere ask no gateway.",),
)
_PEOPLE: Final = Claim(
    "people",
    "Nothing is served while no cleared person of the provider is on duty.",
    ("agreement", "needs-people", "replays"),
    ("To be on duty is to stand on a signed roster and to be able to answer a hold. Nobody reads every exchange.",),
)

# ---- the questions -------------------------------------------------------------------------------------------------

_QUESTIONS: Final = (
    Question(
        "weapons",
        "Will this deal enable {customer} to use {provider}'s models to power autonomous weapons?",
        "By each way to a weapon: what is asked of the model, what runs beside it, what is seen, and what adds up.",
        (
            Claim(
                "refused",
                "What directs an autonomous weapon is refused, whoever approves it.",
                ("agreement", "proofs", "refuses-weapons"),
                ("Whether the formula means the sentence is for people to say; the clause book shows both.",),
            ),
            _DECIDED,
            _COMPLETE,
            _PLACE,
            _PEOPLE,
            Claim(
                "seen",
                "The detectors find what directs a weapon, as often as both parties signed that they must.",
                ("release", "recall-weapons", "enough"),
                ("A corpus is not the world: whoever writes differently from its authors is found less often.",),
            ),
            Claim(
                "loop",
                "No loop of sensing, asking and acting runs without a person, however harmless each request looks.",
                ("tempo",),
                ("A model in a cloud can be called by a machine as well as by a person.",),
            ),
        ),
        ("weapon_direct", "autonomous_use"),
        "Everything that this answer rests on is shown. Within the bounds below, no exchange on record directed an "
        "autonomous weapon.",
    ),
    Question(
        "surveillance",
        "Will this deal enable {customer} to use {provider}'s models to conduct mass surveillance?",
        "Mass surveillance is breadth over many requests, each of them small. So the answer waits for all of seven.",
        (
            Claim(
                "E1-definition",
                "What counts as mass surveillance is defined in numbers that both parties signed.",
                ("agreement", "reviewed", "thresholds"),
            ),
            Claim(
                "E2-completeness",
                "Every request to the model is on record, by a meter that others keep.",
                (*_BOOKS, "guarded", "upstreams", "witnessed", "heads", "canaries", "meter"),
            ),
            Claim(
                "E3-recall",
                "How much the detectors find is measured, also where it is cut into small requests.",
                ("release", "recall-surveillance", "fragments"),
            ),
            Claim(
                "E4-subjects",
                "How many distinct people were touched is counted, by unit, purpose and window.",
                ("subjects",),
            ),
            Claim(
                "E5-proofs",
                "The agreement refuses it whoever approves, is no weaker than at first, and each decision replays.",
                ("agreement", "one-agreement", "proofs", "refuses-surveillance", "no-weaker", "replays"),
            ),
            Claim(
                "E6-review",
                "Cleared people looked at a random sample of what was permitted.",
                ("sampled", "people"),
            ),
            Claim(
                "E7-limits",
                "What this cannot see is stated.",
                ("limits",),
                (
                    "What is done with an answer once it has left the gateway.",
                    "Whether somebody who is named is a person of the country, where nobody says so.",
                    "What other systems of the customer do without this model.",
                ),
            ),
        ),
        ("mass_domestic", "monitoring"),
        "Not found, within the bounds and limits below and for the period that they name.",
        waits=True,
    ),
    Question(
        "decisions",
        "Will this deal let {provider}'s models decide on people's lives without a person?",
        "By each way in which a machine decides alone: what is asked of it, what is seen, and what adds up.",
        (
            Claim(
                "refused",
                "Scoring people, and a decision on a life that acts alone, are refused, whoever approves them.",
                ("agreement", "proofs", "refuses-decisions"),
                ("A person who only clicks through decides nothing, and no record shows how long somebody thought.",),
            ),
            _DECIDED,
            _COMPLETE,
            Claim(
                "seen",
                "The detectors find such decisions, as often as both parties signed that they must.",
                ("release", "recall-decisions", "enough"),
                ("A corpus is not the world: whoever writes differently from its authors is found less often.",),
            ),
            Claim(
                "loop",
                "Nobody decides ten thousand cases by ten thousand single requests.",
                ("tempo",),
            ),
        ),
        ("social_scoring", "high_stakes", "acts_alone"),
        "Everything that this answer rests on is shown. Within the bounds below, no exchange on record decided on "
        "somebody's life without a person.",
    ),
    Question(
        "compelled",
        "Can {provider} be compelled to surveil people of the country?",
        "By what somebody with power over us could order: a loosening, a way round, a silence.",
        (
            Claim(
                "refused",
                "Mass surveillance, and monitoring without bounds, are refused, whoever approves them.",
                ("agreement", "proofs", "refuses-surveillance", "refuses-monitoring"),
            ),
            _RATCHET,
            _DECIDED,
            _COMPLETE,
            Claim(
                "orders",
                "The orders that were received are on record.",
                ("keys", "log", "registry"),
                ("An order that forbids to write it down may not be written down.",),
            ),
            Claim(
                "kept",
                "What people said to the model is kept only where people had to look, and no longer than was agreed.",
                ("keys", "log", "aged"),
                ("A copy that somebody made before, of words or of keys, leaves no trace here.",),
            ),
        ),
        ("mass_domestic", "monitoring"),
        "Everything that this answer rests on is shown: no set of signatures loads a loosening, and what was asked is "
        "on record.",
    ),
    Question(
        "without-stack",
        "Does {provider} have to deploy models without a safety stack?",
        "By each way around the stack: the text, the door to the model, the place, a later loosening.",
        (
            Claim(
                "refused",
                "Nothing is permitted without the stack, off the cloud, or with a model not trained for safety.",
                ("agreement", "proofs", "refuses-elsewhere"),
            ),
            _DECIDED,
            _COMPLETE,
            _PLACE,
            _RATCHET,
        ),
        ("stack_on", "surface", "safety_trained"),
        "Everything that this answer rests on is shown: the model answered to nothing but this stack.",
    ),
    Question(
        "violation",
        "What happens if {customer} violates the terms of the contract?",
        "By the ladder that both parties signed, and by what is on record of it.",
        (
            Claim(
                "ladder",
                "What follows is written down, from a refused attempt to termination, with time to mend and object.",
                ("agreement", "ladder"),
                ("That the parties will do what they signed is for the parties.",),
            ),
            Claim(
                "recorded",
                "Every refusal is on record, counted and in its place.",
                ("keys", "log", "records", "books", "periods"),
            ),
            Claim(
                "steps",
                "Each step that was taken on the ladder is on record.",
                ("keys", "log", "registry"),
                ("Which unit it was is committed and not public.",),
            ),
        ),
        (),
        "The steps are written down and signed for, and what was taken of them is on record.",
    ),
    Question(
        "law-change",
        "What if the government changes the law or its policies?",
        "The agreement follows the law as it was pinned: by its text, by its later versions, by its decisions.",
        (
            Claim(
                "pinned",
                "The agreement refers to each law as it stood on a day, and decides by facts alone.",
                ("agreement", "pinned-law"),
                ("The words of each law on that day are pinned where the agreement names their digest.",),
            ),
            _RATCHET,
            _DECIDED,
        ),
        (),
        "Everything that this answer rests on is shown: each decision is made again from the agreement as it was "
        "signed, whatever a law says today.",
    ),
    Question(
        "enforceable",
        "Are these red lines more enforceable than promises on paper?",
        "By what carries them beside the text: the place, the stack, the people.",
        (_PLACE, _DECIDED, _COMPLETE, _PEOPLE),
        (),
        "Everything that this answer rests on is shown: the lines rest on more than a text. How another agreement "
        "fares, `brightline agreement compare` says.",
    ),
)

QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType({question.id: question for question in _QUESTIONS})

BEYOND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "motive": "It asks for reasons. No record shows why somebody wanted something.",
        "opinion": "It asks for an opinion. Nothing that is counted here speaks for or against it.",
    }
)
"""What a text may also ask, and why no evidence answers it."""

LIMITS: Final = (
    "What is done with an answer once it has left the gateway.",
    "What is done with models that are not behind this gateway.",
    "Whether somebody who is named is a person of the country, where nobody says so.",
    "Whether the facts that detectors, registrations and people stated are true.",
)
"""What no answer here can see."""
