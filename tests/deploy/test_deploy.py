# SPDX-License-Identifier: Apache-2.0
"""What lies in ``deploy/``: it names only commands that exist, gives away nothing, and lints where the tools are here.

No container is built here and no unit is started: both take a machine of their own.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from brightline.guard.settings import ChannelSettings, read_settings
from brightline.shell.cli.main import brightline
from brightline.shell.config import check_settings
from tests.shell.cli.in_process import run

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CHART = DEPLOY / "helm" / "brightline"
EXPOSURE_MAX = 15  # tenths, of 100; systemd calls up to 20 "OK"

HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "CapabilityBoundingSet": "",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "ProtectKernelTunables": "yes",
    "SystemCallArchitectures": "native",
}


def settings_of(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def check_command(words: list[str]) -> None:
    """Fail unless the words after ``brightline`` are a command with options that it has."""
    command: click.Command = brightline
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, words
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    assert words[: len(arguments)] == [word for word in words[: len(arguments)] if not word.startswith("-")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_each_unit_is_hardened_and_runs_a_command_that_exists(unit: Path) -> None:
    found = settings_of(unit)
    assert {name: found.get(name, ["missing"])[-1] for name in HARDENED} == HARDENED
    assert found["RestrictAddressFamilies"][0].split()[-2:] == ["AF_INET", "AF_INET6"]
    assert found.get("User", [""])[0] or found["DynamicUser"] == ["yes"]
    program, *words = shlex.split(found["ExecStart"][0])
    assert program == "/opt/brightline/bin/brightline"
    check_command(words)


def test_the_gateways_unit_waits_for_its_drain_and_every_user_is_made() -> None:
    gateway = settings_of(DEPLOY / "systemd" / "brightline-gateway.service")
    assert int(gateway["TimeoutStopSec"][0]) > check_settings({}, "").listen.drain_seconds + 15
    assert gateway["KillMode"] == ["mixed"]
    users = {user for unit in UNITS for user in settings_of(unit).get("User", [])}
    made = re.findall(r"^u (\S+)", (DEPLOY / "systemd" / "brightline.sysusers.conf").read_text("utf-8"), re.MULTILINE)
    assert set(made) == users


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/brightline/bin/brightline", "/bin/true")  # it must be there
        (tmp_path / unit.name).write_text(text)
    paths = [str(tmp_path / unit.name) for unit in UNITS]
    verified = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    for path in paths:
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", path]
        judged = subprocess.run(command, capture_output=True, text=True)
        assert judged.returncode == 0, judged.stdout[-300:]


# ---- containers ----------------------------------------------------------------------------------------------


def test_the_image_is_made_of_the_bundle_alone_and_runs_as_nobody() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    steps = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line and not line.startswith("#")]
    assert [step for step in steps if step.startswith("FROM")] == ["FROM ${BASE} AS build", "FROM ${BASE}"]
    assert "ARG LOCK=core" in steps
    assert "ARG BASE" in steps  # no default: whoever builds names a digest
    (installs,) = [step for step in steps if step.startswith("RUN")]
    assert {"--no-index", "--require-hashes", "--no-deps"} <= set(installs.split())
    (user,) = [step.split()[1] for step in steps if step.startswith("USER")]
    assert int(user.partition(":")[0]) > 0
    (entry,) = [json.loads(step.partition(" ")[2]) for step in steps if step.startswith("ENTRYPOINT")]
    (words,) = [json.loads(step.partition(" ")[2]) for step in steps if step.startswith("CMD")]
    assert entry == ["brightline"]
    check_command(words)


def test_of_the_compose_file_only_gateway_and_console_are_reachable_and_the_model_only_from_the_guard() -> None:
    compose = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service["user"].startswith("0")
        assert ":?" in service["image"]  # no default: a tag is no version
        if name != "model":
            check_command(service["command"])
    assert [name for name, service in services.items() if "ports" in service] == ["gateway", "console"]
    assert services["console"]["ports"] == ["127.0.0.1:8092:8092"]
    assert services["model"]["network_mode"] == "none"
    assert "networks" not in services["model"]
    assert services["guard"]["networks"] == ["middle"]
    assert compose["networks"]["middle"]["internal"]
    mounted = {name: dict(volume.rsplit(":", 2)[:2] for volume in each["volumes"]) for name, each in services.items()}
    beside = {name for name, volumes in mounted.items() if "socket" in volumes}
    assert beside == {"guard", "model"}
    assert "mode=0700" in compose["volumes"]["socket"]["driver_opts"]["o"]
    (started,) = services["model"]["command"]
    at = re.search(r"--host (\S+)", started)
    assert at is not None
    assert f"rm -f {at.group(1)} && " in started  # it does not start over its last one
    assert str(Path(at.group(1)).parent) == mounted["model"]["socket"] == mounted["guard"]["socket"]
    page = (ROOT / "docs" / "for-deployment-engineers.md").read_text("utf-8")
    assert f'model_socket = "{at.group(1)}"' in page


# ---- the chart -----------------------------------------------------------------------------------------------

GIVEN: dict[str, Any] = {
    "image": "registry.example/brightline@sha256:" + "0" * 64,
    "init": {"model": "m"},
    "gateway": {
        "workers": 4,
        "callers": [{"podSelector": {"matchLabels": {"app": "office"}}}],
        "monitors": [{"namespaceSelector": {}}],
        "upstreamKeySecret": "key",
        "settings": '[evidence]\norigin = "logs.example"',
    },
    "guard": {"gatewayKey": "a" * 64},
    "model": {"url": "http://model:8000", "peers": [{"podSelector": {}}]},
}


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = copy.deepcopy(base)
    for name, value in over.items():
        out[name] = merged(out[name], value) if isinstance(value, dict) else value
    return out


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents of the chart, as Go's templates make them."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed")
    templates = {path.name: path.read_text("utf-8") for path in sorted((CHART / "templates").iterdir())}
    whole = merged(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), values)
    done = subprocess.run(
        ["go", "run", str(Path(__file__).with_name("render.go"))],
        input=json.dumps({"templates": templates, "values": whole}),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ValueError(done.stderr)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def containers(documents: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each container, with the spec of its pod."""
    for document in documents:
        if document["kind"] == "StatefulSet":
            pod = document["spec"]["template"]["spec"]
            for container in (*pod["initContainers"], *pod["containers"]):
                yield pod, container


def test_the_chart_renders_pods_without_rights_settings_that_load_and_commands_that_exist() -> None:
    documents = rendered(GIVEN)
    assert sorted(document["kind"] for document in documents) == [
        "ConfigMap",
        "NetworkPolicy",
        "NetworkPolicy",
        "Service",
        "Service",
        "StatefulSet",
        "StatefulSet",
    ]
    found = list(containers(documents))
    assert len(found) == 4
    for pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container["image"] == GIVEN["image"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        words = container["args"]
        if container.get("command"):
            words = shlex.split(words[0].partition("exec brightline ")[2])
        check_command(words)
    (toml,) = [document["data"]["brightline.toml"] for document in documents if document["kind"] == "ConfigMap"]
    settings = check_settings(tomllib.loads(toml), "chart")
    assert (settings.listen.workers, settings.evidence.origin) == (4, "logs.example")
    assert settings.upstream["default"].url == "http://line-guard:8001"
    (gateway,) = [pod for pod, container in found if container["name"] == "gateway"]
    assert gateway["terminationGracePeriodSeconds"] > settings.listen.drain_seconds + 15
    mounts = [mount["mountPath"] for mount in gateway["containers"][0]["volumeMounts"]]
    assert str(Path(settings.upstream["default"].key_file).parent) in mounts


GATEWAY_ID = "spiffe://parts.example.org/gateway/one"
GUARD_ID = "spiffe://parts.example.org/guard/default"
CLOSED: dict[str, Any] = {
    **GIVEN,
    "channel": {"certificates": "issued", "gatewayIdentity": GATEWAY_ID, "guardIdentity": GUARD_ID},
    "model": {"url": "", "container": {"image": "m@sha256:" + "1" * 64, "weightsClaim": "weights"}, "peers": []},
}


def test_over_a_channel_the_chart_has_each_know_the_other_and_the_model_listens_on_a_socket_of_the_guards(
    tmp_path: Path,
) -> None:
    documents = rendered(CLOSED)
    found = list(containers(documents))
    (toml,) = [document["data"]["brightline.toml"] for document in documents if document["kind"] == "ConfigMap"]
    upstream = check_settings(tomllib.loads(toml), "chart").upstream["default"]
    assert (upstream.url, upstream.identity) == ("https://line-guard:8001", GUARD_ID)
    for component in ("gateway", "guard"):
        (pod,) = [pod for pod, container in found if container["name"] == component]
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "channel"]
        assert [item["key"] for item in volume["configMap"]["items"]] == [f"{component}.pem", "roots.pem"]
        (made,) = [each for each in pod["initContainers"] if each["name"] == "channel"]
        assert f"brightline channel request {upstream.channel} " in made["args"][0]
        check_command(["channel", "request", upstream.channel])
        (main,) = [each for each in pod["containers"] if each["name"] == component]
        assert {"name": "channel", "mountPath": "/run/channel", "readOnly": True} in main["volumeMounts"]
    (pod,) = [pod for pod, container in found if container["name"] == "guard"]
    (init,) = [each for each in pod["initContainers"] if each["name"] == "init"]
    given = {each["name"]: each["value"] for each in init["env"]}
    words = shlex.split(init["args"][0].partition("exec brightline ")[2])
    words = [given.get(word.removeprefix("$"), word) for word in words]
    run(*(str(tmp_path / "guard") if word == "/state/node" else word for word in words))
    settings = read_settings(tmp_path / "guard")
    assert settings.channel == ChannelSettings("channel", (GATEWAY_ID,))
    mounted = {each["name"]: {m["name"]: m["mountPath"] for m in each["volumeMounts"]} for each in pod["containers"]}
    assert mounted["model"]["socket"] == mounted["guard"]["socket"] == str(Path(settings.model_socket).parent)
    (model,) = [each for each in pod["containers"] if each["name"] == "model"]
    assert f"--host {settings.model_socket}" in model["args"][0]
    assert model["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "state" not in mounted["model"]
    with pytest.raises(ValueError, match=r"channel\.guardIdentity"):
        rendered(merged(CLOSED, {"channel": {"guardIdentity": ""}}))


def test_the_charts_policies_let_each_be_reached_only_by_the_one_before() -> None:
    policies = {
        document["metadata"]["name"]: document["spec"]
        for document in rendered(GIVEN)
        if document["kind"] == "NetworkPolicy"
    }
    (to_guard,) = policies["line-guard"]["ingress"]
    (peer,) = to_guard["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    callers, monitors = policies["line-gateway"]["ingress"]
    assert callers["from"] == GIVEN["gateway"]["callers"]
    assert monitors["ports"] == [{"protocol": "TCP", "port": 9464, "endPort": 9467}]
    nobody = merged(GIVEN, {"gateway": {"callers": [], "monitors": []}})
    (closed,) = [
        document["spec"]
        for document in rendered(nobody)
        if document["kind"] == "NetworkPolicy" and document["metadata"]["name"] == "line-gateway"
    ]
    assert (closed["policyTypes"], closed["ingress"]) == (["Ingress"], None)


def test_the_chart_has_no_image_model_or_key_of_its_own() -> None:
    with pytest.raises(ValueError, match="image is named by its digest"):
        rendered(merged(GIVEN, {"image": ""}))
    without_key = rendered(merged(GIVEN, {"guard": {"gatewayKey": ""}}))
    (guard,) = [
        document
        for document in without_key
        if document["kind"] == "StatefulSet" and document["metadata"]["name"] == "line-guard"
    ]
    assert guard["spec"]["replicas"] == 0


@pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not installed")
def test_helm_finds_nothing_wrong_with_the_chart(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(json.dumps(GIVEN))
    command = ["helm", "lint", "--strict", str(CHART), "--values", str(tmp_path / "values.yaml")]
    linted = subprocess.run(command, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout
