# SPDX-License-Identifier: Apache-2.0
"""The vault: keys apart from the log, which are destroyed one by one and do not come back."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import msgspec
import pytest

from brightline.core.errors import ConfigError, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import BLOCK_RECORDS, KeyDestroyed
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.evidence.shred import Because, shred_drafts
from brightline.shell.clock import SystemClock
from brightline.shell.storage import vault as vault_module
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.storage.wal import frames_on_disk

SHARD = "gw-1"
KEY = b"tenant key of thirty-two bytes.."
AGREEMENT = "sha256:" + "0" * 64


def open_log(root: Path, key: bytes = KEY) -> Sequencer:
    vault = Vault(root / "vault", key)
    return Sequencer.open(root / "wal", SHARD, "test", SystemClock(), vault=vault, published=None)


def write(log: Sequencer, count: int) -> None:
    for number in range(count):
        log.append_sync(Draft(RecordKind.PERIOD, "", {}, {"unit": f"office {number}"}))


def frames(root: Path) -> list[Frame]:
    return list(frames_on_disk(root / "wal", SHARD))


def shred(log: Sequencer, *ranges: tuple[int, int]) -> None:
    for draft in shred_drafts(AGREEMENT, ranges, Because.EXPIRED):
        log.shred(draft)


def units(root: Path, key: bytes = KEY) -> list[str]:
    """What each record says, ``gone`` where its key was destroyed."""
    reader = Vault(root / "vault", key).reader(SHARD)
    out = []
    for frame in frames(root):
        if frame.kind is not RecordKind.PERIOD:
            continue
        try:
            out.append(str(reader.open(frame).fields["unit"]))
        except KeyDestroyed:
            out.append("gone")
    return out


def test_records_open_with_the_vault_and_the_tenants_key_and_with_nothing_less(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 3)
    log.close()
    assert units(tmp_path) == ["office 0", "office 1", "office 2"]
    with pytest.raises(EvidenceDamaged, match="another key"):
        units(tmp_path, bytes(32))
    with pytest.raises(EvidenceDamaged, match="another key"):
        open_log(tmp_path, bytes(32))
    everything = b"".join(path.read_bytes() for path in (tmp_path / "wal").rglob("*") if path.is_file())
    assert b"office" not in everything


def test_the_vault_is_private(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 1)
    log.close()
    for path in (tmp_path / "vault").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_is_shredded_opens_no_more_and_everything_else_does(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 6)
    leaves = [frame.leaf for frame in frames(tmp_path)]
    shred(log, (1, 2), (4, 4))
    assert units(tmp_path) == ["office 0", "gone", "gone", "office 3", "gone", "office 5"]
    write(log, 1)
    log.close()
    assert units(tmp_path)[-1] == "office 0"
    assert [frame.leaf for frame in frames(tmp_path)][: len(leaves)] == leaves  # the log itself lost nothing


def test_a_restored_vault_loses_again_what_the_log_says_is_destroyed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 3)
    shutil.copytree(tmp_path / "vault", tmp_path / "backup")
    shred(log, (0, 1))
    log.close()
    shutil.rmtree(tmp_path / "vault")
    shutil.copytree(tmp_path / "backup", tmp_path / "vault")
    assert units(tmp_path) == ["office 0", "office 1", "office 2"]
    open_log(tmp_path).close()
    assert units(tmp_path) == ["gone", "gone", "office 2"]


def test_a_crash_between_the_record_and_the_destroying_is_made_good_by_the_next_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    write(log, 2)

    def power_fails(*_: object) -> None:
        raise OSError("the power failed")

    with monkeypatch.context() as broken:
        broken.setattr(vault_module.RecordKeys, "_replace", power_fails)
        with pytest.raises(OperatorError, match="not yet destroyed"):
            shred(log, (0, 0))
    log.close()
    assert units(tmp_path) == ["office 0", "office 1"]
    open_log(tmp_path).close()
    assert units(tmp_path) == ["gone", "office 1"]


def test_nothing_is_destroyed_that_cannot_be_recorded(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 1)
    log.close()
    with pytest.raises(EvidenceUnavailable):
        shred(log, (0, 0))
    assert units(tmp_path) == ["office 0"]


def test_the_old_seeds_are_overwritten_where_they_lay(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 2)
    (path,) = (tmp_path / "vault" / SHARD).glob("*.keys")
    held = path.open("rb")  # as a forensic reader would find the old blocks
    before = held.read()
    shred(log, (0, 0))
    log.close()
    held.seek(0)
    after = held.read()
    held.close()
    assert len(after) == len(before)
    assert not any(after)


def test_a_log_whose_keys_are_missing_does_not_open_and_makes_no_others(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 2)
    log.close()
    shutil.rmtree(tmp_path / "vault")
    with pytest.raises(EvidenceDamaged, match="keys of these records are missing"):
        open_log(tmp_path)
    assert not list((tmp_path / "vault").rglob("*.keys"))
    with pytest.raises(EvidenceDamaged, match="missing"):
        units(tmp_path)


def test_keys_that_were_changed_or_lie_in_another_place_are_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 1)
    log.close()
    (path,) = (tmp_path / "vault" / SHARD).glob("*.keys")
    data = path.read_bytes()
    vault = Vault(tmp_path / "vault", KEY)
    for changed in (data[:-1] + bytes([data[-1] ^ 1]), b"BLV9" + data[4:], data[:10], b""):
        with pytest.raises(EvidenceDamaged):
            vault.unwrap(SHARD, 0, changed)
    for shard, block in (("gw-2", 0), (SHARD, 1)):
        with pytest.raises(EvidenceDamaged, match="another key"):
            vault.unwrap(shard, block, data)
    vault.unwrap(SHARD, 0, data)


def test_each_block_has_keys_of_its_own(tmp_path: Path) -> None:
    keys = Vault(tmp_path, KEY).writer(SHARD)
    assert keys.key(BLOCK_RECORDS, 1) != keys.key(0, 1)
    assert keys.key(0, 1) != keys.key(0, 2)  # another boot may write other words under the same number
    keys.destroy([(BLOCK_RECORDS - 5, BLOCK_RECORDS + 5)])
    for gone in (BLOCK_RECORDS - 5, BLOCK_RECORDS - 1, BLOCK_RECORDS, BLOCK_RECORDS + 5):
        with pytest.raises(KeyDestroyed):
            keys.key(gone, 1)
    keys.key(BLOCK_RECORDS - 6, 1)
    keys.key(BLOCK_RECORDS + 6, 1)
    keys.close()


def test_a_reader_sees_what_the_writer_destroys_meanwhile(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 2)
    reader = Vault(tmp_path / "vault", KEY).reader(SHARD)
    first = frames(tmp_path)[0]
    assert reader.open(first).fields == {"unit": "office 0"}
    shred(log, (0, 0))
    with pytest.raises(KeyDestroyed):
        reader.open(first)
    log.close()


def test_contents_that_belong_to_another_record_are_damage_with_its_place(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    write(log, 2)
    log.close()
    one, two = frames(tmp_path)
    mixed = msgspec.structs.replace(one, contents=two.contents)
    with pytest.raises(EvidenceDamaged, match="record 0"):
        Vault(tmp_path / "vault", KEY).reader(SHARD).open(mixed)


def test_a_shard_name_leads_nowhere_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Vault(tmp_path, KEY).reader("../elsewhere")
