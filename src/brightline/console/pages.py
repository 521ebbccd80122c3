# SPDX-License-Identifier: Apache-2.0
"""The pages: an engine that escapes everything, what templates may ask, and the few files that pages load.

A page carries no script and no style of its own; its two scripts and its sheet are files, named by their digest, so
that they may be kept for ever and nothing else of the console is.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from brightline import __version__
from brightline.console.law import span
from brightline.console.person import Person, token_for
from brightline.console.queue import SEVERITIES, STATES
from brightline.core.agreement.aloud import plain
from brightline.core.review.roles import May, may
from brightline.pages import PALETTE, environment
from brightline.terminal import minute

FOR_EVER: Final = "public, max-age=31536000, immutable"
PLACES: Final = (
    ("/queue", "Queue", May.SEE_QUEUE),
    ("/figures", "Figures", May.READ_FIGURES),
    ("/patterns", "Patterns", May.READ_FIGURES),
    ("/standing", "Standing", May.READ_RECORDS),
    ("/appeals", "Appeals", May.READ_RECORDS),
    ("/halt", "Halt", May.HALT),
)
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


class File(msgspec.Struct, frozen=True):
    """A file that pages load: its name with a digest in it, its type, its bytes, and the same packed (RFC 1952).

    These files hold nobody's words, so that packing them tells nobody anything; pages are never packed.
    """

    name: str
    media_type: str
    body: bytes
    packed: bytes


def _file(name: str, body: bytes) -> File:
    stem, _, kind = name.rpartition(".")
    return File(
        f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{kind}", _TYPES[kind], body, gzip.compress(body, 9, mtime=0)
    )


class Pages:
    """Renders templates for a person, and serves the files that they load."""

    def __init__(self, key: bytes, profile: str, clock_unix: Any) -> None:
        self._key = key
        self._profile = profile
        self._now = clock_unix
        here = files("brightline.console")
        sheet = files("brightline").joinpath(PALETTE).read_bytes() + here.joinpath("static/console.css").read_bytes()
        loaded = {"console.css": sheet}
        for name in ("console.js", "htmx.min.js", "mark.svg"):
            loaded[name] = here.joinpath("static", name).read_bytes()
        self._files = {name: _file(name, body) for name, body in loaded.items()}
        self._by_name = {file.name: file for file in self._files.values()}
        self._environment = environment("brightline.console")
        self._environment.globals.update(version=__version__, file=self._address, span=span, May=May, places=PLACES)
        self._environment.globals.update(states=STATES, severities=SEVERITIES)
        self._environment.filters.update(
            clock=_clock, sentence=_sentence, day=_day, time=_time, stamp=_stamp, short=_short, plain=plain
        )

    @property
    def engine(self) -> Environment:
        """For those who add filters of their own."""
        return self._environment

    def render(
        self, request: Request, template: str, person: Person | None, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page, or a piece of one."""
        token = token_for(self._key, person) if person is not None else ""

        def allowed(act: May) -> bool:
            return person is not None and may(person.roles, act)

        shared = {
            "person": person,
            "token": token,
            "profile": self._profile,
            "now": self._now(),
            "at": request.url.path,
            "allowed": allowed,
        }
        html = self._environment.get_template(template).render({**shared, **values})
        return HTMLResponse(html, status)

    async def static(self, request: Request) -> Response:
        """One of the files, by its name."""
        file = self._by_name.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("there is no such file\n", 404)
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in {each.strip() for each in request.headers.get("accept-encoding", "").split(",")}:
            return Response(file.packed, media_type=file.media_type, headers={**headers, "content-encoding": "gzip"})
        return Response(file.body, media_type=file.media_type, headers=headers)

    def _address(self, name: str) -> str:
        return f"/static/{self._files[name].name}"


def _time(unix: int) -> str:
    return minute(unix) if unix else "–"


def _clock(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M UTC")


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d") if unix else "–"


def _stamp(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sentence(words: str) -> str:
    """Words as they begin a sentence."""
    return words[:1].upper() + words[1:]


def _short(digest: str) -> str:
    """A digest as people compare it: its first twelve hex digits."""
    algorithm, _, value = digest.rpartition(":")
    return f"{algorithm}:{value[:12]}…" if algorithm else f"{value[:12]}…"
