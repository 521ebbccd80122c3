# SPDX-License-Identifier: Apache-2.0
"""Random review counts if the draw can be made again, all that was due was shown, and people said what is so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest

from brightline.core.answer.model import Found, Status
from brightline.core.answer.sample import SampleBook
from brightline.core.evidence.disclosure import match
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.record import RecordKind
from brightline.folders import read_agreement
from brightline.verify.sample.ledger import Ledger
from brightline.verify.sample.site import Site, honest_site
from tests.answer.sites import LOOKED, MONTH, SHIPPED, sample

DOW = read_agreement(SHIPPED)


def told(change: Callable[[Site], None] = lambda _site: None, said: Mapping[str, str] = LOOKED) -> Found:
    """What the records of a sampled site show after a change."""
    site = honest_site(1, DOW)
    sample(site, DOW, said)
    change(site)
    book = SampleBook()
    for ledger in (site.registry, site.gateway):
        for at, record in enumerate(ledger.records):
            leaf = read_leaf(ledger.leaf(at))
            opened = match(leaf.commitments, record.disclosures) if leaf.kind is RecordKind.DECISION else {}
            book.enter(leaf, ledger.leaf(at), leaf_hash(ledger.leaf(at)), opened)
    return book.found({DOW.digest: DOW})


def drop(ledger: Ledger, wanted: Callable[[dict[str, object]], bool]) -> None:
    """Take the first record that is wanted out of a log."""
    ledger.records.remove(next(record for record in ledger.records if wanted(dict(record.value))))


def is_about_a_sample(said: dict[str, object]) -> bool:
    return said["kind"] == "DECISION" and str(said["hold"]).startswith("hold_x-")


def test_nothing_found_among_those_that_were_drawn_bounds_the_rest() -> None:
    found = told()
    assert found.status is Status.SHOWN
    (bounded,) = found.bounds
    assert bounded.hits == 0
    assert bounded.high <= 3 / bounded.of
    assert f"{bounded.of} of 72 that were permitted in {MONTH} were drawn" in found.detail
    assert (
        f"so at most {math.ceil(bounded.high * 72)} of all in these months" in found.detail
    )  # who is drawn is by lot


@pytest.mark.parametrize(
    "said", [{"r-1": "yes", "r-2": "yes"}, {"r-1": "no", "r-2": "yes"}, {"r-1": "unknown", "r-2": "no"}], ids=str
)
def test_what_anybody_finds_is_told_against_it(said: dict[str, str]) -> None:
    found = told(said=said)
    assert found.status is Status.CONTRADICTED
    assert found.bounds[0].hits == found.bounds[0].of


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda site: drop(site.registry, lambda said: said.get("what") == "sampling"), "no key for it is on record"),
        (lambda site: drop(site.registry, lambda said: said.get("what") == "revealed"), "no month's key is known yet"),
        (lambda site: drop(site.gateway, lambda said: said["kind"] == "CASE"), "1 of them were shown to nobody"),
        (
            lambda site: drop(site.registry, is_about_a_sample),
            "what people said of 1 of them is not there, or not disclosed",
        ),
    ],
    ids=["no commitment", "no key", "a case left out", "a decision left out"],
)
def test_a_piece_that_is_missing_leaves_it_open(change: Callable[[Site], None], why: str) -> None:
    found = told(change)
    assert (found.status, why in found.detail) == (Status.OPEN, True), found.detail


def test_one_person_alone_has_not_looked_where_two_must() -> None:
    assert told(said={"r-1": "no"}).status is Status.OPEN


def test_one_who_answers_twice_is_one() -> None:
    def say_again(site: Site) -> None:
        for record in [one for one in site.registry.records if one.value["kind"] == "DECISION"]:
            site.registry.records.append(record)

    assert told(say_again, {"r-1": "no"}).status is Status.OPEN


def test_a_key_that_was_not_committed_to_draws_nothing() -> None:
    def other(site: Site) -> None:
        for record in site.registry.records:
            if record.value.get("what") == "revealed":
                record.value["key"] = "00" * 32

    assert "no month's key is known yet" in told(other).detail


def test_what_was_permitted_before_anybody_knew_of_the_draw_was_not_due() -> None:
    def late(site: Site) -> None:
        for record in site.registry.records:
            if record.value.get("what") == "sampling":
                record.value["time"] = "2026-11-30T23:59:59.000Z"

    found = told(late)
    assert (found.status, found.detail) == (Status.OPEN, f"0 of 72 that were permitted in {MONTH} were drawn")
