# SPDX-License-Identifier: Apache-2.0
"""The commands as a person runs them: in a process, with exit codes and two lines on stderr for what is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from brightline.core.agreement.update import UPDATE_TYPE, AgreementUpdate
from brightline.core.statement import sign_statement
from brightline.shell.trust.keys import make_key
from tests.shell.cli import in_process


def run(*arguments: str | Path, code: int = 0, before: str = "") -> subprocess.CompletedProcess[str]:
    main = f"{before}from brightline.shell.cli.main import main; main()"
    command = [sys.executable, "-c", main, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli") / "state"
    run("init", root, "--model", "m=upstream-m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    return root


ADD = ("--unit", "planning office", "--purpose", "planning", "--official", "the director", "--authority", "USC-4A")


def test_init_says_that_it_is_the_development_profile(tmp_path: Path) -> None:
    done = run("init", tmp_path / "s", "--model", "m")
    assert "development profile" in done.stdout
    assert (tmp_path / "s" / "keys" / "token").stat().st_mode & 0o077 == 0


def test_a_file_that_is_missing_or_cannot_be_written_is_two_lines_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    roles = ["root", "targets", "snapshot", "timestamp", "provider", "customer"]
    lines = [
        f'[{role}]\nthreshold = 1\ndays = 1\nkeys = [{{ holder = "{role}", public = "{number:064x}" }}]'
        for number, role in enumerate(roles)
    ]
    (tmp_path / "plan.toml").write_text("\n".join(['format = "brightline-delivery/1"', *lines]), "utf-8")
    for command in (("agreement", "sign", tmp_path), ("delivery", "begin", tmp_path / "file" / "inside")):
        more = ("--key", tmp_path / "file") if "sign" in command else (tmp_path / "plan.toml",)
        said = run(*command, *more, code=2).stderr
        assert said.startswith("brightline: ")
        assert "\n  next: " in said
        assert "Traceback" not in said


def test_signing_on_a_full_disk_leaves_what_others_signed(tmp_path: Path) -> None:
    first, second = make_key(tmp_path / "first"), tmp_path / "second"
    make_key(second)
    statement = AgreementUpdate("brightline-agreement-update/1", "a", 2, "b", "c", {}, 1)
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); "
    before = sign_statement(statement, UPDATE_TYPE, [first])
    (tmp_path / "update.json").write_bytes(before)
    said = run("agreement", "sign", tmp_path, "--key", second, code=2, before=full).stderr
    assert "cannot be written" in said
    assert (tmp_path / "update.json").read_bytes() == before
    run("agreement", "sign", tmp_path, "--key", second)
    assert len(json.loads((tmp_path / "update.json").read_bytes())["signatures"]) == 2


def test_init_does_not_touch_a_state_folder_that_is_there(state: Path) -> None:
    before = (state / "installation.json").read_bytes()
    done = run("init", state, "--model", "m", code=2)
    assert "already" in done.stderr
    assert (state / "installation.json").read_bytes() == before


def test_a_workload_is_added_listed_and_revoked(state: Path) -> None:
    added = json.loads(run("workload", "add", state, "office", *ADD, "--json").stdout)
    assert re.fullmatch(r"bl_office_[0-9a-f]{64}", added["key"])
    [row] = [row for row in json.loads(run("workload", "list", state, "--json").stdout) if row["id"] == "office"]
    assert (row["unit"], row["state"]) == ("planning office", "active")
    run("workload", "revoke", state, "office")
    [row] = [row for row in json.loads(run("workload", "list", state, "--json").stdout) if row["id"] == "office"]
    assert row["state"] == "revoked"


def test_whoever_registers_again_hears_that_the_earlier_key_is_refused_now(state: Path) -> None:
    assert "takes the place" not in in_process.run("workload", "add", state, "twice", *ADD).stdout
    assert "the key of then is refused now" in in_process.run("workload", "add", state, "twice", *ADD).stdout
    assert json.loads(in_process.run("workload", "add", state, "twice", *ADD, "--json").stdout)["replaced"] is True
    in_process.run("workload", "revoke", state, "twice")  # the key of before is refused since then
    assert json.loads(in_process.run("workload", "add", state, "twice", *ADD, "--json").stdout)["replaced"] is False


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("init", "STATE", "--model", "m"), "--upstream"),
        (("guard", "init", "STATE", "--upstream", "u", "--gateway", "00" * 32), "--model-url"),
        (("canary", "send", "FILE", "--model", "m", "--key-env", "KEY"), "--url"),
    ],
)
def test_an_address_that_ends_with_v1_is_refused_before_anything_is_asked_under_v1_v1(
    tmp_path: Path, command: tuple[str, ...], option: str
) -> None:
    (tmp_path / "canaries.json").touch()
    places = {"STATE": str(tmp_path / "state"), "FILE": str(tmp_path / "canaries.json")}
    words = [places.get(word, word) for word in command]
    for end in ("/v1", "/v1/"):
        said = in_process.run(*words, option, f"http://127.0.0.1:9{end}", code=2).stderr
        assert "without /v1" in said
    assert not (tmp_path / "state").exists()


def test_the_key_is_kept_nowhere(state: Path) -> None:
    key = json.loads(run("workload", "add", state, "secretive", *ADD, "--json").stdout)["key"]
    secret = key.rpartition("_")[2].encode()
    files = [path for path in state.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret in path.read_bytes()]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--fact", "mass_domestic=no"), "may not state mass_domestic"),
        (("--fact", "unheard_of=yes"), "does not know"),
        (("--fact", "lawful"), "NAME=VALUE"),
        (("--fact", "constrained=yes"), "must be observed"),
        (("--bound", "colour=blue"), "--bound"),
        (("--without", "mass_domestic"), "nothing states"),
    ],
)
def test_a_registration_that_the_agreement_does_not_allow_is_refused(
    state: Path, more: tuple[str, ...], says: str
) -> None:
    done = in_process.run("workload", "add", state, "wrong", *ADD, *more, code=2)
    assert says in done.stderr
    assert "next:" in done.stderr


def test_a_misspelt_setting_is_refused_by_name(tmp_path: Path) -> None:
    root = tmp_path / "state"
    run("init", root, "--model", "m")
    with (root / "brightline.toml").open("a") as file:
        file.write("\n[screening]\nenabled = false\n")
    done = run("serve", root, code=2)
    assert "screening" in done.stderr


def test_the_worked_examples_are_printed() -> None:
    found = json.loads(in_process.run("agreement", "table", "--json").stdout)
    assert len(found["examples"]) >= 20
    assert "howitzer spare parts" in run("agreement", "table").stdout


@pytest.mark.parametrize(
    ("facts", "verdict", "clause"),
    [
        ((), "permit", "L1"),
        (("mass_domestic=yes",), "deny", "RL-1"),
        (("mass_domestic=unknown",), "hold", "RL-1"),
        (("stack_on=unknown",), "unavailable", "D1"),
    ],
)
def test_the_agreement_answers_for_any_facts(facts: tuple[str, ...], verdict: str, clause: str) -> None:
    options = [part for fact in facts for part in ("--fact", fact)]
    found = json.loads(in_process.run("agreement", "try", *options, "--json").stdout)
    assert found["verdict"] == verdict
    assert clause in found["clauses"]


def test_an_unknown_fact_is_refused_with_those_that_exist() -> None:
    assert "mass_domestic" in in_process.run("agreement", "try", "--fact", "nonsense=yes", code=2).stderr


def test_serve_serves_until_interrupted_and_ends_clean(state: Path) -> None:
    command = [
        sys.executable,
        "-u",
        "-c",
        "from brightline.shell.cli.main import main; main()",
        "serve",
        str(state),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://[^/]+", line)
            assert found, line
            assert "DEVELOPMENT" in line
            process.stdout.readline()
            assert "attests nothing" in process.stdout.readline()
            missing = httpx2.get(f"{found.group()}/readyz").json()["missing"]
            assert missing in ([], ["no model server of m answers"])  # there is none, which it finds out in time
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()  # a failed assertion must not leave a server that nobody ends
