# SPDX-License-Identifier: Apache-2.0
"""LiteLLM's ``config.yaml``: models with their servers, keys by the name of their variable, deadlines.

A LiteLLM deployment is one server of a model here; deployments of one name share the load. What moves a request to
another model or server after it was sent, caches an answer, or makes a check depend on a caller or a switch, stays
behind, by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brightline.core.exchange.api.table import ENDPOINTS
from brightline.shell.importing import reasons
from brightline.shell.importing.documents import Value, items, mapping, seconds, text
from brightline.shell.importing.plan import (
    Draft,
    Plan,
    Server,
    base_url,
    looks_secret,
    names_of,
    open_secrets,
    referenced,
)
from brightline.shell.importing.providers import ANOTHER_API, OTHERS, PROVIDERS, Provider

KIND: Final = "litellm"
_DEPLOYMENT: Final = frozenset({"model_name", "litellm_params", "model_info"})
_PARAMS: Final = frozenset(
    {"model", "api_base", "base_url", "api_key", "timeout", "stream_timeout", "custom_llm_provider"}
    | {"max_parallel_requests"}
)
_SECTIONS: Final = frozenset(
    {"model_list", "litellm_settings", "router_settings", "general_settings", "environment_variables", "guardrails"}
)
_MODES: Final = {"embedding": "embeddings", "chat": "chat.completions", "responses": "responses", "": "models"}

_NO_WORDS: Final = ("dall-e", "gpt-image", "whisper", "tts-", "sora")


def is_litellm(documents: list[Value]) -> bool:
    """Whether this is one."""
    return len(documents) == 1 and "model_list" in mapping(documents[0])


def read_litellm(documents: list[Value], addresses: Mapping[str, str]) -> Plan:
    """Read it. ``addresses`` are values of environment variables that hold a URL."""
    config = mapping(documents[0])
    draft = Draft(KIND)
    for place in open_secrets(config):
        draft.secret(place)
    defaults = _defaults(config)
    for i, deployment in enumerate(items(config.get("model_list"))):
        _deployment(f"model_list[{i}]", mapping(deployment), defaults, addresses, draft)
    _aliases(mapping(mapping(config.get("router_settings")).get("model_group_alias")), draft)
    _settings(config, draft)
    return draft.plan()


def _defaults(config: Mapping[str, Value]) -> Server:
    """What is said of all servers."""
    router, module = mapping(config.get("router_settings")), mapping(config.get("litellm_settings"))
    general = mapping(config.get("general_settings"))
    return Server(
        url="",
        probe_path="probe" if general.get("background_health_checks") is True else "",
        first_byte_seconds=seconds(router.get("stream_timeout")),
        total_seconds=seconds(router.get("timeout")) or seconds(module.get("request_timeout")),
    )


def _deployment(
    where: str, deployment: Mapping[str, Value], defaults: Server, addresses: Mapping[str, str], draft: Draft
) -> None:
    params = mapping(deployment.get("litellm_params"))
    name, said = text(deployment.get("model_name")), text(params.get("model"))
    draft.rest(where, deployment, _DEPLOYMENT, {})
    mode = text(mapping(deployment.get("model_info")).get("mode"))
    if not name or not said:
        draft.left(where, "a model needs a name, and a name at its server")
    elif "*" in name or "*" in said:
        draft.left(
            f"{where} ({name})", "each model is admitted by its own name; a pattern admits what nobody looked at"
        )
    elif _MODES.get(mode, mode) not in ENDPOINTS or said.rpartition("/")[2].startswith(_NO_WORDS):
        draft.left(f"{where} ({name})", f"models for {mode or 'images, sound or film'} have no API here")
    else:
        provider, upstream_model = _provider(said, text(params.get("custom_llm_provider")))
        server = _server(f"{where} ({name})", where, provider, params, defaults, addresses, draft)
        if server is not None:
            draft.rest(f"{where}.litellm_params", params, _PARAMS, reasons.PARAMS)
            draft.model(f"{where} ({name})", name, upstream_model, server)


def _provider(said: str, stated: str) -> tuple[str, str]:
    """The provider and the model's name there. A name without a provider is OpenAI's."""
    first, slash, rest = said.partition("/")
    if stated:
        return stated, rest if slash and first == stated else said
    if slash and (first in PROVIDERS or first in OTHERS):
        return first, rest
    return "openai", said


def _server(
    named: str,
    where: str,
    provider: str,
    params: Mapping[str, Value],
    defaults: Server,
    addresses: Mapping[str, str],
    draft: Draft,
) -> Server | None:
    known = PROVIDERS.get(provider)
    if known is None:
        draft.left(named, f"provider {provider[:40]}: {ANOTHER_API}")
        return None
    address = text(params.get("api_base")) or text(params.get("base_url"))
    if address.startswith("os.environ/"):
        held = address.removeprefix("os.environ/")
        address = addresses.get(held, "")
        if not address:
            draft.left(named, f"its address lies in the variable {held[:100]}; say it with --address {held[:100]}=URL")
            return None
    url, wrong = base_url(address) if address else (known.url, "" if known.url else "it has no api_base")
    if wrong:
        draft.left(named, wrong)
        return None
    if address and not address.rstrip("/").endswith(("/v1", "/chat/completions")):
        draft.note(
            f"{named}: its api_base has no /v1, and here /v1 is always asked; see that the server answers there"
        )
    limit = params.get("max_parallel_requests")
    return Server(
        url=url,
        key_env=_key(where, params.get("api_key"), known, url, draft),
        probe_path=known.probe_path if defaults.probe_path else "",
        first_byte_seconds=seconds(params.get("stream_timeout")) or defaults.first_byte_seconds,
        total_seconds=seconds(params.get("timeout")) or defaults.total_seconds,
        connections_max=limit if isinstance(limit, int) and 1 <= limit <= 10_000 else 0,
    )


def _key(where: str, said: Value, known: Provider, url: str, draft: Draft) -> str:
    """The variable of the key. A key in the clear is not copied: its place is named, and a variable for it."""
    place = f"{where}.litellm_params.api_key"
    if said is None:
        if known.key_env and url == known.url:
            draft.note(f"{where}: no api_key; the provider's own {known.key_env} is taken")
            return known.key_env
        return ""
    if name := referenced(text(said)):
        return name
    if text(said).startswith("os.environ/"):
        draft.left(place, "this is no name of an environment variable")
        return ""
    if not looks_secret("api_key", str(said)):
        return ""
    name = draft.variable_of(url, str(said))
    draft.secret(place, name)
    return name


def _aliases(aliases: Mapping[str, Value], draft: Draft) -> None:
    for alias, said in aliases.items():
        model = draft.served(text(said))
        if model is None:
            draft.left(f"router_settings.model_group_alias.{alias}", "the model that it stands for is not there")
        else:
            draft.also(alias, model)


def _settings(config: Mapping[str, Value], draft: Draft) -> None:
    draft.rest("", config, _SECTIONS, reasons.SECTIONS)
    router = mapping(config.get("router_settings"))
    taken = frozenset({"timeout", "stream_timeout", "model_group_alias"})
    draft.rest("router_settings", router, taken, reasons.ROUTER)
    module = mapping(config.get("litellm_settings"))
    draft.rest("litellm_settings", module, frozenset({"request_timeout"}), reasons.MODULE)
    general = mapping(config.get("general_settings"))
    draft.rest("general_settings", general, frozenset({"background_health_checks"}), reasons.GENERAL)
    for name in mapping(config.get("environment_variables")):
        draft.left(f"environment_variables.{name}", "set it in the environment of the process, if it is needed at all")
    for i, guardrail in enumerate(items(config.get("guardrails"))):
        _guardrail(f"guardrails[{i}]", mapping(guardrail), draft)


def _guardrail(where: str, guardrail: Mapping[str, Value], draft: Draft) -> None:
    named = f"{where} ({text(guardrail.get('guardrail_name'))[:60] or 'without a name'})"
    params = mapping(guardrail.get("litellm_params"))
    kind = text(params.get("guardrail"))[:60]
    draft.left(named, f"{kind or 'a guardrail'}: what is judged, and how, lies in the signed agreement and release")
    mode = params.get("mode")
    if mode is not None:
        said = text(mode) or names_of(mode)
        draft.left(
            f"{named}.mode",
            f"{said[:80]}: request and answer are always judged, before they go on; there is no mode to choose",
        )
    if "default_on" in params:
        draft.left(
            f"{named}.default_on", "every check is on for everybody; nobody asks for it, and nobody leaves it out"
        )
