# SPDX-License-Identifier: Apache-2.0
"""An auditor who comes again reads only what is new, comes to the same verdicts, and notices what was changed."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError
from brightline.core.evidence.audit import ShardReport
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.audit_memory import ID_BYTES, Ids, LogMemory, Memory, Placed, digest_of_id
from brightline.core.evidence.audit_visit import Visit, extends, head_of
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.shell.cli.main import brightline
from brightline.verify.examine import Examined, Question, examine
from brightline.verify.memory import read_memory, write_memory
from tests.core.evidence.test_audit import (
    AGREEMENT,
    BAD,
    SHARD,
    SIGNER,
    TERMS,
    Folder,
    Story,
    audit,
    flip,
    ordinary,
    publish,
    receipt_of,
    said,
    status,
)
from tests.verify.sites import write_folder

GUARD = NoteSigner("log.example/guard", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
KEYS = (SIGNER.verifier.vkey(), GUARD.verifier.vkey())


class Reading(Folder):
    """A published log that says what was read of it."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder.files)
        self.read_paths: list[str] = []

    def read(self, path: str, bytes_max: int) -> bytes:
        self.read_paths.append(path)
        return super().read(path, bytes_max)


def kept_of(story: Story, size: int) -> LogMemory:
    """What an auditor keeps after a visit that saw so many records."""
    visit = Visit()
    given = {seq: one for seq, one in story.disclosures().items() if seq < size}
    report = audit(publish(story.leaves[:size]), visit=visit, disclosures=given, agreements=[AGREEMENT])
    assert visit.keep is not None, said(report)
    packed = msgspec.msgpack.encode(visit.keep())
    return msgspec.msgpack.decode(packed, type=LogMemory)


def again(story: Story, earlier: LogMemory, folder: Folder | None = None) -> ShardReport:
    """The next visit, which goes on from what was kept."""
    log = folder or publish(story.leaves)
    assert extends(log, log.files["checkpoint"], [SIGNER.verifier], earlier)
    visit = Visit([head_of(earlier)], earlier)
    return audit(log, visit=visit, disclosures=story.disclosures(), agreements=[AGREEMENT])


def in_full(story: Story) -> ShardReport:
    return audit(publish(story.leaves), disclosures=story.disclosures(), agreements=[AGREEMENT])


def same(one: ShardReport, other: ShardReport) -> None:
    assert msgspec.structs.replace(one, earlier=0) == msgspec.structs.replace(other, earlier=0)


ACTS: dict[str, Callable[[Story, str], None]] = {
    "answered": lambda story, x: story.answered(x),
    "refused": lambda story, x: story.refused(x),
    "attempt": lambda story, x: story.attempt(x),
    "permit": lambda story, x: story.permit(x),
    "mark": lambda story, x: story.mark(x, 50_000),
    "completed": lambda story, x: story.outcome(x, "completed", released_bytes=60_000),
    "cut": lambda story, x: story.outcome(x, "cut", BAD, released_bytes=60_000),
    "period": lambda story, x: story.say(RecordKind.PERIOD, "", TERMS | {"without_record": {"shed": 2}}),
    "lost": lambda story, x: story.lost(x, story.epoch - 1),
    "boot": lambda story, x: setattr(story, "epoch", story.epoch + 1),
    "shred": lambda story, x: story.say(RecordKind.SHRED, "", {"ranges": [[0, max(0, len(story.sealed) - 1)]]}),
    "touched": lambda story, x: story.say(RecordKind.TOUCHED, x, TERMS | {"what": "whole", "verdict": "permit"}),
    "unread": lambda story, x: story.say(RecordKind.TOUCHED, "", TERMS | {"what": "unread", "unread": {"no_room": 2}}),
    "consumed": lambda story, x: story.say(RecordKind.CONSUMED, "", TERMS | {"token": f"t-{x}"}),
}


@settings(max_examples=150, deadline=None)
@given(
    acts=st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from("abcdef")), min_size=1, max_size=30),
    data=st.data(),
)
def test_whatever_a_log_does_next_the_report_is_the_one_that_reading_everything_gives(
    acts: list[tuple[str, str]], data: st.DataObject
) -> None:
    """Honest or not: what comes after a believed visit is judged with all that was there before it."""
    story = Story()
    sizes = [0]
    for name, exchange in acts:
        ACTS[name](story, exchange)
        sizes.append(len(story.sealed))
    believed = [size for size in sizes if not audit(publish(story.leaves[:size])).contradicted]
    size = data.draw(st.sampled_from(believed))
    same(again(story, kept_of(story, size)), in_full(story))


@pytest.mark.parametrize("first", [1, 255, 256, 257, 511, 512, 600, 700])
def test_a_visit_may_end_anywhere_in_a_tile(first: int) -> None:
    story = Story()
    for i in range(235):
        story.answered(f"e{i}")
    report = again(story, kept_of(story, first))
    same(report, in_full(story))
    assert report.earlier == first
    assert not report.contradicted


def test_three_visits_come_to_what_one_does() -> None:
    story = Story()
    for i in range(300):
        story.answered(f"e{i}") if i % 3 else story.attempt(f"e{i}")
    first = kept_of(story, 400)
    visit = Visit([head_of(first)], first)
    given = {seq: one for seq, one in story.disclosures().items() if seq < 650}
    audit(publish(story.leaves[:650]), visit=visit, disclosures=given, agreements=[AGREEMENT])
    assert visit.keep is not None
    same(again(story, visit.keep()), in_full(story))


def test_only_what_is_new_is_read() -> None:
    story = Story()
    for i in range(1_000):
        story.answered(f"e{i}")
    folder = Reading(publish(story.leaves))
    again(story, kept_of(story, 2_800), folder)
    bundles = {path for path in folder.read_paths if path.startswith("tile/entries/")}
    assert bundles == {"tile/entries/010", "tile/entries/011.p/184"}
    assert not [path for path in folder.read_paths if path.startswith("tile/0/00") and path < "tile/0/010"]


def test_an_exchange_id_that_comes_again_is_known_again() -> None:
    story = Story()
    story.answered("a")
    earlier = kept_of(story, 3)
    assert b"a" not in earlier.books.closed
    story.attempt("a")
    report = again(story, earlier)
    assert "a second ATTEMPT of exchange 'a'" in said(report)
    same(report, in_full(story))


def test_tiles_that_do_not_lead_to_the_signed_root_are_not_believed_for_an_older_one() -> None:
    """What an earlier visit saw is compared by hash tiles: another log's tiles must not speak for this one."""
    story, other = Story(), Story()
    for i in range(100):
        story.answered(f"e{i}")
        other.refused(f"e{i}") if i == 90 else other.answered(f"e{i}")
    earlier = kept_of(story, 250)
    mixed = publish(other.leaves)
    assert extends(mixed, mixed.files["checkpoint"], [SIGNER.verifier], earlier)
    mixed.files["tile/0/001.p/43"] = bytes(43 * 32)
    assert not extends(mixed, mixed.files["checkpoint"], [SIGNER.verifier], earlier)


def test_a_smaller_log_does_not_extend_a_larger_one() -> None:
    story = ordinary()
    smaller = publish(story.leaves[:5])
    assert not extends(smaller, smaller.files["checkpoint"], [SIGNER.verifier], kept_of(story, 12))


def test_lost_comes_first_also_where_a_boot_began_before_the_earlier_visit() -> None:
    story = Story()
    story.attempt("a")
    story.attempt("b")
    story.epoch = 2
    story.lost("a", 1)
    story.attempt("c")
    assert audit(publish(story.leaves[:4])).contradicted  # b had to be closed before c
    story.sealed.pop()
    story.lost("b", 1)
    story.attempt("c")
    earlier = kept_of(story, 5)
    story.lost("c", 1)
    same(again(story, earlier), in_full(story))
    assert "lost was written after this boot began to serve" in said(again(story, earlier))


def test_what_was_lost_on_an_earlier_visit_is_told_again_with_its_place() -> None:
    story = Story()
    story.attempt("a")
    story.permit("a")
    story.epoch = 2
    story.lost("a", 1)
    earlier = kept_of(story, 3)
    for i in range(300):
        story.attempt(f"x{i}")
    report = again(story, earlier)
    assert [note.place for note in report.notes] == ["tile/entries/000, entry 2, record 2"]
    same(report, in_full(story))


def test_nothing_is_kept_of_a_log_that_was_not_believed() -> None:
    damaged = publish(ordinary().leaves)
    flip(damaged, "tile/0/000.p/12", 5)
    for folder in (damaged, publish(ordinary().leaves[1:])):
        visit = Visit()
        assert audit(folder, visit=visit).contradicted
        assert visit.keep is None


def test_a_receipt_of_an_earlier_visit_is_looked_up_in_the_log_as_it_is_now() -> None:
    story = Story()
    for i in range(200):
        story.answered(f"e{i}")
    earlier = kept_of(story, 500)
    lies = msgspec.structs.replace(receipt_of(story, 5), seq=8)
    for receipts, expected in (([receipt_of(story, 2)], Status.PROVEN), ([lies], Status.CONTRADICTED)):
        log = publish(story.leaves)
        report = audit(log, visit=Visit([head_of(earlier)], earlier), receipts=receipts)
        assert status(report, Topic.RECEIPTS) is expected
    replaced = publish(story.leaves)
    leaves = list(story.leaves)
    leaves[2] = leaves[5]
    replaced.files["tile/entries/000"] = publish(leaves).files["tile/entries/000"]
    report = audit(replaced, visit=Visit([head_of(earlier)], earlier), receipts=[receipt_of(story, 2)])
    assert status(report, Topic.RECEIPTS) is Status.NOT_SHOWN  # an entry that does not lead to the root is no proof
    gone = publish(story.leaves)
    del gone.files["tile/entries/000"]
    report = audit(gone, visit=Visit([head_of(earlier)], earlier), receipts=[receipt_of(story, 2)])
    assert status(report, Topic.RECEIPTS) is Status.NOT_SHOWN


# ---- the command ----------------------------------------------------------------------------------------------------


class Visited:
    """A folder with a gateway's log and a guard's, and an auditor who comes again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memory = root / "memory"
        self.gateway = Story()
        self.guard = Story()

    def publish(self, gateway: int | None = None, guard: int | None = None) -> None:
        for name in ("evidence", "guards"):
            folder = self.root / name
            if folder.exists():
                shutil.rmtree(folder)
        write_folder(self.root / "evidence" / SHARD, publish(self.gateway.leaves[:gateway]).files)
        leaves = [leaf.replace(b'"gw-1"', b'"guard"') for leaf in self.guard.leaves[:guard]]
        write_folder(self.root / "guards" / "guard", publish(leaves, GUARD).files)

    def question(self, **more: object) -> Question:
        asked: dict[str, object] = {
            "evidence": (str(self.root / "evidence"),),
            "guards": (str(self.root / "guards"),),
            "keys": KEYS,
            "memory": self.memory,
        }
        return Question(**(asked | more))  # type: ignore[arg-type]

    def come(self, **more: object) -> Examined:
        examined = examine(self.question(**more))
        if examined.kept is not None:
            write_memory(self.memory, examined.kept)
        return examined

    def exchange(self, name: str, *, used: bool = True) -> None:
        self.gateway.answered(name)
        if used:
            self.guard.say(RecordKind.CONSUMED, "", TERMS | {"token": f"t-{name}"})

    def same_as_in_full(self, examined: Examined) -> None:
        full = examine(self.question(memory=None))
        for one, other in zip(examined.reports, full.reports, strict=True):
            same(one, other)


@pytest.fixture
def visited(tmp_path: Path) -> Visited:
    made = Visited(tmp_path)
    for i in range(40):
        made.exchange(f"e{i}")
    made.publish()
    assert not made.come().anew
    return made


def test_both_sides_of_the_books_are_gone_on_from(visited: Visited) -> None:
    visited.gateway.attempt("late")
    visited.gateway.permit("late")
    visited.publish()
    visited.same_as_in_full(visited.come())
    visited.guard.say(RecordKind.CONSUMED, "", TERMS | {"token": "t-late"})
    visited.gateway.outcome("late", "completed", released_bytes=10)
    visited.exchange("more")
    visited.publish()
    examined = visited.come()
    assert not examined.anew
    assert [report.earlier for report in examined.reports] == [122, 40]
    guarded = next(claim for claim in examined.reports[1].claims if claim.name == Topic.GUARDED.value)
    assert guarded.detail == "42 used tokens are among 42 issued"
    visited.same_as_in_full(examined)


@pytest.mark.parametrize("token", ["t-e3", "t-nobody"])
def test_a_token_used_again_or_made_up_is_found_on_the_next_visit(visited: Visited, token: str) -> None:
    visited.guard.say(RecordKind.CONSUMED, "", TERMS | {"token": token})
    visited.publish()
    examined = visited.come()
    assert status(examined.reports[1], Topic.GUARDED) is Status.CONTRADICTED
    assert examined.kept is None
    visited.same_as_in_full(examined)


@pytest.mark.parametrize(("outcome", "released"), [("completed", 1), ("client_gone", 0)])
@pytest.mark.parametrize("before", ["t-e3", "t-new"])
def test_one_use_of_a_token_does_not_stand_for_two_exchanges(
    visited: Visited, before: str, outcome: str, released: int
) -> None:
    """Else one of two answers is had past the guard, and an end without an answer explains the other one away."""
    visited.exchange("new")
    visited.gateway.attempt("again")
    visited.gateway.permit("again", token=before)
    visited.gateway.outcome("again", outcome, released_bytes=released)
    visited.publish()
    examined = visited.come()
    assert not examined.anew
    assert f"token {before} was issued before" in said(examined.reports[1])
    assert examined.kept is None
    visited.same_as_in_full(examined)


def test_an_answer_past_the_guard_is_found_on_the_next_visit(visited: Visited) -> None:
    visited.exchange("past", used=False)
    visited.publish()
    examined = visited.come()
    assert "which no guard saw" in said(examined.reports[1])
    visited.same_as_in_full(examined)


@pytest.mark.parametrize("end", ["cut", "client_gone", "upstream_failed", "held", "lost"])
def test_an_answer_of_which_only_a_part_left_or_that_people_look_at_was_seen_by_a_guard_too(
    visited: Visited, end: str
) -> None:
    for name in ("past", "seen"):
        visited.gateway.attempt(name)
        visited.gateway.permit(name)
        visited.gateway.mark(name, 30)
    visited.guard.say(RecordKind.CONSUMED, "", TERMS | {"token": "t-seen"})
    for name in ("seen", "past"):
        if end == "lost":
            visited.gateway.epoch = 2
            visited.gateway.lost(name, 1)
        else:
            verdict = "hold" if end == "held" else "permit"
            visited.gateway.outcome(name, end, released_bytes=30, verdict=verdict)
    visited.publish()
    examined = visited.come()
    assert not examined.reports[0].contradicted, said(examined.reports[0])
    assert said(examined.reports[1]).endswith("an answer was given on token t-past, which no guard saw")
    assert len(examined.reports[1].contradictions) == 1


def test_what_was_asked_for_and_of_which_nothing_left_may_be_unseen(visited: Visited) -> None:
    for end in ("cut", "client_gone", "upstream_failed"):
        visited.gateway.attempt(end)
        visited.gateway.permit(end)
        visited.gateway.outcome(end, end)
    visited.publish()
    examined = visited.come()
    assert not any(report.contradicted for report in examined.reports)


def test_a_guard_that_goes_on_under_a_lease_whose_grounds_the_registry_revoked_is_told(tmp_path: Path) -> None:
    site = Visited(tmp_path)
    signer = NoteSigner("log.example/registry", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    lease: dict[str, JsonValue] = {"attester": "a", "evidence": "e", "policy": "p", "nonce": "n", "production": False}
    lease |= {
        "expires": unix_of("2026-11-25T12:00:00Z") + 300,
        "rests_on": ["measured"],
        "keys": [GUARD.verifier.public_key.hex()],
    }
    site.guard.say(RecordKind.ATTESTED, "", lease)
    site.exchange("x")
    site.publish()
    more: dict[str, object] = {"evidence": (str(tmp_path / "evidence"), str(tmp_path / "registry")), "memory": None}
    more["keys"] = (*KEYS, signer.verifier.vkey())
    for at, contradicted in (("T12:00:00.", False), ("T11:59:00.", True)):  # what is used is used at noon
        registry = Story()
        registry.say(RecordKind.ATTESTATION, "", {"revocation": "r", "name": "measured", "what": "measurement"})
        leaves = [
            leaf.replace(b'"gw-1"', b'"registry"').replace(b"T12:00:00.", at.encode()) for leaf in registry.leaves
        ]
        write_folder(tmp_path / "registry" / "registry", publish(leaves, signer).files)
        report = site.come(**more).reports[-1]
        assert (status(report, Topic.LEASED) is Status.CONTRADICTED) is contradicted, said(report)
        shutil.rmtree(tmp_path / "registry")


def test_a_log_that_was_rolled_back_is_contradicted_and_read_anew(visited: Visited) -> None:
    before = visited.memory.read_bytes()
    visited.publish(gateway=60)
    examined = visited.come()
    assert "your earlier visit saw 120 records, the log shows 60 now: it was rolled back" in said(examined.reports[0])
    assert status(examined.reports[0], Topic.WITNESSED) is Status.CONTRADICTED
    assert "does not extend what was seen" in examined.anew
    assert [report.earlier for report in examined.reports] == [0, 0]
    assert visited.memory.read_bytes() == before


@pytest.mark.parametrize("more", [0, 50])
def test_a_log_with_another_past_is_a_fork(visited: Visited, more: int) -> None:
    other = Story()
    other.refused("hidden")
    for i in range(40 + more):
        other.answered(f"e{i}")
    visited.gateway = other
    visited.publish(gateway=120 if not more else None)
    examined = visited.come()
    assert "your earlier visit saw another log of 120 records under this key: a fork" in said(examined.reports[0])
    assert [type(found).__name__ for found in examined.misbehaviour if "Fork" in type(found).__name__] == ["Fork"]


def test_a_log_under_a_new_key_is_not_gone_on_from(visited: Visited, tmp_path: Path) -> None:
    vkey = NoteSigner(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    visited.publish()
    write_folder(visited.root / "evidence" / SHARD, publish(visited.gateway.leaves, vkey).files)
    examined = visited.come(keys=())
    assert examined.anew


def test_a_log_that_was_there_and_is_not_any_more_is_asked_for(visited: Visited) -> None:
    with pytest.raises(ConfigError, match="'log.example/guard' that was seen earlier is not here"):
        visited.come(guards=(), keys=(KEYS[0],))


def test_other_terms_mean_reading_everything(visited: Visited) -> None:
    examined = visited.come(keys=())
    assert "with another version, or with other keys" in examined.anew
    assert [report.earlier for report in examined.reports] == [0, 0]


def test_the_memory_is_private_whole_and_refused_when_it_is_not_what_was_kept(visited: Visited) -> None:
    assert stat.S_IMODE(visited.memory.stat().st_mode) == 0o600
    assert not list(visited.root.glob(".memory*"))
    memory = read_memory(visited.memory)
    assert isinstance(memory, Memory)
    data = bytearray(visited.memory.read_bytes())
    for at in (3, 40, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        visited.memory.write_bytes(changed)
        with pytest.raises(ConfigError, match="is not what was kept"):
            read_memory(visited.memory)
    visited.memory.write_bytes(data[:-9])
    with pytest.raises(ConfigError, match="is not what was kept"):
        read_memory(visited.memory)


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_the_command_says_what_it_read_and_what_it_kept(visited: Visited) -> None:
    memory = visited.root / "by-command"
    arguments = ("verify", visited.root / "evidence" / SHARD, "--key", KEYS[0], "--memory", memory)
    assert f"{memory} kept for the next run." in run(*arguments).output
    visited.exchange("new")
    visited.publish()
    out = run(*arguments).output
    assert "records before 120 were read on an earlier visit and not again; the log extends them" in out
    visited.publish(gateway=50)
    out = run(*arguments, code=1).output
    assert "everything was read anew, because gw-1 does not extend" in out
    assert "left as it was: not everything was believed" in out


# ---- rows of digests ------------------------------------------------------------------------------------------------


@given(st.sets(st.text(max_size=4), max_size=40), st.sets(st.text(max_size=4), max_size=40))
def test_a_row_of_ids_knows_its_own_and_no_others(one: set[str], more: set[str]) -> None:
    ids = Ids(Ids(Ids().row_with(one)).row_with(more))
    assert len(ids) == len(one | more)
    assert all(text in ids for text in one | more)
    assert "none of them" not in ids


@given(st.dictionaries(st.text(max_size=4), st.tuples(st.integers(0, 65_535), st.integers(0, 2**48 - 1)), max_size=40))
def test_a_row_of_places_gives_them_back(places: dict[str, tuple[int, int]]) -> None:
    placed = Placed(Placed().row_with((text, *place) for text, place in places.items()))
    assert len(placed) == len(places)
    assert all(placed.place_of(text) == place for text, place in places.items())
    assert placed.place_of("none of them") is None
    assert len(digest_of_id("x")) == ID_BYTES
