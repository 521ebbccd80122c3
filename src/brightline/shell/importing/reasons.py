# SPDX-License-Identifier: Apache-2.0
"""Why what stays behind stays behind: the names that other gateways' files use, each with its reason.

A name that ends in ``*`` stands for all that begin so; the first that fits counts.
"""

from __future__ import annotations

from typing import Final

NO_RETRY: Final = (
    "a request of which a byte may have been sent is never sent again, and never to another: the record of what was "
    "sent would be wrong, and it may have been answered"
)
NO_CACHE: Final = "no answer is given twice: each has its own verdict, under the agreement that is in force then"
NO_SWITCH: Final = "screening has no switch: what is judged lies in the signed agreement and release"
_LOAD: Final = "of several servers alike the least loaded that is well is asked; nothing is to be chosen"
_QUOTA: Final = (
    "quotas belong to workloads and units: --requests-per-minute, --tokens-per-minute, --unit-requests-per-minute and "
    "--unit-tokens-per-minute of `brightline workload add`"
)
_STATE: Final = "there is no database or store beside the log; the log is the register"
_KEYS: Final = "each workload has a key of its own, made by `brightline workload add`; there is no key for everything"
_LOGS: Final = "the log, metrics and traces are always there and hold no content; see docs for shipping them"
_DEFAULT: Final = "a default would change what the caller asked for; send it in the request"
_PRICE: Final = "prices are not kept here; tokens are in the metrics"
_HEADERS: Final = "no header is added or passed on"
_FIELDS: Final = "a field that is not carried is refused by its name, and never dropped in silence"
_PROVIDER: Final = "it is for another API than Chat Completions"
_HEALTH: Final = "a server that fails rests by itself, longer each time; probe_path asks whether it is well"
_ALLOW: Final = "nobody is let past what is judged; there is no list for it"
_ROUTES: Final = "only the APIs that are screened are served; nothing is passed through"

PARAMS: Final[dict[str, str]] = {
    "rpm": _QUOTA,
    "tpm": _QUOTA,
    "weight": _LOAD,
    "order": _LOAD,
    "max_retries": NO_RETRY,
    "num_retries": NO_RETRY,
    "fallbacks": NO_RETRY,
    "context_window_fallback*": NO_RETRY,
    "mock_*": "answers come from models",
    "cache*": NO_CACHE,
    "caching*": NO_CACHE,
    "guardrails": NO_SWITCH,
    "drop_params": _FIELDS,
    "additional_drop_params": _FIELDS,
    "allowed_openai_params": _FIELDS,
    "temperature": _DEFAULT,
    "top_p": _DEFAULT,
    "max_tokens": _DEFAULT,
    "max_completion_tokens": _DEFAULT,
    "seed": _DEFAULT,
    "stop": _DEFAULT,
    "frequency_penalty": _DEFAULT,
    "presence_penalty": _DEFAULT,
    "response_format": _DEFAULT,
    "reasoning_effort": _DEFAULT,
    "thinking": _DEFAULT,
    "extra_body": _DEFAULT,
    "initial_prompt_value": _DEFAULT,
    "prompt_*": _DEFAULT,
    "system_prompt": _DEFAULT,
    "input_cost*": _PRICE,
    "output_cost*": _PRICE,
    "max_budget": _PRICE,
    "budget_duration": _PRICE,
    "extra_headers": _HEADERS,
    "headers": _HEADERS,
    "organization": _HEADERS,
    "api_version": _PROVIDER,
    "aws_*": _PROVIDER,
    "azure_*": _PROVIDER,
    "vertex_*": _PROVIDER,
    "region_name": _PROVIDER,
    "tags": _LOAD,
    "ssl_verify": "certificates are always checked; `roots` names the only roots that are believed",
}

ROUTER: Final[dict[str, str]] = {
    "routing_strategy*": _LOAD,
    "optional_pre_call_checks": _LOAD,
    "enable_pre_call_checks": _LOAD,
    "enable_tag_filtering": _LOAD,
    "fallbacks": NO_RETRY,
    "default_fallbacks": NO_RETRY,
    "content_policy_fallbacks": "what is denied for one model is denied for all; it is not tried at another",
    "context_window_fallbacks": NO_RETRY,
    "max_fallbacks": NO_RETRY,
    "num_retries": NO_RETRY,
    "retry_*": NO_RETRY,
    "model_group_retry_policy": NO_RETRY,
    "allowed_fails*": _HEALTH,
    "cooldown_time": _HEALTH,
    "disable_cooldowns": _HEALTH,
    "redis_*": _STATE,
    "cache_*": NO_CACHE,
    "caching_groups": NO_CACHE,
    "set_verbose": _LOGS,
    "debug_level": _LOGS,
    "provider_budget_config": _PRICE,
}

MODULE: Final[dict[str, str]] = {
    "fallbacks": NO_RETRY,
    "default_fallbacks": NO_RETRY,
    "context_window_fallbacks": NO_RETRY,
    "content_policy_fallbacks": ROUTER["content_policy_fallbacks"],
    "num_retries": NO_RETRY,
    "allowed_fails": _HEALTH,
    "cache*": NO_CACHE,
    "enable_caching*": NO_CACHE,
    "callbacks": _LOGS,
    "success_callback": _LOGS,
    "failure_callback": _LOGS,
    "service_callback*": _LOGS,
    "audit_log_callbacks": _LOGS,
    "turn_off_message_logging": _LOGS,
    "redact_*": _LOGS,
    "set_verbose": _LOGS,
    "json_logs": 'telemetry.log_format = "json" does this',
    "telemetry": "nothing is reported to anybody",
    "langfuse*": _LOGS,
    "otel": "telemetry.traces names an OTLP endpoint",
    "drop_params": _FIELDS,
    "modify_params": _FIELDS,
    "guardrails": NO_SWITCH,
    "banned_keywords_list": NO_SWITCH,
    "blocked_user_list": _ALLOW,
    "max_budget": _PRICE,
    "budget_duration": _PRICE,
    "default_team_settings": _KEYS,
    "max_internal_user_budget": _PRICE,
    "ssl_verify": PARAMS["ssl_verify"],
    "forward_traceparent*": _HEADERS,
    "mcp_*": _ROUTES,
}

GENERAL: Final[dict[str, str]] = {
    "master_key": _KEYS,
    "proxy_admin_email": _KEYS,
    "custom_auth": _KEYS,
    "custom_key_generate": _KEYS,
    "enable_jwt_auth": _KEYS,
    "litellm_jwtauth": _KEYS,
    "allow_client_side_credentials": _KEYS,
    "enable_oauth2*": _KEYS,
    "key_management_*": "a key comes from the environment (key_env)",
    "use_azure_key_vault": "a key comes from the environment (key_env)",
    "use_google_kms": "a key comes from the environment (key_env)",
    "database_*": _STATE,
    "store_*": _STATE,
    "disable_*": _STATE,
    "supported_db_objects": _STATE,
    "proxy_*": _STATE,
    "alert*": "rules for alerts belong to Prometheus, from the metrics",
    "slack*": "rules for alerts belong to Prometheus, from the metrics",
    "infer_model_from_keys": "each model is admitted by its own name",
    "completion_model": "a request names its model",
    "max_parallel_requests": "listen.exchanges_max bounds what is under way at once",
    "global_max_parallel_requests": "listen.exchanges_max bounds what is under way at once",
    "max_request_size_mb": "a registration states --request-bytes-max for its workload",
    "max_response_size_mb": "an answer is bounded by --output-tokens-max of its workload",
    "allowed_ips": _ALLOW,
    "allowed_routes": _ROUTES,
    "admin_only_routes": _ROUTES,
    "public_routes": _ROUTES,
    "pass_through_endpoints": _ROUTES,
    "forward_client_headers*": _HEADERS,
    "use_x_forwarded_for": _HEADERS,
    "health_check*": _HEALTH,
    "enforce_user_param": "a workload is known by its key",
    "user_header*": "a workload is known by its key",
    "otel": "telemetry.traces names an OTLP endpoint",
}

SECTIONS: Final[dict[str, str]] = {
    "include": "other files are not followed; import each",
    "callback_settings": _LOGS,
    "files_settings": _ROUTES,
    "finetune_settings": _ROUTES,
    "assistant_settings": _ROUTES,
    "vector_store_registry": _ROUTES,
    "mcp_*": _ROUTES,
    "credential_list": "a key comes from the environment (key_env)",
    "prompts": _DEFAULT,
    "search_tools": _ROUTES,
    "policies": NO_SWITCH,
    "policy_attachments": NO_SWITCH,
}

NEMO: Final[dict[str, str]] = {
    "instructions": "no words are added to what a caller asks; the application sends its own system message",
    "sample_conversation": "no words are added to what a caller asks",
    "prompts": "no model is asked to judge by a prompt; detectors and their measured misses lie in the signed release",
    "lowest_temperature": _DEFAULT,
    "colang_version": "there is no dialogue engine: one request, one answer, both judged",
    "actions_server_url": "no other service is called in the course of an exchange",
    "enable_multi_step_generation": "there is no dialogue engine: one request, one answer, both judged",
    "enable_rails_exceptions": "a refusal is always an HTTP error, and never an answer in the model's voice",
    "passthrough": "what is sent to the model is always what was asked, and nothing more",
    "knowledge_base": "retrieval belongs to the application; what it finds is judged as part of the request",
    "core": "there is no dialogue engine: one request, one answer, both judged",
    "docs": "retrieval belongs to the application; what it finds is judged as part of the request",
    "tracing": "telemetry.traces names an OTLP endpoint; no trace holds content",
    "streaming": "a caller asks with `stream`; what leaves was judged, so there is no stream_first",
    "import_paths": "other files are not followed",
    "bot": "no words are added to what a caller asks",
    "user_messages": "there is no dialogue engine: one request, one answer, both judged",
    "bot_messages": "a refusal is always an HTTP error, and never an answer in the model's voice",
    "custom_data": "nothing here runs code of a configuration",
    "event_source_uid": "there is no dialogue engine: one request, one answer, both judged",
}

RAILS: Final[dict[str, str]] = {
    "input": "every request is judged, by the signed agreement and release",
    "output": "every answer is judged before it leaves, also while it streams",
    "retrieval": "what an application retrieved is part of its request, and judged there",
    "dialog": "there is no dialogue engine: one request, one answer, both judged",
    "execution": "tools run at the caller; their calls and results are judged",
    "actions": "nothing here runs code of a configuration",
    "tool_input": "results of tools are part of the request, and judged there",
    "tool_output": "calls of tools are judged before they leave",
    "config": "thresholds lie in the signed release",
}

ENVOY_ROUTE: Final[dict[str, str]] = {
    "parentRefs": "`listen` is the one listener; a gateway in front may stay as it is",
    "targetRefs": "`listen` is the one listener; a gateway in front may stay as it is",
    "schema": "callers speak OpenAI's API",
    "llmRequestCosts": _QUOTA,
    "filterConfig": "there is one process, and its settings are in one file",
    "hostnames": "`listen` is the one listener; a gateway in front may stay as it is",
}

ENVOY_RULE: Final[dict[str, str]] = {
    "modelsOwnedBy": "what is told of a model is ours",
    "modelsCreatedAt": "what is told of a model is ours",
    "name": "rules have no names here",
}

ENVOY_REF: Final[dict[str, str]] = {
    "weight": _LOAD,
    "headerMutation": _HEADERS,
    "bodyMutation": "what is sent is what was judged; nothing changes it afterwards",
}

ENVOY_BACKEND: Final[dict[str, str]] = {
    "headerMutation": _HEADERS,
    "bodyMutation": ENVOY_REF["bodyMutation"],
    "timeouts": "the times of a rule are taken",
}

ENVOY_KINDS: Final[dict[str, str]] = {
    "BackendTrafficPolicy": f"retries, ejection and rate limits: {NO_RETRY}; {_HEALTH}; {_QUOTA}",
    "ClientTrafficPolicy": "the listener has deadlines of its own, in `listen`",
    "SecurityPolicy": _KEYS,
    "QuotaPolicy": _QUOTA,
    "EnvoyExtensionPolicy": "nothing runs between judging and sending",
    "EnvoyPatchPolicy": "nothing runs between judging and sending",
    "GatewayConfig": "there is one process, and its settings are in one file",
    "InferencePool": "name its servers one by one, with same_as; a picker that is asked for each request is not here",
    "MCPRoute": _ROUTES,
    "HTTPRoute": _ROUTES,
}
