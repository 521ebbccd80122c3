# SPDX-License-Identifier: Apache-2.0
"""Logs under the combined heads: what extends them is proven; forks are contradicted, what is withheld is named."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.audit_combined import CombinedBook, Seal
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.audit_memory import LogMemory
from brightline.core.evidence.audit_visit import Visit, head_of
from brightline.core.evidence.heads import LogHead, head_leaf
from brightline.core.evidence.merkle import leaf_hash, root_of
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import RecordKind
from tests.core.evidence.test_audit import SIGNER, Story, audit, publish, said, status

HEADS = NoteSigner("log.example/heads", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))
LOG = SIGNER.verifier.name


def story(exchanges: int = 100) -> Story:
    made = Story()
    for i in range(exchanges):
        made.answered(f"x{i}")
    return made


STORY = story()
HASHES = [leaf_hash(leaf) for leaf in STORY.leaves]


def at(size: int, log: str = LOG, root: bytes = b"") -> LogHead:
    return LogHead(log, size, (root or root_of(HASHES[:size])).hex())


def read_heads(book: CombinedBook, *heads: LogHead, visit: Visit | None = None) -> ShardReport:
    leaves = [head_leaf(head, i, "2026-11-25T12:00:00.000Z", "development") for i, head in enumerate(heads)]
    return audit_shard("heads", publish(leaves, HEADS), [HEADS.verifier], combined=book, visit=visit)


def under(*heads: LogHead, shown: int = 300, present: tuple[str, ...] = (LOG,)) -> tuple[ShardReport, ShardReport]:
    """The reports of the heads and of a log that shows so many of its records."""
    book = CombinedBook(present)
    return read_heads(book, *heads), audit(publish(STORY.leaves[:shown]), combined=book)


def detail(report: ShardReport) -> str:
    return next(claim.detail for claim in report.claims if claim.name == Topic.HEADS.value)


def test_a_log_that_extends_all_its_heads_is_proven() -> None:
    heads, log = under(at(1), at(255), at(256), at(257), at(300))
    assert status(heads, Topic.HEADS) is status(log, Topic.HEADS) is Status.PROVEN
    assert detail(heads) == "the 1 logs that are named are all here"
    assert detail(log) == "it is the log of all its combined heads; they cover the first 300 records"
    assert status(heads, Topic.RECORDS) is Status.PROVEN


@pytest.mark.parametrize("size", [1, 255, 256, 257, 299, 300])
def test_one_head_of_another_history_among_many_is_a_fork(size: int) -> None:
    good = [at(each) for each in (1, 100, 255, 256, 257, 299, 300) if each != size]
    bad = at(size, root=b"f" * 32)
    _, log = under(*sorted([*good, bad], key=lambda head: head.size))
    assert said(log) == f"checkpoint: the combined heads have another log of {size} records under this origin: a fork"


def test_a_log_that_shows_less_is_not_shown_and_what_it_shows_is_still_compared() -> None:
    _, log = under(at(200), at(300), shown=260)
    assert not log.contradicted
    assert "have 300 records of it, 260 are here" in detail(log)
    _, forked = under(at(200, root=b"f" * 32), at(300), shown=260)
    assert forked.contradicted


def test_a_log_that_is_named_and_not_here_is_withheld_by_name() -> None:
    heads, _ = under(at(300), at(7, log="log.example/gw-2"))
    assert status(heads, Topic.HEADS) is Status.NOT_SHOWN
    assert detail(heads) == "'log.example/gw-2' is named with 7 records and is not here: it is withheld"


def test_a_log_that_nobody_names_is_not_shown_and_without_heads_there_is_no_such_claim() -> None:
    _, log = under(at(7, log="log.example/gw-2"), present=(LOG, "log.example/gw-2"))
    assert detail(log) == "the combined heads do not name this log"
    alone = audit(publish(STORY.leaves))
    assert Topic.HEADS.value not in {claim.name for claim in alone.claims}


def test_a_log_whose_heads_have_nothing_of_it_yet_is_not_shown() -> None:
    _, log = under(at(0))
    assert status(log, Topic.HEADS) is Status.NOT_SHOWN
    assert detail(log) == "the combined heads have none of its records yet"


def test_heads_that_go_back_or_say_two_things_of_one_size_are_contradicted_where_they_stand() -> None:
    back, _ = under(at(300), at(299))
    assert "record 1: it takes 'log.example/gw-1' back from 300 records to 299" in said(back)
    twice, _ = under(at(300), at(300, root=b"f" * 32))
    assert "it says another root of the same 300 records" in said(twice)


def test_a_head_that_names_nothing_is_contradicted() -> None:
    log = Story()
    log.say(RecordKind.HEAD, "", {"log": LOG})
    assert "a HEAD names a log, its size and its root" in said(audit(publish(log.leaves)))


# ---- the end of a shard --------------------------------------------------------------------------------------------


def ending(shown: int, sealed_at: int, open_: int = 0, root: bytes = b"", leave: Story | None = None) -> ShardReport:
    made = leave or STORY
    book = CombinedBook([LOG])
    hashes = [leaf_hash(leaf) for leaf in made.leaves]
    book.seal(Seal(LogHead(LOG, sealed_at, (root or root_of(hashes[:sealed_at])).hex()), open_))
    return audit(publish(made.leaves[:shown]), combined=book)


def test_a_sealed_log_ends_where_the_seal_says() -> None:
    assert detail(ending(300, 300)).endswith("it was sealed and ends there")
    assert said(ending(300, 297)) == "checkpoint: it was sealed at 297 records and has 300 now"
    assert "a fork" in said(ending(300, 300, root=b"f" * 32))
    less = ending(297, 300)
    assert not less.contradicted
    assert "it was sealed at 300 records; 297 are here" in detail(less)


def test_what_was_open_at_the_end_is_told_with_what_may_have_left() -> None:
    left = Story()
    left.answered("done")
    left.attempt("unsent")
    left.attempt("sent")
    left.permit("sent")
    left.mark("sent", 60_000)
    size = len(left.leaves)
    report = ending(size, size, 2, leave=left)
    assert not report.contradicted, said(report)
    unsent, sent = (note.message for note in report.notes)
    assert unsent.endswith(
        "'unsent' was lost with its gateway: no PASS: nothing was sent to a model, and nothing left"
    )
    assert "'sent' was lost with its gateway: permitted under" in sent
    assert sent.endswith("at least 60,000 and at most 125,536 bytes left")
    wrong = ending(size, size, 1, leave=left)
    assert said(wrong) == "checkpoint: its seal says that 1 attempts are open; the records say 2"


# ---- a later visit ------------------------------------------------------------------------------------------------


def test_a_later_visit_knows_what_the_heads_said_before() -> None:
    before = CombinedBook([LOG])
    first = Visit()
    early = (at(100), at(7, log="log.example/gw-2"))
    read_heads(before, *early, visit=first)
    assert first.keep is not None
    earlier = msgspec.msgpack.decode(msgspec.msgpack.encode(first.keep()), type=LogMemory)
    for more in ((), (at(200),), (at(99),)):
        later, in_full = CombinedBook([LOG]), CombinedBook([LOG])
        second = read_heads(later, *early, *more, visit=Visit([head_of(earlier)], earlier))
        whole = read_heads(in_full, *early, *more)
        assert second.claims == whole.claims
        assert second.contradictions == whole.contradictions
        log = publish(STORY.leaves)
        assert audit(log, combined=later).claims == audit(log, combined=in_full).claims


def test_a_log_that_was_read_in_part_before_is_compared_at_sizes_that_are_named_now() -> None:
    shown = publish(STORY.leaves[:270])
    first = Visit()
    audit(shown, visit=first, combined=CombinedBook([LOG]))
    assert first.keep is not None
    earlier = first.keep()
    for size, root, contradicted in ((300, b"", False), (280, b"f" * 32, True), (270, b"f" * 32, True)):
        book = CombinedBook([LOG])
        read_heads(book, at(size, root=root))
        report = audit(publish(STORY.leaves), visit=Visit([head_of(earlier)], earlier), combined=book)
        assert report.contradicted is contradicted


@pytest.mark.parametrize("size", [1, 200, 256, 269])
def test_a_head_of_another_history_that_was_recorded_after_a_visit_is_a_fork_whatever_its_size(size: int) -> None:
    first = Visit()
    audit(publish(STORY.leaves[:270]), visit=first, combined=CombinedBook([LOG]))
    assert first.keep is not None
    earlier = first.keep()
    for root in (b"", b"f" * 32):
        book = CombinedBook([LOG])
        read_heads(book, at(size, root=root))
        report = audit(publish(STORY.leaves), visit=Visit([head_of(earlier)], earlier), combined=book)
        assert ("a fork" in said(report)) is bool(root)
