# SPDX-License-Identifier: Apache-2.0
"""``brightline import`` as an engineer runs it who comes from another gateway: what maps serves, the rest is named."""

from __future__ import annotations

import contextlib
import copy
import json
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.errors import ConfigError
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.config import check_settings, load_settings
from brightline.shell.importing.envoy import read_envoy
from brightline.shell.importing.litellm import read_litellm
from brightline.shell.importing.nemo import read_nemo
from brightline.shell.importing.write import init_line, write_settings
from brightline.shell.node import Node
from brightline.shell.opening import open_agreement
from brightline.shell.serve import bind, serving
from brightline.wiring import open_node
from tests.harness import Loop, ModelServer, Running, add_workload

LITELLM = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 480
      timeout: 300
      stream_timeout: 60
  - model_name: llama
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://10.0.0.1:8000/v1", api_key: hidden-ONE}
  - model_name: llama
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://10.0.0.2:8000/v1", api_key: EMPTY}
  - model_name: llama
    litellm_params: {model: hosted_vllm/another, api_base: "http://10.0.0.3:8000/v1"}
  - model_name: alone
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://10.0.0.1:8000/v1", api_key: hidden-TWO}
  - model_name: elsewhere
    litellm_params: {model: openai/x, api_base: os.environ/WHERE}
  - model_name: claude
    litellm_params: {model: anthropic/claude, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: "openai/*"
    litellm_params: {model: "openai/*"}
  - model_name: odd
    litellm_params: {model: openai/x, api_base: "https://user:hidden-THREE@example.org/v1"}
  - model_name: painter
    litellm_params: {model: my-painter}
    model_info: {mode: image_generation}
  - model_name: speaker
    litellm_params: {model: openai/tts-1}
litellm_settings:
  fallbacks: [{gpt-4o: [llama]}]
  cache: true
  callbacks: [langfuse]
  num_retries: 3
  request_timeout: 600
  unheard_of: hidden-FOUR
router_settings: {routing_strategy: least-busy, model_group_alias: {fast: llama}}
guardrails:
  - guardrail_name: pii
    litellm_params: {guardrail: presidio, mode: [pre_call, post_call], default_on: true}
general_settings:
  master_key: hidden-FIVE
  database_url: "postgresql://u:hidden-SIX@h/db"
  background_health_checks: true
  allowed_ips: ["10.0.0.9"]
environment_variables: {REDIS_PASSWORD: hidden-SEVEN}
"""
NEMO = """\
models:
  - type: main
    engine: nim
    model: meta/llama3-8b
    parameters: {base_url: "http://localhost:7331/v1", temperature: 0, api_key: "${NIM_KEY}"}
  - {type: llama_guard, engine: vllm_openai, parameters: {openai_api_base: "http://localhost:5000/v1"}}
instructions: [{type: general, content: be nice}]
rails:
  input: {flows: [self check input, jailbreak detection heuristics]}
  output: {flows: [self check output], streaming: {enabled: true, chunk_size: 200}}
  dialog: {single_call: {enabled: true}}
streaming: true
"""
ENVOY = """\
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  llmRequestCosts: [{metadataKey: t, type: TotalToken}]
  rules:
    - matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: gpt-4o-mini}]}]
      timeouts: {request: 2m}
      backendRefs:
        - {name: openai, weight: 90}
        - {name: spare, weight: 10, modelNameOverride: gpt-4o-mini}
        - {name: last, priority: 1}
    - matches: [{headers: [{type: RegularExpression, name: x-ai-eg-model, value: ".*"}]}]
      backendRefs: [{name: bedrock}]
    - matches: [{headers: [{name: x-ai-eg-model, value: titan}]}]
      backendRefs: [{name: bedrock}]
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: openai}
spec: {schema: {name: OpenAI}, backendRef: {name: openai, kind: Backend}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: spare}
spec: {schema: {name: OpenAI, prefix: /v1}, backendRef: {name: local, kind: Backend}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: bedrock}
spec: {schema: {name: AWSBedrock}, backendRef: {name: bedrock, kind: Backend}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: key}
spec:
  targetRefs: [{kind: AIServiceBackend, name: openai}]
  type: APIKey
  apiKey: {secretRef: {name: openai-apikey}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: openai}
spec: {endpoints: [{fqdn: {hostname: api.openai.com, port: 443}}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: local}
spec: {endpoints: [{ip: {address: 10.0.0.7, port: 8000}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec: {targetRefs: [{kind: Backend, name: openai}], validation: {wellKnownCACertificates: System}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: retries}
spec: {retry: {numRetries: 5}}
---
apiVersion: v1
kind: Secret
metadata: {name: openai-apikey}
stringData: {apiKey: hidden-KEY}
"""


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, [*map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def imported(folder: Path, text: str, *more: str, code: int = 0) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What the command prints with ``--json``, the settings that it wrote, and everything that anybody could read."""
    file, out = folder / "config.yaml", folder / "brightline.toml"
    file.write_text(text)
    done = run("import", file, "--out", out, *more, "--json", code=code)
    toml = out.read_text()
    return json.loads(done.stdout), tomllib.loads(toml), done.output + toml


def why(found: dict[str, Any], place: str) -> str:
    [reason] = [left["why"] for left in found["left"] if left["where"] == place]
    return str(reason)


def test_models_servers_keys_and_deadlines_of_litellm_are_carried_over(tmp_path: Path) -> None:
    found, written, _ = imported(tmp_path, LITELLM, "--address", "WHERE=http://10.0.0.4:8000/v1", code=1)
    assert found["kind"] == "litellm"
    assert [(model["name"], model["upstream_model"], model["upstream"]) for model in found["models"]] == [
        ("gpt-4o", "gpt-4o", "api-openai-com"),
        ("llama", "meta/llama", "10-0-0-1-8000"),
        ("alone", "meta/llama", "10-0-0-1-8000-2"),
        ("elsewhere", "x", "10-0-0-4-8000"),
        ("fast", "meta/llama", "10-0-0-1-8000"),
    ]
    upstreams = written["upstream"]
    assert upstreams["api-openai-com"] == {
        "url": "https://api.openai.com",
        "key_env": "OPENAI_API_KEY",
        "first_byte_seconds": 60.0,
        "total_seconds": 300.0,
    }
    assert upstreams["10-0-0-2-8000"] == {
        "url": "http://10.0.0.2:8000",
        "same_as": "10-0-0-1-8000",
        "probe_path": "/health",
        "total_seconds": 600.0,
    }
    check_settings(written, "what was written")


def test_a_secret_is_never_copied_and_its_place_is_named(tmp_path: Path) -> None:
    found, written, everything = imported(tmp_path, LITELLM, code=1)
    assert "hidden" not in everything
    assert {secret["where"]: secret["key_env"] for secret in found["secrets"]} == {
        "model_list[1].litellm_params.api_key": "KEY_10_0_0_1_8000_API_KEY",
        "model_list[4].litellm_params.api_key": "KEY_10_0_0_1_8000_API_KEY_2",
        "model_list[8].litellm_params.api_base": "",
        "general_settings.master_key": "",
        "general_settings.database_url": "",
        "environment_variables.REDIS_PASSWORD": "",
    }
    keys = [upstream.get("key_env") for upstream in written["upstream"].values()]
    assert keys == ["OPENAI_API_KEY", "KEY_10_0_0_1_8000_API_KEY", None, "KEY_10_0_0_1_8000_API_KEY_2"]


def test_what_does_not_map_is_named_with_its_reason(tmp_path: Path) -> None:
    found, _, _ = imported(tmp_path, LITELLM, code=1)
    assert "never sent again" in why(found, "litellm_settings.fallbacks")
    assert "never sent again" in why(found, "litellm_settings.num_retries")
    assert "no answer is given twice" in why(found, "litellm_settings.cache")
    assert "hold no content" in why(found, "litellm_settings.callbacks")
    assert "no mode to choose" in why(found, "guardrails[0] (pii).mode")
    assert "pre_call, post_call" in why(found, "guardrails[0] (pii).mode")
    assert "nobody leaves it out" in why(found, "guardrails[0] (pii).default_on")
    assert "no list for it" in why(found, "general_settings.allowed_ips")
    assert "quotas belong to workloads" in why(found, "model_list[0].litellm_params.rpm")
    assert "not known" not in why(found, "model_list[6] (claude)")
    assert "each model is admitted by its own name" in why(found, "model_list[7] (openai/*)")
    assert "one name at its servers" in why(found, "model_list[3] (llama)")
    assert "--address WHERE=URL" in why(found, "model_list[5] (elsewhere)")
    assert "no API here" in why(found, "model_list[9] (painter)")
    assert "no API here" in why(found, "model_list[10] (speaker)")
    assert why(found, "litellm_settings.unheard_of") == "nothing here is known by this name"


def test_the_line_that_it_prints_makes_a_gateway_that_serves_both_models(tmp_path: Path) -> None:
    """The ten minutes: import, run the line, add a workload, serve; two servers of one model share its load."""
    loop, stack, servers = Loop(), AsyncExitStack(), [ModelServer(), ModelServer(), ModelServer()]
    try:
        for server in servers:
            loop.call(server.start(stack))
        deployments = [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}-there", "api_base": f"{server.url}/v1"}}
            for name, server in zip(("a", "a", "b"), servers, strict=True)
        ]
        found, _, _ = imported(tmp_path, json.dumps({"model_list": deployments}), "--state", str(tmp_path / "state"))
        words = shlex.split(found["init"])
        assert words[0] == "brightline"
        run(*words[1:])
        root = tmp_path / "state"
        settings = load_settings(root)
        key = add_workload(root, settings, open_agreement(settings), "tests")

        async def serve_it() -> tuple[Node, str]:
            node = await stack.enter_async_context(open_node(root, SystemClock()))
            return node, await stack.enter_async_context(serving(node.app, bind("127.0.0.1", 0), node.door))

        node, url = loop.call(serve_it())
        running = Running(loop, root, node, url, key, servers[0])
        for model in ("a", "a", "b"):
            assert running.ask(model=model).choices[0].message.content == "Fine."
    finally:
        loop.call(stack.aclose())
        loop.close()
    assert [[asked["model"] for asked in server.seen] for server in servers] == [["a-there"], ["a-there"], ["b-there"]]


def test_the_main_model_of_nemo_is_carried_over_and_each_rail_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "rails"
    folder.mkdir()
    (folder / "config.yml").write_text(NEMO)
    (folder / "rails.co").write_text("define flow x")
    done = run("import", folder, "--out", tmp_path / "out.toml", "--json")
    found = json.loads(done.stdout)
    assert found["kind"] == "nemo"
    assert [(model["name"], model["upstream"]) for model in found["models"]] == [("meta/llama3-8b", "localhost-7331")]
    assert "signed agreement" in why(found, "rails.input.flows[0] (self check input)")
    assert "judged before it leaves" in why(found, "rails.output.flows[0] (self check output)")
    assert "nothing streams before it was judged" in why(found, "rails.output.streaming")
    assert "detectors that the signed release pins" in why(found, "models[1] (llama_guard)")
    assert "send it in the request" in why(found, "models[0].parameters.temperature")
    assert why(found, "rails.co") == "other files are not read"
    assert tomllib.loads((tmp_path / "out.toml").read_text())["upstream"] == {
        "localhost-7331": {"url": "http://localhost:7331", "key_env": "NIM_KEY"}
    }


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("APIKEY", "APIKEY"),
        ("${NIM_KEY}", "NIM_KEY"),
        ("correcthorsebatterystaple", ""),
        ("CorrectHorse_Battery", ""),
        ("JBSWY3DPEHPK3PXPJBSWY3DP", ""),
        ("AKIA_ABCD_EFGH", ""),
        ("hidden two", ""),
    ],
)
def test_a_key_in_the_place_of_its_variables_name_is_never_copied(tmp_path: Path, said: str, taken: str) -> None:
    (tmp_path / "config.yml").write_text(
        f"models: [{{type: main, engine: openai, model: m, api_key_env_var: {json.dumps(said)}}}]\n"
    )
    done = run("import", tmp_path / "config.yml", "--out", tmp_path / "out.toml", "--json", code=0 if taken else 1)
    written = (tmp_path / "out.toml").read_text()
    [server] = tomllib.loads(written)["upstream"].values()
    assert server["key_env"] == (taken or "API_OPENAI_COM_API_KEY")
    if not taken:
        assert said not in written + done.stdout + done.stderr
        assert "models[0].api_key_env_var" in done.stdout


def test_routes_of_envoy_become_models_with_their_servers(tmp_path: Path) -> None:
    found, written, everything = imported(tmp_path, ENVOY, code=1)
    assert found["kind"] == "envoy"
    assert [model["name"] for model in found["models"]] == ["gpt-4o-mini"]
    assert written["upstream"] == {
        "api-openai-com": {"url": "https://api.openai.com", "key_env": "OPENAI_APIKEY", "total_seconds": 120.0},
        "10-0-0-7-8000": {"url": "http://10.0.0.7:8000", "same_as": "api-openai-com", "total_seconds": 120.0},
    }
    route = "AIGatewayRoute route"
    assert "never sent again" in why(found, f"{route}.rules[0].backendRefs[2] (last)")
    assert "least loaded" in why(found, f"{route}.rules[0].backendRefs[0].weight")
    assert "no pattern" in why(found, f"{route}.rules[1].matches[0]")
    assert "AWSBedrock" in why(found, f"{route}.rules[2].backendRefs[0] (bedrock)")
    assert "quotas belong to workloads" in why(found, f"{route}.llmRequestCosts")
    assert "never sent again" in why(found, "BackendTrafficPolicy retries")
    assert "hidden" not in everything
    assert found["secrets"] == [{"where": "Secret openai-apikey", "key_env": "OPENAI_APIKEY"}]


def test_for_people_it_is_three_tables_and_the_line_to_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(LITELLM)
    done = run("import", tmp_path / "config.yaml", "--out", tmp_path / "b.toml", code=1)
    for words in ("Carried over from litellm", "Not carried over", "Secrets in the clear", "brightline init STATE"):
        assert words in done.output
    assert "hidden" not in done.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: [x]\n", "no configuration that is known here"),
        ("", "no configuration that is known here"),
        ("model_list: []\n", "no model could be carried over"),
        ("model_list:\n- {model_name: a, litellm_params: {model: azure/b}}\n", "provider azure"),
        ("model_list: {\n", "no YAML"),
    ],
)
def test_where_nothing_maps_nothing_is_written(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    done = CliRunner().invoke(brightline, ["import", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "out.toml")])
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)
    assert not (tmp_path / "out.toml").exists()


def test_a_settings_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    imported(tmp_path, LITELLM, code=1)
    done = CliRunner().invoke(
        brightline, ["import", str(tmp_path / "config.yaml"), "--out", str(tmp_path / "brightline.toml")]
    )
    assert "is there already" in str(done.exception)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), "say by which of"),
        (("--served-by", "m=nobody"), "say by which of"),
        (("--served-by", "x=one"), "which no --model admits"),
        (("--served-by", "m=again"), "say by which of"),
        (("--served-by", "m=one", "--upstream", "http://127.0.0.1:1"), "give it alone"),
    ],
)
def test_init_with_ready_settings_wants_to_know_which_server_serves(
    tmp_path: Path, more: tuple[str, ...], says: str
) -> None:
    ready = tmp_path / "b.toml"
    ready.write_text('[upstream.one]\n[upstream.two]\n[upstream.again]\nsame_as = "one"\n')
    arguments = ["init", str(tmp_path / "state"), "--settings", str(ready), "--model", "m", *more]
    done = CliRunner().invoke(brightline, arguments)
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)
    assert not (tmp_path / "state").exists()


# ---- whatever the file says ---------------------------------------------------------------------------------------

READERS = {"litellm": (read_litellm, LITELLM), "nemo": (read_nemo, NEMO), "envoy": (read_envoy, ENVOY)}
ODD: list[Any] = [
    None,
    True,
    -1,
    7,
    1e300,
    float("nan"),
    "",
    "*",
    "x" * 300,
    "\x00",
    "os.environ/",
    "http://h:99999",
    "é/ø",
]
ODD += [
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": {}},
    {"name": []},
    ["http://h/v1"],
    "https://h/v1/?q=1",
    "http://[::1]:8000/v1",
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a document: what it stands in, and under which name or number."""
    for name, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, name
        if isinstance(child, dict | list):
            yield from places(child)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(READERS)))
def test_whatever_stands_in_any_place_of_a_file_there_is_a_plan_or_a_clear_error(
    data: st.DataObject, kind: str
) -> None:
    read, text = READERS[kind]
    documents = list(yaml.safe_load_all(text))
    for _ in range(data.draw(st.integers(1, 3))):
        inside, name = data.draw(st.sampled_from(list(places(documents))))
        inside[name] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    plan = read(documents, {})
    assert "hidden" not in str(plan)
    with contextlib.suppress(ConfigError):
        written = write_settings(plan)
        check_settings(tomllib.loads(written.toml), "what was written")
        assert all(model.name in written.served_by for model in plan.models)
        assert init_line(plan, written, "STATE", Path("b.toml"))
