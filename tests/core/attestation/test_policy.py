# SPDX-License-Identifier: Apache-2.0
"""A policy that would ask for too little is refused when it is read; one that is read is the same however written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from brightline.core.attestation.claims import Kind
from brightline.core.attestation.policy import CONDITIONS, MEASURED, STACK_ON, SURFACE, read_policy
from brightline.core.errors import ConfigError
from tests.core.attestation.policies import Entry, policy

ROOT = "sha256:" + "a" * 64
NITRO: Entry = {
    "name": "n",
    "kind": "nitro",
    "states": [STACK_ON, SURFACE],
    "issuers": [ROOT],
    "regions": ["us-gov-west-1"],
    "measurements": {"pcr0": ["00"]},
}
SNP: Entry = {
    "name": "s",
    "kind": "snp",
    "states": [STACK_ON],
    "issuers": [ROOT],
    "products": ["Genoa"],
    "measurements": {"measurement": ["00"]},
    "tcb": {"least": {"bl": 1}},
}
TDX: Entry = {
    "name": "t",
    "kind": "tdx",
    "states": [STACK_ON],
    "issuers": [ROOT],
    "measurements": {"mrtd": ["00"], "rtmr1": ["00"], "rtmr2": ["00"]},
    "tcb": {"status": ["UpToDate"]},
}
SPACE: Entry = {
    "name": "g",
    "kind": "gcp-space",
    "states": [STACK_ON],
    "issuers": [ROOT],
    "audiences": ["brightline"],
    "measurements": {"image_digest": ["00"]},
}


def without(entry: Entry, name: str) -> Entry:
    return {key: value for key, value in entry.items() if key != name}


@pytest.mark.parametrize("entry", [NITRO, SNP, TDX, SPACE], ids=lambda each: str(each["kind"]))
def test_a_policy_that_asks_for_enough_is_read(entry: Entry) -> None:
    assert policy(entry).accept[0].kind == entry["kind"]


TOO_LITTLE: list[tuple[Entry, str]] = [
    (without(NITRO, "issuers"), "names nobody who vouches"),
    (without(NITRO, "measurements"), "leaves out measurements: pcr0"),
    (NITRO | {"measurements": {"pcr1": ["00"]}}, "leaves out measurements: pcr0"),
    (without(NITRO, "regions"), "names no regions"),
    (NITRO | {"states": ["surface", "lawful"]}, "states something else"),
    (NITRO | {"states": ["surface", "surface"]}, "each once"),
    (NITRO | {"signers": [ROOT]}, "for quotes of a TPM alone"),
    (NITRO | {"bound_by": ["tpm"]}, "for quotes of a TPM alone"),
    (NITRO | {"kind": "tpm", "measurements": {}}, "leaves out measurements: all of them"),
    (NITRO | {"kind": "ec2-identity"}, "does not measure"),
    (NITRO | {"kind": "gce-identity", "states": [SURFACE]}, "names no audiences"),
    (without(SPACE, "audiences"), "names no audiences"),
    (without(SNP, "tcb"), "how old a platform may be"),
    (SNP | {"tcb": {}}, "no least security versions"),
    (without(SNP, "products"), "names no products"),
    (without(TDX, "tcb"), "how old a platform may be"),
    (TDX | {"tcb": {"least": {"module": 3}}}, "no status of Intel's lists"),
    (TDX | {"states": [STACK_ON, SURFACE], "regions": ["x"]}, "says nothing"),
]


@pytest.mark.parametrize(("entry", "said"), TOO_LITTLE, ids=lambda each: each if isinstance(each, str) else "")
def test_an_entry_that_asks_for_too_little_is_refused(entry: Entry, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        policy(entry)


@pytest.mark.parametrize(
    "change",
    [
        {"surplus": 1},
        {"debug": "on"},
        {"issuers": ["aws"]},
        {"issuers": ["sha256:" + "A" * 64]},
        {"measurements": {"pcr0": []}},
        {"measurements": {"pcr0": "00"}},
        {"conditions": {"vmpl": []}},
        {"kind": "sgx"},
        {"states": []},
        {"name": ""},
    ],
    ids=str,
)
def test_what_is_not_understood_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no attestation policy"):
        policy(NITRO | change)


@pytest.mark.parametrize("text", [b"", b"\xff", b"version = 2", b"version = 1\nage_seconds_max = 300\naccept = []"])
def test_a_text_that_is_no_policy_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError, match="policy"):
        read_policy(text, "p")
    with pytest.raises(ConfigError, match="bytes"):
        read_policy(b"#" * 300_000, "p")


def test_ages_and_names_have_bounds() -> None:
    with pytest.raises(ConfigError, match="age_seconds_max"):
        policy(NITRO, age_seconds_max=86_400)
    with pytest.raises(ConfigError, match="two entries"):
        policy(NITRO, NITRO)


def test_its_digest_is_of_what_it_says_and_not_of_how_it_is_written() -> None:
    turned = dict(reversed(NITRO.items()))
    assert policy(NITRO).digest == policy(turned).digest
    assert policy(NITRO).digest != policy(NITRO | {"regions": ["us-gov-east-1"]}).digest


def test_every_kind_has_its_defaults_and_a_stated_default_is_the_entrys_own() -> None:
    assert CONDITIONS.keys() == MEASURED.keys() == set(Kind)
    assert policy(SNP).accept[0].demanded == {"vmpl": ("0",), "migration": ("no",)}
    other = policy(SNP | {"conditions": {"vmpl": ["0", "1"]}}).accept[0].demanded
    assert other == {"vmpl": ("0", "1"), "migration": ("no",)}


def test_the_policy_of_the_page_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "attestation.md").read_text("utf-8")
    [text] = [block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "age_seconds_max" in block]
    assert [entry.kind for entry in read_policy(text.encode(), "page").accept] == [Kind.NITRO, Kind.SNP]
