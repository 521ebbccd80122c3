# SPDX-License-Identifier: Apache-2.0
"""Static repositories of other projects, read as a site reads one: 43 outcomes of clock, missing and changed files."""

from __future__ import annotations

import base64
import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brightline.core.errors import TrustError, Unreachable
from brightline.shell.delivery import client
from tests.vectors import vectors_dir

EMPTIED = "every signatures[].sig set to the empty string"
WORDS = {
    "ExpiredMetadataError": (TrustError, "expired"),
    "UnsignedMetadataError": (TrustError, "too few of those who must have signed it"),
    "DeserializationError": (TrustError, "does not hold together"),
    "LengthOrHashMismatchError": (TrustError, "other bytes than were signed"),
    "DownloadLengthMismatchError": (TrustError, "other bytes than were signed"),
    "DownloadHTTPError": (Unreachable, "it cannot be had"),
}


def repositories() -> Iterator[tuple[dict[str, Any], dict[str, bytes]]]:
    """What is expected of each repository, and its files."""
    folder = vectors_dir("tuf")
    packed = json.loads((folder / "sigstore-root-signing.json").read_bytes())["files"]
    files = {"sigstore-root-signing": {path: base64.b64decode(data) for path, data in packed.items()}}
    plain = folder / "tuf-on-ci-0.11"
    files["tuf-on-ci-0.11"] = {
        str(path.relative_to(plain)): path.read_bytes() for path in plain.rglob("*") if path.is_file()
    }
    for expected in json.loads((folder / "expected.json").read_bytes())["repositories"]:
        yield expected, files[expected["name"]]


def changed(files: dict[str, bytes], change: dict[str, Any]) -> dict[str, bytes]:
    """The files after what an outcome says was done to one of them."""
    path = change["file"]
    data = files[path]
    if change.get("missing"):
        return {name: each for name, each in files.items() if name != path}
    if "insert" in change:
        data = data[: change["at"]] + change["insert"].encode() + data[change["at"] :]
    elif "append" in change:
        data += change["append"].encode()
    elif "xor_first_byte" in change:
        data = bytes([data[0] ^ change["xor_first_byte"]]) + data[1:]
    else:
        assert change["rule"] == EMPTIED
        value = json.loads(data)
        for signature in value["signatures"]:
            signature["sig"] = ""
        data = json.dumps(value).encode()
    return {**files, path: data}


def read(folder: Path, files: dict[str, bytes], bootstrap: bytes, target: str, at: str) -> None:
    """Verify the repository as of a time, and fetch its target. Raises what a site says."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, data in files.items():
        (folder / "repository" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "repository" / path).write_bytes(data)
    (folder / "delivery" / "metadata").mkdir(parents=True)
    with client._in_words():
        updater = client._updater(folder / "delivery", str(folder / "repository"), bootstrap)
        updater._trusted_set.reference_time = datetime.datetime.fromisoformat(at)
        updater.refresh()
        assert client._bytes(updater, target, folder)


@pytest.mark.filterwarnings("ignore:keytype 'ecdsa-sha2-nistp256' is deprecated:DeprecationWarning")
def test_each_outcome_is_as_the_reference_client_has_it_and_in_our_words(tmp_path: Path) -> None:
    known = list(repositories())
    seen = 0
    for expected, files in known:
        others = next(each for _, each in known if each is not files)["initial_root.json"]
        for outcome in expected["outcomes"]:
            bootstrap = files["initial_root.json"]
            if "other repository" in outcome["name"]:
                bootstrap = others
            elif "root version" in outcome["name"]:
                bootstrap = files[f"metadata/{outcome['name'].rpartition(' ')[2]}.root.json"]
            given = changed(files, outcome["change"]) if "change" in outcome else files
            at = outcome.get("reference_time", expected["reference_time"])
            seen += 1
            if outcome["expect"] == "ok":
                read(tmp_path / "site", given, bootstrap, expected["target"], at)
                continue
            error, words = WORDS[outcome["python_tuf"]]
            with pytest.raises(error, match=words):
                read(tmp_path / "site", given, bootstrap, expected["target"], at)
    assert seen == 43
