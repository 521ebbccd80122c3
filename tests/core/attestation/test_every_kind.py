# SPDX-License-Identifier: Apache-2.0
"""What holds of every kind: real evidence verifies at its time, and one thing wrong with it is a refusal, by name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.attestation.claims import Debug, Kind
from brightline.core.attestation.evidence import FORMS, PART_BYTES_MAX, Evidence, verify
from brightline.core.attestation.fault import Fault
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.samples import BY_NAME, ENDORSED, SAMPLES, Sample, roots

STRIDE = 23
"""Every so many bytes are flipped here; the long form flips each."""


def refused(
    sample: Sample, *, main: bytes | None = None, at: float | None = None, parts: Mapping[str, bytes] | None = None
) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        sample.verify(main=main, at=at, parts=parts)
    return caught.value.fault


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_real_evidence_verifies_at_its_own_time(sample: Sample) -> None:
    claims = sample.verify()
    assert claims.kind is sample.evidence.kind
    assert claims.debug is not Debug.ENABLED
    assert bool(claims.issuer) == (sample in ENDORSED)
    assert claims.eat()["eat_profile"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_a_flipped_bit_anywhere_in_it_is_refused(sample: Sample) -> None:
    main = sample.evidence.main
    for at in range(0, len(main), STRIDE):
        refused(sample, main=flipped(main, at))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_a_flipped_bit_in_what_comes_with_it_is_refused_or_changes_nothing(sample: Sample) -> None:
    """Text round a certificate may differ, and a key of a set that nobody used; what is said stays the same then."""
    said = sample.verify()
    for name, data in sample.evidence.parts.items():
        for at in range(0, len(data), 5 * STRIDE if len(data) > 2_000 else STRIDE):
            try:
                assert sample.verify(parts={name: flipped(data, at)}) == said
            except EvidenceRefused:
                continue


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_a_flipped_bit_in_any_byte_is_refused(sample: Sample) -> None:
    main = sample.evidence.main
    for at in range(len(main)):
        refused(sample, main=flipped(main, at))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_it_is_refused_cut_at_any_length_and_with_a_byte_behind_it(sample: Sample) -> None:
    main = sample.evidence.main
    for length in {0, 1, 2, 3, 4, 8, *range(0, len(main), len(main) // 60 + 1), len(main) - 1}:
        refused(sample, main=main[:length])
    refused(sample, main=main + b"\x01")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_what_is_huge_is_refused_unread(sample: Sample) -> None:
    assert refused(sample, main=bytes(PART_BYTES_MAX + 1)) == Fault.TOO_LARGE
    refused(sample, main=sample.evidence.main[:1] * PART_BYTES_MAX)
    for name in sample.evidence.parts:
        assert refused(sample, parts={name: bytes(PART_BYTES_MAX + 1)}) == Fault.TOO_LARGE


@pytest.mark.parametrize(
    "sample", [each for each in ENDORSED if each.name != "gce-identity"], ids=lambda each: each.name
)
def test_under_roots_for_another_use_it_is_refused(sample: Sample) -> None:
    own = sample.verify().issuer
    others = tuple(root for root in roots() if f"sha256:{root.sha256}" != own)
    with pytest.raises(EvidenceRefused) as caught:
        verify(sample.evidence, others, sample.at)
    assert caught.value.fault in {Fault.WRONG_ROOT, Fault.BAD_SIGNATURE}  # an identity document has no chain


@pytest.mark.parametrize("sample", ENDORSED, ids=lambda each: each.name)
def test_a_second_after_what_it_rests_on_ends_it_is_refused(sample: Sample) -> None:
    until = sample.verify().until
    assert until is not None
    sample.verify(at=until - 1)
    assert refused(sample, at=until + 1) == Fault.EXPIRED


@pytest.mark.parametrize("sample", ENDORSED, ids=lambda each: each.name)
def test_before_it_was_made_it_is_refused(sample: Sample) -> None:
    assert refused(sample, at=0) in {Fault.NOT_YET}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_a_part_that_its_kind_does_not_take_is_refused_and_so_is_one_that_is_missing(sample: Sample) -> None:
    assert refused(sample, parts={"surplus": b"x"}) == Fault.MALFORMED
    for name in FORMS[sample.evidence.kind].needs:
        parts = {part: data for part, data in sample.evidence.parts.items() if part != name}
        with pytest.raises(EvidenceRefused) as caught:
            verify(Evidence(sample.evidence.kind, sample.evidence.main, parts), roots(), sample.at)
        assert caught.value.fault == Fault.MALFORMED


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: each.name)
def test_evidence_of_one_kind_is_none_of_another(sample: Sample) -> None:
    for kind in FORMS:
        if kind is not sample.evidence.kind:
            with pytest.raises(EvidenceRefused):
                verify(Evidence(kind, sample.evidence.main, sample.evidence.parts), roots(), sample.at)


@settings(deadline=None)
@given(st.sampled_from(list(Kind)), st.binary(max_size=400), st.data())
def test_no_bytes_in_any_part_of_any_kind_do_more_than_be_refused(
    kind: Kind, main: bytes, data: st.DataObject
) -> None:
    form = FORMS[kind]
    parts = {name: data.draw(st.binary(max_size=200), label=name) for name in (*form.needs, *form.takes)}
    with pytest.raises(EvidenceRefused):
        verify(Evidence(kind, main, parts), roots(), 1_750_000_000)


@settings(deadline=None)
@given(st.sampled_from([each.name for each in SAMPLES]), st.data())
def test_no_bytes_in_the_place_of_a_stretch_of_real_evidence_pass(name: str, data: st.DataObject) -> None:
    """But for what may be there or not: zeros behind a quote, the end of a token's line."""
    sample = BY_NAME[name]
    main = sample.evidence.main
    at = data.draw(st.integers(0, len(main) - 1))
    put = data.draw(st.binary(max_size=40))
    changed = main[:at] + put + main[at + data.draw(st.integers(0, 40)) :]
    if changed.rstrip(b"\0\n") != main.rstrip(b"\0\n"):
        refused(sample, main=changed)
