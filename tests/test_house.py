# SPDX-License-Identifier: Apache-2.0
"""The house keeps its shape: directions of imports, absences, and what no file may hold."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "brightline"
FILES = sorted(SOURCE.rglob("*.py"))

# Whatever a detector raises means unjudged; whatever work beside the exchanges raises stops service until it goes on.
BROAD_CATCHES = {
    "terminal.py": 1,
    "shell/inference/kinds.py": 1,
    "shell/inference/process.py": 1,
    "shell/persons/worker.py": 1,
    "shell/inference/worker.py": 1,
    "shell/connections.py": 2,
    "shell/gateway/pump.py": 1,
    "shell/upkeep.py": 1,
}


Trees = list[tuple[str, ast.Module]]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """Every file of the program, read once for all tests here."""
    return [(file.relative_to(SOURCE).as_posix(), ast.parse(file.read_text("utf-8"))) for file in FILES]


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3_000:]


def test_the_core_awaits_nothing_but_in_its_ports(trees: Trees) -> None:
    awaiting = {
        name
        for name, tree in trees
        if name.startswith("core/")
        and any(
            isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
            for node in ast.walk(tree)
        )
    }
    assert awaiting <= {"core/ports.py"}


def test_nothing_evaluates_text_or_unpickles(trees: Trees) -> None:
    for name, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "__import__"}, f"{name}:{node.lineno}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                assert not names & {"pickle", "marshal", "shelve", "litellm", "guardrails"}, f"{name}:{node.lineno}"


def test_every_broad_catch_is_known_and_refuses(trees: Trees) -> None:
    found: dict[str, int] = {}
    for name, tree in trees:
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "" if node.type is None else ast.unparse(node.type)
            if caught in {"", "Exception", "BaseException"}:
                found[name] = found.get(name, 0) + 1
    assert found == BROAD_CATCHES


def test_who_catches_what_does_not_decode_also_catches_what_is_no_utf_8(trees: Trees) -> None:
    """msgspec raises ``UnicodeDecodeError`` for such bytes, which is none of its own errors."""
    enough = {"UnicodeDecodeError", "ValueError", "Exception"}
    for file, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                named = {each.attr for each in ast.walk(node.type) if isinstance(each, ast.Attribute)}
                plain = {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
                if named & {"DecodeError", "MsgspecError"} and "msgspec" in plain:
                    assert plain & enough, f"{file}:{node.lineno}"


def test_there_is_no_switch_in_the_environment(trees: Trees) -> None:
    """Only keys are read from the environment (the model server's, an auditor's), and the demo's own upstream."""
    reading = {
        name
        for name, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert reading <= {"shell/config.py", "demo/__main__.py", "verify/canary/command.py"}


def test_every_file_says_why_it_exists(trees: Trees) -> None:
    for file, (name, tree) in zip(FILES, trees, strict=True):
        assert file.read_text("utf-8").splitlines()[0] == "# SPDX-License-Identifier: Apache-2.0", name
        assert ast.get_docstring(tree), name


def test_no_unknown_pth_file_runs_at_start() -> None:
    """Trojans of 2026 came as ``.pth`` files, which run at every start of Python."""
    folder = Path(sysconfig.get_paths()["purelib"])
    known = {"_editable_impl_brightline.pth", "distutils-precedence.pth", "_virtualenv.pth"}
    assert {path.name for path in folder.glob("*.pth")} <= known


def test_requirement_files_hold_hashes_and_no_addresses() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert {lock.stem for lock in locks} == {
        "all",
        "console",
        "core",
        "demo",
        "encoder",
        "guard",
        "judge",
        "otel",
        "persons",
        "prove",
        "ray",
        "uv",
    }
    for lock in locks:
        text = lock.read_text("utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text
        pins = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
        assert pins
        assert not [line for line in pins if "litellm" in line or "guardrails-ai" in line]


def test_every_bench_that_has_a_short_form_is_run_by_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (listed,) = [line.partition(":=")[2].split() for line in makefile.splitlines() if line.startswith("BENCHES ")]
    short = {file.stem for file in (ROOT / "bench").glob("*.py") if '"--quick"' in file.read_text("utf-8")}
    assert short == set(listed)


def test_the_guards_own_requirements_are_bounded_as_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    lines = (ROOT / "requirements" / "guard.in").read_text("utf-8").splitlines()
    assert {line for line in lines if not line.startswith("#")} < set(project)
    everything = (ROOT / "requirements" / "all.lock").read_text("utf-8")
    guard = (ROOT / "requirements" / "guard.lock").read_text("utf-8")
    pins = [line for line in guard.splitlines() if "==" in line]
    assert [pin for pin in pins if pin not in everything] == []
