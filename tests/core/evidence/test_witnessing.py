# SPDX-License-Identifier: Apache-2.0
"""The protocol between a log and its witnesses, without a socket: transcripts of other projects, byte for byte."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, open_cosigned
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.evidence.witnessing import (
    ANSWER_BYTES_MAX,
    NOTHING_SEEN,
    REQUEST_BYTES_MAX,
    SIZE_TYPE,
    TEXT_TYPE,
    Advance,
    Conflict,
    Cosigned,
    Decline,
    Declined,
    DurableAdvance,
    MalformedSubmission,
    Seen,
    Submission,
    WitnessAnswer,
    answer_conflict,
    answer_cosigned,
    answer_malformed,
    judge,
    mint_advance,
    read_answer,
)
from tests.vectors import vectors_dir

LOG = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Ed25519Cosigner("example.com/witness", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
TIME = 1_767_139_200


class MemoryWitness:
    """A witness that keeps its promises in memory: judge, persist, answer."""

    def __init__(self, logs: dict[str, list[VerifierKey]], signer: Ed25519Cosigner = WITNESS) -> None:
        self.logs = logs
        self.signer = signer
        self.seen: dict[str, Seen] = {}

    def post(self, body: bytes) -> WitnessAnswer:
        try:
            submission = Submission.parse(body)
        except MalformedSubmission as error:
            return answer_malformed(error)
        origin = submission.checkpoint.origin
        judged = judge(submission, self.logs.get(origin, []), self.seen.get(origin, NOTHING_SEEN))
        match judged:
            case Advance():
                return self.persist(judged)
            case WitnessAnswer():
                return judged

    def persist(self, advance: Advance) -> WitnessAnswer:
        stored = self.seen.get(advance.origin, NOTHING_SEEN)
        if stored != advance.before:
            return answer_conflict(stored)
        self.seen[advance.origin] = advance.after
        return answer_cosigned(mint_advance(advance), [self.signer], TIME)


def tree_of(size: int, name: str = "record") -> Tree:
    tree = Tree()
    for at in range(size):
        tree.append(leaf_hash(f"{name} {at}".encode()))
    return tree


def note_of(tree: Tree, size: int | None = None) -> bytes:
    count = tree.size if size is None else size
    return sign_checkpoint(Checkpoint("example.org/log", count, tree.root(count)), LOG)


def read(answer: WitnessAnswer, submission: Submission) -> Cosigned | Conflict | Declined:
    return read_answer(answer.status, answer.content_type, answer.body.encode(), submission, WITNESS.verifier)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6).map(sorted))
def test_a_log_that_grows_is_cosigned_at_each_of_its_sizes(sizes: list[int]) -> None:
    witness = MemoryWitness({"example.org/log": [LOG.verifier]})
    tree = tree_of(40)
    old = 0
    for size in sizes:
        proof = () if old in {0, size} else tree.consistency_proof(old, size)
        submission = Submission.of(old, proof, note_of(tree, size))
        got = read(witness.post(submission.encode()), submission)
        assert isinstance(got, Cosigned)
        assert got.cosignature.time == TIME
        opened = open_cosigned(submission.note + f"{got.line}\n".encode(), [LOG.verifier], [WITNESS.verifier])
        assert opened.cosignatures == (got.cosignature,)
        old = size


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 31))
def test_a_second_history_is_never_cosigned_whatever_is_asked_from(first: int, more: int, old: int) -> None:
    witness = MemoryWitness({"example.org/log": [LOG.verifier]})
    assert witness.post(Submission.of(0, (), note_of(tree_of(first))).encode()).status == 200
    forked = tree_of(first + more, "another")
    proof = forked.consistency_proof(old) if 0 < old <= forked.size else ()
    answer = witness.post(Submission.of(old, proof, note_of(forked)).encode())
    assert answer.status in {400, 409, 422}
    assert witness.seen["example.org/log"].size == first


def test_two_requests_that_race_get_one_cosignature_and_one_conflict() -> None:
    witness = MemoryWitness({"example.org/log": [LOG.verifier]})
    tree = tree_of(5)
    witness.post(Submission.of(0, (), note_of(tree, 1)).encode())
    slow = judge(
        Submission.of(1, tree.consistency_proof(1, 3), note_of(tree, 3)),
        [LOG.verifier],
        witness.seen["example.org/log"],
    )
    assert isinstance(slow, Advance)
    assert witness.post(Submission.of(1, tree.consistency_proof(1, 5), note_of(tree, 5)).encode()).status == 200
    assert witness.persist(slow) == WitnessAnswer(409, "5\n", SIZE_TYPE)


def test_only_what_is_durable_can_be_answered_with_a_cosignature() -> None:
    with pytest.raises(TypeError, match="store alone"):
        DurableAdvance(object(), Advance("o", NOTHING_SEEN, NOTHING_SEEN))
    source = Path(__file__).parents[3] / "src" / "brightline"
    importers = {
        path.relative_to(source).as_posix() for path in source.rglob("*.py") if "mint_advance" in text_of(path)
    }
    assert importers == {"core/evidence/witnessing.py", "shell/witness/store.py"}


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize(
    ("status", "content_type", "body", "due"),
    [
        (409, SIZE_TYPE, b"3\n", Conflict(3)),
        (409, "Text/X.Tlog.Size; charset=utf-8", b"0\n", Conflict(0)),
        (409, SIZE_TYPE, b"9\n", Decline.AHEAD),
        (409, SIZE_TYPE, b"5\n", Decline.FAULTY),
        (409, SIZE_TYPE, b"03\n", Decline.FAULTY),
        (409, SIZE_TYPE, b"3", Decline.FAULTY),
        (409, SIZE_TYPE, b"\xff\n", Decline.FAULTY),
        (409, TEXT_TYPE, b"", Decline.INCONSISTENT),
        (422, TEXT_TYPE, b"", Decline.INCONSISTENT),
        (404, TEXT_TYPE, b"", Decline.UNKNOWN_LOG),
        (403, TEXT_TYPE, b"", Decline.UNTRUSTED_KEY),
        (400, TEXT_TYPE, b"", Decline.MALFORMED),
        (429, TEXT_TYPE, b"", Decline.UNAVAILABLE),
        (503, TEXT_TYPE, b"", Decline.UNAVAILABLE),
        (302, TEXT_TYPE, b"", Decline.FAULTY),
        (200, TEXT_TYPE, b"", Decline.FAULTY),
        (200, TEXT_TYPE, b"no line\n", Decline.FAULTY),
        (200, TEXT_TYPE, b"\xff\n", Decline.FAULTY),
        (422, TEXT_TYPE, b"x" * (ANSWER_BYTES_MAX + 1), Decline.FAULTY),
    ],
)
def test_each_answer_has_its_consequence(status: int, content_type: str, body: bytes, due: Conflict | Decline) -> None:
    submission = Submission.of(5, (), note_of(tree_of(5)))
    got = read_answer(status, content_type, body, submission, WITNESS.verifier)
    assert (got.why if isinstance(got, Declined) else got) == due
    if due is Decline.AHEAD:
        assert isinstance(got, Declined)
        assert got.size == 9


def test_a_cosignature_that_does_not_verify_or_is_of_somebody_else_is_none() -> None:
    submission = Submission.of(0, (), note_of(tree_of(5)))
    line = WITNESS.cosignature_line(submission.checkpoint.text(), TIME)
    stranger = Ed25519Cosigner("example.com/stranger", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32))
    other = stranger.cosignature_line(submission.checkpoint.text(), TIME)
    wrong = WITNESS.cosignature_line(Checkpoint("example.org/log", 4, bytes(32)).text(), TIME)
    for body, due in [
        (f"{line}\n", True),
        (f"{other}\n{line}\n", True),
        (f"{other}\n", False),
        (f"{wrong}\n", False),
        (f"{line}\n{wrong}\n", False),
        (line, False),
        (f"{line}\n" * 17, False),
        (f"{zero_time(submission)}\n", False),
    ]:
        got = read_answer(200, TEXT_TYPE, body.encode(), submission, WITNESS.verifier)
        assert isinstance(got, Cosigned) is due
        assert isinstance(got, Cosigned) or (isinstance(got, Declined) and got.why is Decline.FAULTY)


def zero_time(submission: Submission) -> str:
    message = WITNESS.verifier.message(submission.checkpoint.text(), 0)
    signature = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).sign(message)
    data = base64.b64encode(WITNESS.verifier.key_id + bytes(8) + signature).decode()
    return f"— {WITNESS.verifier.name} {data}"


def test_a_request_is_bounded() -> None:
    with pytest.raises(MalformedSubmission, match="at most"):
        Submission.parse(b"old 0\n" + bytes(REQUEST_BYTES_MAX))
    with pytest.raises(MalformedSubmission, match="proof lines"):
        Submission.of(1, [bytes(32)] * 64, note_of(tree_of(5)))


def cases() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors_dir("c2sp") / "witness" / "cases.json").read_text("utf-8"))
    return found


def keys_of(logs: dict[str, list[str]]) -> dict[str, list[VerifierKey]]:
    return {origin: [VerifierKey.parse(vkey) for vkey in vkeys] for origin, vkeys in logs.items()}


def test_the_transcripts_of_other_projects_come_out_byte_for_byte() -> None:
    steps = 0
    for transcript in cases()["transcripts"]:
        name = transcript.get("witness", {}).get("name", WITNESS.verifier.name)
        signer = Ed25519Cosigner(name, Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
        witness = MemoryWitness(keys_of(transcript["logs"]), signer)
        for step in transcript["steps"]:
            body = base64.b64decode(step["request_base64"]) if "request_base64" in step else step["request"].encode()
            answer = witness.post(body)
            where = f"{transcript['name']}: {step['name']}"
            assert answer.status == step["status"], where
            if "body" in step:
                assert (answer.body, answer.content_type) == (step["body"], step["content_type"]), where
            assert step.get("response_contains", "") in answer.body, where
            if answer.status == 200:
                submission = Submission.parse(body)
                assert submission.encode() == body
                got = read_answer(200, answer.content_type, answer.body.encode(), submission, signer.verifier)
                assert isinstance(got, Cosigned), where
            steps += 1
        stored = {
            origin: {"size": seen.size, "root": base64.b64encode(seen.root).decode()}
            for origin, seen in witness.seen.items()
        }
        assert stored == transcript["final"], transcript["name"]
    assert steps == 97


def test_the_forged_line_of_another_project_spoils_nothing_under_the_witnesss_own_key() -> None:
    transcript = next(one for one in cases()["transcripts"] if "witness" in one)
    assert Submission.parse(transcript["steps"][0]["request"].encode()).note.count("— ".encode()) == 2
    witness = MemoryWitness(keys_of(transcript["logs"]))
    assert [witness.post(step["request"].encode()).status for step in transcript["steps"]] == [200, 200]


def test_the_request_bodies_of_another_project_are_refused_also_where_it_takes_hashes_of_any_length() -> None:
    bodies = cases()["transparency_dev_parse_body"]
    assert len(bodies) == 4
    for case in bodies:
        with pytest.raises(MalformedSubmission):
            Submission.parse(case["body"].encode())


def test_the_race_of_another_project_comes_out() -> None:
    race = cases()["race"]
    witness = MemoryWitness(keys_of(race["logs"]))
    assert witness.post(race["first"].encode()).status == 200
    submission = Submission.parse(race["a"].encode())
    origin = submission.checkpoint.origin
    slow = judge(submission, witness.logs[origin], witness.seen[origin])
    assert isinstance(slow, Advance)
    assert witness.post(race["b"].encode()).status == race["expect"]["b"]
    assert witness.persist(slow).status == race["expect"]["a"]
    assert witness.seen[origin].size == race["expect"]["final_size"]
