# SPDX-License-Identifier: Apache-2.0
"""What a page says of a log: rates counted from the records' own times, and whose each signature is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.merkle import root_of
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.policy import Policy
from brightline.shell.logserver.look import DAY, HOUR, look_at_log, look_at_record, name_signatures
from tests.core.evidence.test_audit import KEY, SIGNER, Folder, publish
from tests.shell.logserver.sites import said

BEGAN = datetime(2026, 11, 25, tzinfo=UTC)
W = [Ed25519Cosigner(f"w{n}.example/w", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2, 3)]
POLICY = Policy.parse(
    "".join(f"witness w{n} {w.verifier.vkey()}\n" for n, w in enumerate(W, 1)).encode()
    + b"group two 2 w1 w2 w3\nquorum two\n"
)


def when(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Counting(Folder):
    """A log that counts what is read of it."""

    reads = 0

    def read(self, path: str, bytes_max: int) -> bytes:
        self.reads += 1
        return super().read(path, bytes_max)


def of_times(times: Sequence[float]) -> Folder:
    return publish([said(index, when(time)) for index, time in enumerate(times)])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=1, max_size=900), st.sampled_from([1, 5, 60, 400]))
def test_what_was_written_in_the_last_hour_and_day_is_counted_to_the_record(steps: list[int], slower: int) -> None:
    times = [seconds * slower for seconds in accumulate(steps)]
    rates = look_at_log(of_times(times), None).rates
    for rate, seconds in zip(rates, (HOUR, DAY), strict=False):
        if rate.since_begin:
            assert times[0] >= times[-1] - seconds
            assert (rate.records, rate.seconds) == (len(times), times[-1] - times[0])
        else:
            assert rate.seconds == seconds
            assert rate.records == sum(time >= times[-1] - seconds for time in times)
            assert rate.per_minute == 60 * rate.records / seconds
    assert len(rates) == 2 or rates[0].since_begin


def test_many_records_of_one_moment_are_counted_from_the_first_of_them() -> None:
    times = [0] * 100 + [10] * 300 + [10 + HOUR]  # the moment an hour ago lasts over the edge of a bundle
    assert look_at_log(of_times(times), None).rates[0].records == 301


def test_a_long_log_costs_few_reads() -> None:
    folder = of_times([at * 30 for at in range(20_000)])
    counting = Counting(folder.files)
    look = look_at_log(counting, None)
    assert [rate.records for rate in look.rates] == [121, 2881]
    assert counting.reads < 30


def test_times_that_do_not_read_or_run_backwards_give_no_error() -> None:
    assert look_at_log(publish([said(0, "yesterday")]), None).rates == ()
    backwards = look_at_log(of_times([90_000 - at for at in range(600)]), None)
    assert all(0 <= rate.records <= 600 for rate in backwards.rates)
    mixed = publish([said(at, when(at * 60) if at % 2 else "soon") for at in range(601)] + [said(601, when(36_000))])
    assert look_at_log(mixed, None).newest_time == (BEGAN + timedelta(hours=10)).timestamp()


def test_the_newest_records_are_shown_across_the_edge_of_a_bundle() -> None:
    look = look_at_log(of_times(range(260)), None)
    assert [record.index for record in look.newest] == list(range(259, 239, -1))
    assert look.kinds == (("ATTEMPT", 260),)
    assert [record.index for record in look_at_log(of_times([0, 1, 2]), None).newest] == [2, 1, 0]


def test_an_entry_bundle_that_is_short_or_gone_is_told_and_the_rest_is_shown() -> None:
    folder = of_times(range(300))
    folder.files["tile/entries/001.p/44"] = folder.files["tile/entries/001.p/44"][:-1]
    look = look_at_log(folder, None)
    assert "tile/entries/001.p/44" in look.trouble
    assert look.heads.signed.checkpoint.size == 300
    del folder.files["tile/entries/001.p/44"]
    assert "missing" in look_at_log(folder, None).trouble


def cosigned(*times: tuple[int, int]) -> Folder:
    """A log of one record whose checkpoint these witnesses (by number) have cosigned at these times."""
    folder = of_times([0])
    head = Checkpoint(SIGNER.verifier.name, 1, look_at_log(folder, None).heads.signed.checkpoint.root)
    note = add_lines(sign_checkpoint(head, SIGNER), [W[n - 1].cosignature_line(head.text(), at) for n, at in times])
    folder.files["cosigned"] = note
    return folder


@pytest.mark.parametrize(
    ("times", "quorum", "since"),
    [
        ([(1, 50), (2, 40), (3, 10)], True, 40),  # the third is older and not needed
        ([(1, 50), (2, 40), (2, 45)], True, 45),  # the newest of one witness counts
        ([(1, 50)], False, None),
        ([(1, 10), (1, 20)], False, None),
    ],
)
def test_the_age_of_the_witnesses_is_that_of_the_youngest_set_that_is_enough(
    times: list[tuple[int, int]], quorum: bool, since: int | None
) -> None:
    look = look_at_log(cosigned(*times), POLICY)
    assert (look.quorum, look.witnessed_since) == (quorum, since)


def test_without_a_policy_a_cosignature_is_only_what_it_says_of_itself() -> None:
    look = look_at_log(cosigned((1, 50), (2, 40)), None)
    assert (look.quorum, look.witnessed_since) == (None, 40)
    assert [(line.what, line.verified) for line in look.cosignatures] == [
        ("the log", True),
        ("a cosigner", None),
        ("a cosigner", None),
    ]


def test_each_line_is_named_and_one_that_does_not_verify_is_told() -> None:
    head = Checkpoint(SIGNER.verifier.name, 0, root_of(()))
    other = head.text().replace("\n0\n", "\n1\n")
    stranger = NoteSigner("stranger.example/x", KEY)
    lines = [
        W[0].cosignature_line(head.text(), 7),
        W[1].cosignature_line(other, 8),  # over another text
        stranger.signature_line(head.text()),
    ]
    note = add_lines(sign_checkpoint(head, SIGNER), lines)
    found = name_signatures(note, SIGNER.verifier, POLICY)
    assert [(line.what, line.time, line.verified) for line in found] == [
        ("the log", None, True),
        ("witness w1", 7, True),
        ("witness w2", None, False),
        ("another signature", None, None),
    ]
    assert [line.name for line in found] == [
        SIGNER.verifier.name,
        "w1.example/w",
        "w2.example/w",
        "stranger.example/x",
    ]
    assert found[1].key_id == W[0].verifier.key_id.hex()
    forged = note.replace(b"\n0\n", b"\n1\n", 1)
    assert name_signatures(forged, SIGNER.verifier, POLICY)[0].verified is False


def test_a_record_after_the_cosigned_ones_is_shown_under_the_logs_own_head_and_has_no_proof_yet() -> None:
    folder = publish([said(0), said(1)])
    folder.files["cosigned"] = cosigned((1, 5), (2, 5)).files["cosigned"]
    first, second = look_at_record(publish([said(0), said(1)]), 1), look_at_record(folder, 1)
    assert (first.proof_at_hand, second.proof_at_hand) == (True, False)
    assert (second.cosigned, second.head.checkpoint.size) == (False, 2)
    assert second.path is not None
    assert dict(second.fields)["kind"] == "ATTEMPT"
