# SPDX-License-Identifier: Apache-2.0
"""Making a state folder, and registering workloads in it, for the development profile.

Both parties' keys are made locally, which is what "development" means; every record says so. A production installation
brings ``trust.json`` and ``installation.json`` signed elsewhere.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.facts import Source
from brightline.core.ports import Clock
from brightline.core.screening.release import Release
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.core.workload import (
    FORMAT,
    REGISTRATION_TYPE,
    Bounds,
    Registration,
    admit,
    key_digest,
    write_key,
)
from brightline.shell import shipped
from brightline.shell.config import FILE_NAME, Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import REGISTRY_SHARD
from brightline.shell.registry.workloads import REGISTER, check_facts
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore, agreement_files
from brightline.shell.trust import installation as signed
from brightline.shell.trust.keys import load_key, make_key, make_secret, public_hex

DAY_SECONDS: Final = 86_400
GATEWAY_SHARD: Final = "gateway-0"
PROVIDER_KEY: Final = "provider-officer"
CUSTOMER_KEY: Final = "customer-official"
PROFILE: Final = "development"

# Who there is in development: each is one person with one key, named in every signed statement.
HOLDERS: Final[dict[SigningRole, tuple[str, ...]]] = {
    SigningRole.PROVIDER_OFFICER: (PROVIDER_KEY, "provider-officer-2"),
    SigningRole.PROVIDER_SAFETY: ("provider-safety-1", "provider-safety-2"),
    SigningRole.PROVIDER_CLEARED: ("provider-cleared-1", "provider-cleared-2"),
    SigningRole.FIELD_ENGINEER: ("field-engineer",),
    SigningRole.CUSTOMER_OFFICIAL: (CUSTOMER_KEY,),
}


class ModelChoice(msgspec.Struct, frozen=True):
    """A model to admit: the name that callers use, the name that its server knows, and the server's name."""

    name: str
    upstream_model: str
    upstream: str


def init_state(
    root: Path,
    settings_toml: str,
    settings: Settings,
    agreement: Agreement,
    release: Release,
    models: tuple[ModelChoice, ...],
    clock: Clock,
) -> None:
    """Make a development state folder. Raises ``ConfigError`` if one is there, ``TrustError`` if a key is."""
    folder = StateFolder(root)
    for model in models:
        if model.upstream not in settings.upstream:
            raise ConfigError(f"model {model.name} is to be served by {model.upstream!r}, which is no upstream here")
    if (root / FILE_NAME).exists() or folder.installation.exists():
        raise ConfigError(f"{root} is a state folder already; take another folder")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    roots, provider, customer = _make_people(folder)
    for name in ("token", f"log-{GATEWAY_SHARD}", f"log-{REGISTRY_SHARD}"):
        make_key(folder.key(name))
    make_secret(folder.key("hold"))
    folder.roots.write_bytes(msgspec.json.format(msgspec.json.encode(roots)))
    now = clock.unix()
    admitted = {
        spec.name: spec.good
        for spec in agreement.vocabulary.specs
        if spec.installation and Source.ADMISSION in spec.set_by
    }
    statement = signed.Installation(
        format=signed.FORMAT,
        profile=PROFILE,
        agreement=agreement.digest,
        release=release.digest,
        roster=(signed.ClearedPerson("development-reviewer", "provider_cleared", now + 365 * DAY_SECONDS),),
        models=tuple(signed.Admission(model.name, model.upstream_model, model.upstream, admitted) for model in models),
        issued=now - 60,
        expires=now + 365 * DAY_SECONDS,
    )
    AgreementStore(folder.agreements).put(agreement, agreement_files(agreement_folder(settings), agreement))
    folder.installation.write_bytes(sign_statement(statement, signed.INSTALLATION_TYPE, (provider, customer)))
    (root / FILE_NAME).write_text(settings_toml, "utf-8")


def agreement_folder(settings: Settings) -> Path:
    """The folder of the agreement that the settings name, or of the one that is shipped."""
    folder = settings.agreement.directory
    return Path(folder) if folder else shipped.shipped_agreement()


def _make_people(folder: StateFolder) -> tuple[TrustRoots, Ed25519PrivateKey, Ed25519PrivateKey]:
    """Make a key for each holder of each role. Returns the roots, and one officer's and one official's key."""
    made = {holder: make_key(folder.key(holder)) for holders in HOLDERS.values() for holder in holders}
    roles = {
        role: RoleKeys(tuple(PinnedKey(public_hex(made[holder]), holder) for holder in holders))
        for role, holders in HOLDERS.items()
    }
    return TrustRoots(PROFILE, roles), made[PROVIDER_KEY], made[CUSTOMER_KEY]


def registration_facts(agreement: Agreement) -> dict[str, str]:
    """Every fact that a registration alone may state, as it is when good."""
    return {
        spec.name: spec.good
        for spec in agreement.vocabulary.specs
        if Source.REGISTRATION in spec.set_by and not spec.set_by & {Source.PATTERN, Source.DETECTOR}
    }


class NewWorkload(msgspec.Struct, frozen=True):
    """What ``brightline workload add`` was told."""

    id: str
    unit: str
    purpose: str
    official: str
    authority: tuple[str, ...]
    facts: dict[str, str]
    bounds: Bounds
    requests_per_minute: int
    days: int


def register(
    root: Path, settings: Settings, agreement: Agreement, new: NewWorkload, clock: Clock
) -> tuple[str, DurableRecord]:
    """Sign a registration with both development keys and log it. Returns the API key, which is shown once.

    Raises ``TrustError`` for a registration that the agreement does not allow, ``OperatorError`` if the registry has
    another writer at this moment.
    """
    secret, salt = secrets.token_hex(32), secrets.token_hex(16)
    now = clock.unix()
    registration = Registration(
        format=FORMAT,
        workload=new.id,
        unit=new.unit,
        purpose=new.purpose,
        official=new.official,
        authority=new.authority,
        bounds=new.bounds,
        facts=new.facts,
        requests_per_minute=new.requests_per_minute,
        issued=now - 1,
        expires=now + new.days * DAY_SECONDS,
        key_salt=salt,
        key_digest=key_digest(secret, salt),
    )
    record = log_registration(root, settings, agreement, registration, clock)
    return write_key(new.id, secret), record


def log_registration(
    root: Path, settings: Settings, agreement: Agreement, registration: Registration, clock: Clock
) -> DurableRecord:
    """Check, sign and log one registration (also one that revokes), and publish the registry."""
    folder = StateFolder(root)
    admit(registration)
    check_facts(registration, agreement.vocabulary)
    keys = (load_key(folder.key(PROVIDER_KEY)), load_key(folder.key(CUSTOMER_KEY)))
    envelope = sign_statement(registration, REGISTRATION_TYPE, keys)
    draft = Draft(
        kind=RecordKind.WORKLOAD,
        exchange="",
        public={
            "agreement": agreement.digest,
            "register": REGISTER,
            "workload": registration.workload,
            "expires": registration.expires,
            "revoked": registration.revoked,
        },
        committed={"statement": envelope.decode(), "unit": registration.unit},
        record_key=secrets.token_bytes(32),
    )
    return append_to_registry(root, settings, PROFILE, clock, draft)
