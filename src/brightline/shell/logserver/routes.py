# SPDX-License-Identifier: Apache-2.0
"""Which paths there are, and nothing else: the path of a request, as it came over the wire, becomes one of these.

A path is served if it is written in the one canonical way. Nothing is decoded, joined or normalised, so there is no
second spelling of anything: a percent sign, a dot segment or a doubled slash is no path of ours.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from brightline.core.evidence.period import path_of
from brightline.core.evidence.proof import SUFFIX
from brightline.core.evidence.proving import CHECKPOINT
from brightline.core.evidence.tile import COSIGNED, TileError, parse_tile_path

PATH_BYTES_MAX: Final = 512
TEXT: Final = "text/plain; charset=utf-8"
BYTES: Final = "application/octet-stream"
JSON: Final = "application/json"
FRESH: Final = "no-store"
FOR_EVER: Final = "public, max-age=31536000, immutable"

_SHARD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_PERIOD: Final = re.compile(r"periods/(0|[1-9][0-9]{0,17})-([1-9][0-9]{0,17})\.json")
# What changes is fetched anew; a statement or a tile, partial ones too, never changes once it is there.
_SMALL: Final = {CHECKPOINT: TEXT, COSIGNED: TEXT, "log.vkey": TEXT}


class Front(msgspec.Struct, frozen=True):
    """``/``: the logs that are served."""


class LogPage(msgspec.Struct, frozen=True):
    """``/<shard>/``: one log to look at."""

    shard: str


class ToLogPage(msgspec.Struct, frozen=True):
    """``/<shard>``: the same without its slash."""

    shard: str


class RecordPage(msgspec.Struct, frozen=True):
    """``/<shard>/record/<index>``: one record to look at."""

    shard: str
    index: int


class ProofFile(msgspec.Struct, frozen=True):
    """``/<shard>/proof/<index>.tlog-proof``: made when it is asked for."""

    shard: str
    index: int


class LogFile(msgspec.Struct, frozen=True):
    """A file of the log: ``path`` is below the shard's folder."""

    shard: str
    path: str
    content_type: str
    cache: str


Route = Front | LogPage | ToLogPage | RecordPage | ProofFile | LogFile


def is_shard_name(name: str) -> bool:
    """Whether a folder of this name is served."""
    return _SHARD.fullmatch(name) is not None


def route(raw_path: bytes) -> Route | None:
    """What is asked for; ``None`` for everything that is not served. ``raw_path`` is undecoded, without its query."""
    if len(raw_path) > PATH_BYTES_MAX or not raw_path.isascii():
        return None
    path = raw_path.decode("ascii")
    if path == "/":
        return Front()
    shard, slash, below = path.removeprefix("/").partition("/")
    if not path.startswith("/") or not is_shard_name(shard):
        return None
    if not below:
        return LogPage(shard) if slash else ToLogPage(shard)
    folder, _, name = below.partition("/")
    match folder:
        case "record" if _INDEX.fullmatch(name):
            return RecordPage(shard, int(name))
        case "proof" if name.endswith(SUFFIX) and _INDEX.fullmatch(name.removesuffix(SUFFIX)):
            return ProofFile(shard, int(name.removesuffix(SUFFIX)))
    return _file(shard, below)


def _file(shard: str, path: str) -> LogFile | None:
    if path in _SMALL:
        return LogFile(shard, path, _SMALL[path], FRESH)
    if (found := _PERIOD.fullmatch(path)) and path == path_of(int(found[1]), int(found[2])):
        return LogFile(shard, path, JSON, FOR_EVER)
    try:
        parse_tile_path(path)
    except TileError:
        return None
    return LogFile(shard, path, BYTES, FOR_EVER)
