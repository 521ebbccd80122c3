# SPDX-License-Identifier: Apache-2.0
"""A merge is no weaker than either of the two: by trying everything, by the ratchet, and by their own examples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from brightline.core.agreement.clause import (
    Agreement,
    Authority,
    ClauseKind,
    LadderTest,
    Limit,
    Office,
    Rung,
    RungState,
    Tighter,
    Verdict,
)
from brightline.core.agreement.decide import decide
from brightline.core.agreement.limits import FOR_EVER_DAYS
from brightline.core.agreement.lint import errors_of, lint
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.merge import MergedText, Side, merge
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.theorems import require_theorems
from brightline.core.agreement.who import compare_facts
from brightline.core.errors import AgreementError
from brightline.core.facts import UNKNOWN, Facts, FactSpec, Formerly, Register, Source, Vocabulary
from brightline.shell import shipped


def side_at(folder: Path) -> Side:
    agreement = shipped.read_agreement(folder)
    return Side(agreement, (folder / agreement.prose).read_text())


SIDES = {name: side_at(folder) for name, folder in shipped.shipped_agreements().items()}
POLICY, LINES, SHIPPED = SIDES["usage-policy-2026"], SIDES["two-red-lines-2026"], SIDES[shipped.AGREEMENT]
PAIRS = list(itertools.permutations(SIDES, 2))
SEVERITY = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
each_pair = pytest.mark.parametrize(("a", "b"), PAIRS, ids=[f"{a} and {b}" for a, b in PAIRS])


def merged(a: str, b: str) -> MergedText:
    return merge(SIDES[a], SIDES[b], "merged")


def every_request(agreement: Agreement) -> Iterator[tuple[Facts, dict[str, int]]]:
    specs = agreement.vocabulary.specs
    offices = [office.id for office in agreement.offices]
    for values in itertools.product(*[(*spec.values, UNKNOWN) for spec in specs]):
        facts = Facts.of(dict(zip((spec.name for spec in specs), values, strict=True)))
        for counts in itertools.product((0, 2), repeat=len(offices)):
            yield facts, dict(zip(offices, counts, strict=True))


def test_of_the_small_ones_every_request_is_decided_no_looser_than_by_either() -> None:
    made = merge(POLICY, LINES, "merged").agreement
    tried = 0
    for facts, approvals in every_request(made):
        tried += 1
        severity = SEVERITY[decide(made, facts, approvals).verdict]
        for side in (POLICY, LINES):
            assert severity >= SEVERITY[decide(side.agreement, facts, approvals).verdict], (facts, approvals)
    assert tried == 3**8 * 2


def test_a_fact_that_one_side_lets_nobody_settle_is_never_held_but_denied() -> None:
    nobody = with_fact(LINES, "mass_domestic", settled_by=())
    made = merge(POLICY, nobody, "merged").agreement
    for facts, approvals in every_request(made):
        severity = SEVERITY[decide(made, facts, approvals).verdict]
        assert severity >= SEVERITY[decide(nobody.agreement, facts, approvals).verdict]


@each_pair
def test_the_ratchet_finds_it_no_weaker_than_either(a: str, b: str) -> None:
    made = merged(a, b).agreement
    for baseline in (SIDES[a].agreement, SIDES[b].agreement):
        comparison = check(made, baseline)
        assert comparison.undercut == ()
        assert compare_facts(made, baseline) == ()
        # What is left is what makes it another agreement: its id, parties, version and dates.
        assert {row.path for row in comparison.looser} <= {"id", "parties", "as_of", "version", "change"}


@each_pair
def test_a_merge_loads_holds_its_theorems_and_has_no_gap(a: str, b: str) -> None:
    text = merged(a, b)
    again = load_agreement(text.toml.encode(), lambda _: text.prose.encode())
    assert again.digest == text.agreement.digest
    require_theorems(again)
    assert errors_of(lint(again, text.prose)) == ()


@each_pair
def test_every_quote_and_every_red_line_of_both_is_kept(a: str, b: str) -> None:
    text = merged(a, b)
    quotes = {quote for clause in text.agreement.clauses for quote in clause.quote}
    reds = {quote for c in text.agreement.clauses if c.kind is ClauseKind.REDLINE for quote in c.quote}
    for side in (SIDES[a], SIDES[b]):
        assert side.prose in text.prose
        for clause in side.agreement.clauses:
            assert quotes.issuperset(clause.quote)
            assert clause.kind is not ClauseKind.REDLINE or reds.issuperset(clause.quote)


@each_pair
def test_the_order_of_the_two_decides_nothing(a: str, b: str) -> None:
    def told(text: MergedText) -> set[tuple[object, ...]]:
        return {(each.facts, each.approvals, each.verdict) for each in text.agreement.examples}

    assert told(merged(a, b)) == told(merged(b, a))


def test_an_example_that_comes_out_stricter_is_noted() -> None:
    notes = " ".join(merge(POLICY, LINES, "merged").notes)
    assert (
        "'commercially bought location data of a city' of usage-policy-2026: permit there, deny here, by T1" in notes
    )


def test_a_grant_holds_only_where_both_grant() -> None:
    made = merge(SHIPPED, POLICY, "merged").agreement
    [grant] = made.grants
    assert grant.facts == {"lawful", "purpose_defined"}
    assert len(grant.quote) == 2


def test_people_settle_only_what_both_let_them_settle() -> None:
    nobody = with_fact(LINES, "mass_domestic", settled_by=())
    made = merge(POLICY, nobody, "merged").agreement.vocabulary
    assert made.spec("mass_domestic").settled_by == ()
    assert made.spec("weapon_direct").settled_by == (("provider_cleared", 2),)  # 1 of the policy, 2 of the lines


def test_clauses_of_equal_formula_become_one() -> None:
    made = merge(SHIPPED, LINES, "merged").agreement
    assert len(made.clauses) == len(SHIPPED.agreement.clauses)
    assert len(made.clause("RL-1").quote) == 2


# ---- what the shipped ones do not show ---------------------------------------------------------------------------


def changed(side: Side, **fields: object) -> Side:
    """The side under another id, and otherwise with these fields."""
    return Side(msgspec.structs.replace(side.agreement, **{"id": "other", **fields}), side.prose)


def with_fact(side: Side, fact: str, **fields: object) -> Side:
    specs = tuple(
        msgspec.structs.replace(spec, **fields) if spec.name == fact else spec
        for spec in side.agreement.vocabulary.specs
    )
    return changed(side, vocabulary=Vocabulary(specs))


def spec_of(side: Side, name: str) -> FactSpec:
    return side.agreement.vocabulary.spec(name)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"good": "aye", "values": ("aye", "no")}, "good value"),
        ({"values": ("yes", "no", "perhaps")}, "values"),
        ({"set_by": frozenset({Source.REGISTRATION, Source.PATTERN})}, "setters"),
    ],
)
def test_facts_of_one_name_that_do_not_mean_the_same_are_not_merged(fields: dict[str, object], what: str) -> None:
    with pytest.raises(AgreementError, match=f"its {what} in one"):
        merge(LINES, with_fact(LINES, "lawful", **fields), "merged")


def test_a_fact_that_is_a_former_name_in_the_other_is_not_merged() -> None:
    other = with_fact(LINES, "lawful", name="licit", formerly=(Formerly("lawful"),))
    with pytest.raises(AgreementError, match="former name"):
        merge(LINES, other, "merged")
    two_names = with_fact(LINES, "lawful", formerly=(Formerly("of_old"),))
    three_names = with_fact(LINES, "lawful", formerly=(Formerly("of_older"),))
    with pytest.raises(AgreementError, match="called differently"):
        merge(two_names, three_names, "merged")


def test_the_stricter_quorum_and_every_register_is_kept() -> None:
    offices = (*LINES.agreement.offices, Office("second", "a second office"))
    other = with_fact(LINES, "mass_domestic", settled_by=(("provider_cleared", 1), ("second", 3)))
    other = Side(msgspec.structs.replace(other.agreement, offices=offices), other.prose)
    other = Side(
        msgspec.structs.replace(
            other.agreement,
            vocabulary=with_fact(other, "lawful", needs=frozenset({Register.PURPOSE})).agreement.vocabulary,
        ),
        other.prose,
    )
    made = merge(LINES, other, "merged").agreement.vocabulary
    assert made.spec("mass_domestic").settled_by == (("provider_cleared", 2), ("second", 3))
    assert made.spec("lawful").needs == {Register.PURPOSE}


def test_of_organisations_the_more_are_asked_for() -> None:
    two, three = (changed(LINES, id=f"lines-{n}", organisations=(("provider_cleared", n),)) for n in (2, 3))
    assert merge(two, three, "merged").agreement.organisations == (("provider_cleared", 3),)
    assert merge(two, changed(LINES, id="lines-0"), "merged").agreement.organisations == (("provider_cleared", 2),)


def test_an_office_or_authority_that_is_declared_differently_is_not_merged() -> None:
    with pytest.raises(AgreementError, match=r"offices\.provider_cleared: the two declare it differently"):
        merge(LINES, changed(LINES, offices=(Office("provider_cleared", "anybody"),)), "merged")
    pca = next(each for each in SHIPPED.agreement.authorities if each.id == "PCA")
    rest = tuple(each for each in SHIPPED.agreement.authorities if each.id != "PCA")
    later = msgspec.structs.replace(pca, edition=pca.edition.replace(year=2030))
    with pytest.raises(AgreementError, match=r"authority\.PCA"):
        merge(SHIPPED, changed(SHIPPED, authorities=(*rest, later)), "merged")


@pytest.mark.parametrize("turned", [False, True])
def test_the_text_that_one_side_pins_is_kept_and_two_texts_are_not_merged(turned: bool) -> None:
    def pinned(digit: str) -> tuple[Authority, ...]:
        return tuple(msgspec.structs.replace(each, sha256=digit * 64) for each in SHIPPED.agreement.authorities)

    sides = [SHIPPED, changed(SHIPPED, authorities=pinned("1"))]
    one, other = reversed(sides) if turned else sides
    assert {each.sha256 for each in merge(one, other, "merged").agreement.authorities} == {"1" * 64}
    with pytest.raises(AgreementError, match="authority"):
        merge(sides[1], Side(changed(SHIPPED, id="third", authorities=pinned("2")).agreement, SHIPPED.prose), "merged")


def test_of_limits_the_tighter_is_kept_and_silence_is_the_number_that_is_enforced_then() -> None:
    def days(value: int) -> tuple[Limit, ...]:
        return (Limit("vvt_days_max", value, Tighter.LOWER),)

    def of(a: Side, b: Side) -> int:
        return merge(a, b, "merged").agreement.limit("vvt_days_max", -1)

    assert of(changed(LINES, limits=days(90)), changed(LINES, id="third", limits=days(30))) == 30
    assert of(changed(LINES, limits=days(30)), changed(LINES, id="third", limits=days(90))) == 30
    assert of(LINES, changed(LINES, limits=days(30))) == 30
    assert of(LINES, changed(LINES, limits=days(1_000))) == 366
    assert of(LINES, changed(LINES)) == -1


def test_what_one_keeps_for_ever_by_silence_the_merged_one_keeps_for_ever() -> None:
    kept = (Limit("keep_days_denied", 30, Tighter.HIGHER),)
    for a, b in ((LINES, changed(LINES, id="third", limits=kept)), (changed(LINES, id="third", limits=kept), LINES)):
        assert merge(a, b, "merged").agreement.limit("keep_days_denied", -1) == FOR_EVER_DAYS


def rung(alpha: float = 1e-6, window: int = 3_600, confirmed: int = 3, hours: int = 4, cure: int = 14) -> Rung:
    do = ("hold unit", f"cleared review within {hours} h")
    return Rung(RungState.PATTERN, do, (LadderTest(alpha, window, confirmed),), cure, 14)


def test_of_the_ladder_the_stricter_is_kept() -> None:
    other = rung(alpha=1e-3, confirmed=9, hours=8, cure=7)
    made = merge(changed(LINES, ladder=(rung(),)), changed(LINES, id="third", ladder=(other,)), "merged")
    assert made.agreement.ladder == (rung(alpha=1e-3, cure=7),)
    untested = msgspec.structs.replace(rung(), tests=())
    made = merge(changed(LINES, ladder=(untested,)), changed(LINES, id="third", ladder=(rung(),)), "merged")
    assert made.agreement.ladder == (rung(),)
    # Two rungs that only one has each, in the order of the ladder.
    states = [each.state for each in merge(changed(LINES, ladder=(rung(),)), LINES, "merged").agreement.ladder]
    assert states == [RungState.ATTEMPT, RungState.PATTERN]


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (rung(window=60), "a window of 3600 s in one"),
        (msgspec.structs.replace(rung(), appeal_days=30), "14 days to appeal in one and 30"),
    ],
)
def test_what_is_stricter_in_neither_direction_is_not_merged(other: Rung, match: str) -> None:
    with pytest.raises(AgreementError, match=match):
        merge(changed(LINES, ladder=(rung(),)), changed(LINES, id="third", ladder=(other,)), "merged")


def test_ids_that_clash_are_told_apart() -> None:
    renamed = {"T1": "T2", "T2": "T1", "G": "G"}
    clauses = tuple(
        msgspec.structs.replace(
            clause,
            id=renamed[clause.id],
            condition=POLICY.agreement.clause("U5").condition if clause.id == "T2" else clause.condition,
        )
        for clause in LINES.agreement.clauses
    )
    specs = (*LINES.agreement.vocabulary.specs, spec_of(POLICY, "social_scoring"))
    other = changed(LINES, clauses=clauses, vocabulary=Vocabulary(specs), examples=())
    made = merge(LINES, other, "merged").agreement
    assert [clause.id for clause in made.clauses] == ["A-T1", "A-T2", "B-T1", "G"]


def test_two_examples_of_one_name_that_differ_are_both_kept() -> None:
    policy = [example.name for example in merge(SHIPPED, POLICY, "merged").agreement.examples]
    assert len(policy) == len(set(policy))
    assert "coding question (usage-policy-2026)" in policy


def test_a_merge_takes_an_id_of_its_own() -> None:
    with pytest.raises(AgreementError, match="take a new id"):
        merge(POLICY, LINES, LINES.agreement.id)


def test_an_example_that_would_come_out_looser_is_refused() -> None:
    """It cannot, so an example is told wrongly; the check is what stands between a fault of ours and a signature."""
    wrong = tuple(msgspec.structs.replace(each, verdict=Verdict.DENY) for each in LINES.agreement.examples)
    with pytest.raises(AgreementError, match="'coding question' of other: deny there, permit here, which is looser"):
        merge(POLICY, changed(LINES, examples=wrong), "merged")
