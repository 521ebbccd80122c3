# SPDX-License-Identifier: Apache-2.0
"""The paths of a log server: each in one spelling, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.tile import TileError, parse_tile_path
from brightline.shell.logserver.routes import (
    BYTES,
    FOR_EVER,
    FRESH,
    JSON,
    TEXT,
    Front,
    LogFile,
    LogPage,
    ProofFile,
    RecordPage,
    Route,
    ToLogPage,
    route,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", Front()),
        ("/gw-1", ToLogPage("gw-1")),
        ("/gw-1/", LogPage("gw-1")),
        ("/gw-1/record/0", RecordPage("gw-1", 0)),
        ("/gw-1/proof/1234567.tlog-proof", ProofFile("gw-1", 1_234_567)),
        ("/gw-1/checkpoint", LogFile("gw-1", "checkpoint", TEXT, FRESH)),
        ("/gw-1/cosigned", LogFile("gw-1", "cosigned", TEXT, FRESH)),
        ("/gw-1/log.vkey", LogFile("gw-1", "log.vkey", TEXT, FRESH)),
        ("/gw-1/periods/0-17.json", LogFile("gw-1", "periods/0-17.json", JSON, FOR_EVER)),
        ("/gw-1/tile/0/x001/234", LogFile("gw-1", "tile/0/x001/234", BYTES, FOR_EVER)),
        ("/gw-1/tile/1/000.p/7", LogFile("gw-1", "tile/1/000.p/7", BYTES, FOR_EVER)),
        ("/gw-1/tile/entries/000.p/255", LogFile("gw-1", "tile/entries/000.p/255", BYTES, FOR_EVER)),
    ],
)
def test_what_is_served(path: str, expected: Route) -> None:
    assert route(path.encode()) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "gw-1",
        "//",
        "//gw-1/",
        "/.",
        "/..",
        "/.hidden/",
        "/../gw-1/checkpoint",
        "/gw-1/../gw-1/checkpoint",
        "/gw-1/./checkpoint",
        "/gw-1//checkpoint",
        "/gw-1/checkpoint/",
        "/gw-1/%63heckpoint",
        "/gw-1/Checkpoint",
        "/gw-1/checkpoint\x00",
        "/gw-1\\checkpoint",
        "/gw-1/checkpoint.new",
        "/gw-1/.checkpoint.new",
        "/gw-1/secret",
        "/gw-1/tile/0/000.p/256",
        "/gw-1/tile/0/000.p/0",
        "/gw-1/tile/0/000.p/07",
        "/gw-1/tile/0/0",
        "/gw-1/tile/0/x000/001",
        "/gw-1/tile/64/000",
        "/gw-1/tile/00/000",
        "/gw-1/tile/8/0/000",
        "/gw-1/tile/entries/../0/000",
        "/gw-1/tile/",
        "/gw-1/periods/00-17.json",
        "/gw-1/periods/0-17",
        "/gw-1/periods/-1-17.json",
        "/gw-1/periods/../checkpoint",
        "/gw-1/periods/",
        "/gw-1/record/",
        "/gw-1/record/01",
        "/gw-1/record/-1",
        "/gw-1/record/1/",
        "/gw-1/record/1e3",
        "/gw-1/record/" + "9" * 19,
        "/gw-1/proof/1",
        "/gw-1/proof/+1.tlog-proof",
        "/gw-1/proof/01.tlog-proof",
        "/gw-1/proof/1.tlog-proof.tlog-proof",
        "/gw 1/",
        "/gw-1<b>/",
        "/" + "a" * 101 + "/",
        "/" + "a" * 1_000,
        "/gw-\u0661/",
    ],
)
def test_what_is_not(path: str) -> None:
    assert route(path.encode()) is None


@given(st.text(st.sampled_from("/.%x0129petinrsochkdga-\\ \x00"), max_size=40))
def test_no_file_is_reached_but_by_its_one_name(below: str) -> None:
    found = route(b"/gw/" + below.encode())
    if isinstance(found, LogFile):
        assert found.path == below
        assert not {"", ".", ".."} & set(below.split("/"))
        if found.path.startswith("tile/"):
            parse_tile_path(found.path)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_path_are_none_of_ours(path: bytes) -> None:
    found = route(path)
    assert found is None or path.startswith(b"/")


def test_a_path_that_no_tile_has_is_refused_by_the_standard_too() -> None:
    with pytest.raises(TileError):
        parse_tile_path("tile/0/000.p/256")
