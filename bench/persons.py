# SPDX-License-Identifier: Apache-2.0
"""What the reader of names finds that the way does not, whom it takes for a person, and what it costs where.

    python bench/persons.py

Needs the weights of ``requirements/persons.lock``. The sentences are those of ``tests/shell/persons/sentences.tsv``;
the everyday texts are drawn from ``corpora/everyday``, the same each time. Only processor time is told, so that it
matters less who else works on the machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click

from brightline.core.enforcement.ended import Closed
from brightline.core.errors import ReleaseError
from brightline.core.evidence.record import Outcome, RefusalClass
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.patterns.crossing import Watched
from brightline.core.patterns.further import Further, forms_in
from brightline.core.patterns.later import found_further
from brightline.core.patterns.names import spelled
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import Seen, Whose, see
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import persons_in, touched_by, touched_by_answer
from brightline.shell.persons.rampart import Rampart
from brightline.shell.persons.reading import SecondReader

ROOT = Path(__file__).resolve().parent.parent
SENTENCES = ROOT / "tests" / "shell" / "persons" / "sentences.tsv"
EVERYDAY = ("ordinary-day", "ordinary-day-b", "questions-in-languages", "self-instruct", "wildguard-benign", "coconot")
OF_EACH = 40
CHARS = 300
UNIX = 1_790_000_000
KEYS = {span: bytes(32) for span in spans_at(UNIX)}


def found(reader: Rampart) -> None:
    """How many of the names of the sentences are found on the way, and with the reader."""
    rows = []
    for line in SENTENCES.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, _, marked = line.split("\t")
            rows.append(
                (language, marked.replace("[", "").replace("]", ""), marked.partition("[")[2].partition("]")[0])
            )
    counted: Counter[tuple[str, str]] = Counter()
    for (language, text, name), places in zip(rows, reader.places([row[1] for row in rows]), strict=True):
        words = set(spelled(name).split())
        for how, further in (("way", Further()), ("reader", Further(forms_in(text, places)))):
            persons = [set(person.split(" ")[1:]) for person in persons_in(text, further=further)]
            for group in ("all", "English" if language == "en" else "others"):
                counted[group, how] += any(words & person for person in persons)
                counted[group, f"{how}, whole name"] += words in persons
        for group in ("all", "English" if language == "en" else "others"):
            counted[group, "sentences"] += 1
    for group in ("all", "English", "others"):
        click.echo({group: {what: count for (which, what), count in counted.items() if which == group}})


def false_persons(reader: Rampart) -> list[str]:
    """Texts of everyday in which the reader finds somebody whom the way does not; and the texts."""
    everything = []
    for name in EVERYDAY:
        lines = (ROOT / "corpora" / "everyday" / f"{name}.jsonl").read_text("utf-8").splitlines()[1:]
        drawn = random.Random(7).sample(lines, OF_EACH)  # noqa: S311 - a sample
        texts = [json.loads(line)["text"][:CHARS] for line in drawn]
        further = []
        for text, places in zip(texts, reader.places(texts), strict=True):
            on_the_way = persons_in(text)
            further += [
                person
                for person in persons_in(text, further=Further(forms_in(text, places)))
                if person not in on_the_way
            ]
        click.echo(f"{name}: {len(texts)} texts, {len(further)} further persons {further[:6]}")
        everything += texts
    return everything


def cost(reader: Rampart, texts: list[str]) -> None:
    """Processor time of one exchange: on the way, off it in the gateway, and in the reader's process."""
    requests = [Exchange("chat", "m", (Turn(Role.USER, (text,)),)) for text in texts]
    reply = Reply((ReplyChoice(0, "It is not known where they live. Nothing is on file about it." * 4),))
    whose = Whose("key", "unit", "purpose")

    def way(request: Exchange) -> Seen:
        touched = touched_by(request)
        ask(request, touched.persons, UNIX, KEYS)
        seen = see("x1", touched, whose, UNIX, KEYS)
        seen.answered(touched_by_answer(reply, touched.about), KEYS)
        return seen

    closed = (Closed(Outcome.COMPLETED, RefusalClass.NONE, "permit", ""),)
    line = asyncio.run(_line())

    def with_line(request: Exchange, second: SecondReader = line) -> None:
        watched = Watched(seen=way(request))
        reading = second.begin(None, None, request, watched)  # type: ignore[arg-type]
        reading.heard(reply, watched)
        second.end(reading, closed)

    turns = [
        (_each(lambda: [way(each) for each in requests]), _each(lambda: list(map(with_line, requests))))
        for _ in range(7)
    ]
    count = len(texts)
    click.echo(
        f"on the way, µs: {median(a for a, _ in turns) / count * 1e6:.0f} without, "
        f"{median(b for _, b in turns) / count * 1e6:.0f} with the line; ratio {median(b / a for a, b in turns):.2f}"
    )
    seens = [way(each) for each in requests]
    forms = [list(forms_in(text, places)) for text, places in zip(texts, reader.places(texts), strict=True)]
    again = _each(
        lambda: [
            found_further(*row)
            for row in (
                (seen, None, request, reply, form, KEYS)
                for seen, request, form in zip(seens, requests, forms, strict=True)
            )
        ]
    )
    click.echo(f"off the way, in the gateway: {again / count * 1e6:.0f} µs")
    reads = _each(lambda: [reader.places([text, reply.choices[0].text]) for text in texts[:60]])
    size = sum(len(text) + len(reply.choices[0].text) for text in texts[:60]) / 60
    click.echo(f"off the way, in the reader: {reads / 60 * 1e3:.1f} ms for {size:.0f} characters")


async def _line() -> SecondReader:
    def never() -> object:
        raise AssertionError("nothing is read here")

    return SecondReader(never, None, None, None, None, 1_000_000, 1 << 40)  # type: ignore[arg-type]


def _each(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> int:
    """Measure and print."""
    try:
        reader = Rampart([])
    except ReleaseError as error:
        click.echo(f"skipped: {error}")
        return 0
    found(reader)
    cost(reader, false_persons(reader))
    return 0


if __name__ == "__main__":
    sys.exit(main())
