# SPDX-License-Identifier: Apache-2.0
"""What an import comes to: models and their servers in our words, what is left and why, secrets that lie open.

No value that could be a secret is ever in a plan: a key is the name of an environment variable, and what is left is
named by its place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from brightline.shell.importing.documents import Value, items, mapping, text

LEFT_MAX: Final = 2_000
# A secret of letters alone could be the name of a variable. One that reads like a name has words, or says what it is.
_VARIABLE: Final = re.compile(
    r"\A(?=.{1,60}\Z)([A-Z][A-Z0-9]{0,19}(_[A-Z0-9]{1,20})+|[A-Z]{0,15}(KEY|TOKEN|SECRET))\Z"
)
_REFERENCE: Final = re.compile(
    r"\A(?:os\.environ/([A-Za-z_][A-Za-z0-9_]{0,99})|\$([A-Za-z_][A-Za-z0-9_]{0,99})|\$\{([A-Za-z_][A-Za-z0-9_]{0,99})\})\Z"
)
_SECRET_NAME: Final = re.compile(
    r"(^|[_.-])(api_?key|key|token|secret|password|passwd|credential|credentials|access_key_id)$|_key$|apikey$", re.I
)
_NO_SECRET: Final = frozenset({"", "empty", "none", "null", "no-key", "os.environ"})
_SECRET_VALUE: Final = re.compile(r"\A(sk-|Bearer |hf_|gsk_|AKIA|xox)|://[^/\s:@]*:[^/\s@]+@")


class Server(msgspec.Struct, frozen=True):
    """One model server: ``url`` without /v1; times in seconds, 0 where nothing was said."""

    url: str
    key_env: str = ""
    probe_path: str = ""
    first_byte_seconds: float = 0.0
    total_seconds: float = 0.0
    connections_max: int = 0


class Model(msgspec.Struct, frozen=True):
    """A model that callers name, as its servers know it, and those servers: the load is shared among them."""

    name: str
    upstream_model: str
    servers: tuple[Server, ...]


class Left(msgspec.Struct, frozen=True):
    """Something that is not carried over: its place in the file, and why."""

    where: str
    why: str


class Open(msgspec.Struct, frozen=True):
    """A secret that lies in the file in the clear; it was not copied. ``key_env`` is where to put it, if anywhere."""

    where: str
    key_env: str = ""


class Plan(msgspec.Struct, frozen=True):
    """All of it. ``notes`` say what to look at."""

    kind: str
    models: tuple[Model, ...]
    left: tuple[Left, ...]
    secrets: tuple[Open, ...]
    notes: tuple[str, ...]


class Draft:
    """A plan while it is being read."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._models: dict[str, Model] = {}
        self._left: dict[str, str] = {}
        self._secrets: dict[str, str] = {}
        self._notes: dict[str, None] = {}
        self._variables: dict[tuple[str, bytes], str] = {}

    def variable_of(self, url: str, secret: str) -> str:
        """A variable for a secret in the clear: one for each server and secret. Only its hash is kept, for now."""
        host = url.partition("://")[2]
        key = (host, hashlib.sha256(secret.encode()).digest())
        if key not in self._variables:
            number = sum(known == host for known, _ in self._variables) + 1
            self._variables[key] = variable_for(f"{host}_API_KEY" + (f"_{number}" if number > 1 else ""))
        return self._variables[key]

    def model(self, where: str, name: str, upstream_model: str, server: Server) -> None:
        """A model and a server of it; a second server of the same model shares its load."""
        known = self._models.get(name)
        if known is None:
            self._models[name] = Model(name, upstream_model, (server,))
        elif known.upstream_model != upstream_model:
            self.left(where, "one model has one name at its servers here; give this one a model name of its own")
        elif server in known.servers:
            self.note(f"{where}: the same server again; it is named once")
        else:
            self._models[name] = msgspec.structs.replace(known, servers=(*known.servers, server))

    def served(self, name: str) -> Model | None:
        """A model that was found so far."""
        return self._models.get(name)

    def also(self, name: str, model: Model) -> None:
        """Another name for a model."""
        self._models.setdefault(name, msgspec.structs.replace(model, name=name))

    def left(self, where: str, why: str) -> None:
        """Something is not carried over."""
        if len(self._left) < LEFT_MAX:
            self._left.setdefault(where, why)

    def secret(self, where: str, key_env: str = "") -> None:
        """A secret lies in the clear."""
        self._secrets[where] = key_env or self._secrets.get(where, "")

    def note(self, says: str) -> None:
        """Something to look at."""
        self._notes.setdefault(says)

    def rest(self, where: str, values: Mapping[str, Value], known: frozenset[str], why: Mapping[str, str]) -> None:
        """Name whatever of a mapping nobody took. A reason whose name ends in ``*`` is for all that begin so."""
        for name in values:
            if name not in known:
                self.left(f"{where}.{name}" if where else name, _reason(name, why))

    def plan(self) -> Plan:
        """What it came to."""
        return Plan(
            self._kind,
            tuple(self._models.values()),
            tuple(Left(*row) for row in self._left.items()),
            tuple(Open(*row) for row in self._secrets.items()),
            tuple(self._notes),
        )


def _reason(name: str, why: Mapping[str, str]) -> str:
    if name in why:
        return why[name]
    for known, reason in why.items():
        if known.endswith("*") and name.startswith(known[:-1]):
            return reason
    return "nothing here is known by this name"


def open_secrets(value: Value, where: str = "") -> Iterator[str]:
    """The places of whatever looks like a secret in the clear: by its name, or by its shape. Yields no value."""
    children = (
        [(f"{where}.{name}" if where else name, name, child) for name, child in value.items()]
        if isinstance(value, dict)
        else [(f"{where}[{i}]", "", child) for i, child in enumerate(items(value))]
    )
    for place, name, child in children:
        if isinstance(child, dict | list):
            yield from open_secrets(child, place)
        elif (said := text(child)) and looks_secret(name, said):
            yield place


def looks_secret(name: str, said: str) -> bool:
    """Whether a text under this name is a secret, and neither a reference to one nor a word for none."""
    if said.lower() in _NO_SECRET or said.startswith("os.environ/") or referenced(said):
        return False
    return bool(_SECRET_VALUE.search(said) or _SECRET_NAME.search(name))


def referenced(said: str) -> str:
    """The environment variable that a text refers to (``os.environ/NAME``, ``$NAME``, ``${NAME}``), or nothing."""
    found = _REFERENCE.match(said)
    return next((name for name in found.groups() if name), "") if found else ""


def variable(said: str) -> str:
    """A text that reads like the name of an environment variable, and like no secret; or nothing."""
    return said if _VARIABLE.match(said) and not _SECRET_VALUE.search(said) else ""


def variable_for(said: str) -> str:
    """A name for the environment variable of something that has another name."""
    made = re.sub(r"[^A-Z0-9]+", "_", said.upper()).strip("_")[:90]
    return f"KEY_{made}" if not made or made[0].isdigit() else made


def base_url(said: str) -> tuple[str, str]:
    """A base URL without /v1, and if it cannot be used, why not. A URL with a password in it is not repeated."""
    try:
        parts = urlsplit(said)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "", "its address is no URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "", "its address is no URL of http or https"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "", "its address has more than a host and a path in it"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if path and not path.endswith("/v1"):
        return "", "its path does not end in /v1; what is asked here is always /v1/chat/completions"
    return f"{parts.scheme}://{host}{port}{path.removesuffix('/v1')}", ""


def names_of(value: Value) -> str:
    """The names of a list of texts or of mappings with one name, for a reason; bounded."""
    said = [text(each) or ", ".join(mapping(each)) for each in items(value)[:8]]
    return ", ".join(each for each in said if each)[:200]
