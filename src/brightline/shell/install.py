# SPDX-License-Identifier: Apache-2.0
"""Making a state folder, and registering workloads in it, for the development profile.

Both parties' keys are made locally, which is what "development" means; every record says so. A production installation
brings ``trust.json`` and ``installation.json`` signed elsewhere.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import days_max
from brightline.core.attestation.claims import Claims
from brightline.core.attestation.development import development_policy
from brightline.core.attestation.evidence import verify
from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.exchange.api.table import ENDPOINTS
from brightline.core.facts import Register, Source, Vocabulary
from brightline.core.ports import Clock
from brightline.core.register import (
    DAY_SECONDS,
    KINDS,
    PurposeBounds,
    PurposeEntry,
    RegisterBook,
)
from brightline.core.review.passkey import LOOPBACK, RelyingParty
from brightline.core.review.roles import Role
from brightline.core.review.roster import INSTALLATION_TYPE, ClearedPerson, Credential, CredentialKind, ReviewTerms
from brightline.core.screening.release import Release
from brightline.core.statement import (
    PinnedKey,
    RoleKeys,
    TrustRoots,
    open_statement,
    sign_statement,
)
from brightline.core.workload import (
    FORMAT,
    REGISTRATION_TYPE,
    Bounds,
    Registration,
    admit,
    check_references,
    check_workload_id,
    key_digest,
    write_key,
)
from brightline.shell import shipped
from brightline.shell.config import FILE_NAME, Settings
from brightline.shell.development import (
    CONSOLE_ORIGIN,
    CUSTOMER_KEY,
    DEVELOPMENT_PROTOCOL,
    DEVELOPMENT_VVT,
    HOLDERS,
    PROVIDER_KEY,
    STAFF,
    development_entries,
    register_entry,
    reviewers,
    seniors,
)
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.workloads import REGISTER, check_facts
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore, agreement_files
from brightline.shell.storage.wal import shard_directory
from brightline.shell.trust import installation as signed
from brightline.shell.trust.asking import ATTESTER_KEY
from brightline.shell.trust.installation import read_roots
from brightline.shell.trust.keys import load_key, make_key, make_secret, public_hex
from brightline.shell.trust.software_tpm import ask_tpm

GATEWAY_SHARD: Final = "gateway-0"
PROFILE: Final = "development"

# What a registration allows when nobody says otherwise.
REQUEST_BYTES_MAX: Final = 1_048_576
OUTPUT_TOKENS_MAX: Final = 4_096
CHOICES_MAX: Final = 1


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
    make_key(folder.key("token"))
    attester = make_key(folder.key(ATTESTER_KEY))
    for shard in (GATEWAY_SHARD, REGISTRY_SHARD, HEADS_SHARD):
        make_key(folder.log_key(shard))
    for name in ("hold", TENANT_KEY):
        make_secret(folder.key(name))
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
        roster=_make_roster(folder, agreement, now + 365 * DAY_SECONDS),
        models=tuple(signed.Admission(model.name, model.upstream_model, model.upstream, admitted) for model in models),
        issued=now - 60,
        expires=now + 365 * DAY_SECONDS,
        review=ReviewTerms(RelyingParty(LOOPBACK, (CONSOLE_ORIGIN,)), software_keys=True),
        attestation=development_policy(attester.public_key().public_bytes_raw(), _software_tpm(settings)),
    )
    AgreementStore(folder.agreements).put(agreement, agreement_files(agreement_folder(settings), agreement))
    folder.installation.write_bytes(sign_statement(statement, INSTALLATION_TYPE, (provider, customer)))
    (root / FILE_NAME).write_text(settings_toml, "utf-8")
    for entry in development_entries(agreement, release, [model.name for model in models], now):
        register_entry(root, settings, agreement, entry, clock)


def _software_tpm(settings: Settings) -> Claims | None:
    """What the software TPM of the settings shows now; raises ``EvidenceRefused`` if it does not answer."""
    path = "" if settings.attestation.command else settings.attestation.software_tpm
    return verify(ask_tpm(Path(path), secrets.token_bytes(32)).evidence, (), 0.0) if path else None


def make_shard(root: Path, shard: str) -> None:
    """Make the key of a gateway's shard. Raises ``ConfigError`` for another name, ``TrustError`` if it is there."""
    folder = StateFolder(root)
    if shard in {HEADS_SHARD, REGISTRY_SHARD}:
        raise ConfigError(f"{shard} is the name of another log")
    shard_directory(folder.wal, shard)
    make_key(folder.log_key(shard))


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


def _make_roster(folder: StateFolder, agreement: Agreement, cleared_until: int) -> tuple[ClearedPerson, ...]:
    """Make a key for each person of each office that the agreement knows; they are the roster."""
    roster = []
    for office in agreement.offices:
        people = [(person, (Role.REVIEWER,)) for person in reviewers(office.id)]
        people += [(person, (Role.SENIOR_REVIEWER,)) for person in seniors(office.id)]
        for number, (person, roles) in enumerate(people):
            public = public_hex(make_key(folder.key(person)))
            credential = Credential(CredentialKind.KEY, f"{person}-key", public)
            employer = f"development-{1 + number % 2}"  # two, for an agreement that asks for distinct organisations
            roster.append(ClearedPerson(person, office.id, cleared_until, employer, (credential,), roles))
    for holder, role in STAFF.items():
        path = folder.key(holder)
        public = public_hex(load_key(path) if path.is_file() else make_key(path))
        credential = Credential(CredentialKind.KEY, f"{holder}-key", public)
        roster.append(ClearedPerson(holder, role.value, cleared_until, "development", (credential,), (role,)))
    return tuple(roster)


def registration_facts(agreement: Agreement) -> dict[str, str]:
    """Every fact that a registration alone may state, as it is when good."""
    return {
        spec.name: spec.good
        for spec in agreement.vocabulary.specs
        if Source.REGISTRATION in spec.set_by and not spec.set_by & {Source.PATTERN, Source.DETECTOR}
    }


class NewWorkload(msgspec.Struct, frozen=True):
    """What ``brightline workload add`` was told.

    Without ``purpose_id`` a purpose of the workload's own is registered, under the workload's id. ``tools`` maps names
    to digests (``exchange.model.tool_digest``); there is no wildcard.
    """

    id: str
    unit: str
    purpose: str
    official: str
    authority: tuple[str, ...]
    facts: dict[str, str]
    bounds: Bounds
    requests_per_minute: int
    days: int
    purpose_id: str = ""
    protocols: tuple[str, ...] = (DEVELOPMENT_PROTOCOL,)
    vvt: tuple[str, ...] = (DEVELOPMENT_VVT,)
    endpoints: tuple[str, ...] = ENDPOINTS
    tools: dict[str, str] = {}
    data_classes: tuple[str, ...] = ()
    request_bytes_max: int = REQUEST_BYTES_MAX
    output_tokens_max: int = OUTPUT_TOKENS_MAX
    choices_max: int = CHOICES_MAX
    tokens_per_minute: int = 0
    holds_per_day: int = 0
    unit_requests_per_minute: int = 0
    unit_tokens_per_minute: int = 0
    unit_holds_per_day: int = 0


def register(
    root: Path, settings: Settings, agreement: Agreement, new: NewWorkload, clock: Clock
) -> tuple[str, DurableRecord]:
    """Sign a registration with both development keys and log it. Returns the API key, which is shown once.

    ``agreement`` is the baseline that both parties signed; what is checked is the version of it that is in force.
    Raises ``TrustError`` for a registration that the agreement or the registers do not allow, ``OperatorError`` if the
    registry has another writer at this moment.
    """
    secret, salt = secrets.token_hex(32), secrets.token_hex(16)
    now = clock.unix()
    with reading(root, settings, agreement) as registry:
        in_force = registry.releases.current
        book = registry.registers.book.under(days_max(in_force))
    purpose = _purpose_for(new, in_force.vocabulary, book, now)
    registration = Registration(
        format=FORMAT,
        workload=new.id,
        version=1,
        unit=new.unit,
        purpose=purpose.words,
        purpose_id=purpose.id,
        official=new.official,
        authority=new.authority,
        bounds=new.bounds,
        facts=new.facts,
        protocols=new.protocols,
        vvt=new.vvt,
        endpoints=new.endpoints,
        tools=new.tools,
        data_classes=new.data_classes,
        request_bytes_max=new.request_bytes_max,
        output_tokens_max=new.output_tokens_max,
        choices_max=new.choices_max,
        requests_per_minute=new.requests_per_minute,
        tokens_per_minute=new.tokens_per_minute,
        holds_per_day=new.holds_per_day,
        unit_requests_per_minute=new.unit_requests_per_minute,
        unit_tokens_per_minute=new.unit_tokens_per_minute,
        unit_holds_per_day=new.unit_holds_per_day,
        issued=now - 1,
        expires=now - 1 + new.days * DAY_SECONDS,
        key_salt=salt,
        key_digest=key_digest(secret, salt),
    )
    if book.is_newer(purpose):  # logged only once it is sure that the registration can follow
        _check(registration, in_force, book.enter(purpose), now)
        register_entry(root, settings, agreement, purpose, clock)
    record = log_registration(root, settings, agreement, registration, clock)
    return write_key(new.id, secret), record


def _check(registration: Registration, agreement: Agreement, book: RegisterBook, now: int) -> None:
    """Check a registration that is to be logged. Raises ``TrustError``."""
    admit(registration)
    check_facts(registration, agreement.vocabulary)
    if not registration.revoked:
        check_references(registration, book, now)


def _purpose_for(new: NewWorkload, vocabulary: Vocabulary, book: RegisterBook, now: int) -> PurposeEntry:
    """The purpose that the workload names, or one of its own: the one that is there, else one to be registered."""
    found = book.purpose(new.purpose_id or new.id)
    if new.purpose_id:
        if found is None:
            raise TrustError(f"no purpose {new.purpose_id} is registered; `brightline purpose add` registers one")
        if new.purpose and new.purpose != found.words:
            raise TrustError(f"purpose {found.id} is registered as {found.words[:80]!r}, not {new.purpose[:80]!r}")
        return found
    check_workload_id(new.id)
    if found is not None and (found.retired or found.words != new.purpose):
        why = "was retired" if found.retired else f"says {found.words[:80]!r}"
        raise TrustError(f"a purpose {found.id} is registered already and {why}; name the purpose that is meant")
    in_date = book.in_date(Register.PURPOSE, new.id, now)
    if found is not None and in_date and set(new.data_classes) <= set(found.data_classes):
        return found
    stated = dict(vocabulary.in_words_of_now(fact, value) for fact, value in new.facts.items())
    return PurposeEntry(
        format=KINDS[Register.PURPOSE].format,
        id=new.id,
        version=1 if found is None else found.version + 1,
        issued=now - 1,
        expires=now - 1 + new.days * DAY_SECONDS,
        retired=False,
        owner=new.official,
        words=new.purpose,
        official=new.official,
        authorities=new.authority,
        legal_basis=f"under {', '.join(new.authority)}, as its official states",
        data_classes=new.data_classes,
        bounds=PurposeBounds(new.bounds.subjects, new.bounds.period, new.bounds.volume),
        foreign_intelligence=any(
            Register.FOREIGN_INTELLIGENCE in spec.needs and stated.get(spec.name) == spec.good
            for spec in vocabulary.specs
        ),
    )


def log_registration(
    root: Path, settings: Settings, agreement: Agreement, registration: Registration, clock: Clock
) -> DurableRecord:
    """Check, sign and log one registration (also one that revokes), as the version that follows the current one.

    Raises ``TrustError`` for one that does not hold its form, that is in date for longer than the agreement lets it
    be, or that names an entry which is not in date now.
    """
    folder = StateFolder(root)
    with reading(root, settings, agreement) as registry:
        in_force = registry.releases.current
        current = registry.workloads.get(registration.workload)
        version = 1 if current is None else current.registration.version + 1
        registration = msgspec.structs.replace(registration, version=version)
        _check(registration, in_force, registry.registers.book.under(days_max(in_force)), clock.unix())
        keys = (load_key(folder.key(PROVIDER_KEY)), load_key(folder.key(CUSTOMER_KEY)))
        envelope = sign_statement(registration, REGISTRATION_TYPE, keys)
        roots = read_roots(folder.roots)
        lasting(lambda at: open_statement(envelope, REGISTRATION_TYPE, Registration, roots, at=at), clock)
        draft = Draft(
            kind=RecordKind.WORKLOAD,
            exchange="",
            public={
                "agreement": in_force.digest,
                "register": REGISTER,
                "workload": registration.workload,
                "version": registration.version,
                "expires": registration.expires,
                "revoked": registration.revoked,
            },
            committed={"statement": envelope.decode(), "unit": registration.unit},
        )
        record = append_to_registry(root, settings, PROFILE, clock, draft)
        registry.refresh()
        if registry.workloads.seq(registration.workload) != record.place.seq:
            raise TrustError(f"{registration.workload} was changed by somebody else just now; look, and try again")
    return record


@contextlib.contextmanager
def reading(root: Path, settings: Settings, agreement: Agreement) -> Iterator[Registry]:
    """The registry as it stands now. Raises ``OperatorError`` or ``TrustError`` if it cannot be believed."""
    registry = Registry(root, settings, read_roots(StateFolder(root).roots), agreement)
    try:
        registry.refresh()
        yield registry
    finally:
        registry.close()
