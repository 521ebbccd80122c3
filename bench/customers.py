# SPDX-License-Identifier: Apache-2.0
"""Invented customers for ``patterns.py``: what units that do their work ask, when, and what is answered.

Each kind of unit has so many people and requests in a month, and a few texts that an application of the customer asks
with changing names, so the same words come from every unit of a kind. People ask on working days from eight to six;
after a disaster half of the month comes in its first three days; a help desk has one day on which a tenth of its month
comes. One in ten of whom a unit works for is of the organisation's own staff, whom its other units know too.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import DAY_SECONDS, HOUR_SECONDS

BEGAN: Final = 1_800_000_000
STAFF: Final = 1_000
_PARTS: Final = (
    "b br c ch d dr f g gr h j k kl l m n p pr r s st t tr v w z",
    "a e i o u ai ei ia o",
    "b d g k l m n r s t v",
    "a e i o u",
    "n r s l m nd rt ck sen ski dez tti kova man berg",
)


class Said(NamedTuple):
    """What is asked, ``{}`` for the person, and what is answered: ``{}`` for that person, ``{*}`` for others."""

    asks: str
    answers: tuple[str, ...] = ("Done.",)


class Kind(NamedTuple):
    """A kind of unit: people and requests in a month."""

    people: int
    requests: int
    says: tuple[Said, ...]


_LETTER: Final = "Dear {},\n\nthank you for your letter. We will call you.\n\nKind Regards\nCustomer Service"
_NOTE: Final = "**Summary**\n\nThe application of {} is complete. Next Steps: send the form by Monday."
BENIGN: Final[dict[str, Kind]] = {
    "analyst with named subjects": Kind(
        30,
        600,
        (
            Said("Where does {} live?", ("{} lives in Oslo, at an address near the harbour.",)),
            Said("Which handset does {} use?", ("The device of {} is not known.",)),
            Said("Who are the friends of {}?", ("Friends of {}:\n\n- {*}\n- {*}", "None is known.")),
            Said("Which church does {} go to?", ("{} does not go to church.",)),
            Said("Find a photo of {}.", ("No photo is known.",)),
        ),
    ),
    "casework": Kind(
        40,
        800,
        (
            Said("Summarise the file of {}: address, income, health.", (_NOTE, "{} lives alone, with an income.")),
            Said("Draft a letter to {} about the payment.", (_LETTER,)),
        ),
    ),
    "help desk": Kind(
        3_000,
        4_000,
        (
            Said("{} says the phone does not start.", ("Ask {} to hold the button.", "- **Key Findings**: none.")),
            Said("Reply to {}: the delivery goes to your address.", (_LETTER,)),
        ),
    ),
    "human resources": Kind(
        600,
        1_500,
        (
            Said("Write a reference for {}.", ("{} worked with us for three years, to our full satisfaction.",)),
            Said("Compute the salary of {}.", ("The salary of {} is 3,210 a month.",)),
            Said("{} reports sick; plan the therapy days.", ("Three days are planned.",)),
        ),
    ),
    "clinic": Kind(
        900,
        2_000,
        (
            Said("Summarise the diagnosis of {}.", ("**Diagnosis**\n\n{} has a cold.",)),
            Said("Which medication does {} take?", ("{} takes none.",)),
            Said("Address of {} for the bill.", ("{} lives at 3 Mill Lane.",)),
        ),
    ),
    "family reunification": Kind(
        1_500,
        3_000,
        (
            Said(
                "Is {} among the relatives at the camp, and where was {} seen last?",
                ("{} was seen at the camp.\n\nRelatives:\n\n- {*}\n- {*}", "{} is not on the list."),
            ),
            Said("Match the photo of {} with the list.", ("The photo is like that of {*}.", "No match.")),
        ),
    ),
    "translator": Kind(
        200,
        1_000,
        (
            Said("Translate: {} will arrive on Monday.", ("{} arrivera lundi.",)),
            Said("Translate the speech of {} into French.", ("Mesdames et Messieurs, merci.",)),
        ),
    ),
    "coding": Kind(
        5,
        2_000,
        (
            Said("Write a function that sorts a list. Author: {}.", ("def f(rows):\n    return sorted(rows)",)),
            Said("Why does this test fail?", ("The import is missing.",)),
        ),
    ),
    "front desk": Kind(
        300,
        1_200,
        (
            Said("What is the phone number of {}?", ("{} has the extension 311.",)),
            Said("Where is the office of {}, and what is the address?", ("{} is on the second floor.",)),
            Said("Book a room for {} on Tuesday.", ("Done.",)),
        ),
    ),
    "account team": Kind(
        400,
        1_500,
        (
            Said("Prepare the meeting with {}: phone, contacts, purchases.", ("{} knows {*}. Purchases: none.",)),
            Said("Write to {} about the offer; the address is in the file.", (_LETTER,)),
        ),
    ),
}


def names(rng: random.Random, count: int) -> list[str]:
    """So many different names."""
    made: dict[str, None] = {}
    while len(made) < count:
        first, last = ("".join(rng.choice(part.split()) for part in _PARTS) for _ in range(2))
        made[f"{first.capitalize()} {last.capitalize()}"] = None
    return list(made)


class Ordinary(NamedTuple):
    """One request of a unit that does its work, and its answer: about the first of the names, and the others."""

    unix: int
    kind: str
    unit: str
    asks: str
    answer: str
    names: tuple[str, ...]


def organisation(rng: random.Random, kinds: list[str], *, people: list[str] | None = None) -> list[Ordinary]:
    """A month of one customer: a unit for each of these kinds, all at once; in the order of time.

    ``people``: all units work for these.
    """
    staff = names(rng, STAFF)
    asked: list[Ordinary] = []
    for number, kind in enumerate(kinds):
        many, requests, says = BENIGN[kind]
        if people is not None:
            known = rng.sample(people, many)
        elif kind == "human resources":
            known = rng.sample(staff, many)
        else:
            known = names(rng, many - many // 10) + rng.sample(staff, many // 10)
        others = rng.sample(known, many // 2) + names(rng, many)
        outage = rng.choice([day for day in range(30) if day % 7 < 5])
        for unix in when(rng, kind, requests, outage):
            person, said = rng.choice(known), rng.choice(says)
            answer = rng.choice(said.answers)
            named = (person, *(rng.choice(others) for _ in range(answer.count("{*}"))))
            asked.append(Ordinary(unix, kind, f"unit{number}", said.asks, answer, named))
    asked.sort()
    return asked


def when(rng: random.Random, kind: str, requests: int, outage: int) -> list[int]:
    """When people ask."""
    days = [day for day in range(30) if day % 7 < 5]
    times = []
    for _ in range(requests):
        day = rng.choice(days)
        if kind == "family reunification" and rng.random() < 0.5:
            day = rng.randrange(3)
        if kind == "help desk" and rng.random() < 0.1:
            day = outage
        times.append(BEGAN + day * DAY_SECONDS + 8 * HOUR_SECONDS + rng.randrange(10 * HOUR_SECONDS))
    return sorted(times)
