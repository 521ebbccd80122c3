# SPDX-License-Identifier: Apache-2.0
"""What is published is what is durable, as an auditor finds it who has the public folder and nothing else."""

from __future__ import annotations

import asyncio
import shutil
import stat
import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from brightline.core.evidence.disclosure import match
from brightline.core.evidence.merkle import leaf_hash, root_of
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.evidence.tile import TILE_WIDTH, entries_path, split_hashes, tile_path, unpack_entries
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.publisher import Publisher, export_disclosures, read_published
from brightline.shell.storage.sequencer import Head, Sequencer
from tests.faults.crash_writer import SystemClock
from tests.vault import vault_beside

SHARD = "gw-1"
SIGNER = NoteSigner("log.example/gw-1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
FIRST = f"{0:020d}.wal"


class Site:
    """One shard's private and public folders."""

    def __init__(self, root: Path) -> None:
        self.wal = root / "wal"
        self.evidence = root / "evidence"
        self.public = self.evidence / SHARD

    def open(self) -> tuple[Sequencer, Publisher]:
        """Open both, in the order in which the gateway does."""
        published = read_published(self.evidence, SHARD, SIGNER.verifier)
        log = Sequencer.open(
            self.wal, SHARD, "development", SystemClock(), vault=vault_beside(self.wal), published=published
        )
        return log, Publisher.open(log, self.evidence, SIGNER)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def write(log: Sequencer, count: int) -> None:
    for _ in range(count):
        log.append_sync(Draft(RecordKind.PERIOD, "", {}, {"unit": "logistics", "facts": ["a"]}))


def audit(public: Path) -> Checkpoint:
    """Verify the public folder from its bytes alone: signature, entries, every hash tile, root."""
    vkey = VerifierKey.parse((public / "log.vkey").read_text())
    checkpoint = open_checkpoint((public / "checkpoint").read_bytes(), [vkey])
    hashes: list[bytes] = []
    for index, width in tiles(checkpoint.size):
        leaves = unpack_entries((public / entries_path(index, width)).read_bytes())
        assert len(leaves) == width
        hashes += [leaf_hash(leaf) for leaf in leaves]
    assert root_of(hashes) == checkpoint.root
    level = 0
    while hashes:
        for index, width in tiles(len(hashes)):
            found = split_hashes((public / tile_path(level, index, width)).read_bytes())
            assert list(found) == hashes[index * TILE_WIDTH :][:width]
        whole = range(0, len(hashes) - len(hashes) % TILE_WIDTH, TILE_WIDTH)
        hashes = [root_of(hashes[start : start + TILE_WIDTH]) for start in whole]
        level += 1
    return checkpoint


def tiles(size: int) -> list[tuple[int, int]]:
    """Index and width of the tiles over ``size`` items."""
    full = [(index, TILE_WIDTH) for index in range(size // TILE_WIDTH)]
    return [*full, (size // TILE_WIDTH, size % TILE_WIDTH)] if size % TILE_WIDTH else full


def test_an_auditor_finds_every_durable_record_at_each_size(site: Site) -> None:
    log, publisher = site.open()
    size = 0
    for more in (0, 1, 254, 1, 1, 300, 243):
        write(log, more)
        size += more
        checkpoint = publisher.publish_once()
        assert checkpoint == audit(site.public)
        assert (checkpoint.size, checkpoint.origin) == (size, "log.example/gw-1")
        assert Head(checkpoint.size, checkpoint.root) == log.head()
    log.close()
    publisher.close()


def test_partial_tiles_go_once_the_full_one_is_there(site: Site) -> None:
    log, publisher = site.open()
    for _ in range(3):
        write(log, 100)
        publisher.publish_once()
    partial = sorted(str(path.relative_to(site.public)) for path in site.public.rglob("*.p/*"))
    assert partial == ["tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"]
    audit(site.public)
    log.close()
    publisher.close()


def test_publishing_goes_on_after_a_restart_and_rewrites_nothing(site: Site) -> None:
    log, publisher = site.open()
    write(log, 300)
    publisher.publish_once()
    log.close()
    publisher.close()
    before = {path: path.stat().st_ino for path in site.public.rglob("*") if path.is_file()}
    log, publisher = site.open()
    assert publisher.published == audit(site.public)
    assert publisher.publish_once().size == 300
    assert before == {path: path.stat().st_ino for path in site.public.rglob("*") if path.is_file()}
    write(log, 300)
    assert publisher.publish_once() == audit(site.public)
    log.close()
    publisher.close()


def test_a_long_log_is_published_in_steps(site: Site) -> None:
    log, publisher = site.open()
    log.close()
    log, late = site.open()
    publisher.close()
    for _ in range(3):
        write_many(log, 3000)
    assert late.publish_once().size == 9000
    audit(site.public)
    assert len(late._leaves) == 9000 % TILE_WIDTH
    log.close()
    late.close()


def test_what_is_public_may_be_read_by_a_web_server(site: Site) -> None:
    log, publisher = site.open()
    write(log, 1)
    publisher.publish_once()
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.public.rglob("*") if path.is_file()} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.public.rglob("*") if path.is_dir()} == {0o755}
    assert b"logistics" not in b"".join(path.read_bytes() for path in site.public.rglob("*") if path.is_file())
    log.close()
    publisher.close()


def test_a_log_that_was_rolled_back_is_refused_by_sequencer_and_publisher(site: Site, tmp_path: Path) -> None:
    log, publisher = site.open()
    write(log, 3)
    shutil.copytree(site.wal, tmp_path / "backup")
    write(log, 3)
    publisher.publish_once()
    log.close()
    publisher.close()
    shutil.rmtree(site.wal)
    (tmp_path / "backup").rename(site.wal)
    with pytest.raises(EvidenceDamaged, match="rolled back"):
        site.open()

    careless = Sequencer.open(
        site.wal, SHARD, "development", SystemClock(), vault=vault_beside(site.wal), published=None
    )
    with pytest.raises(EvidenceDamaged, match="rolled back"):
        Publisher.open(careless, site.evidence, SIGNER)
    write(careless, 5)
    with pytest.raises(EvidenceDamaged, match="not those that were published"):
        Publisher.open(careless, site.evidence, SIGNER)
    careless.close()
    assert audit(site.public).size == 6


def test_a_log_that_was_rolled_back_with_its_checkpoint_is_refused_for_the_tiles_that_are_left(
    site: Site, tmp_path: Path
) -> None:
    log, publisher = site.open()
    write(log, 3)
    publisher.publish_once()
    shutil.copytree(site.wal, tmp_path / "backup")
    checkpoint = (site.public / "checkpoint").read_bytes()
    write(log, 300)
    log.close()
    publisher.close()
    shutil.rmtree(site.wal)
    (tmp_path / "backup").rename(site.wal)
    (site.public / "checkpoint").write_bytes(checkpoint)
    with pytest.raises(EvidenceDamaged, match="tiles hold 303 records, the log 3: it was rolled back"):
        site.open()


def test_a_checkpoint_of_another_key_or_of_other_records_is_refused(site: Site) -> None:
    log, publisher = site.open()
    write(log, 3)
    publisher.publish_once()
    log.close()
    publisher.close()
    other = NoteSigner("log.example/gw-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with pytest.raises(EvidenceDamaged, match=r"not a checkpoint of log\.example/gw-1"):
        read_published(site.evidence, SHARD, other.verifier)
    (site.public / "checkpoint").write_bytes(sign_checkpoint(Checkpoint("log.example/gw-1", 2, bytes(32)), SIGNER))
    with pytest.raises(EvidenceDamaged, match="not those that were published"):
        site.open()


def test_a_bit_that_flips_between_memory_and_disk_is_found_before_anything_is_signed(site: Site) -> None:
    log, publisher = site.open()
    write(log, 3)
    publisher.publish_once()
    write(log, 3)
    log._tree._levels[0][4] = bytes(32)
    log._tree._levels[1][2] = bytes(32)
    with pytest.raises(EvidenceDamaged, match="read differently"):
        publisher.publish_once()
    assert "read differently" in publisher.failure
    assert audit(site.public).size == 3
    assert not (site.public / "tile/0/000.p/6").exists()
    log.close()
    with pytest.raises(EvidenceDamaged):
        publisher.close()


def test_a_tile_that_was_changed_is_never_covered_by_a_checkpoint(site: Site) -> None:
    log, publisher = site.open()
    write(log, 3)
    tile = site.public / tile_path(0, 0, 3)
    tile.parent.mkdir(parents=True)
    tile.write_bytes(bytes(96))
    with pytest.raises(EvidenceDamaged, match="with other bytes"):
        publisher.publish_once()
    assert not (site.public / "checkpoint").exists()
    log.close()
    with pytest.raises(EvidenceDamaged):
        publisher.close()


def test_a_file_that_cannot_be_written_is_tried_again_and_no_checkpoint_runs_ahead(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, publisher = site.open()
    write(log, 2)
    publisher.publish_once()
    names: list[str] = []
    fail_at: list[int] = []
    real = HeldDirectory.replace
    with monkeypatch.context() as patched:

        def replace(self: HeldDirectory, name: str, data: bytes, mode: int = 0o600) -> None:
            names.append(name)
            if len(names) == fail_at[-1]:
                raise OSError(28, "No space left on device")
            real(self, name, data, mode)

        patched.setattr(HeldDirectory, "replace", replace)
        for at in (1, 2, 3, 4):
            fail_at.append(at)
            names.clear()
            write(log, 300)
            before = audit(site.public)
            with pytest.raises(OperatorError, match="No space left"):
                publisher.publish_once()
            assert publisher.failure
            assert audit(site.public) == before
    assert publisher.publish_once() == audit(site.public)
    assert publisher.failure == ""
    assert log.head().size == audit(site.public).size == 1202
    log.close()
    publisher.close()


def test_the_thread_publishes_and_closing_publishes_the_rest(site: Site) -> None:
    log, publisher = site.open()
    publisher.start(0.01)
    write(log, 5)
    end = time.monotonic() + 60
    while (publisher.published is None or publisher.published.size < 5) and time.monotonic() < end:
        time.sleep(0.005)
    assert audit(site.public).size == 5
    write(log, 5)
    log.close()
    publisher.close()
    assert audit(site.public).size == 10


def test_disclosures_are_exported_privately_and_open_the_published_leaves(site: Site, tmp_path: Path) -> None:
    log, publisher = site.open()
    write(log, 3)
    publisher.publish_once()
    out = tmp_path / "disclosures.jsonl"
    out.write_text("older")
    out.chmod(0o644)
    (tmp_path / ".disclosures.jsonl.new").write_text("left over by a crash, and open to all")
    assert export_disclosures(site.wal, vault_beside(site.wal), out) == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    lines = [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]
    leaves = unpack_entries((site.public / entries_path(0, 3)).read_bytes())
    assert [(line["shard"], line["seq"]) for line in lines] == [(SHARD, 0), (SHARD, 1), (SHARD, 2)]
    for line, leaf in zip(lines, leaves, strict=True):
        fields = match(msgspec.json.decode(leaf)["commitments"], line["disclosures"])
        assert fields == {"unit": "logistics", "facts": ["a"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disclosures.jsonl", "evidence", "wal", "wal-vault"]
    log.close()
    publisher.close()


def test_an_export_from_a_damaged_log_leaves_no_file(site: Site, tmp_path: Path) -> None:
    log, publisher = site.open()
    write(log, 3)
    log.close()
    publisher.close()
    path = site.wal / SHARD / FIRST
    path.write_bytes(path.read_bytes()[:40] + b"?" + path.read_bytes()[41:])
    with pytest.raises(EvidenceDamaged):
        export_disclosures(site.wal, vault_beside(site.wal), tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["evidence", "wal", "wal-vault"]


def write_many(log: Sequencer, count: int) -> None:
    """As ``write``, in groups."""

    async def all_at_once() -> None:
        draft = Draft(RecordKind.PERIOD, "", {}, {})
        await asyncio.gather(*(log.append(draft) for _ in range(count)))

    asyncio.run(all_at_once())
