# SPDX-License-Identifier: Apache-2.0
"""Who is let in, what a stranger sees, and under which headers anything goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import openai
import pytest

from brightline.client import hold_of
from brightline.console import queue_pages
from brightline.console.books import Books
from brightline.console.door import BODY_BYTES_MAX, Origin
from brightline.core.errors import ConfigError
from tests.conformance.test_halt import until
from tests.console.desk import QUEUE, Console, console
from tests.harness import HELD, NO_TLS, Running, add_workload, running, within_two_seconds

PATHS = ("/", "/queue", "/queue/news", "/case/{hold}", "/case/{hold}/more?place=said-1&from=0", "/case/{hold}/lease")
FORMS = ("/queue/claim", "/case/{hold}/skip", "/case/{hold}/reveal", "/case/{hold}/answer", "/case/{hold}/sign")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("door") / "state", more_toml=QUEUE) as node:
        yield node


@pytest.fixture(scope="module")
def desk(node: Running) -> Iterator[Console]:
    with console(node.root, node.loop) as desk:
        yield desk


@pytest.fixture(scope="module")
def hold(node: Running) -> str:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(HELD)
    return hold_of(refused.value)


@contextmanager
def session(desk: Console, who: str = "") -> Iterator[httpx2.Client]:
    with httpx2.Client(verify=NO_TLS, base_url=desk.url, timeout=30) as client:
        if who:
            client.get(f"/as/{who}")
        yield client


def claim(client: httpx2.Client, desk: Console) -> None:
    """Claim the next case."""
    token = re.findall('name="token" value="([^"]+)"', client.get("/queue").text)[0]
    taken = client.post("/queue/claim", data={"token": token}, headers={"origin": desk.url})
    assert taken.status_code == 303, taken.text


def token_of(client: httpx2.Client, hold: str) -> dict[str, str]:
    page = client.get(f"/case/{hold}").text
    return {name: re.findall(f'name="{name}" value="([^"]+)"', page)[0] for name in ("token", "case")}


def test_a_person_without_a_session_sees_nothing(desk: Console, hold: str) -> None:
    with session(desk) as client:
        for path in PATHS:
            answer = client.get(path.format(hold=hold))
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            assert answer.text == ""
        for path in FORMS:
            answer = client.post(path.format(hold=hold), data={"token": "x"}, headers={"origin": desk.url})
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        asked = client.get("/queue/news", headers={"hx-request": "true"})
        assert (asked.status_code, asked.headers["hx-redirect"], asked.text) == (401, "/login", "")


def test_a_session_that_ends_sees_nothing_at_once(desk: Console, hold: str) -> None:
    with session(desk, "senior") as client:
        assert client.get(f"/case/{hold}").status_code == 200
        gone = desk.identity.people.pop("senior")
        try:
            assert client.get(f"/case/{hold}").status_code == 303
        finally:
            desk.identity.people["senior"] = gone


def test_each_role_sees_what_it_is_for(desk: Console, hold: str) -> None:
    for who, case, queue in (
        ("r2", 403, 200),
        ("senior", 200, 200),
        ("auditor", 200, 200),
        ("officer", 403, 200),
        ("nobody", 403, 403),
    ):
        with session(desk, who) as client:
            assert client.get(f"/case/{hold}").status_code == case
            assert client.get("/queue").status_code == queue
    with session(desk, "auditor") as client:
        form = {"token": token_of(client, hold)["token"], "label": "all", "reason": "curious"}
        assert client.post(f"/case/{hold}/reveal", data=form, headers={"origin": desk.url}).status_code == 403


def test_a_form_counts_only_from_a_page_of_this_console_for_this_session(desk: Console, hold: str) -> None:
    with session(desk, "r1") as client, session(desk, "senior") as other:
        claim(client, desk)
        form = token_of(client, hold) | {"answer-1": "no", "reason-1": "read"}
        path = f"/case/{hold}/answer"
        for headers in (
            {},
            {"origin": "null"},
            {"origin": "https://evil.example"},
            {"origin": desk.url.replace("localhost", "127.0.0.1")},
            {"origin": desk.url, "sec-fetch-site": "cross-site"},
        ):
            assert client.post(path, data=form, headers=headers).status_code == 403
        own = {"origin": desk.url}
        assert client.post(path, data=form | {"token": "0" * 64}, headers=own).status_code == 403
        assert client.post(path, data=form | {"token": "ü"}, headers=own).status_code == 403
        assert other.post(path, data=form, headers=own).status_code == 403  # another session's token
        assert client.post(path, json=form, headers=own).status_code == 415
        assert (
            client.post(
                path, content=b"token=a&token=b", headers=own | {"content-type": "application/x-www-form-urlencoded"}
            ).status_code
            == 400
        )
        assert client.post(path, data=form, headers=own).status_code == 200


def test_what_was_read_is_what_is_signed_and_by_whom(desk: Console, hold: str) -> None:
    own = {"origin": desk.url}
    with session(desk, "r1") as client, session(desk, "senior") as other:
        claim(client, desk)
        form = token_of(client, hold) | {"answer-1": "no", "reason-1": "read"}
        another = client.post(f"/case/{hold}/answer", data=form | {"case": "sha256:" + "0" * 64}, headers=own)
        assert (another.status_code, "read it again" in another.text) == (409, True)
        page = client.post(f"/case/{hold}/answer", data=form, headers=own).text
        prepared = re.findall('name="prepared" value="([^"]+)"', page)[0]
        theirs = {"token": token_of(other, hold)["token"], "prepared": prepared, "given": ""}
        stolen = other.post(f"/case/{hold}/sign", data=theirs, headers=own)
        assert (stolen.status_code, "not kept any more" in stolen.text) == (409, True)


def test_large_bodies_odd_methods_and_other_names_are_refused(desk: Console) -> None:
    with session(desk, "r1") as client:
        own = {"origin": desk.url, "content-type": "application/x-www-form-urlencoded"}
        assert client.post("/case/x/answer", content=b"a" * (BODY_BYTES_MAX + 1), headers=own).status_code == 413
        assert client.request("DELETE", "/queue").status_code == 405
        assert client.get("/queue", headers={"host": "evil.example"}).status_code == 421
        here = client.get(
            "/queue", headers={"host": desk.url.removeprefix("http://").replace("localhost", "127.0.0.1")}
        )
        assert (here.status_code, here.headers["location"]) == (307, desk.url + "/")


def test_every_answer_goes_out_under_the_same_headers(desk: Console, hold: str) -> None:
    with session(desk, "senior") as client:
        page = client.get("/queue")
        loaded = re.findall('(?:src|href)="(/static/[^"]+)"', page.text)
        answers = [
            page,
            client.get(f"/case/{hold}"),
            client.get("/nothing"),
            client.get("/case/none"),
            *map(client.get, loaded),
        ]
        answers.append(client.get("/queue", headers={"host": "evil.example"}))
        for answer in answers:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            kept = answer.url.path.startswith("/static/")
            assert answer.headers["cache-control"] == ("public, max-age=31536000, immutable" if kept else "no-store")
        assert len(loaded) == 5
        packed = client.get(loaded[1], headers={"accept-encoding": "gzip"})
        plain = client.get(loaded[1], headers={"accept-encoding": "identity"})
        assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert "content-encoding" not in client.get("/queue", headers={"accept-encoding": "gzip"}).headers
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", page.text)


def test_what_is_vendored_is_what_was_published() -> None:
    import hashlib
    from importlib.resources import files

    here = files("brightline.console") / "static"
    digest = hashlib.sha256((here / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in (here / "htmx.txt").read_text("utf-8")
    assert digest in (Path(__file__).parents[2] / "docs" / "dependencies.md").read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    ["http://review.example", "https://a.example/path", "localhost", "https://", "https://a.example/", "ftp://x"],
)
def test_an_origin_that_passkeys_would_not_work_on_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Origin.of(text)


def test_holds_of_units_that_are_closed_to_somebody_hide_no_others_behind_them(
    node: Running, desk: Console, hold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = add_workload(node.root, node.node.settings, node.node.agreement, "others", unit="unit-2")
    within_two_seconds(lambda: any(each.unit == "unit-2" for each in node.node.registry.workloads.all()))
    with pytest.raises(openai.PermissionDeniedError) as refused, node.client(key) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": HELD}])
    other = hold_of(refused.value)
    with session(desk, "auditor") as client:
        until(lambda: {hold, other} <= set(re.findall("hold_[0-9a-f]{24}", client.get("/queue").text)))
        first = re.findall("hold_[0-9a-f]{24}", client.get("/queue").text)[0]
        closed, last = ("unit-1", other) if first == hold else ("unit-2", hold)
        monkeypatch.setattr(Books, "closed_units", lambda *_: frozenset({closed}))
        with monkeypatch.context() as short:
            short.setattr(queue_pages, "ROWS_SHOWN", 0)  # one row is asked for
            page = client.get("/queue").text
        assert last in page  # which stands behind the one that is not shown
        assert first not in page
        assert "1 came since" in client.get("/queue/news?shown=0").text
        monkeypatch.setattr(Books, "closed_units", lambda *_: frozenset({"unit-1", "unit-2"}))
        assert "came since" not in client.get("/queue/news?shown=0").text
