# SPDX-License-Identifier: Apache-2.0
"""The message to a caller's own server: no content, the same id each time, signed; and where it may go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json

import pytest

from brightline.core.errors import ConfigError
from brightline.core.review.telling import SECRET_PREFIX, may_be_told, message, read_secret, signed

PRIVATE = (ipaddress.ip_network("10.1.0.0/16"),)


def test_it_says_how_the_hold_stands_and_nothing_of_it() -> None:
    told = message("hold_1", "sha256:c", "released", 7, keeps_answer=True)
    assert json.loads(told.body) == {
        "type": "hold.released",
        "timestamp": 7,
        "data": {"id": "hold_1", "object": "hold", "status": "released", "keeps_answer": True},
    }


def test_its_id_is_the_same_when_it_is_sent_again_and_another_for_another_case_or_state() -> None:
    ids = {message("hold_1", case, state, 7, keeps_answer=False).id for case in "ab" for state in ("open", "denied")}
    assert len(ids) == 4
    assert message("hold_1", "a", "denied", 9, keeps_answer=False).id in ids


def test_a_receiver_checks_it_as_standard_webhooks_says() -> None:
    secret = base64.b64encode(b"s" * 24).decode()
    told = message("hold_1", "sha256:c", "released", 7, keeps_answer=False)
    headers = signed(told, read_secret(SECRET_PREFIX + secret), 8)
    over = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + told.body
    made = base64.b64encode(hmac.new(b"s" * 24, over, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"


@pytest.mark.parametrize("text", ["", "secret", "whsec_", "whsec_" + base64.b64encode(b"short").decode(), "whsec_§"])
def test_a_secret_that_is_none_or_too_short_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_secret(text)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.1.2.3", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "localhost", "", "2130706433",
    ],
)  # fmt: skip
def test_what_is_not_public_or_hides_another_address_is_not_spoken_to(address: str) -> None:
    assert not may_be_told(address, ())


def test_what_is_public_or_named_is() -> None:
    assert may_be_told("93.184.216.34", ())
    assert may_be_told("2606:2800:220:1::1", ())
    assert may_be_told("10.1.2.3", PRIVATE)
    assert may_be_told("::ffff:10.1.2.3", PRIVATE)
    assert not may_be_told("10.2.2.3", PRIVATE)
