# SPDX-License-Identifier: Apache-2.0
"""``brightline model`` as a person runs it, over a folder of files."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.admission.paper import FORM_TYPE, PROBES_TYPE, open_paper
from brightline.core.errors import ConfigError, TrustError
from brightline.core.screening.oms import sign_files
from brightline.shell.cli.main import brightline
from brightline.shell.trust.keys import make_key, public_hex
from tests.core.admission.test_probes import TEXT as PROBES
from tests.deploy.test_bundle import validator

SIGNER = ec.generate_private_key(ec.SECP256R1())
AT = "2026-03-01T00:00:00Z"
USE = "Depots of the northern district, public roads, all weather, GPS may be jammed."


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, ["model", *map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return done


class Model:
    """A folder with a signed model, its keys, statement and form."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "m"
        (self.folder / "weights").mkdir(parents=True)
        (self.folder / "weights" / "a.safetensors").write_bytes(b"numbers")
        (self.folder / "config.json").write_bytes(b"{}")
        self.sign()
        self.key = root / "manifest.pem"
        self.key.write_bytes(SIGNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.signer = f"safety={public_hex(make_key(root / 'safety'))}"
        self.private = root / "safety"
        self.statement, self.form = root / "statement.json", root / "vvt.toml"
        self.training = root / "training.toml"
        self.training.write_text(
            f"""training = "to refuse the red lines"
limits = "English"
office = "office of safety"
issued = "2026-02-01T00:00:00Z"
expires = "2026-08-01T00:00:00Z"
[[evaluations]]
name = "refusals"
suite = "sha256:{"cd" * 32}"
results = [{{ name = "refused of 1000", value = "996" }}]
"""
        )
        self.files = (self.folder, "--key", self.key)
        self.all = (
            *self.files,
            *("--statement", self.statement, "--signer", self.signer),
            *("--vvt", self.form, "--system", "convoy routing", "--environment", USE, "--at", AT),
        )

    def sign(self) -> None:
        found = {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file() and path.name != "model.sig"
        }
        (self.folder / "model.sig").write_bytes(sign_files("m", found, SIGNER))

    def state(self, code: int = 0) -> Result:
        self.statement.unlink(missing_ok=True)
        given = (
            "--manifest-key",
            self.key,
            "--training",
            self.training,
            "--key",
            self.private,
            "--out",
            self.statement,
        )
        return run("state", self.folder, *given, code=code)

    def fill(self, **changed: str) -> None:
        digest = json.loads(run("verify", *self.files, "--json", code=1).stdout)["digest"]
        words = {
            "id": "convoy-1",
            "system": "convoy routing",
            "model": digest,
            "environment": "Two depots, 40 real vehicles on closed roads, rain on 9 of 21 days.",
            "environment_of_use": USE,
            "differences": "Roads were closed to others; a week on public roads with a driver followed.",
            "test_set": "convoy set 7",
            "test_set_digest": "sha256:" + hashlib.sha256(b"set").hexdigest(),
            "results": "Of 1,200 routes 7 failed: 4 ended at a closed bridge, 3 took more than twice the time.",
            "person": "p-4711",
            "owner": "office of test",
        } | changed
        lines = ["form = 1", "tested = 2026-02-20", "expires = 2026-08-20"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in words.items()]
        lines += ['[[figure]]\nname = "cases"\nvalue = "1200"', '[[figure]]\nname = "failed"\nvalue = "7"']
        self.form.write_text("\n".join(lines))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    made = Model(tmp_path)
    made.state()
    made.fill()
    return made


def states(model: Model, *more: str | Path, code: int = 1) -> dict[str, tuple[str, str]]:
    found: dict[str, Any] = json.loads(run("verify", *model.all, *more, "--json", code=code).stdout)
    return {each["condition"]: (each["state"], each["why"]) for each in found["conditions"]}


def test_a_model_of_which_everything_is_shown_may_be_served(model: Model) -> None:
    assert {state for state, _ in states(model, code=0).values()} == {"holds"}
    assert "holds" in run("verify", *model.all).stdout


def test_what_is_not_given_is_not_shown_and_that_is_not_enough(model: Model) -> None:
    found = json.loads(run("verify", *model.files, "--at", AT, "--json", code=1).stdout)["conditions"]
    assert [each["state"] for each in found] == ["holds", "not shown", "not shown"]


def test_changed_files_refuse_everything_that_is_said_of_them(model: Model) -> None:
    (model.folder / "weights" / "a.safetensors").write_bytes(b"others")
    found = states(model)
    assert found["files"][0] == "refused"
    assert "weights/a.safetensors" in found["files"][1]
    assert {found["safety training"][0], found["verification and testing"][0]} == {"not shown"}


def test_files_that_were_changed_and_signed_again_are_another_model(model: Model) -> None:
    (model.folder / "weights" / "a.safetensors").write_bytes(b"others")
    model.sign()
    found = states(model)
    assert found["files"][0] == "holds"
    assert found["safety training"][0] == found["verification and testing"][0] == "refused"
    assert "of another model" in found["safety training"][1]
    assert "of another model" in found["verification and testing"][1]


@pytest.mark.parametrize("name", [".gitattributes", ".git/hooks/post", "weights/b.safetensors", "extra.txt"])
def test_a_file_more_is_refused_wherever_it_lies(model: Model, name: str) -> None:
    path = model.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    assert states(model)["files"][0] == "refused"


def test_links_devices_empty_folders_and_deep_ones_are_refused(model: Model) -> None:
    for make, said in (
        (lambda path: path.symlink_to(model.folder / "config.json"), "link"),
        (os.mkfifo, "link or a device"),
        (lambda path: path.mkdir(), "empty folder"),
        (lambda path: (path / "/".join("abcdefghij")).mkdir(parents=True), "deeper"),
    ):
        path = model.folder / "odd"
        make(path)
        assert said in states(model)["files"][1]
        if path.is_dir() and not path.is_symlink():
            for each in sorted(path.rglob("*"), reverse=True):
                each.rmdir()
            path.rmdir()
        else:
            path.unlink()


def test_a_statement_by_nobody_who_counts_or_out_of_date_is_refused(model: Model, tmp_path: Path) -> None:
    other = public_hex(make_key(tmp_path / "other"))
    given = (*model.files, "--statement", model.statement, "--signer", f"safety={other}", "--at", AT, "--json")
    assert json.loads(run("verify", *given, code=1).stdout)["conditions"][1]["state"] == "refused"
    late = states(model, "--at", "2026-09-01T00:00:00Z")
    assert late["safety training"][0] == late["verification and testing"][0] == "refused"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"system": "other"}, "another system"),
        ({"environment_of_use": USE + " And abroad."}, "another environment of use"),
        ({"results": "7 of 1200"}, "results"),
        ({"owner": "…"}, "owner"),
    ],
    ids=str,
)
def test_a_form_of_something_else_or_with_faults_is_refused(model: Model, changed: dict[str, str], said: str) -> None:
    model.fill(**changed)
    assert said in states(model)["verification and testing"][1]


def test_the_form_is_printed_and_lint_says_what_is_wrong_with_it(model: Model, tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.write_text(run("form").stdout)
    assert "results" in run("lint", empty, "--at", AT, code=1).stdout
    assert json.loads(run("lint", empty, "--at", AT, "--json", code=1).stdout)
    clean = run("lint", model.form, "--at", AT).stdout
    assert "brightline vvt add STATE convoy-1" in clean
    assert json.loads(run("lint", model.form, "--at", AT, "--json").stdout) == []
    tests = tmp_path / "set"
    tests.write_bytes(b"set")
    run("lint", model.form, "--at", AT, "--test-set", tests)
    tests.write_bytes(b"another")
    assert "another digest" in run("lint", model.form, "--at", AT, "--test-set", tests, code=1).stdout
    run("lint", model.form, "--at", AT, "--days-max", "30", code=1)


def test_what_cannot_be_read_is_bad_usage(model: Model) -> None:
    for arguments in (
        ("verify", model.folder, "--key", model.form),
        ("verify", *model.files, "--signer", "safety"),
        ("verify", *model.files, "--signer", "safety=00"),
        ("verify", *model.files, "--at", "tomorrow"),
        ("lint", model.key),
        (
            "state",
            model.folder,
            "--manifest-key",
            model.key,
            "--training",
            model.key,
            "--key",
            model.private,
            "--out",
            "x",
        ),
    ):
        done = CliRunner().invoke(brightline, ["model", *map(str, arguments)])
        assert done.exit_code != 0
        assert not done.stdout


def test_a_statement_is_never_written_over(model: Model) -> None:
    given = (
        "--manifest-key",
        model.key,
        "--training",
        model.training,
        "--key",
        model.private,
        "--out",
        model.statement,
    )
    before = model.statement.read_bytes()
    done = CliRunner().invoke(brightline, ["model", "state", str(model.folder), *map(str, given)])
    assert done.exit_code != 0
    assert model.statement.read_bytes() == before


def test_a_form_and_probes_are_signed_as_the_files_that_people_read(model: Model, tmp_path: Path) -> None:
    probes = tmp_path / "probes.toml"
    probes.write_text(PROBES, "utf-8")
    for kind, file, type_ in (("form", model.form, FORM_TYPE), ("probes", probes, PROBES_TYPE)):
        out = tmp_path / f"{kind}.json"
        run("sign", kind, file, "--key", model.private, "--out", out)
        signer = {"safety": bytes.fromhex(model.signer.partition("=")[2])}
        assert open_paper(out.read_bytes(), type_, signer) == (file.read_bytes(), ["safety"])
        again = CliRunner().invoke(
            brightline, ["model", "sign", kind, str(file), "--key", str(model.private), "--out", str(out)]
        )
        assert isinstance(again.exception, ConfigError)  # nothing is written over
    other = CliRunner().invoke(
        brightline,
        ["model", "sign", "form", str(probes), "--key", str(model.private), "--out", str(tmp_path / "another.json")],
    )
    assert isinstance(other.exception, ConfigError)


def test_a_bill_of_materials_lists_each_file_and_what_is_signed(model: Model, tmp_path: Path) -> None:
    out = tmp_path / "bom.json"
    signed = ("--statement", model.statement, "--signer", model.signer, "--vvt", model.form, "--at", AT)
    run("bom", *model.files, *signed, "--name", "m-7", "--out", out)
    bill = json.loads(out.read_text("utf-8"))
    validator().validate(bill)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    told = bill["metadata"]["component"]
    digest = json.loads(run("verify", *model.files, "--json", code=1).stdout)["digest"]
    assert (told["type"], told["name"], told["version"]) == ("machine-learning-model", "m-7", digest)
    files = {each["name"]: each["hashes"][0]["content"] for each in bill["components"]}
    assert files == {
        name: hashlib.sha256((model.folder / name).read_bytes()).hexdigest()
        for name in ("weights/a.safetensors", "config.json")
    }
    metrics = told["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {each["value"] for each in metrics} == {"996", "1200", "7"}
    assert told["modelCard"]["considerations"]["useCases"] == [f"convoy routing: {USE}"]
    again = run("bom", *model.files, *signed, "--name", "m-7").stdout
    assert json.loads(again) == bill  # the same model at the same moment


def test_a_bill_says_nothing_that_was_not_shown_and_is_not_written_of_what_does_not_verify(model: Model) -> None:
    bare = json.loads(run("bom", *model.files, "--at", AT).stdout)
    assert "modelCard" not in bare["metadata"]["component"]
    model.fill(model="sha256:" + "0" * 64)
    for given in (
        ("--vvt", model.form),
        ("--statement", model.statement),  # of which no signer is accepted
        ("--statement", model.statement, "--signer", model.signer, "--at", "2027-01-01T00:00:00Z"),
    ):
        words = ["model", "bom", *map(str, (*model.files, "--at", AT, *given))]
        assert isinstance(CliRunner().invoke(brightline, words).exception, TrustError)
    (model.folder / "config.json").write_bytes(b"[]")
    refused = CliRunner().invoke(brightline, ["model", "bom", *map(str, model.files)])
    assert isinstance(refused.exception, TrustError)
