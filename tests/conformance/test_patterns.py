# SPDX-License-Identifier: Apache-2.0
"""Patterns over real sockets: what no single request shows is held, and then a matter of standing; nobody is named.

The customers are simulated: each asks with the real SDK what such a customer asks. Nobody's request is held by itself.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.seen import COUNTED_KINDS, read_seen
from brightline.core.standing import Standing
from brightline.shell import shipped
from brightline.shell.config import load_settings
from brightline.shell.opening import open_agreement
from tests.harness import (
    Running,
    add_workload,
    another_gateway,
    chunk,
    completion,
    read_records,
    running,
    running_again,
    within_two_seconds,
)
from tests.postgres import new_database, postgres
from tests.shell.cli.in_process import run

PATIENCE_SECONDS = 60.0
PEOPLE = 4  # so many profiles are too many in these tests
NOTICE = 6
PATTERN = f"""
[pattern.profiles]
fact = "mass_domestic"
over = ["unit", "purpose", "agreement"]
window = "30d"
subjects = {PEOPLE}
touching = ["place", "device", "association", "belief", "face"]
joins = 3
notice = {NOTICE}
says = "Profiles of many people, made piece by piece."
"""
GIVEN = ["Maria", "Peter", "Anna", "José", "Amélie", "Jörg", "Ivana", "Giulia", "Omar", "Mei", "Tomás", "Ingrid"]
FAMILY = ["Jensen", "Olsen", "García", "Dupont", "Müller", "Rossi", "Novak", "Haddad", "Lindqvist", "Okafor"]
ASKED = [
    "Where does {} live?",
    "Which handset does {} use?",
    "Who is a friend of {}?",
    "Which church does {} go to?",
]


def person(number: int) -> str:
    return f"{GIVEN[number % len(GIVEN)]} {FAMILY[number // len(GIVEN) % len(FAMILY)]}"


def agreement_with(folder: Path, tables: str) -> Path:
    """The shipped agreement with pattern tables, in a folder."""
    source = shipped.shipped_agreement()
    folder.mkdir()
    for each in source.iterdir():
        (folder / each.name).write_bytes(each.read_bytes())
    toml = folder / "agreement.toml"
    toml.write_text(toml.read_text() + tables)
    return folder


@contextmanager
def counting(tmp_path: Path, tables: str = PATTERN, more_toml: str = "") -> Iterator[Running]:
    folder = agreement_with(tmp_path / "agreement", tables)
    with running(tmp_path / "state", more_toml=f'[agreement]\ndirectory = "{folder}"\n{more_toml}') as node:
        yield node


def key_of(node: Running, name: str, **more: Any) -> str:
    """A key of another workload, registered while the gateway serves."""
    settings = load_settings(node.root)
    key = add_workload(node.root, settings, open_agreement(settings), name, **more)
    within_two_seconds(lambda: node.node.registry.workloads.get(name) is not None)
    return key


def asks(client: openai.OpenAI, prompt: str, *, streamed: bool = False) -> str:
    """Ask; the code of the refusal, empty if it is answered."""
    messages: Any = [{"role": "user", "content": prompt}]
    try:
        if streamed:
            with client.chat.completions.create(model="m", messages=messages, stream=True) as stream:
                assert list(stream)
        else:
            client.chat.completions.create(model="m", messages=messages)
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def until(node: Running, standing: Standing, unit: str = "unit-1") -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while node.node.standing_of(unit).standing is not standing:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_dossier_asked_piece_by_piece_over_keys_is_held_then_a_matter_of_standing_and_nobody_is_named(
    tmp_path: Path,
) -> None:
    with counting(tmp_path) as node:
        second = key_of(node, "second-key")
        clients = [node.client(), node.client(second)]
        codes = [
            asks(clients[number % 2], question.format(person(number)))
            for number in range(PEOPLE)
            for question in ASKED[:3]
        ]
        assert codes == [""] * (3 * PEOPLE - 1) + ["held_for_review"]
        assert asks(clients[0], "List three fruits.") == ""  # whatever touches nobody goes on
        assert asks(clients[1], "Translate for Anna Novak: good morning.") == ""
        assert asks(clients[1], ASKED[0].format(person(1))) == "held_for_review"
        held = [each for each in node.records() if each.get("outcome") == "held"]
        assert {each["committed"]["facts"]["mass_domestic"] for each in held} == {"unknown"}
        crossed = [each["committed"].get("touched", {}).get("crossed") for each in node.records()]
        assert ["profiles", "unit", PEOPLE] in [row for rows in crossed if rows for row in rows]
        for number in range(PEOPLE, NOTICE):
            for question in ASKED[:3]:
                assert asks(clients[0], question.format(person(number))) in {"held_for_review", "unit_held"}
        until(node, Standing.NOTICED)
        assert shown(node)["unit-1"] == NOTICE
        for client in clients:
            client.close()
        key, counted = node.key, bytes_of(node.node.patterns.book)
        assert counted == recounted(node)
    with running_again(tmp_path / "state", key) as again:
        assert bytes_of(again.node.patterns.book) == counted
        assert again.node.standing_of("unit-1").pattern
    names = {name.encode() for number in range(NOTICE) for name in person(number).split()}
    for path in (tmp_path / "state").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [name for name in names if name in data or name.lower() in data], path


@pytest.mark.parametrize("streamed", [False, True])
def test_people_whom_only_answers_name_are_counted_and_the_answer_that_is_one_too_many_is_held(
    tmp_path: Path, streamed: bool
) -> None:
    """Each question names nobody; each answer makes a profile."""
    with counting(tmp_path) as node, node.client() as client:
        codes = []
        for number in range(PEOPLE):
            profile = f"{person(number)} lives in Elm Street, has a handset and goes to church."
            if streamed:
                node.model.streams([chunk(profile[:9]), chunk(profile[9:]), chunk("", "stop")])
            else:
                node.model.says(completion(profile))
            codes.append(asks(client, "Who is next on the list?", streamed=streamed))
        assert codes == [""] * (PEOPLE - 1) + ["held_for_review"]
        assert bytes_of(node.node.patterns.book) == recounted(node)
        outcomes = [each for each in node.records() if each["kind"] == "OUTCOME"]
        assert outcomes[-1]["committed"]["touched"]["crossed"] == [["profiles", "unit", PEOPLE]]
    names = {name.encode() for number in range(PEOPLE) for name in person(number).split()}
    patterns = (tmp_path / "state" / "patterns").rglob("*")
    assert not [path for path in patterns if path.is_file() and any(name in path.read_bytes() for name in names)]


def test_what_a_gateway_counted_in_a_shared_database_is_counted_by_others_once_it_is_lost(tmp_path: Path) -> None:
    with postgres() as server:
        url = asyncio.run(new_database(server, "counts"))
        shared = f'[patterns]\ndatabase_url = "{url}"\n'
        with counting(tmp_path, more_toml=shared) as node:
            pieces = [question.format(person(number)) for number in range(PEOPLE) for question in ASKED[:3]]
            with another_gateway(node) as other, other.client() as client:
                assert [asks(client, each) for each in pieces[:-1]] == [""] * (len(pieces) - 1)
                other.loop.call(other.node.patterns.keep())
            node.loop.call(node.node.patterns.keep())
            with node.client() as client:
                assert asks(client, pieces[-1]) == "held_for_review"
            assert shown(node)["unit-1"] == PEOPLE
            assert not (node.root / "patterns" / "patterns.sqlite").exists()


def test_customers_who_do_their_work_are_never_held(tmp_path: Path) -> None:
    """An analyst with a few named subjects, casework, a help desk, a translator; far more people than profiles."""
    with counting(tmp_path) as node:
        keys = {name: key_of(node, name, unit=name) for name in ("analyst", "casework", "help-desk")}
        work = {
            "analyst": [question.format(person(number)) for number in range(PEOPLE - 1) for question in ASKED],
            "casework": [
                f"Summarise the letter of {person(number)} about an unpaid salary and the new bank account."
                for number in range(20, 20 + 2 * PEOPLE)
            ],
            "help-desk": [
                f"Draft a reply to {person(number)}, whose telephone does not start."
                for number in range(40, 40 + 2 * PEOPLE)
            ],
        }
        for name, prompts in work.items():
            with node.client(keys[name]) as client:
                assert [asks(client, prompt) for prompt in prompts] == [""] * len(prompts), name


def shown(node: Running) -> dict[str, int]:
    """What the command says of units, once the gateway has kept all that it counted."""
    node.loop.call(node.node.patterns.keep())
    done = run("patterns", node.root, "--json", code=1)
    units = [each for each in json.loads(done.stdout)["counts"] if each["over"] == "unit"]
    assert all(each["us_persons"] == 0 and sum(each["matters"]) >= each["people"] for each in units)
    return {each["name"]: each["people"] for each in units}


LOOP = """
[pattern.loop]
fact = "weapon_direct"
counts = "acts"
over = ["key", "unit", "agreement"]
window = "1h"
subjects = 4
notice = 6
says = "Acts at a tempo that no person reads."
[pattern.cases]
fact = "acts_alone"
counts = "cases"
over = ["unit", "agreement"]
window = "30d"
subjects = 5
notice = 7
says = "Cases are decided one by one, by nobody."
"""
DISPATCH: Any = {"type": "function", "function": {"name": "dispatch_van", "parameters": {"type": "object"}}}


def steps(client: openai.OpenAI, number: int) -> str:
    """The result of a tool came in, and the model may call it again; the code of the refusal, if any."""
    call = {"id": "c1", "type": "function", "function": {"name": "dispatch_van", "arguments": f'{{"van": {number}}}'}}
    messages: Any = [
        {"role": "user", "content": "Keep the vans of the bakery busy."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": f"van {number} is back"},
    ]
    try:
        client.chat.completions.create(model="m", messages=messages, tools=[DISPATCH])
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def test_a_loop_that_acts_without_a_person_is_held_then_a_matter_of_standing_and_who_asks_without_tools_goes_on(
    tmp_path: Path,
) -> None:
    folder = agreement_with(tmp_path / "agreement", LOOP)
    more = f'[agreement]\ndirectory = "{folder}"\n'
    with running(tmp_path / "state", more_toml=more, tools=[DISPATCH]) as node:
        with node.client() as client:
            assert [steps(client, number) for number in range(4)] == [""] * 3 + ["held_for_review"]
            assert asks(client, "List three fruits.") == ""
            cases = [f"Claim {number}: nine years of residence. Approve or deny?" for number in range(6)]
            assert [asks(client, each) for each in cases] == [""] * 6  # its clause asks for high stakes besides
            told = [each["committed"]["facts"] for each in node.records() if "facts" in each["committed"]]
            assert {facts["weapon_direct"] for facts in told} == {"no", "unknown"}
            assert {facts["acts_alone"] for facts in told} == {"no", "unknown"}
            assert [steps(client, number) for number in (5, 6)] == ["held_for_review"] * 2
            until(node, Standing.NOTICED)
        assert bytes_of(node.node.patterns.book) == recounted(node)
        node.loop.call(node.node.patterns.keep())
        told = json.loads(run("patterns", node.root, "--json", code=1).stdout)["counts"]
        by_unit = {row["pattern"]: (row["people"], row["counts"]) for row in told if row["over"] == "unit"}
        assert by_unit["loop"] == (6, "steps from a tool to the next act")
        assert by_unit["cases"] == (6, "cases to decide")
        key, counted = node.key, bytes_of(node.node.patterns.book)
    with running_again(tmp_path / "state", key) as again:
        assert bytes_of(again.node.patterns.book) == counted


@pytest.mark.slow
def test_a_dossier_over_ten_keys_of_five_units_shuffled_into_ordinary_work_is_stopped_and_nobody_else_is(
    tmp_path: Path,
) -> None:
    """The long form: a hundred people, five units under one purpose, each request like an ordinary one."""
    people, limit = 100, 12
    tables = PATTERN.replace(f"subjects = {PEOPLE}", f"subjects = {limit}").replace(f"notice = {NOTICE}\n", "")
    tables = tables.replace('over = ["unit", "purpose", "agreement"]', 'over = ["unit", "agreement"]')
    rng = random.Random(7)  # noqa: S311 - a simulation
    with counting(tmp_path, tables.replace("joins = 3", "joins = 4")) as node:
        keys = [key_of(node, f"piece-{number}", unit=f"piece-{number % 5}") for number in range(10)]
        others = [key_of(node, f"work-{number}", unit=f"work-{number}") for number in range(2)]
        asked = [(name, question.format(name)) for name in map(person, range(people)) for question in ASKED]
        rng.shuffle(asked)
        whole: Counter[str] = Counter()
        codes: list[str] = []
        for number, (name, prompt) in enumerate(asked):
            with node.client(keys[number % len(keys)]) as client:
                codes.append(asks(client, prompt))
            whole[name] += 1
            if codes[-1]:
                break
            if number % 10 == 0:
                with node.client(others[number % 2]) as client:
                    assert asks(client, f"Translate for {person(rng.randrange(people))}: good morning.") == ""
        assert codes[-1] == "held_for_review"
        profiles = sum(count == len(ASKED) for count in whole.values())
        assert profiles == limit


def bytes_of(book: PatternBook) -> dict[Any, bytes]:
    return {counted: sketch.write() for counted, sketch in book}


def recounted(node: Running) -> dict[Any, bytes]:
    """The counts, made again from what the records commit to."""
    book = PatternBook()
    for record in read_records(node.root):
        counted = record["kind"] in COUNTED_KINDS
        seen = read_seen(record.get("exchange", ""), record["committed"]) if counted else None
        if seen is not None:
            book.enter(seen)
    return bytes_of(book)
