# SPDX-License-Identifier: Apache-2.0
"""C2SP tiles, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.tile import (
    TileError,
    entries_path,
    pack_entries,
    parse_tile_path,
    split_hashes,
    tile_path,
    tiles_for,
    unpack_entries,
)
from tests.vectors import vectors_dir


def entry(index: int) -> bytes:
    return f"record {index}".encode()


def tree_of(size: int) -> Tree:
    tree = Tree()
    for i in range(size):
        tree.append(leaf_hash(entry(i)))
    return tree


TREE = tree_of(1400)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_back_its_entries(leaves: list[bytes]) -> None:
    assert list(unpack_entries(pack_entries(leaves))) == leaves


def test_a_bundle_that_ends_within_an_entry_is_refused() -> None:
    with pytest.raises(TileError, match="entry 1"):
        unpack_entries(pack_entries([b"one", b"two"])[:-1])


@given(st.integers(0, 10**12), st.integers(1, 256), st.integers(0, 63))
def test_paths_are_read_back(index: int, width: int, level: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == (str(level), index, width)
    assert parse_tile_path(entries_path(index, width)) == ("entries", index, width)


def test_growing_in_steps_writes_the_same_full_tiles_as_growing_at_once() -> None:
    tree = tree_of(700)
    at_once = dict(tiles_for(0, 700, entry, tree.node))
    in_steps: dict[str, bytes] = {}
    for old, new in ((0, 5), (5, 255), (255, 256), (256, 257), (257, 513), (513, 700)):
        in_steps |= dict(tiles_for(old, new, entry, tree.node))
    assert at_once.items() <= in_steps.items()


@given(st.integers(0, 1400), st.integers(0, 1400))
def test_only_what_grew_is_written(old: int, new: int) -> None:
    written = dict(tiles_for(old, new, entry, TREE.node))
    before = dict(tiles_for(0, old, entry, TREE.node))
    assert not written.keys() & before.keys()
    if new >= old:
        assert dict(tiles_for(0, new, entry, TREE.node)).items() <= (before | written).items()
    else:
        assert written == {}


def test_an_entry_or_bundle_beyond_the_bound_is_refused() -> None:
    assert len(pack_entries([bytes(65_535)])) == 65_537
    with pytest.raises(TileError, match="65,535"):
        pack_entries([bytes(65_536)])
    with pytest.raises(TileError, match="256 entries"):
        pack_entries([b""] * 257)
    with pytest.raises(TileError, match="256 entries"):
        unpack_entries(bytes(2) * 257)


@pytest.mark.parametrize("index", [-1, 2**63])
def test_an_index_that_no_log_has_gives_no_path(index: int) -> None:
    with pytest.raises(TileError, match="no tile"):
        tile_path(0, index)
    with pytest.raises(TileError, match="no tile"):
        entries_path(index)


@pytest.mark.parametrize("groups", [7, 2_000])
def test_a_path_with_more_groups_than_an_index_has_is_refused_before_it_is_a_number(groups: int) -> None:
    with pytest.raises(TileError, match="not the path"):
        parse_tile_path("tile/0/" + "x001/" * groups + "001")


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(32 * 257)])
def test_a_hash_tile_of_a_wrong_length_is_refused(data: bytes) -> None:
    with pytest.raises(TileError, match="hash tile"):
        split_hashes(data)


def test_the_foreign_tree_of_300_records_is_ours_to_the_byte() -> None:
    folder = vectors_dir("c2sp") / "tiles" / "tree-300"
    tree = tree_of(300)
    ours = dict(tiles_for(0, 300, entry, tree.node))
    theirs = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    checkpoint = theirs.pop("checkpoint")
    assert ours == theirs
    assert base64.b64encode(tree.root()) in checkpoint


def test_the_foreign_trees_of_up_to_70000_records_are_ours_to_the_byte() -> None:
    cases = json.loads((vectors_dir("c2sp") / "tiles" / "trees.json").read_text("utf-8"))["trees"]
    tree = tree_of(70_000)
    for case in cases:
        size = case["size"]
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in tiles_for(0, size, entry, tree.node)}
        lines = "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))
        assert hashlib.sha256(lines.encode()).hexdigest() == case["all_paths_digest"], size
        assert base64.b64encode(tree.root(size)).decode() == case["root"], size


def test_the_bundle_cases_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "tiles" / "format.json").read_text("utf-8"))["bundles"]
    for case in cases:
        if case["bundle_base64"] is None:
            continue  # the largest entry, which is too large for the file; its bound is tested above
        try:
            leaves = unpack_entries(base64.b64decode(case["bundle_base64"]))
        except TileError:
            assert case["expect"] != "ok", case["name"]
            continue
        if case["expect"] == "ok":
            hashes = [base64.b64encode(leaf_hash(leaf)).decode() for leaf in leaves]
            assert hashes == case["leaf_hashes"], case["name"]
        else:  # The width is in the path, not in the bytes: whoever reads by path compares it.
            assert len(leaves) != case["width"], case["name"]


def test_the_path_cases_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "tiles" / "format.json").read_text("utf-8"))["paths"]
    for case in cases:
        try:
            found = parse_tile_path(case["path"])
        except TileError:
            assert case["expect"] != "ok", case["path"]
        else:
            assert case["expect"] == "ok", case["path"]
            assert found == (str(case["level"]), case["index"], case["width"])


def test_a_tree_of_some_size_has_the_partial_tiles_that_the_standard_counts() -> None:
    for case in json.loads((vectors_dir("c2sp") / "tiles" / "format.json").read_text("utf-8"))["partial"]:
        if case["size"] > 70_000:
            continue  # files of which only the widths matter
        size = case["size"]
        widths: dict[tuple[str, int], int] = {}
        for path, _data in tiles_for(0, size, lambda _index: b"", lambda _level, _index: bytes(32)):
            kind, index, width = parse_tile_path(path)
            widths[kind, index] = width
        for row in case["levels"]:
            level = [width for (kind, _index), width in widths.items() if kind == str(row["level"])]
            assert level.count(256) == row["full"], (size, row)
            assert sum(width for width in level if width < 256) == row["partial"], (size, row)
