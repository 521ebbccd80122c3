# SPDX-License-Identifier: Apache-2.0
"""The ceremony as people walk through it: keys, a plan, signatures, a medium, and a site that takes the release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from brightline.shell.clock import SystemClock
from brightline.shell.delivery.fresh import fresh_until
from brightline.shell.opening import in_force
from brightline.shell.state import StateFolder
from tests.harness import make_state
from tests.releases import beginning, finds_more, pinned_cases
from tests.shell.cli.in_process import run

HOLDERS = {"root": ("ada", "ben"), "targets": ("ada",), "provider": ("dora",), "customer": ("finn",)}
ONLINE = "online"


def say(*arguments: str | Path, answers: str = "") -> str:
    """What a command that succeeds says."""
    return run(*arguments, answers=answers).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder, a release that everybody signed, and a plan; the tests follow one another."""
    folder = tmp_path_factory.mktemp("delivery")
    make_state(folder / "state", "http://127.0.0.1:9", own_release=str(beginning(folder)))
    publics = {
        name: say("delivery", "key", folder / f"{name}.pem").strip() for name in ("ada", "ben", "dora", "finn", ONLINE)
    }
    lines = ['format = "brightline-delivery/1"']
    for role, names in {**HOLDERS, "snapshot": (ONLINE,), "timestamp": (ONLINE,)}.items():
        lines += [f"[{role}]", f"threshold = {len(names)}", "days = 30"]
        lines += [f'[[{role}.keys]]\nholder = "{name}"\npublic = "{publics[name]}"' for name in names]
    (folder / "plan.toml").write_text("\n".join(lines), "utf-8")
    state, keys = folder / "state", StateFolder(folder / "state")
    asked = (
        "classifier",
        "release",
        state,
        finds_more(folder),
        "--corpus",
        pinned_cases(folder),
        "--reason",
        "floods",
    )
    say(*asked, "--prepare", folder / "prepared")
    for holder in ("provider-safety-1", "customer-official"):
        say("classifier", "approve", folder / "prepared", "--key", keys.key(holder), "--yes")
    return folder


def publish(made: Path) -> str:
    return say("delivery", "publish", made / "repository", "--key", made / f"{ONLINE}.pem")


def test_a_repository_begins_and_each_holder_is_told_what_a_signature_means(made: Path) -> None:
    said = say("delivery", "begin", made / "repository", made / "plan.toml")
    assert "root version 1 takes 2 more of: ada, ben" in said
    unsigned = run("delivery", "publish", made / "repository", "--key", made / f"{ONLINE}.pem", code=2).stderr
    assert "root version 1 is not signed as the new root asks" in unsigned
    said = say("delivery", "sign", made / "repository", "--key", made / "ada.pem", answers="y\nn\n")
    assert "root version 1: who holds which role, and how many of them must sign" in said
    assert "signed by nobody yet; it takes 2" in said
    states = {each["role"]: each for each in json.loads(say("delivery", "status", made / "repository", "--json"))}
    assert (states["root"]["signed"], states["targets"]["signed"]) == (["ada"], [])
    for name in ("ada", "ben", "dora", "finn"):
        say("delivery", "sign", made / "repository", "--key", made / f"{name}.pem", "--yes")
    assert "published root, targets, provider, customer, snapshot, timestamp" in publish(made)
    assert "nothing is staged" in say("delivery", "sign", made / "repository", "--key", made / "ada.pem")


def test_a_release_travels_on_a_medium_and_comes_into_force_at_a_site(made: Path) -> None:
    state, medium = made / "state", made / "medium"
    shutil.copyfile(made / "repository" / "metadata" / "timestamp.json", made / "first-timestamp.json")
    staged = say(
        "delivery", "add", made / "repository", "--release", made / "release-2", "--prepared", made / "prepared"
    )
    assert "staged small-v2-1: 4 files of the provider, 2 of the customer" in staged
    for name in ("dora", "finn"):
        say("delivery", "sign", made / "repository", "--key", made / f"{name}.pem", "--yes")
    publish(made)
    shutil.copytree(made / "repository", medium)
    first = made / "repository" / "metadata" / "1.root.json"
    assert "SHA-256" in say("delivery", "trust", state, first, answers="y\n")
    said = json.loads(say("delivery", "fetch", state, medium, "--to", made / "fetched", "--json"))
    assert (said["name"], said["versions"]["timestamp"]) == ("small-v2-1", 2)
    assert said["fresh_until"] == fresh_until(StateFolder(state).delivery)
    fetched = made / "fetched"
    bring = ("classifier", "release", state, fetched / "release", "--prepared", fetched / "prepared")
    assert "small version 2 is in force" in say(*bring)


def test_the_log_remembers_what_was_verified_when_the_site_forgets(made: Path) -> None:
    state = made / "state"
    with in_force(state, SystemClock()) as (_, registry):
        assert registry.classifiers.delivered == {"root": 1, "timestamp": 2, "snapshot": 2}
    shutil.rmtree(StateFolder(state).delivery / "metadata")
    shutil.copyfile(made / "first-timestamp.json", made / "medium" / "metadata" / "timestamp.json")
    refused = run("delivery", "fetch", state, made / "medium", "--to", made / "third", code=2).stderr
    assert "timestamp version 1 is older than 2, which this site had" in refused
    assert "fetched small-v2-1" in say("delivery", "fetch", state, made / "repository", "--to", made / "third")


def test_a_site_does_not_pin_what_nobody_compared(made: Path) -> None:
    first = made / "repository" / "metadata" / "1.root.json"
    run("delivery", "trust", made, first, answers="n\n", code=1)
    assert not StateFolder(made).delivery.exists()
