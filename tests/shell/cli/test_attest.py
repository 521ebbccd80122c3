# SPDX-License-Identifier: Apache-2.0
"""``brightline attest`` as a person runs it, over files: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brightline.shell.cli.main import brightline

SAMPLES = Path(__file__).parents[2] / "core" / "attestation" / "samples"
NONCE = "230af3f7c0ec43ccf99a4cab47ac61469a36ea74b1e79740fdf8ccfc8f56161a"
NITRO_ROOT = "sha256:641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
AT = "2026-02-03T10:12:02Z"


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(brightline, ["attest", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def printed(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return found


def verified(name: str, kind: str, *more: str, code: int = 0) -> dict[str, Any]:
    return printed("verify", SAMPLES / name, "--kind", kind, *more, code=code)


def measured(name: str, kind: str, *registers: str, parts: tuple[str, ...] = ()) -> str:
    own = verified(name, kind, "--at", AT, *parts, code=1 if parts else 0)["brightline"]["measurements"]
    return "{ " + ", ".join(f'"{each}" = ["{own[each]}"]' for each in registers) + " }"


QUOTE_PARTS = tuple(
    word
    for name, file in (("signature", ".sig"), ("registers", ".pcrs"), ("key", "-key.pem"))
    for word in ("--with", f"{name}={SAMPLES / f'tpm-nitrotpm{file}'}")
)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy for the NitroTPM instance of the samples: its document, and the quote by the key that this binds."""
    file = tmp_path / "policy.toml"
    quoted = measured("tpm-nitrotpm.quote", "tpm", "sha384:4", "sha384:7", parts=QUOTE_PARTS)
    documented = measured("nitrotpm.cbor", "nitrotpm", "pcr4", "pcr7")
    file.write_text(
        f"""version = 1
age_seconds_max = 300
[[accept]]
name = "the operator's document"
kind = "nitrotpm"
states = ["surface", "stack_on"]
issuers = ["{NITRO_ROOT}"]
regions = ["us-east-2", "us-east-1"]
measurements = {documented}
[[accept]]
name = "the quote of its key"
kind = "tpm"
states = ["stack_on"]
bound_by = ["nitrotpm"]
measurements = {quoted}
conditions = {{ key_restricted = ["unknown"] }}
"""
    )
    return file


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for path in SAMPLES.glob("*nitrotpm*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file = tmp_path / "evidence.toml"
    file.write_text(
        """[[evidence]]
kind = "nitrotpm"
file = "nitrotpm.cbor"
[[evidence]]
kind = "tpm"
file = "tpm-nitrotpm.quote"
parts = { signature = "tpm-nitrotpm.sig", registers = "tpm-nitrotpm.pcrs", key = "tpm-nitrotpm-key.pem" }
"""
    )
    return file


def test_authentic_evidence_is_said_to_be_that_and_no_more() -> None:
    done = run("verify", SAMPLES / "nitrotpm.cbor", "--kind", "nitrotpm", "--at", AT)
    assert "Authentic. No nonce was compared" in done.stdout
    claims = verified("nitrotpm.cbor", "nitrotpm", "--at", AT, "--nonce", NONCE)
    assert claims["brightline_result"] == {"tier": "warning", "nonce_compared": True}
    assert claims["brightline"]["place"]["provider"] == "aws"
    assert claims["iat"] == 1770113522


def test_a_quote_by_a_key_for_which_nobody_vouches_is_shown_and_is_not_authentic() -> None:
    found = verified("tpm-nitrotpm.quote", "tpm", "--at", AT, "--nonce", NONCE, *QUOTE_PARTS, code=1)
    assert found["brightline_result"] == {"tier": "none", "nonce_compared": True}
    told = run("verify", SAMPLES / "tpm-nitrotpm.quote", "--kind", "tpm", *QUOTE_PARTS, "--at", AT, code=1).stdout
    assert "nobody vouches" in told
    assert "Authentic" not in told


def test_refused_evidence_ends_with_one_and_names_its_fault() -> None:
    for more, fault in (
        (("--at", "2026-02-03T14:00:00Z"), "expired"),
        (("--at", "1"), "not-yet"),
        (("--at", AT, "--nonce", "00" * 32), "wrong-nonce"),
    ):
        assert verified("nitrotpm.cbor", "nitrotpm", *more, code=1)["brightline_result"]["fault"] == fault
    done = run("verify", SAMPLES / "tdx.dat", "--kind", "nitro", "--at", AT, code=1)
    assert done.stdout.startswith("Refused (nitro): malformed")


def test_now_is_when_nothing_is_said_and_the_samples_are_over() -> None:
    assert verified("nitrotpm.cbor", "nitrotpm", code=1)["brightline_result"]["fault"] == "expired"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--at", "yesterday"),
        ("--at", "2026-02-03T10:12:02"),
        ("--nonce", "xyz"),
        ("--with", "signature"),
        ("--with", "=x"),
        ("--with", "a=pyproject.toml", "--with", "a=pyproject.toml"),
        ("--policy", "pyproject.toml"),
        ("--kind", "sgx"),
    ],
)
def test_bad_usage_ends_with_two(wrong: tuple[str, ...]) -> None:
    run("verify", SAMPLES / "nitrotpm.cbor", "--kind", "nitrotpm", *wrong, code=2)


def test_a_document_is_appraised_alone(policy: Path) -> None:
    found = verified("nitrotpm.cbor", "nitrotpm", "--at", AT, "--nonce", NONCE, "--policy", str(policy))
    assert found["brightline"]["tier"] == "affirming"
    assert found["brightline"]["facts"] == {"stack_on": "yes", "surface": "provider_cloud"}
    more = ("--at", AT, "--nonce", NONCE, "--policy", str(policy))
    refused = printed("verify", SAMPLES / "tpm-nitrotpm.quote", "--kind", "tpm", *QUOTE_PARTS, *more, code=1)
    assert [each["fault"] for each in refused["brightline"]["refused"]] == ["unendorsed"]


def test_a_machine_is_appraised_by_all_its_evidence(policy: Path, manifest: Path) -> None:
    given = (manifest, "--policy", policy, "--at", AT, "--nonce")
    found = printed("appraise", *given, NONCE)
    assert found["brightline"]["facts"] == {"stack_on": "yes", "surface": "provider_cloud"}
    assert found["submods"].keys() == {"the operator's document", "the quote of its key"}
    told = run("appraise", *given, NONCE).stdout
    assert "affirming" in told
    assert "provider_cloud" in told
    refused = printed("appraise", *given, "00" * 32, code=1)
    assert {each["fault"] for each in refused["brightline"]["refused"]} == {"wrong-nonce"}
    assert set(refused["brightline"]["facts"].values()) == {"unknown"}


def test_a_key_and_counters_can_be_asked_for(policy: Path, manifest: Path) -> None:
    given = (manifest, "--policy", policy, "--at", AT, "--nonce", NONCE)
    key = verified("nitrotpm.cbor", "nitrotpm", "--at", AT)["brightline"]["key"]
    printed("appraise", *given, "--key", key, "--after", "3.0.64505")
    assert printed("appraise", *given, "--key", "00", code=1)["brightline"]["refused"][-1]["fault"] == "wrong-key"
    behind = printed("appraise", *given, "--after", "3.0.64506", code=1)
    assert behind["brightline"]["refused"][0]["fault"] == "went-back"
    run("appraise", *given, "--after", "3.0", code=2)


def test_a_fact_that_stays_unknown_ends_with_one(policy: Path, tmp_path: Path, manifest: Path) -> None:
    text = policy.read_text().replace('states = ["surface", "stack_on"]', 'states = ["stack_on"]', 1)
    policy.write_text(text)
    found = printed("appraise", manifest, "--policy", policy, "--at", AT, "--nonce", NONCE, code=1)
    assert found["brightline"]["tier"] == "affirming"
    assert found["brightline"]["facts"] == {"stack_on": "yes", "surface": "unknown"}
    assert found["brightline"]["notes"]


def test_one_piece_that_is_not_authentic_refuses_all(policy: Path, manifest: Path) -> None:
    quote = manifest.parent / "tpm-nitrotpm.quote"
    quote.write_bytes(quote.read_bytes()[:-1] + b"\0")
    found = printed("appraise", manifest, "--policy", policy, "--at", AT, "--nonce", NONCE, code=1)
    assert found["brightline_result"]["fault"] == "bad-signature"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "evidence = []",
        '[[evidence]]\nkind = "sgx"\nfile = "x"',
        '[[evidence]]\nkind = "tdx"\nfile = "x"\nsurplus = 1',
    ],
)
def test_a_manifest_that_is_none_is_bad_usage(text: str, policy: Path, manifest: Path) -> None:
    manifest.write_text(text)
    done = CliRunner().invoke(
        brightline, ["attest", "appraise", str(manifest), "--policy", str(policy), "--nonce", NONCE]
    )
    assert done.exit_code != 0
    assert not done.stdout


def test_roots_of_a_folder_stand_in_for_ours(tmp_path: Path) -> None:
    import brightline.shell.trust.roots as shipped

    text = (shipped.shipped_roots() / "roots.toml").read_text()
    folder = tmp_path / "roots"
    folder.mkdir()
    for path in shipped.shipped_roots().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    run("verify", SAMPLES / "nitrotpm.cbor", "--kind", "nitrotpm", "--at", AT, "--roots", folder)
    first, _, rest = text.partition("[[root]]")[2].partition("[[root]]")
    assert "Nitro" in first
    (folder / "roots.toml").write_text("[[root]]" + rest)
    done = run("verify", SAMPLES / "nitrotpm.cbor", "--kind", "nitrotpm", "--at", AT, "--roots", folder, code=1)
    assert "wrong-root" in done.stdout


def test_a_later_policy_that_asks_for_less_is_named_with_both_digests(policy: Path, tmp_path: Path) -> None:
    after = tmp_path / "after.toml"
    after.write_text(policy.read_text().replace('"us-east-2", "us-east-1"', '"us-east-2"'))
    assert "No looser" in run("compare", policy, after).stdout
    found = printed("compare", after, policy, code=1)
    assert found["before"] != found["after"]
    assert found["looser"] == [
        'entry "the operator\'s document": regions are wider than in "the operator\'s document"'
    ]
    assert "Looser: " in run("compare", after, policy, code=1).stdout
