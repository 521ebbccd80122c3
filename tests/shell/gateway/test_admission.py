# SPDX-License-Identifier: Apache-2.0
"""Admission: whole requests are shed, by place and by workload; nothing is screened less."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.errors import Overloaded, Unauthenticated
from brightline.core.workload import Workload, admit
from brightline.shell.gateway.admission import Admission
from tests.core.test_workload import REGISTRATION
from tests.shell.trust.test_attestation import Clock


def workload(name: str, limit: int) -> Workload:
    return admit(msgspec.structs.replace(REGISTRATION, workload=name, requests_per_minute=limit))


def test_no_more_than_the_maximum_are_under_way_and_a_place_is_given_back() -> None:
    admission = Admission(1, Clock())
    with admission.enter(workload("a", 100)), pytest.raises(Overloaded), admission.enter(workload("b", 100)):
        pass
    with admission.enter(workload("b", 100)):
        pass


def test_a_place_is_given_back_when_an_exchange_fails() -> None:
    admission = Admission(1, Clock())
    for _ in range(3):
        with pytest.raises(RuntimeError), admission.enter(workload("a", 100)):
            raise RuntimeError


def test_one_workload_at_its_limit_does_not_stop_another() -> None:
    clock = Clock()
    admission = Admission(10, clock)
    for _ in range(2):
        with admission.enter(workload("a", 2)):
            pass
    with pytest.raises(Overloaded, match="2 requests a minute"), admission.enter(workload("a", 2)):
        pass
    with admission.enter(workload("b", 2)):
        pass
    clock.pass_(60)
    with admission.enter(workload("a", 2)):
        pass


def test_requests_without_a_record_are_counted_by_reason_once() -> None:
    admission = Admission(1, Clock())
    admission.count(Unauthenticated("x"))
    admission.count(Unauthenticated("y"))
    assert admission.take_counts() == {"invalid_api_key": 2}
    assert admission.take_counts() == {}
