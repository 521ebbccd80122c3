# SPDX-License-Identifier: Apache-2.0
"""Files that convict a log: they prove what they say to anybody with the key, and nothing can be proved by forging."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.audit_visit import Visit
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.misbehaviour import (
    Checked,
    Fork,
    MalformedMisbehaviour,
    Misbehaviour,
    Omission,
    Rollback,
    TokenNotIssued,
    TokenUsedTwice,
    Use,
    check_misbehaviour,
    hashes_to_text,
    read_misbehaviour,
    write_misbehaviour,
)
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import RecordKind
from tests.core.evidence.test_audit import (
    KEY,
    SIGNER,
    TERMS,
    Folder,
    Story,
    audit,
    ordinary,
    publish,
    receipt_of,
    rewrite,
)

OTHER = NoteSigner(SIGNER.verifier.name, Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Ed25519Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))


def check(said: Misbehaviour, *signers: NoteSigner) -> Checked:
    keys = [signer.verifier for signer in signers or (SIGNER,)]
    return check_misbehaviour(read_misbehaviour(write_misbehaviour(said)), keys, [WITNESS.verifier])


def head(tree: Tree, size: int, signer: NoteSigner = SIGNER) -> str:
    return sign_checkpoint(Checkpoint(SIGNER.verifier.name, size, tree.root(size)), signer).decode()


def tree_of(size: int, different_from: int) -> Tree:
    tree = Tree()
    for i in range(size):
        tree.append(leaf_hash(f"{'other' if i >= different_from else 'record'} {i}".encode()))
    return tree


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_two_heads_that_differ_are_proved_to_be_two_histories_and_no_two_of_one_history_are(
    data: st.DataObject,
) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new))
    different_from = data.draw(st.integers(0, old - 1))
    shown, hidden = tree_of(70, 70), tree_of(70, different_from)
    path = hashes_to_text(hidden.extension_path(old, new)) if old < new else ()
    forked = Fork(older=head(shown, old), newer=head(hidden, new), path=path)
    assert check(forked).proves, check(forked).sentence
    honest = msgspec.structs.replace(forked, older=head(hidden, old))
    assert check(honest).sentence == "It proves nothing: the newer head extends the older one."
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        wrong = bytearray(base64.b64decode(path[at]))
        wrong[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        made_up = [*path[:at], base64.b64encode(wrong).decode(), *path[at + 1 :]]
        against_honest = msgspec.structs.replace(honest, path=tuple(made_up))
        assert not check(against_honest).proves


def test_a_fork_says_who_did_what_in_one_sentence() -> None:
    forked = Fork(older=head(tree_of(9, 9), 9), newer=head(tree_of(9, 4), 9))
    assert check(forked).sentence == (
        "Whoever holds the key of 'log.example/gw-1' signed two histories: a log of 9 records, and one of 9 records "
        "that does not begin with it."
    )


def test_heads_under_two_keys_or_of_two_logs_convict_nobody() -> None:
    forked = Fork(older=head(tree_of(9, 9), 9), newer=head(tree_of(9, 4), 9, OTHER))
    assert check(forked).sentence == "It proves nothing: no known key signed this note."
    assert "under two keys" in check(forked, SIGNER, OTHER).sentence
    another = Checkpoint("log.example/gw-2", 9, tree_of(9, 4).root())
    signer = NoteSigner("log.example/gw-2", KEY)
    mixed = Fork(older=head(tree_of(9, 9), 9), newer=sign_checkpoint(another, signer).decode())
    assert "of two logs" in check(mixed, SIGNER, signer).sentence


def test_a_smaller_head_by_itself_convicts_nobody_and_the_times_of_witnesses_do() -> None:
    tree = tree_of(9, 9)
    alone = Rollback(larger=head(tree, 9), smaller=head(tree, 5))
    assert not check(alone).proves
    assert "every log had fewer records once" in check(alone).sentence

    def cosigned(size: int, time: int) -> str:
        text = Checkpoint(SIGNER.verifier.name, size, tree.root(size)).text()
        return add_lines(head(tree, size).encode(), [WITNESS.cosignature_line(text, time)]).decode()

    after = Rollback(larger=cosigned(9, 1_000), smaller=cosigned(5, 2_000))
    assert check(after).proves
    assert "witness.example/w1 was shown only 5 of it afterwards" in check(after).sentence
    before = Rollback(larger=cosigned(9, 2_000), smaller=cosigned(5, 1_000))
    assert not check(before).proves
    assert not check_misbehaviour(after, [SIGNER.verifier]).proves


# ---- as an audit finds them -----------------------------------------------------------------------------------------


def omission() -> Omission:
    """A receipt, and the log in which its operator put another record there."""
    story = ordinary()
    leaves = story.leaves
    rewrite(2, outcome="client_gone")(leaves)
    visit = Visit()
    audit(publish(leaves), receipts=[receipt_of(story, 2)], visit=visit)
    (found,) = visit.misbehaviour
    assert isinstance(found, Omission)
    return found


def test_a_broken_promise_convicts_whoever_gave_it() -> None:
    found = omission()
    assert check(found).proves
    assert "promised record 2 to exchange 'a', and signed a log of 12 records" in check(found).sentence
    assert "another one stands there" in check(found).sentence


def test_a_kept_promise_or_one_that_nobody_gave_convicts_nobody() -> None:
    found = omission()
    kept = receipt_of(ordinary(), 2)
    honest = publish(ordinary().leaves)
    visit = Visit()
    audit(honest, receipts=[kept], visit=visit)
    assert not visit.misbehaviour
    for other, message in (
        (msgspec.structs.replace(found, receipt=msgspec.structs.replace(kept, leaf="00" * 32)), "does not verify"),
        (msgspec.structs.replace(found, receipt=msgspec.structs.replace(kept, signature="")), "does not verify"),
        (msgspec.structs.replace(found, found="00" * 32), "does not lead to this root"),
        (msgspec.structs.replace(found, found=kept.leaf), "does not lead to this root"),
        (msgspec.structs.replace(found, checkpoint=honest.files["checkpoint"].decode()), "does not lead to this root"),
        (msgspec.structs.replace(found, found="zz"), "It proves nothing"),
        (msgspec.structs.replace(found, proof=(*found.proof, "AA==")), "has 32 bytes"),
    ):
        assert not check(other).proves
        assert message in check(other).sentence, check(other).sentence


def test_the_very_record_that_was_promised_convicts_nobody() -> None:
    story = ordinary()
    tree = Tree()
    for leaf in story.leaves:
        tree.append(leaf_hash(leaf))
    kept = receipt_of(story, 2)
    proof = hashes_to_text(tree.inclusion_proof(2))
    note = publish(story.leaves).files["checkpoint"].decode()
    assert (
        "stands where the receipt promises it"
        in check(Omission(receipt=kept, checkpoint=note, found=kept.leaf, proof=proof)).sentence
    )


def test_a_receipt_of_another_shard_under_the_same_key_convicts_nobody() -> None:
    found = omission()
    signer = NoteSigner("log.example/gw-2", KEY)
    moved = sign_checkpoint(Checkpoint("log.example/gw-2", 12, Tree().root()), signer).decode()
    assert "of another log" in check(msgspec.structs.replace(found, checkpoint=moved), signer).sentence


def uses(*tokens: str) -> tuple[Folder, list[Use]]:
    story = Story()
    for token in tokens:
        story.say(RecordKind.CONSUMED, "", TERMS | {"token": token})
    tree = Tree()
    for leaf in story.leaves:
        tree.append(leaf_hash(leaf))
    folder = publish(story.leaves)
    note = folder.files["checkpoint"].decode()
    return folder, [
        Use(note, i, leaf.decode(), hashes_to_text(tree.inclusion_proof(i))) for i, leaf in enumerate(story.leaves)
    ]


def test_a_token_that_was_let_through_twice_convicts_the_guard() -> None:
    _, (first, other, again) = uses("t", "u", "t")
    twice = TokenUsedTwice(first=first, second=again)
    assert check(twice).proves
    assert (
        "let token 't' through in record 2; 'log.example/gw-1' had let it through in record 0" in check(twice).sentence
    )
    assert "name two tokens" in check(TokenUsedTwice(first=first, second=other)).sentence
    assert "both are the same record" in check(TokenUsedTwice(first=first, second=first)).sentence
    moved = msgspec.structs.replace(again, index=1)
    assert not check(TokenUsedTwice(first=first, second=moved)).proves


def test_a_token_that_nobody_issued_is_proved_to_have_been_used_and_no_more_is_claimed() -> None:
    folder, (use,) = uses("t")
    said = TokenNotIssued(use=use, gateways=(folder.files["checkpoint"].decode(),))
    assert check(said).proves
    assert "'log.example/gw-1' (1 records), and not from this file" in check(said).sentence
    no_use = publish(ordinary().leaves)
    tree = Tree()
    for leaf in ordinary().leaves:
        tree.append(leaf_hash(leaf))
    text = ordinary().leaves[0].decode()
    lie = Use(no_use.files["checkpoint"].decode(), 0, text, hashes_to_text(tree.inclusion_proof(0)))
    assert "does not say that a token was used" in check(TokenNotIssued(use=lie, gateways=())).sentence


# ---- the format -----------------------------------------------------------------------------------------------------


def test_a_file_is_canonical_json_with_its_version_and_kind() -> None:
    data = write_misbehaviour(omission())
    value = json.loads(data)
    assert data == canonical_bytes(value) + b"\n"
    assert (value["v"], value["kind"]) == ("brightline-misbehaviour/1", "omission")
    assert set(value) == {"v", "kind", "receipt", "checkpoint", "found", "proof"}


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b'"kind":"omission"', b'"kind":"pardon"'),
        lambda data: data.replace(b"misbehaviour/1", b"misbehaviour/2"),
        lambda data: data.replace(b'{"checkpoint"', b'{"more":1,"checkpoint"'),
        lambda data: data.replace(b'{"checkpoint"', b'{ "checkpoint"'),
        lambda _data: b"",
        lambda _data: b"[" * 100_000,
        lambda _data: b"\xff",
        lambda _data: b" " * 5_000_000,
    ],
)
def test_bytes_that_are_no_such_file_are_refused(change: object) -> None:
    with pytest.raises(MalformedMisbehaviour):
        read_misbehaviour(change(write_misbehaviour(omission())))  # type: ignore[operator]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_file_makes_it_say_something_else(data: st.DataObject) -> None:
    """It does not read, or proves nothing, or (the last bits of a receipt's signature carry nothing) says the same."""
    _, (first, again) = uses("t", "t")
    twice: Misbehaviour = TokenUsedTwice(first=first, second=again)
    whole = omission() if data.draw(st.booleans()) else twice
    file = write_misbehaviour(whole)
    at = data.draw(st.integers(0, len(file) - 2))
    changed = bytearray(file)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        said = read_misbehaviour(bytes(changed))
    except MalformedMisbehaviour:
        return
    checked = check_misbehaviour(said, [SIGNER.verifier])
    assert not checked.proves or checked == check(whole)
