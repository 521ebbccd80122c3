# SPDX-License-Identifier: Apache-2.0
"""The agreement that comes with the project: its worked examples, one test each, and the oracle over it."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brightline
from brightline.core.agreement.clause import Agreement, ClauseKind, Example, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.load import load_agreement
from brightline.core.errors import AgreementError
from brightline.core.facts import UNKNOWN, Facts
from tests.core.agreement.test_decide import SEVERITY, check_decision

PACKAGE = Path(brightline.__file__).parent
FOLDER = PACKAGE / "agreements" / "dow-2026-02-27"


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


AGREEMENT = load_agreement(read("agreement.toml"), read)
ALL_GOOD = Facts.of({spec.name: spec.good for spec in AGREEMENT.vocabulary.specs})
OFFICES = tuple(office.id for office in AGREEMENT.offices)


@pytest.mark.parametrize("example", AGREEMENT.examples, ids=lambda example: example.name)
def test_each_worked_example_comes_out(example: Example) -> None:
    decision = check_decision(AGREEMENT, example.facts, dict(example.approvals), most=2)
    assert decision.verdict is example.verdict
    assert example.clauses in ((), decision.clauses)


def test_every_clause_and_every_verdict_has_its_say_in_the_examples_or_is_named_here() -> None:
    named = {clause for example in AGREEMENT.examples for clause in example.clauses}
    assert {example.verdict for example in AGREEMENT.examples} == set(Verdict)
    assert {clause.id for clause in AGREEMENT.clauses} - named == set()


@pytest.mark.parametrize("clause", [clause.id for clause in AGREEMENT.clauses if clause.facts])
def test_each_clause_by_itself_can_stop_an_exchange(clause: str) -> None:
    """All facts of the clause bad, all others good: it is among those that decide, and there is no permit."""
    spec = AGREEMENT.vocabulary.spec
    bad = {
        name: next(value for value in spec(name).values if value != spec(name).good)
        for name in AGREEMENT.clause(clause).facts
    }
    decision = decide(AGREEMENT, ALL_GOOD.with_values(bad), {})
    assert decision.verdict in (Verdict.HOLD, Verdict.DENY)
    blocking = [c.id for c in AGREEMENT.clauses if c.blocks(ALL_GOOD.with_values(bad).view, {})]
    assert clause in blocking or AGREEMENT.clause(clause).kind is ClauseKind.GRANT


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Facts, dict[str, int]]:
    specs = draw(st.lists(st.sampled_from(AGREEMENT.vocabulary.specs), max_size=6, unique=True))
    values = {spec.name: draw(st.sampled_from((UNKNOWN, *spec.values))) for spec in specs}
    return ALL_GOOD.with_values(values), draw(st.dictionaries(st.sampled_from(OFFICES), st.integers(0, 3)))


@settings(max_examples=400, deadline=None)
@given(exchanges())
def test_the_verdict_is_what_trying_every_completion_gives(exchange: tuple[Facts, dict[str, int]]) -> None:
    facts, approvals = exchange
    check_decision(AGREEMENT, facts, approvals, most=2)


def test_each_fact_by_itself_never_loosens_from_wherever_one_starts() -> None:
    """One fact is worsened at each of two thousand random exchanges."""
    chance = random.Random(7)  # noqa: S311 - a fixed sample
    for _ in range(2000):
        facts = ALL_GOOD.with_values(
            {
                spec.name: chance.choice((UNKNOWN, *spec.values))
                for spec in chance.sample(AGREEMENT.vocabulary.specs, chance.randrange(5))
            }
        )
        approvals = {office: chance.randrange(3) for office in OFFICES}
        before = decide(AGREEMENT, facts, approvals).verdict
        spec = chance.choice(AGREEMENT.vocabulary.specs)
        worse = facts.with_values({spec.name: spec.worst(facts[spec.name], chance.choice((UNKNOWN, *spec.values)))})
        after = decide(AGREEMENT, worse, approvals).verdict
        if Verdict.UNAVAILABLE in (before, after):
            assert after is not Verdict.PERMIT
        else:
            assert SEVERITY[after] >= SEVERITY[before]


@pytest.mark.parametrize("red_line", [clause.id for clause in AGREEMENT.clauses if clause.kind is ClauseKind.REDLINE])
def test_no_red_line_that_is_crossed_is_released_by_any_number_of_people(red_line: str) -> None:
    spec = AGREEMENT.vocabulary.spec
    bad = {
        name: next(v for v in spec(name).values if v != spec(name).good) for name in AGREEMENT.clause(red_line).facts
    }
    decision = decide(AGREEMENT, ALL_GOOD.with_values(bad), dict.fromkeys(OFFICES, 99))
    assert decision.verdict is Verdict.DENY
    assert red_line in decision.clauses


def changed(edit: Callable[[str], str], prose: bytes | None = None) -> Agreement:
    toml = edit(read("agreement.toml").decode())
    assert toml.encode() != read("agreement.toml") or prose is not None
    return load_agreement(toml.encode(), lambda name: read(name) if prose is None else prose)


def test_every_changed_quote_is_refused() -> None:
    toml = read("agreement.toml").decode()
    quotes = [quote for clause in AGREEMENT.clauses for quote in clause.quote]
    for quote in quotes:
        assert toml.count(quote) == 1
        with pytest.raises(AgreementError, match="does not stand in the prose"):
            changed(lambda text, quote=quote: text.replace(quote, quote.replace(" ", " not ", 1)))  # type: ignore[misc]


def test_every_condition_turned_round_is_refused() -> None:
    toml = read("agreement.toml").decode()
    places = [match.span() for match in re.finditer(r"(?<=[a-z_] )[!=]=(?= ')", toml)]
    assert len(places) > 30
    for start, end in places:
        turned = "==" if toml[start:end] == "!=" else "!="
        with pytest.raises(AgreementError, match="in a condition that"):
            changed(lambda text, at=(start, end), turned=turned: text[: at[0]] + turned + text[at[1] :])  # type: ignore[misc]


def test_every_worked_example_with_another_verdict_is_refused() -> None:
    toml = read("agreement.toml").decode()
    places = [match.span(1) for match in re.finditer(r'^verdict = "(\w+)"$', toml, re.M)]
    assert len(places) == len(AGREEMENT.examples)
    for start, end in places:
        for verdict in set(Verdict) - {toml[start:end]}:
            with pytest.raises(AgreementError, match="the example"):
                load_agreement((toml[:start] + verdict + toml[end:]).encode(), read)


def test_an_altered_prose_is_refused() -> None:
    prose = read("agreement-post.txt")
    with pytest.raises(AgreementError, match="has SHA-256"):
        changed(lambda text: text, prose.replace(b"No use", b"Any use", 1))


def test_the_prose_is_the_published_one() -> None:
    published = "10ca4611149a5905f6f62cc325881448831d13b1ce4a2a7d610de3457a9a7a41"
    assert hashlib.sha256(read("agreement-post.txt")).hexdigest() == published


def test_verdicts_do_not_depend_on_who_the_parties_are() -> None:
    parties = r"^parties = \{.*\}$"
    swapped = changed(lambda text: re.sub(parties, 'parties = { provider = "A", customer = "B" }', text, flags=re.M))
    assert swapped.digest != AGREEMENT.digest
    assert (swapped.clauses, swapped.vocabulary) == (AGREEMENT.clauses, AGREEMENT.vocabulary)
    for example in AGREEMENT.examples:
        approvals = dict(example.approvals)
        assert decide(swapped, example.facts, approvals) == decide(AGREEMENT, example.facts, approvals)


def test_no_party_and_no_fact_of_the_agreement_is_named_in_the_code_that_decides() -> None:
    words = [AGREEMENT.parties.provider, AGREEMENT.parties.customer, *OFFICES]
    words += [spec.name for spec in AGREEMENT.vocabulary.specs]
    for path in (PACKAGE / "core" / "facts.py", *(PACKAGE / "core" / "agreement").glob("*.py")):
        text = path.read_text().lower()
        names = [w for w in words if w != "lawful" and re.search(rf"\b{re.escape(w.lower())}\b", text)]
        assert names == [], path.name
