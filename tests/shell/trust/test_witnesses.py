# SPDX-License-Identifier: Apache-2.0
"""A log and its witnesses over real sockets: good, lost, lying, slow and restored ones."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.cosignature import CosignerKey, Ed25519Cosigner
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.witnessing import ANSWER_BYTES_MAX, SIZE_TYPE, Decline
from brightline.shell.serve import bind, serving
from brightline.shell.trust.witnesses import Round, WitnessedAge, Witnesses, witness_newest
from brightline.shell.witness.serve import serving_witness
from brightline.shell.witness.store import read_logs
from tests.shell.witness.logs import FORK, LOG, TIME, TRUE, FixedClock, made, note_at, seen_at


def proof_to(size: int) -> Callable[[int], tuple[bytes, ...]]:
    return lambda old: TRUE.consistency_proof(old, size)


class Given(msgspec.Struct, frozen=True):
    """A witness as a policy names it."""

    name: str
    key: CosignerKey
    url: str


@contextlib.asynccontextmanager
async def running(folder: Path, *names: str) -> AsyncIterator[list[Given]]:
    """Real witnesses that watch the log; their folders outlive them."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for name in names:
            if not (folder / name).exists():
                made(folder / name, f"witness.example/{name}")
            url = await stack.enter_async_context(serving_witness(folder / name, bind("127.0.0.1", 0), FixedClock()))
            found.append(Given(name, CosignerKey.parse((folder / name / "witness.vkey").read_text()), url))
        yield found


@contextlib.asynccontextmanager
async def answering(name: str, status: int, body: bytes, **headers: str) -> AsyncIterator[Given]:
    """A witness that answers everything with the same bytes."""
    key = Ed25519Cosigner(f"witness.example/{name}", Ed25519PrivateKey.generate()).verifier

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        pairs = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    async with serving(app, bind("127.0.0.1", 0)) as url:
        yield Given(name, key, url)


@contextlib.asynccontextmanager
async def asking(
    witnesses: list[Given], quorum: str = "all", ask_seconds: float = 5.0, grace_seconds: float = 5.0
) -> AsyncIterator[Witnesses]:
    lines = [f"witness {one.name} {one.key.vkey()} {one.url}\n" for one in witnesses]
    names = " ".join(one.name for one in witnesses)
    rule = "quorum none\n" if quorum == "none" else f"group g {quorum} {names}\nquorum g\n"
    asker = Witnesses(Policy.parse("".join([*lines, rule]).encode()), ask_seconds, grace_seconds)
    try:
        yield asker
    finally:
        await asker.close()


async def cosign(asker: Witnesses, size: int) -> Round:
    return await asker.cosign(note_at(size), proof_to(size))


async def test_a_growing_log_gets_its_quorum_at_each_size_and_a_note_that_a_policy_believes(tmp_path: Path) -> None:
    async with running(tmp_path, "a", "b", "c") as witnesses, asking(witnesses, "2") as asker:
        for size in (0, 1, 5, 5, 9, 40):
            done = await cosign(asker, size)
            assert done.verdict.satisfied
            assert set(done.cosigned) == {"a", "b", "c"}
            assert (done.declined, done.alarms) == ({}, ())
            policy = Policy.parse(policy_text(witnesses))
            assert policy.open(done.note).times == {"a": TIME, "b": TIME, "c": TIME}
    assert [log.seen for name in "abc" for log in read_logs(tmp_path / name)] == [seen_at(40)] * 3


def policy_text(witnesses: list[Given]) -> bytes:
    lines = [f"witness {one.name} {one.key.vkey()}\n" for one in witnesses]
    names = " ".join(one.name for one in witnesses)
    return "".join([f"log {LOG.verifier.vkey()}\n", *lines, f"group g 2 {names}\nquorum g\n"]).encode()


async def test_a_witness_that_was_away_is_proved_the_way_from_the_size_that_it_has(tmp_path: Path) -> None:
    asked_from: list[int] = []

    def proof(old: int) -> tuple[bytes, ...]:
        asked_from.append(old)
        return TRUE.consistency_proof(old, 12)

    async with running(tmp_path, "a") as witnesses, asking(witnesses) as asker:
        await cosign(asker, 5)
    async with running(tmp_path, "a") as witnesses, asking(witnesses) as asker:  # this one knows nothing yet
        done = await asker.cosign(note_at(12), proof)
        assert done.verdict.satisfied
    assert asked_from == [5]


async def test_a_log_that_was_rolled_back_or_forked_is_an_alarm_and_not_cosigned(tmp_path: Path) -> None:
    async with running(tmp_path, "a") as witnesses:
        async with asking(witnesses) as asker:
            await cosign(asker, 9)
        async with asking(witnesses) as asker:
            done = await cosign(asker, 5)
            assert done.declined["a"].why is Decline.AHEAD
            assert done.declined["a"].size == 9
            assert not done.verdict.satisfied
            assert "has seen more" in done.alarms[0]
        async with asking(witnesses) as asker:
            forked = await asker.cosign(note_at(12, FORK), lambda old: FORK.consistency_proof(old, 12))
            assert forked.declined["a"].why is Decline.INCONSISTENT
            assert "another tree" in forked.alarms[0]
    assert [log.seen for log in read_logs(tmp_path / "a")] == [seen_at(9)]


@pytest.mark.parametrize(
    ("status", "body", "headers", "why"),
    [
        (404, b"", {}, Decline.UNKNOWN_LOG),
        (403, b"", {}, Decline.UNTRUSTED_KEY),
        (400, b"", {}, Decline.MALFORMED),
        (503, b"", {}, Decline.UNAVAILABLE),
        (302, b"", {"location": "http://127.0.0.1:9/"}, Decline.FAULTY),
        (200, b"yes\n", {}, Decline.FAULTY),
        (200, b"x" * (ANSWER_BYTES_MAX + 100_000), {}, Decline.FAULTY),
        (409, b"3\n", {"content_type": SIZE_TYPE}, Decline.FAULTY),
        (409, b"7\n", {"content_type": SIZE_TYPE}, Decline.AHEAD),
    ],
)
async def test_a_witness_that_answers_badly_is_one_cosignature_fewer(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, str], why: Decline
) -> None:
    async with (
        running(tmp_path, "a") as witnesses,
        answering("bad", status, body, **headers) as bad,
        asking([*witnesses, bad], "1") as asker,
    ):
        done = await cosign(asker, 5)
        assert set(done.cosigned) == {"a"}
        assert done.declined["bad"].why is why
        assert done.verdict.satisfied


async def test_a_witness_that_cannot_be_reached_or_has_no_address_is_one_cosignature_fewer(tmp_path: Path) -> None:
    taken = bind("127.0.0.1", 0)
    port = taken.getsockname()[1]
    taken.close()
    async with running(tmp_path, "a") as witnesses:
        key = Ed25519Cosigner("w", Ed25519PrivateKey.generate()).verifier
        other = Ed25519Cosigner("w", Ed25519PrivateKey.generate()).verifier
        third = Ed25519Cosigner("w", Ed25519PrivateKey.generate()).verifier
        away = [
            Given("gone", key, f"http://127.0.0.1:{port}"),
            Given("nowhere", other, ""),
            Given("odd", third, "gopher:x"),
        ]
        async with asking([*witnesses, *away], "2") as asker:
            done = await cosign(asker, 5)
    assert {name: one.why for name, one in done.declined.items()} == dict.fromkeys(
        ("gone", "nowhere", "odd"), Decline.UNAVAILABLE
    )
    assert not done.verdict.satisfied
    assert done.note.startswith(note_at(5))


@contextlib.asynccontextmanager
async def hanging(name: str) -> AsyncIterator[Given]:
    key = Ed25519Cosigner(f"witness.example/{name}", Ed25519PrivateKey.generate()).verifier
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield Given(name, key, f"http://{host}:{port}")
        for writer in writers:
            writer.close()


async def test_a_witness_that_hangs_holds_no_quorum_up_and_never_more_than_the_deadline(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with running(tmp_path, "a") as witnesses, hanging("slow") as slow:
        async with asking([*witnesses, slow], "1", ask_seconds=30.0, grace_seconds=0.05) as asker:
            start = loop.time()
            done = await cosign(asker, 5)
            assert loop.time() - start < 5
            assert done.verdict.satisfied
            assert done.declined["slow"].detail == "slower than a quorum of the others"
        async with asking([*witnesses, slow], "2", ask_seconds=0.2) as asker:
            done = await cosign(asker, 6)
            assert not done.verdict.satisfied
            assert done.declined["slow"].detail == "it did not answer in time"


async def test_a_size_that_changes_at_each_try_is_not_followed_for_ever(tmp_path: Path) -> None:
    key = Ed25519Cosigner("witness.example/restless", Ed25519PrivateKey.generate()).verifier
    asked: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked.append(len(asked))
        headers = [(b"content-type", SIZE_TYPE.encode())]
        await send({"type": "http.response.start", "status": 409, "headers": headers})
        await send({"type": "http.response.body", "body": f"{len(asked)}\n".encode()})

    async with serving(app, bind("127.0.0.1", 0)) as url, asking([Given("restless", key, url)]) as asker:
        done = await cosign(asker, 20)
    assert len(asked) == 3
    assert done.declined["restless"].why is Decline.UNAVAILABLE


async def test_at_boot_the_witnesses_say_what_they_have_seen(tmp_path: Path) -> None:
    async with running(tmp_path, "a", "b", "c") as witnesses:
        async with asking(witnesses, "2") as asker:
            fresh = await asker.sizes_seen(note_at(0))
            assert (fresh.sizes, fresh.objections) == ({"a": 0, "b": 0, "c": 0}, ())
            await cosign(asker, 9)
        async with asking(witnesses, "2") as asker:
            same = await asker.sizes_seen(note_at(9))
            assert (same.sizes, same.objections) == ({"a": 9, "b": 9, "c": 9}, ())
            ahead = await asker.sizes_seen(note_at(20))  # published, but the power failed before they were asked
            assert (ahead.sizes, ahead.objections) == ({"a": 9, "b": 9, "c": 9}, ())
            assert (await cosign(asker, 20)).verdict.satisfied


async def test_a_restored_copy_signs_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, "a", "b", "c") as witnesses:
        async with asking(witnesses, "2") as asker:
            await cosign(asker, 9)
        for note in (note_at(5), note_at(0)):  # an old backup, and a log that was wiped
            async with asking(witnesses, "2") as asker:
                survey = await asker.sizes_seen(note)
                assert survey.sizes == {"a": 9, "b": 9, "c": 9}
                assert len(survey.objections) == 3
                assert all("has seen more" in one for one in survey.objections)
                assert survey.alarms == survey.objections
        async with asking(witnesses, "2") as asker:
            survey = await asker.sizes_seen(note_at(9, FORK))
            assert [one.partition(":")[0] for one in survey.alarms] == [
                f"witness {name} has seen another tree" for name in "abc"
            ]


async def test_without_a_quorum_at_boot_nothing_is_signed(tmp_path: Path) -> None:
    async with running(tmp_path, "a", "b", "c") as witnesses:
        lost = [msgspec.structs.replace(one, url="") for one in witnesses[1:]]
        async with asking([witnesses[0], *lost], "2") as asker:
            assert (await asker.sizes_seen(note_at(0))).objections == (
                "no quorum of witnesses says what it has seen; silent: b, c",
            )
            assert (await asker.sizes_seen(note_at(0))).alarms == ()
        async with asking([*witnesses[:2], lost[1]], "2") as asker:
            assert (await asker.sizes_seen(note_at(0))).objections == ()
        # One witness is enough for a quorum: then the silent ones may have seen what the other did not.
        async with asking([*witnesses[:2], lost[1]], "1") as asker:
            assert (await asker.sizes_seen(note_at(0))).objections == (
                "the silent witnesses are a quorum of their own: c",
            )
        async with asking([witnesses[0], *lost], "none") as asker:
            assert (await asker.sizes_seen(note_at(0))).objections == ()


async def test_the_age_is_booked_where_a_quorum_cosigned_and_only_there(tmp_path: Path) -> None:
    age = WitnessedAge()
    async with running(tmp_path, "a", "b") as witnesses:
        lost = msgspec.structs.replace(witnesses[1], url="")
        async with asking([witnesses[0], lost]) as asker:
            await witness_newest(asker, age, note_at(5), proof_to(5))
            assert age.unwitnessed_seconds(0.0) == math.inf
        async with asking(witnesses) as asker:
            await witness_newest(asker, age, note_at(5), proof_to(5))
    assert (age.witnessed_size, age.unwitnessed_seconds(0.0)) == (5, 0.0)


def test_before_the_first_quorum_the_age_is_infinite() -> None:
    age = WitnessedAge()
    assert age.unwitnessed_seconds(3.0) == math.inf
    age.published(0, 1.0)
    assert age.unwitnessed_seconds(3.0) == math.inf
    age.witnessed(0)
    assert age.unwitnessed_seconds(1e9) == 0.0


def test_a_log_that_never_rests_is_as_old_as_its_oldest_unseen_checkpoint() -> None:
    age = WitnessedAge()
    age.witnessed(0)
    for second in range(1, 10):
        age.published(second * 10, float(second))
        age.published(second * 10, float(second) + 0.5)  # the same again is no news
    assert age.unwitnessed_seconds(10.0) == 9.0
    age.witnessed(70)
    assert age.unwitnessed_seconds(10.0) == 2.0
    age.witnessed(40)  # an answer that came late takes nothing back
    assert (age.witnessed_size, age.unwitnessed_seconds(10.0)) == (70, 2.0)
    age.witnessed(90)
    assert age.unwitnessed_seconds(10.0) == 0.0
    age.published(80, 11.0)
    assert age.unwitnessed_seconds(12.0) == 0.0


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.01, 2.0)), min_size=1, max_size=3_000), st.data())
def test_however_many_wait_the_age_is_never_younger_than_the_truth(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    age = WitnessedAge()
    age.witnessed(0)
    sizes: list[tuple[int, float]] = []
    size, now = 0, 0.0
    for more, seconds in steps * (2_000 // len(steps)):
        size, now = size + more, now + seconds
        age.published(size, now)
        sizes.append((size, now))
    seen = data.draw(st.integers(0, size))
    age.witnessed(seen)
    truth = next((now - time for one, time in sizes if one > seen), 0.0)
    assert age.unwitnessed_seconds(now) >= truth
    age.witnessed(size)
    assert age.unwitnessed_seconds(now) == 0.0


async def test_what_is_no_checkpoint_is_not_asked_for() -> None:
    async with asking([Given("w", Ed25519Cosigner("w", Ed25519PrivateKey.generate()).verifier, "")]) as asker:
        with pytest.raises(ValueError, match="a note"):
            await asker.cosign(b"nothing", proof_to(5))


async def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    key = Ed25519Cosigner("witness.example/slow", Ed25519PrivateKey.generate()).verifier

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-type", SIZE_TYPE.encode())]
        await send({"type": "http.response.start", "status": 409, "headers": headers})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"2\n"})

    async with serving(app, bind("127.0.0.1", 0)) as url, asking([Given("slow", key, url)]) as asker:
        done = await cosign(asker, 5)
    assert done.declined["slow"].size == 12
