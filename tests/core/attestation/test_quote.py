# SPDX-License-Identifier: Apache-2.0
"""TPM quotes and event logs that no honest machine would make, signed by a key of our own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.attestation.chain import Root, RootFor, sha256_of
from brightline.core.attestation.claims import Claims, Counters, Place
from brightline.core.attestation.event_log import EV_EFI_VARIABLE_DRIVER_CONFIG, EV_NO_ACTION, read_log, secure_boot
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.quote import GOOGLE_INSTANCE, TpmEvidence, verify_quote
from brightline.core.attestation.tpm import read_public, read_quote
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.forge import AT, event, issue, log_head, make_key, public, quote, selection, signed, sized
from tests.core.attestation.samples import TPM_GOOGLE, TPM_LOGGED, TPM_OWN

REGISTERS = b"".join(bytes([index + 1]) * 32 for index in range(8))


@cache
def own() -> ec.EllipticCurvePrivateKey:
    return make_key(ec.SECP256R1())


def verified(attest: bytes | None = None, roots: tuple[Root, ...] = (), **changed: bytes) -> Claims:
    attest = quote(REGISTERS) if attest is None else attest
    parts = {"signature": signed(attest, own()), "registers": REGISTERS, "key": public(own())}
    return verify_quote(TpmEvidence(attest=attest, **(parts | changed)), roots, AT)


def fault(attest: bytes | None = None, roots: tuple[Root, ...] = (), **changed: bytes) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verified(attest, roots, **changed)
    return caught.value.fault


def test_a_quote_in_order_says_its_registers_and_counters_and_nobody_vouches_for_it() -> None:
    claims = verified()
    assert claims.measured["sha256:7"] == "08" * 32
    assert claims.counters == Counters(2, 1, 9)
    assert claims.nonces == (b"n" * 32,)
    assert (claims.issuer, claims.place) == ("", None)
    assert dict(claims.conditions)["key_restricted"] == "yes"
    assert verified(quote(REGISTERS, extra=b"")).nonces == ()
    assert dict(verified(quote(REGISTERS, safe=0)).conditions)["clock_safe"] == "no"


WRONG: dict[str, tuple[dict[str, Any], Fault]] = {
    "another magic": ({"magic": 0xFF544348}, Fault.MALFORMED),
    "a certificate of a key, and no quote": ({"kind": 0x8017}, Fault.UNSUPPORTED),
    "a byte behind it": ({"tail": b"\0"}, Fault.MALFORMED),
    "a nonce that is too long": ({"extra": bytes(65)}, Fault.MALFORMED),
    "a yes that is two": ({"safe": 2}, Fault.MALFORMED),
    "no bank": ({"selected": selection()}, Fault.MALFORMED),
    "nothing of a bank": ({"selected": selection((0x0B, bytes(3)))}, Fault.MALFORMED),
    "a bank twice": ({"selected": selection((0x0B, b"\x01"), (0x0B, b"\x02"))}, Fault.MALFORMED),
    "five banks": ({"selected": selection(*[(0x0B, b"\x01")] * 5)}, Fault.MALFORMED),
    "register 24": ({"selected": selection((0x0B, b"\0\0\0\x01"))}, Fault.MALFORMED),
    "a selection of nine bytes": ({"selected": selection((0x0B, b"\x01" * 9))}, Fault.MALFORMED),
    "registers in SHA-1": ({"selected": selection((0x04, b"\x01"))}, Fault.WEAK_HASH),
    "registers in a hash of nobody's": ({"selected": selection((0x99, b"\x01"))}, Fault.UNSUPPORTED),
    "another digest": ({"digest": bytes(32)}, Fault.INCONSISTENT),
    "no digest": ({"digest": b""}, Fault.INCONSISTENT),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_quote_that_is_signed_and_wrong_is_refused(what: str) -> None:
    changed, expected = WRONG[what]
    assert fault(quote(REGISTERS, **changed)) == expected


def test_registers_must_be_all_those_whose_digest_was_signed_in_their_order() -> None:
    swapped = REGISTERS[32:64] + REGISTERS[:32] + REGISTERS[64:]
    assert fault(registers=swapped) == Fault.INCONSISTENT
    assert fault(registers=REGISTERS[:-32]) == Fault.MALFORMED
    assert fault(registers=REGISTERS + bytes(32)) == Fault.MALFORMED
    assert fault(registers=b"") == Fault.MALFORMED


@pytest.mark.parametrize("scheme", [0x0000, 0x0005, 0x0010, 0x0014, 0x0016, 0x001A, 0xFFFF])
def test_a_signature_of_another_scheme_is_refused(scheme: int) -> None:
    attest = quote(REGISTERS)
    assert fault(attest, signature=signed(attest, own(), scheme=scheme)) in {Fault.UNSUPPORTED, Fault.MALFORMED}


@pytest.mark.parametrize(
    ("hashed", "expected"),
    [(0x04, Fault.WEAK_HASH), (0x0C, Fault.BAD_SIGNATURE), (0x00, Fault.UNSUPPORTED), (0x10, Fault.UNSUPPORTED)],
)
def test_a_signature_over_another_hash_is_refused(hashed: int, expected: Fault) -> None:
    attest = quote(REGISTERS)
    assert fault(attest, signature=signed(attest, own(), hashed=hashed)) == expected


def test_signatures_that_are_none_are_refused() -> None:
    attest = quote(REGISTERS)
    good = signed(attest, own())
    zero = good[:4] + sized(bytes(32)) + sized(bytes(32))
    for signature in (b"", good[:-1], good + b"\0", zero, good[:4] + sized(b"") * 2, bytes(2_000)):
        fault(attest, signature=signature)
    assert fault(attest, signature=signed(attest, make_key(ec.SECP256R1()))) == Fault.BAD_SIGNATURE
    assert fault(attest, signature=signed(quote(REGISTERS, extra=b"m"), own())) == Fault.BAD_SIGNATURE


KEYS: dict[str, tuple[dict[str, Any], Fault]] = {
    "one that anybody could use": ({"attributes": 0x40072}, Fault.UNSUPPORTED),  # not restricted
    "one that may leave": ({"attributes": 0x50070}, Fault.UNSUPPORTED),  # not fixedTPM
    "one from outside": ({"attributes": 0x50052}, Fault.UNSUPPORTED),  # not made in the TPM
    "one that does not sign": ({"attributes": 0x10072}, Fault.UNSUPPORTED),
    "one that decrypts": ({"attributes": 0x70072}, Fault.UNSUPPORTED),
    "one of another kind": ({"kind": 0x08}, Fault.UNSUPPORTED),
    "one with a symmetric part": ({"symmetric": 0x06}, Fault.UNSUPPORTED),
    "one on another curve": ({"curve": 0x20}, Fault.UNSUPPORTED),
    "one on a curve of another size": ({"curve": 4}, Fault.MALFORMED),
    "one that derives": ({"kdf": 0x20}, Fault.UNSUPPORTED),
    "one that is named in SHA-1": ({"name_hash": 0x04}, Fault.WEAK_HASH),
}


@pytest.mark.parametrize("what", KEYS)
def test_a_key_that_may_sign_what_no_tpm_said_is_refused(what: str) -> None:
    changed, expected = KEYS[what]
    assert fault(key=public(own(), **changed)) == expected


def test_a_key_is_read_with_and_without_its_length_and_in_no_other_form() -> None:
    key = public(own())
    assert read_public(key) == read_public(sized(key))
    for data in (key + b"\0", key[:-1], sized(key) + b"\0", b"", b"\0"):
        assert fault(key=data) in {Fault.MALFORMED, Fault.UNSUPPORTED}
    pem = own().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert dict(verified(key=pem).conditions)["key_restricted"] == "unknown"
    assert fault(key=b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n") == Fault.MALFORMED
    outside = make_key(ec.SECP256K1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert fault(key=outside) == Fault.WEAK_KEY


def test_without_key_and_chain_nobody_vouches() -> None:
    attest = quote(REGISTERS)
    with pytest.raises(EvidenceRefused, match="unendorsed"):
        verify_quote(TpmEvidence(attest, signed(attest, own()), REGISTERS), (), AT)


def test_a_chain_vouches_for_its_key_and_for_no_other() -> None:
    root = issue("root", None)
    leaf = issue("ak", root, ca=False, sign=False, key=own())
    pinned = (Root("ours", RootFor.TPM, "", sha256_of(root.certificate), root.certificate),)
    claims = verified(roots=pinned, chain=leaf.der)
    assert claims.issuer == f"sha256:{pinned[0].sha256}"
    other = issue("ak", root, ca=False, sign=False, key=make_key(ec.SECP256R1()))
    assert fault(roots=pinned, chain=other.der) == Fault.INCONSISTENT
    attest = quote(REGISTERS)
    with pytest.raises(EvidenceRefused, match="bad-signature"):
        verify_quote(TpmEvidence(attest, signed(attest, own()), REGISTERS, chain=other.der), pinned, AT)
    assert fault(chain=leaf.der) == Fault.WRONG_ROOT


def google(*, production: bytes = b"\xff", zone: bytes = b"us-east4-a") -> Claims:
    def tagged(tag: int, content: bytes) -> bytes:
        return bytes([tag, len(content)]) + content

    properties = tagged(0x30, tagged(0xA0, b"\x02\x01\x00") + tagged(0xA1, b"\x01\x01" + production))
    fields = tagged(0x0C, zone) + b"\x02\x01\x07" + tagged(0x0C, b"project") + b"\x02\x01\x09" + tagged(0x0C, b"name")
    value = tagged(0x30, fields + (tagged(0xA0, properties) if production else b""))
    root = issue("root", None)
    named = x509.UnrecognizedExtension(x509.ObjectIdentifier(GOOGLE_INSTANCE), value)
    leaf = issue("ak", root, ca=False, sign=False, key=own(), more=[named])
    pinned = (Root("ours", RootFor.TPM, "", sha256_of(root.certificate), root.certificate),)
    return verified(roots=pinned, chain=leaf.der)


def test_a_certificate_of_googles_names_a_place_if_its_instance_is_of_production() -> None:
    assert google().place == Place("gcp", "us-east4", "us-east4-a", "project")
    assert google().instance == "9"
    for production in (b"\0", b"\1", b""):
        assert google(production=production).place is None
    with pytest.raises(EvidenceRefused, match="malformed"):
        google(zone=b"somewhere")


def test_the_chain_of_another_machine_does_not_vouch_for_this_quote() -> None:
    with pytest.raises(EvidenceRefused, match="inconsistent"):
        TPM_OWN.verify(parts={"chain": TPM_GOOGLE.evidence.parts["chain"]}, at=TPM_GOOGLE.at)


def test_quotes_by_rsa_keys_verify_in_either_padding_and_not_below_2048_bits() -> None:
    key = rsa.generate_private_key(65_537, 2_048)
    attest = quote(REGISTERS)
    numbers = key.public_key().public_numbers()
    head = bytes.fromhex("0001000b00050072") + sized(b"") + bytes.fromhex("001000140 00b".replace(" ", ""))
    area = head + (2_048).to_bytes(2, "big") + bytes(4) + sized(numbers.n.to_bytes(256, "big"))
    for scheme, pad in (
        (0x14, padding.PKCS1v15()),
        (0x16, padding.PSS(padding.MGF1(hashes.SHA256()), 32)),
    ):
        made = scheme.to_bytes(2, "big") + b"\x00\x0b" + sized(key.sign(attest, pad, hashes.SHA256()))
        assert verified(attest, key=area, signature=made).counters == Counters(2, 1, 9)
        assert fault(attest, key=area, signature=made[:-1] + bytes([made[-1] ^ 1])) == Fault.BAD_SIGNATURE
    assert fault(attest, key=area) == Fault.UNSUPPORTED  # a signature on a curve by an RSA key
    weak = head + (1_024).to_bytes(2, "big") + bytes(4) + sized(numbers.n.to_bytes(256, "big")[:128])
    assert fault(attest, key=weak) == Fault.WEAK_KEY


# ---- the event log -------------------------------------------------------------------------------------------------


def extended(*events: tuple[int, bytes], first: bytes = bytes(32)) -> bytes:
    values = [first] + [bytes(32)] * 7
    for register, data in events:
        values[register] = hashlib.sha256(values[register] + hashlib.sha256(data).digest()).digest()
    return b"".join(values)


def logged(log: bytes, registers: bytes) -> Claims:
    return verified(quote(registers), registers=registers, log=log)


BOOTED = ((0, b"firmware"), (4, b"loader"), (7, b"keys"))
LOG = log_head() + b"".join(event(register, 1, data) for register, data in BOOTED)


def mismatched(log: bytes, registers: bytes = extended(*BOOTED)) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        logged(log, registers)
    return caught.value.fault


def test_a_log_that_leads_to_the_registers_is_taken_and_padding_behind_it_is_none_of_it() -> None:
    for tail in (b"", bytes(64), b"\xff" * 64):
        assert dict(logged(LOG + tail, extended(*BOOTED)).conditions)["secure_boot"] == "unknown"


def test_an_event_that_is_dropped_added_moved_or_changed_is_seen() -> None:
    first, second, third = (event(register, 1, data) for register, data in BOOTED)
    head = log_head()
    for log in (
        head + second + third,
        head + first + second + third + event(5, 1, b"more"),
        head + first + second + event(6, 1, b"keys"),
        head + first + second + event(7, 1, b"other keys"),
        head + first + first + second + third,
        head,
    ):
        assert mismatched(log) == Fault.LOG_MISMATCH
    once, twice = ((4, b"a"), (4, b"b")), ((4, b"b"), (4, b"a"))
    turned = head + b"".join(event(register, 1, data) for register, data in twice)
    assert mismatched(turned, extended(*once)) == Fault.LOG_MISMATCH


def test_an_event_that_extends_nothing_changes_nothing_and_the_locality_does() -> None:
    silent = LOG + event(0, EV_NO_ACTION, b"hello") + event(0xFFFFFFFF, EV_NO_ACTION, b"hello")
    logged(silent, extended(*BOOTED))
    started = log_head() + event(0, EV_NO_ACTION, b"StartupLocality\0\x03") + LOG[len(log_head()) :]
    logged(started, extended(*BOOTED, first=bytes(31) + b"\x03"))
    assert mismatched(started) == Fault.LOG_MISMATCH
    assert mismatched(log_head() + event(0, EV_NO_ACTION, b"StartupLocality\0\x07")) == Fault.MALFORMED
    assert mismatched(started + event(0, EV_NO_ACTION, b"StartupLocality\0\x03")) == Fault.MALFORMED


def test_a_log_that_has_no_register_in_common_with_the_quote_is_refused() -> None:
    attest = quote(bytes(32), selected=selection((0x0B, b"\0\x01\0")))
    with pytest.raises(EvidenceRefused, match="log-mismatch"):
        verified(attest, registers=bytes(32), log=LOG)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (b"", Fault.MALFORMED),
        (LOG[:40], Fault.MALFORMED),
        (LOG[:-1], Fault.MALFORMED),
        (LOG + b"\x01", Fault.MALFORMED),
        (LOG + event(24, 1, b"x"), Fault.MALFORMED),
        (bytes(300_000), Fault.TOO_LARGE),
        (log_head(((0x04, 20),)), Fault.WEAK_HASH),
        (log_head(((0x0B, 20),)), Fault.UNSUPPORTED),
        (log_head(((0x0B, 32), (0x0B, 32))), Fault.UNSUPPORTED),
        (log_head(()), Fault.MALFORMED),
        (log_head(((0x0C, 48),)), Fault.LOG_MISMATCH),
        (LOG.replace(b"\x01\0\0\0\x0b\0", b"\x02\0\0\0\x0b\0"), Fault.MALFORMED),
        (log_head() + LOG[len(log_head()) :].replace(b"\x01\0\0\0\x0b\0", b"\x01\0\0\0\x0c\0"), Fault.MALFORMED),
        (bytes(4) + b"\x01\0\0\0" + bytes(20) + b"\x01\0\0\0x", Fault.WEAK_HASH),  # an event of the old form
    ],
    ids=range(14),
)
def test_logs_that_are_none_are_refused(log: bytes, expected: Fault) -> None:
    assert mismatched(log) == expected


def variable(value: bytes, name: str = "SecureBoot") -> bytes:
    wide = name.encode("utf-16-le")
    head = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c") + len(name).to_bytes(8, "little")
    return head + len(value).to_bytes(8, "little") + wide + value


def boot(*events: tuple[int, bytes, bytes | None]) -> str:
    log = log_head() + b"".join(
        event(register, EV_EFI_VARIABLE_DRIVER_CONFIG, data, digest) for register, data, digest in events
    )
    return secure_boot(read_log(log))


def test_secure_boot_is_what_was_measured_and_else_unknown() -> None:
    on, off = variable(b"\1"), variable(b"\0")
    assert boot((7, on, None)) == "yes"
    assert boot((7, off, None)) == "no"
    assert boot((7, on, None), (7, off, None)) == "unknown"
    assert boot((7, on, hashlib.sha256(off).digest())) == "unknown"  # its data is not what was measured
    assert boot((6, on, None)) == "unknown"
    assert boot((7, variable(b"\1", "SecureBooT"), None)) == "unknown"
    assert boot((7, variable(b"\1\1"), None)) == "unknown"
    assert boot() == "unknown"


def test_the_real_log_is_taken_only_with_the_registers_of_its_machine() -> None:
    assert dict(TPM_LOGGED.verify().conditions)["secure_boot"] == "yes"
    log = TPM_LOGGED.evidence.parts["log"]
    with pytest.raises(EvidenceRefused):
        TPM_LOGGED.verify(parts={"log": log[:5_000]})


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 7), st.binary(max_size=8), max_size=8), st.data())
def test_whatever_a_machine_booted_its_own_log_leads_there_and_a_changed_one_does_not(
    booted: Mapping[int, bytes], data: st.DataObject
) -> None:
    events = [(register, what) for register, what in booted.items()]
    log = log_head() + b"".join(event(register, 1, what) for register, what in events)
    logged(log, extended(*events))
    if events:
        at = data.draw(st.integers(0, len(events) - 1))
        changed = [*events[:at], (events[at][0], events[at][1] + b"!"), *events[at + 1 :]]
        other = log_head() + b"".join(event(register, 1, what) for register, what in changed)
        assert mismatched(other, extended(*events)) == Fault.LOG_MISMATCH


def test_a_quote_of_bytes_is_read_to_its_end() -> None:
    whole = quote(REGISTERS)
    for length in range(len(whole)):
        with pytest.raises(EvidenceRefused):
            read_quote(whole[:length])
