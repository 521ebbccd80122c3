# SPDX-License-Identifier: Apache-2.0
"""What two agreements may hear of one statement."""

from __future__ import annotations

import pytest

from brightline.core.agreement.worlds import World, facts_of_worlds, match
from brightline.core.facts import NO, UNKNOWN, YES, FactSpec, Formerly, Vocabulary

HARM = FactSpec("harm", NO)


def test_a_fact_that_both_name_is_one_fact_and_needs_one_name() -> None:
    (fact,) = match(Vocabulary((HARM,)), Vocabulary((HARM,)))
    assert fact.alike
    assert fact.stem_for("candidate") == fact.stem_for("baseline") == "harm"
    assert fact.worlds == (World(YES, YES), World(NO, NO), World(UNKNOWN, UNKNOWN))


def test_a_fact_of_one_side_only_is_free_and_keeps_every_rank() -> None:
    new, gone = match(Vocabulary((FactSpec("new", YES),)), Vocabulary((FactSpec("gone", NO),)))
    assert (new.candidate, new.baseline) == ((FactSpec("new", YES),), ())
    assert (gone.candidate, gone.baseline) == ((), (FactSpec("gone", NO),))
    for fact in (new, gone):
        assert {rank for rank, _ in fact.ranks} == {0, 1, 2}
        assert fact.alike


def test_a_renamed_fact_is_heard_through_its_mapping() -> None:
    safe = FactSpec("safe", YES, formerly=(Formerly("harm", ((NO, YES), (YES, NO))),))
    (fact,) = match(Vocabulary((safe,)), Vocabulary((HARM,)))
    assert fact.alike
    assert fact.world(0, 0) == World(YES, NO)
    assert fact.world(2, 2) == World(NO, YES)
    assert [each.as_dict() for each in facts_of_worlds([(fact, fact.world(2, 2))])] == [{"safe": NO}, {"harm": YES}]
    with pytest.raises(KeyError):
        fact.world(0, 2)


def test_a_mapping_that_turns_bad_into_good_is_heard_as_that() -> None:
    safe = FactSpec("safe", YES, formerly=(Formerly("harm", ((NO, YES),)),))
    (fact,) = match(Vocabulary((safe,)), Vocabulary((HARM,)))
    assert not fact.alike
    assert fact.stem_for("baseline") == "baseline safe"
    assert fact.world(0, 2) == World(YES, YES)


def test_a_good_value_that_changed_places_is_heard_as_the_opposite() -> None:
    (fact,) = match(Vocabulary((FactSpec("harm", YES),)), Vocabulary((HARM,)))
    assert {(0, 2), (2, 0), (1, 1), (2, 2)} == set(fact.ranks)  # what neither knows is bad to both


def test_a_new_word_is_bad_to_the_baseline_even_where_it_had_a_value_of_that_name() -> None:
    now = FactSpec("safe", NO, ("gone", NO), formerly=(Formerly("harm", ((NO, "gone"), (YES, "gone"))),))
    (fact,) = match(Vocabulary((now,)), Vocabulary((HARM,)))
    assert (0, 0) not in fact.ranks
    assert (0, 2) in fact.ranks
    (more,) = match(Vocabulary((FactSpec("harm", NO, (YES, NO, "perhaps")),)), Vocabulary((HARM,)))
    assert World("perhaps", "perhaps") in more.worlds


def test_a_former_name_that_the_candidate_still_uses_is_not_the_same_fact() -> None:
    baseline = Vocabulary((HARM, FactSpec("risk", NO)))
    merged = Vocabulary((FactSpec("harm", NO, formerly=(Formerly("risk"),)),))
    harm, risk = match(merged, baseline)
    assert harm.baseline == (HARM,)
    assert risk.candidate == ()
