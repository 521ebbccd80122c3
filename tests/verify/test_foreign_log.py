# SPDX-License-Identifier: Apache-2.0
"""A log that others wrote, as a folder and behind a web server: the verifier proves from its tiles."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from brightline.core.evidence.audit_findings import Findings, Severity
from brightline.core.evidence.audit_tree import TreeAudit
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.merkle import leaf_hash, verify_consistency, verify_inclusion
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.tiled_tree import TiledTree
from brightline.verify.folder import PublishedFolder
from brightline.verify.remote import PublishedUrl
from tests.vectors import vectors_dir
from tests.verify.sites import serving


def foreign() -> tuple[Path, Checkpoint]:
    tiles = vectors_dir("c2sp") / "tiles"
    vkey = json.loads((tiles / "format.json").read_text("utf-8"))["tree_300"]["log_vkey"]
    folder = tiles / "tree-300"
    return folder, open_checkpoint((folder / "checkpoint").read_bytes(), [VerifierKey.parse(vkey)])


def test_every_file_of_the_foreign_folder_leads_to_its_signed_root() -> None:
    folder, checkpoint = foreign()
    findings = Findings()
    tree = TreeAudit(PublishedFolder(folder), checkpoint, findings)
    leaves = [leaf for bundle in tree.bundles() for leaf in bundle.leaves]
    tree.check_others()
    assert leaves == [f"record {index}".encode() for index in range(300)]
    assert tree.entries_signed
    assert findings.kept(Severity.CONTRADICTED) == ()


def test_the_proofs_that_go_makes_are_read_from_the_foreign_tiles() -> None:
    folder, checkpoint = foreign()
    proofs = json.loads((folder.parent / "proofs.json").read_text("utf-8"))
    tree = TiledTree(PublishedFolder(folder), checkpoint.size)
    looked = 0
    for case in proofs["inclusion"]:
        if case["size"] <= 300:
            proof = tuple(map(base64.b64decode, case["proof"]))
            assert tree.inclusion_proof(case["index"], case["size"]) == proof
            assert leaf_hash(tree.leaf(case["index"])) == base64.b64decode(case["leaf_hash"])
            looked += 1
    for case in proofs["consistency"]:
        if case["new_size"] <= 300:
            assert tree.consistency_proof(case["old_size"], case["new_size"]) == tuple(
                map(base64.b64decode, case["proof"])
            )
            looked += 1
    assert looked > 5


def test_the_foreign_folder_is_proved_over_http() -> None:
    folder, checkpoint = foreign()
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with serving(files) as web:
        remote = PublishedUrl(web.url)
        tree = TiledTree(remote, checkpoint.size)
        for index in (0, 255, 256, 299):
            verify_inclusion(
                leaf_hash(tree.leaf(index)), index, 300, tree.inclusion_proof(index, 300), checkpoint.root
            )
        verify_consistency(256, 300, tree.consistency_proof(256, 300), tree.root(256), checkpoint.root)
        remote.close()
