# SPDX-License-Identifier: Apache-2.0
"""OpenSSF Model Signing: what the reference implementation signed is believed, and nothing that differs from it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.errors import TrustError
from brightline.core.screening.oms import PAYLOAD_TYPE, check_files, key_hint, read_public_key, sign_files

KEY = ec.generate_private_key(ec.SECP256R1())
FILES = {"model.onnx": hashlib.sha256(b"weights").hexdigest(), "release.toml": hashlib.sha256(b"frame").hexdigest()}
FRAME = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
RESOURCE = {"name": "a", "algorithm": "sha256", "digest": "0" * 64}
# Made by model-signing 1.1.1 (use_elliptic_key_signer) over a folder with a.bin ("aaaaaaaaaa") and b.txt ("b").
REFERENCE_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEg78T+v0gOf7ZQifTelsBJhPy76xE
Tn18bdxo87jIdwNV3rev7CHTD3Bw9XGjqKp3AQDTXe8Pn/FyH4wgQZukEw==
-----END PUBLIC KEY-----
"""
REFERENCE = (
    '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":'
    '"296729f7c35cc43df0b67a14f4e1ae877248a4ccb54b4074522c1895afa6de9d"},"tlogEntries":[]},"dsseEnvelope":{"pa'
    'yload":"ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IFsKICAgIHsKICAgI'
    "CAgIm5hbWUiOiAibSIsCiAgICAgICJkaWdlc3QiOiB7CiAgICAgICAgInNoYTI1NiI6ICJjMGFkNTIwOGYyZjg3ODAxNmZhODVlNTc2OT"
    "MwY2VmMmU2NmViMjFlMTZmOGY4NWEyM2QyZTM2Y2M1M2EyM2M3IgogICAgICB9CiAgICB9CiAgXSwKICAicHJlZGljYXRlVHlwZSI6ICJ"
    "odHRwczovL21vZGVsX3NpZ25pbmcvc2lnbmF0dXJlL3YxLjAiLAogICJwcmVkaWNhdGUiOiB7CiAgICAic2VyaWFsaXphdGlvbiI6IHsK"
    "ICAgICAgIm1ldGhvZCI6ICJmaWxlcyIsCiAgICAgICJoYXNoX3R5cGUiOiAic2hhMjU2IiwKICAgICAgImFsbG93X3N5bWxpbmtzIjogZ"
    "mFsc2UsCiAgICAgICJpZ25vcmVfcGF0aHMiOiBbCiAgICAgICAgIi5naXRhdHRyaWJ1dGVzIiwKICAgICAgICAiLmdpdCIsCiAgICAgIC"
    "AgIi5naXRpZ25vcmUiLAogICAgICAgICIuZ2l0aHViIgogICAgICBdCiAgICB9LAogICAgInJlc291cmNlcyI6IFsKICAgICAgewogICA"
    "gICAgICJkaWdlc3QiOiAiYmYyY2I1OGE2OGY2ODRkOTVhM2I3OGVmOGY2NjFjOWE0ZTViMDllODJjYzhmOWNjODhjY2U5MDUyOGNhZWIy"
    "NyIsCiAgICAgICAgIm5hbWUiOiAiYS5iaW4iLAogICAgICAgICJhbGdvcml0aG0iOiAic2hhMjU2IgogICAgICB9LAogICAgICB7CiAgI"
    "CAgICAgImRpZ2VzdCI6ICIzZTIzZTgxNjAwMzk1OTRhMzM4OTRmNjU2NGUxYjEzNDhiYmQ3YTAwODhkNDJjNGFjYjczZWVhZWQ1OWMwMD"
    "lkIiwKICAgICAgICAibmFtZSI6ICJiLnR4dCIsCiAgICAgICAgImFsZ29yaXRobSI6ICJzaGEyNTYiCiAgICAgIH0KICAgIF0KICB9Cn0"
    '=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"MEUCICFoehRDZz5x45YCERVvWnUnbxE4DpW'
    'YkFT4jx3ldLp3AiEAqVbo0TJMnsKCNxiSorSEmYrjKLxhaeMphKTH3OQa/OA=","keyid":""}]}}'
)


def bundle(**changed: Any) -> bytes:
    """A bundle by our key over a payload with some members changed."""
    made = json.loads(sign_files("m", FILES, KEY))
    payload = json.loads(base64.b64decode(made["dsseEnvelope"]["payload"]))
    payload["predicate"] |= changed.pop("predicate", {})
    payload |= changed
    raw = json.dumps(payload).encode()
    pae = b"DSSEv1 %d %s %d " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(raw)) + raw
    signature = KEY.sign(pae, ec.ECDSA(hashes.SHA256()))
    made["dsseEnvelope"]["payload"] = base64.b64encode(raw).decode()
    made["dsseEnvelope"]["signatures"] = [{"sig": base64.b64encode(signature).decode(), "keyid": ""}]
    return json.dumps(made).encode()


def test_what_the_reference_implementation_signed_is_read() -> None:
    found = {"a.bin": hashlib.sha256(b"a" * 10).hexdigest(), "b.txt": hashlib.sha256(b"b").hexdigest()}
    key = read_public_key(REFERENCE_KEY.encode())
    check_files(REFERENCE.encode(), key, {**found, "model.sig": "0" * 64})
    assert json.loads(REFERENCE)["verificationMaterial"]["publicKey"]["hint"] == key_hint(key)


def test_what_we_sign_is_read_again() -> None:
    check_files(sign_files("m", FILES, KEY), KEY.public_key(), FILES)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({**FILES, "more.bin": "0" * 64}, "were signed by nobody: more.bin"),
        ({"model.onnx": FILES["model.onnx"]}, "are not there: release.toml"),
        ({**FILES, "model.onnx": "0" * 64}, "are not those that were signed: model.onnx"),
    ],
)
def test_a_file_more_less_or_changed_is_refused(found: dict[str, str], why: str) -> None:
    with pytest.raises(TrustError, match=why):
        check_files(sign_files("m", FILES, KEY), KEY.public_key(), found)


def test_another_key_did_not_sign_it() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(TrustError, match="was not signed by the key with hint"):
        check_files(sign_files("m", FILES, KEY), other, FILES)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"predicateType": "https://model_signing/Digests/v0.1"}, "another kind of statement"),
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "another kind of statement"),
        ({"subject": [{"name": "m", "digest": {"sha256": "0" * 64}}]}, "not consistent"),
        ({"subject": []}, "not consistent"),
        ({"predicate": {"resources": []}}, "not consistent"),
        ({"predicate": {"serialization": {**FRAME, "method": "shards"}}}, "shards"),
        ({"predicate": {"resources": [{**RESOURCE, "digest": "00"}]}}, "signs no list of files"),
        ({"predicate": {"resources": [{**RESOURCE, "algorithm": "md5"}]}}, "another digest"),
        ({"predicate": {"resources": [RESOURCE] * 2}}, "a file twice"),
    ],
)
def test_a_statement_of_another_form_is_refused_though_it_is_signed(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(TrustError, match=why):
        check_files(bundle(**changed), KEY.public_key(), FILES)


def test_what_says_to_ignore_files_is_not_followed() -> None:
    frame = {"method": "files", "hash_type": "sha256", "allow_symlinks": True, "ignore_paths": ["more.bin"]}
    check_files(bundle(predicate={"serialization": frame}), KEY.public_key(), FILES)
    with pytest.raises(TrustError, match="were signed by nobody: more.bin"):
        check_files(bundle(predicate={"serialization": frame}), KEY.public_key(), {**FILES, "more.bin": "0" * 64})


@pytest.mark.parametrize("data", [b"{}", b"[", b"x" * 2_000_000])
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(TrustError, match=r"model\.sig"):
        check_files(data, KEY.public_key(), FILES)


def test_other_kinds_of_key_are_refused() -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    for pem in (other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), b"no key"):
        with pytest.raises(TrustError):
            read_public_key(pem)
