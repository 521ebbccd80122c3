# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement table`` and ``try`` as a person reads them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from brightline.core.agreement.decide import decide
from brightline.core.facts import UNKNOWN
from brightline.shell import shipped
from brightline.shell.cli.agreement import agreement
from tests.shell.cli.in_process import run

SHIPPED = shipped.read_agreement(shipped.shipped_agreement())


def said(*arguments: str, columns: int = 120) -> str:
    done = CliRunner().invoke(agreement, arguments, env={"COLUMNS": str(columns)}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_fits_and_breaks_no_name() -> None:
    table = said("table")
    assert max(map(len, table.splitlines())) <= 120
    assert "\x1b" not in table  # colour is for terminals
    for example in SHIPPED.examples:
        for name, value in example.facts.items():
            if value != SHIPPED.vocabulary.spec(name).good:
                assert f"{name}={value}" in table


def test_the_table_says_by_which_clauses_also_where_the_example_does_not() -> None:
    line = next(line for line in said("table").splitlines() if "howitzer spare parts" in line)
    assert line.split()[-3:] == ["vvt_current=unknown", "permit", "L1"]


def test_of_a_permit_every_fact_that_would_stop_it_has_one_line() -> None:
    lines = said("try").split("what would stop it:\n")[1].splitlines()
    assert "  mass_domestic = unknown: hold by RL-1; yes: deny by RL-1" in lines
    assert "  lawful = unknown or no: deny by L1" in lines
    assert "  surface = unknown: unavailable by D1; edge: deny by D1" in lines


def test_of_a_red_line_it_is_said_that_nobody_lifts_it() -> None:
    assert "RL-1 is a red line: no answer and no approval lifts this" in said("try", "--facts", "mass_domestic=yes")
    several = said("try", "--facts", "mass_domestic=yes,weapon_direct=yes")
    assert "RL-1, RL-2 are red lines: no answer" in several
    assert "  mass_domestic = no and weapon_direct = no: permit by L1" in several
    deny = said("try", "--facts", "surface=edge")
    assert "\nno answer and no approval lifts this" in deny


def test_of_a_hold_each_answer_is_said_with_what_it_leads_to() -> None:
    lines = said("try", "--facts", "mass_domestic=unknown,high_stakes=yes").splitlines()
    assert "  ask 2 of provider_cleared whether mass_domestic is good" in lines
    assert "  mass_domestic = no: hold by L3; yes: deny by RL-1" in lines
    assert "  1 of customer_decider approve: hold by RL-1" in lines


def test_where_too_many_facts_are_bad_the_bound_is_said() -> None:
    four = "lawful=no,protocols_current=no,mass_domestic=yes,weapon_direct=yes"
    assert "no change of up to 3 facts would change it" in said("try", "--facts", four)


@pytest.mark.parametrize("facts", ["", "mass_domestic=yes", "high_stakes=yes", "surface=unknown"])
def test_json_says_what_deciding_says(facts: str) -> None:
    row = json.loads(said("try", "--facts", facts, "--json"))
    named = dict(pair.split("=") for pair in facts.split(",") if pair)
    example = {spec.name: spec.good for spec in SHIPPED.vocabulary.specs} | named
    decision = decide(SHIPPED, SHIPPED.examples[0].facts.with_values(example), {})
    assert row["verdict"] == decision.verdict
    assert list(row["clauses"]) == list(decision.clauses)
    assert row["facts_that_mattered"] == list(decision.facts_that_mattered)
    assert [question["name"] for question in row["questions"]] == [question.name for question in decision.questions]
    assert all(each["verdict"] != row["verdict"] or row["verdict"] == "hold" for each in row["otherwise"])


def test_a_fact_may_be_unknown_but_not_anything() -> None:
    said("try", "--fact", f"us_person={UNKNOWN}")
    run("agreement", "try", "--fact", "us_person=perhaps", code=2)
