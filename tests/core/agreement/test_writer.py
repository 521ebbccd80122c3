# SPDX-License-Identifier: Apache-2.0
"""What is written reads back as the same agreement."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.condition import write
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.writer import array, inline, string, write_agreement
from brightline.core.facts import Formerly, Vocabulary
from brightline.shell import shipped


def written_and_read(agreement: Agreement, prose: bytes) -> Agreement:
    toml = write_agreement(agreement, hashlib.sha256(prose).hexdigest(), "made by a test\nin two lines")
    return load_agreement(toml.encode(), lambda _: prose)


def without_columns(agreement: Agreement) -> object:
    """Everything but the digest and the places at which conditions stood."""
    clauses = [
        msgspec.structs.replace(clause, condition=clause.that, that=clause.that) for clause in agreement.clauses
    ]
    formulas = [(write(clause.condition), write(clause.that)) for clause in agreement.clauses]
    rest = msgspec.structs.replace(agreement, digest="", clauses=())
    return rest, [msgspec.structs.replace(c, condition=None, that=None) for c in clauses], formulas


@pytest.mark.parametrize("folder", shipped.shipped_agreements().values(), ids=lambda folder: folder.name)
def test_every_shipped_agreement_reads_back_equal(folder: Path) -> None:
    agreement = shipped.read_agreement(folder)
    back = written_and_read(agreement, (folder / agreement.prose).read_bytes())
    assert without_columns(back) == without_columns(agreement)
    assert back.encoding == agreement.encoding


def test_a_former_name_reads_back() -> None:
    folder = shipped.shipped_agreement()
    agreement = shipped.read_agreement(folder)
    spec = msgspec.structs.replace(agreement.vocabulary.specs[0], formerly=(Formerly("of_old", (("aye", "yes"),)),))
    renamed = msgspec.structs.replace(agreement, vocabulary=Vocabulary((spec, *agreement.vocabulary.specs[1:])))
    assert written_and_read(renamed, (folder / agreement.prose).read_bytes()).vocabulary == renamed.vocabulary


def test_organisations_read_back() -> None:
    folder = shipped.shipped_agreement()
    asked = msgspec.structs.replace(shipped.read_agreement(folder), organisations=(("provider_cleared", 2),))
    assert written_and_read(asked, (folder / asked.prose).read_bytes()).organisations == asked.organisations


def test_an_agreement_without_a_ladder_and_without_limits_reads_back() -> None:
    folder = shipped.shipped_agreement()
    bare = msgspec.structs.replace(shipped.read_agreement(folder), ladder=(), limits=())
    back = written_and_read(bare, (folder / bare.prose).read_bytes())
    assert (back.ladder, back.limits) == ((), ())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_survives_as_a_string(text: str) -> None:
    assert tomllib.loads(f"x = {string(text)}")["x"] == text


@given(st.lists(st.text('ab"\\\n ', min_size=1, max_size=60), max_size=6))
def test_any_list_survives_as_an_array(texts: list[str]) -> None:
    assert tomllib.loads(f"x = {array(texts)}")["x"] == texts


@given(st.dictionaries(st.text("ab -é", min_size=1, max_size=6), st.integers(0, 99), max_size=4))
def test_any_names_survive_as_keys(members: dict[str, int]) -> None:
    assert tomllib.loads(f"x = {inline({k: str(v) for k, v in members.items()})}")["x"] == members
