# SPDX-License-Identifier: Apache-2.0
"""Envoy AI Gateway's resources: routes by model, service backends, their addresses, and in which Secret a key lies.

Rules match the header ``x-ai-eg-model``, which that gateway fills with the model of the request. A Secret is never
read: the name of a variable is made from the name of the Secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.shell.importing import reasons
from brightline.shell.importing.documents import Value, items, mapping, seconds, text
from brightline.shell.importing.plan import Draft, Plan, Server, base_url, open_secrets, variable_for

KIND: Final = "envoy"
GROUP: Final = "aigateway.envoyproxy.io/"
MODEL_HEADER: Final = "x-ai-eg-model"
_SILENT: Final = frozenset(
    ["Gateway", "GatewayClass", "EnvoyProxy", "Secret", "ConfigMap", "Namespace", "Deployment", "Service", "Pod"]
)
"""Kinds that say nothing of models; they stay where they are."""

Resource = Mapping[str, Value]


class _Found(msgspec.Struct, frozen=True):
    """Resources by kind and name."""

    by_kind: dict[str, dict[str, Resource]]

    def spec(self, kind: str, name: str) -> Mapping[str, Value]:
        return mapping(self.by_kind.get(kind, {}).get(name, {}).get("spec"))

    def names(self, kind: str) -> list[str]:
        return list(self.by_kind.get(kind, {}))


def is_envoy(documents: list[Value]) -> bool:
    """Whether any resource is of Envoy AI Gateway's group."""
    return any(text(mapping(each).get("apiVersion")).startswith(GROUP) for each in _flat(documents))


def _flat(documents: list[Value]) -> list[Value]:
    """Resources, those in a Kubernetes List too."""
    return [
        each
        for document in documents
        for each in (items(mapping(document).get("items")) if mapping(document).get("kind") == "List" else [document])
    ]


def read_envoy(documents: list[Value], addresses: Mapping[str, str]) -> Plan:
    """Read it. ``addresses`` are not needed: addresses stand in the resources."""
    draft = Draft(KIND)
    found = _Found({})
    for document in _flat(documents):
        resource = mapping(document)
        kind, name = text(resource.get("kind")), text(mapping(resource.get("metadata")).get("name"))
        if kind == "Secret":
            if _holds_something(resource):
                draft.secret(f"Secret {name}")
        else:
            for place in open_secrets(mapping(resource.get("spec"))):
                if not place.endswith(("secretRef", "name")):
                    draft.secret(f"{kind} {name}.{place}")
        if name in found.by_kind.setdefault(kind, {}):
            draft.left(f"{kind} {name}", "there are two of this name; the first was read")
        found.by_kind[kind].setdefault(name, resource)
    for route in found.names("AIGatewayRoute"):
        _route(route, found, draft)
    for kind in found.by_kind:
        if kind in reasons.ENVOY_KINDS:
            for name in found.names(kind):
                draft.left(f"{kind} {name}", reasons.ENVOY_KINDS[kind])
        elif kind not in _SILENT and kind not in _READ:
            for name in found.names(kind):
                draft.left(f"{kind or 'a document'} {name}", "nothing here is known by this name")
    return draft.plan()


_READ: Final = frozenset(
    {"AIGatewayRoute", "AIServiceBackend", "BackendSecurityPolicy", "Backend", "BackendTLSPolicy"}
)


def _route(name: str, found: _Found, draft: Draft) -> None:
    spec, where = found.spec("AIGatewayRoute", name), f"AIGatewayRoute {name}"
    draft.rest(where, spec, frozenset({"rules"}), reasons.ENVOY_ROUTE)
    for i, each in enumerate(items(spec.get("rules"))):
        rule, place = mapping(each), f"{where}.rules[{i}]"
        draft.rest(place, rule, frozenset({"matches", "backendRefs", "timeouts"}), reasons.ENVOY_RULE)
        models = _models(place, rule, draft)
        total = seconds(mapping(rule.get("timeouts")).get("request"))
        for j, ref in enumerate(items(rule.get("backendRefs"))):
            _backend(f"{place}.backendRefs[{j}]", mapping(ref), models, total, found, draft)


def _models(where: str, rule: Mapping[str, Value], draft: Draft) -> list[str]:
    """The models that a rule is for: exact values of the model header."""
    models = []
    for i, match in enumerate(items(rule.get("matches"))):
        headers = [mapping(header) for header in items(mapping(match).get("headers"))]
        of_model = [header for header in headers if text(header.get("name")).lower() == MODEL_HEADER]
        if len(headers) != len(of_model):
            draft.left(f"{where}.matches[{i}]", "no header of a caller chooses a server; the model alone does")
        elif len(of_model) == 1 and text(of_model[0].get("type")) in {"", "Exact"}:
            models.append(text(of_model[0].get("value")))
        else:
            draft.left(f"{where}.matches[{i}]", "each model is admitted by its own name; no pattern and no default")
    if not items(rule.get("matches")):
        draft.left(where, "each model is admitted by its own name; no pattern and no default")
    return [model for model in models if model]


def _backend(
    where: str, ref: Mapping[str, Value], models: list[str], total: float, found: _Found, draft: Draft
) -> None:
    name = text(ref.get("name"))
    named = f"{where} ({name})"
    draft.rest(where, ref, frozenset({"name", "priority", "modelNameOverride", "namespace"}), reasons.ENVOY_REF)
    if ref.get("priority") not in (None, 0):
        draft.left(named, f"a server for when the first fails: {reasons.NO_RETRY}")
        return
    spec = found.spec("AIServiceBackend", name)
    if not spec:
        draft.left(named, "no AIServiceBackend of this name is in the file")
        return
    draft.rest(
        f"AIServiceBackend {name}",
        spec,
        frozenset({"schema", "backendRef", "backendSecurityPolicyRef"}),
        reasons.ENVOY_BACKEND,
    )
    schema = mapping(spec.get("schema"))
    prefix = (text(schema.get("prefix")) or text(schema.get("version")) or "v1").strip("/")
    if text(schema.get("name")) != "OpenAI":
        draft.left(named, f"its API is {text(schema.get('name'))[:40]}; here servers speak OpenAI's Chat Completions")
        return
    backend = text(mapping(spec.get("backendRef")).get("name"))
    key_env = _key(name, spec, found, draft)
    override = text(ref.get("modelNameOverride"))
    for url in _urls(named, backend, found, draft):
        base, wrong = base_url(f"{url}/{prefix}")
        if wrong:
            draft.left(named, wrong)
            continue
        for model in models:
            draft.model(f"{named} for {model}", model, override or model, Server(base, key_env, total_seconds=total))


def _urls(where: str, backend: str, found: _Found, draft: Draft) -> list[str]:
    spec = found.spec("Backend", backend)
    if not spec:
        draft.left(where, f"no Backend {backend} is in the file, so its address is not known")
        return []
    scheme = "https" if any(_is_for(found.spec("BackendTLSPolicy", tls), backend) for tls in _tls(found)) else "http"
    for tls in _tls(found):
        policy = found.spec("BackendTLSPolicy", tls)
        if _is_for(policy, backend) and items(mapping(policy.get("validation")).get("caCertificateRefs")):
            draft.left(
                f"BackendTLSPolicy {tls}.validation.caCertificateRefs",
                "write these certificates into a file and name it as `roots` of the server",
            )
    urls = []
    for endpoint in items(spec.get("endpoints")):
        for kind, host in (("fqdn", "hostname"), ("ip", "address")):
            at = mapping(mapping(endpoint).get(kind))
            port = at.get("port")
            if text(at.get(host)) and isinstance(port, int):
                usual = port == (443 if scheme == "https" else 80)
                urls.append(f"{scheme}://{text(at.get(host))}" + ("" if usual else f":{port}"))
    if not urls:
        draft.left(where, f"Backend {backend} has no endpoint with a host and a port")
    return urls


def _tls(found: _Found) -> list[str]:
    return found.names("BackendTLSPolicy")


def _is_for(policy: Mapping[str, Value], name: str) -> bool:
    return any(text(mapping(target).get("name")) == name for target in items(policy.get("targetRefs")))


def _holds_something(secret: Resource) -> bool:
    return bool(mapping(secret.get("stringData")) or mapping(secret.get("data")))


def _key(backend: str, spec: Mapping[str, Value], found: _Found, draft: Draft) -> str:
    """The variable of the key of a backend's server; what it is called is made from its Secret's name."""
    stated = text(mapping(spec.get("backendSecurityPolicyRef")).get("name"))
    for name in found.names("BackendSecurityPolicy"):
        policy = found.spec("BackendSecurityPolicy", name)
        if name != stated and not _is_for(policy, backend):
            continue
        if text(policy.get("type")) != "APIKey":
            draft.left(
                f"BackendSecurityPolicy {name}",
                f"{text(policy.get('type'))[:40]}: a server is shown one key, from the environment; nothing is signed",
            )
            return ""
        secret = text(mapping(mapping(policy.get("apiKey")).get("secretRef")).get("name"))
        made = variable_for(secret or name)
        if _holds_something(found.by_kind.get("Secret", {}).get(secret, {})):
            draft.secret(f"Secret {secret}", made)
        else:
            draft.note(f"put the key of Secret {secret or name} into the environment as {made}")
        return made
    return ""
