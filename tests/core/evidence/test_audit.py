# SPDX-License-Identifier: Apache-2.0
"""The verifier against every fraud that an operator could try: each is found, and named with its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

import brightline
from brightline.core.agreement.decide import decide
from brightline.core.agreement.load import load_agreement
from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.audit_exchanges import WINDOW_BYTES
from brightline.core.evidence.audit_findings import FINDINGS_MAX, Status, Topic
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.disclosure import commit
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.receipt import Receipt, write_receipt
from brightline.core.evidence.record import Draft, Place, RecordKind, Sealed, mint_durable
from brightline.core.evidence.tile import tiles_for
from brightline.core.facts import Facts
from tests.vault import disclosures_of, sealed

FOLDER = Path(brightline.__file__).parent / "agreements" / "dow-2026-02-27"
AGREEMENT = load_agreement((FOLDER / "agreement.toml").read_bytes(), lambda name: (FOLDER / name).read_bytes())
GOOD = Facts.of({spec.name: spec.good for spec in AGREEMENT.vocabulary.specs})
BAD = GOOD.with_values({"mass_domestic": "yes"})
SHARD = "gw-1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = NoteSigner(f"log.example/{SHARD}", KEY)
TERMS: dict[str, JsonValue] = {"agreement": AGREEMENT.digest, "release": "sha256:release"}

Said = dict[str, JsonValue]


class Folder:
    """A published shard in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def paths(self) -> Iterable[str]:
        return sorted(self.files)

    def read(self, path: str, bytes_max: int) -> bytes:
        data = self.files.get(path)
        if data is None:
            raise UnreadableError("this file is missing")
        if len(data) > bytes_max:
            raise UnreadableError("this file is too large")
        return data


class Story:
    """Writes records as a gateway does. Each keeps its place in the story unless told otherwise."""

    def __init__(self) -> None:
        self.epoch = 1
        self.sealed: list[Sealed] = []

    def say(self, kind: RecordKind, exchange: str, public: Said, committed: Said | None = None) -> None:
        place = Place(SHARD, self.epoch, len(self.sealed), "2026-11-25T12:00:00.000Z", "development")
        key = len(self.sealed).to_bytes(32, "big")
        self.sealed.append(sealed(Draft(kind, exchange, public, committed or {}), place, key))

    def attempt(self, exchange: str) -> None:
        self.say(RecordKind.ATTEMPT, exchange, TERMS, {"unit": "planning office"})

    def permit(self, exchange: str, facts: Facts = GOOD, **other: JsonValue) -> None:
        made = decide(AGREEMENT, facts, {})
        public: Said = TERMS | {"verdict": "permit", "clauses": list(made.clauses), "token": f"t-{exchange}"} | other
        self.say(RecordKind.PASS, exchange, public, {"facts": dict(facts.items()), "coverage": "c"})

    def mark(self, exchange: str, released: int) -> None:
        self.say(RecordKind.MARK, exchange, TERMS | {"released_bytes": released}, {"chain": "c"})

    def outcome(self, exchange: str, outcome: str, facts: Facts = GOOD, **other: JsonValue) -> None:
        made = decide(AGREEMENT, facts, {})
        class_ = "policy" if made.verdict.value == "deny" else "none"
        said: Said = {"outcome": outcome, "class": class_, "verdict": made.verdict.value, "released_bytes": 0}
        said |= {"clauses": list(made.clauses)}
        self.say(RecordKind.OUTCOME, exchange, TERMS | said | other, {"facts": dict(facts.items())})

    def lost(self, exchange: str, epoch: int) -> None:
        public: Said = {"outcome": "lost", "class": "none", "epoch_lost": epoch}
        self.say(RecordKind.OUTCOME, exchange, public)

    def answered(self, exchange: str, released: int = 10) -> None:
        self.attempt(exchange)
        self.permit(exchange)
        self.outcome(exchange, "completed", released_bytes=released)

    def refused(self, exchange: str) -> None:
        self.attempt(exchange)
        self.outcome(exchange, "refused", BAD)

    @property
    def leaves(self) -> list[bytes]:
        return [one.leaf for one in self.sealed]

    def disclosures(self) -> dict[int, Sequence[str]]:
        return {seq: disclosures_of(one, seq.to_bytes(32, "big")) for seq, one in enumerate(self.sealed)}


def publish(leaves: Sequence[bytes], signer: NoteSigner = SIGNER) -> Folder:
    """Publish leaves as the operator would, with his own key: whatever they say, the log is consistent."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    files = dict(tiles_for(0, len(leaves), leaves.__getitem__, tree.node))
    name = signer.verifier.name
    files["checkpoint"] = sign_checkpoint(Checkpoint(name, len(leaves), tree.root()), signer)
    files["log.vkey"] = f"{signer.verifier.vkey()}\n".encode()
    return Folder(files)


def audit(folder: Folder, **more: object) -> ShardReport:
    return audit_shard(SHARD, folder, [SIGNER.verifier], **more)  # type: ignore[arg-type]


def status(report: ShardReport, topic: Topic) -> Status:
    return next(claim.status for claim in report.claims if claim.name == topic.value)


def places(report: ShardReport) -> list[str]:
    return [finding.place for finding in report.contradictions]


WITNESS = Ed25519Cosigner("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))


@pytest.mark.parametrize(
    ("size", "quorum", "time", "shown"),
    [
        (3, "w", 5, Status.PROVEN),
        (2, "w", 5, Status.PROVEN),
        (0, "w", 5, Status.NOT_SHOWN),  # every log begins as the same tree of no records
        (3, "none", 0, Status.NOT_SHOWN),  # who need not have seen it has not
    ],
)
def test_that_nobody_was_shown_another_log_is_shown_by_witnesses_who_saw_records_of_it(
    size: int, quorum: str, time: int, shown: Status
) -> None:
    story = Story()
    story.refused("x-1")
    story.attempt("x-2")
    folder, seen = publish(story.leaves), publish(story.leaves[:size]).files["checkpoint"]
    text = "".join(seen.decode().splitlines(keepends=True)[:3])
    folder.files["cosigned"] = add_lines(seen, [WITNESS.cosignature_line(text, time)] if time else [])
    policy = Policy.parse(f"witness w {WITNESS.verifier.vkey()}\nquorum {quorum}\n".encode())
    assert status(audit(folder, policies=[policy]), Topic.WITNESSED) is shown


def said(report: ShardReport) -> str:
    return "\n".join(f"{finding.place}: {finding.message}" for finding in report.contradictions)


def ordinary() -> Story:
    story = Story()
    story.answered("a")
    story.refused("b")
    story.attempt("c")
    story.permit("c")
    story.mark("c", 60_000)
    story.attempt("d")
    story.mark("c", 120_000)
    shed: Said = {"without_record": {"overloaded": 3, "unauthenticated": 2}}
    story.say(RecordKind.PERIOD, "", TERMS | shed | {"start": 0, "end": 10, "statement": "sha256:elsewhere"})
    story.outcome("c", "cut", BAD, released_bytes=130_000)
    return story


# ---- what holds -----------------------------------------------------------------------------------------------------


def test_an_honest_log_is_proven_and_recounted() -> None:
    report = audit(publish(ordinary().leaves))
    assert not report.contradicted, said(report)
    expected = {
        Topic.LOG: Status.PROVEN,
        Topic.RECORDS: Status.PROVEN,
        Topic.BOOKS: Status.PROVEN,
        Topic.PASSED: Status.PROVEN,
    }
    not_shown = [Topic.REPLAYS, Topic.WITNESSED, Topic.GUARDED, Topic.PERIODS, Topic.LOST, Topic.UPSTREAMS]
    not_shown.append(Topic.LEASED)  # a development log from before there were leases
    expected |= dict.fromkeys(not_shown, Status.NOT_SHOWN)
    assert {claim.name: claim.status for claim in report.claims} == {
        key.value: value for key, value in expected.items()
    }
    counted = report.recount
    assert (counted.attempts, counted.outcomes, counted.open) == (4, 3, 1)
    assert counted.by_outcome == {
        "completed": 1,
        "refused": 1,
        "cut": 1,
    }
    assert counted.by_class["policy"] == 2
    assert counted.by_verdict == {"deny": 2, "permit": 1}
    assert counted.by_agreement == {AGREEMENT.digest: 4}
    assert counted.by_epoch == {"1": 4}
    assert counted.by_clause["RL-1"] == 2
    assert counted.without_record == {"overloaded": 3, "unauthenticated": 2}
    assert counted.released_bytes == 130_010


def test_an_empty_log_is_what_was_signed() -> None:
    report = audit(publish([]))
    assert not report.contradicted
    assert status(report, Topic.LOG) is Status.PROVEN


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 700])
def test_logs_of_every_shape_are_proven(size: int) -> None:
    story = Story()
    for i in range(size):
        story.attempt(f"x{i}")
    report = audit(publish(story.leaves))
    assert not report.contradicted, said(report)
    assert status(report, Topic.BOOKS) is Status.PROVEN
    assert report.recount.open == size


def test_a_large_log_has_tiles_above_tiles() -> None:
    story = Story()
    story.attempt("a")
    [first] = story.leaves
    leaves = [
        first.replace(b'"exchange":"a"', b'"exchange":"a%d"' % i).replace(b'"seq":0', b'"seq":%d' % i)
        for i in range(65_600)
    ]
    folder = publish(leaves)
    assert "tile/2/000.p/1" in folder.files
    assert not audit(folder).contradicted
    flip(folder, "tile/2/000.p/1", 77)
    assert places(audit(folder)) == ["tile/2/000.p/1, hash 0"]


def test_without_a_key_it_is_said_that_origin_is_not_shown() -> None:
    report = audit_shard(SHARD, publish(ordinary().leaves))
    assert not report.contradicted
    assert "not whose log it is" in report.claims[0].detail
    assert "not whose" not in audit(publish(ordinary().leaves)).claims[0].detail


def test_a_lost_attempt_is_told_with_what_was_allowed_and_how_much_left() -> None:
    story = Story()
    story.attempt("unsent")
    story.attempt("passed")
    story.permit("passed")
    story.attempt("marked")
    story.permit("marked")
    story.mark("marked", 65_000)
    story.epoch = 2
    for exchange in ("unsent", "passed", "marked"):
        story.lost(exchange, 1)
    report = audit(publish(story.leaves), disclosures=story.disclosures(), agreements=[AGREEMENT])
    assert not report.contradicted, said(report)
    notes = [note.message for note in report.notes]
    assert "no PASS: nothing was sent to a model, and nothing left" in notes[0]
    assert "at most 65,536 bytes left" in notes[1]
    assert "at least 65,000 and at most 130,536 bytes left" in notes[2]
    assert "mass_domestic=no" in notes[2]
    assert report.recount.lost_bytes_max == 65_536 + 130_536


# ---- the files ------------------------------------------------------------------------------------------------------


def flip(folder: Folder, path: str, bit: int) -> None:
    data = bytearray(folder.files[path])
    data[bit // 8] ^= 1 << (bit % 8)
    folder.files[path] = bytes(data)


WHOLE = Story()
for _i in range(230):
    WHOLE.answered(f"e{_i}")
PUBLISHED = publish(WHOLE.leaves)
assert {"tile/entries/000", "tile/entries/001", "tile/entries/002.p/178", "tile/1/000.p/2"} <= set(PUBLISHED.files)


@settings(max_examples=250, deadline=None)
@given(data=st.data(), own_key=st.booleans())
def test_any_flipped_bit_in_any_file_is_found_and_its_file_named(data: st.DataObject, own_key: bool) -> None:
    path = data.draw(st.sampled_from(sorted(PUBLISHED.files)))
    bit = data.draw(st.integers(0, 8 * len(PUBLISHED.files[path]) - 1))
    folder = Folder(PUBLISHED.files)
    flip(folder, path, bit)
    report = audit_shard(SHARD, folder, [] if own_key else [SIGNER.verifier])
    assert status(report, Topic.LOG) is Status.CONTRADICTED
    assert places(report)[0].startswith(path)
    others = [place for place in places(report) if not place.startswith(path)]
    # With nothing but the folder, a key that does not read leaves the checkpoint unsigned too.
    assert others == (["checkpoint"] if own_key and path == "log.vkey" else [])
    assert status(report, Topic.BOOKS) is not Status.PROVEN or path.startswith(("tile/0", "tile/1", "log.vkey"))


@settings(max_examples=100, deadline=None)
@given(record=st.integers(0, 689), data=st.data())
def test_a_flipped_bit_in_an_entry_is_named_with_entry_and_record(record: int, data: st.DataObject) -> None:
    bundle, entry = divmod(record, 256)
    path = f"tile/entries/{bundle:03d}" + (".p/178" if bundle == 2 else "")
    start = sum(len(leaf) + 2 for leaf in WHOLE.leaves[bundle * 256 : record]) + 2
    folder = Folder(PUBLISHED.files)
    flip(folder, path, start * 8 + data.draw(st.integers(0, 8 * len(WHOLE.leaves[record]) - 1)))
    report = audit(folder)
    assert said(report) == f"{path}, entry {entry}, record {record}: this entry is not the one that was signed"


@pytest.mark.parametrize("path", sorted(PUBLISHED.files))
def test_a_truncated_or_missing_file_is_named(path: str) -> None:
    for change in (lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: b"", None):
        folder = Folder(PUBLISHED.files)
        if change is None:
            del folder.files[path]
        else:
            folder.files[path] = change(folder.files[path])
        report = audit(folder)
        if change is None and path == "log.vkey":
            assert not report.contradicted  # the key was given; the one beside the log is for convenience
            continue
        assert status(report, Topic.LOG) is Status.CONTRADICTED
        assert places(report)[0].startswith(path)


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(sorted(PUBLISHED.files)), junk=st.binary(max_size=9_000))
def test_no_bytes_whatever_make_the_audit_raise(path: str, junk: bytes) -> None:
    folder = Folder(PUBLISHED.files)
    folder.files[path] = junk
    assert audit(folder).contradicted


def test_an_older_partial_tile_must_be_the_start_of_what_it_became() -> None:
    folder = Folder(PUBLISHED.files)
    older = publish(WHOLE.leaves[:600])
    folder.files |= {path: older.files[path] for path in ("tile/entries/002.p/88", "tile/0/002.p/88")}
    assert not audit(folder).contradicted
    for path in ("tile/entries/002.p/88", "tile/0/002.p/88"):
        changed = Folder(folder.files)
        flip(changed, path, 1_000)
        assert places(audit(changed)) == [path]


def test_a_partial_tile_that_the_full_one_replaced_is_read_from_there() -> None:
    """Whoever copies a folder while it grows finds an old checkpoint and the tiles of a newer one."""
    older = publish(WHOLE.leaves[:300])
    kept = {path: older.files[path] for path in ("checkpoint", "tile/1/000.p/1")}
    copied = Folder(publish(WHOLE.leaves[:512]).files | kept)
    report = audit(copied)
    assert not report.contradicted, said(report)
    assert (report.size, report.recount.records) == (300, 300)


def test_a_log_under_another_key_is_contradicted() -> None:
    other = NoteSigner(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    report = audit(publish(ordinary().leaves, other))
    assert places(report) == ["log.vkey", "checkpoint"]
    assert report.size == 0


def test_another_log_than_the_signed_one_is_contradicted_even_if_it_agrees_with_itself() -> None:
    story = ordinary()
    folder = publish(story.leaves)
    story.sealed[1], story.sealed[2] = story.sealed[2], story.sealed[1]
    forged = publish(story.leaves)
    forged.files["checkpoint"] = folder.files["checkpoint"]
    report = audit(forged)
    assert "not the log that was signed" in said(report)
    assert status(report, Topic.BOOKS) is not Status.PROVEN


def test_a_checkpoint_that_promises_more_than_can_be_read_does_not_hold_the_auditor() -> None:
    folder = publish(ordinary().leaves)
    huge = Checkpoint(SIGNER.verifier.name, 2**62, bytes(32))
    folder.files["checkpoint"] = sign_checkpoint(huge, SIGNER)
    report = audit(folder)
    assert status(report, Topic.LOG) is Status.CONTRADICTED
    assert "nothing from record" in said(report)


# ---- the books: the operator signs with his own key, so only they can tell ----------------------------------------


def forged(*changes: Callable[[list[bytes]], None], story: Story | None = None) -> ShardReport:
    leaves = (story or ordinary()).leaves
    for change in changes:
        change(leaves)
    return audit(publish(leaves))


def renumber(leaves: list[bytes]) -> None:
    """Give every record the number of its place, as an operator would who hides a gap."""
    for i, leaf in enumerate(leaves):
        value = json.loads(leaf)
        value["seq"] = i
        leaves[i] = canonical_bytes(value)


def rewrite(index: int, **members: JsonValue) -> Callable[[list[bytes]], None]:
    def change(leaves: list[bytes]) -> None:
        leaves[index] = canonical_bytes(json.loads(leaves[index]) | members)

    return change


@pytest.mark.parametrize("index", range(11))
def test_a_deleted_record_leaves_a_gap(index: int) -> None:
    report = forged(lambda leaves: leaves.__delitem__(index))
    assert status(report, Topic.LOG) is Status.PROVEN
    assert f"entry {index}, record {index}: its sequence number is {index + 1}" in said(report)


def test_records_in_another_order_are_found() -> None:
    def swap(leaves: list[bytes]) -> None:
        leaves[3], leaves[4] = leaves[4], leaves[3]

    assert "entry 3, record 3: its sequence number is 4" in said(forged(swap))
    assert "has no ATTEMPT" in said(forged(swap, renumber))


def test_a_doubled_record_is_found() -> None:
    def double(leaves: list[bytes]) -> None:
        leaves.insert(3, leaves[2])

    assert "record 3: its sequence number is 2" in said(forged(double))
    assert "record 3: OUTCOME after the OUTCOME of exchange 'a'" in said(forged(double, renumber))


@pytest.mark.parametrize(("index", "message"), [(0, "'a', which has no ATTEMPT"), (1, "without a PASS")])
def test_a_hidden_record_is_found_although_the_gap_was_closed(index: int, message: str) -> None:
    assert message in said(forged(lambda leaves: leaves.__delitem__(index), renumber))


def test_an_answer_without_a_pass_contradicts_the_claim_that_there_is_none() -> None:
    for outcome in ("completed", "cut", "upstream_failed"):
        story = Story()
        story.attempt("a")
        story.outcome("a", outcome, BAD if outcome == "cut" else GOOD)
        report = audit(publish(story.leaves))
        assert status(report, Topic.PASSED) is Status.CONTRADICTED
        assert places(report) == ["tile/entries/000.p/2, entry 1, record 1"]


def test_released_bytes_without_a_pass_are_found() -> None:
    story = Story()
    story.attempt("a")
    story.outcome("a", "client_gone", released_bytes=1)
    story.attempt("b")
    story.mark("b", 5)
    report = audit(publish(story.leaves))
    assert [finding.topic for finding in report.contradictions] == [Topic.PASSED, Topic.PASSED]


def test_a_pass_that_is_no_permit_is_found() -> None:
    story = Story()
    story.attempt("a")
    story.permit("a", verdict="deny")
    report = audit(publish(story.leaves))
    assert status(report, Topic.PASSED) is Status.CONTRADICTED
    assert "a PASS whose verdict is deny" in said(report)


def retold(tell: Callable[[Story], None]) -> str:
    story = Story()
    tell(story)
    return said(audit(publish(story.leaves)))


def test_the_order_of_an_exchange_is_kept() -> None:
    def two_attempts(story: Story) -> None:
        story.answered("a")
        story.attempt("a")

    def two_passes(story: Story) -> None:
        story.attempt("a")
        story.permit("a")
        story.permit("a")

    def mark_after_the_end(story: Story) -> None:
        story.answered("a")
        story.mark("a", 20)

    def fewer_bytes(story: Story) -> None:
        story.attempt("a")
        story.permit("a")
        story.mark("a", 20)
        story.mark("a", 19)

    def outcome_below_mark(story: Story) -> None:
        story.attempt("a")
        story.permit("a")
        story.mark("a", 20)
        story.outcome("a", "completed", released_bytes=19)

    def too_much_between_marks(story: Story) -> None:
        story.attempt("a")
        story.permit("a")
        story.mark("a", WINDOW_BYTES + 1)

    assert "a second ATTEMPT of exchange 'a'" in retold(two_attempts)
    assert "a second PASS of exchange 'a'" in retold(two_passes)
    assert "MARK after the OUTCOME of exchange 'a'" in retold(mark_after_the_end)
    assert "19 bytes released, though 20 had left before" in retold(fewer_bytes)
    assert "19 bytes released, though 20 had left before" in retold(outcome_below_mark)
    assert "65537 bytes left without a MARK" in retold(too_much_between_marks)


@pytest.mark.parametrize(
    ("index", "members", "message"),
    [
        (2, {"verdict": "deny"}, "completed, though the verdict is deny"),
        (2, {"outcome": "held"}, "the outcome is held and the verdict permit"),
        (4, {"class": "none"}, "the class is none and the verdict deny"),
        (4, {"class": "registration"}, "outside its registration, yet refused with the verdict deny"),
        (2, {"class": "registration"}, "outside its registration, yet completed with the verdict permit"),
        (4, {"released_bytes": 7}, "refused, though 7 bytes were released"),
        (2, {"agreement": "sha256:another"}, "another agreement or release"),
        (1, {"release": "sha256:another"}, "another agreement or release"),
        (3, {"shard": "gw-2"}, "a record of shard 'gw-2' in the log of 'gw-1'"),
        (3, {"profile": "production"}, "profile 'production' after 'development'"),
        (3, {"time": "yesterday"}, "'yesterday' is not a time"),
        (3, {"time": "2026-13-25T12:00:00Z"}, "is not a time"),
        (3, {"time": "2026-02-30T12:00:00Z"}, "is not a time"),
        (3, {"time": "2026-11-25T24:00:00Z"}, "is not a time"),
        (3, {"time": "2026-11-25T12:60:00Z"}, "is not a time"),
        (3, {"time": "2026-11-25T12:00:00+24:00"}, "is not a time"),
        (3, {"time": "2026-11-25T12:00:00"}, "is not a time"),
        (0, {"epoch": 9}, "boot epoch 1 after boot epoch 9"),
        (3, {"kind": "PARDON"}, "not a record"),
        (3, {"v": 2}, "not a record"),
        (3, {"seq": -1}, "not a record"),
        (6, {"released_bytes": "much"}, "not a record"),
        (3, {"exchange": ""}, "an ATTEMPT names its exchange"),
        (1, {"token": ""}, "names its clauses and its token"),
    ],
)
def test_a_record_that_says_what_cannot_be_is_named(index: int, members: Said, message: str) -> None:
    report = forged(rewrite(index, **members))
    assert status(report, Topic.LOG) is Status.PROVEN
    assert any(f"record {index}" in finding.place or "epoch" in message for finding in report.contradictions)
    assert message in said(report)


@pytest.mark.parametrize(
    ("index", "without", "message"),
    [
        (7, "released_bytes", "a MARK says how many bytes were released"),
        (2, "outcome", "an OUTCOME says how the attempt ended"),
        (2, "clauses", "an OUTCOME names its verdict, its clauses"),
        (2, "released_bytes", "an OUTCOME names its verdict, its clauses"),
        (2, "exchange", "a record of kind OUTCOME names no exchange"),
        (1, "clauses", "a PASS names its clauses"),
        (0, "agreement", "an ATTEMPT names its exchange, agreement"),
    ],
)
def test_a_record_that_does_not_say_what_its_kind_must_say_is_named(index: int, without: str, message: str) -> None:
    def omit(leaves: list[bytes]) -> None:
        value = json.loads(leaves[index])
        del value[without]
        leaves[index] = canonical_bytes(value)

    assert message in said(forged(omit))


def test_an_answer_of_an_exchange_that_was_never_begun_contradicts_both_claims() -> None:
    story = Story()
    story.outcome("a", "completed", released_bytes=9)
    report = audit(publish(story.leaves))
    assert status(report, Topic.BOOKS) is Status.CONTRADICTED
    assert status(report, Topic.PASSED) is Status.CONTRADICTED


def test_a_boot_that_leaves_an_attempt_open_is_found() -> None:
    story = Story()
    story.attempt("a")
    story.epoch = 2
    story.attempt("b")
    assert "still open in epoch 2; that boot had to write lost" in said(audit(publish(story.leaves)))


def test_lost_is_for_what_an_earlier_boot_left_and_comes_first() -> None:
    story = Story()
    story.attempt("a")
    story.lost("a", 1)
    assert "lost from boot epoch 1; the attempt was made in epoch 1" in said(audit(publish(story.leaves)))
    story = Story()
    story.attempt("a")
    story.epoch = 2
    story.attempt("b")
    story.lost("a", 1)
    assert "lost was written after this boot began to serve" in said(audit(publish(story.leaves)))


def test_an_exchange_does_not_outlive_its_boot() -> None:
    story = Story()
    story.attempt("a")
    story.permit("a")
    story.epoch = 2
    story.outcome("a", "completed")
    assert "began in boot epoch 1 and cannot outlive that boot" in said(audit(publish(story.leaves)))


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"null",
        b"[" * 60_000,
        b'{"v":1}',
        b"\xff\xfe",
        b'{"a":' * 10_000,
        b'{"seq":1' + b"0" * 6_000 + b"}",
        b'{"a":"\\ud800"}',
    ],
)
def test_bytes_that_are_no_record_are_named(leaf: bytes) -> None:
    leaves = ordinary().leaves
    leaves[3] = leaf
    report = audit(publish(leaves))
    assert status(report, Topic.LOG) is Status.PROVEN
    assert status(report, Topic.RECORDS) is Status.CONTRADICTED
    assert places(report) == ["tile/entries/000.p/12, entry 3, record 3"]


def test_a_record_that_is_no_utf_8_is_named_and_does_not_end_the_audit() -> None:
    leaves = ordinary().leaves
    leaves[3] = leaves[3].replace(b'"time":"', b'"time":"\xf4\x90')
    assert b"\xf4" in leaves[3]
    report = audit(publish(leaves))
    assert status(report, Topic.RECORDS) is Status.CONTRADICTED
    assert places(report) == ["tile/entries/000.p/12, entry 3, record 3"]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"v":1', b'"v": 1'), (b'"v":1', b'"v":1.0'), (b'"kind"', b'"k\\u0069nd"'), (b'"v":1', b'"v":1,"v":1')],
)
def test_the_same_values_in_other_bytes_are_not_canonical(old: bytes, new: bytes) -> None:
    leaf = ordinary().leaves[0]
    read_leaf(leaf)
    with pytest.raises(ValueError, match="not canonical|not a record"):
        read_leaf(leaf.replace(old, new))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(when=st.datetimes(), digits=st.integers(0, 6), zone=st.sampled_from(["Z", "+00:00", "-23:59", "+05:30"]))
def test_every_time_of_rfc_3339_is_one(when: datetime, digits: int, zone: str) -> None:
    fraction = f".{when:%f}"[: digits + 1] if digits else ""
    time = f"{when.year:04d}-{when:%m-%dT%H:%M:%S}{fraction}{zone}"
    assert "is not a time" not in said(forged(rewrite(3, time=time)))


@settings(max_examples=200, deadline=None)
@given(
    more=st.dictionaries(st.text(max_size=6), JSON, max_size=4), reasons=st.dictionaries(st.text(), st.integers(0, 9))
)
def test_a_leaf_is_read_if_and_only_if_it_is_canonical(more: Said, reasons: dict[str, int]) -> None:
    """The quick way (encode again what was read) and the slow one (RFC 8785) never disagree."""
    more = {name: member for name, member in more.items() if name not in Leaf.__struct_encode_fields__}
    value = more | json.loads(ordinary().leaves[9]) | {"without_record": reasons}
    try:
        canonical = canonical_bytes(value)
    except ValueError:
        return
    assert read_leaf(canonical).without_record == reasons
    for other in (json.dumps(value), json.dumps(value, separators=(",", ":"))):
        if other.encode() != canonical:
            with pytest.raises(ValueError, match="not canonical"):
                read_leaf(other.encode())


def test_a_record_that_cannot_be_believed_is_not_held_against_those_that_follow() -> None:
    folder = publish(ordinary().leaves)
    flip(folder, "tile/entries/000.p/12", 8 * 40)  # the ATTEMPT of exchange a
    report = audit(folder)
    assert places(report) == ["tile/entries/000.p/12, entry 0, record 0"]
    assert status(report, Topic.LOG) is Status.CONTRADICTED
    assert status(report, Topic.BOOKS) is Status.NOT_SHOWN


def test_a_hostile_log_cannot_fill_the_report_nor_steer_a_terminal() -> None:
    story = Story()
    for i in range(FINDINGS_MAX + 500):
        story.mark(f"\x1b[31m{i}", 1)
    report = audit(publish(story.leaves))
    assert len(report.contradictions) == FINDINGS_MAX
    assert report.dropped >= 500
    assert said(report).replace("\n", "").isprintable()


# ---- disclosures and decisions --------------------------------------------------------------------------------------


def replayed(story: Story, disclosures: Mapping[int, Sequence[str]] | None = None) -> ShardReport:
    given = story.disclosures() if disclosures is None else disclosures
    return audit(publish(story.leaves), disclosures=given, agreements=[AGREEMENT])


def test_each_decision_replays_from_its_disclosed_facts() -> None:
    report = replayed(ordinary())
    assert status(report, Topic.REPLAYS) is Status.PROVEN, said(report)
    assert (report.decisions, report.replayed) == (5, 5)


def test_a_decision_that_does_not_replay_is_named() -> None:
    story = Story()
    story.attempt("a")
    story.permit("a", BAD, clauses=["G1"])  # the facts say deny, the record says permit
    report = replayed(story)
    assert places(report) == ["tile/entries/000.p/2, entry 1, record 1"]
    assert "its facts make deny by RL-1" in said(report)


def test_the_right_verdict_by_the_wrong_clauses_does_not_replay() -> None:
    story = Story()
    story.attempt("a")
    story.outcome("a", "refused", BAD, clauses=["RL-2"])
    assert "by RL-2'; its facts make deny by RL-1" in said(replayed(story))


def test_a_disclosure_that_opens_no_commitment_is_named() -> None:
    story = ordinary()
    disclosures = story.disclosures() | {1: commit({"facts": dict(BAD.items())}, bytes(32)).disclosures}
    report = replayed(story, disclosures)
    assert places(report) == ["tile/entries/000.p/12, entry 1, record 1"]
    assert "opens no commitment" in said(report)


@pytest.mark.parametrize("facts", ["yes", {"lawful": 1}, None, []])
def test_facts_that_are_none_are_named(facts: JsonValue) -> None:
    story = Story()
    story.attempt("a")
    story.say(RecordKind.PASS, "a", TERMS | {"verdict": "permit", "clauses": ["G1"], "token": "t"}, {"facts": facts})
    assert "its facts are not names with values" in said(replayed(story))


def test_what_was_not_disclosed_is_not_shown() -> None:
    story = ordinary()
    some = {seq: one for seq, one in story.disclosures().items() if seq != 1}
    report = replayed(story, some)
    assert status(report, Topic.REPLAYS) is Status.NOT_SHOWN
    assert any("1 of 5 decisions were not disclosed" in finding.message for finding in report.not_shown)


def test_a_decision_under_another_agreement_is_not_shown() -> None:
    other = msgspec.structs.replace(AGREEMENT, digest="sha256:other")
    story = ordinary()
    report = audit(publish(story.leaves), disclosures=story.disclosures(), agreements=[other])
    assert not report.contradicted
    assert status(report, Topic.REPLAYS) is Status.NOT_SHOWN


# ---- receipts -------------------------------------------------------------------------------------------------------


def receipt_of(story: Story, seq: int) -> Receipt:
    leaf = read_leaf(story.leaves[seq])
    draft = Draft(leaf.kind, str(leaf.exchange), {}, {})
    place = Place(leaf.shard, leaf.epoch, leaf.seq, leaf.time, leaf.profile)
    return write_receipt(mint_durable(draft, place, leaf_hash(story.leaves[seq])), KEY)


def test_a_kept_receipt_stands_in_the_log() -> None:
    story = ordinary()
    report = audit(publish(story.leaves), receipts=[receipt_of(story, 2), receipt_of(story, 4)])
    assert status(report, Topic.RECEIPTS) is Status.PROVEN


def test_a_record_that_was_replaced_after_its_receipt_is_found() -> None:
    story = ordinary()
    kept = receipt_of(story, 2)
    leaves = story.leaves
    rewrite(2, outcome="client_gone")(leaves)
    report = audit(publish(leaves), receipts=[kept])
    assert status(report, Topic.LOG) is Status.PROVEN
    assert status(report, Topic.RECEIPTS) is Status.CONTRADICTED
    assert "another leaf stands at tile/entries/000.p/12, entry 2, record 2" in said(report)


def test_a_receipt_that_nobody_signed_or_that_says_something_else_is_found() -> None:
    story = ordinary()
    kept = receipt_of(story, 2)
    lies = msgspec.structs.replace(kept, exchange="z", signature="")
    unsigned = write_receipt(
        mint_durable(
            Draft(RecordKind.OUTCOME, "z", {}, {}),
            Place(SHARD, 1, 2, "2026-11-25T12:00:00.000Z", "development"),
            leaf_hash(story.leaves[2]),
        ),
        KEY,
    )
    report = audit(publish(story.leaves), receipts=[lies, unsigned])
    assert "did not sign this receipt" in said(report)
    assert "it does not say what tile/entries/000.p/12, entry 2, record 2 says" in said(report)


def test_a_receipt_beyond_the_checkpoint_is_not_shown() -> None:
    story = ordinary()
    kept = receipt_of(story, 10)
    report = audit(publish(story.leaves[:9]), receipts=[kept])
    assert status(report, Topic.RECEIPTS) is Status.NOT_SHOWN


def test_a_receipt_of_a_record_that_cannot_be_read_or_believed_is_not_shown() -> None:
    story = ordinary()
    damaged = publish(story.leaves)
    flip(damaged, "tile/entries/000.p/12", 8 * 40)
    report = audit(damaged, receipts=[receipt_of(story, 0)])
    assert any("record 0 cannot be believed" in finding.message for finding in report.not_shown)
    long = Story()
    for i in range(70 * 256):
        long.attempt(f"x{i}")
    gone = publish(long.leaves)
    for path in [path for path in gone.files if path.startswith("tile/entries/")]:
        del gone.files[path]
    report = audit(gone, receipts=[receipt_of(long, 69 * 256)])
    assert any("was not read" in finding.message for finding in report.not_shown)
    assert status(report, Topic.RECEIPTS) is Status.NOT_SHOWN


# ---- what was destroyed -------------------------------------------------------------------------------------------


def shredding(*ranges: tuple[int, int]) -> Story:
    story = Story()
    story.answered("a")
    rows: JsonValue = [[first, last] for first, last in ranges]
    story.say(RecordKind.SHRED, "", {"agreement": AGREEMENT.digest, "because": "expired", "ranges": rows})
    return story


def test_records_that_were_shredded_are_counted_and_everything_is_still_proven() -> None:
    report = audit(publish(shredding((0, 0), (2, 2)).leaves))
    assert report.recount.shredded == 2
    assert not report.contradictions
    assert status(report, Topic.BOOKS) is Status.PROVEN


@pytest.mark.parametrize("range_", [(0, 3), (3, 3), (7, 9), (2, 1)])
def test_a_shred_of_records_that_do_not_stand_before_it_is_contradicted(range_: tuple[int, int]) -> None:
    report = audit(publish(shredding(range_).leaves))
    assert status(report, Topic.BOOKS) is Status.CONTRADICTED
    assert "do not stand before it" in report.contradictions[0].message


def test_what_was_only_observed_counts_as_no_service_and_names_its_terms() -> None:
    story = Story()
    story.say(RecordKind.OBSERVED, "", TERMS | {"verdict": "deny", "clauses": ["RL-1"]})
    report = audit(publish(story.leaves))
    assert not report.contradicted, said(report)
    assert (report.recount.attempts, report.recount.outcomes) == (0, 0)
    story.say(RecordKind.OBSERVED, "", TERMS)
    assert "names its agreement, release and verdict" in said(audit(publish(story.leaves)))


def test_what_was_read_for_persons_once_more_and_what_was_not_is_recounted() -> None:
    story = Story()
    story.answered("e0")
    story.answered("e1")
    story.say(RecordKind.TOUCHED, "e0", TERMS | {"what": "whole", "verdict": "permit"})
    story.say(RecordKind.TOUCHED, "", TERMS | {"what": "unread", "unread": {"no_room": 1}})
    report = audit(publish(story.leaves))
    assert not report.contradicted, said(report)
    assert report.recount.read_again == {"whole": 1}
    assert report.recount.unread == {"no_room": 1}


@pytest.mark.parametrize(
    ("exchange", "said_of_it", "message"),
    [
        ("e0", {"what": "whole"}, "which has not ended"),  # it is still open
        ("e9", {"what": "part"}, "which has not ended"),
        ("e0", {}, "whether all of it was read"),
        ("", {"what": "whole"}, "names its exchange"),
        ("e0", {"what": "unread", "unread": {"no_room": 1}}, "names no exchange"),
        ("", {"what": "unread"}, "says how many there were"),
    ],
)
def test_a_second_reading_of_what_never_ended_or_of_nothing_is_contradicted(
    exchange: str, said_of_it: dict[str, JsonValue], message: str
) -> None:
    story = Story()
    story.attempt("e0")
    story.say(RecordKind.TOUCHED, exchange, TERMS | said_of_it)
    report = audit(publish(story.leaves))
    assert status(report, Topic.BOOKS) is Status.CONTRADICTED
    assert message in said(report)


# ---- what speaks for a whole installation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "public", "alone"),
    [
        (RecordKind.HALT, {"ends": ["h"]}, "registry"),
        (RecordKind.ATTESTATION, {"ends": ["r"]}, "registry"),
        (RecordKind.RELEASE, {"what": "classifier", "release": "r2", "replaces": "r1"}, "registry"),
        (RecordKind.DECISION, {"hold": "h", "case": "c", "office": "o"}, "registry"),
        (RecordKind.USED, {"hold": "h", "case": "c", "by": "x", "use": "answer"}, "registry"),
        (RecordKind.SEAL, {"log": "log.example/gw-2", "size": 1, "root": "00" * 32, "open": 9}, "registry"),
        (RecordKind.HEAD, {"log": SIGNER.verifier.name, "size": 0, "root": "00" * 32}, "heads"),
    ],
)
def test_a_gateway_cannot_say_in_its_own_log_what_only_the_registry_or_the_heads_say(
    kind: RecordKind, public: Said, alone: str
) -> None:
    """Else one node ends a halt, a revocation or another's log for whoever audits, and no other node hears of it."""
    story = Story()
    story.say(kind, "", public)
    report = audit(publish(story.leaves))
    assert status(report, Topic.RECORDS) is Status.CONTRADICTED
    assert f"a {kind} counts in the log '{alone}' alone" in said(report)
