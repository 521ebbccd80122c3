# SPDX-License-Identifier: Apache-2.0
"""What was used is used: for every worker and gateway that shares a registry, at one moment and after a restart.

Each :class:`Uses` here stands for a process of its own: they share files and nothing else.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, patiently_writing
from brightline.shell.registry.uses import Uses
from tests.harness import make_state, read_records

PROCESSES = 6


class Installation:
    """A state folder, and processes that use what people released there."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root, self.settings = root, settings

    def process(self) -> Uses:
        return Uses(self.root, self.settings, "development", SystemClock())

    def used(self) -> list[tuple[str, str]]:
        return [(record["case"], record["by"]) for record in read_records(self.root, "registry") if "by" in record]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    root = tmp_path_factory.mktemp("uses") / "state"
    settings, _, _ = make_state(root, "http://127.0.0.1:1")
    return Installation(root, settings)


def use(case: str, by: str = "x-1", what: str = "approval") -> Draft:
    public = {"agreement": "a", "release": "r", "hold": "hold_1", "case": case, "use": what, "by": by}
    return Draft(RecordKind.USED, "", {**public}, {})


def test_of_many_who_use_the_same_at_one_moment_one_does(here: Installation) -> None:
    gate = threading.Barrier(PROCESSES)
    processes = [here.process() for _ in range(PROCESSES)]

    def go(number: int) -> int:
        gate.wait()
        return len(processes[number].use_now([use("sha256:once", f"x-{number}")]))

    with ThreadPoolExecutor(PROCESSES) as pool:
        assert sorted(pool.map(go, range(PROCESSES))) == [0] * (PROCESSES - 1) + [1]
    assert [case for case, _ in here.used()].count("sha256:once") == 1


def test_what_was_used_before_a_restart_is_used_after_it(here: Installation) -> None:
    [record] = here.process().use_now([use("sha256:restart")])
    assert record.draft == use("sha256:restart")
    assert here.process().use_now([use("sha256:restart", "x-2")]) == ()


def test_of_several_that_belong_together_all_are_used_or_none(here: Installation) -> None:
    first, second = here.process(), here.process()
    assert first.use_now([use("sha256:one")])
    assert second.use_now([use("sha256:two"), use("sha256:one")]) == ()
    assert len(first.use_now([use("sha256:two"), use("sha256:three")])) == 2
    assert second.use_now([use("sha256:four"), use("sha256:four")]) == ()


def test_an_approval_and_an_answer_of_one_case_are_two_things(here: Installation) -> None:
    process = here.process()
    assert process.use_now([use("sha256:both")])
    assert process.use_now([use("sha256:both", what="answer")])


def test_while_somebody_else_writes_nothing_is_used_and_it_is_said(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brightline.shell.registry.log.PATIENCE_SECONDS", 0.1)
    process = here.process()
    somebody = patiently_writing(here.root, here.settings, "development", SystemClock())
    with somebody, pytest.raises(EvidenceUnavailable, match="registry"):
        process.use_now([use("sha256:busy")])
    assert process.use_now([use("sha256:busy")])


def test_a_record_that_does_not_read_stops_every_use(tmp_path: Path) -> None:
    settings, _, _ = make_state(tmp_path / "state", "http://127.0.0.1:1")
    process = Uses(tmp_path / "state", settings, "development", SystemClock())
    assert process.use_now([use("sha256:a")])
    append_to_registry(tmp_path / "state", settings, "development", SystemClock(), Draft(RecordKind.USED, "", {}, {}))
    for _ in range(2):
        with pytest.raises(EvidenceUnavailable, match="does not read"):
            process.use_now([use("sha256:b")])
