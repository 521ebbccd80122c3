# SPDX-License-Identifier: Apache-2.0
"""Workloads come and go while the gateway serves: the log is the register, and it is read again each second."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import openai
import pytest

from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.install import log_registration, registration_facts
from tests.harness import Running, add_workload, running


def models(node: Running, key: str) -> list[str]:
    with node.client(key) as client:
        return [model.id for model in client.models.list()]


def eventually(node: Running, key: str, *, served: bool) -> None:
    """Soon this key is served, or is not any more."""
    latest = time.monotonic() + 60
    while True:
        try:
            models(node, key)
            now = True
        except openai.AuthenticationError:
            now = False
        if now is served:
            return
        assert time.monotonic() < latest
        time.sleep(0.1)


def test_a_workload_is_served_once_it_is_logged_and_refused_once_it_is_revoked(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        settings = load_settings(node.root)
        key = add_workload(node.root, settings, node.node.agreement, "second")
        eventually(node, key, served=True)
        found = node.node.registry.workloads.get("second")
        assert found is not None
        revoked = msgspec.structs.replace(found.registration, revoked=True)
        log_registration(node.root, settings, node.node.agreement, revoked, SystemClock())
        eventually(node, key, served=False)


def test_a_purpose_that_is_not_stated_denies_by_the_grant(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        facts = registration_facts(node.node.agreement)
        del facts["purpose_defined"]
        key = add_workload(node.root, load_settings(node.root), node.node.agreement, "without", facts)
        eventually(node, key, served=True)
        with node.client(key) as client, pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "List three fruits."}])
        body = caught.value.body
        assert isinstance(body, dict)
        assert [clause["id"] for clause in body["brightline"]["clauses"]] == ["L1"]
        assert node.model.seen == []
