# SPDX-License-Identifier: Apache-2.0
"""THE AUDIT: from published bytes alone, what is proven, what is contradicted, and what is not shown.

    1. the checkpoint: signature and origin
    2. the tree: every entry, every hash tile, the root           (audit_tree.py)
    3. the books: every record, and the records together           (audit_books.py)
    4. with disclosures: each opens a commitment of its record
    5. with the agreement: each decision is made again from its facts
    6. with receipts: each is signed, and its leaf stands where it says   (audit_receipts.py)
    7. with heads seen elsewhere, or on an earlier visit: one history     (audit_heads.py)
    8. with combined heads and seals: the logs that they name             (audit_combined.py)
    9. the periods: each statement against a recount of its range         (audit_periods.py)
   10. with the installation: what people decided, and who signed it      (audit_people.py)

It never raises on hostile input: whatever does not read is a contradiction with its place. It needs no network, and
believes no number that it did not count itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.evidence.audit_books import BooksAudit
from brightline.core.evidence.audit_combined import CombinedBook
from brightline.core.evidence.audit_findings import Claim, Finding, Findings, Severity, Status, Topic, shown
from brightline.core.evidence.audit_heads import HeadsAudit
from brightline.core.evidence.audit_memory import BEGIN, Edge, LogMemory
from brightline.core.evidence.audit_people import People
from brightline.core.evidence.audit_receipts import ReceiptsAudit
from brightline.core.evidence.audit_replay import Replay
from brightline.core.evidence.audit_stated import Stated
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_tree import Bundle, Published, TreeAudit, UnreadableError
from brightline.core.evidence.audit_visit import Visit
from brightline.core.evidence.audit_witnesses import WitnessAudit
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.leaf import Leaf, read_leaf, read_leaves
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.receipt import Receipt
from brightline.core.evidence.recount import Recount

__all__ = [
    "BOOKS",
    "GUARDED",
    "HALTED",
    "HEADS",
    "LEASED",
    "LOST",
    "PASSED",
    "PEOPLE",
    "PERIODS",
    "RECEIPTS",
    "RECORDS",
    "REPLAYS",
    "SIGNED",
    "UPSTREAMS",
    "WITNESSED",
    "Claim",
    "Finding",
    "Severity",
    "ShardReport",
    "Status",
    "Topic",
    "audit_shard",
]

SIGNED: Final = Topic.LOG.value
RECORDS: Final = Topic.RECORDS.value
BOOKS: Final = Topic.BOOKS.value
PASSED: Final = Topic.PASSED.value
REPLAYS: Final = Topic.REPLAYS.value
RECEIPTS: Final = Topic.RECEIPTS.value
WITNESSED: Final = Topic.WITNESSED.value
GUARDED: Final = Topic.GUARDED.value
PERIODS: Final = Topic.PERIODS.value
HEADS: Final = Topic.HEADS.value
HALTED: Final = Topic.HALTED.value
LEASED: Final = Topic.LEASED.value
LOST: Final = Topic.LOST.value
PEOPLE: Final = Topic.PEOPLE.value
UPSTREAMS: Final = Topic.UPSTREAMS.value

KEY_BYTES_MAX: Final = 1_024

_OF_RECORDS: Final = tuple(topic for topic in Topic if topic is not Topic.GUARDED)
_NO_GUARD: Final = "no guard of the model server has given its ledger of pass tokens"


class Guarded(msgspec.Struct, frozen=True):
    """Both sides of the books: read every gateway's shard with ``guards``, then the guards' with ``is_guard``.

    Of several guards the last one tells.
    """

    books: TokenBooks
    guards: bool = False
    is_guard: bool = False


class ShardReport(msgspec.Struct, frozen=True):
    """What the audit of one shard found. ``root`` is in hex.

    ``decisions`` are the records with a verdict of the agreement; ``replayed`` of them came out as recorded. The three
    lists are bounded; ``dropped`` says how many findings more there were. The claims count all of them. The first
    ``earlier`` records were read on an earlier visit and not again; what is counted counts them too.
    """

    shard: str
    origin: str
    size: int
    root: str
    claims: tuple[Claim, ...]
    contradictions: tuple[Finding, ...]
    not_shown: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    dropped: int
    recount: Recount
    decisions: int
    replayed: int
    earlier: int = 0

    @property
    def contradicted(self) -> bool:
        """Whether anything speaks against any claim."""
        return bool(self.contradictions)


def _silent(_records: int) -> None:
    pass


def audit_shard(
    shard: str,
    published: Published,
    keys: Sequence[VerifierKey] = (),
    *,
    disclosures: Mapping[int, Sequence[str]] | None = None,
    agreements: Sequence[Agreement] = (),
    receipts: Sequence[Receipt] = (),
    progress: Callable[[int], None] = _silent,
    tokens: Guarded | None = None,
    policies: Sequence[Policy] = (),
    visit: Visit | None = None,
    combined: CombinedBook | None = None,
    people: People | None = None,
) -> ShardReport:
    """Audit one shard.

    ``shard`` is what its folder is called; whose log it is says the signed origin. Without ``keys`` the key that lies
    in the folder is taken, which shows consistency, not origin. ``disclosures`` maps a record's number to what opens
    it, and may be partial; it is asked in order. ``tokens`` collects both sides of the books where a guard's log is
    read after the gateways'; see :class:`Guarded`. ``receipts`` are those that name this shard. ``progress`` is told
    how many records were read so far. ``policies`` holds one witness policy of the auditor's, or none. ``visit``
    brings what was seen before and elsewhere, and takes what is to be kept. ``combined`` is shared by all logs of an
    installation, as are the ``people`` who verify what was signed: read the heads and the registry first. Raises
    nothing of its own.
    """
    tokens = tokens or Guarded(TokenBooks())
    visit = visit or Visit()
    edge = BEGIN
    findings = Findings()
    replay = Replay(findings, disclosures, agreements, people)
    witnessed = WitnessAudit(published, policies, findings)
    if not tokens.guards:
        findings.not_shown(Topic.GUARDED, "", _NO_GUARD)
    stated = Stated(published, agreements, findings, tokens.books, combined, people, replay.contents)
    signed = _open(published, keys, findings)  # 1.
    believed = False
    origin, size, root = "", 0, ""
    books = BooksAudit(findings, shard, tokens.books)
    if signed is not None:
        origin, size, root = signed.checkpoint.origin, signed.checkpoint.size, signed.checkpoint.root.hex()
        findings.cover(size)
        named = origin.rpartition("/")[2]
        if named != shard:
            findings.note(
                Topic.LOG, "checkpoint", f"this is the log {shown(origin)}; its folder is called {shown(shard)}"
            )
        books = BooksAudit(findings, named, tokens.books, origin)
        heads = HeadsAudit(visit.heads, findings)
        witnessed.open(signed.note, signed.checkpoint, signed.keys)
        stated.open(origin, signed.keys)
        if visit.earlier is not None:
            _go_on(visit.earlier, findings, books, replay, stated)
        begin = visit.begin
        tree = TreeAudit(
            published,
            signed.checkpoint,
            findings,
            begin,
            [*witnessed.sizes, *heads.sizes, *stated.sizes(signed.checkpoint)],
        )
        held = ReceiptsAudit(findings, published, signed.note, signed.checkpoint, receipts, signed.keys, begin.size)
        for bundle in tree.bundles():  # 2.
            stated.enter(bundle, _enter(bundle, findings, books, replay))  # 8 and 9.
            held.compare(bundle)
            progress(bundle.first + len(bundle.leaves))
        held.close()
        witnessed.close(signed.note, signed.checkpoint, tree.roots)
        heads.close(published, signed.note, signed.checkpoint, tree.roots)  # 7.
        stated.compare(published, signed.checkpoint, tree.roots, books)
        tree.check_others(stated.files())
        believed = tree.entries_signed
        edge = tree.edge()
        visit.note = signed.note
        visit.misbehaviour += [*held.misbehaviour, *witnessed.misbehaviour, *heads.misbehaviour]
    recount = books.close()
    stated.close(recount)
    replay.close()
    if tokens.is_guard:
        _compare_both_sides(tokens.books, findings)
    if not believed:
        for topic in _OF_RECORDS:
            findings.not_shown(topic, "", "not all records that were read are the ones that were signed")
    if signed is not None and believed and not findings.kept(Severity.CONTRADICTED):
        visit.keep = functools.partial(_memory, signed, edge, findings, books, replay, stated)
    return ShardReport(
        shard=shard,
        origin=origin,
        size=size,
        root=root,
        claims=tuple(_claims(findings, recount, replay, len(receipts), tokens, witnessed, stated, own_key=not keys)),
        contradictions=findings.kept(Severity.CONTRADICTED),
        not_shown=findings.kept(Severity.NOT_SHOWN),
        notes=findings.kept(Severity.NOTE),
        dropped=findings.dropped,
        recount=recount,
        decisions=replay.decisions,
        replayed=replay.replayed,
        earlier=visit.begin.size,
    )


def _compare_both_sides(books: TokenBooks, findings: Findings) -> None:
    for objection in books.objections():
        findings.contradict(Topic.GUARDED, objection.place, objection.message)
    for guard in books.missing():
        findings.not_shown(Topic.GUARDED, "", guard)


def _go_on(earlier: LogMemory, findings: Findings, books: BooksAudit, replay: Replay, stated: Stated) -> None:
    replay.people.resume(earlier.people)
    books.resume(earlier.books)
    replay.resume(earlier.replay)
    findings.resume(earlier.notes, earlier.notes_counted)
    stated.resume(earlier)


def _memory(
    signed: _Signed, edge: Edge, findings: Findings, books: BooksAudit, replay: Replay, stated: Stated
) -> LogMemory:
    """What the next visit goes on from."""
    notes, counted = findings.memory()
    return LogMemory(
        origin=signed.checkpoint.origin,
        vkey=signed.keys[0].vkey(),
        note=signed.note,
        root=signed.checkpoint.root,
        edge=edge,
        books=books.memory(),
        replay=replay.memory(),
        stated=stated.memory(),
        people=replay.people.memory(),
        notes=notes,
        notes_counted=counted,
    )


def _claims(
    findings: Findings,
    recount: Recount,
    replay: Replay,
    receipts: int,
    tokens: Guarded,
    witnessed: WitnessAudit,
    stated: Stated,
    *,
    own_key: bool,
) -> Iterator[Claim]:
    signed = f"{recount.records:,} records hash to the signed root"
    if own_key:
        signed += "; the key came with the log, so this shows consistency, not whose log it is"
    balance = f"{recount.attempts:,} attempts = {recount.outcomes:,} outcomes + {recount.open:,} open"
    yield findings.claim(Topic.LOG, signed)
    yield findings.claim(Topic.RECORDS, f"{recount.records:,} records, in order and without a gap")
    yield findings.claim(Topic.BOOKS, balance)
    yield findings.claim(Topic.PASSED, f"every answer stands behind one of {recount.passes:,} permits")
    yield findings.claim(Topic.REPLAYS, f"{replay.replayed:,} of {replay.decisions:,} decisions came out as recorded")
    if receipts:
        yield findings.claim(Topic.RECEIPTS, f"{receipts:,} of {receipts:,} found")
    yield findings.claim(Topic.WITNESSED, witnessed.proof)
    if tokens.is_guard or not tokens.guards:  # with a guard, told once, with its log
        yield findings.claim(Topic.GUARDED, tokens.books.balance())
    yield from replay.people.claims()
    yield from stated.claims(recount.attempts)


# ---- 1: the checkpoint --------------------------------------------------------------------------------------------


class _Signed(msgspec.Struct, frozen=True):
    """A checkpoint, the note that it came in, and those of the keys that bear its origin as their name."""

    note: bytes
    checkpoint: Checkpoint
    keys: Sequence[VerifierKey]


def _open(published: Published, keys: Sequence[VerifierKey], findings: Findings) -> _Signed | None:
    known = list(keys) or _keys_beside(published, findings)
    if keys:
        _compare_key_beside(published, keys, findings)
    try:
        note = published.read("checkpoint", NOTE_BYTES_MAX)
        checkpoint = open_checkpoint(note, known)
    except (UnreadableError, NoteError) as error:
        findings.contradict(Topic.LOG, "checkpoint", str(error))
        return None
    return _Signed(note, checkpoint, [key for key in known if key.name == checkpoint.origin])


def _keys_beside(published: Published, findings: Findings) -> list[VerifierKey]:
    place = "log.vkey"
    try:
        key = _key_beside(published)
    except (UnreadableError, NoteError) as error:
        findings.contradict(Topic.LOG, place, str(error))
        return []
    return [key]


def _compare_key_beside(published: Published, keys: Sequence[VerifierKey], findings: Findings) -> None:
    place = "log.vkey"
    try:
        if _key_beside(published) not in keys:
            findings.contradict(Topic.LOG, place, "it is none of the keys that were given")
    except NoteError as error:
        findings.contradict(Topic.LOG, place, str(error))
    except UnreadableError as error:
        findings.note(Topic.LOG, place, f"{error}; it was not needed")


def _key_beside(published: Published) -> VerifierKey:
    """The key that lies beside the log, byte for byte as it is written. Raises ``UnreadableError``, ``NoteError``."""
    data = published.read("log.vkey", KEY_BYTES_MAX)
    try:
        key = VerifierKey.parse(data.decode())
    except UnicodeDecodeError as error:
        raise NoteError("not a verifier key") from error
    if data != f"{key.vkey()}\n".encode():
        raise NoteError("this verifier key is not written in its canonical form")
    return key


# ---- 3: the records -------------------------------------------------------------------------------------------------


def _enter(bundle: Bundle, findings: Findings, books: BooksAudit, replay: Replay) -> list[Leaf | None]:
    """Enter the records of a bundle in the books, and return them; ``None`` is one that cannot be believed."""
    read: list[Leaf | None] = []
    read += (None if bundle.doubtful else read_leaves(bundle.leaves)) or _read_singly(bundle, findings)
    enter, facts = books.enter, replay.facts
    for index, leaf in enumerate(read, bundle.first):
        if leaf is None:
            books.skip(1)
        else:
            enter(index, leaf, facts(index, leaf))
    books.skip(bundle.missing)
    return read + [None] * bundle.missing if bundle.missing else read


def _read_singly(bundle: Bundle, findings: Findings) -> Iterator[Leaf | None]:
    """Read record by record, and say which cannot be believed."""
    for index, data in enumerate(bundle.leaves):
        leaf: Leaf | None = None
        if index not in bundle.doubtful:
            try:
                leaf = read_leaf(data)
            except ValueError as error:
                findings.contradict(Topic.RECORDS, findings.record(bundle.first + index), str(error))
        yield leaf
