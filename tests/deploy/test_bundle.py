# SPDX-License-Identifier: Apache-2.0
"""The offline bundle: made twice it is the same, it says what is in it, and it installs where there is no network.

Here it is made without other people's wheels, and what it installs finds them where these tests do. The long form
fetches them all, installs everything without a network and runs the tests there: ``scripts/bundle.py check --suite``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from scripts import bundle
from scripts.sbom import sbom

from brightline.core.errors import ConfigError
from brightline.core.evidence.note import VerifierKey
from brightline.verify import bundle as verifying
from brightline.verify.bundle import MANIFEST, compare, read_text
from tests.shell.cli.test_commands import run

SCHEMAS = Path(__file__).with_name("cyclonedx")
SCHEMA_BASE = "http://cyclonedx.org/schema/"
ONE = "a" * 64


class Made:
    """A bundle, and the verifier key of who made it."""

    def __init__(self, room: Path) -> None:
        self.folder, self.key_file = room / "bundle", room / "key"
        self.vkey = tried("key", "brightline.example/bundles", self.key_file).strip()
        tried("make", self.folder, "--key", self.key_file, "--lock", "none")
        (self.wheel,) = (self.folder / "wheels").iterdir()


def tried(*arguments: str | Path) -> str:
    done = CliRunner().invoke(bundle.bundle, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def copied(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))


# ---- the same again ------------------------------------------------------------------------------------------


def test_the_source_archive_gives_the_same_wheel_elsewhere_later_and_under_another_mask(
    made: Made, tmp_path: Path
) -> None:
    (archive,) = (made.folder / "source").iterdir()
    # tar's own program: the first releases of Python 3.11 extract without the filter that later ones want.
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path], check=True)
    (tree,) = tmp_path.iterdir()
    for path in tree.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
        path.chmod(0o700 if path.is_dir() else 0o600)
    before = os.umask(0o077)
    try:
        again = bundle.build("wheel", tmp_path / "again", tree)
    finally:
        os.umask(before)
    assert again.name == made.wheel.name
    assert again.read_bytes() == made.wheel.read_bytes()


def test_the_wheel_holds_what_is_shipped_and_no_test(made: Made) -> None:
    with zipfile.ZipFile(made.wheel) as wheel:
        names = wheel.namelist()
    assert "brightline/agreements/dow-2026-02-27/agreement.toml" in names
    assert not [name for name in names if not name.startswith(("brightline/", "brightline-"))]


# ---- the bill of materials ----------------------------------------------------------------------------------


def wheel_of(folder: Path, name: str, *lines: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", "\n".join([f"Name: {name}", "Version: 1.0", *lines, "", ""])
        )
    return path


def validator() -> jsonschema_rs.Validator:
    schemas = {path.name: json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")}
    registry = jsonschema_rs.Registry([(SCHEMA_BASE + name, schema) for name, schema in schemas.items()])
    return jsonschema_rs.validator_for(schemas["bom-1.6.schema.json"], registry=registry, validate_formats=True)


def test_the_bill_names_every_wheel_with_digest_licence_and_what_it_needs(tmp_path: Path) -> None:
    others = [
        wheel_of(
            tmp_path, "Some_Thing", "License-Expression: MIT OR Apache-2.0", 'Requires-Dist: other>=1; extra == "x"'
        ),
        wheel_of(tmp_path, "other", "Classifier: License :: OSI Approved :: BSD License", "Requires-Dist: some-thing"),
        wheel_of(tmp_path, "old", "License: MPL 2.0"),
        wheel_of(tmp_path, "silent"),
    ]
    own = wheel_of(
        tmp_path, "brightline", "License-Expression: Apache-2.0", "Requires-Dist: other", "Requires-Dist: gone"
    )
    bill = sbom(own, others, ["some.thing"])
    validator().validate(bill)
    assert bill == sbom(own, others[::-1], ["some.thing"])
    told = {component["name"]: component for component in bill["components"]}
    assert [told[name].get("licenses") for name in ("Some_Thing", "other", "old", "silent")] == [
        [{"expression": "MIT OR Apache-2.0"}],
        [{"license": {"name": "BSD License"}}],
        [{"license": {"name": "MPL 2.0"}}],
        None,
    ]
    assert told["Some_Thing"]["purl"] == "pkg:pypi/some-thing@1.0"
    assert (told["Some_Thing"]["scope"], told["other"]["scope"]) == ("required", "optional")
    needs = {row["ref"]: row["dependsOn"] for row in bill["dependencies"]}
    assert needs["pkg:pypi/brightline@1.0"] == ["pkg:pypi/other@1.0"]
    assert needs["pkg:pypi/other@1.0"] == ["pkg:pypi/some-thing@1.0"]
    assert needs["pkg:pypi/some-thing@1.0"] == []


def test_the_bill_names_every_file_of_every_shipped_release_and_the_judge_as_they_lie_in_the_wheel(made: Made) -> None:
    bill: dict[str, Any] = json.loads((made.folder / bundle.SBOM).read_text("utf-8"))
    models = {one["name"]: one for one in bill["components"] if one["type"] == "machine-learning-model"}
    with zipfile.ZipFile(made.wheel) as wheel:
        judge = "brightline/classifier/judging/fitted/"
        names = [name for name in wheel.namelist() if name.startswith(("brightline/releases/", judge))]
        model = json.loads(wheel.read(f"{judge}judge.json"))["model"]
        lying = {name: hashlib.sha256(wheel.read(name)).hexdigest() for name in names}
    told = {part["name"]: part["hashes"][0]["content"] for one in models.values() for part in one["components"]}
    assert told == lying
    weights, card = (f"brightline/releases/students-2026.11/{name}" for name in ("model.onnx", "card.md"))
    assert {weights, card} <= told.keys()
    (base,) = models.pop("judge")["pedigree"]["ancestors"]
    assert (base["name"], base["hashes"][0]["content"]) == (model["file"], model["sha256"])
    assert set(models) == {name.split("/")[2] for name in names if not name.startswith(judge)}
    for name, one in models.items():
        assert one["hashes"][0]["content"] == told[f"brightline/releases/{name}/release.toml"]


def test_the_schema_is_applied(made: Made) -> None:
    bill: dict[str, Any] = json.loads((made.folder / bundle.SBOM).read_text("utf-8"))
    validator().validate(bill)
    for wrong in ({"specVersion": 1.6}, {"components": [{"name": "x"}]}, {"serialNumber": "urn:uuid:1"}):
        assert not validator().is_valid({**bill, **wrong})


# ---- the manifest --------------------------------------------------------------------------------------------


def test_a_bundle_is_what_was_signed(made: Made, copied: Path) -> None:
    told = json.loads(run("bundle", "verify", copied, "--key", made.vkey, "--json").stdout)
    assert told["same"]
    assert told["files"] == len([path for path in copied.rglob("*") if path.is_file()]) - 1


def test_what_was_changed_taken_away_or_put_in_is_named(made: Made, copied: Path) -> None:
    with (copied / "install.sh").open("a") as file:
        file.write("\n")
    (copied / "LICENSE").unlink()
    (copied / "wheels" / "more.whl").write_bytes(b"")
    done = run("bundle", "verify", copied, "--key", made.vkey, code=1)
    assert done.stdout.splitlines() == ["changed: install.sh", "missing: LICENSE", "not named: wheels/more.whl"]


def test_another_key_a_link_and_a_changed_manifest_are_refused(made: Made, copied: Path, tmp_path: Path) -> None:
    key, other = VerifierKey.parse(made.vkey), tried("key", "brightline.example/bundles", tmp_path / "other").strip()
    assert "no known key" in run("bundle", "verify", copied, "--key", other, code=2).stderr
    (copied / "link").symlink_to(copied / "LICENSE")
    with pytest.raises(ConfigError, match="neither a file nor a folder"):
        compare(copied, key)
    (copied / "link").unlink()
    note = (copied / MANIFEST).read_bytes()
    (copied / MANIFEST).write_bytes(note.replace(b"  LICENSE\n", b"  LICENCE\n"))
    with pytest.raises(ConfigError, match="does not verify"):
        compare(copied, key)
    (copied / MANIFEST).unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        compare(copied, key)


@pytest.mark.parametrize(
    "lines",
    [
        ["brightline-bundle/2", "1"],
        ["brightline-bundle/1", ""],
        ["brightline-bundle/1", "1", f"{ONE}  b", f"{ONE}  a"],
        ["brightline-bundle/1", "1", f"{ONE}  a", f"{ONE}  a"],
        ["brightline-bundle/1", "1", f"{ONE}  ../a"],
        ["brightline-bundle/1", "1", f"{ONE}  /a"],
        ["brightline-bundle/1", "1", f"{ONE}  a b"],
        ["brightline-bundle/1", "1", f"{ONE} a"],
        ["brightline-bundle/1", "1", f"{ONE[:-1]}A  a"],
        ["brightline-bundle/1", "1", ""],
        ["brightline-bundle/1", "1", f"{ONE}  a", ""],
    ],
)
def test_a_text_that_is_no_manifest_is_refused(lines: list[str]) -> None:
    with pytest.raises(ConfigError, match="no manifest"):
        read_text("\n".join(lines) + "\n")


def test_a_manifest_of_more_files_than_a_bundle_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "FILES_MAX", 2)
    assert len(read_text("brightline-bundle/1\n1\n" + "".join(f"{ONE}  {name}\n" for name in "ab")).files) == 2
    with pytest.raises(ConfigError, match="no manifest"):
        read_text("brightline-bundle/1\n1\n" + "".join(f"{ONE}  {name}\n" for name in "abc"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_the_manifest_as_the_documentation_says(made: Made, tmp_path: Path) -> None:
    """So that the first Brightline on a machine need not be believed about itself."""
    key = VerifierKey.parse(made.vkey)
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    (tmp_path / "key.der").write_bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(made.vkey.split("+", 2)[2])[1:]
    assert (tmp_path / "key.der").read_bytes() == der
    script = (Path(bundle.ROOT) / "docs" / "for-deployment-engineers.md").read_text("utf-8")
    script = script.partition("<!-- with-openssl -->\n```sh\n")[2].partition("```")[0]
    assert "pkeyutl" in script
    environment = {**os.environ, "VKEY": made.vkey}
    done = subprocess.run(["sh", "-euc", script], cwd=made.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    environment["VKEY"] = VerifierKey.of("brightline.example/bundles", bytes(31) + b"\x01").vkey()
    done = subprocess.run(["sh", "-euc", script], cwd=made.folder, env=environment, capture_output=True, text=True)
    assert done.returncode != 0


# ---- without a network ---------------------------------------------------------------------------------------


def namespaces() -> bool:
    return shutil.which("unshare") is not None and shutil.which("ip") is not None and bundle.offline(["true"]) == 0


@pytest.mark.skipif(not namespaces(), reason="no namespace without a network can be made here")
def test_it_installs_and_verifies_evidence_where_there_is_no_network(
    made: Made, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "installed" / sysconfig.get_path("purelib", vars={"base": "", "platbase": ""}).lstrip("/")
    site.mkdir(parents=True)
    (site / "what-is-there.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # other people's packages
    command = ["sh", "-c", bundle.INSIDE, "inside", str(made.folder), str(tmp_path), "none"]
    assert bundle.offline(command) == 0
    assert "books" in capfd.readouterr().out.lower()
    where = [str(tmp_path / "installed" / "bin" / "python"), "-c", "import brightline; print(brightline.__file__)"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(where, capture_output=True, text=True, cwd=tmp_path, env=environment).stdout
    assert found.startswith(str(tmp_path / "installed"))


def test_a_damaged_bundle_installs_nothing(copied: Path, tmp_path: Path) -> None:
    with next((copied / "wheels").iterdir()).open("ab") as file:
        file.write(b"more")
    done = subprocess.run(
        ["sh", str(copied / "install.sh"), str(tmp_path / "installed")], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "FAILED" in done.stdout + done.stderr
    assert not (tmp_path / "installed").exists()


@pytest.mark.slow
def test_everything_installs_and_the_tests_pass_where_there_is_no_network(tmp_path: Path) -> None:
    """Fetches about 300 MB first, and takes as long as all the tests."""
    tried("key", "brightline.example/bundles", tmp_path / "key")
    tried("make", tmp_path / "bundle", "--key", tmp_path / "key")
    command = [sys.executable, str(Path(bundle.__file__)), "check", str(tmp_path / "bundle"), "--suite"]
    assert subprocess.run(command).returncode == 0
