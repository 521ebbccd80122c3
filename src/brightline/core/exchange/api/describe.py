# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description of what the gateway serves (OpenAPI Specification 3.1), made of the table of APIs.

Requests are described by the very types that read them, so a field that is not in the description is refused. What a
type cannot say (ranges, which members belong together) is refused with 400 and its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from brightline.core.errors import BrightlineError, CallerError, Refusal, Unavailable, UpstreamFailed
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import APIS

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param", "brightline"],
            "additionalProperties": False,
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "brightline": {
                    "type": "object",
                    "description": "The next step, and, once an agreement decided: verdict, clauses, receipt.",
                    "required": ["next_step"],
                    "properties": {"next_step": {"type": "string"}, "exchange": {"type": "string"}},
                },
            },
        }
    },
}
_MODELS: Final = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"const": "list"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "object", "created", "owned_by"],
                "properties": {
                    "id": {"type": "string"},
                    "object": {"const": "model"},
                    "created": {"type": "integer"},
                    "owned_by": {"type": "string"},
                },
            },
        },
    },
}
_HEALTH: Final = {
    "type": "object",
    "required": ["status", "missing"],
    "properties": {
        "status": {"enum": ["ok", "refusing"]},
        "missing": {"type": "array", "items": {"type": "string"}},
    },
}
_HOLD: Final = {
    "type": "object",
    "required": ["id", "object", "status", "expires_at", "keeps_answer", "next_step"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "hold"},
        "status": {"enum": ["open", "released", "denied", "expired", "used"]},
        "expires_at": {"type": "integer", "description": "Until when people have, in Unix seconds."},
        "released_until": {"type": "integer", "description": "Of a released hold, in Unix seconds."},
        "keeps_answer": {"type": "boolean", "description": "Whether a whole answer is kept, to be given out once."},
        "next_step": {"type": "string"},
    },
}
_HOLDS: Final = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"const": "list"},
        "data": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/hold"}},
    },
}
_APPEAL: Final = {
    "type": "object",
    "required": ["id", "object", "about", "status", "asked_at", "next_step"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "appeal"},
        "about": {"type": "string", "description": "The hold, or the exchange."},
        "status": {"enum": ["asked", "open", "upheld", "rejected", "expired"]},
        "asked_at": {"type": "integer", "description": "In Unix seconds."},
        "next_step": {"type": "string"},
    },
}
_APPEALS: Final = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"const": "list"},
        "data": {"type": "array", "maxItems": 1, "items": {"$ref": "#/components/schemas/appeal"}},
    },
}
_APPEALS_OF: Final = (("holds", "hold", "a hold that people denied"), ("exchanges", "exchange", "a refused exchange"))
_EVENT: Final = {
    "type": "object",
    "description": "One server-sent event. Its data is JSON, but for the end marker of a chat completion.",
    "required": ["data"],
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
}


def description(version: str) -> dict[str, Any]:
    """The whole description, as a JSON value; ``version`` is the program's."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"error": _ERROR, "models": _MODELS, "health": _HEALTH, "event": _EVENT}
    schemas |= {"hold": _HOLD, "holds": _HOLDS, "appeal": _APPEAL, "appeals": _APPEALS}
    for api in APIS:
        reference, components = _request(api)
        schemas |= components
        schemas[f"{api.NAME}.answer"] = api.ANSWER
        paths[api.ROUTE] = {"post": _operation(api, reference)}
    failed = _errors()
    paths["/v1/models"] = {
        "get": {
            "operationId": "models",
            "summary": "The models that are admitted here.",
            "responses": {"200": _json("The models.", "models"), **_some(failed, 401, 403, 503)},
        }
    }
    paths["/v1/holds"] = {
        "get": {
            "operationId": "holds",
            "summary": "The holds of this workload: what waits for it first, then what waits for people.",
            "responses": {"200": _json("The holds.", "holds"), **_some(failed, 401)},
        }
    }
    paths["/v1/holds/{hold}"] = {
        "get": {
            "operationId": "hold",
            "summary": "How a hold of this workload stands.",
            "parameters": [
                {"name": "hold", "in": "path", "required": True, "schema": {"type": "string"}},
                {
                    "name": "prefer",
                    "in": "header",
                    "description": "`wait=N`: answer once people have decided, or after N seconds (at most 60).",
                    "schema": {"type": "string", "examples": ["wait=60"]},
                },
            ],
            "responses": {"200": _json("The hold.", "hold"), **_some(failed, 401, 404, 429)},
        }
    }
    for where, name, of in _APPEALS_OF:
        paths[f"/v1/{where}/{{{name}}}/appeals"] = _appealing(name, of, failed)
    for path, summary in (("/livez", "Whether the process runs."), ("/readyz", "Whether it serves.")):
        answers = {"200": _json("Yes.", "health")}
        if path == "/readyz":
            answers["503"] = _json("No, and what is missing.", "health")
        paths[path] = {
            "get": {"operationId": path.strip("/"), "summary": summary, "security": [], "responses": answers}
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Brightline", "version": version, "license": {"name": "Apache-2.0"}},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A workload's key."}},
            "schemas": schemas,
        },
    }


def _appealing(name: str, of: str, failed: dict[str, Any]) -> dict[str, Any]:
    """What is served of appeals: asking the official for one, and how it stands."""
    reason: dict[str, Any] = {"reason": {"type": "string", "minLength": 1, "maxLength": 4000}}
    request = {"request": {"type": "object", "description": "The body that was refused, again."}}
    asked = {
        "type": "object",
        "additionalProperties": False,
        "required": ["reason", *(request if name == "exchange" else ())],
        "properties": reason | (request if name == "exchange" else {}),
    }
    return {
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}],
        "get": {
            "operationId": f"appeals_of_{name}",
            "summary": f"How an appeal against {of} stands, if this workload asked for one.",
            "responses": {"200": _json("None, or one.", "appeals"), **_some(failed, 401)},
        },
        "post": {
            "operationId": f"appeal_{name}",
            "summary": f"Ask the official of this workload to appeal {of}.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
            "responses": {
                "200": _json("How it stands.", "appeal"),
                **_some(failed, 400, 401, 403, 404, 408, 413, 415, 429, 503),
            },
        },
    }


def _operation(api: Api, reference: dict[str, Any]) -> dict[str, Any]:
    answer = _json("The answer, whole or, with `stream`, as events.", f"{api.NAME}.answer")
    if "stream" in api.REQUEST.__struct_fields__:
        answer["content"]["text/event-stream"] = {"schema": {"$ref": "#/components/schemas/event"}}
    answer["headers"] = {
        "x-request-id": {"description": "The id of the exchange.", "schema": {"type": "string"}},
        "x-brightline-receipt": {"description": "The receipt of a whole answer.", "schema": {"type": "string"}},
    }
    return {
        "operationId": api.NAME,
        "summary": (api.__doc__ or "").split(":")[0],
        "parameters": [
            {
                "name": "x-brightline-hold",
                "in": "header",
                "description": "A hold that people have released, of this very request: come back for it.",
                "schema": {"type": "string", "pattern": "^hold_[0-9a-f]{24}$"},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}},
        "responses": {"200": answer, **_errors()},
    }


def _request(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    """The reference to the type of a request, and the types that it uses, under names of this API's own."""
    prefix = f"{api.NAME}."
    schemas, components = msgspec.json.schema_components(
        [api.REQUEST], ref_template=f"#/components/schemas/{prefix}{{name}}"
    )
    # The types are private to their modules; their titles say the same again.
    told = json.loads(json.dumps([schemas[0], components]).replace(f"{prefix}_", prefix))
    reference, known = told
    for schema in known.values():
        schema.pop("title", None)
    return reference, {f"{prefix}{name.lstrip('_')}": schema for name, schema in known.items()}


def _json(what: str, schema: str) -> dict[str, Any]:
    return {
        "description": what,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _errors() -> dict[str, Any]:
    """Every status that a caller may be told, with the codes that come under it."""
    codes: dict[int, set[str]] = {500: {BrightlineError.code}}
    for error in _told(CallerError, Refusal, Unavailable, UpstreamFailed):
        codes.setdefault(error.status, set()).add(error.code)
    return {
        str(status): _json(", ".join(f"`{code}`" for code in sorted(codes[status])), "error")
        for status in sorted(codes)
    }


def _some(answers: dict[str, Any], *statuses: int) -> dict[str, Any]:
    return {str(status): answers[str(status)] for status in statuses}


def _told(*errors: type[BrightlineError]) -> Iterator[type[BrightlineError]]:
    for error in errors:
        yield error
        yield from _told(*error.__subclasses__())
