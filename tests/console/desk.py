# SPDX-License-Identifier: Apache-2.0
"""A console beside a running node, with a way in that tests choose: a cookie that names a person."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from click.testing import CliRunner
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from brightline.console.books import Books
from brightline.console.serve import serving_console
from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.review.case import CaseState
from brightline.core.review.decision import Answer
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import sign_and_log
from brightline.shell.review.desk import Desk
from brightline.shell.serve import bind
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from tests.harness import Loop, Running

FIRST, SECOND, THIRD = (f"provider-cleared-reviewer-{n}" for n in (1, 2, 3))
OFFICER, OTHER_OFFICER = "provider-officer", "provider-officer-2"
COOKIE = "desk"
QUEUE = '[review]\nqueue_url = "sqlite:///queue.sqlite"\n'
FOR_EVER = 2**40


class Someone(msgspec.Struct, frozen=True):
    """A session."""

    person: str
    office: str
    roles: tuple[Role, ...]
    until: int = FOR_EVER
    clearance: Clearance = Clearance()


class ChosenIdentity:
    """Whoever asks ``/as/NAME`` has that person's session; a test ends it by taking the name off ``people``."""

    def __init__(self, people: dict[str, Someone]) -> None:
        self.people = people
        self._names: dict[str, str] = {}

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return (Route("/as/{name}", self._come), Route("/login", self._login), Route("/logout", self._login))

    async def _come(self, request: Request) -> Response:
        value = secrets.token_hex(8)
        self._names[value] = request.path_params["name"]
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, value, httponly=True, samesite="strict")
        return answer

    async def _login(self, request: Request) -> Response:
        return PlainTextResponse("who are you?")

    async def person(self, request: Request) -> Someone | None:
        return self.people.get(self._names.get(request.cookies.get(COOKIE, ""), ""))


SENIORS: Final = ("provider-cleared-senior-1", "provider-cleared-senior-2")


def people() -> dict[str, Someone]:
    """Three reviewers, seniors, officers, an auditor, somebody of another office, and somebody without a role."""
    reviewers = {
        f"r{n}": Someone(name, "provider_cleared", (Role.REVIEWER,))
        for n, name in enumerate((FIRST, SECOND, THIRD), 1)
    }
    return reviewers | {
        "senior": Someone(THIRD, "provider_cleared", (Role.REVIEWER, Role.SENIOR_REVIEWER)),
        "s1": Someone(SENIORS[0], "provider_cleared", (Role.SENIOR_REVIEWER,)),
        "customer": Someone("customer-decider-reviewer-1", "customer_decider", (Role.REVIEWER,)),
        "officer": Someone(OFFICER, "provider", (Role.OFFICER,)),
        "officer2": Someone(OTHER_OFFICER, "provider", (Role.OFFICER,)),
        "official": Someone("customer-official", "customer", (Role.OFFICER,)),
        "auditor": Someone("auditor-1", "auditor", (Role.AUDITOR,)),
        "nobody": Someone("nobody", "none", ()),
    }


def empty_the_desk(node: Running) -> None:
    """Deny whatever is still open, so that the next claim is of the next test's hold."""
    clock = SystemClock()
    with in_force(node.root, clock) as (settings, registry):
        for opened in Desk(node.root, registry.decisions.docket).cases():
            answers = tuple(
                Answer(question.subject, question.name, "yes", "the test is over")
                for question in opened.case.questions
                if question.subject is Subject.FACT
            )
            for person in (FIRST, SECOND, THIRD, *SENIORS):
                if opened.tried.state(clock.unix()) is not CaseState.OPEN:
                    break
                key = load_key(StateFolder(node.root).key(person))
                with contextlib.suppress(TrustError):
                    sign_and_log(
                        node.root,
                        settings,
                        "development",
                        registry.decisions,
                        opened.case,
                        person,
                        answers,
                        key,
                        clock,
                    )
                registry.refresh()


class Console:
    """Where it is, and who may come."""

    def __init__(self, url: str, identity: ChosenIdentity) -> None:
        self.url = url
        self.identity = identity


@contextmanager
def console(root: Path, loop: Loop) -> Iterator[Console]:
    """A console that serves until the block ends."""
    stack = AsyncExitStack()
    identity = ChosenIdentity(people())

    def chosen(_books: Books) -> ChosenIdentity:
        return identity

    CliRunner().invoke(brightline, ["review", "migrate", str(root)], catch_exceptions=False)

    async def open_() -> str:
        return await stack.enter_async_context(serving_console(root, bind("127.0.0.1", 0), chosen))

    try:
        yield Console(loop.call(open_()), identity)
    finally:
        loop.call(stack.aclose())
