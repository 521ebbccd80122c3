# SPDX-License-Identifier: Apache-2.0
"""A witness never forgets: what is persisted when, what a kill leaves, and what damage is refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import ConfigError, EvidenceDamaged, EvidenceUnavailable, TrustError, WriterPresent
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.evidence.witnessing import NOTHING_SEEN, Advance, DurableAdvance, Seen, Submission, judge
from brightline.shell.witness.store import KEYS_MAX, WitnessStore, create_witness, read_logs
from tests.shell.witness.logs import FORK, LOG, ORIGIN, WITNESS, advance, made, request, seen_at
from tests.vectors import vectors_dir

ROOT = Path(__file__).resolve().parents[3]


def seen_in(folder: Path) -> Seen:
    (log,) = read_logs(folder)
    return log.seen


def test_a_new_witness_has_a_private_key_and_a_public_one_and_is_never_replaced(tmp_path: Path) -> None:
    key = create_witness(tmp_path / "w", WITNESS)
    assert (tmp_path / "w" / "witness.vkey").read_text() == f"{key.vkey()}\n"
    assert stat.S_IMODE((tmp_path / "w" / "witness.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o700
    with pytest.raises(TrustError, match="never replaced"):
        create_witness(tmp_path / "w", WITNESS)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u200bb"])
def test_a_name_that_is_none_makes_no_witness(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        create_witness(tmp_path / "w", name)


def test_what_was_persisted_is_there_after_it_is_opened_again(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    assert store.log(ORIGIN) is not None
    assert store.log("example.org/other") is None
    assert isinstance(store.persist(advance(0, 5)), DurableAdvance)
    assert isinstance(store.persist(advance(5, 5)), DurableAdvance)
    assert isinstance(store.persist(advance(5, 9)), DurableAdvance)
    store.close()
    store.close()
    store = WitnessStore.open(tmp_path)
    assert [log.seen for log in store.logs()] == [seen_at(9)]
    store.close()


def test_whoever_was_overtaken_is_told_what_is_stored(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    slow = advance(0, 5)
    store.persist(advance(0, 7))
    assert store.persist(slow) == seen_at(7)
    assert seen_in(tmp_path) == seen_at(7)
    store.close()


def test_the_file_is_flushed_then_renamed_then_the_folder_is_flushed_before_anything_can_be_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = WitnessStore.open(made(tmp_path))
    calls: list[str] = []
    real_sync, real_rename = os.fsync, os.rename

    def fsync(fd: int) -> None:
        calls.append(f"flush {'folder' if Path(f'/proc/self/fd/{fd}').readlink().is_dir() else 'file'}")
        real_sync(fd)

    def rename(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        calls.append("rename")
        real_rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    store.persist(advance(0, 5))
    assert calls == ["flush file", "rename", "flush folder"]
    store.persist(advance(5, 5))
    assert len(calls) == 3
    store.close()
    # A kill may have come between the rename and the flush of the folder: opening makes up for it.
    calls.clear()
    WitnessStore.open(tmp_path).close()
    assert calls == ["flush folder"]


@pytest.mark.parametrize("call", ["fsync", "rename", "open", "write"])
def test_a_state_that_cannot_be_written_ends_the_store_until_it_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = WitnessStore.open(made(tmp_path))
    store.persist(advance(0, 5))

    def fail(*_given: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(EvidenceUnavailable, match="No space"):
            store.persist(advance(5, 9))
    with pytest.raises(EvidenceUnavailable):
        store.persist(advance(5, 5))
    with pytest.raises(EvidenceUnavailable):
        store.trust("example.org/other", LOG.verifier)
    store.close()
    store = WitnessStore.open(tmp_path)
    assert isinstance(store.persist(advance(5, 9)), DurableAdvance)
    store.close()


def test_one_process_has_a_witness(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    with pytest.raises(WriterPresent, match="another process has the witness"):
        WitnessStore.open(tmp_path)
    assert seen_in(tmp_path) == NOTHING_SEEN
    store.close()
    WitnessStore.open(tmp_path).close()


def test_a_log_may_change_its_key_and_what_was_seen_stays(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    store.persist(advance(0, 5))
    keys = [NoteSigner(ORIGIN, Ed25519PrivateKey.generate()).verifier for _ in range(KEYS_MAX)]
    watched = [store.trust(ORIGIN, key) for key in keys[1:]][-1]
    assert (watched.seen, len(watched.keys)) == (seen_at(5), KEYS_MAX)
    assert store.trust(ORIGIN, LOG.verifier) == watched
    with pytest.raises(TrustError, match="at most"):
        store.trust(ORIGIN, keys[0])
    store.close()
    assert read_logs(tmp_path) == (watched,)


def test_a_log_that_was_forgotten_and_is_watched_again_does_not_begin_anew(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    store.persist(advance(0, 5))
    store.close()
    next(tmp_path.glob("*.log")).unlink()
    store = WitnessStore.open(tmp_path)
    assert store.log(ORIGIN) is None
    assert store.trust(ORIGIN, LOG.verifier).seen == seen_at(5)
    store.close()


def test_the_witnesss_own_key_is_no_logs_key(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    own = VerifierKey.of(ORIGIN, store.signer.verifier.public_key)
    with pytest.raises(TrustError, match="own key"):
        store.trust(ORIGIN, own)
    for origin in ("", "a\nb", "a" * 1_025):
        with pytest.raises(TrustError, match="an origin"):
            store.trust(origin, LOG.verifier)
    store.close()


def test_a_state_file_that_is_missing_is_damage_and_never_nothing_seen(tmp_path: Path) -> None:
    store = WitnessStore.open(made(tmp_path))
    store.persist(advance(0, 5))
    store.close()
    next(tmp_path.glob("*.seen")).unlink()
    with pytest.raises(EvidenceDamaged, match="never taken for nothing"):
        WitnessStore.open(tmp_path)


@pytest.mark.parametrize("suffix", [".seen", ".log"])
def test_every_flipped_bit_in_a_file_is_found(tmp_path: Path, suffix: str) -> None:
    store = WitnessStore.open(made(tmp_path))
    store.persist(advance(0, 30))
    store.close()
    path = next(tmp_path.glob(f"*{suffix}"))
    whole = path.read_bytes()
    for at in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(bytes(flipped))
        with pytest.raises(EvidenceDamaged):
            read_logs(tmp_path)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(EvidenceDamaged):
            read_logs(tmp_path)


def test_a_folder_without_a_witness_or_with_another_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no witness"):
        WitnessStore.open(tmp_path)
    made(tmp_path / "a")
    made(tmp_path / "b")
    (tmp_path / "a" / "witness.vkey").write_bytes((tmp_path / "b" / "witness.vkey").read_bytes())
    with pytest.raises(TrustError, match="is not the key of"):
        WitnessStore.open(tmp_path / "a")
    (tmp_path / "a" / "witness.vkey").write_text("nothing\n")
    with pytest.raises(TrustError, match="no cosigner's key"):
        WitnessStore.open(tmp_path / "a")


def run_and_kill(folder: Path, nth: int, instant: str) -> tuple[int, str]:
    """Let a process cosign from 5 to 9 and die; return its exit code and what it answered."""
    command = [sys.executable, "-m", "tests.shell.witness.crash_witness", str(folder), "5", "9", str(nth), instant]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode, done.stdout


def test_a_kill_at_any_step_leaves_no_two_trees_cosigned(tmp_path: Path) -> None:
    code, answer = run_and_kill(begun(tmp_path / "whole"), -1, "before")
    assert code == 0
    calls = int(answer.partition("\n")[0])
    assert calls >= 6, "open, write, flush, close, rename, flush"
    outcomes: set[Seen] = set()
    for nth in range(calls):
        for instant in ("before", "after"):
            folder = begun(tmp_path / f"{nth}-{instant}")
            code, answer = run_and_kill(folder, nth, instant)
            assert (code, answer) == (-9, "")
            store = WitnessStore.open(folder)
            log = store.log(ORIGIN)
            assert log is not None
            assert log.seen in {seen_at(5), seen_at(9)}, f"{instant} call {nth}"
            outcomes.add(log.seen)
            # Whatever it remembers, the other history is not cosigned, and the true one goes on.
            for old in (5, 9):
                forked = judge(Submission.parse(request(old, 9, FORK)), log.keys, log.seen)
                assert not isinstance(forked, Advance)
            assert isinstance(store.persist(advance(log.seen.size, 12)), DurableAdvance)
            store.close()
    assert outcomes == {seen_at(5), seen_at(9)}


def begun(folder: Path) -> Path:
    store = WitnessStore.open(made(folder))
    store.persist(advance(0, 5))
    store.close()
    return folder


def test_a_cosignature_that_was_given_is_remembered(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    code, answer = run_and_kill(folder, -1, "before")
    assert code == 0
    assert WITNESS in answer
    assert seen_in(folder) == seen_at(9)


def test_a_log_is_kept_under_the_origin_hash_of_the_standard(tmp_path: Path) -> None:
    cases = json.loads((vectors_dir("c2sp") / "checkpoint" / "cases.json").read_text("utf-8"))["origin_hashes"]
    folder = made(tmp_path / "w")
    store = WitnessStore.open(folder)
    for case in cases:
        store.trust(case["origin"], LOG.verifier)
    store.close()
    names = {path.name.partition(".")[0] for path in folder.rglob("*")}
    assert {case["origin_hash"] for case in cases} <= names
    assert not {case["upstream_id"] for case in cases if case["upstream_id"] != case["origin_hash"]} & names
