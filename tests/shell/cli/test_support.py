# SPDX-License-Identifier: Apache-2.0
"""The support bundle holds nothing of anybody's, says what is damaged, and whoever makes it loosens nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner

from brightline.core import standing
from brightline.core.evidence.retention import LIFT_SIGNERS, PLACE_SIGNERS, SHRED_SIGNERS
from brightline.core.halt import HALT_ROLES, RESUMPTION_SIGNERS
from brightline.core.review.appeals import APPEAL_SIGNERS
from brightline.core.review.roles import LOOSENS, MAY, Role
from brightline.core.review.seeding import SEED_SIGNERS
from brightline.core.signers import DEMAND_SIGNERS, ENTRY_SIGNERS
from brightline.core.statement import SigningRole
from brightline.shell.cli.main import brightline
from tests.harness import HELD, RL1, Running, add_workload, running

WORDS = "The orchard behind Elmsworth has three quinces."
SECRET = "hunter2-correct-horse"
UNIT, PURPOSE, OFFICIAL = "Elmsworth planning unit", "counting quinces by the river", "Office of the Quince Master"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("support")
    (folder / SECRET).write_text(f"sk-{SECRET}")
    more = f'[upstream.spare]\nurl = "http://spare.invalid:9"\nkey_file = "{folder / SECRET}"\n'
    with running(folder / "state", more_toml=more) as node:
        key = add_workload(node.root, node.node.settings, node.node.agreement, "quinces", unit=UNIT, purpose=PURPOSE)
        for words in (WORDS, RL1, HELD):
            with node.client() as client, client as sdk:
                try:
                    sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": words}])
                except openai.PermissionDeniedError:
                    pass
        node.key = node.key or key
        yield node


def made(root: Path, out: Path, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(brightline, ["support", "bundle", str(root), str(out)])
    assert done.exit_code == code, done.output
    told: dict[str, Any] = json.loads(out.read_text())
    return told


def test_it_says_what_is_here_and_not_a_word_of_what_anybody_said_or_is_called(node: Running, tmp_path: Path) -> None:
    told = made(node.root, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text()
    secrets = [path.read_text("latin-1").strip() for path in (node.root / "keys").iterdir()]
    for never in (WORDS, RL1, HELD, "quince", "Elmsworth", "unit-1", "an office", SECRET, "spare", node.key, *secrets):
        assert never not in text
    assert (tmp_path / "out.json").stat().st_mode & 0o077 == 0
    shards = {each["shard"]: each for each in told["shards"]}
    assert shards["gateway-0"]["kinds"]["ATTEMPT"] == 3
    assert shards["gateway-0"]["kinds"]["HOLD"] >= 1
    assert shards["registry"]["published"]["size"] == shards["registry"]["records"]
    assert told["registry"]["workloads"] == 2
    assert told["problems"] == []


def test_it_says_what_is_damaged_and_where(tmp_path: Path) -> None:
    with running(tmp_path / "state") as node:
        root = node.root
    [segment] = (root / "wal" / "registry").glob("*.wal")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(bytes(data))
    told = made(root, tmp_path / "out.json", code=1)
    assert {each["error"] for each in told["problems"]} == {"EvidenceDamaged"}
    assert any("registry" in each["place"] for each in told["problems"])
    assert told["registry"] is None


def test_a_field_engineer_signs_nothing_and_may_do_nothing_that_loosens() -> None:
    assert not MAY[Role.FIELD_ENGINEER] & LOOSENS
    signs = [
        *(need for needed in standing.SIGNERS.values() for need in needed),
        *(need for needed in ENTRY_SIGNERS.values() for need in needed),
        *(need for needed in PLACE_SIGNERS for need in needed),
        *DEMAND_SIGNERS,
        *LIFT_SIGNERS,
        *SHRED_SIGNERS,
        *RESUMPTION_SIGNERS,
        *APPEAL_SIGNERS,
        *SEED_SIGNERS,
    ]
    assert SigningRole.FIELD_ENGINEER not in {need.role for need in signs} | set(HALT_ROLES)
