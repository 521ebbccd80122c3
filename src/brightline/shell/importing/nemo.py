# SPDX-License-Identifier: Apache-2.0
"""NeMo Guardrails' ``config.yml``: the main model and its server. Its rails are named one by one, and stay behind.

A rail there is a step that a configuration puts in or leaves out. Here what is judged is signed, so nothing of a rail
is carried over; ``brightline observe`` shows what the signed agreement would have said of the same traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brightline.shell.importing import reasons
from brightline.shell.importing.documents import Value, items, mapping, seconds, text
from brightline.shell.importing.plan import (
    Draft,
    Plan,
    Server,
    base_url,
    looks_secret,
    open_secrets,
    referenced,
    variable,
)
from brightline.shell.importing.providers import ANOTHER_API, PROVIDERS, Provider

KIND: Final = "nemo"
_MODEL: Final = frozenset({"type", "engine", "model", "parameters", "api_key_env_var", "mode"})
_PARAMETERS: Final = frozenset(
    {"base_url", "openai_api_base", "api_base", "model_name", "model", "api_key", "openai_api_key", "timeout"}
    | {"request_timeout"}
)
_KEYS: Final = ("api_key", "openai_api_key")


def is_nemo(documents: list[Value]) -> bool:
    """Whether this is one."""
    config = mapping(documents[0]) if len(documents) == 1 else {}
    engines = any("engine" in mapping(model) for model in items(config.get("models")))
    return engines or "rails" in config or "colang_version" in config


def read_nemo(documents: list[Value], addresses: Mapping[str, str]) -> Plan:
    """Read it. ``addresses`` are not needed: an address stands in the file, or is the provider's."""
    config = mapping(documents[0])
    draft = Draft(KIND)
    for place in open_secrets(config):
        draft.secret(place)
    for i, model in enumerate(items(config.get("models"))):
        _model(f"models[{i}]", mapping(model), draft)
    for name, rails in mapping(config.get("rails")).items():
        _rails(f"rails.{name}", name, mapping(rails), draft)
    draft.rest("", config, frozenset({"models", "rails"}), reasons.NEMO)
    return draft.plan()


def _model(where: str, model: Mapping[str, Value], draft: Draft) -> None:
    kind, engine = text(model.get("type")), text(model.get("engine"))
    parameters = mapping(model.get("parameters"))
    name = text(model.get("model")) or text(parameters.get("model_name")) or text(parameters.get("model"))
    named = f"{where} ({name or kind})"
    if kind != "main":
        draft.left(named, f"type {kind[:40]}: no model judges here but the detectors that the signed release pins")
        return
    provider = PROVIDERS.get(engine)
    if provider is None:
        draft.left(named, f"engine {engine[:40]}: {ANOTHER_API}")
        return
    if not name:
        draft.left(named, "a model needs a name")
        return
    if text(model.get("mode")) == "text" or (name.endswith("-instruct") and engine == "openai"):
        draft.note(f"{named}: see that its server has Chat Completions; plain completions are not served here")
    said = (parameters.get(place) for place in ("base_url", "openai_api_base", "api_base"))
    address = next((text(each) for each in said if text(each)), "")
    url, wrong = base_url(address) if address else (provider.url, "" if provider.url else "it has no base_url")
    if wrong:
        draft.left(named, wrong)
        return
    draft.rest(where, model, _MODEL, {"cache": reasons.NO_CACHE})
    draft.rest(f"{where}.parameters", parameters, _PARAMETERS, reasons.PARAMS)
    total = seconds(parameters.get("timeout")) or seconds(parameters.get("request_timeout"))
    key_env = _key(where, model, parameters, provider, url, draft)
    draft.model(named, name, name, Server(url, key_env, total_seconds=total))


def _key(
    where: str,
    model: Mapping[str, Value],
    parameters: Mapping[str, Value],
    provider: Provider,
    url: str,
    draft: Draft,
) -> str:
    stated = text(model.get("api_key_env_var"))
    if name := variable(stated) or referenced(stated):
        return name
    if stated:  # whatever else stands there may be the key itself
        name = draft.variable_of(url, stated)
        draft.secret(f"{where}.api_key_env_var", name)
        return name
    for place in _KEYS:
        said = parameters.get(place)
        if name := referenced(text(said)):
            return name
        if said is not None and looks_secret("api_key", str(said)):
            name = draft.variable_of(url, str(said))
            draft.secret(f"{where}.parameters.{place}", name)
            return name
    if provider.key_env and url == provider.url:
        draft.note(f"{where}: no api_key_env_var; the provider's own {provider.key_env} is taken")
        return provider.key_env
    return ""


def _rails(where: str, name: str, rails: Mapping[str, Value], draft: Draft) -> None:
    why = reasons.RAILS.get(name, "nothing here is known by this name")
    flows = items(rails.get("flows"))
    for i, flow in enumerate(flows):
        draft.left(f"{where}.flows[{i}] ({text(flow)[:80]})", why)
    for other, value in rails.items():
        if other == "streaming" and mapping(value).get("stream_first") is not False:
            draft.left(f"{where}.streaming", "nothing streams before it was judged; the hold-back is the release's")
        elif other == "parallel":
            draft.left(f"{where}.parallel", "detectors always run at once")
        elif other != "flows":
            draft.left(f"{where}.{other}", why)
    if not rails:
        draft.left(where, why)
