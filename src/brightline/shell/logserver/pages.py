# SPDX-License-Identifier: Apache-2.0
"""The pages of a log server. They load nothing and run nothing, and what a log says is text on them, never markup.

Every text is escaped by the template engine, control and direction characters are replaced, and the policy (Content
Security Policy Level 3, section 3.3) allows one style sheet by its hash and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

import msgspec
from jinja2 import Environment

from brightline import __version__
from brightline.pages import environment, policy_of, style_of
from brightline.shell.logserver.drawing import draw, records_in_words
from brightline.shell.logserver.look import LogLook, RecordLook
from brightline.terminal import plain

STYLE: Final = "pages.css"
LOGS_SHOWN: Final = 100
_CALENDAR_END: Final = 253_402_300_799  # the last second of the year 9999


class Page(msgspec.Struct, frozen=True):
    """A page, and the policy under which it is shown."""

    html: str
    policy: str


def front(logs: Sequence[tuple[str, LogLook | None]]) -> Page:
    """The logs that are served; ``None`` for one whose checkpoint does not read."""
    return _render("front.html.j2", logs=logs)


def log(shard: str, look: LogLook, written: float, now: float) -> Page:
    """One log. ``written`` is when its checkpoint was put there, ``now`` the time, both Unix seconds."""
    return _render("log.html.j2", shard=shard, look=look, written=written, now=now)


def record(shard: str, look: RecordLook) -> Page:
    """One record, with its way to the root drawn."""
    drawing = None if look.path is None else draw(look.path)
    return _render("record.html.j2", shard=shard, look=look, drawing=drawing)


def _render(template: str, **values: object) -> Page:
    style = _style()
    policy = policy_of(style)
    html = _environment().get_template(template).render(style=style, policy=policy, version=__version__, **values)
    return Page(html, policy)


@cache
def _environment() -> Environment:
    made = environment("brightline.shell.logserver")
    made.filters["plain"] = plain
    made.filters["moment"] = moment
    made.filters["age"] = age
    made.filters["rate"] = rate
    made.filters["span"] = span
    made.globals["records_in_words"] = records_in_words
    return made


@cache
def _style() -> str:
    return style_of(_environment(), STYLE)


def moment(seconds: float) -> str:
    """A time (Unix seconds) as a date in UTC."""
    when = datetime.fromtimestamp(min(max(seconds, 0), _CALENDAR_END), UTC)
    return f"{when.day} {when:%B %Y, %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A length of time in the largest unit of which there are two."""
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {name}"
    return f"{max(seconds, 0):,.0f} {'second' if round(seconds) == 1 else 'seconds'}"


def age(seconds: float) -> str:
    """How long ago; a time to come is said to be one."""
    return f"in {span(-seconds)}, by a clock that is ahead of this one" if seconds <= -5 else f"{span(seconds)} ago"


def rate(per_minute: float) -> str:
    """Records per minute, with as many digits as mean something."""
    return f"{per_minute:,.0f}" if per_minute >= 10 else f"{per_minute:.2g}"
