# SPDX-License-Identifier: Apache-2.0
"""The scripts: their bytes, that both solvers read them, and that each claim can be false and is then refuted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Example, Verdict
from brightline.core.agreement.condition import NEVER, Compare, parse
from brightline.core.agreement.smtlib import ASK, DENIES, PERMITS, Expected, Script, cases, no_weaker, theorems
from brightline.core.errors import AgreementError
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Formerly, Source, Vocabulary
from brightline.shell import shipped
from tests.core.agreement.solving import ask_cvc5, ask_z3
from tests.core.agreement.test_decide import agreement_of

DETECTED = frozenset({Source.DETECTOR})
STATED = frozenset({Source.REGISTRATION})
ATTESTED = frozenset({Source.ATTESTATION})
SPECS = (
    FactSpec("lawful", YES, set_by=STATED),
    FactSpec("sealed", YES, set_by=ATTESTED),
    FactSpec("harm", NO, set_by=DETECTED, settled_by=(("first", 2),)),
    FactSpec("risky", NO, set_by=DETECTED, settled_by=(("first", 1),)),
)
RED = Clause("RED", ClauseKind.REDLINE, ("q",), parse("harm != 'no'"))
SEAL = Clause("SEAL", ClauseKind.DENY, ("q",), parse("sealed != 'yes'"))
GRANT = Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes'"))
ASKED = Clause("ASK", ClauseKind.REQUIRE, ("q",), parse("risky != 'no'"), parse("approvals.first >= 2"))
SOUND = msgspec.structs.replace(
    agreement_of(SPECS, (RED, SEAL, GRANT, ASKED)),
    examples=(Example("seal unknown", Facts.of({"lawful": YES}), (), Verdict.UNAVAILABLE),),
)

BASELINE = agreement_of(
    (FactSpec("lawful", YES, set_by=STATED), FactSpec("harm", NO, set_by=DETECTED, settled_by=(("first", 2),))),
    (
        Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes'")),
        Clause("ASK", ClauseKind.REQUIRE, ("q",), parse("harm != 'no'"), parse("approvals.first >= 1")),
    ),
)
CANDIDATE = agreement_of(
    (
        FactSpec("lawful", YES, set_by=STATED),
        FactSpec(
            "safe", YES, (YES, NO), DETECTED, (("first", 2),), formerly=(Formerly("harm", ((NO, YES),)),)
        ),  # forgets that yes became no
    ),
    (
        Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes'")),
        Clause("ASK", ClauseKind.REQUIRE, ("q",), parse("safe != 'yes'"), parse("approvals.first >= 2")),
    ),
)

GOLDEN = Path(__file__).with_name("golden_no_weaker_denies.smt2")


def with_clauses(*clauses: Clause) -> Agreement:
    return msgspec.structs.replace(SOUND, clauses=clauses, examples=())


def named(agreement: Agreement, start: str) -> Script:
    (found,) = (script for script in theorems(agreement) if script.name.startswith(start))
    return found


# ---- the bytes -----------------------------------------------------------------------------------------------


def test_a_script_is_this_text_to_the_byte() -> None:
    assert no_weaker(CANDIDATE, BASELINE)[1].text == GOLDEN.read_text()


def test_equal_agreements_give_equal_bytes_in_every_script() -> None:
    again = msgspec.structs.replace(SOUND)
    assert [script.sha256 for script in theorems(SOUND)] == [script.sha256 for script in theorems(again)]


def test_every_script_says_what_it_claims_and_which_answer_proves_it() -> None:
    for script in (*theorems(SOUND), *no_weaker(SOUND, SOUND)):
        head = script.text.splitlines()[:4]
        assert head[0].startswith(f"; {script.name}: ")
        assert head[1] == f"; Claim: {script.claim}"
        assert head[2].startswith(f"; Proved by the answer {script.expected}.")
        assert SOUND.digest in script.text
        assert script.text.count("(check-sat)") == 1
        assert script.text.isascii()


def test_a_hostile_name_never_becomes_a_command() -> None:
    hostile = msgspec.structs.replace(SOUND, id="x\n(assert false)\n;")
    assert "\n(assert false)" not in theorems(hostile)[0].text
    odd = Clause("a| () Bool true)\n(assert false", ClauseKind.GRANT, ("q",), parse("lawful == 'yes'"))
    with pytest.raises(AgreementError, match="cannot be named"):
        theorems(with_clauses(odd))


@pytest.mark.parametrize(
    "condition", [Compare("harm", False, YES), Compare("harm", False, UNKNOWN), Compare("nowhere", True, YES)]
)
def test_a_comparison_with_anything_but_a_good_value_is_refused_rather_than_skipped(condition: Compare) -> None:
    odd = Clause("ODD", ClauseKind.DENY, ("q",), condition)
    with pytest.raises(AgreementError, match="has no encoding"):
        theorems(with_clauses(GRANT, odd))


# ---- what is true is proved ------------------------------------------------------------------------------------


def test_both_solvers_prove_every_theorem_of_every_shipped_agreement() -> None:
    for folder in shipped.shipped_agreements().values():
        agreement = shipped.read_agreement(folder)
        for script in (*theorems(agreement), *no_weaker(agreement, agreement)):
            assert ask_z3(script.text) == script.expected, (folder, script.name)
            assert ask_cvc5(script.text) == script.expected, (folder, script.name)


# ---- what is false is refuted ----------------------------------------------------------------------------------


def refuted(agreement: Agreement, start: str) -> bool:
    script = named(agreement, start)
    said = ask_z3(script.text)
    assert ask_cvc5(script.text) == said
    assert {said, script.expected.value} <= {"sat", "unsat"}
    return said != script.expected


LIFTED = msgspec.structs.replace(RED, that=parse("approvals.first >= 1"))
FALSE = {
    "T1-crossed": with_clauses(LIFTED, SEAL, GRANT),
    "T1-holding": with_clauses(LIFTED, SEAL, GRANT),
    "T2": with_clauses(RED, SEAL, Clause("GRANT", ClauseKind.GRANT, ("q",), parse("risky != 'no'"))),
    "T3": with_clauses(RED, GRANT),
    "T4": with_clauses(
        RED, SEAL, Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes' or risky == 'no'"))
    ),
    "T5": with_clauses(
        SEAL,
        Clause("RED", ClauseKind.REDLINE, ("q",), parse("harm != 'no' and lawful != 'yes'")),
        Clause("GRANT", ClauseKind.GRANT, ("q",), parse("sealed == 'yes'")),
    ),
    "LIVE": with_clauses(SEAL, GRANT, Clause("ALL", ClauseKind.DENY, ("q",), parse("harm != 'no' or harm == 'no'"))),
    "examples": msgspec.structs.replace(
        SOUND, examples=(Example("wrong", Facts.of({"lawful": YES, "sealed": YES}), (), Verdict.PERMIT),)
    ),
}


@pytest.mark.parametrize("start", FALSE)
def test_a_theorem_that_does_not_hold_is_refuted_by_both_solvers(start: str) -> None:
    assert refuted(FALSE[start], start)
    assert not refuted(SOUND, start)


def test_facts_that_worsen_and_approvals_that_are_withdrawn_are_in_the_chain_of_the_second_request() -> None:
    """Without its axioms the theorem would be false of a sound agreement."""
    text = named(SOUND, "T2").text
    lines = [line for line in text.splitlines() if line.startswith("(assert (") and "worse" in line and "=>" in line]
    assert len(lines) == len(SPECS) + 1
    for line in lines:
        assert ask_z3(text.replace(line + "\n", "")) == "sat", line


def test_a_grant_that_is_permitted_only_by_way_of_another_does_not_live() -> None:
    never = Clause("NEVER", ClauseKind.GRANT, ("q",), NEVER)
    assert refuted(with_clauses(SEAL, GRANT, never), "LIVE-NEVER")
    assert not refuted(with_clauses(SEAL, GRANT, never), "LIVE-GRANT")


def test_an_agreement_whose_grants_rest_on_nothing_registered_permits_without_a_purpose() -> None:
    detected = with_clauses(SEAL, Clause("GRANT", ClauseKind.GRANT, ("q",), parse("risky == 'no'")))
    assert refuted(detected, "T4")


# ---- no weaker --------------------------------------------------------------------------------------------------


def weaker(candidate: Agreement, baseline: Agreement = SOUND) -> set[str]:
    found = set()
    for script in no_weaker(candidate, baseline):
        said = ask_z3(script.text)
        assert ask_cvc5(script.text) == said
        assert script.expected is Expected.UNSAT
        if said == "sat":
            found.add(script.name)
    return found


def test_the_same_and_a_stricter_version_are_no_weaker() -> None:
    assert weaker(SOUND) == set()
    assert (
        weaker(with_clauses(RED, SEAL, GRANT, ASKED, Clause("M", ClauseKind.DENY, ("q",), ASKED.condition))) == set()
    )


def test_a_clause_that_goes_is_found() -> None:
    assert weaker(with_clauses(SEAL, GRANT, ASKED)) == {PERMITS, DENIES}


def test_fewer_approvals_are_a_permit_that_was_none_though_nothing_denied_is_released() -> None:
    fewer = msgspec.structs.replace(ASKED, that=parse("approvals.first >= 1"))
    assert weaker(with_clauses(RED, SEAL, GRANT, fewer)) == {PERMITS}


def test_a_fact_that_people_may_settle_now_is_a_deny_that_becomes_a_hold() -> None:
    denied = msgspec.structs.replace(SOUND, vocabulary=settled(SPECS, "harm", ()))
    assert weaker(SOUND, denied) == {DENIES}
    assert weaker(denied, SOUND) == set()


def test_the_installation_may_not_cease_to_be_asked_though_no_clause_reads_it() -> None:
    unread = with_clauses(RED, GRANT, ASKED)
    anyone = msgspec.structs.replace(
        unread, vocabulary=Vocabulary((SPECS[0], msgspec.structs.replace(SPECS[1], set_by=DETECTED), *SPECS[2:]))
    )
    assert weaker(anyone, unread) == {PERMITS, DENIES}


def test_a_renamed_fact_is_the_same_fact_as_far_as_its_mapping_goes() -> None:
    assert weaker(CANDIDATE, BASELINE) == {PERMITS}  # what was harm = yes is now called safe = yes
    mapped = (Formerly("harm", ((NO, YES), (YES, NO))),)
    spec = msgspec.structs.replace(CANDIDATE.vocabulary.specs[1], formerly=mapped)
    right = msgspec.structs.replace(CANDIDATE, vocabulary=Vocabulary((CANDIDATE.vocabulary.specs[0], spec)))
    assert weaker(right, BASELINE) == set()


def settled(specs: tuple[FactSpec, ...], name: str, settled_by: tuple[tuple[str, int], ...]) -> Vocabulary:
    return Vocabulary(tuple(msgspec.structs.replace(s, settled_by=settled_by) if s.name == name else s for s in specs))


# ---- cases ------------------------------------------------------------------------------------------------------


def test_cases_tell_a_threshold_that_is_reached_from_one_that_is_not() -> None:
    facts = Facts.of({"lawful": YES, "sealed": YES, "harm": NO, "risky": UNKNOWN})
    for count, verdict in ((1, Verdict.HOLD), (2, Verdict.PERMIT)):
        for said in (Verdict.HOLD, Verdict.PERMIT):
            script = cases(SOUND, [Example("a case", facts, (("first", count),), said)])
            assert ask_z3(script.text) == ("unsat" if said is verdict else "sat")


def test_the_question_about_a_request_is_the_last_line_and_is_read_by_both_solvers() -> None:
    text = FALSE["T3"]
    script = named(text, "T3")
    last = script.text.splitlines()[-1]
    assert last.startswith(ASK)
    asked = script.text.replace(ASK, ASK.removeprefix("; "))
    assert ask_z3(asked).startswith("sat\n((")
    assert ask_cvc5(asked.replace("(set-logic", "(set-option :produce-models true)\n(set-logic")).startswith("sat\n((")
