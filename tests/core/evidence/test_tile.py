# SPDX-License-Identifier: Apache-2.0
"""C2SP tiles, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.tile import (
    TileError,
    entries_path,
    pack_entries,
    parse_tile_path,
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


def test_the_foreign_tree_of_300_records_is_ours_to_the_byte() -> None:
    folder = vectors_dir("c2sp") / "tiles" / "tree-300"
    tree = tree_of(300)
    ours = dict(tiles_for(0, 300, entry, tree.node))
    theirs = {str(Path(file).relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    checkpoint = theirs.pop("checkpoint")
    assert ours == theirs
    import base64

    assert base64.b64encode(tree.root()) in checkpoint


def test_the_path_cases_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "tiles" / "format.json").read_text("utf-8"))["paths"]
    for case in cases:
        try:
            kind, index, width = parse_tile_path(case["path"])
        except TileError:
            assert case["expect"] != "ok", case["path"]
        else:
            assert case["expect"] == "ok", case["path"]
            assert (index, width) == (case["index"], case["width"])
            assert kind == str(case.get("level", "entries")) or kind == "entries"
