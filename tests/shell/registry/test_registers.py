# SPDX-License-Identifier: Apache-2.0
"""The registers as the log tells them: what does not verify is bad, what is not newer changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import OperatorError, TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.facts import Register
from brightline.core.register import DEMAND_TYPE, KINDS, Entry, kind_of
from brightline.core.statement import sign_statement
from brightline.core.workload import REGISTRATION_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings
from brightline.shell.development import DEVELOPMENT_PROTOCOL, DEVELOPMENT_VVT, record_demand, register_entry
from brightline.shell.install import log_registration, reading
from brightline.shell.registry.entries import log_entry, retired
from brightline.shell.registry.log import append_to_registry
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key
from tests.harness import add_workload, make_state
from tests.registers import demand, protocol, purpose, vvt

CLOCK = SystemClock()
NOW = CLOCK.unix()
IN_DATE: dict[str, Any] = {"issued": NOW - 10, "expires": NOW + 86_400}
BOTH = ("provider-officer", "customer-official")


class Installed(msgspec.Struct, frozen=True):
    """A state folder, and what opens it."""

    root: Path
    settings: Settings
    agreement: Agreement

    def log(self, entry: Entry) -> DurableRecord:
        return register_entry(self.root, self.settings, self.agreement, entry, CLOCK)

    def append(self, kind: RecordKind, envelope: bytes, **public: Any) -> None:
        """Write into the log what nobody checked."""
        draft = Draft(kind, "", public, {"statement": envelope.decode()})
        append_to_registry(self.root, self.settings, "development", CLOCK, draft)

    def signed(self, value: msgspec.Struct, payload_type: str, *holders: str) -> bytes:
        folder = StateFolder(self.root)
        return sign_statement(value, payload_type, [load_key(folder.key(holder)) for holder in holders])

    def append_entry(self, entry: Entry, *holders: str) -> None:
        kind = kind_of(entry)
        self.append(RecordKind.WORKLOAD, self.signed(entry, kind.payload_type, *holders), register=kind.register.value)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    settings, agreement, _ = make_state(tmp_path / "state", "http://127.0.0.1:9")
    return Installed(tmp_path / "state", settings, agreement)


def in_date(installed: Installed, register: Register, entry_id: str) -> bool:
    with reading(installed.root, installed.settings, installed.agreement) as registry:
        return registry.registers.book.in_date(register, entry_id, NOW)


def test_a_new_installation_has_a_protocol_and_a_verification_that_say_that_they_are_none(
    installed: Installed,
) -> None:
    with reading(installed.root, installed.settings, installed.agreement) as registry:
        stands_in = registry.registers.book.get(Register.PROTOCOL, DEVELOPMENT_PROTOCOL)
        record = registry.registers.book.get(Register.VVT, DEVELOPMENT_VVT)
        assert stands_in is not None
        assert "follows none" in getattr(stands_in, "title", "")
        assert "No system was tested" in getattr(record, "results", "")
        assert registry.registers.seq(Register.PROTOCOL, DEVELOPMENT_PROTOCOL) == 0


@pytest.mark.parametrize("entry", [purpose(**IN_DATE), protocol(**IN_DATE), vvt(**IN_DATE)], ids=lambda e: e.id)
def test_an_entry_is_logged_read_again_and_retired(installed: Installed, entry: Entry) -> None:
    record = installed.log(entry)
    register = kind_of(entry).register
    assert record.draft.public["register"] == register.value
    assert {"id", "version", "expires", "retired"} < record.draft.public.keys()
    assert "words" not in str(record.draft.public)
    assert in_date(installed, register, entry.id)
    installed.log(retired(entry, NOW))
    assert not in_date(installed, register, entry.id)


def test_a_version_that_is_not_newer_is_not_written(installed: Installed) -> None:
    installed.log(protocol(**IN_DATE))
    with pytest.raises(TrustError, match="version 1 is not newer"):
        installed.log(protocol(**IN_DATE, title="another"))


def test_an_old_statement_that_is_shown_again_brings_nothing_back(installed: Installed) -> None:
    entry = protocol(**IN_DATE)
    installed.log(entry)
    installed.log(retired(entry, NOW))
    installed.append_entry(entry, *BOTH)
    with reading(installed.root, installed.settings, installed.agreement) as registry:
        assert not registry.registers.book.in_date(Register.PROTOCOL, entry.id, NOW)
        assert len(registry.registers.replayed) == 1


def test_a_registration_that_was_revoked_stays_revoked_when_the_old_one_is_shown_again(installed: Installed) -> None:
    with reading(installed.root, installed.settings, installed.agreement) as registry:
        old = registry.workloads.get("tests")
    assert old is not None
    revoked = msgspec.structs.replace(old.registration, revoked=True)
    log_registration(installed.root, installed.settings, installed.agreement, revoked, CLOCK)
    envelope = installed.signed(old.registration, REGISTRATION_TYPE, *BOTH)
    installed.append(RecordKind.WORKLOAD, envelope, register="workload")
    with reading(installed.root, installed.settings, installed.agreement) as registry:
        found = registry.workloads.get("tests")
    assert found is not None
    assert (found.registration.revoked, found.registration.version) == (True, 2)


@pytest.mark.parametrize("holders", [("provider-officer",), ("customer-official",), ("field-engineer", *BOTH[1:])])
def test_an_entry_that_one_party_signed_makes_the_registry_bad(installed: Installed, holders: tuple[str, ...]) -> None:
    installed.append_entry(protocol(**IN_DATE), *holders)
    with pytest.raises(TrustError, match="no pinned key"), _reading(installed):
        pass


def test_a_register_that_nobody_knows_makes_the_registry_bad(installed: Installed) -> None:
    installed.append(RecordKind.WORKLOAD, b"{}", register="unheard")
    with pytest.raises(OperatorError, match="does not know"), _reading(installed):
        pass


def test_an_entry_under_the_name_of_another_register_makes_the_registry_bad(installed: Installed) -> None:
    envelope = installed.signed(purpose(**IN_DATE), KINDS[Register.PURPOSE].payload_type, *BOTH)
    installed.append(RecordKind.WORKLOAD, envelope, register="protocol")
    with pytest.raises(TrustError, match="protocol"), _reading(installed):
        pass


def _reading(installed: Installed) -> Any:
    return reading(installed.root, installed.settings, installed.agreement)


def test_an_entry_that_its_signers_may_not_sign_is_not_written(installed: Installed) -> None:
    folder = StateFolder(installed.root)
    keys = [load_key(folder.key(holder)) for holder in BOTH]  # a verification takes the provider's safety people
    with pytest.raises(TrustError, match="provider-safety"):
        log_entry(installed.root, installed.settings, installed.agreement, vvt(**IN_DATE), keys, CLOCK)


def test_an_entry_that_would_be_in_date_for_too_long_is_not_written(installed: Installed) -> None:
    with pytest.raises(TrustError, match="the agreement lets it be"):
        installed.log(protocol(issued=NOW, expires=NOW + 4_000 * 86_400))


def test_a_demand_takes_an_officer_of_the_provider_and_nobody_else(installed: Installed) -> None:
    made = demand(received=NOW - 60, issued=NOW)
    record = record_demand(installed.root, installed.settings, installed.agreement, made, CLOCK)
    with _reading(installed) as registry:
        assert registry.demands.all() == ((made, record.place.seq),)
    envelope = installed.signed(demand(id="demand-2"), DEMAND_TYPE, "customer-official", "provider-safety-1")
    installed.append(RecordKind.DEMAND, envelope)
    with pytest.raises(TrustError, match="provider-officer"), _reading(installed):
        pass


def test_a_workload_of_the_same_words_shares_its_purpose_and_other_words_are_refused(installed: Installed) -> None:
    with _reading(installed) as registry:
        before = registry.registers.book
    add_workload(installed.root, installed.settings, installed.agreement, "tests")
    with _reading(installed) as registry:
        assert registry.registers.book == before
        found = registry.workloads.get("tests")
        assert found is not None
        assert found.registration.version == 2
    with pytest.raises(TrustError, match="name the purpose"):
        add_workload(installed.root, installed.settings, installed.agreement, "tests", purpose="something else")


def test_a_registration_that_cannot_follow_leaves_no_purpose_behind(installed: Installed) -> None:
    with pytest.raises(TrustError, match="not registered"):
        add_workload(installed.root, installed.settings, installed.agreement, "second", protocols=("unheard",))
    with _reading(installed) as registry:
        assert registry.registers.book.purpose("second") is None


def test_a_workload_may_name_a_purpose_of_the_register(installed: Installed) -> None:
    installed.log(purpose(**IN_DATE))
    with pytest.raises(TrustError, match="is registered as"):
        add_workload(installed.root, installed.settings, installed.agreement, "second", purpose_id="planning")
    add_workload(installed.root, installed.settings, installed.agreement, "second", purpose="", purpose_id="planning")
    with _reading(installed) as registry:
        found = registry.workloads.get("second")
    assert found is not None
    assert (found.registration.purpose, found.registration.purpose_id) == ("planning of transport", "planning")
