# SPDX-License-Identifier: Apache-2.0
"""Each rule is broken once in the agreement that is shipped, and is then the only thing that is said."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Office
from brightline.core.agreement.lint import Remark, Rule, Severity, errors_of, lint
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.review import Discounted, Reviewed, Reviews
from brightline.core.facts import Vocabulary
from brightline.core.statement import Party, SigningRole
from brightline.shell import shipped

FOLDER = shipped.shipped_agreement()
READ = shipped.folder_reader(FOLDER)
TOML = READ("agreement.toml").decode()
AGREEMENT = shipped.read_agreement(FOLDER)
PROSE = READ(AGREEMENT.prose).decode()
SAID_ANYWAY = lint(AGREEMENT, PROSE)
ERROR, WARNING = Severity.ERROR, Severity.WARNING


def more(changed: Agreement, prose: str = PROSE) -> list[Remark]:
    """What is said of a changed agreement and not of the one that is shipped."""
    return [remark for remark in lint(changed, prose) if remark not in SAID_ANYWAY]


def replaced(*edits: tuple[str, str]) -> Agreement:
    text = TOML
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_agreement(text.encode(), READ)


def line_of(clause: str, key: str) -> str:
    """The (perhaps long) entry of a key in a clause, as it stands in the file."""
    table = TOML.index(f"[clause.{clause}]")
    begin = TOML.index(f"\n{key} = ", table) + 1
    next_key = re.search(r"\n(?=[a-z]+ = |\[|\n|#)", TOML[begin:])
    assert next_key
    return TOML[begin : begin + next_key.end()]


def without(clause: str, key: str) -> Agreement:
    begin = TOML.index(f"[clause.{clause}]")
    line = line_of(clause, key)
    return load_agreement((TOML[:begin] + TOML[begin:].replace(line, "", 1)).encode(), READ)


def with_line(clause: str, key: str, line: str) -> Agreement:
    begin = TOML.index(f"[clause.{clause}]")
    text = TOML[:begin] + TOML[begin:].replace(line_of(clause, key), line + "\n", 1)
    return load_agreement(text.encode(), READ)


def brief(remarks: list[Remark] | tuple[Remark, ...]) -> list[tuple[Severity, Rule, str]]:
    return [(remark.severity, remark.rule, remark.place) for remark in remarks]


def example(name: str) -> str:
    """A worked example as it stands in the file."""
    found = re.search(rf'\[\[example\]\][^\n]*\nname = "{re.escape(name)}"\n(?:[^\[\n][^\n]*\n)*', TOML)
    assert found, name
    return found[0]


# ---- what is shipped ---------------------------------------------------------------------------------------------


def test_of_the_shipped_agreement_only_what_is_known_is_said() -> None:
    pins = [(WARNING, Rule.AUTHORITY_TEXT, f"authority.{authority.id}") for authority in AGREEMENT.authorities]
    reviews = [(WARNING, Rule.REVIEW_MISSING, "encoding_review")] * 2
    facts = ("mass_domestic", "weapon_direct", "social_scoring", "acts_alone", "monitoring")
    uncounted = [(WARNING, Rule.FACT_UNCOUNTED, f"fact.{fact}") for fact in facts]
    assert brief(SAID_ANYWAY) == [(WARNING, Rule.INERT, "clause.L2"), *uncounted, *pins, *reviews]


@pytest.mark.parametrize("folder", shipped.shipped_agreements().values(), ids=lambda folder: folder.name)
def test_no_shipped_agreement_has_a_gap(folder: Path) -> None:
    agreement = shipped.read_agreement(folder)
    assert errors_of(lint(agreement, (folder / agreement.prose).read_text())) == ()


# ---- clauses -----------------------------------------------------------------------------------------------------


def test_a_quote_that_does_not_stand_in_the_prose() -> None:
    prose = PROSE.replace("except as permitted by the Posse Comitatus Act", "at the customer's discretion")
    [remark] = more(AGREEMENT, prose)
    assert (remark.severity, remark.rule, remark.place) == (ERROR, Rule.QUOTE, "clause.L7")


def test_a_clause_that_says_nothing_in_words() -> None:
    assert brief(more(without("L4", "says"))) == [(ERROR, Rule.SAYS, "clause.L4")]


def test_a_clause_that_only_its_text_carries() -> None:
    [remark] = more(without("P1", "controls"))
    assert (remark.severity, remark.rule, remark.place) == (ERROR, Rule.TEXT_ONLY, "clause.P1")
    assert remark.message.startswith("text only")


def test_a_control_that_the_product_does_not_have() -> None:
    changed = with_line("P1", "controls", 'controls = ["roster", "good_intentions"]')
    [remark] = more(changed)
    assert (remark.severity, remark.rule, remark.place) == (ERROR, Rule.CONTROL, "clause.P1")
    assert "good_intentions" in remark.message


def test_a_clause_that_no_test_shows() -> None:
    assert brief(more(without("L5", "tests"))) == [(ERROR, Rule.TEST, "clause.L5")]


@pytest.mark.parametrize(
    "test", ["trust us", "tests/core/test_x.py", "src/test_x.py::test_y", "tests/../x.py::test_y"]
)
def test_a_test_that_is_neither_an_example_nor_a_test(test: str) -> None:
    changed = with_line("L7", "tests", f'tests = ["police work without an exception", "{test}"]')
    assert brief(more(changed)) == [(ERROR, Rule.TEST_UNKNOWN, "clause.L7")]


def test_a_test_of_the_repository_counts_by_its_form() -> None:
    assert more(with_line("L7", "tests", 'tests = ["tests/core/test_x.py::test_y"]')) == []


def test_an_example_that_another_clause_decides_shows_nothing() -> None:
    changed = with_line("L7", "tests", 'tests = ["perhaps mass surveillance"]')
    [remark] = more(changed)
    assert (remark.severity, remark.rule, remark.place) == (ERROR, Rule.TEST_UNDECIDED, "clause.L7")
    assert "decided by RL-1" in remark.message


def test_an_approval_under_no_authority() -> None:
    assert brief(more(without("L3", "authority"))) == [(ERROR, Rule.AUTHORITY, "clause.L3")]


def test_a_deny_whose_fact_people_settle_under_no_authority() -> None:
    assert brief(more(without("L4", "authority"))) == [(ERROR, Rule.AUTHORITY, "clause.L4")]


def test_red_lines_and_what_nobody_settles_need_no_authority() -> None:
    bare = {clause.id for clause in AGREEMENT.clauses if not clause.authorities}
    assert bare == {"RL-1", "RL-2", "RL-3", "D1", "D2", "P1", "L1", "L1a"}


def test_a_clause_that_changes_no_verdict() -> None:
    changed = replaced(
        (
            "[clause.RL-2]",
            '[clause.RL-9]\nquote = ["this is not the correct approach"]\n'.replace("this is", "that is")
            + "redline = \"mass_domestic != 'no' and us_person != 'no'\"\n"
            'says = "Part of RL-1."\n'
            'controls = ["coverage"]\n'
            'tests = ["commercially bought location data of a city, whoever signs"]\n'
            "[clause.RL-2]",
        ),
        (
            'verdict = "deny"\nclauses = ["RL-1"]\n\n# decisions',
            'verdict = "deny"\nclauses = ["RL-1", "RL-9"]\n\n# decisions',
        ),
    )
    assert brief(more(changed)) == [(WARNING, Rule.INERT, "clause.RL-9")]


# ---- worked examples ---------------------------------------------------------------------------------------------


def test_a_clause_that_decides_no_example() -> None:
    changed = replaced((example("an oversight protocol was retired"), ""))
    changed = msgspec.structs.replace(
        changed,
        clauses=tuple(
            msgspec.structs.replace(c, tests=("tests/core/test_x.py::test_y",)) if c.id == "L1a" else c
            for c in changed.clauses
        ),
    )
    assert brief(more(changed)) == [(ERROR, Rule.UNDECIDED, "clause.L1a")]


def test_a_red_line_of_which_no_example_shows_that_signatures_do_not_lift_it() -> None:
    name = "a citizen loyalty score, whoever signs"
    unsigned = example(name).replace("approvals = { customer_decider = 9, provider_cleared = 9 }\n", "")
    webhook = example("benefits cut by a webhook, whoever signs")
    half_signed = webhook.replace("customer_decider = 9, ", "")
    changed = replaced((example(name), unsigned), (webhook, half_signed))
    assert brief(more(changed)) == [(ERROR, Rule.WHOEVER_SIGNS, "clause.RL-3")]


def test_a_hold_does_not_show_that_signatures_do_not_lift_a_red_line() -> None:
    name = "mass surveillance, whoever signs"
    city = "commercially bought location data of a city, whoever signs"
    held = example(name).replace('mass_domestic = "yes"', 'mass_domestic = "unknown"').replace('"deny"', '"hold"')
    held_city = example(city).replace('mass_domestic = "yes"', 'mass_domestic = "unknown"').replace('"deny"', '"hold"')
    changed = replaced((example(name), held), (example(city), held_city.replace(', monitoring = "yes"', "")))
    assert brief(more(changed)) == [(ERROR, Rule.WHOEVER_SIGNS, "clause.RL-1")]


@pytest.mark.parametrize("verdict", ["permit", "hold", "deny"])
def test_a_verdict_that_no_example_ends_in(verdict: str) -> None:
    rest = tuple(each for each in AGREEMENT.examples if each.verdict != verdict)
    remarks = lint(msgspec.structs.replace(AGREEMENT, examples=rest), PROSE)
    [remark] = [remark for remark in remarks if remark.rule is Rule.VERDICTS]
    assert remark.message == f"no worked example ends in {verdict}"
    assert remark.severity is ERROR


def test_a_hold_is_not_missed_where_nobody_could_be_asked() -> None:
    folder = shipped.shipped_agreements()["two-red-lines-2026"]
    lines = shipped.read_agreement(folder)
    specs = tuple(msgspec.structs.replace(spec, settled_by=()) for spec in lines.vocabulary.specs)
    alone = msgspec.structs.replace(lines, vocabulary=Vocabulary(specs))
    assert not [r for r in lint(alone, (folder / lines.prose).read_text()) if r.rule is Rule.VERDICTS]


def test_a_name_that_two_examples_have() -> None:
    changed = replaced(('name = "howitzer spare parts"', 'name = "war-game write-up"'))
    assert [(r.severity, r.rule) for r in more(changed)] == [(ERROR, Rule.EXAMPLE_NAME)]


# ---- words -------------------------------------------------------------------------------------------------------


def test_a_fact_that_no_clause_reads() -> None:
    changed = replaced(("[fact]\n", '[fact]\nweather = { good = "no", set_by = ["detector"] }\n'))
    assert brief(more(changed)) == [(WARNING, Rule.FACT_UNUSED, "fact.weather")]


def test_a_fact_that_nobody_can_make_known() -> None:
    specs = tuple(
        msgspec.structs.replace(spec, set_by=frozenset()) if spec.name == "pca_exception" else spec
        for spec in AGREEMENT.vocabulary.specs
    )
    changed = msgspec.structs.replace(AGREEMENT, vocabulary=Vocabulary(specs))
    assert brief(more(changed)) == [(ERROR, Rule.FACT_UNSET, "fact.pca_exception")]


def test_an_office_that_nobody_asks() -> None:
    changed = msgspec.structs.replace(AGREEMENT, offices=(*AGREEMENT.offices, Office("bystander", "somebody")))
    found = [each for each in brief(more(changed)) if each[1] is not Rule.WHOEVER_SIGNS]
    assert found == [(WARNING, Rule.OFFICE_UNUSED, "offices.bystander")]


def test_more_organisations_than_people_are_asked_for() -> None:
    for count, said in ((2, []), (3, [(WARNING, Rule.ORGANISATIONS, "organisations.provider_cleared")])):
        assert brief(more(msgspec.structs.replace(AGREEMENT, organisations=(("provider_cleared", count),)))) == said


def test_an_authority_that_no_clause_cites() -> None:
    pinned = 'ACT-A = { cite = "Act A", dated = 2000-01-01, sha256 = "' + "0" * 64 + '" }'
    changed = replaced(("PCA          = {", f"{pinned}\nPCA          = {{"))
    assert brief(more(changed)) == [(WARNING, Rule.AUTHORITY_UNUSED, "authority.ACT-A")]


def test_an_authority_whose_text_is_pinned_is_not_mentioned() -> None:
    changed = replaced(("dated = 1878-06-18,", f'dated = 1878-06-18, sha256 = "{"0" * 64}",'))
    said = {remark.place for remark in lint(changed, PROSE)}
    assert "authority.PCA" not in said
    assert "authority.USC-4A" in said


# ---- people ------------------------------------------------------------------------------------------------------


def reviewed(party: Party, clauses: frozenset[str]) -> Reviewed:
    role = SigningRole.CUSTOMER_OFFICIAL if party is Party.CUSTOMER else SigningRole.PROVIDER_SAFETY
    return Reviewed("review.json", party, role, ("somebody",), "an office", clauses)


ALL = frozenset(clause.id for clause in AGREEMENT.clauses)


def of_reviews(*counted: Reviewed, discounted: tuple[Discounted, ...] = ()) -> list[Remark]:
    remarks = lint(AGREEMENT, PROSE, reviews=Reviews(counted, discounted))
    return [remark for remark in remarks if remark.place == "encoding_review"]


def test_nothing_is_missed_once_both_parties_have_reviewed_every_clause() -> None:
    assert of_reviews(reviewed(Party.PROVIDER, ALL), reviewed(Party.CUSTOMER, ALL)) == []


def test_the_party_that_has_not_reviewed_is_named_and_so_are_the_clauses_that_it_left_out() -> None:
    [remark] = of_reviews(reviewed(Party.PROVIDER, ALL), reviewed(Party.CUSTOMER, ALL - {"L5", "RL-2"}))
    assert remark.message == "RL-2, L5: not reviewed by the customer"
    [remark] = of_reviews(reviewed(Party.CUSTOMER, ALL))
    assert remark.message == "not reviewed by the provider"


def test_two_reviews_of_one_party_add_up() -> None:
    half = frozenset({"RL-1", "RL-2"})
    halves = reviewed(Party.PROVIDER, half), reviewed(Party.PROVIDER, ALL - half)
    assert of_reviews(*halves, reviewed(Party.CUSTOMER, ALL)) == []


def test_reviews_that_do_not_count_are_reported() -> None:
    discounted = Discounted("old.json", "of other formulas", outdated=True), Discounted("odd.json", "unsigned")
    remarks = of_reviews(reviewed(Party.PROVIDER, ALL), reviewed(Party.CUSTOMER, ALL), discounted=discounted)
    assert [(r.severity, r.rule, r.message) for r in remarks] == [
        (WARNING, Rule.REVIEW_OUTDATED, "old.json: of other formulas"),
        (ERROR, Rule.REVIEW_INVALID, "odd.json: unsigned"),
    ]


def test_reviews_that_nobody_could_verify_count_for_nothing() -> None:
    named = replaced(("encoding_review = []", 'encoding_review = ["a.json"]'))
    remarks = [remark for remark in lint(named, PROSE) if remark.place == "encoding_review"]
    assert len(remarks) == 2
    assert all("--roots" in remark.mend for remark in remarks)
