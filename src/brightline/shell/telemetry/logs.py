# SPDX-License-Identifier: Apache-2.0
"""Our log lines: one line each, as text or as one JSON object, never with content, a secret, or more than one line.

What a caller sent reaches a message only in the few places that quote it shortened and escaped (``!r``). Tracebacks
are written without the values of variables; what an exception says is cut and stays on its line.
"""

from __future__ import annotations

import enum
import json
import logging
import sys
import time
import traceback
from typing import Final

MESSAGE_CHARS_MAX: Final = 2_000


class LogFormat(enum.StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class OneLine(logging.Formatter):
    """A record as one line of text."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        parts = [_time(record), record.levelname, _escaped(record.getMessage())]
        if failure := _failure(record):
            parts.append(failure)
        return " ".join(parts)


class JsonLine(logging.Formatter):
    """A record as one JSON object on a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _escaped(record.getMessage()),
        }
        if failure := _failure(record):
            line["failure"] = failure
        return json.dumps(line, ensure_ascii=False)


def write_logs(form: LogFormat) -> None:
    """Send every log line of this process to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if form is LogFormat.JSON else OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


def _escaped(message: str) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    cut = message if len(message) <= MESSAGE_CHARS_MAX else message[:MESSAGE_CHARS_MAX] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)


def _failure(record: logging.LogRecord) -> str:
    """Where an exception was raised, innermost last, and its type; what it says may be content and stays out."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}"
