# SPDX-License-Identifier: Apache-2.0
"""Every agreement that is shipped: each worked example by name, the theorems, and the same terms for all."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from brightline.core.agreement.clause import Agreement, Example, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.lint import Rule, lint
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.theorems import check_theorems, inert
from brightline.shell import shipped
from tests.core.agreement.test_decide import check_decision

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = shipped.shipped_agreements()
AGREEMENTS = {name: shipped.read_agreement(folder) for name, folder in FOLDERS.items()}
OURS = AGREEMENTS[shipped.AGREEMENT]
EXAMPLES = [(name, example) for name, agreement in AGREEMENTS.items() for example in agreement.examples]
each_agreement = pytest.mark.parametrize("name", AGREEMENTS)
each_example = pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{n}: {e.name}" for n, e in EXAMPLES])


def test_the_folder_of_each_is_called_like_the_agreement() -> None:
    assert {name: agreement.id for name, agreement in AGREEMENTS.items()} == {name: name for name in FOLDERS}
    assert FOLDERS[shipped.AGREEMENT] == shipped.shipped_agreement()
    assert set(FOLDERS) == {"dow-2026-02-27", "two-red-lines-2026", "usage-policy-2026"}


@each_example
def test_each_worked_example_comes_out_as_it_would_if_all_completions_were_tried(name: str, example: Example) -> None:
    decision = check_decision(AGREEMENTS[name], example.facts, dict(example.approvals), most=2)
    assert decision.verdict is example.verdict
    assert example.clauses in ((), decision.clauses)


@each_agreement
def test_each_holds_the_standing_theorems(name: str) -> None:
    assert [theorem for theorem in check_theorems(AGREEMENTS[name]) if not theorem.holds] == []


@each_agreement
def test_each_test_of_the_repository_that_a_clause_names_is_there(name: str) -> None:
    for clause in AGREEMENTS[name].clauses:
        for test in clause.tests:
            file, sign, function = test.partition("::")
            if sign:
                tree = ast.parse((ROOT / file).read_text("utf-8"))
                assert function in {getattr(node, "name", "") for node in tree.body}, test


@each_agreement
def test_what_is_called_the_same_is_the_same(name: str) -> None:
    for spec in AGREEMENTS[name].vocabulary.specs:
        ours = OURS.vocabulary.spec(spec.name)
        assert (spec.good, spec.values, spec.set_by) == (ours.good, ours.values, ours.set_by)


@each_agreement
def test_no_real_company_stands_in_a_text_of_our_own(name: str) -> None:
    if name != shipped.AGREEMENT:
        parties = AGREEMENTS[name].parties
        assert re.fullmatch(r"Provider [A-Z]", parties.provider)
        assert re.fullmatch(r"Customer [A-Z]", parties.customer)
        prose = (FOLDERS[name] / AGREEMENTS[name].prose).read_text()
        assert "fictional" in prose


# ---- the agreement that is in force ------------------------------------------------------------------------------


def test_the_examples_are_many_and_every_clause_and_verdict_has_its_say() -> None:
    assert len(OURS.examples) >= 30
    assert {example.verdict for example in OURS.examples} == set(Verdict)
    prose = (FOLDERS[OURS.id] / OURS.prose).read_text()
    assert not [remark for remark in lint(OURS, prose) if remark.rule is Rule.UNDECIDED]


def test_only_the_clause_that_the_red_line_implies_is_inert() -> None:
    assert inert(OURS) == ("L2",)


def test_each_restricting_clause_but_the_inert_one_decides_an_example_alone() -> None:
    alone = {example.clauses[0] for example in OURS.examples if len(example.clauses) == 1}
    assert {clause.id for clause in OURS.clauses} - alone == {"L2"}


def swapped() -> Agreement:
    read = shipped.folder_reader(FOLDERS[OURS.id])
    text = read("agreement.toml").decode()
    line = 'parties = { provider = "OpenAI", customer = "Department of War" }'
    assert text.count(line) == 1
    turned = 'parties = { provider = "Department of War", customer = "OpenAI" }'
    return load_agreement(text.replace(line, turned).encode(), read)


def test_with_provider_and_customer_swapped_everything_but_the_digest_is_identical() -> None:
    turned = swapped()
    assert (turned.parties.provider, turned.parties.customer) == (OURS.parties.customer, OURS.parties.provider)
    assert turned.digest != OURS.digest
    assert turned.encoding == OURS.encoding
    assert turned.examples == OURS.examples
    for example in OURS.examples:
        approvals = dict(example.approvals)
        assert decide(turned, example.facts, approvals) == decide(OURS, example.facts, approvals)
    assert check_theorems(turned) == check_theorems(OURS)
    prose = (FOLDERS[OURS.id] / OURS.prose).read_text()
    assert lint(turned, prose) == lint(OURS, prose)
