# SPDX-License-Identifier: Apache-2.0
"""Officers at their pages: a suspension, a termination that takes two, the halt switch; each signed in a session."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from brightline.client import appeal, exchange_of, hold_of
from brightline.console import standing_pages
from brightline.console.books import Books, Reader
from brightline.console.papers import Paper, Papers, sign
from brightline.core.errors import EvidenceUnavailable
from brightline.core.halt import RESUMPTION_TYPE
from brightline.core.standing import Standing
from brightline.core.standing_order import ORDER_TYPE
from brightline.core.statement import add_signature
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from tests.conformance.test_halt import until
from tests.console.desk import OFFICER, OTHER_OFFICER, QUEUE, Console, console, empty_the_desk
from tests.harness import HELD, NO_TLS, RL1, Running, running, within_two_seconds


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state", more_toml=QUEUE) as node:
        yield node


@pytest.fixture
def desk(node: Running) -> Iterator[Console]:
    with console(node.root, node.loop) as desk:
        yield desk


class Sitting:
    """Somebody's session, and the forms that they send."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def get(self, path: str) -> str:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, status: int = 303, **fields: str) -> str:
        """Send a form; the address that it leads to, or the page."""
        token = re.findall('name="token" value="([^"]+)"', self._client.get("/queue").text)[0]
        origin = {"origin": str(self._client.base_url).rstrip("/")}
        answer = self._client.post(path, data={"token": token, **fields}, headers=origin)
        assert answer.status_code == status, answer.text
        return answer.headers["location"] if status == 303 else answer.text

    def claims(self) -> bool:
        """Claim the next case; whether there was one."""
        token = re.findall('name="token" value="([^"]+)"', self._client.get("/queue").text)[0]
        origin = {"origin": str(self._client.base_url).rstrip("/")}
        return self._client.post("/queue/claim", data={"token": token}, headers=origin).status_code == 303

    def paper(self, path: str, **fields: str) -> str:
        """Draw something up; the address of its paper."""
        where = self.post(path, 303, **fields)
        assert where.startswith("/paper/")
        return where


@contextmanager
def sitting(desk: Console, *who: str) -> Iterator[list[Sitting]]:
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx2.Client(verify=NO_TLS, base_url=desk.url, timeout=30)) for _ in who]
        for client, name in zip(clients, who, strict=True):
            client.get(f"/as/{name}")
        yield [Sitting(client) for client in clients]


def refused(node: Running) -> str:
    """The code with which an ordinary question is refused; empty if it is served."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def test_one_officer_suspends_and_two_named_ones_terminate(node: Running, desk: Console) -> None:
    with sitting(desk, "officer", "officer2", "auditor") as (first, second, auditor):
        order = first.paper(
            "/standing/order", unit="unit-1", happened="suspension ordered", reason="they did not cure"
        )
        assert "suspension ordered" in first.get(order)
        assert refused(node) == ""  # drawn up is not ordered
        assert first.post(f"{order}/sign") == "/standing"
        within_two_seconds(lambda: refused(node) == "unit_suspended")
        order = first.paper("/standing/order", unit="unit-1", happened="terminated", reason="material breach")
        assert first.post(f"{order}/sign") == order
        assert node.node.registry.standings.book.of("unit-1").standing is Standing.SUSPENDED
        assert "has signed this" in first.post(f"{order}/sign", 409)  # one officer is not two
        assert order in second.get("/standing")  # it waits where the other sees it
        assert "1 of provider-officer more" in second.get(order)
        assert second.post(f"{order}/sign") == "/standing"
        within_two_seconds(lambda: node.node.registry.standings.book.of("unit-1").standing is Standing.TERMINATED)
        page = auditor.get("/standing/unit?unit=unit-1")
        trail = re.findall("<h3>([a-z ]+) <span", page)
        assert trail == ["terminated", "suspension ordered"]
        assert "provider-officer, provider-officer-2" in page
        assert "What may be ordered" not in page


def test_who_is_no_officer_orders_nothing_and_an_order_needs_its_words(node: Running, desk: Console) -> None:
    with sitting(desk, "r1", "officer") as (reviewer, officer):
        form = {"unit": "unit-1", "happened": "suspension ordered", "reason": "please"}
        assert "not for your role" in reviewer.post("/standing/order", 403, **form)
        assert "not for your role" in reviewer.post("/halt/order", 403, what="installation:", reason="please")
        assert "say why" in officer.post("/standing/order", 409, **{**form, "reason": " "})
        assert "choose what to order" in officer.post("/standing/order", 409, **{**form, "happened": "pattern found"})
        assert "no workload" in officer.post("/standing/order", 404, **{**form, "unit": "nobody", "reason": ""})
        assert "choose what to stop" in officer.post("/halt/order", 409, what="model:none", reason="drill")
        order = officer.paper("/standing/order", **{**form, "happened": "appealed"})  # which is the customer's to sign
        assert "is not asked to" in officer.post(f"{order}/sign", 409)
    assert refused(node) == ""


def test_one_person_halts_and_one_of_each_party_resumes_with_a_signature_from_elsewhere(
    node: Running, desk: Console
) -> None:
    folder = StateFolder(node.root)
    with sitting(desk, "officer", "senior") as (officer, senior):
        halt = officer.paper("/halt/order", what="model:m", reason="a drill")
        assert officer.post(f"{halt}/sign") == "/halt"
        within_two_seconds(lambda: refused(node) == "halted")
        (id_,) = node.node.registry.halts.book.halts
        assert "not for your role" in senior.post("/halt/resume", 403, reason="over", **{f"halt-{id_}": "1"})
        assert "choose which halts" in officer.post("/halt/resume", 409, reason="over")
        end = officer.paper("/halt/resume", reason="over", **{f"halt-{id_}": "1"})
        assert officer.post(f"{end}/sign") == end
        assert refused(node) == "halted"  # one party alone
        shown = re.findall("<textarea id=.statement.[^>]*>(.*?)</textarea>", officer.get(end), re.DOTALL)[0]
        envelope = shown.replace("&#34;", '"').encode()
        official = load_key(folder.key("customer-official"))
        assert officer.post(f"{end}/sign", 409, envelope="{}")
        signed = add_signature(envelope, RESUMPTION_TYPE, official)
        assert officer.post(f"{end}/sign", envelope=signed.decode()) == "/halt"
        within_two_seconds(lambda: refused(node) == "")
        assert "Nothing is halted" in officer.get("/halt")


def test_an_official_appeals_and_who_decided_is_not_asked_again(node: Running, desk: Console) -> None:
    with pytest.raises(openai.PermissionDeniedError) as held:
        node.ask(HELD)
    hold = hold_of(held.value)
    with sitting(desk, "official", "officer", "r1", "r3", "s1") as (official, officer, first, third, senior):
        assert "have not denied it" in official.post("/appeals/file", 409, about=hold, reason="look again")
        empty_the_desk(node)  # the first two deny it
        assert "Appeal a denied hold" not in officer.get("/appeals")
        appeal = official.paper("/appeals/file", about=hold, reason="look <b>again</b>")
        assert "is not asked to" in officer.post(f"{appeal}/sign", 409)
        assert official.post(f"{appeal}/sign") == "/appeals"
        page = officer.get("/appeals")
        assert hold[:17] in page
        assert 'class="chip open">open' in page
        until(senior.claims)  # once the gateway has opened the case of the appeal
        [case] = set(re.findall(r'href="(/case/[^"#?]+)', senior.get("/queue")))
        page = senior.get(case)
        assert re.search(rf"This is an appeal: [\w-]+ appealed what was decided of <code>{hold}</code> on \d", page)
        assert "They say: <q>look &lt;b&gt;again&lt;/b&gt;</q>" in page
        assert "Nothing waits for you now." in third.post("/queue/claim", 409)  # who decides no appeal
        assert "Nothing waits for you now." in first.post("/queue/claim", 409)


def test_what_an_application_asks_is_shown_to_the_official_alone_as_text_and_filed(
    node: Running, desk: Console
) -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": RL1}]}
    with pytest.raises(openai.PermissionDeniedError) as denied, node.client() as client:
        client.chat.completions.create(**request)  # type: ignore[call-overload]
    with node.client() as client:
        wish = appeal(client, denied.value, "<script>look</script> again", **request)["id"]
    with sitting(desk, "official", "officer") as (official, officer):
        assert wish[:17] not in officer.get("/appeals")
        page = official.get("/appeals")
        assert wish[:17] in page
        assert "&lt;script&gt;look" in page
        assert "nobody has wished" in official.post("/appeals/file", 409, about="wish_none", reason="as they say")
        paper = official.paper("/appeals/file", about=wish, reason="as they say")
        assert official.post(f"{paper}/sign") == "/appeals"
        assert wish[:17] not in official.get("/appeals")
    until(lambda: bool(node.node.registry.reviewing.appeals))
    (filed,) = node.node.registry.reviewing.appeals
    assert (filed.appeal.wish, filed.appeal.about) == (wish, exchange_of(denied.value))


def statement_on(page: str) -> bytes:
    """The statement of a paper, as somebody takes it away."""
    shown: str = re.findall("<textarea id=.statement.[^>]*>(.*?)</textarea>", page, re.DOTALL)[0]
    return shown.replace("&#34;", '"').encode()


def test_two_who_take_a_paper_away_at_once_both_count_when_they_bring_it_back(node: Running, desk: Console) -> None:
    folder = StateFolder(node.root)
    with sitting(desk, "officer", "officer2") as (first, second):
        suspended = first.paper("/standing/order", unit="unit-1", happened="suspension ordered", reason="no cure")
        first.post(f"{suspended}/sign")
        order = first.paper("/standing/order", unit="unit-1", happened="terminated", reason="material breach")
        taken = statement_on(first.get(order))  # before anybody has signed it
        one, two = (add_signature(taken, ORDER_TYPE, load_key(folder.key(name))) for name in (OFFICER, OTHER_OFFICER))
        assert first.post(f"{order}/sign", envelope=one.decode()) == order
        assert second.post(f"{order}/sign", envelope=two.decode()) == "/standing"
    within_two_seconds(lambda: node.node.registry.standings.book.of("unit-1").standing is Standing.TERMINATED)


def test_two_who_sign_at_the_same_moment_both_count(
    node: Running, desk: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_came, looked, looked_up = threading.Event(), Papers.of, Reader.__call__

    def of(papers: Papers, name: str, now: int) -> Paper:
        came.append(name)
        if len(came) == 2:
            both_came.set()
        return looked(papers, name, now)

    async def read(reader: Reader, work: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        """Signing begins when the other one has the same paper. Waiting in the reader's one thread would keep that one
        out, whose session is looked up there.
        """
        if work is sign:
            await asyncio.wait_for(asyncio.to_thread(both_came.wait, 300), 330)
            assert both_came.is_set()
        return await looked_up(reader, work, *args, **named)

    with sitting(desk, "officer", "officer2") as (first, second):
        suspended = first.paper("/standing/order", unit="unit-1", happened="suspension ordered", reason="no cure")
        first.post(f"{suspended}/sign")
        order = first.paper("/standing/order", unit="unit-1", happened="terminated", reason="material breach")
        came: list[str] = []
        monkeypatch.setattr(Papers, "of", of)
        monkeypatch.setattr(Reader, "__call__", read)
        with ThreadPoolExecutor(2) as threads:
            ends = [threads.submit(each.post, f"{order}/sign") for each in (first, second)]
            assert sorted(each.result(60) for each in ends) == [order, "/standing"]
    within_two_seconds(lambda: node.node.registry.standings.book.of("unit-1").standing is Standing.TERMINATED)


def test_a_halt_that_was_signed_while_the_log_was_away_is_put_on_record_later(
    node: Running, desk: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sitting(desk, "officer") as (officer,):
        halt = officer.paper("/halt/order", what="installation:", reason="a drill")
        with monkeypatch.context() as away:
            away.setattr(standing_pages, "log", _away)
            assert "disk is full" in officer.post(f"{halt}/sign", 409)
        assert refused(node) == ""
        assert "Put it on record" in officer.get(halt)
        assert officer.post(f"{halt}/sign") == "/halt"
    within_two_seconds(lambda: refused(node) == "halted")


def _away(_books: Books, _paper: Paper) -> None:
    raise EvidenceUnavailable("the disk is full")
